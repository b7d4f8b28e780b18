//! CAST and TRY_CAST as Trino means them.
//!
//! Spec: Trino, "Conversion functions", "JSON functions and operators", "Cast to JSON".

use std::sync::Arc;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeZone as _};
use datafusion::{
    arrow::{
        array::{
            Array, ArrayRef, AsArray as _, BinaryArray, BooleanArray, Date32Array, Float32Array,
            Float64Array, Int64Array, LargeStringBuilder, ListArray, MapArray, StringBuilder,
            StructArray, TimestampMillisecondArray, new_null_array, timezone::Tz,
        },
        compute::{self, CastOptions},
        datatypes::{DataType, Float32Type, Float64Type, TimeUnit},
    },
    error::{DataFusionError, Result},
};

use super::json;
use crate::{text, types};

/// Casts a column. What cannot be cast is null where `lenient`, else an error.
pub(crate) fn cast(array: &ArrayRef, to: &DataType, lenient: bool) -> Result<ArrayRef> {
    let from = array.data_type();
    if from == to {
        return Ok(Arc::clone(array));
    }
    if *from == DataType::Null {
        return Ok(new_null_array(to, array.len()));
    }
    let canonical = types::canonical(from);
    if canonical != *from {
        return cast(&compute::cast(array, &canonical)?, to, lenient);
    }
    match (from, to) {
        (_, DataType::LargeUtf8) => to_json(array),
        (DataType::LargeUtf8, _) => json::cast(array, to, lenient),
        (_, DataType::Utf8) => to_text(array),
        (DataType::Utf8, _) => from_text(array, to, lenient),
        (DataType::Float64, it) if it.is_integer() => {
            let rounded = array.as_primitive::<Float64Type>().unary::<_, Float64Type>(f64::round);
            plain(&(Arc::new(rounded) as ArrayRef), to, lenient)
        }
        (DataType::Float32, it) if it.is_integer() => {
            let rounded = array.as_primitive::<Float32Type>().unary::<_, Float32Type>(f32::round);
            plain(&(Arc::new(rounded) as ArrayRef), to, lenient)
        }
        (DataType::Struct(_), DataType::Struct(fields)) => {
            let rows = array.as_struct();
            if rows.num_columns() != fields.len() {
                return Err(refused(from, to));
            }
            let columns = rows
                .columns()
                .iter()
                .zip(fields)
                .map(|(column, field)| cast(column, field.data_type(), lenient))
                .collect::<Result<Vec<_>>>()?;
            let nulls = rows.nulls().cloned();
            Ok(Arc::new(StructArray::try_new(fields.clone(), columns, nulls)?))
        }
        (DataType::List(_), DataType::List(field)) => {
            let list = array.as_list::<i32>();
            let values = cast(list.values(), field.data_type(), lenient)?;
            let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
            Ok(Arc::new(ListArray::try_new(Arc::clone(field), offsets, values, nulls)?))
        }
        (DataType::Map(..), DataType::Map(field, sorted)) => {
            let map = array.as_map();
            let DataType::Struct(fields) = field.data_type() else { return Err(refused(from, to)) };
            let [key, value] = fields.as_ref() else { return Err(refused(from, to)) };
            let columns = vec![
                cast(map.keys(), key.data_type(), false)?,
                cast(map.values(), value.data_type(), lenient)?,
            ];
            let entries = StructArray::try_new(fields.clone(), columns, None)?;
            let (offsets, nulls) = (map.offsets().clone(), map.nulls().cloned());
            Ok(Arc::new(MapArray::try_new(Arc::clone(field), offsets, entries, nulls, *sorted)?))
        }
        (a, b) if a.is_nested() || b.is_nested() => Err(refused(from, to)),
        _ => plain(array, to, lenient),
    }
}

fn plain(array: &ArrayRef, to: &DataType, lenient: bool) -> Result<ArrayRef> {
    let options = CastOptions { safe: lenient, ..CastOptions::default() };
    compute::cast_with_options(array, to, &options).map_err(|error| {
        let error = error.to_string();
        let why = error.split_once(": ").map_or(error.as_str(), |it| it.1);
        DataFusionError::Execution(format!("cannot cast to {}: {why}", types::name(to)))
    })
}

