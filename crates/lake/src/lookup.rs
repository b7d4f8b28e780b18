//! What can be asked of event history, and what comes back.
//!
//! Lives here: [`Lookup`] and [`Row`]. Lives elsewhere: how rows are found (`search`, `scan`), AWS's
//! words and errors for it (`api`).

use bytes::Bytes;
use jiff::Timestamp;
use log::{Evidence, Marks, Position};
use record::{AccountId, Category};

/// A question to event history. Rows come newest first: by event time, then by position.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// Whose records.
    pub account: AccountId,
    /// Of which region; of any when absent.
    pub region: Option<String>,
    /// Of which categories; of any when empty.
    pub categories: Vec<Category>,
    /// A member that must have a value.
    pub attribute: Option<Attribute>,
    /// Earliest event time, inclusive.
    pub from: Option<Timestamp>,
    /// Latest event time, inclusive.
    pub to: Option<Timestamp>,
    /// Only rows whose position lies before this one. Keep it from page to page and records that
    /// arrive meanwhile change nothing.
    pub before: Position,
    /// Only rows that come after this place: the last row of the page before.
    pub after: Option<Place>,
    /// How many rows at most.
    pub limit: usize,
}

/// Where a row stands among the rows of a lookup.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Place {
    /// Its event time, in microseconds since 1970.
    pub event_time_us: i64,
    /// Its position in the log.
    pub position: Position,
}

/// A member and the value that it must have, compared byte for byte.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attribute {
    /// The member.
    pub key: Key,
    /// The value. For [`Key::ReadOnly`] `true` or `false`; anything else finds nothing.
    pub value: String,
}

/// The members by which `LookupEvents` finds records.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(missing_docs, reason = "the words are CloudTrail's own")]
pub enum Key {
    AccessKeyId,
    EventId,
    EventName,
    EventSource,
    ReadOnly,
    ResourceName,
    ResourceType,
    Username,
}

impl Key {
    /// Every key.
    pub const ALL: [Self; 8] = [
        Self::AccessKeyId,
        Self::EventId,
        Self::EventName,
        Self::EventSource,
        Self::ReadOnly,
        Self::ResourceName,
        Self::ResourceType,
        Self::Username,
    ];
}

/// A record that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Where it stands: what [`Lookup::after`] wants for the next page.
    pub place: Place,
    /// How it was obtained.
    pub evidence: Evidence,
    /// What is known about it beside it.
    pub marks: Marks,
    /// Its bytes as they came.
    pub record: Bytes,
}

impl Row {
    /// When the call happened, `eventTime`.
    #[must_use]
    pub fn event_time(&self) -> Timestamp {
        Timestamp::from_microsecond(self.place.event_time_us).unwrap_or(Timestamp::MIN)
    }
}
