//! Patterns for dates: MySQL's (`%Y-%m-%d`) and Joda's (`yyyy-MM-dd`), both ways.

use std::fmt::Write as _;

use chrono::{
    Datelike as _, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone as _, Timelike as _,
};
use datafusion::arrow::array::timezone::Tz;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// A pattern, read.
#[derive(Debug)]
pub(super) struct Pattern(Vec<Item>);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Item {
    AmPm,
    Day(usize),
    DayOfYear(usize),
    /// Parts of a second, to so many digits.
    Fraction(usize),
    Hour(usize),
    /// 1 to 12.
    Hour12(usize),
    Literal(String),
    Minute(usize),
    Month(usize),
    MonthName,
    MonthShort,
    /// Offset from UTC, with a colon or without.
    Offset(bool),
    Second(usize),
    Week(usize),
    WeekYear(usize),
    Weekday,
    WeekdayName,
    WeekdayShort,
    Year(usize),
    /// Two digits.
    YearShort,
    ZoneName,
}

/// Characters that a pattern may have.
const PATTERN_MAX: usize = 1_024;

/// Reads MySQL's pattern, as `date_format` and `date_parse` take it.
pub(super) fn mysql(pattern: &str) -> Option<Pattern> {
    if pattern.len() > PATTERN_MAX {
        return None;
    }
    let mut items = Vec::new();
    let mut letters = pattern.chars();
    while let Some(c) = letters.next() {
        if c != '%' {
            literal(&mut items, c);
            continue;
        }
        match letters.next()? {
            'a' => items.push(Item::WeekdayShort),
            'b' => items.push(Item::MonthShort),
            'c' => items.push(Item::Month(1)),
            'd' => items.push(Item::Day(2)),
            'e' => items.push(Item::Day(1)),
            'f' => items.push(Item::Fraction(6)),
            'H' => items.push(Item::Hour(2)),
            'h' | 'I' => items.push(Item::Hour12(2)),
            'i' => items.push(Item::Minute(2)),
            'j' => items.push(Item::DayOfYear(3)),
            'k' => items.push(Item::Hour(1)),
            'l' => items.push(Item::Hour12(1)),
            'M' => items.push(Item::MonthName),
            'm' => items.push(Item::Month(2)),
            'p' => items.push(Item::AmPm),
            'r' => {
                items.push(Item::Hour12(2));
                literal(&mut items, ':');
                items.push(Item::Minute(2));
                literal(&mut items, ':');
                items.push(Item::Second(2));
                literal(&mut items, ' ');
                items.push(Item::AmPm);
            }
            'S' | 's' => items.push(Item::Second(2)),
            'T' => {
                items.push(Item::Hour(2));
                literal(&mut items, ':');
                items.push(Item::Minute(2));
                literal(&mut items, ':');
                items.push(Item::Second(2));
            }
            'v' => items.push(Item::Week(2)),
            'W' => items.push(Item::WeekdayName),
            'x' => items.push(Item::WeekYear(4)),
            'Y' => items.push(Item::Year(4)),
            'y' => items.push(Item::YearShort),
            // Trino refuses these, since they are no part of its calendar.
            'D' | 'U' | 'u' | 'V' | 'w' | 'X' => return None,
            other => literal(&mut items, other),
        }
    }
    Some(Pattern(items))
}

/// Reads Joda's pattern, as `format_datetime` and `parse_datetime` take it.
pub(super) fn joda(pattern: &str) -> Option<Pattern> {
    if pattern.len() > PATTERN_MAX {
        return None;
    }
    let mut items = Vec::new();
    let mut letters = pattern.chars().peekable();
    while let Some(c) = letters.next() {
        if c == '\'' {
            if letters.next_if_eq(&'\'').is_some() {
                literal(&mut items, '\'');
                continue;
            }
            loop {
                match letters.next()? {
                    '\'' if letters.next_if_eq(&'\'').is_some() => literal(&mut items, '\''),
                    '\'' => break,
                    other => literal(&mut items, other),
                }
            }
            continue;
        }
        if !c.is_ascii_alphabetic() {
            literal(&mut items, c);
            continue;
        }
        let mut count = 1;
        while letters.next_if_eq(&c).is_some() {
            count += 1;
        }
        items.push(match (c, count) {
            ('y' | 'Y' | 'u', 2) => Item::YearShort,
            ('y' | 'Y' | 'u', _) => Item::Year(count),
            ('x', _) => Item::WeekYear(count),
            ('M', 4..) => Item::MonthName,
            ('M', 3) => Item::MonthShort,
            ('M', _) => Item::Month(count),
            ('w', _) => Item::Week(count),
            ('e', _) => Item::Weekday,
            ('E', 4..) => Item::WeekdayName,
            ('E', _) => Item::WeekdayShort,
            ('d', _) => Item::Day(count),
            ('D', _) => Item::DayOfYear(count),
            ('a', _) => Item::AmPm,
            ('h', _) => Item::Hour12(count),
            ('H', _) => Item::Hour(count),
            ('m', _) => Item::Minute(count),
            ('s', _) => Item::Second(count),
            ('S', _) => Item::Fraction(count),
            ('Z', 1) => Item::Offset(false),
            ('Z', 2) => Item::Offset(true),
            ('Z' | 'z', _) => Item::ZoneName,
            _ => return None,
        });
    }
    Some(Pattern(items))
}

