//! Functions that no query spells: what the rewriting passes and the planner write.

use std::sync::{Arc, LazyLock};

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray as _, StringBuilder, UInt64Array},
        compute,
        datatypes::{DataType, Field, FieldRef},
    },
    common::ScalarValue,
    error::{DataFusionError, Result},
    logical_expr::{
        ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
        Signature, Volatility,
        simplify::{ExprSimplifyResult, SimplifyContext},
    },
};

use super::{arrays, cast as casts, json, patterns, unnest};
use crate::{stream::carried, types};

/// CAST: a value and the text of a type.
pub(crate) const CAST: &str = "$cast";
/// TRY_CAST: as [`CAST`], null where it fails.
pub(crate) const TRY_CAST: &str = "$try_cast";
/// A field of a row, a member of JSON, a value of a map by its key, heeding no case.
pub(crate) const DEREFERENCE: &str = "$field";
/// `a[n]` and `m[k]`: an error where there is no such element.
pub(crate) const SUBSCRIPT: &str = "$subscript";
/// A LIKE pattern in the spelling of the engine below.
pub(crate) const LIKE_PATTERN: &str = "$like_pattern";
/// `map()` and `map(keys, values)`, which the planner below would read in its own way.
pub(crate) const MAP: &str = "$map";
/// TRY: a lambda whose errors are null.
pub(crate) const TRY: &str = "$try";
/// array_sort with a comparing lambda.
pub(crate) const SORT_BY: &str = "$sort_by";
/// The first argument in the type of the second, where that is a whole number.
pub(crate) const AS_TYPE_OF: &str = "$as_type_of";
/// The rows that UNNEST makes of its arrays.
pub(crate) const UNNEST_ROWS: &str = "$unnest";

static ALL: LazyLock<[Arc<ScalarUDF>; 6]> = LazyLock::new(|| {
    [
        Arc::new(ScalarUDF::new_from_impl(Cast::new(CAST, false))),
        Arc::new(ScalarUDF::new_from_impl(Cast::new(TRY_CAST, true))),
        Arc::new(ScalarUDF::new_from_impl(Dereference { signature: anything() })),
        Arc::new(ScalarUDF::new_from_impl(arrays::SUBSCRIPT.clone())),
        Arc::new(ScalarUDF::new_from_impl(patterns::LIKE_PATTERN.clone())),
        Arc::new(ScalarUDF::new_from_impl(unnest::UNNEST_ROWS.clone())),
    ]
});

/// All of them that are scalar functions.
pub(super) fn scalars() -> impl Iterator<Item = Arc<ScalarUDF>> {
    ALL.iter().cloned()
}

/// See [`CAST`].
pub(crate) fn cast() -> Arc<ScalarUDF> {
    let [it, ..] = &*ALL;
    Arc::clone(it)
}

/// See [`TRY_CAST`].
pub(crate) fn try_cast() -> Arc<ScalarUDF> {
    let [_, it, ..] = &*ALL;
    Arc::clone(it)
}

/// See [`DEREFERENCE`].
pub(crate) fn dereference() -> Arc<ScalarUDF> {
    let [_, _, it, ..] = &*ALL;
    Arc::clone(it)
}

/// See [`UNNEST_ROWS`].
pub(crate) fn unnest_rows() -> Arc<ScalarUDF> {
    let [.., it] = &*ALL;
    Arc::clone(it)
}

fn anything() -> Signature {
    Signature::any(2, Volatility::Immutable)
}

/// The text of a literal argument.
fn literal<'a>(args: &ReturnFieldArgs<'a>, at: usize) -> Result<&'a str> {
    match args.scalar_arguments.get(at).copied().flatten() {
        Some(ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text))) => Ok(text),
        _ => Err(DataFusionError::Plan("a literal was expected".to_owned())),
    }
}

fn argument<'a>(args: &ReturnFieldArgs<'a>, at: usize) -> Result<&'a FieldRef> {
    args.arg_fields
        .get(at)
        .ok_or_else(|| DataFusionError::Internal(format!("argument {at} is missing")))
}

