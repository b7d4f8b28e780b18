//! Values as text: as Lake and Athena print them, and as JSON.
//!
//! Timestamps print as `2023-01-22 16:53:53.000`, maps and rows as `{k=v, k2=v2}`, arrays as
//! `[a, b]`, doubles as Java writes them.
//! Spec: CloudTrail API Reference, `GetQueryResults`; the text of Presto's results.

use std::fmt::Write as _;

use base64::Engine as _;
use chrono::{DateTime, Datelike as _, NaiveDate, NaiveDateTime, TimeDelta, Timelike as _};
use datafusion::arrow::{
    array::{Array, AsArray as _, timezone::Tz},
    datatypes::{
        DataType, Date32Type, Decimal128Type, DurationMicrosecondType, DurationMillisecondType,
        DurationNanosecondType, DurationSecondType, Float32Type, Float64Type,
        IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType, TimeUnit,
    },
    util::display::{ArrayFormatter, FormatOptions},
};

use crate::types;

/// The name of a type as Trino prints it.
#[must_use]
pub fn type_name(kind: &DataType) -> String {
    types::name(kind)
}

/// The value of `row`, with `null` for nulls, also within arrays, maps and rows.
#[must_use]
pub fn value(array: &dyn Array, row: usize, null: &str) -> String {
    let mut out = String::new();
    write_value(&mut out, array, row, null);
    out
}

/// The value of `row` as JSON: maps and rows are objects, JSON stays what it is, timestamps are
/// text as [`value`] prints them. What JSON cannot say (infinities) becomes text.
#[must_use]
pub fn json(array: &dyn Array, row: usize) -> serde_json::Value {
    let mut out = String::new();
    write_json(&mut out, array, row);
    // What was written is JSON, but for a JSON column that holds what is none.
    serde_json::from_str(&out).unwrap_or(serde_json::Value::String(out))
}

/// Writes what [`value`] returns.
pub(crate) fn write_value(out: &mut String, array: &dyn Array, row: usize, null: &str) {
    if is_null(array, row) {
        out.push_str(null);
        return;
    }
    match array.data_type() {
        DataType::Utf8 => out.push_str(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => out.push_str(array.as_string::<i64>().value(row)),
        DataType::Utf8View => out.push_str(array.as_string_view().value(row)),
        DataType::Boolean => {
            out.push_str(if array.as_boolean().value(row) { "true" } else { "false" });
        }
        DataType::Float64 => out.push_str(&double(array.as_primitive::<Float64Type>().value(row))),
        DataType::Float32 => {
            out.push_str(&double_of(&format!(
                "{:e}",
                array.as_primitive::<Float32Type>().value(row)
            )));
        }
        DataType::Date32 => {
            out.push_str(&date(array.as_primitive::<Date32Type>().value(row)));
        }
        DataType::Timestamp(unit, zone) => {
            let raw = timestamp_raw(array, unit, row);
            out.push_str(&timestamp(to_millis(raw, unit), zone.as_deref()));
        }
        DataType::List(_) => list(out, array.as_list::<i32>().value(row).as_ref(), null),
        DataType::LargeList(_) => list(out, array.as_list::<i64>().value(row).as_ref(), null),
        DataType::FixedSizeList(..) => {
            list(out, array.as_fixed_size_list().value(row).as_ref(), null)
        }
        DataType::Struct(fields) => {
            let rows = array.as_struct();
            out.push('{');
            for (at, (field, column)) in fields.iter().zip(rows.columns()).enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                if types::is_position(field.name()) {
                    let _ = write!(out, "field{at}=");
                } else {
                    let _ = write!(out, "{}=", field.name());
                }
                write_value(out, column.as_ref(), row, null);
            }
            out.push('}');
        }
        DataType::Map(..) => {
            let map = array.as_map();
            let entries = map.value(row);
            out.push('{');
            for at in 0..entries.len() {
                if at > 0 {
                    out.push_str(", ");
                }
                if let [keys, values] = entries.columns() {
                    write_value(out, keys.as_ref(), at, null);
                    out.push('=');
                    write_value(out, values.as_ref(), at, null);
                }
            }
            out.push('}');
        }
        DataType::Binary => bytes(out, array.as_binary::<i32>().value(row)),
        DataType::LargeBinary => bytes(out, array.as_binary::<i64>().value(row)),
        DataType::Decimal128(_, scale) => {
            out.push_str(&decimal(array.as_primitive::<Decimal128Type>().value(row), *scale));
        }
        DataType::Interval(_) | DataType::Duration(_) => out.push_str(&interval(array, row)),
        _ => {
            let options = FormatOptions::default();
            if let Ok(text) = ArrayFormatter::try_new(array, &options) {
                let _ = write!(out, "{}", text.value(row));
            }
        }
    }
}

