//! Dates and times: fields, arithmetic, text.
//!
//! Everything is milliseconds since 1970; a value with a zone is worked on at that zone's wall
//! clock, one without at its own. Weeks begin on Monday.
//! Spec: Trino, "Date and time functions and operators".

mod format;
mod zone;

use std::{borrow::Cow, sync::Arc};

use chrono::{DateTime, Datelike as _, Months, NaiveDate, NaiveDateTime, TimeDelta, Timelike as _};
use datafusion::{
    arrow::{
        array::{ArrayRef, Date32Array, TimestampMillisecondArray},
        datatypes::{DataType, TimeUnit, TimestampMillisecondType},
    },
    error::Result,
};

pub(super) use zone::AT_TIMEZONE;
use zone::Zone;

use super::{
    cast,
    scalar::{self, Call, Kind, Scalar, fixed, optional},
};
use crate::types;

const TIME: &[Kind] = &[Kind::Time];

pub(super) const ALL: &[Scalar] = &[
    fixed(
        "date",
        TIME,
        |_| Ok(DataType::Date32),
        |call| {
            let (at, zone) = (call.millis(0)?, Zone::of(&call.kind(0)));
            instants(call, |row| Ok(at.get(row).map(|it| it + zone.offset(it) * SECOND)))
        },
    ),
    fixed("date_add", &[Kind::Text, Kind::Int, Kind::Time], third, |call| {
        let (unit, count, at) = (call.text(0)?, call.int(1)?, call.millis(2)?);
        let zone = Zone::of(&call.kind(2));
        instants(call, |row| {
            let (Some(unit), Some(count), Some(at)) = (unit.get(row), count.get(row), at.get(row))
            else {
                return Ok(None);
            };
            let unit = Unit::read(unit)
                .ok_or_else(|| call.fail(format_args!("'{unit}' is not a valid field")))?;
            let sum = unit.add(at, count, &zone);
            sum.map(Some).ok_or_else(|| call.fail("the result is out of range"))
        })
    }),
    fixed("date_diff", &[Kind::Text, Kind::Time, Kind::Time], scalar::bigint, |call| {
        let (unit, from, to) = (call.text(0)?, call.millis(1)?, call.millis(2)?);
        let (zone, other) = (Zone::of(&call.kind(1)), Zone::of(&call.kind(2)));
        call.ints(|row| {
            let (Some(unit), Some(from), Some(to)) = (unit.get(row), from.get(row), to.get(row))
            else {
                return Ok(None);
            };
            let unit = Unit::read(unit)
                .ok_or_else(|| call.fail(format_args!("'{unit}' is not a valid field")))?;
            Ok(zone.local(from).zip(other.local(to)).map(|(from, to)| unit.between(from, to)))
        })
    }),
    fixed("date_format", &[Kind::Time, Kind::Text], scalar::text, |call| {
        formatted(call, format::mysql)
    }),
    fixed(
        "date_parse",
        &[Kind::Text, Kind::Text],
        |_| Ok(types::TIMESTAMP),
        |call| parsed(call, format::mysql),
    ),
    fixed("date_trunc", &[Kind::Text, Kind::Time], second, |call| {
        let (unit, at) = (call.text(0)?, call.millis(1)?);
        let zone = Zone::of(&call.kind(1));
        let once = unit.literal().and_then(Unit::read);
        if let (Some((length, first)), Zone::Utc) = (once.and_then(Unit::period), &zone) {
            let start = |at: i64| at.wrapping_sub(at.wrapping_sub(first).rem_euclid(length));
            if let Some(starts) = at.each::<TimestampMillisecondType>(start) {
                return Ok(instant_column(call, starts));
            }
        }
        instants(call, |row| {
            let (Some(unit), Some(at)) = (unit.get(row), at.get(row)) else { return Ok(None) };
            let read = once.or_else(|| Unit::read(unit));
            let read =
                read.ok_or_else(|| call.fail(format_args!("'{unit}' is not a valid field")))?;
            Ok(zone.local(at).and_then(|it| read.truncate(it)).and_then(|it| zone.utc(it)))
        })
    }),
    fixed("day", TIME, scalar::bigint, |call| field(call, |it| i64::from(it.day()))),
    fixed("day_of_month", TIME, scalar::bigint, |call| field(call, |it| i64::from(it.day()))),
    fixed("day_of_week", TIME, scalar::bigint, |call| field(call, day_of_week)),
    fixed("day_of_year", TIME, scalar::bigint, |call| field(call, |it| i64::from(it.ordinal()))),
    fixed("dow", TIME, scalar::bigint, |call| field(call, day_of_week)),
    fixed("doy", TIME, scalar::bigint, |call| field(call, |it| i64::from(it.ordinal()))),
    fixed("format_datetime", &[Kind::Time, Kind::Text], scalar::text, |call| {
        formatted(call, format::joda)
    }),
    fixed(
        "from_iso8601_date",
        &[Kind::Text],
        |_| Ok(DataType::Date32),
        |call| {
            let text = call.text(0)?;
            instants(call, |row| {
                let Some(text) = text.get(row) else { return Ok(None) };
                let day = if text.contains([':', ' ']) { None } else { format::iso_date(text) };
                let day = day.ok_or_else(|| call.fail(format_args!("invalid format: '{text}'")))?;
                Ok(Some(day.and_utc().timestamp_millis()))
            })
        },
    ),
    fixed(
        "from_iso8601_timestamp",
        &[Kind::Text],
        |_| Ok(types::zoned()),
        |call| {
            let text = call.text(0)?;
            instants(call, |row| {
                let Some(text) = text.get(row) else { return Ok(None) };
                let at = cast::instant(text)
                    .or_else(|| Some(format::iso_date(text)?.and_utc().timestamp_millis()));
                at.map(Some).ok_or_else(|| call.fail(format_args!("invalid format: '{text}'")))
            })
        },
    ),
    optional(
        "from_unixtime",
        &[Kind::Double, Kind::Text],
        1,
        |_| Ok(types::zoned()),
        |call| {
            let seconds = call.double(0)?;
            instants(call, |row| {
                let Some(seconds) = seconds.get(row) else { return Ok(None) };
                let millis = (seconds * 1_000.0).round();
                if !(-6.3e13..2.6e14).contains(&millis) {
                    return Err(call.fail("the instant is out of range"));
                }
                #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
                let millis = millis as i64;
                Ok(Some(millis))
            })
        },
    ),
    fixed("hour", TIME, scalar::bigint, |call| field(call, |it| i64::from(it.hour()))),
    fixed("human_readable_seconds", &[Kind::Double], scalar::text, |call| {
        let seconds = call.double(0)?;
        call.strings(|row| Ok(seconds.get(row).map(|it| Cow::Owned(format::human_seconds(it)))))
    }),
    fixed(
        "last_day_of_month",
        TIME,
        |_| Ok(DataType::Date32),
        |call| {
            let (at, zone) = (call.millis(0)?, Zone::of(&call.kind(0)));
            instants(call, |row| {
                Ok(at.get(row).and_then(|it| zone.local(it)).and_then(|it| {
                    let first = it.date().with_day(1)?;
                    let last = first.checked_add_months(Months::new(1))?.pred_opt()?;
                    Some(last.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis())
                }))
            })
        },
    ),
    fixed("millisecond", TIME, scalar::bigint, |call| {
        field(call, |it| i64::from(it.and_utc().timestamp_subsec_millis()))
    }),
    fixed("minute", TIME, scalar::bigint, |call| field(call, |it| i64::from(it.minute()))),
    fixed("month", TIME, scalar::bigint, |call| field(call, |it| i64::from(it.month()))),
    fixed(
        "parse_datetime",
        &[Kind::Text, Kind::Text],
        |_| Ok(types::zoned()),
        |call| parsed(call, format::joda),
    ),
    fixed("quarter", TIME, scalar::bigint, |call| field(call, |it| i64::from(it.month0() / 3 + 1))),
    fixed("second", TIME, scalar::bigint, |call| field(call, |it| i64::from(it.second()))),
    fixed("timezone_hour", TIME, scalar::bigint, |call| offset(call, |it| it / 3_600)),
    fixed("timezone_minute", TIME, scalar::bigint, |call| offset(call, |it| it % 3_600 / 60)),
    fixed("to_iso8601", TIME, scalar::text, |call| {
        let (at, zone) = (call.millis(0)?, Zone::of(&call.kind(0)));
        let date = call.kind(0) == DataType::Date32;
        let zoned = matches!(call.kind(0), DataType::Timestamp(_, Some(_)));
        call.strings(|row| {
            Ok(at.get(row).and_then(|it| {
                let local = zone.local(it)?;
                Some(Cow::Owned(format::iso(local, date, zoned.then(|| zone.offset(it)))))
            }))
        })
    }),
    fixed("to_unixtime", TIME, scalar::double, |call| {
        let at = call.millis(0)?;
        call.doubles(|row| {
            Ok(at.get(row).map(|it| {
                #[expect(clippy::cast_precision_loss, reason = "instants have fewer digits")]
                let seconds = it as f64 / 1_000.0;
                seconds
            }))
        })
    }),
    fixed("week", TIME, scalar::bigint, |call| field(call, |it| i64::from(it.iso_week().week()))),
    fixed("week_of_year", TIME, scalar::bigint, |call| {
        field(call, |it| i64::from(it.iso_week().week()))
    }),
    fixed("year", TIME, scalar::bigint, |call| field(call, |it| i64::from(it.year()))),
    fixed("year_of_week", TIME, scalar::bigint, |call| {
        field(call, |it| i64::from(it.iso_week().year()))
    }),
    fixed("yow", TIME, scalar::bigint, |call| field(call, |it| i64::from(it.iso_week().year()))),
];