fn text_of(value: Option<&ColumnarValue>) -> Result<&str> {
    match value {
        Some(ColumnarValue::Scalar(
            ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)),
        )) => Ok(text),
        _ => Err(DataFusionError::Internal("a literal was expected".to_owned())),
    }
}

#[derive(Debug, Eq, Hash, PartialEq)]
struct Cast {
    name: &'static str,
    lenient: bool,
    signature: Signature,
}

impl Cast {
    fn new(name: &'static str, lenient: bool) -> Self {
        Self { name, lenient, signature: anything() }
    }
}

impl ScalarUDFImpl for Cast {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Err(DataFusionError::Internal("the type lies in the arguments".to_owned()))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let to = types::parse(literal(&args, 1)?).map_err(carried)?;
        let from = types::canonical(argument(&args, 0)?.data_type());
        if !castable(&from, &to) {
            return Err(DataFusionError::Plan(format!(
                "cannot cast {} to {}",
                types::name(&from),
                types::name(&to)
            )));
        }
        Ok(Arc::new(Field::new(self.name, to, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let to = args.return_field.data_type();
        match args.args.first() {
            Some(ColumnarValue::Scalar(value)) => {
                let out = casts::cast(&value.to_array()?, to, self.lenient)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&out, 0)?))
            }
            Some(ColumnarValue::Array(array)) => {
                Ok(ColumnarValue::Array(casts::cast(array, to, self.lenient)?))
            }
            None => Err(DataFusionError::Internal("a cast of nothing".to_owned())),
        }
    }

    /// Casts between instants and between numbers are the engine's own, which it can push down.
    fn simplify(&self, mut args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let [value, Expr::Literal(ScalarValue::Utf8(Some(to)), _)] = args.as_slice() else {
            return Ok(ExprSimplifyResult::Original(args));
        };
        let to = types::parse(to).map_err(carried)?;
        let from = info.get_data_type(value)?;
        if from == to {
            return Ok(ExprSimplifyResult::Simplified(args.swap_remove(0)));
        }
        let instant = |it: &DataType| matches!(it, DataType::Timestamp(..) | DataType::Date32);
        let whole = |it: &DataType| it.is_signed_integer();
        let widens = whole(&from) && (to == DataType::Int64 || to == DataType::Float64);
        if instant(&from) && instant(&to) || widens {
            let value = args.swap_remove(0);
            return Ok(ExprSimplifyResult::Simplified(datafusion::prelude::cast(value, to)));
        }
        Ok(ExprSimplifyResult::Original(args))
    }
}

/// Whether a cast between two types means anything, before any value is seen.
fn castable(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        (DataType::Null | DataType::LargeUtf8, _) | (_, DataType::LargeUtf8 | DataType::Utf8) => {
            true
        }
        (DataType::List(a), DataType::List(b)) => castable(a.data_type(), b.data_type()),
        (DataType::Map(a, _), DataType::Map(b, _)) => castable(a.data_type(), b.data_type()),
        (DataType::Struct(a), DataType::Struct(b)) => {
            a.len() == b.len()
                && a.iter().zip(b).all(|(a, b)| castable(a.data_type(), b.data_type()))
        }
        (a, b) if a.is_nested() || b.is_nested() => false,
        (DataType::Boolean, b) if b.is_temporal() => false,
        (a, b) if a.is_numeric() && b.is_temporal() || a.is_temporal() && b.is_numeric() => false,
        _ => true,
    }
}

#[derive(Debug, Eq, Hash, PartialEq)]
struct Dereference {
    signature: Signature,
}

