//! What scalar functions are written in: parameters, result, and a body over whole columns.

use std::borrow::Cow;

use datafusion::{
    arrow::{
        array::{
            Array, ArrayRef, AsArray as _, BooleanArray, Float64Array, Int64Array, ListArray,
            MapArray, PrimitiveArray, StringArray, StringBuilder,
        },
        compute,
        datatypes::{ArrowPrimitiveType, DataType, TimeUnit},
    },
    common::ScalarValue,
    error::{DataFusionError, Result},
    logical_expr::{
        ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, TypeSignature, Volatility,
    },
};

use crate::types;

/// What an argument must be. What is not, is cast where nothing can be lost by it, or refused.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Kind {
    /// Anything, in its canonical form.
    Any,
    /// An array.
    Array,
    /// varbinary; varchar counts by its bytes.
    Binary,
    /// boolean.
    Boolean,
    /// A whole number.
    Int,
    /// JSON, or varchar that holds it.
    Json,
    /// A map.
    Map,
    /// A number as double.
    Double,
    /// A number as it is.
    Number,
    /// varchar.
    Text,
    /// A date or timestamp, at milliseconds; varchar is read as timestamp.
    Time,
}

/// A scalar function.
#[derive(Clone)]
pub(super) struct Scalar {
    /// As queries spell it.
    pub(super) name: &'static str,
    /// Its parameters.
    pub(super) kinds: &'static [Kind],
    /// How many of them must be given.
    pub(super) required: usize,
    /// Whether the last may be given many times.
    pub(super) variadic: bool,
    /// The type of the result, from those of the arguments.
    pub(super) result: fn(&[DataType]) -> Result<DataType>,
    /// Computes a column.
    pub(super) run: fn(&Call<'_>) -> Result<ArrayRef>,
    /// Whether two calls with equal arguments may differ.
    pub(super) volatile: bool,
}

/// A function of exactly these parameters.
pub(super) const fn fixed(
    name: &'static str,
    kinds: &'static [Kind],
    result: fn(&[DataType]) -> Result<DataType>,
    run: fn(&Call<'_>) -> Result<ArrayRef>,
) -> Scalar {
    Scalar { name, kinds, required: kinds.len(), variadic: false, result, run, volatile: false }
}

/// A function whose parameters after the first `required` may be left out.
pub(super) const fn optional(
    name: &'static str,
    kinds: &'static [Kind],
    required: usize,
    result: fn(&[DataType]) -> Result<DataType>,
    run: fn(&Call<'_>) -> Result<ArrayRef>,
) -> Scalar {
    Scalar { name, kinds, required, variadic: false, result, run, volatile: false }
}

/// A function whose last parameter may be given any number of times.
pub(super) const fn variadic(
    name: &'static str,
    kinds: &'static [Kind],
    required: usize,
    result: fn(&[DataType]) -> Result<DataType>,
    run: fn(&Call<'_>) -> Result<ArrayRef>,
) -> Scalar {
    Scalar { name, kinds, required, variadic: true, result, run, volatile: false }
}

impl std::fmt::Debug for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Scalar").field(&self.name).finish()
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Scalar {}

impl std::hash::Hash for Scalar {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// Arguments are coerced by [`ScalarUDFImpl::coerce_types`].
static SIGNATURE: Signature = Signature {
    type_signature: TypeSignature::UserDefined,
    volatility: Volatility::Immutable,
    parameter_names: None,
};
static VOLATILE: Signature = Signature {
    type_signature: TypeSignature::UserDefined,
    volatility: Volatility::Volatile,
    parameter_names: None,
};

impl ScalarUDFImpl for Scalar {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        if self.volatile { &VOLATILE } else { &SIGNATURE }
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        (self.result)(args)
    }

    fn coerce_types(&self, args: &[DataType]) -> Result<Vec<DataType>> {
        let most = if self.variadic { usize::MAX } else { self.kinds.len() };
        if args.len() < self.required || args.len() > most {
            return Err(self.misuse(args));
        }
        args.iter()
            .enumerate()
            .map(|(at, given)| {
                let kind = self.kinds.get(at).or(self.kinds.last()).copied().unwrap_or(Kind::Any);
                coerced(kind, given).ok_or_else(|| self.misuse(args))
            })
            .collect()
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant =
            !self.volatile && args.args.iter().all(|it| matches!(it, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let call = Call {
            name: self.name,
            values: &args.args,
            rows,
            result: args.return_field.data_type(),
        };
        let out = (self.run)(&call)?;
        if out.data_type() != call.result {
            return Err(DataFusionError::Internal(format!(
                "{} made {} instead of {}",
                self.name,
                out.data_type(),
                call.result
            )));
        }
        if constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&out, 0)?));
        }
        Ok(ColumnarValue::Array(out))
    }
}

impl Scalar {
    fn misuse(&self, args: &[DataType]) -> DataFusionError {
        let given: Vec<String> = args.iter().map(types::name).collect();
        let wanted: Vec<String> = self
            .kinds
            .iter()
            .enumerate()
            .map(|(at, it)| {
                let it = format!("{it:?}").to_lowercase();
                if at >= self.required { format!("[{it}]") } else { it }
            })
            .collect();
        DataFusionError::Plan(format!(
            "unexpected parameters ({}) for function {}. Expected: {}({}{})",
            given.join(", "),
            self.name.trim_start_matches('$'),
            self.name.trim_start_matches('$'),
            wanted.join(", "),
            if self.variadic { ", ..." } else { "" },
        ))
    }
}

/// The type that an argument is cast to before the call.
pub(super) fn coerced(kind: Kind, given: &DataType) -> Option<DataType> {
    let null = matches!(given, DataType::Null);
    let nested = given.is_nested();
    Some(match kind {
        Kind::Any => types::canonical(given),
        Kind::Text if !nested && !is_binary(given) => types::TEXT,
        Kind::Json if *given == types::JSON => types::JSON,
        Kind::Json if null || types::is_text(given) => types::TEXT,
        Kind::Binary if null || types::is_text(given) || is_binary(given) => DataType::Binary,
        Kind::Int if null || given.is_integer() => DataType::Int64,
        Kind::Double | Kind::Number if null => DataType::Float64,
        Kind::Double if given.is_numeric() => DataType::Float64,
        Kind::Number if given.is_numeric() => given.clone(),
        Kind::Boolean if null || *given == DataType::Boolean => DataType::Boolean,
        Kind::Array => match types::canonical(given) {
            it @ DataType::List(_) => it,
            DataType::Null => types::array(DataType::Null),
            _ => return None,
        },
        Kind::Map => match types::canonical(given) {
            it @ DataType::Map(..) => it,
            DataType::Null => types::map(DataType::Null, DataType::Null),
            _ => return None,
        },
        Kind::Time => match given {
            DataType::Timestamp(_, zone) => {
                DataType::Timestamp(TimeUnit::Millisecond, zone.clone())
            }
            DataType::Date32 => DataType::Date32,
            DataType::Date64 => types::TIMESTAMP,
            it if null || types::is_text(it) => types::TIMESTAMP,
            _ => return None,
        },
        Kind::Text
        | Kind::Json
        | Kind::Binary
        | Kind::Int
        | Kind::Double
        | Kind::Number
        | Kind::Boolean => return None,
    })
}

fn is_binary(kind: &DataType) -> bool {
    matches!(
        kind,
        DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_)
    )
}

/// The arguments of one call.
pub(super) struct Call<'a> {
    name: &'static str,
    values: &'a [ColumnarValue],
    /// How many rows the result has.
    pub(super) rows: usize,
    /// The type that the result must have.
    pub(super) result: &'a DataType,
}

