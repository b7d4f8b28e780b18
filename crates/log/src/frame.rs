//! What is kept beside a record's bytes from the first day.

use std::{fmt, str::FromStr};

use bytes::Bytes;
use jiff::Timestamp;
use record::{AccountId, Category};

/// Where a frame stands in the log: counts up by one from zero, permanent.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Position(pub u64);

impl Position {
    /// The position after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Position {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// What a frame is. Stored as one byte; the numbers never change.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u8)]
pub enum Kind {
    /// The body is a finished record.
    Record = 1,
    /// A call is about to leave; the body says what is known of it. Its outcome names it.
    Intent = 2,
    /// The body is the finished record of the call whose intent `answers` names.
    Outcome = 3,
    /// Something was lost; the body is a record that says what and how much at most.
    Gap = 4,
    /// The writer lives; the body is the writer's own note. Not a record.
    Heartbeat = 5,
    /// A log file was imported into an event data store; the body says which. Not a record.
    ImportedFile = 6,
}

impl Kind {
    /// Whether the body is a record that belongs into history.
    #[must_use]
    pub const fn has_record(self) -> bool {
        matches!(self, Self::Record | Self::Outcome | Self::Gap)
    }

    /// Reads the number that stands for the kind on disk.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Record,
            2 => Self::Intent,
            3 => Self::Outcome,
            4 => Self::Gap,
            5 => Self::Heartbeat,
            6 => Self::ImportedFile,
            _ => return None,
        })
    }
}

/// How a record was obtained, which an auditor will ask. Stored as one byte.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u8)]
pub enum Evidence {
    /// The service itself reports the call, after authentication and authorization.
    Server = 1,
    /// Seen on the wire; the outcome is known from the response.
    Proxy = 2,
    /// Reported by the caller; may be missing or false.
    Client = 3,
    /// Copied from another log.
    Import = 4,
}

impl Evidence {
    /// Reads the number that stands for the class on disk.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Server,
            2 => Self::Proxy,
            3 => Self::Client,
            4 => Self::Import,
            _ => return None,
        })
    }

    /// The class in one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Proxy => "proxy",
            Self::Client => "client",
            Self::Import => "import",
        }
    }
}

/// Facts about a record that must not be written into it. A set of bits, stored as two bytes.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Marks(pub u16);

impl Marks {
    /// Nothing to say.
    pub const NONE: Self = Self(0);
    /// Another record of the same account has the same event id and other bytes.
    pub const CONTESTED_ID: Self = Self(1);
    /// The caller is a claim: nobody has proven the signature.
    pub const CLAIMED: Self = Self(2);

    /// Whether every bit of `other` is set.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets of bits.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// One frame to append: a header that the writer fills, and a body that the log does not read.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// What the frame is.
    pub kind: Kind,
    /// How its record was obtained.
    pub evidence: Evidence,
    /// Facts about the record beside it.
    pub marks: Marks,
    /// Category of the record; of intents, what the record's will be.
    pub category: Category,
    /// When it arrived; kept with microseconds.
    pub arrival: Timestamp,
    /// Who sent it, such as `door` or `records/<account>`; at most 255 bytes.
    pub source: String,
    /// The source's own number for it, counting up; a jump shows a loss. Zero where it has none.
    pub source_sequence: u64,
    /// The account that receives the record (`recipientAccountId`).
    pub account: AccountId,
    /// `awsRegion`; at most 255 bytes.
    pub region: String,
    /// Of an outcome, the position of its intent.
    pub answers: Option<Position>,
    /// The record's bytes.
    pub body: Bytes,
}

/// A frame in its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Where it stands.
    pub position: Position,
    /// What stands there.
    pub frame: Frame,
}