fn is_null(array: &dyn Array, row: usize) -> bool {
    row >= array.len() || array.is_null(row) || *array.data_type() == DataType::Null
}

fn list(out: &mut String, elements: &dyn Array, null: &str) {
    out.push('[');
    for at in 0..elements.len() {
        if at > 0 {
            out.push_str(", ");
        }
        write_value(out, elements, at, null);
    }
    out.push(']');
}

/// Bytes in pairs of hex digits, a space between, as Presto's tools print varbinary.
fn bytes(out: &mut String, value: &[u8]) {
    for (at, byte) in value.iter().enumerate() {
        if at > 0 {
            out.push(' ');
        }
        let _ = write!(out, "{byte:02x}");
    }
}

/// Writes JSON as Trino's cast to JSON makes it.
pub(crate) fn write_json(out: &mut String, array: &dyn Array, row: usize) {
    if is_null(array, row) {
        out.push_str("null");
        return;
    }
    match array.data_type() {
        DataType::LargeUtf8 => out.push_str(array.as_string::<i64>().value(row)),
        DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64
        | DataType::Decimal128(..) => write_value(out, array, row, "null"),
        DataType::Float64 | DataType::Float32 => {
            let text = value(array, row, "null");
            if text.bytes().any(|c| c.is_ascii_digit()) {
                out.push_str(&text);
            } else {
                quote(out, &text);
            }
        }
        DataType::List(_) => json_list(out, array.as_list::<i32>().value(row).as_ref()),
        DataType::LargeList(_) => json_list(out, array.as_list::<i64>().value(row).as_ref()),
        DataType::Struct(fields) => {
            let rows = array.as_struct();
            out.push('{');
            for (at, (field, column)) in fields.iter().zip(rows.columns()).enumerate() {
                if at > 0 {
                    out.push(',');
                }
                if types::is_position(field.name()) {
                    quote(out, "");
                } else {
                    quote(out, field.name());
                }
                out.push(':');
                write_json(out, column.as_ref(), row);
            }
            out.push('}');
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            out.push('{');
            if let [keys, values] = entries.columns() {
                // Trino's JSON has its keys in order.
                let mut order: Vec<(String, usize)> =
                    (0..entries.len()).map(|at| (value(keys.as_ref(), at, "null"), at)).collect();
                order.sort();
                for (place, (key, at)) in order.iter().enumerate() {
                    if place > 0 {
                        out.push(',');
                    }
                    quote(out, key);
                    out.push(':');
                    write_json(out, values.as_ref(), *at);
                }
            }
            out.push('}');
        }
        DataType::Binary => {
            let text = base64::prelude::BASE64_STANDARD.encode(array.as_binary::<i32>().value(row));
            quote(out, &text);
        }
        _ => quote(out, &value(array, row, "null")),
    }
}

fn json_list(out: &mut String, elements: &dyn Array) {
    out.push('[');
    for at in 0..elements.len() {
        if at > 0 {
            out.push(',');
        }
        write_json(out, elements, at);
    }
    out.push(']');
}

/// A JSON string.
pub(crate) fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if u32::from(c) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A double as Java writes it: `1.0`, `1.0E10`, `Infinity`, `NaN`.
pub(crate) fn double(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
    } else {
        double_of(&format!("{value:e}"))
    }
}

/// From Rust's shortest form with an exponent, `-1.5e10`.
fn double_of(scientific: &str) -> String {
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific.to_owned();
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    if digits.chars().all(|c| c == '0') {
        return format!("{sign}0.0");
    }
    if !(-3..7).contains(&exponent) {
        let (first, rest) = digits.split_at_checked(1).unwrap_or((&digits, ""));
        let rest = if rest.is_empty() { "0" } else { rest };
        return format!("{sign}{first}.{rest}E{exponent}");
    }
    if exponent < 0 {
        let zeros = "0".repeat(usize::try_from(-exponent - 1).unwrap_or(0));
        return format!("{sign}0.{zeros}{digits}");
    }
    let whole = usize::try_from(exponent + 1).unwrap_or(1);
    let padded = format!("{digits:0<whole$}");
    let (left, right) = padded.split_at_checked(whole).unwrap_or((&padded, ""));
    let right = if right.is_empty() { "0" } else { right };
    format!("{sign}{left}.{right}")
}

fn decimal(value: i128, scale: i8) -> String {
    let Ok(scale) = usize::try_from(scale) else { return value.to_string() };
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, part) = digits.split_at_checked(digits.len() - scale).unwrap_or((&digits, ""));
    let sign = if value < 0 { "-" } else { "" };
    if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

