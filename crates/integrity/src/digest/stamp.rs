//! An instant as digest files write it: UTC, whole seconds, one spelling only.

use std::{fmt, str::FromStr};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// An instant in whole seconds that is written `2026-11-23T05:00:00Z` and in no other way.
///
/// Since one instant has one spelling, a parsed stamp written again gives the signed bytes again.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(into = "String", try_from = "String")]
pub struct Stamp(Timestamp);

impl Stamp {
    /// The whole second at or before `instant`.
    pub fn of(instant: Timestamp) -> Self {
        let nanosecond = i64::from(instant.subsec_nanosecond());
        let below = if nanosecond < 0 { 1 } else { 0 };
        // The smallest instant has no second before it; it is then kept as it is.
        Self(Timestamp::from_second(instant.as_second() - below).unwrap_or(Timestamp::MIN))
    }

    /// The instant.
    pub fn timestamp(self) -> Timestamp {
        self.0
    }

    /// Seconds from `earlier` to this; negative when this is the earlier one.
    pub fn seconds_since(self, earlier: Self) -> i64 {
        self.0.as_second() - earlier.0.as_second()
    }

    /// This instant moved by `seconds`, which may be negative; held at the ends of time.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        let end = if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
        Self(
            self.0
                .as_second()
                .checked_add(seconds)
                .and_then(|it| Timestamp::from_second(it).ok())
                .unwrap_or(end),
        )
    }

    /// As in file names: `20261123T050000Z`.
    pub fn compact(self) -> String {
        self.0.strftime("%Y%m%dT%H%M%SZ").to_string()
    }

    /// As in the folders of a day: `2026/11/23`.
    pub fn day(self) -> String {
        self.0.strftime("%Y/%m/%d").to_string()
    }

    /// Reads what [`Stamp::compact`] writes, or the same without seconds, as log files are named.
    pub fn from_compact(text: &str) -> Option<Self> {
        let format = match text.len() {
            16 => "%Y%m%dT%H%M%SZ",
            14 => "%Y%m%dT%H%MZ",
            _ => return None,
        };
        let stamp = Self::utc(DateTime::strptime(format, text).ok()?)?;
        let again = stamp.0.strftime(format).to_string();
        (again == text).then_some(stamp)
    }

    fn utc(civil: DateTime) -> Option<Self> {
        civil.to_zoned(TimeZone::UTC).ok().map(|it| Self(it.timestamp()))
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m-%dT%H:%M:%SZ"))
    }
}

impl From<Stamp> for String {
    fn from(stamp: Stamp) -> Self {
        stamp.to_string()
    }
}

impl FromStr for Stamp {
    type Err = InvalidStamp;

    fn from_str(text: &str) -> Result<Self, InvalidStamp> {
        let stamp = DateTime::strptime("%Y-%m-%dT%H:%M:%SZ", text).ok().and_then(Self::utc);
        stamp.filter(|it| it.to_string() == text).ok_or(InvalidStamp)
    }
}

impl TryFrom<String> for Stamp {
    type Error = InvalidStamp;

    fn try_from(text: String) -> Result<Self, InvalidStamp> {
        text.parse()
    }
}

/// Why a text is not a [`Stamp`]. Reads on from "The time …".
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
#[error("is not written as `2026-11-23T05:00:00Z`")]
pub struct InvalidStamp;