fn day_of_week(at: &NaiveDateTime) -> i64 {
    i64::from(at.weekday().number_from_monday())
}

fn second(args: &[DataType]) -> Result<DataType> {
    Ok(args.get(1).cloned().unwrap_or(DataType::Null))
}

fn third(args: &[DataType]) -> Result<DataType> {
    Ok(args.get(2).cloned().unwrap_or(DataType::Null))
}

/// A column of dates or timestamps, as the result's type says, from milliseconds.
fn instants(call: &Call<'_>, each: impl FnMut(usize) -> Result<Option<i64>>) -> Result<ArrayRef> {
    let out = (0..call.rows).map(each).collect::<Result<_>>()?;
    Ok(instant_column(call, out))
}

/// Milliseconds as what the result's type says.
fn instant_column(call: &Call<'_>, out: TimestampMillisecondArray) -> ArrayRef {
    match call.result {
        DataType::Date32 => {
            let days: Date32Array = out
                .iter()
                .map(|it| it.and_then(|it| i32::try_from(it.div_euclid(DAY)).ok()))
                .collect();
            Arc::new(days)
        }
        DataType::Timestamp(TimeUnit::Millisecond, Some(zone)) => {
            Arc::new(out.with_timezone(Arc::clone(zone)))
        }
        _ => Arc::new(out),
    }
}

