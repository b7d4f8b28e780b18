//! What of a query's conditions can be told from a key, and what from a few members of a record.
//!
//! Each of them may only let through too much: the query itself decides on every row.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a condition of another form is left to the query"
)]

use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use jiff::{SignedDuration, Timestamp};
use views::{Filter, Kind, Test, View};

use crate::{
    condition::{path, test},
    key::{Facts, HIDDEN},
};

/// What a query wants, as far as it can be told before a row is made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// Conditions on members of records.
    pub(crate) filters: Vec<Filter>,
    /// Conditions on what keys say.
    keys: Vec<(&'static str, Test)>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Wanted {
    /// Reads conditions that all must hold.
    pub(crate) fn of(conditions: &[Expr], view: View) -> Self {
        let mut wanted = Self::default();
        conditions.iter().for_each(|it| wanted.add(it, view));
        wanted
    }

    /// Whether a condition helps.
    pub(crate) fn helps(condition: &Expr, view: View) -> bool {
        let wanted = Self::of(std::slice::from_ref(condition), view);
        !wanted.filters.is_empty() || !wanted.keys.is_empty()
    }

    fn add(&mut self, condition: &Expr, view: View) {
        if let Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) = condition {
            self.add(left, view);
            self.add(right, view);
            return;
        }
        let Some((subject, test)) = test(condition) else { return };
        let Some(path) = path(subject, view) else {
            if let Expr::Column(column) = subject
                && let Some(name) = HIDDEN.iter().find(|it| **it == column.name)
                && !matches!(test, Test::Time(..))
            {
                self.keys.push((name, test));
            }
            return;
        };
        if path.iter().any(|it| !it.also.is_empty()) {
            return;
        }
        let (Some(first), Some(last)) = (path.first(), path.last()) else { return };
        let is_time = matches!(test, Test::Time(..));
        if (is_time && last.kind != Kind::Time) || (!is_time && last.kind != Kind::Text) {
            return;
        }
        if path.len() == 1 {
            match first.name {
                "eventtime" => self.bound(&test),
                "awsregion" => self.keys.push(("region", test.clone())),
                "recipientaccountid" => self.keys.push(("account", test.clone())),
                _ => {}
            }
        }
        self.filters.push(Filter { path: path.iter().map(|it| it.member).collect(), test });
    }

    fn bound(&mut self, test: &Test) {
        let time = |micros: &i64| Timestamp::from_microsecond(*micros).ok();
        let parsed = |text: &String| instant(text);
        let (from, until) = match test {
            Test::Time(from, until) => (time(from), time(until)),
            Test::Between(from, until) => {
                (from.as_deref().and_then(earliest), until.as_ref().and_then(parsed))
            }
            Test::OneOf(texts) => {
                let all: Option<Vec<_>> = texts.iter().map(parsed).collect();
                let all = all.unwrap_or_default();
                (all.iter().min().copied(), all.iter().max().copied())
            }
            Test::Prefix(day) if day.len() >= DAY => {
                let day = day.get(..DAY).and_then(instant);
                (day, day.and_then(|it| it.checked_add(SignedDuration::from_hours(24)).ok()))
            }
            Test::Prefix(_) => (None, None),
        };
        self.from = self.from.max(from);
        self.until = self.until.into_iter().chain(until).min();
    }

    /// Whether a file with this key, or any below this folder, may hold a wanted record.
    pub(crate) fn may_hold(&self, facts: &Facts) -> bool {
        if facts.is_other {
            return false;
        }
        let told = |(column, test): &(&'static str, Test)| {
            facts.value(column).is_none_or(|it| is_met(test, &it))
        };
        if !self.keys.iter().all(told) {
            return false;
        }
        let Some((first, last)) = facts.span() else { return true };
        // A file holds what happened before it was written, and clocks differ a little.
        let early =
            self.from.is_some_and(|it| last.saturating_add(EARLY).is_ok_and(|last| last < it));
        let late = self.until.is_some_and(|it| it.saturating_add(LATE).is_ok_and(|it| it < first));
        !early && !late
    }
}

fn is_met(test: &Test, text: &str) -> bool {
    match test {
        Test::OneOf(texts) => texts.iter().any(|it| it == text),
        Test::Prefix(prefix) => text.starts_with(prefix.as_str()),
        Test::Between(from, until) => {
            from.as_deref().is_none_or(|it| it <= text)
                && until.as_deref().is_none_or(|it| text <= it)
        }
        Test::Time(..) => true,
    }
}

/// The earliest time whose text in a record is not before this one: texts are compared letter by
/// letter, where `2026-01-02 23:00` stands before every time of that day.
fn earliest(text: &str) -> Option<Timestamp> {
    let is_usual = text.as_bytes().get(DAY) == Some(&b'T')
        && (text.ends_with('Z') || text.len() <= "2026-01-02T03:04:05".len());
    let usual = if is_usual { instant(text) } else { None };
    usual.or_else(|| text.get(..DAY).and_then(instant))
}

/// A time in any form that people compare texts of times with.
fn instant(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse() {
        return Some(time);
    }
    let time: Result<jiff::civil::DateTime, _> = text.trim_end_matches('Z').parse();
    let time =
        time.ok().or_else(|| Some(text.parse::<jiff::civil::Date>().ok()?.at(0, 0, 0, 0)))?;
    time.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|it| it.timestamp())
}

/// Length of `2026-01-02`.
const DAY: usize = 10;
/// How much earlier than its records a file's name may say that it was written.
const EARLY: SignedDuration = SignedDuration::from_hours(1);
/// How much later than its records a file may be written. CloudTrail delivers within minutes and does
/// not promise it; an outage of two days is bridged. What comes later still is found by a query
/// without an upper bound of time.
const LATE: SignedDuration = SignedDuration::from_hours(48);
