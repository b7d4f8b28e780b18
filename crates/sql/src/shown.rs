//! Values as text: as CloudTrail Lake and Athena print them, and as JSON.

use datafusion::arrow::{
    array::{Array, ArrayRef, AsArray as _},
    datatypes::{DataType, Date32Type, Float32Type, Float64Type, TimeUnit},
    util::display::{ArrayFormatter, FormatOptions},
};
use serde_json::{Map, Number, Value};

/// How null is shown within maps, rows and lists.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Nulls {
    /// As the word, which is what Trino's clients show.
    Word,
    /// As nothing.
    Empty,
}

/// The value of a row as text; none of null. Times have milliseconds, maps and rows are
/// `{name=value, …}`, lists `[a, b]`.
#[must_use]
pub fn text(array: &dyn Array, row: usize, nulls: Nulls) -> Option<String> {
    if array.is_null(row) {
        return None;
    }
    let inner = |array: &ArrayRef, row: usize| {
        text(array.as_ref(), row, nulls).unwrap_or_else(|| match nulls {
            Nulls::Word => "null".to_owned(),
            Nulls::Empty => String::new(),
        })
    };
    let pairs = |names: Vec<String>, values: Vec<String>| {
        let pairs: Vec<_> =
            names.iter().zip(values).map(|(name, it)| format!("{name}={it}")).collect();
        format!("{{{}}}", pairs.join(", "))
    };
    Some(match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).to_owned(),
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let names = fields.iter().map(|it| it.name().clone()).collect();
            pairs(names, columns.iter().map(|it| inner(it, row)).collect())
        }
        DataType::Map(..) => {
            let entry = array.as_map().value(row);
            let all = |column: usize| {
                (0..entry.len()).map(|it| inner(entry.column(column), it)).collect()
            };
            pairs(all(0), all(1))
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>().value(row);
            let parts: Vec<_> = (0..list.len()).map(|it| inner(&list, it)).collect();
            format!("[{}]", parts.join(", "))
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>().value(row);
            let parts: Vec<_> = (0..list.len()).map(|it| inner(&list, it)).collect();
            format!("[{}]", parts.join(", "))
        }
        DataType::Float64 => double(array.as_primitive::<Float64Type>().value(row)),
        DataType::Float32 => double(f64::from(array.as_primitive::<Float32Type>().value(row))),
        DataType::Timestamp(unit, zone) => time(array, row, *unit, zone.is_some()),
        _ => plain(array, row),
    })
}

/// As Java prints it, which is what Trino's clients show.
fn double(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let size = value.abs();
    if value == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{value:?}");
    }
    let text = format!("{value:E}");
    let (digits, exponent) = text.split_once('E').unwrap_or((&text, "0"));
    let digits = if digits.contains('.') { digits.to_owned() } else { format!("{digits}.0") };
    format!("{digits}E{exponent}")
}

fn time(array: &dyn Array, row: usize, unit: TimeUnit, zoned: bool) -> String {
    let micros = micros(array, row, unit);
    let time = jiff::Timestamp::from_microsecond(micros).unwrap_or_default();
    let text = time.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string();
    if zoned { format!("{text} UTC") } else { text }
}

/// A time in microseconds since 1970.
pub(crate) fn micros(array: &dyn Array, row: usize, unit: TimeUnit) -> i64 {
    use datafusion::arrow::datatypes as types;
    match unit {
        TimeUnit::Second => {
            array.as_primitive::<types::TimestampSecondType>().value(row).saturating_mul(1_000_000)
        }
        TimeUnit::Millisecond => {
            array.as_primitive::<types::TimestampMillisecondType>().value(row).saturating_mul(1_000)
        }
        TimeUnit::Microsecond => array.as_primitive::<types::TimestampMicrosecondType>().value(row),
        TimeUnit::Nanosecond => {
            array.as_primitive::<types::TimestampNanosecondType>().value(row).div_euclid(1_000)
        }
    }
}

fn plain(array: &dyn Array, row: usize) -> String {
    let options = FormatOptions::default();
    ArrayFormatter::try_new(array, &options)
        .map_or_else(|_| String::new(), |it| it.value(row).to_string())
}

/// The value of a row as JSON: rows and maps as objects, times as ISO 8601.
#[must_use]
pub fn json(array: &dyn Array, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::LargeUtf8 => {
            let text = array.as_string::<i64>().value(row);
            serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let members = fields
                .iter()
                .zip(columns)
                .map(|(it, column)| (it.name().clone(), json(column, row)));
            Value::Object(members.collect())
        }
        DataType::Map(..) => {
            let entry = array.as_map().value(row);
            let name = |it| text(entry.column(0), it, Nulls::Word).unwrap_or_default();
            let members = (0..entry.len()).map(|it| (name(it), json(entry.column(1), it)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>().value(row);
            Value::Array((0..list.len()).map(|it| json(&list, it)).collect())
        }
        DataType::Float64 => Number::from_f64(array.as_primitive::<Float64Type>().value(row))
            .map_or(Value::Null, Value::Number),
        DataType::Timestamp(unit, _) => {
            let time =
                jiff::Timestamp::from_microsecond(micros(array, row, *unit)).unwrap_or_default();
            Value::String(time.to_string())
        }
        DataType::Date32 => {
            let days = array.as_primitive::<Date32Type>().value(row);
            let time = jiff::Timestamp::from_second(i64::from(days) * 86_400).unwrap_or_default();
            Value::String(time.strftime("%Y-%m-%d").to_string())
        }
        kind if kind.is_integer() => {
            plain(array, row).parse::<i64>().map_or(Value::Null, |it| Value::Number(it.into()))
        }
        _ => Value::String(text(array, row, Nulls::Word).unwrap_or_default()),
    }
}
