//! Times. The session's zone is UTC.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{
            Array as _, ArrayRef, AsArray as _, Float64Array, Int64Array, StringArray,
            TimestampMicrosecondArray,
        },
        compute::cast,
        datatypes::{DataType, Float64Type, TimeUnit, TimestampMicrosecondType},
    },
    common::Result,
};
use jiff::{SignedDuration, Span, Timestamp, Unit, civil::DateTime, tz::TimeZone};

use super::{Call, Function, Given, bigint, double, invalid, varchar};

pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "from_iso8601_timestamp", arguments: (1, 1), gives: zoned, run: from_iso },
    Function { name: "from_iso8601_date", arguments: (1, 1), gives: date, run: from_iso },
    Function { name: "to_iso8601", arguments: (1, 1), gives: varchar, run: to_iso },
    Function { name: "from_unixtime", arguments: (1, 2), gives: zoned, run: from_unix },
    Function { name: "to_unixtime", arguments: (1, 1), gives: double, run: to_unix },
    Function { name: "date_parse", arguments: (2, 2), gives: plain, run: date_parse },
    Function { name: "parse_datetime", arguments: (2, 2), gives: zoned, run: parse_datetime },
    Function { name: "date_format", arguments: (2, 2), gives: varchar, run: date_format },
    Function { name: "format_datetime", arguments: (2, 2), gives: varchar, run: format_datetime },
    Function { name: "date_add", arguments: (3, 3), gives: same_as_third, run: date_add },
    Function { name: "date_diff", arguments: (3, 3), gives: bigint, run: date_diff },
    Function { name: "date_trunc", arguments: (2, 2), gives: same_as_second, run: date_trunc },
    Function { name: "trino_part", arguments: (2, 2), gives: bigint, run: part },
];

fn zoned(_: &Given<'_>) -> Result<DataType> {
    Ok(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))
}

fn plain(_: &Given<'_>) -> Result<DataType> {
    Ok(DataType::Timestamp(TimeUnit::Microsecond, None))
}

fn date(_: &Given<'_>) -> Result<DataType> {
    Ok(DataType::Date32)
}

fn same_as_second(given: &Given<'_>) -> Result<DataType> {
    same(given.type_of(1))
}

fn same_as_third(given: &Given<'_>) -> Result<DataType> {
    same(given.type_of(2))
}

fn same(kind: DataType) -> Result<DataType> {
    Ok(match kind {
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Microsecond, zone),
        DataType::Date32 => DataType::Date32,
        // Texts of times are taken too, as people write them.
        _ => DataType::Timestamp(TimeUnit::Microsecond, None),
    })
}

/// A text of a time in any of the usual forms, in microseconds since 1970.
pub(crate) fn lenient(text: &str) -> Option<i64> {
    let text = text.trim();
    let text = text.strip_suffix(" UTC").unwrap_or(text);
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.as_microsecond());
    }
    if let Ok(time) = text.parse::<DateTime>() {
        return Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_microsecond());
    }
    let date = text.parse::<jiff::civil::Date>().ok()?;
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_microsecond())
}

/// An argument as times in microseconds.
fn times(call: &Call, at: usize) -> Result<TimestampMicrosecondArray> {
    let argument = call.argument(at)?;
    if matches!(argument.data_type(), DataType::Utf8) {
        let read = |text: Option<&str>| {
            let wrong = |text: &str| invalid(format!("Value cannot be cast to timestamp: {text}"));
            text.map(|it| lenient(it).ok_or_else(|| wrong(it))).transpose()
        };
        let times: Result<Vec<_>> = call.texts(at)?.iter().map(read).collect();
        return Ok(TimestampMicrosecondArray::from(times?));
    }
    let times = cast(argument, &DataType::Timestamp(TimeUnit::Microsecond, None))?;
    Ok(times.as_primitive::<TimestampMicrosecondType>().clone())
}

fn finish(call: &Call, times: Vec<Option<i64>>) -> Result<ArrayRef> {
    let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(times));
    Ok(match &call.gives {
        // Without a zone first: the text of a day is cut from it.
        DataType::Timestamp(_, Some(zone)) => {
            let times = times.as_primitive::<TimestampMicrosecondType>().clone();
            Arc::new(times.with_timezone(Arc::clone(zone)))
        }
        kind => cast(&times, kind)?,
    })
}