fn literal(items: &mut Vec<Item>, c: char) {
    if let Some(Item::Literal(text)) = items.last_mut() {
        text.push(c);
    } else {
        items.push(Item::Literal(c.to_string()));
    }
}

fn short(name: &str) -> &str {
    name.get(..3).unwrap_or(name)
}

fn named<'a>(names: &[&'a str], at: u32) -> &'a str {
    usize::try_from(at).ok().and_then(|at| names.get(at)).copied().unwrap_or_default()
}

impl Pattern {
    /// The wall clock `at` as text; `offset` is in seconds east of UTC.
    pub(super) fn format(&self, at: NaiveDateTime, offset: i64, zone: &str) -> String {
        let mut out = String::new();
        for item in &self.0 {
            let written = match item {
                Item::AmPm => write!(out, "{}", if at.hour() < 12 { "AM" } else { "PM" }),
                Item::Day(width) => write!(out, "{:0width$}", at.day()),
                Item::DayOfYear(width) => write!(out, "{:0width$}", at.ordinal()),
                Item::Fraction(digits) => {
                    let all = format!(
                        "{:03}{}",
                        at.and_utc().timestamp_subsec_millis(),
                        "0".repeat((*digits).min(64))
                    );
                    write!(out, "{}", all.get(..*digits).unwrap_or(&all))
                }
                Item::Hour(width) => write!(out, "{:0width$}", at.hour()),
                Item::Hour12(width) => write!(out, "{:0width$}", at.hour12().1),
                Item::Literal(text) => write!(out, "{text}"),
                Item::Minute(width) => write!(out, "{:0width$}", at.minute()),
                Item::Month(width) => write!(out, "{:0width$}", at.month()),
                Item::MonthName => write!(out, "{}", named(&MONTHS, at.month0())),
                Item::MonthShort => write!(out, "{}", short(named(&MONTHS, at.month0()))),
                Item::Offset(colon) => write!(out, "{}", offset_text(offset, *colon)),
                Item::Second(width) => write!(out, "{:0width$}", at.second()),
                Item::Week(width) => write!(out, "{:0width$}", at.iso_week().week()),
                Item::WeekYear(width) => write!(out, "{:0width$}", at.iso_week().year()),
                Item::Weekday => write!(out, "{}", at.weekday().number_from_monday()),
                Item::WeekdayName => {
                    write!(out, "{}", named(&DAYS, at.weekday().num_days_from_monday()))
                }
                Item::WeekdayShort => {
                    write!(out, "{}", short(named(&DAYS, at.weekday().num_days_from_monday())))
                }
                Item::Year(width) => write!(out, "{:0width$}", at.year()),
                Item::YearShort => write!(out, "{:02}", at.year().rem_euclid(100)),
                Item::ZoneName => write!(out, "{zone}"),
            };
            // Writing to a String cannot fail.
            let _ = written;
        }
        out
    }

    /// Milliseconds since 1970 of a text in this pattern; UTC where it names no zone.
    pub(super) fn parse(&self, text: &str) -> Option<i64> {
        let mut rest = text;
        let mut read = Read::default();
        for (at, item) in self.0.iter().enumerate() {
            // A number ends where the next begins, if nothing stands between.
            let tight = matches!(
                self.0.get(at + 1),
                Some(
                    Item::Day(_)
                        | Item::Hour(_)
                        | Item::Minute(_)
                        | Item::Month(_)
                        | Item::Second(_)
                        | Item::Fraction(_)
                        | Item::Hour12(_)
                )
            );
            read.item(item, &mut rest, tight)?;
        }
        if rest.is_empty() { read.instant() } else { None }
    }
}

/// What was read so far.
#[derive(Default)]
struct Read {
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    of_year: Option<u32>,
    week: Option<u32>,
    weekday: Option<u32>,
    hour: u32,
    half: Option<bool>,
    minute: u32,
    second: u32,
    millis: u32,
    offset: Option<i64>,
    zone: Option<Tz>,
}