/// A column of one type, or one value for all rows.
pub(super) struct Column<A> {
    array: A,
    constant: bool,
}

impl<A: Array> Column<A> {
    /// Where the value of `row` lies, if it is not null.
    fn place(&self, row: usize) -> Option<usize> {
        let at = if self.constant { 0 } else { row };
        (at < self.array.len() && self.array.is_valid(at)).then_some(at)
    }
}

impl Column<StringArray> {
    pub(super) fn get(&self, row: usize) -> Option<&str> {
        self.place(row).map(|at| self.array.value(at))
    }

    /// The value, if all rows have the same.
    pub(super) fn literal(&self) -> Option<&str> {
        if self.constant { self.get(0) } else { None }
    }
}

impl Column<Int64Array> {
    pub(super) fn get(&self, row: usize) -> Option<i64> {
        self.place(row).map(|at| self.array.value(at))
    }

    /// The whole column by one rule, which nulls escape; none for a value that all rows have.
    pub(super) fn each<T: ArrowPrimitiveType>(
        &self,
        rule: impl Fn(i64) -> T::Native,
    ) -> Option<PrimitiveArray<T>> {
        (!self.constant).then(|| self.array.unary(rule))
    }
}

impl Column<Float64Array> {
    pub(super) fn get(&self, row: usize) -> Option<f64> {
        self.place(row).map(|at| self.array.value(at))
    }
}