fn of(micros: i64) -> Result<DateTime> {
    let time =
        Timestamp::from_microsecond(micros).map_err(|_| invalid("the time is out of range"))?;
    Ok(time.to_zoned(TimeZone::UTC).datetime())
}

fn micros(time: DateTime) -> Result<i64> {
    let zoned = time.to_zoned(TimeZone::UTC).map_err(|_| invalid("the time is out of range"))?;
    Ok(zoned.timestamp().as_microsecond())
}

fn from_iso(call: &Call) -> Result<ArrayRef> {
    let read =
        |text: &str| lenient(text).ok_or_else(|| invalid(format!("Invalid format: \"{text}\"")));
    let times: Result<Vec<_>> = call.texts(0)?.iter().map(|it| it.map(read).transpose()).collect();
    finish(call, times?)
}

fn to_iso(call: &Call) -> Result<ArrayRef> {
    let is_date = matches!(call.argument(0)?.data_type(), DataType::Date32);
    let is_zoned = matches!(call.argument(0)?.data_type(), DataType::Timestamp(_, Some(_)));
    let format = match (is_date, is_zoned) {
        (true, _) => "%Y-%m-%d",
        (false, true) => "%Y-%m-%dT%H:%M:%S%.3fZ",
        (false, false) => "%Y-%m-%dT%H:%M:%S%.3f",
    };
    let shown = |it: i64| of(it).map(|it| it.strftime(format).to_string());
    let texts: Result<Vec<_>> =
        times(call, 0)?.iter().map(|it| it.map(shown).transpose()).collect();
    Ok(Arc::new(StringArray::from(texts?)))
}

fn from_unix(call: &Call) -> Result<ArrayRef> {
    let seconds = cast(call.argument(0)?, &DataType::Float64)?;
    let seconds = seconds.as_primitive::<Float64Type>();
    finish(call, seconds.iter().map(|it| it.map(|it| (it * 1e6).round() as i64)).collect())
}

fn to_unix(call: &Call) -> Result<ArrayRef> {
    let times = times(call, 0)?;
    Ok(Arc::new(times.iter().map(|it| it.map(|it| it as f64 / 1e6)).collect::<Float64Array>()))
}