impl Read {
    fn item(&mut self, item: &Item, rest: &mut &str, tight: bool) -> Option<()> {
        let limit = |width: usize, most: usize| if tight { width.max(1) } else { most };
        match item {
            Item::AmPm => {
                let (half, after) = rest.split_at_checked(2)?;
                self.half = Some(match half.to_ascii_uppercase().as_str() {
                    "AM" => false,
                    "PM" => true,
                    _ => return None,
                });
                *rest = after;
            }
            Item::Day(w) => self.day = Some(number(rest, limit(*w, 2))?),
            Item::DayOfYear(w) => self.of_year = Some(number(rest, limit(*w, 3))?),
            Item::Fraction(w) => {
                let length = rest
                    .bytes()
                    .take(if tight { *w } else { 9 })
                    .take_while(u8::is_ascii_digit)
                    .count();
                let (digits, after) =
                    rest.split_at_checked(length).filter(|it| !it.0.is_empty())?;
                self.millis = format!("{digits:0<3}").get(..3)?.parse().ok()?;
                *rest = after;
            }
            Item::Hour(w) | Item::Hour12(w) => self.hour = number(rest, limit(*w, 2))?,
            Item::Literal(text) => *rest = rest.strip_prefix(text.as_str())?,
            Item::Minute(w) => self.minute = number(rest, limit(*w, 2))?,
            Item::Month(w) => self.month = Some(number(rest, limit(*w, 2))?),
            Item::MonthName | Item::MonthShort => self.month = Some(name(rest, &MONTHS)? + 1),
            Item::WeekdayName | Item::WeekdayShort => {
                self.weekday = Some(name(rest, &DAYS)? + 1);
            }
            Item::Offset(_) | Item::ZoneName => self.zone(rest)?,
            Item::Second(w) => self.second = number(rest, limit(*w, 2))?,
            Item::Week(w) => self.week = Some(number(rest, limit(*w, 2))?),
            Item::Weekday => self.weekday = Some(number(rest, 1)?),
            Item::WeekYear(w) | Item::Year(w) => {
                let negative = rest.strip_prefix('-');
                if let Some(after) = negative {
                    *rest = after;
                }
                let year: u32 = number(rest, limit((*w).max(4), 9))?;
                let year = i32::try_from(year).ok()?;
                self.year = Some(if negative.is_some() { -year } else { year });
            }
            Item::YearShort => {
                let year: u32 = number(rest, 2)?;
                let year = i32::try_from(year).ok()?;
                self.year = Some(if year < 70 { 2_000 + year } else { 1_900 + year });
            }
        }
        Some(())
    }

    fn zone(&mut self, rest: &mut &str) -> Option<()> {
        if let Some(after) = rest
            .strip_prefix(['Z', 'z'])
            .filter(|it| !it.starts_with(|c: char| c.is_alphanumeric()))
        {
            self.offset = Some(0);
            *rest = after;
            return Some(());
        }
        if rest.starts_with(['+', '-']) {
            let sign = if rest.starts_with('-') { -1 } else { 1 };
            let length =
                rest.bytes().skip(1).take_while(|c| c.is_ascii_digit() || *c == b':').count() + 1;
            let (text, after) = rest.split_at_checked(length)?;
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            let hours: i64 = digits.get(..2)?.parse().ok()?;
            let minutes: i64 = digits.get(2..4).map_or(Some(0), |it| it.parse().ok())?;
            if digits.len() > 4 || hours > 14 || minutes > 59 {
                return None;
            }
            self.offset = Some(sign * (hours * 3_600 + minutes * 60));
            *rest = after;
            return Some(());
        }
        let length = rest
            .bytes()
            .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, b'/' | b'_' | b'-' | b'+'))
            .count();
        let (name, after) = rest.split_at_checked(length)?;
        if crate::text::is_utc(name) {
            self.offset = Some(0);
        } else {
            self.zone = Some(name.parse().ok()?);
        }
        *rest = after;
        Some(())
    }

    fn instant(&self) -> Option<i64> {
        let year = self.year.unwrap_or(1970);
        let day = match (self.of_year, self.week) {
            (Some(of_year), _) => NaiveDate::from_yo_opt(year, of_year)?,
            (None, Some(week)) if self.month.is_none() => {
                let weekday = chrono::Weekday::try_from(
                    u8::try_from(self.weekday.unwrap_or(1)).ok()?.checked_sub(1)?,
                )
                .ok()?;
                NaiveDate::from_isoywd_opt(year, week, weekday)?
            }
            (None, _) => {
                NaiveDate::from_ymd_opt(year, self.month.unwrap_or(1), self.day.unwrap_or(1))?
            }
        };
        let hour = match self.half {
            Some(_) if !(1..=12).contains(&self.hour) => return None,
            Some(true) => self.hour % 12 + 12,
            Some(false) => self.hour % 12,
            None => self.hour,
        };
        let time = NaiveTime::from_hms_milli_opt(hour, self.minute, self.second, self.millis)?;
        let local = NaiveDateTime::new(day, time);
        if let Some(zone) = &self.zone {
            return zone.from_local_datetime(&local).earliest().map(|it| it.timestamp_millis());
        }
        let utc = local.checked_sub_signed(TimeDelta::seconds(self.offset.unwrap_or(0)))?;
        Some(utc.and_utc().timestamp_millis())
    }
}