fn field(call: &Call<'_>, read: impl Fn(&NaiveDateTime) -> i64) -> Result<ArrayRef> {
    let (at, zone) = (call.millis(0)?, Zone::of(&call.kind(0)));
    call.ints(|row| Ok(at.get(row).and_then(|it| zone.local(it)).map(|it| read(&it))))
}

fn offset(call: &Call<'_>, read: impl Fn(i64) -> i64) -> Result<ArrayRef> {
    let (at, zone) = (call.millis(0)?, Zone::of(&call.kind(0)));
    call.ints(|row| Ok(at.get(row).map(|it| read(zone.offset(it)))))
}

fn formatted(call: &Call<'_>, read: fn(&str) -> Option<format::Pattern>) -> Result<ArrayRef> {
    let (at, pattern) = (call.millis(0)?, call.text(1)?);
    let zone = Zone::of(&call.kind(0));
    let once = pattern.literal().and_then(read);
    call.strings(|row| {
        let (Some(at), Some(pattern)) = (at.get(row), pattern.get(row)) else { return Ok(None) };
        let own;
        let read = match &once {
            Some(it) => it,
            None => {
                own = read(pattern)
                    .ok_or_else(|| call.fail(format_args!("invalid pattern '{pattern}'")))?;
                &own
            }
        };
        Ok(zone.local(at).map(|local| Cow::Owned(read.format(local, zone.offset(at), zone.name()))))
    })
}

fn parsed(call: &Call<'_>, read: fn(&str) -> Option<format::Pattern>) -> Result<ArrayRef> {
    let (text, pattern) = (call.text(0)?, call.text(1)?);
    let once = pattern.literal().and_then(read);
    instants(call, |row| {
        let (Some(text), Some(pattern)) = (text.get(row), pattern.get(row)) else {
            return Ok(None);
        };
        let own;
        let read = match &once {
            Some(it) => it,
            None => {
                own = read(pattern)
                    .ok_or_else(|| call.fail(format_args!("invalid pattern '{pattern}'")))?;
                &own
            }
        };
        let at = read.parse(text);
        at.map(Some).ok_or_else(|| call.fail(format_args!("invalid format: '{text}' is malformed")))
    })
}

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A unit of time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Unit {
    /// So many milliseconds, up to an hour.
    Fixed(i64),
    /// So many days, of the calendar.
    Days(i64),
    /// So many months.
    Months(i64),
}

impl Unit {
    fn read(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        Some(match lower.strip_suffix('s').filter(|it| !it.is_empty()).unwrap_or(&lower) {
            "millisecond" => Self::Fixed(1),
            "second" => Self::Fixed(SECOND),
            "minute" => Self::Fixed(MINUTE),
            "hour" => Self::Fixed(HOUR),
            "day" => Self::Days(1),
            "week" => Self::Days(7),
            "month" => Self::Months(1),
            "quarter" => Self::Months(3),
            "year" => Self::Months(12),
            _ => return None,
        })
    }