impl ScalarUDFImpl for Dereference {
    fn name(&self) -> &str {
        DEREFERENCE
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Err(DataFusionError::Internal("the type lies in the arguments".to_owned()))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let name = literal(&args, 1)?;
        let of = argument(&args, 0)?;
        let kind = field_type(of.data_type(), name)?;
        Ok(Arc::new(Field::new(name, kind, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let name = text_of(args.args.get(1))?;
        let Some(value) = args.args.first() else {
            return Err(DataFusionError::Internal("a field of nothing".to_owned()));
        };
        let constant = matches!(value, ColumnarValue::Scalar(_));
        let array = match value {
            ColumnarValue::Scalar(value) => value.to_array()?,
            ColumnarValue::Array(array) => Arc::clone(array),
        };
        let out = field_of(&array, name)?;
        Ok(if constant {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&out, 0)?)
        } else {
            ColumnarValue::Array(out)
        })
    }

    /// A field of a row is the engine's own access, which it can push into a scan.
    fn simplify(&self, mut args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let [value, Expr::Literal(ScalarValue::Utf8(Some(name)), _)] = args.as_slice() else {
            return Ok(ExprSimplifyResult::Original(args));
        };
        let DataType::Struct(fields) = info.get_data_type(value)? else {
            return Ok(ExprSimplifyResult::Original(args));
        };
        let Some(field) = fields.iter().find(|it| it.name().eq_ignore_ascii_case(name)) else {
            return Ok(ExprSimplifyResult::Original(args));
        };
        let name = field.name().clone();
        let value = args.swap_remove(0);
        Ok(ExprSimplifyResult::Simplified(datafusion::functions::core::expr_fn::get_field(
            value, name,
        )))
    }
}

/// The type of a field of `kind`.
fn field_type(kind: &DataType, name: &str) -> Result<DataType> {
    match kind {
        DataType::Struct(fields) => fields
            .iter()
            .find(|it| it.name().eq_ignore_ascii_case(name))
            .map(|it| it.data_type().clone())
            .ok_or_else(|| {
                let near = crate::error::nearest(name, fields.iter().map(|it| it.name().as_str()));
                carried(crate::Error::UnknownColumn { name: name.to_owned(), near })
            }),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) => {
                Ok(fields.get(1).map_or(DataType::Null, |it| it.data_type().clone()))
            }
            _ => Ok(DataType::Null),
        },
        DataType::LargeUtf8 => Ok(types::JSON),
        it if types::is_text(it) => Ok(types::TEXT),
        DataType::Null => Ok(DataType::Null),
        other => Err(DataFusionError::Plan(format!(
            "expression of type {} has no field `{name}`",
            types::name(other)
        ))),
    }
}

fn field_of(array: &ArrayRef, name: &str) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Struct(fields) => {
            let rows = array.as_struct();
            let at = fields.iter().position(|it| it.name().eq_ignore_ascii_case(name));
            let column = at
                .and_then(|at| rows.columns().get(at))
                .ok_or_else(|| DataFusionError::Internal(format!("no field `{name}`")))?;
            // A field of no row is null, whatever lies in its column.
            match rows.nulls() {
                None => Ok(Arc::clone(column)),
                Some(nulls) => {
                    let absent = compute::not(&datafusion::arrow::array::BooleanArray::new(
                        nulls.inner().clone(),
                        None,
                    ))?;
                    Ok(compute::nullif(column, &absent)?)
                }
            }
        }
        DataType::Map(..) => {
            let map = array.as_map();
            let keys = compute::cast(map.keys(), &types::TEXT)?;
            let keys = keys.as_string::<i32>();
            let at: UInt64Array = map
                .offsets()
                .windows(2)
                .enumerate()
                .map(|(row, window)| {
                    let [from, to] = window else { return None };
                    let (from, to) = (usize::try_from(*from).ok()?, usize::try_from(*to).ok()?);
                    if map.is_null(row) {
                        return None;
                    }
                    let at = (from..to).find(|at| keys.value(*at) == name).or_else(|| {
                        (from..to).find(|at| keys.value(*at).eq_ignore_ascii_case(name))
                    })?;
                    u64::try_from(at).ok()
                })
                .collect();
            Ok(compute::take(map.values(), &at, None)?)
        }
        DataType::Null => Ok(Arc::clone(array)),
        kind => {
            let is_json = *kind == types::JSON;
            let texts = compute::cast(array, &types::TEXT)?;
            let mut out = StringBuilder::new();
            for text in texts.as_string::<i32>() {
                let found = text.and_then(|it| json::member(it, name));
                if is_json {
                    out.append_option(found);
                } else {
                    out.append_option(found.and_then(json::plain));
                }
            }
            let out: ArrayRef = Arc::new(out.finish());
            Ok(if is_json { compute::cast(&out, &types::JSON)? } else { out })
        }
    }
}
