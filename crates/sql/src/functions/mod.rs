//! Functions of Trino that DataFusion lacks, or has with other semantics.
//!
//! A type `json` is a text of JSON in Arrow's `LargeUtf8`; `varchar` is `Utf8`. So a cast of one to
//! the other can tell what it is given.

mod cast;
mod collections;
mod dates;
mod json;
mod strings;

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use datafusion::{
    arrow::{
        array::{Array as _, ArrayRef, AsArray as _, StringArray},
        compute::cast,
        datatypes::{DataType, FieldRef},
    },
    common::{DataFusionError, Result, ScalarValue},
    logical_expr::{
        ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
        Volatility,
    },
    prelude::SessionContext,
};

/// Names that queries may use and that mean what they mean in Trino.
pub const COVERED: &[&str] = &[
    "abs",
    "all_match",
    "any_match",
    "any_value",
    "approx_distinct",
    "approx_percentile",
    "arbitrary",
    "array_agg",
    "array_distinct",
    "array_except",
    "array_intersect",
    "array_join",
    "array_max",
    "array_min",
    "array_position",
    "array_sort",
    "array_union",
    "arrays_overlap",
    "avg",
    "bool_and",
    "bool_or",
    "cardinality",
    "ceil",
    "ceiling",
    "char_length",
    "chr",
    "coalesce",
    "concat",
    "concat_ws",
    "contains",
    "corr",
    "count",
    "count_if",
    "cume_dist",
    "current_date",
    "current_timestamp",
    "date",
    "date_add",
    "date_diff",
    "date_format",
    "date_parse",
    "date_trunc",
    "day",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "dense_rank",
    "dow",
    "doy",
    "element_at",
    "ends_with",
    "every",
    "exp",
    "filter",
    "first_value",
    "flatten",
    "floor",
    "format_datetime",
    "from_base64",
    "from_hex",
    "from_iso8601_date",
    "from_iso8601_timestamp",
    "from_unixtime",
    "from_utf8",
    "greatest",
    "hour",
    "if",
    "is_json_scalar",
    "json_array_contains",
    "json_array_get",
    "json_array_length",
    "json_extract",
    "json_extract_scalar",
    "json_format",
    "json_parse",
    "json_size",
    "lag",
    "last_value",
    "lead",
    "least",
    "length",
    "listagg",
    "ln",
    "localtimestamp",
    "log10",
    "log2",
    "lower",
    "lpad",
    "ltrim",
    "map",
    "map_agg",
    "map_entries",
    "map_keys",
    "map_values",
    "max",
    "max_by",
    "md5",
    "millisecond",
    "min",
    "min_by",
    "minute",
    "mod",
    "month",
    "none_match",
    "now",
    "nth_value",
    "ntile",
    "nullif",
    "parse_datetime",
    "percent_rank",
    "power",
    "quarter",
    "rank",
    "regexp_count",
    "regexp_extract",
    "regexp_extract_all",
    "regexp_like",
    "regexp_replace",
    "regexp_split",
    "replace",
    "reverse",
    "round",
    "row_number",
    "rpad",
    "rtrim",
    "second",
    "sequence",
    "set_agg",
    "sha1",
    "sha256",
    "sha512",
    "sign",
    "slice",
    "split",
    "split_part",
    "sqrt",
    "starts_with",
    "stddev",
    "strpos",
    "substr",
    "substring",
    "sum",
    "to_base64",
    "to_hex",
    "to_iso8601",
    "to_unixtime",
    "to_utf8",
    "transform",
    "translate",
    "trim",
    "truncate",
    "try",
    "typeof",
    "upper",
    "url_decode",
    "url_encode",
    "url_extract_host",
    "url_extract_parameter",
    "url_extract_path",
    "url_extract_protocol",
    "url_extract_query",
    "variance",
    "week",
    "week_of_year",
    "year",
    "year_of_week",
    "yow",
];

/// Puts them all in place of DataFusion's own of the same names.
pub(crate) fn register(context: &SessionContext) {
    let families = [
        cast::FUNCTIONS,
        collections::FUNCTIONS,
        dates::FUNCTIONS,
        json::FUNCTIONS,
        strings::FUNCTIONS,
    ];
    for function in families.into_iter().flatten() {
        context.register_udf(ScalarUDF::new_from_impl(Scalar {
            function: *function,
            signature: Signature::variadic_any(Volatility::Immutable),
        }));
    }
}

/// A function of values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// Least and most arguments.
    pub(crate) arguments: (usize, usize),
    /// What it gives for such arguments.
    pub(crate) gives: fn(&Given<'_>) -> Result<DataType>,
    /// Computes it.
    pub(crate) run: fn(&Call) -> Result<ArrayRef>,
}

/// What is known of arguments before there are rows.
#[derive(Debug)]
pub(crate) struct Given<'a> {
    pub(crate) types: Vec<DataType>,
    constants: &'a [Option<&'a ScalarValue>],
}