impl Column<ListArray> {
    /// Where the elements of `row` lie in the array of all.
    pub(super) fn range(&self, row: usize) -> Option<std::ops::Range<usize>> {
        let at = self.place(row)?;
        let offsets = self.array.value_offsets();
        let from = usize::try_from(*offsets.get(at)?).ok()?;
        let to = usize::try_from(*offsets.get(at + 1)?).ok()?;
        Some(from..to)
    }

    /// All elements of all rows.
    pub(super) fn elements(&self) -> &ArrayRef {
        self.array.values()
    }
}

impl Column<MapArray> {
    /// Where the entries of `row` lie among all keys and values.
    pub(super) fn range(&self, row: usize) -> Option<std::ops::Range<usize>> {
        let at = self.place(row)?;
        let offsets = self.array.value_offsets();
        let from = usize::try_from(*offsets.get(at)?).ok()?;
        let to = usize::try_from(*offsets.get(at + 1)?).ok()?;
        Some(from..to)
    }

    pub(super) fn keys(&self) -> &ArrayRef {
        self.array.keys()
    }

    pub(super) fn values(&self) -> &ArrayRef {
        self.array.values()
    }
}

impl Call<'_> {
    /// How many arguments there are.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether an argument was given.
    pub(super) fn has(&self, at: usize) -> bool {
        at < self.values.len()
    }

    fn value(&self, at: usize) -> Result<&ColumnarValue> {
        self.values
            .get(at)
            .ok_or_else(|| DataFusionError::Internal(format!("{} has no argument {at}", self.name)))
    }

    /// The type of an argument.
    pub(super) fn kind(&self, at: usize) -> DataType {
        self.values.get(at).map_or(DataType::Null, ColumnarValue::data_type)
    }

    /// An argument as one array of all rows.
    pub(super) fn array(&self, at: usize) -> Result<ArrayRef> {
        self.value(at)?.to_array(self.rows)
    }

    /// An argument as it came: its rows, or one value for all.
    fn raw(&self, at: usize) -> Result<(ArrayRef, bool)> {
        Ok(match self.value(at)? {
            ColumnarValue::Array(array) => (ArrayRef::clone(array), false),
            ColumnarValue::Scalar(value) => (value.to_array()?, true),
        })
    }

    /// varchar or JSON.
    pub(super) fn text(&self, at: usize) -> Result<Column<StringArray>> {
        let (array, constant) = self.raw(at)?;
        let array = match array.data_type() {
            DataType::Utf8 => array,
            _ => compute::cast(&array, &DataType::Utf8)?,
        };
        Ok(Column { array: array.as_string::<i32>().clone(), constant })
    }

    pub(super) fn int(&self, at: usize) -> Result<Column<Int64Array>> {
        let (array, constant) = self.raw(at)?;
        let array = compute::cast(&array, &DataType::Int64)?;
        Ok(Column { array: array.as_primitive().clone(), constant })
    }

    pub(super) fn double(&self, at: usize) -> Result<Column<Float64Array>> {
        let (array, constant) = self.raw(at)?;
        let array = compute::cast(&array, &DataType::Float64)?;
        Ok(Column { array: array.as_primitive().clone(), constant })
    }

    /// Milliseconds since 1970, of a date or timestamp.
    pub(super) fn millis(&self, at: usize) -> Result<Column<Int64Array>> {
        let (array, constant) = self.raw(at)?;
        let array = match array.data_type() {
            DataType::Timestamp(..) => array,
            _ => compute::cast(&array, &types::TIMESTAMP)?,
        };
        let array = match array.data_type() {
            DataType::Timestamp(TimeUnit::Millisecond, _) => array,
            DataType::Timestamp(_, zone) => {
                compute::cast(&array, &DataType::Timestamp(TimeUnit::Millisecond, zone.clone()))?
            }
            _ => array,
        };
        let array = compute::cast(&array, &DataType::Int64)?;
        Ok(Column { array: array.as_primitive().clone(), constant })
    }

    pub(super) fn list(&self, at: usize) -> Result<Column<ListArray>> {
        let (array, constant) = self.raw(at)?;
        let list = array.as_list_opt::<i32>().ok_or_else(|| self.unexpected(at, &array))?;
        Ok(Column { array: list.clone(), constant })
    }

    pub(super) fn map(&self, at: usize) -> Result<Column<MapArray>> {
        let (array, constant) = self.raw(at)?;
        let map = array.as_map_opt().ok_or_else(|| self.unexpected(at, &array))?;
        Ok(Column { array: map.clone(), constant })
    }

    fn unexpected(&self, at: usize, array: &ArrayRef) -> DataFusionError {
        DataFusionError::Internal(format!("{}: argument {at} is {}", self.name, array.data_type()))
    }

    /// An error that names the function.
    pub(super) fn fail(&self, what: impl std::fmt::Display) -> DataFusionError {
        DataFusionError::Execution(format!("{}: {what}", self.name.trim_start_matches('$')))
    }

    /// A column of text, row by row. Refuses to grow beyond [`BYTES_MAX`].
    pub(super) fn strings<'t>(
        &self,
        mut each: impl FnMut(usize) -> Result<Option<Cow<'t, str>>>,
    ) -> Result<ArrayRef> {
        let mut out = StringBuilder::with_capacity(self.rows, self.rows.saturating_mul(16));
        let mut bytes = 0_usize;
        for row in 0..self.rows {
            let value = each(row)?;
            bytes += value.as_ref().map_or(0, |it| it.len());
            if bytes > BYTES_MAX {
                return Err(self.fail(format_args!("more than {BYTES_MAX} bytes in one batch")));
            }
            out.append_option(value);
        }
        let out = out.finish();
        if *self.result == types::JSON {
            return Ok(compute::cast(&out, &types::JSON)?);
        }
        Ok(std::sync::Arc::new(out))
    }

    /// A column of whole numbers.
    pub(super) fn ints(
        &self,
        mut each: impl FnMut(usize) -> Result<Option<i64>>,
    ) -> Result<ArrayRef> {
        let out: Int64Array = (0..self.rows).map(&mut each).collect::<Result<_>>()?;
        let out: ArrayRef = std::sync::Arc::new(out);
        if *self.result == DataType::Int64 {
            Ok(out)
        } else {
            Ok(compute::cast(&out, self.result)?)
        }
    }

    /// A column of doubles.
    pub(super) fn doubles(
        &self,
        mut each: impl FnMut(usize) -> Result<Option<f64>>,
    ) -> Result<ArrayRef> {
        let out: Float64Array = (0..self.rows).map(&mut each).collect::<Result<_>>()?;
        Ok(std::sync::Arc::new(out))
    }

    /// A column of truths.
    pub(super) fn booleans(
        &self,
        mut each: impl FnMut(usize) -> Result<Option<bool>>,
    ) -> Result<ArrayRef> {
        let out: BooleanArray = (0..self.rows).map(&mut each).collect::<Result<_>>()?;
        Ok(std::sync::Arc::new(out))
    }
}

