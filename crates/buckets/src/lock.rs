//! Object Lock: what keeps an object from being deleted or replaced, and until when.
//!
//! Lives here: retention and legal hold as values, and the rules for changing them.
//! Lives elsewhere: where they are kept (`index`), S3's operations on them (`service`).
//!
//! S3 keeps old versions under a lock and lets a new one stand before them. There are no versions
//! here, so an object under a lock cannot be replaced either.
//! Spec: S3 User Guide, "Locking objects with Object Lock".

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Until when an object stays as it is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Retention {
    /// Who may end it early.
    pub mode: RetentionMode,
    /// At this instant it is over.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub until: Timestamp,
}

/// Who may end a retention early.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RetentionMode {
    /// Nobody, the root user included. It may be made longer, never shorter.
    Compliance,
    /// The bucket's account, when it says so with `x-amz-bypass-governance-retention`.
    Governance,
}

/// All that keeps an object as it is.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct ObjectLock {
    /// Until when, if there is an end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
    /// Holds until it is taken off, whatever the retention.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub legal_hold: bool,
    /// Whether a trail wrote the object.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub by_trail: bool,
}

/// How a caller comes to a lock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Key {
    pub(crate) now: Timestamp,
    /// Whether a retention in governance mode does not count.
    pub(crate) bypasses_governance: bool,
}

/// The retention of a bucket's new objects, from the moment they are put.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct DefaultRetention {
    pub(crate) mode: RetentionMode,
    pub(crate) span: Span,
}

/// How long a default retention is. Years are of 365 days.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Span {
    Days(u32),
    Years(u32),
}

/// A bucket's Object Lock. Once there, it stays.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct BucketLock {
    pub(crate) default: Option<DefaultRetention>,
}

impl ObjectLock {
    /// Whether the object must stay as it is.
    pub(crate) fn holds(&self, key: Key) -> bool {
        self.legal_hold || self.retention.is_some_and(|it| it.holds(key))
    }

    /// Whether there is nothing to keep of it.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Retention {
    /// What keeps both promises: until the later of the two ends, in the stronger of the two modes.
    pub(crate) fn and(self, other: Self) -> Self {
        let mode = if self.mode == other.mode { self.mode } else { RetentionMode::Compliance };
        Self { mode, until: self.until.max(other.until) }
    }

    /// Whether `new` may take its place: a longer one of the same strength or more always may.
    pub(crate) fn yields_to(&self, new: Option<&Self>, key: Key) -> bool {
        let is_stronger = new.is_some_and(|new| {
            let keeps_mode = new.mode == self.mode || new.mode == RetentionMode::Compliance;
            keeps_mode && new.until >= self.until
        });
        is_stronger || !self.holds(key)
    }

    fn holds(&self, key: Key) -> bool {
        let is_bypassed = self.mode == RetentionMode::Governance && key.bypasses_governance;
        key.now < self.until && !is_bypassed
    }
}

impl RetentionMode {
    /// As S3 spells it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Compliance => "COMPLIANCE",
            Self::Governance => "GOVERNANCE",
        }
    }

    /// Reads S3's word.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        match word {
            "COMPLIANCE" => Some(Self::Compliance),
            "GOVERNANCE" => Some(Self::Governance),
            _ => None,
        }
    }
}

impl DefaultRetention {
    /// The retention of an object that is put `now`.
    pub(crate) fn from(self, now: Timestamp) -> Retention {
        let days = match self.span {
            Span::Days(days) => i64::from(days),
            Span::Years(years) => i64::from(years) * 365,
        };
        let span = SignedDuration::from_hours(days.saturating_mul(24));
        let until = now.checked_add(span).unwrap_or(Timestamp::MAX);
        Retention { mode: self.mode, until }
    }
}

/// The longest default retention, as in S3.
pub(crate) const YEARS_MAX: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn retention(mode: RetentionMode, second: i64) -> Retention {
        Retention { mode, until: Timestamp::from_second(second).unwrap() }
    }

    fn key(second: i64, bypasses_governance: bool) -> Key {
        Key { now: Timestamp::from_second(second).unwrap(), bypasses_governance }
    }

    use RetentionMode::{Compliance, Governance};

    #[test]
    fn a_lock_holds_until_its_time_and_a_hold_for_ever() {
        let lock = |retention| ObjectLock { retention, ..ObjectLock::default() };
        let compliance = lock(Some(retention(Compliance, 100)));
        assert!(compliance.holds(key(99, false)) && compliance.holds(key(99, true)));
        assert!(!compliance.holds(key(100, false)));
        let governance = lock(Some(retention(Governance, 100)));
        assert!(governance.holds(key(99, false)) && !governance.holds(key(99, true)));
        let held = ObjectLock { legal_hold: true, ..governance };
        assert!(held.holds(key(99, true)) && held.holds(key(1000, true)));
    }

    #[test]
    fn of_two_retentions_the_longer_and_the_stronger_holds() {
        let [short, long] = [100, 200].map(|it| retention(Governance, it));
        assert_eq!(short.and(long), long);
        assert_eq!(long.and(short), long);
        assert_eq!(long.and(retention(Compliance, 100)), retention(Compliance, 200));
        assert_eq!(retention(Compliance, 200).and(short), retention(Compliance, 200));
    }

    #[test]
    fn a_retention_grows_and_shrinks_only_where_it_does_not_hold() {
        let check = |old, new: Option<Retention>, key, expected| {
            assert_eq!(Retention::yields_to(&old, new.as_ref(), key), expected, "{old:?} {new:?}");
        };
        let compliance = retention(Compliance, 100);
        for (new, at_50) in [
            (Some(retention(Compliance, 101)), true),
            (Some(retention(Compliance, 100)), true),
            (Some(retention(Compliance, 99)), false),
            (Some(retention(Governance, 200)), false),
            (None, false),
        ] {
            check(compliance, new, key(50, true), at_50);
            check(compliance, new, key(100, false), true);
        }
        let governance = retention(Governance, 100);
        for (new, at_50) in [
            (Some(retention(Governance, 101)), true),
            (Some(retention(Compliance, 101)), true),
            (Some(retention(Governance, 99)), false),
            (Some(retention(Compliance, 99)), false),
            (None, false),
        ] {
            check(governance, new, key(50, false), at_50);
            check(governance, new, key(50, true), true);
        }
    }
}
