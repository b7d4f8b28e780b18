//! From what was seen of a call to the records that say so.
//!
//! Lives here: everything that is CloudTrail's own about a captured call: who called, what of the
//! request and the answer is kept, what it was about, and whose copy it is. Pure functions: no
//! input or output, no clock.
//! Lives elsewhere: reading protocols and knowing what is sensitive (`wire`), hiding it (`record`),
//! deciding when a record is durable (the capture of this crate).
//!
//! A call passes in two steps. [`Recorder::begin`] takes the request, keeps what may be kept, and
//! gives a [`Draft`] in which nothing is secret any more; a strict capture writes it as the intent.
//! [`Recorder::finish`] adds how the call ended and gives the finished records.
//!
//! Start at [`Arrived`] and [`Ending`], then [`Recorder`].
//! Spec: CloudTrail User Guide, "CloudTrail record contents", record version 1.11.

mod begin;
mod body;
mod caller;
mod codes;
mod draft;
mod dynamodb;
mod ending;
mod entry;
mod finish;
mod hide;
mod parameters;
mod resources;
mod s3;
mod seen;
mod service_events;
mod session;
mod sizes;

use std::{net::IpAddr, sync::Arc};

use ambient::Random;
use bytes::Bytes;
use jiff::Timestamp;
use log::{Evidence, Frame, Kind, Marks, Position};
use record::{AccountId, Category, Identity};

pub use draft::Draft;
pub use seen::{
    Answered, Arrived, Caller, Ending, Failure, Held, Mechanism, NobodyKnown, Owners, Tls,
    Upstream, unidentified,
};

/// What the recorder knows of the deployment.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The deployment's own account: whose record it is when nothing else says so.
    pub account: AccountId,
    /// The region of calls that name none.
    pub region: String,
}

/// Makes records of calls.
#[derive(Clone, Debug)]
pub struct Recorder {
    settings: Settings,
    random: Arc<dyn Random>,
}

/// A finished record and the facts that stand beside it in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// Whose history it belongs to (`recipientAccountId`).
    pub account: AccountId,
    /// `awsRegion`.
    pub region: String,
    /// `eventCategory`.
    pub category: Category,
    /// How the record was obtained.
    pub evidence: Evidence,
    /// Facts about the record that are not written into it.
    pub marks: Marks,
    /// The record: one JSON object.
    pub body: Bytes,
}

/// A session that an answer of STS began. Neither secret nor token is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Learned {
    /// The temporary access key id.
    pub access_key_id: String,
    /// Who calls with it.
    pub identity: Identity,
    /// The account that the session acts in.
    pub account: AccountId,
    /// When the session ends.
    pub expires: Timestamp,
}

/// Calls of one source that failed authentication, too many for a record each.
#[derive(Clone, Debug, PartialEq)]
pub struct Flood {
    /// Where they came from.
    pub source: IpAddr,
    /// The key id that the last of them claimed, if any.
    pub claimed_key: Option<String>,
    /// The account of that key when it is known.
    pub account: Option<AccountId>,
    /// `eventSource` of the calls, such as `s3.amazonaws.com`, when all had the same.
    pub event_source: Option<String>,
    /// `eventName` of the calls, when all had the same.
    pub event_name: Option<String>,
    /// The region that the last of them was signed for.
    pub region: Option<String>,
    /// The error code that they were answered with.
    pub error_code: String,
    /// How many calls this record stands for.
    pub count: u64,
    /// When the first of them arrived.
    pub from: Timestamp,
    /// When the last of them arrived.
    pub until: Timestamp,
}

/// Records that were lost, or may have been.
#[derive(Clone, Debug, PartialEq)]
pub struct Loss {
    /// Why, in a word: `LogCorrupt`, `LogFull`, `ProcessCrashed`.
    pub reason: &'static str,
    /// Whose records, when they are all of one account.
    pub account: Option<AccountId>,
    /// The region of the records, when they are all of one.
    pub region: Option<String>,
    /// When the first of them may have happened.
    pub from: Option<Timestamp>,
    /// When the last of them may have happened.
    pub until: Timestamp,
    /// How many at most; `None` when not even a bound is known.
    pub count_at_most: Option<u64>,
    /// Positions in the log that are missing, from the first to the one behind the last.
    pub positions: Option<std::ops::Range<u64>>,
}

/// Why an intent could not be read back.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The body of the intent is not one that [`Draft::intent`] wrote.
    #[error("the intent is not a draft of a call")]
    Intent {
        /// What the reader said.
        source: serde_json::Error,
    },
}

impl Recorder {
    /// A recorder that takes event ids from `random`.
    #[must_use]
    pub fn new(settings: Settings, random: Arc<dyn Random>) -> Self {
        Self { settings, random }
    }
}

/// `yyyy-MM-ddTHH:mm:ssZ`, as CloudTrail writes times.
fn seconds(time: Timestamp) -> String {
    session::whole_seconds(time).to_string()
}

impl Finished {
    /// The frame for the log. `arrival` is when the call came; `answers` is the intent's position.
    #[must_use]
    pub fn into_frame(
        self,
        kind: Kind,
        arrival: Timestamp,
        source: &str,
        answers: Option<Position>,
    ) -> Frame {
        Frame {
            kind,
            evidence: self.evidence,
            marks: self.marks,
            category: self.category,
            arrival,
            source: source.to_owned(),
            source_sequence: 0,
            account: self.account,
            region: self.region,
            answers,
            body: self.body,
        }
    }
}