/// Bytes that one call may add to one batch. Rows are text of at most some kilobytes; more than
/// this is a query that grows text without end.
pub(super) const BYTES_MAX: usize = 256 << 20;
/// Elements that one call may make for one batch.
pub(super) const ELEMENTS_MAX: usize = 4 << 20;

/// varchar, whatever the arguments.
pub(super) fn text(_: &[DataType]) -> Result<DataType> {
    Ok(types::TEXT)
}

/// JSON, whatever the arguments.
pub(super) fn json(_: &[DataType]) -> Result<DataType> {
    Ok(types::JSON)
}

/// bigint, whatever the arguments.
pub(super) fn bigint(_: &[DataType]) -> Result<DataType> {
    Ok(DataType::Int64)
}

/// double, whatever the arguments.
pub(super) fn double(_: &[DataType]) -> Result<DataType> {
    Ok(DataType::Float64)
}

/// boolean, whatever the arguments.
pub(super) fn boolean(_: &[DataType]) -> Result<DataType> {
    Ok(DataType::Boolean)
}

/// array(varchar), whatever the arguments.
pub(super) fn texts(_: &[DataType]) -> Result<DataType> {
    Ok(types::array(types::TEXT))
}

/// The type of the first argument.
pub(super) fn same(args: &[DataType]) -> Result<DataType> {
    Ok(args.first().cloned().unwrap_or(DataType::Null))
}
