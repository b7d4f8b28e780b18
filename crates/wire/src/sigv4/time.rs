//! The time that a signature rests on.

use jiff::{Timestamp, civil, tz::TimeZone};

/// A time in ISO 8601 basic format, `yyyymmddThhmmssZ`, as it stands in a string to sign.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AmzDate {
    time: Timestamp,
    text: [u8; 16],
}

impl AmzDate {
    /// Reads `yyyymmddThhmmssZ`, and nothing else; no leap seconds.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text: [u8; 16] = text.as_bytes().try_into().ok()?;
        let (date, rest) = text.split_first_chunk::<8>()?;
        let (b'T', rest) = rest.split_first()? else { return None };
        let (clock, b"Z") = rest.split_first_chunk::<6>()? else { return None };
        let at = |digits: &[u8]| -> Option<i16> {
            digits.iter().try_fold(0_i16, |sum, digit| {
                let digit = digit.is_ascii_digit().then(|| i16::from(digit - b'0'))?;
                sum.checked_mul(10)?.checked_add(digit)
            })
        };
        let pair = |digits: &[u8]| at(digits).and_then(|it| i8::try_from(it).ok());
        let [y0, y1, y2, y3, month @ .., d0, d1] = date;
        let [h0, h1, m0, m1, s0, s1] = clock;
        let civil = civil::DateTime::new(
            at(&[*y0, *y1, *y2, *y3])?,
            pair(month)?,
            pair(&[*d0, *d1])?,
            pair(&[*h0, *h1])?,
            pair(&[*m0, *m1])?,
            pair(&[*s0, *s1])?,
            0,
        )
        .ok()?;
        let time = civil.to_zoned(TimeZone::UTC).ok()?.timestamp();
        Some(Self { time, text })
    }

    /// Reads the date of a `Date` header: RFC 9110's preferred form, the same with `-0000` for `GMT`
    /// as botocore writes it, or `yyyymmddThhmmssZ`.
    #[must_use]
    pub fn parse_http(text: &str) -> Option<Self> {
        if let Some(date) = Self::parse(text) {
            return Some(date);
        }
        let time = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        // The parser takes obsolete forms too, which we do not.
        let utc = [" GMT", " +0000", " -0000"].iter().find_map(|zone| text.strip_suffix(zone))?;
        let strict = jiff::fmt::rfc2822::DateTimePrinter::new()
            .timestamp_to_rfc9110_string(&time)
            .is_ok_and(|strict| strict.strip_suffix(" GMT") == Some(utc));
        if !strict {
            return None;
        }
        Self::parse(&time.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string())
    }

    /// The instant.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        self.time
    }

    /// `yyyymmddThhmmssZ`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.text).expect("digits, `T` and `Z` are ASCII")
    }

    /// `yyyymmdd`.
    #[must_use]
    pub fn day(&self) -> &str {
        self.as_str().get(..8).expect("16 ASCII characters have 8")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, seconds: Option<i64>) {
        assert_eq!(AmzDate::parse_http(text).map(|it| it.timestamp().as_second()), seconds);
    }

    #[test]
    fn a_time_is_basic_iso_8601_or_an_http_date() {
        check("20130524T000000Z", Some(1_369_353_600));
        check("Fri, 24 May 2013 00:00:00 GMT", Some(1_369_353_600));
        check("Fri, 24 May 2013 00:00:00 -0000", Some(1_369_353_600));
        check("20240229T235959Z", Some(1_709_251_199));
        check("99991230T000000Z", Some(253_402_128_000));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "20130524T000000",
            "20130524t000000z",
            "2013-05-24T00:00:00Z",
            "20130524T000000Z ",
            "20230229T000000Z",
            "20131324T000000Z",
            "20130524T240000Z",
            "20130524T000060Z",
            "2013052+T000000Z",
            "２013052T000000Z",
            "Fri, 24 May 2013 00:00:00 +0100",
            "Fri, 24 May 2013 00:00:00 UT",
            "Thu, 24 May 2013 00:00:00 GMT",
            "24 May 2013 00:00:00 GMT",
        ] {
            check(text, None);
        }
    }
}
