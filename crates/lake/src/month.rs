//! The month under which a row is filed.
//!
//! The table is partitioned by it, so that old rows go as whole files. Event times are the caller's
//! word and may be anything; months are held near the month of arrival, so that no batch, whatever it
//! says, can make more than [`MONTHS`] partitions of a category.

use jiff::{Timestamp, civil::Date, tz::TimeZone};

/// Months before that of arrival that have partitions of their own. What is older is filed under the
/// oldest of them.
const BEFORE: i64 = 12;
/// Months after that of arrival that have partitions of their own.
const AFTER: i64 = 1;
/// The most partitions that rows of one category and one time of arrival can have.
#[cfg(test)]
pub(crate) const MONTHS: i64 = BEFORE + 1 + AFTER;

const DAY_US: i64 = 86_400_000_000;

/// Computes months of many rows; neighbours mostly share their day, which costs one comparison.
#[derive(Debug, Default)]
pub(crate) struct Months {
    last: Option<((i64, i64), i32)>,
}

impl Months {
    /// The first day, counted from 1970, of the month under which a row is filed.
    pub(crate) fn of(&mut self, event_time_us: i64, arrival_us: i64) -> i32 {
        let days = (event_time_us.div_euclid(DAY_US), arrival_us.div_euclid(DAY_US));
        if let Some((last, month)) = self.last
            && last == days
        {
            return month;
        }
        let arrival = month_number(days.1);
        let month = month_number(days.0).clamp(arrival - BEFORE, arrival + AFTER);
        let first = first_day(month);
        self.last = Some((days, first));
        first
    }
}

/// The instant at which the month that begins on `first_day` ends, in microseconds since 1970.
pub(crate) fn end_us(first_day: i32) -> i64 {
    i64::from(self::first_day(month_number(i64::from(first_day)) + 1)) * DAY_US
}

/// The month as `yyyy-mm`, for names of folders.
pub(crate) fn label(first_day: i32) -> String {
    let number = month_number(i64::from(first_day));
    format!("{:04}-{:02}", number.div_euclid(12), number.rem_euclid(12) + 1)
}

/// Months since the year zero.
fn month_number(day: i64) -> i64 {
    let date = date(day);
    i64::from(date.year()) * 12 + i64::from(date.month()) - 1
}

fn date(day: i64) -> Date {
    let nearest = if day < 0 { Date::MIN } else { Date::MAX };
    Timestamp::from_second(day.saturating_mul(86_400))
        .map_or(nearest, |it| it.to_zoned(TimeZone::UTC).date())
}

fn first_day(month: i64) -> i32 {
    let year = i16::try_from(month.div_euclid(12)).unwrap_or(i16::MAX);
    let of_year = i8::try_from(month.rem_euclid(12) + 1).unwrap_or(1);
    let date = Date::new(year, of_year, 1).unwrap_or(Date::MAX);
    date.since(Date::constant(1970, 1, 1)).map_or(i32::MAX, |it| it.get_days())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::ToSpan as _;

    use super::*;

    fn us(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_microsecond()
    }

    #[track_caller]
    fn check(event: &str, expected: &str) {
        let month = Months::default().of(us(event), us("2026-11-23T01:33:03Z"));
        assert_eq!(label(month), expected);
        let first: Date = format!("{expected}-01").parse().unwrap();
        let end = first.saturating_add(1.month()).to_zoned(TimeZone::UTC).unwrap().timestamp();
        assert_eq!(end_us(month), end.as_microsecond());
    }

    #[test]
    fn a_row_is_filed_under_the_month_of_its_event() {
        check("2026-11-01T00:00:00Z", "2026-11");
        check("2026-10-31T23:59:59Z", "2026-10");
        check("2026-02-28T23:59:59Z", "2026-02");
    }

    #[test]
    fn a_row_far_from_its_arrival_is_filed_under_the_nearest_month() {
        check("1970-01-01T00:00:00Z", "2025-11");
        check("9999-01-01T00:00:00Z", "2026-12");
        check("-009999-01-02T01:59:59Z", "2025-11");
    }

    #[test]
    fn event_times_of_a_thousand_years_make_few_months() {
        let arrival = us("2026-11-23T01:33:03Z");
        let mut months = Months::default();
        let found: BTreeSet<_> = (0..12_000)
            .map(|it| months.of(arrival + (it - 6_000) * 30 * DAY_US, arrival))
            .collect();
        assert_eq!(found.len() as i64, MONTHS);
    }
}