fn refused(from: &DataType, to: &DataType) -> DataFusionError {
    DataFusionError::Plan(format!("cannot cast {} to {}", types::name(from), types::name(to)))
}

fn to_json(array: &ArrayRef) -> Result<ArrayRef> {
    let mut out = LargeStringBuilder::new();
    let mut text = String::new();
    for row in 0..array.len() {
        if array.is_null(row) {
            out.append_null();
            continue;
        }
        text.clear();
        text::write_json(&mut text, array.as_ref(), row);
        out.append_value(&text);
    }
    Ok(Arc::new(out.finish()))
}

fn to_text(array: &ArrayRef) -> Result<ArrayRef> {
    if array.data_type().is_integer() {
        return Ok(compute::cast(array, &types::TEXT)?);
    }
    if let Some(bytes) = array.as_binary_opt::<i32>() {
        // Trino has no such cast; bytes that are text are what was meant.
        let mut out = StringBuilder::new();
        for it in bytes {
            out.append_option(it.map(String::from_utf8_lossy));
        }
        return Ok(Arc::new(out.finish()));
    }
    let mut out = StringBuilder::new();
    let mut text = String::new();
    for row in 0..array.len() {
        if array.is_null(row) {
            out.append_null();
            continue;
        }
        text.clear();
        text::write_value(&mut text, array.as_ref(), row, "null");
        out.append_value(&text);
    }
    Ok(Arc::new(out.finish()))
}

fn from_text(array: &ArrayRef, to: &DataType, lenient: bool) -> Result<ArrayRef> {
    /// Reads each text; what cannot be read is null where lenient.
    fn each<T, A: FromIterator<Option<T>>>(
        array: &ArrayRef,
        to: &DataType,
        lenient: bool,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<A> {
        array
            .as_string::<i32>()
            .iter()
            .map(|it| match it.map(|text| (read(text), text)) {
                None => Ok(None),
                Some((Some(value), _)) => Ok(Some(value)),
                Some((None, _)) if lenient => Ok(None),
                Some((None, text)) => Err(DataFusionError::Execution(format!(
                    "cannot cast '{text}' to {}",
                    types::name(to)
                ))),
            })
            .collect()
    }
    Ok(match to {
        DataType::Boolean => Arc::new(each::<_, BooleanArray>(array, to, lenient, boolean)?),
        it if it.is_integer() => {
            let read = |it: &str| it.trim().parse::<i64>().ok();
            let wide: ArrayRef = Arc::new(each::<_, Int64Array>(array, to, lenient, read)?);
            plain(&wide, to, lenient)?
        }
        DataType::Float64 => Arc::new(each::<_, Float64Array>(array, to, lenient, double)?),
        DataType::Float32 => {
            #[expect(clippy::cast_possible_truncation, reason = "real has fewer digits")]
            let read = |it: &str| double(it).map(|it| it as f32);
            Arc::new(each::<_, Float32Array>(array, to, lenient, read)?)
        }
        DataType::Date32 => Arc::new(each::<_, Date32Array>(array, to, lenient, date)?),
        DataType::Timestamp(TimeUnit::Millisecond, zone) => {
            let out: TimestampMillisecondArray = each(array, to, lenient, instant)?;
            Arc::new(out.with_timezone_opt(zone.clone()))
        }
        DataType::Timestamp(..) => {
            let out: TimestampMillisecondArray = each(array, to, lenient, instant)?;
            let out: ArrayRef = Arc::new(out);
            compute::cast(&out, to)?
        }
        DataType::Binary => {
            let out: BinaryArray =
                array.as_string::<i32>().iter().map(|it| it.map(str::as_bytes)).collect();
            Arc::new(out)
        }
        it if it.is_nested() => return Err(refused(array.data_type(), to)),
        _ => plain(array, to, lenient)?,
    })
}

/// What varchar may stand for a truth.
fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "1" => Some(true),
        "false" | "f" | "0" => Some(false),
        _ => None,
    }
}