    fn add(self, at: i64, count: i64, zone: &Zone) -> Option<i64> {
        match self {
            Self::Fixed(unit) => at.checked_add(unit.checked_mul(count)?),
            Self::Days(days) => {
                let by = TimeDelta::try_days(days.checked_mul(count)?)?;
                zone.utc(zone.local(at)?.checked_add_signed(by)?)
            }
            Self::Months(months) => zone.utc(shift(zone.local(at)?, months.checked_mul(count)?)?),
        }
    }

    /// How many whole units lie between, negative if `to` is earlier.
    fn between(self, from: NaiveDateTime, to: NaiveDateTime) -> i64 {
        let millis = (to - from).num_milliseconds();
        match self {
            Self::Fixed(unit) => millis / unit,
            Self::Days(days) => millis / (days * DAY),
            Self::Months(months) => {
                let whole = |it: &NaiveDateTime| i64::from(it.year()) * 12 + i64::from(it.month0());
                let mut between = whole(&to) - whole(&from);
                // The last month counts once its day and time are reached.
                let reached = shift(from, between);
                if between > 0 && reached.is_some_and(|it| it > to) {
                    between -= 1;
                } else if between < 0 && reached.is_some_and(|it| it < to) {
                    between += 1;
                }
                between / months
            }
        }
    }

    /// How long it is in milliseconds, and when one of it begins, where all are equally long at UTC.
    fn period(self) -> Option<(i64, i64)> {
        match self {
            Self::Fixed(length) => Some((length, 0)),
            // The fifth day of 1970 was a Monday.
            Self::Days(days) => Some((days * DAY, 4 * DAY)),
            Self::Months(_) => None,
        }
    }

    fn truncate(self, at: NaiveDateTime) -> Option<NaiveDateTime> {
        let midnight = |day: NaiveDate| day.and_hms_opt(0, 0, 0);
        match self {
            Self::Fixed(unit) => {
                let millis = at.and_utc().timestamp_millis();
                DateTime::from_timestamp_millis(millis.div_euclid(unit) * unit)
                    .map(|it| it.naive_utc())
            }
            Self::Days(1) => midnight(at.date()),
            Self::Days(_) => {
                let back = i64::from(at.weekday().num_days_from_monday());
                midnight(at.date().checked_sub_signed(TimeDelta::days(back))?)
            }
            Self::Months(12) => midnight(NaiveDate::from_ymd_opt(at.year(), 1, 1)?),
            Self::Months(3) => {
                midnight(NaiveDate::from_ymd_opt(at.year(), at.month0() / 3 * 3 + 1, 1)?)
            }
            Self::Months(_) => midnight(NaiveDate::from_ymd_opt(at.year(), at.month(), 1)?),
        }
    }
}

/// So many months later or earlier; a day that the month lacks becomes its last.
fn shift(at: NaiveDateTime, months: i64) -> Option<NaiveDateTime> {
    let by = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
    if months < 0 { at.checked_sub_months(by) } else { at.checked_add_months(by) }
}

/// So many months after an instant in milliseconds, at UTC.
pub(super) fn add_months(at: i64, months: i64) -> Option<i64> {
    let at = DateTime::from_timestamp_millis(at)?.naive_utc();
    Some(shift(at, months)?.and_utc().timestamp_millis())
}

/// The text of an instant, for errors.
#[cfg(test)]
fn shown(at: i64) -> String {
    crate::text::timestamp(at, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_lengths_begin_when_the_calendar_says_so() {
        for unit in ["millisecond", "second", "minute", "hour", "day", "week"] {
            let unit = Unit::read(unit).unwrap();
            let (length, first) = unit.period().unwrap();
            for at in (-40 * DAY..40 * DAY).step_by(7_919_003) {
                let by_calendar = unit.truncate(Zone::Utc.local(at).unwrap()).unwrap();
                let by_length = at - (at - first).rem_euclid(length);
                assert_eq!(Zone::Utc.utc(by_calendar), Some(by_length), "{unit:?} {at}");
            }
        }
        assert_eq!(Unit::read("month").unwrap().period(), None);
    }

    #[test]
    fn a_month_is_reached_on_its_day_or_the_last_there_is() {
        let january = cast::instant("2024-01-31").unwrap();
        assert_eq!(add_months(january, 1).map(shown).as_deref(), Some("2024-02-29 00:00:00.000"));
        assert_eq!(add_months(january, -11).map(shown).as_deref(), Some("2023-02-28 00:00:00.000"));
    }
}
