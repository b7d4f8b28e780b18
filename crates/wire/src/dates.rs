//! Timestamps as AWS's protocols spell them, and as CloudTrail shows them.
//!
//! Start at [`read`] and [`cloudtrail`].

use jiff::{Timestamp, fmt::rfc2822, tz::TimeZone};

/// Reads ISO 8601, RFC 822 and seconds since 1970.
#[must_use]
pub fn read(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return from_seconds(seconds);
    }
    if let Ok(timestamp) = text.parse() {
        return Some(timestamp);
    }
    if let Ok(zoned) = rfc2822::parse(text) {
        return Some(zoned.timestamp());
    }
    // ISO 8601 without a zone, or a date alone, is meant in UTC.
    let local: jiff::civil::DateTime = text.trim_end_matches('Z').parse().ok()?;
    local.to_zoned(TimeZone::UTC).ok().map(|it| it.timestamp())
}

/// An instant from seconds since 1970, to the millisecond.
#[must_use]
pub fn from_seconds(seconds: f64) -> Option<Timestamp> {
    if !seconds.is_finite() {
        return None;
    }
    // A cast saturates, and jiff refuses what no calendar has.
    Timestamp::from_millisecond((seconds * 1000.0).round() as i64).ok()
}

/// As CloudTrail writes dates within parameters: `Feb 3, 2026, 9:01:07 AM`. Fractions are lost.
#[must_use]
pub fn cloudtrail(timestamp: Timestamp) -> String {
    timestamp.strftime("%b %-d, %Y, %-I:%M:%S %p").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(read(text).map(|it| it.to_string()).as_deref(), expected);
    }

    #[test]
    fn every_spelling_means_the_same_instant() {
        let expected = Some("2026-02-03T09:01:07Z");
        check("2026-02-03T09:01:07Z", expected);
        check("2026-02-03T10:01:07+01:00", expected);
        check("2026-02-03T09:01:07", expected);
        check("Tue, 03 Feb 2026 09:01:07 GMT", expected);
        check("1770109267", expected);
        check("1770109267.25", Some("2026-02-03T09:01:07.25Z"));
        check("yesterday", None);
        check("1e300", None);
        check("NaN", None);
    }

    #[test]
    fn cloudtrail_writes_dates_as_java_does() {
        assert_eq!(cloudtrail(read("1770109267").unwrap()), "Feb 3, 2026, 9:01:07 AM");
        assert_eq!(cloudtrail(read("2025-11-19T17:04:03Z").unwrap()), "Nov 19, 2025, 5:04:03 PM");
    }
}