/// A double as Java reads it.
fn double(text: &str) -> Option<f64> {
    match text.trim() {
        "Infinity" | "+Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        "NaN" => Some(f64::NAN),
        it if it
            .bytes()
            .all(|c| c.is_ascii_digit() || matches!(c, b'.' | b'-' | b'+' | b'e' | b'E')) =>
        {
            it.parse().ok()
        }
        _ => None,
    }
}

/// Days since 1970 of `2024-05-01`. What follows a day (a time) is passed over.
fn date(text: &str) -> Option<i32> {
    i32::try_from(instant(text)?.div_euclid(86_400_000)).ok()
}

/// Milliseconds since 1970 of a timestamp in any spelling that queries use: a date alone, `T` or a
/// space before the time, seconds and fraction or none, a zone at the end or none (UTC).
pub(crate) fn instant(text: &str) -> Option<i64> {
    let text = text.trim();
    let (day, rest) = match text.find(['T', 't', ' ']) {
        Some(at) => (text.get(..at)?, text.get(at + 1..)?),
        None => (text, ""),
    };
    let (sign, unsigned) = day.strip_prefix('-').map_or((1, day), |rest| (-1, rest));
    let mut parts = unsigned.splitn(3, '-');
    let year: i32 = digits(parts.next()?, 6)?;
    let month: u32 = digits(parts.next()?, 2)?;
    let day: u32 = digits(parts.next()?, 2)?;
    let day = NaiveDate::from_ymd_opt(sign * year, month, day)?;
    let rest = rest.trim();
    let end = rest
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.' | ',')))
        .unwrap_or(rest.len());
    let (time, zone) = rest.split_at_checked(end)?;
    let at = NaiveDateTime::new(day, time_of_day(time)?);
    let zone = zone.trim();
    if zone.is_empty() || zone.eq_ignore_ascii_case("z") || text::is_utc(zone) {
        return Some(at.and_utc().timestamp_millis());
    }
    let zone: Tz = zone.parse().ok()?;
    // An hour that clocks skip has no instant; of one that they repeat, the first counts.
    zone.from_local_datetime(&at).earliest().map(|it| it.timestamp_millis())
}

/// `12`, `12:34`, `12:34:56` or `12:34:56.789`; nothing is midnight.
fn time_of_day(text: &str) -> Option<NaiveTime> {
    if text.is_empty() {
        return Some(NaiveTime::MIN);
    }
    let (clock, fraction) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let mut parts = clock.split(':');
    let hour = digits(parts.next()?, 2)?;
    let minute = parts.next().map_or(Some(0), |it| digits(it, 2))?;
    let second = parts.next().map_or(Some(0), |it| digits(it, 2))?;
    let decimal = fraction.len() <= 12 && fraction.bytes().all(|c| c.is_ascii_digit());
    if parts.next().is_some() || !decimal {
        return None;
    }
    let millis: u32 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    NaiveTime::from_hms_milli_opt(hour, minute, second, millis)
}

/// A number of one to `most` digits.
fn digits<N: std::str::FromStr>(text: &str, most: usize) -> Option<N> {
    let fits = (1..=most).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let printed = instant(text).map(|it| text::timestamp(it, None));
        assert_eq!(printed.as_deref(), expected, "{text}");
    }

    #[test]
    fn a_timestamp_is_read_in_every_spelling_of_published_queries() {
        check("2023-01-01 00:00:00", Some("2023-01-01 00:00:00.000"));
        check("2020-01-01", Some("2020-01-01 00:00:00.000"));
        check("2024-01-01T00:00:00Z", Some("2024-01-01 00:00:00.000"));
        check("2024-01-01 10:20", Some("2024-01-01 10:20:00.000"));
        check("2024-01-01 10:20:30.5", Some("2024-01-01 10:20:30.500"));
        check("2024-01-01T10:20:30+02:00", Some("2024-01-01 08:20:30.000"));
        check("2024-01-01 10:20:30 UTC", Some("2024-01-01 10:20:30.000"));
        check("2024-01-01 10:20:30 Europe/Berlin", Some("2024-01-01 09:20:30.000"));
        check("START_TIME", None);
        check("2024-13-01", None);
        check("", None);
    }
}