impl Given<'_> {
    /// An argument that is a constant text.
    pub(crate) fn text(&self, at: usize) -> Option<&str> {
        self.constants.get(at).copied().flatten().and_then(|it| it.try_as_str().flatten())
    }

    pub(crate) fn type_of(&self, at: usize) -> DataType {
        self.types.get(at).cloned().unwrap_or(DataType::Null)
    }
}

/// One call, for a batch of rows.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) arguments: Vec<ArrayRef>,
    constants: Vec<Option<String>>,
    pub(crate) rows: usize,
    pub(crate) gives: DataType,
}

impl Call {
    pub(crate) fn argument(&self, at: usize) -> Result<&ArrayRef> {
        self.arguments.get(at).ok_or_else(|| invalid("an argument is missing"))
    }

    /// An argument as texts.
    pub(crate) fn texts(&self, at: usize) -> Result<StringArray> {
        texts(self.argument(at)?)
    }

    /// An argument as numbers.
    pub(crate) fn integers(&self, at: usize) -> Result<datafusion::arrow::array::Int64Array> {
        let cast = cast(self.argument(at)?, &DataType::Int64)?;
        Ok(cast.as_primitive::<datafusion::arrow::datatypes::Int64Type>().clone())
    }

    /// An argument that is a constant text.
    pub(crate) fn constant(&self, at: usize) -> Option<&str> {
        self.constants.get(at)?.as_deref()
    }

    /// A text for each row, made of the texts of the arguments; null where one of these is.
    pub(crate) fn map_texts<const N: usize>(
        &self,
        make: impl Fn([&str; N]) -> Result<Option<String>>,
    ) -> Result<ArrayRef> {
        let columns: Vec<StringArray> = (0..N).map(|it| self.texts(it)).collect::<Result<_>>()?;
        let mut made = Vec::with_capacity(self.rows);
        for row in 0..self.rows {
            let mut texts = [""; N];
            let all = columns.iter().zip(&mut texts).all(|(column, text)| {
                *text = if column.is_null(row) { "" } else { column.value(row) };
                !column.is_null(row)
            });
            made.push(if all { make(texts)? } else { None });
        }
        cast(&(Arc::new(StringArray::from(made)) as ArrayRef), &self.gives).map_err(Into::into)
    }
}

/// Any array as texts.
pub(crate) fn texts(array: &ArrayRef) -> Result<StringArray> {
    if let Some(texts) = array.as_any().downcast_ref::<StringArray>() {
        return Ok(texts.clone());
    }
    Ok(cast(array, &DataType::Utf8)?.as_string::<i32>().clone())
}

pub(crate) fn invalid(words: impl Into<String>) -> DataFusionError {
    DataFusionError::Execution(words.into())
}

/// Types that many give.
pub(crate) fn varchar(_: &Given<'_>) -> Result<DataType> {
    Ok(DataType::Utf8)
}

pub(crate) fn json_type(_: &Given<'_>) -> Result<DataType> {
    Ok(DataType::LargeUtf8)
}

pub(crate) fn bigint(_: &Given<'_>) -> Result<DataType> {
    Ok(DataType::Int64)
}

pub(crate) fn double(_: &Given<'_>) -> Result<DataType> {
    Ok(DataType::Float64)
}

pub(crate) fn boolean(_: &Given<'_>) -> Result<DataType> {
    Ok(DataType::Boolean)
}

/// A function as DataFusion wants it.
#[derive(Debug)]
struct Scalar {
    function: Function,
    signature: Signature,
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.function.name == other.function.name
    }
}

impl Eq for Scalar {}

impl Hash for Scalar {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.name.hash(state);
    }
}

impl ScalarUDFImpl for Scalar {
    fn name(&self) -> &str {
        self.function.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Err(DataFusionError::Internal("the type depends on the arguments".to_owned()))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let count = args.arg_fields.len();
        let (least, most) = self.function.arguments;
        if count < least || count > most {
            let name = self.function.name;
            return Err(DataFusionError::Plan(format!(
                "{name} takes {least} to {most} arguments, not {count}"
            )));
        }
        let types = args.arg_fields.iter().map(|it| it.data_type().clone()).collect();
        let given = Given { types, constants: args.scalar_arguments };
        let kind = (self.function.gives)(&given)?;
        Ok(Arc::new(datafusion::arrow::datatypes::Field::new(self.function.name, kind, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = |it: &ColumnarValue| match it {
            ColumnarValue::Scalar(value) => value.try_as_str().flatten().map(str::to_owned),
            ColumnarValue::Array(_) => None,
        };
        let constants = args.args.iter().map(constant).collect();
        let is_constant = args.args.iter().all(|it| matches!(it, ColumnarValue::Scalar(_)));
        let rows = if is_constant { 1 } else { args.number_rows };
        let arguments =
            args.args.into_iter().map(|it| it.into_array(rows)).collect::<Result<_>>()?;
        let gives = args.return_field.data_type().clone();
        let made = (self.function.run)(&Call { arguments, constants, rows, gives })?;
        if is_constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&made, 0)?));
        }
        Ok(ColumnarValue::Array(made))
    }
}