/// A date from days since 1970: `2023-01-22`.
pub(crate) fn date(days: i32) -> String {
    let day = NaiveDate::default().checked_add_signed(TimeDelta::days(i64::from(days)));
    day.map_or_else(
        || days.to_string(),
        |it| format!("{:04}-{:02}-{:02}", it.year(), it.month(), it.day()),
    )
}

/// A timestamp from milliseconds since 1970, at the zone's wall clock where there is one.
pub(crate) fn timestamp(millis: i64, zone: Option<&str>) -> String {
    let Some(utc) = DateTime::from_timestamp_millis(millis) else { return millis.to_string() };
    match zone {
        None => clock(&utc.naive_utc()),
        Some(zone) if is_utc(zone) => format!("{} UTC", clock(&utc.naive_utc())),
        Some(zone) => match zone.parse::<Tz>() {
            Ok(tz) => format!("{} {zone}", clock(&utc.with_timezone(&tz).naive_local())),
            Err(_) => format!("{} UTC", clock(&utc.naive_utc())),
        },
    }
}

/// Whether a zone is UTC by one of its names.
pub(crate) fn is_utc(zone: &str) -> bool {
    matches!(zone, "UTC" | "utc" | "Z" | "+00:00" | "GMT" | "Etc/UTC")
}

fn clock(it: &NaiveDateTime) -> String {
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03}",
        it.year(),
        it.month(),
        it.day(),
        it.hour(),
        it.minute(),
        it.second(),
        it.and_utc().timestamp_subsec_millis()
    )
}

fn timestamp_raw(array: &dyn Array, unit: &TimeUnit, row: usize) -> i64 {
    use datafusion::arrow::datatypes::{
        TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
        TimestampSecondType,
    };
    match unit {
        TimeUnit::Second => array.as_primitive::<TimestampSecondType>().value(row),
        TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().value(row),
        TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().value(row),
        TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().value(row),
    }
}

fn to_millis(raw: i64, unit: &TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => raw.saturating_mul(1_000),
        TimeUnit::Millisecond => raw,
        TimeUnit::Microsecond => raw.div_euclid(1_000),
        TimeUnit::Nanosecond => raw.div_euclid(1_000_000),
    }
}

/// `2 03:04:05.678` for days and less, `1-2` for years and months.
fn interval(array: &dyn Array, row: usize) -> String {
    let millis = match array.data_type() {
        DataType::Interval(IntervalUnit::YearMonth) => {
            return months(array.as_primitive::<IntervalYearMonthType>().value(row));
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let it = array.as_primitive::<IntervalMonthDayNanoType>().value(row);
            if it.months != 0 && it.days == 0 && it.nanoseconds == 0 {
                return months(it.months);
            }
            i64::from(it.days) * 86_400_000 + it.nanoseconds / 1_000_000
        }
        DataType::Duration(TimeUnit::Second) => {
            array.as_primitive::<DurationSecondType>().value(row).saturating_mul(1_000)
        }
        DataType::Duration(TimeUnit::Millisecond) => {
            array.as_primitive::<DurationMillisecondType>().value(row)
        }
        DataType::Duration(TimeUnit::Microsecond) => {
            array.as_primitive::<DurationMicrosecondType>().value(row) / 1_000
        }
        DataType::Duration(TimeUnit::Nanosecond) => {
            array.as_primitive::<DurationNanosecondType>().value(row) / 1_000_000
        }
        _ => 0,
    };
    let sign = if millis < 0 { "-" } else { "" };
    let rest = millis.unsigned_abs();
    let (days, rest) = (rest / 86_400_000, rest % 86_400_000);
    let (hours, rest) = (rest / 3_600_000, rest % 3_600_000);
    let (minutes, rest) = (rest / 60_000, rest % 60_000);
    format!("{sign}{days} {hours:02}:{minutes:02}:{:02}.{:03}", rest / 1_000, rest % 1_000)
}

fn months(all: i32) -> String {
    let sign = if all < 0 { "-" } else { "" };
    let all = all.unsigned_abs();
    format!("{sign}{}-{}", all / 12, all % 12)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_written_as_java_writes_them() {
        for (value, expected) in [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (123_456.789, "123456.789"),
            (1e7, "1.0E7"),
            (1.5e10, "1.5E10"),
            (0.001, "0.001"),
            (0.0001, "1.0E-4"),
            (-2.5, "-2.5"),
            (0.0, "0.0"),
            (f64::INFINITY, "Infinity"),
        ] {
            assert_eq!(double(value), expected);
        }
    }

    #[test]
    fn timestamps_are_written_with_milliseconds() {
        assert_eq!(timestamp(1_674_406_433_000, None), "2023-01-22 16:53:53.000");
        assert_eq!(timestamp(-1, None), "1969-12-31 23:59:59.999");
    }
}