fn number<N: std::str::FromStr>(rest: &mut &str, most: usize) -> Option<N> {
    let length = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let (digits, after) = rest.split_at_checked(length)?;
    let value = digits.parse().ok()?;
    *rest = after;
    Some(value)
}

/// A name in full or by its first three letters; its place in `names`.
fn name(rest: &mut &str, names: &[&str]) -> Option<u32> {
    for (at, full) in names.iter().enumerate() {
        for it in [*full, short(full)] {
            if rest.get(..it.len()).is_some_and(|found| found.eq_ignore_ascii_case(it)) {
                *rest = rest.get(it.len()..)?;
                return u32::try_from(at).ok();
            }
        }
    }
    None
}

fn offset_text(offset: i64, colon: bool) -> String {
    let sign = if offset < 0 { '-' } else { '+' };
    let offset = offset.unsigned_abs();
    let between = if colon { ":" } else { "" };
    format!("{sign}{:02}{between}{:02}", offset / 3_600, offset % 3_600 / 60)
}

/// ISO 8601: a date, or a timestamp with its offset where it has one.
pub(super) fn iso(at: NaiveDateTime, date: bool, offset: Option<i64>) -> String {
    let day = at.format("%Y-%m-%d");
    if date {
        return day.to_string();
    }
    let zone = match offset {
        None => String::new(),
        Some(0) => "Z".to_owned(),
        Some(offset) => offset_text(offset, true),
    };
    format!("{day}T{}{zone}", at.format("%H:%M:%S%.3f"))
}

/// The day of `2024-05-01`, `2024-05`, `2024-W18-3`, `2024-122`, `20240501`.
pub(super) fn iso_date(text: &str) -> Option<NaiveDateTime> {
    let parts: Vec<&str> = text.split('-').collect();
    let all_digits = |it: &str| !it.is_empty() && it.bytes().all(|c| c.is_ascii_digit());
    let day = match parts.as_slice() {
        [year, week, rest @ ..] if week.starts_with('W') => {
            let weekday: u8 = rest.first().map_or(Some(1), |it| it.parse().ok())?;
            let weekday = chrono::Weekday::try_from(weekday.checked_sub(1)?).ok()?;
            NaiveDate::from_isoywd_opt(year.parse().ok()?, week.get(1..)?.parse().ok()?, weekday)?
        }
        [year, day] if day.len() == 3 && all_digits(day) => {
            NaiveDate::from_yo_opt(year.parse().ok()?, day.parse().ok()?)?
        }
        [year, month] => NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, 1)?,
        [year, month, day] if all_digits(month) && all_digits(day) => {
            NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)?
        }
        [only] if only.len() == 8 && all_digits(only) => {
            NaiveDate::parse_from_str(only, "%Y%m%d").ok()?
        }
        [only] if only.len() == 4 && all_digits(only) => {
            NaiveDate::from_ymd_opt(only.parse().ok()?, 1, 1)?
        }
        _ => return None,
    };
    day.and_hms_opt(0, 0, 0)
}

/// `93784` as `1 day, 2 hours, 3 minutes, 4 seconds`.
pub(super) fn human_seconds(seconds: f64) -> String {
    let negative = seconds < 0.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates, and the sign was taken off"
    )]
    let mut rest = seconds.abs().round() as u64;
    let mut parts = Vec::new();
    for (unit, name) in
        [(604_800, "week"), (86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")]
    {
        let count = rest / unit;
        rest %= unit;
        if count > 0 || (unit == 1 && parts.is_empty()) {
            parts.push(format!("{count} {name}{}", if count == 1 { "" } else { "s" }));
        }
    }
    format!("{}{}", if negative { "-" } else { "" }, parts.join(", "))
}