/// Translates a pattern, letter by letter.
fn pattern(text: &str, letter: fn(&str) -> Option<(&'static str, usize)>) -> Result<String> {
    let (mut rest, mut made) = (text, String::new());
    while let Some(first) = rest.chars().next() {
        if let Some((directive, length)) = letter(rest) {
            made.push_str(directive);
            rest = rest.get(length..).unwrap_or_default();
            continue;
        }
        if first == '\'' {
            let inside = rest.get(1..).unwrap_or_default();
            let end = inside.find('\'').unwrap_or(inside.len());
            made.push_str(&inside.get(..end).unwrap_or_default().replace('%', "%%"));
            rest = inside.get(end + 1..).unwrap_or_default();
            continue;
        }
        if first.is_ascii_alphabetic() || first == '%' {
            return Err(invalid(format!("Invalid format: \"{text}\"")));
        }
        made.push(first);
        rest = rest.get(first.len_utf8()..).unwrap_or_default();
    }
    Ok(made)
}

/// MySQL's letters.
fn mysql(text: &str) -> Option<(&'static str, usize)> {
    let letter = text.strip_prefix('%');
    let Some(letter) = letter.and_then(|it| it.chars().next()) else {
        // Any other letter stands for itself.
        let plain = text.chars().next().filter(char::is_ascii_alphabetic)?;
        let place = u8::try_from(plain).ok().map(usize::from)?;
        return LETTERS.get(place..=place).map(|it| (it, 1));
    };
    let directive = match letter {
        'a' => "%a",
        'b' => "%b",
        'c' => "%-m",
        'd' => "%d",
        'e' => "%-d",
        'f' => "%6f",
        'H' => "%H",
        'h' | 'I' => "%I",
        'i' => "%M",
        'j' => "%j",
        'k' => "%-H",
        'l' => "%-I",
        'M' => "%B",
        'm' => "%m",
        'p' => "%p",
        'r' => "%I:%M:%S %p",
        'S' | 's' => "%S",
        'T' => "%H:%M:%S",
        'v' => "%V",
        'W' => "%A",
        'w' => "%w",
        'x' => "%G",
        'Y' => "%Y",
        'y' => "%y",
        '%' => "%%",
        _ => return None,
    };
    Some((directive, 1 + letter.len_utf8()))
}

/// Joda's letters, the longest first.
fn joda(text: &str) -> Option<(&'static str, usize)> {
    const LETTERS: [(&str, &str); 26] = [
        ("yyyy", "%Y"),
        ("YYYY", "%Y"),
        ("yy", "%y"),
        ("y", "%Y"),
        ("MMMM", "%B"),
        ("MMM", "%b"),
        ("MM", "%m"),
        ("M", "%-m"),
        ("dd", "%d"),
        ("d", "%-d"),
        ("HH", "%H"),
        ("H", "%-H"),
        ("hh", "%I"),
        ("h", "%-I"),
        ("mm", "%M"),
        ("m", "%-M"),
        ("ss", "%S"),
        ("s", "%-S"),
        ("SSSSSS", "%6f"),
        ("SSS", "%3f"),
        ("a", "%p"),
        ("EEEE", "%A"),
        ("EEE", "%a"),
        ("E", "%a"),
        ("ZZ", "+00:00"),
        ("Z", "+0000"),
    ];
    LETTERS.iter().find(|(it, _)| text.starts_with(it)).map(|(it, to)| (*to, it.len()))
}

fn parse_by(call: &Call, letter: fn(&str) -> Option<(&'static str, usize)>) -> Result<ArrayRef> {
    let (texts, patterns) = (call.texts(0)?, call.texts(1)?);
    let mut times = Vec::with_capacity(call.rows);
    for (text, format) in texts.iter().zip(patterns.iter()) {
        let (Some(text), Some(format)) = (text, format) else {
            times.push(None);
            continue;
        };
        let format = pattern(format, letter)?.replace("%6f", "%f").replace("%3f", "%f");
        let wrong = |_| invalid(format!("Invalid format: \"{text}\""));
        let broken = jiff::fmt::strtime::parse(&format, text).map_err(wrong)?;
        let time = broken.to_datetime().or_else(|_| broken.to_date().map(|it| it.at(0, 0, 0, 0)));
        times.push(Some(micros(time.map_err(wrong)?)?));
    }
    finish(call, times)
}

fn date_parse(call: &Call) -> Result<ArrayRef> {
    parse_by(call, mysql)
}

fn parse_datetime(call: &Call) -> Result<ArrayRef> {
    parse_by(call, joda)
}

fn format_by(call: &Call, letter: fn(&str) -> Option<(&'static str, usize)>) -> Result<ArrayRef> {
    let (times, patterns) = (times(call, 0)?, call.texts(1)?);
    let mut texts = Vec::with_capacity(call.rows);
    for (time, format) in times.iter().zip(patterns.iter()) {
        let (Some(time), Some(format)) = (time, format) else {
            texts.push(None);
            continue;
        };
        texts.push(Some(of(time)?.strftime(&pattern(format, letter)?).to_string()));
    }
    Ok(Arc::new(StringArray::from(texts)))
}

fn date_format(call: &Call) -> Result<ArrayRef> {
    format_by(call, mysql)
}

fn format_datetime(call: &Call) -> Result<ArrayRef> {
    format_by(call, joda)
}

fn span(unit: &str, count: i64) -> Result<Span> {
    let span = match unit {
        "millisecond" => Span::new().try_milliseconds(count),
        "second" => Span::new().try_seconds(count),
        "minute" => Span::new().try_minutes(count),
        "hour" => Span::new().try_hours(count),
        "day" => Span::new().try_days(count),
        "week" => Span::new().try_weeks(count),
        "month" => Span::new().try_months(count),
        "quarter" => Span::new().try_months(count.saturating_mul(3)),
        "year" => Span::new().try_years(count),
        _ => return Err(invalid(format!("'{unit}' is not a valid Timestamp field"))),
    };
    span.map_err(|_| invalid("the time is out of range"))
}

fn date_add(call: &Call) -> Result<ArrayRef> {
    let (units, counts, times) = (call.texts(0)?, call.integers(1)?, times(call, 2)?);
    let mut made = Vec::with_capacity(call.rows);
    for ((unit, count), time) in units.iter().zip(counts.iter()).zip(times.iter()) {
        let (Some(unit), Some(count), Some(time)) = (unit, count, time) else {
            made.push(None);
            continue;
        };
        let added = of(time)?.checked_add(span(&unit.to_lowercase(), count)?);
        made.push(Some(micros(added.map_err(|_| invalid("the time is out of range"))?)?));
    }
    finish(call, made)
}

fn date_diff(call: &Call) -> Result<ArrayRef> {
    let (units, from, until) = (call.texts(0)?, times(call, 1)?, times(call, 2)?);
    let mut made = Vec::with_capacity(call.rows);
    for ((unit, from), until) in units.iter().zip(from.iter()).zip(until.iter()) {
        let (Some(unit), Some(from), Some(until)) = (unit, from, until) else {
            made.push(None);
            continue;
        };
        let between = SignedDuration::from_micros(until - from);
        let whole = |seconds: i64| between.as_secs() / seconds;
        made.push(Some(match unit.to_lowercase().as_str() {
            "millisecond" => i64::try_from(between.as_millis()).unwrap_or(i64::MAX),
            "second" => whole(1),
            "minute" => whole(60),
            "hour" => whole(3_600),
            "day" => whole(86_400),
            "week" => whole(604_800),
            "month" => months(from, until)?,
            "quarter" => months(from, until)? / 3,
            "year" => months(from, until)? / 12,
            other => return Err(invalid(format!("'{other}' is not a valid Timestamp field"))),
        }));
    }
    Ok(Arc::new(Int64Array::from(made)))
}

/// Whole months from one to the other.
fn months(from: i64, until: i64) -> Result<i64> {
    let span = of(from)?.until((Unit::Month, of(until)?));
    Ok(i64::from(span.map_err(|_| invalid("the time is out of range"))?.get_months()))
}

fn date_trunc(call: &Call) -> Result<ArrayRef> {
    let (units, times) = (call.texts(0)?, times(call, 1)?);
    let mut made = Vec::with_capacity(call.rows);
    for (unit, time) in units.iter().zip(times.iter()) {
        let (Some(unit), Some(time)) = (unit, time) else {
            made.push(None);
            continue;
        };
        let whole = |size: i64| Ok(time.div_euclid(size) * size);
        let at = of(time)?;
        let day = |date: jiff::civil::Date| micros(date.at(0, 0, 0, 0));
        made.push(Some(match unit.to_lowercase().as_str() {
            "millisecond" => whole(1_000),
            "second" => whole(1_000_000),
            "minute" => whole(60_000_000),
            "hour" => whole(3_600_000_000),
            "day" => day(at.date()),
            "week" => {
                let days = i64::from(at.weekday().to_monday_zero_offset());
                day(at.date().saturating_sub(Span::new().days(days)))
            }
            "month" => day(at.date().first_of_month()),
            "quarter" => {
                let month = (at.month() - 1) / 3 * 3 + 1;
                day(jiff::civil::Date::new(at.year(), month, 1).unwrap_or(at.date()))
            }
            "year" => day(at.date().first_of_year()),
            other => return Err(invalid(format!("'{other}' is not a valid Timestamp field"))),
        }?));
    }
    finish(call, made)
}

fn part(call: &Call) -> Result<ArrayRef> {
    let (fields, times) = (call.texts(0)?, times(call, 1)?);
    let mut made = Vec::with_capacity(call.rows);
    for (field, time) in fields.iter().zip(times.iter()) {
        let (Some(field), Some(time)) = (field, time) else {
            made.push(None);
            continue;
        };
        let at = of(time)?;
        made.push(Some(match field {
            "year" => i64::from(at.year()),
            "quarter" => i64::from((at.month() - 1) / 3 + 1),
            "month" => i64::from(at.month()),
            "week" => i64::from(at.date().iso_week_date().week()),
            "isoyear" => i64::from(at.date().iso_week_date().year()),
            "day" => i64::from(at.day()),
            "isodow" => i64::from(at.weekday().to_monday_one_offset()),
            "doy" => i64::from(at.day_of_year()),
            "hour" => i64::from(at.hour()),
            "minute" => i64::from(at.minute()),
            "second" => i64::from(at.second()),
            "millisecond" => i64::from(at.millisecond()),
            // Every time is shown in UTC.
            _ => 0,
        }));
    }
    Ok(Arc::new(Int64Array::from(made)))
}

/// Each letter at its own place, to stand for itself.
const LETTERS: &str = "\
................................................................\
.ABCDEFGHIJKLMNOPQRSTUVWXYZ......abcdefghijklmnopqrstuvwxyz.....";
