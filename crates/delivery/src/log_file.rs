//! Log files: gathering records, when they are due, their names, their bytes.
//!
//! Spec: CloudTrail User Guide, "CloudTrail log file name format".

use std::{sync::Arc, time::Duration};

use ambient::Random;
use integrity::digest::{Stamp, gzip, gzip_fast, sha256_hex};
use jiff::Timestamp;
use record::AccountId;

use crate::{
    Settings,
    trail::{Family, TrailVersion},
};

/// Whose records lie together in files: of one trail, account, region and family.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct StreamId {
    pub(crate) trail: String,
    pub(crate) account: AccountId,
    pub(crate) region: String,
    pub(crate) family: Family,
}

/// A log file that still takes records.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    pub(crate) version: Arc<TrailVersion>,
    /// The document so far, without its end.
    document: Vec<u8>,
    pub(crate) records: u64,
    /// Position of the first record.
    pub(crate) from: u64,
    /// Position behind the last record.
    pub(crate) to: u64,
    oldest: Option<Timestamp>,
    newest: Option<Timestamp>,
    /// When the first record was read.
    opened: Timestamp,
    /// When the first record arrived in the log.
    arrival: Timestamp,
}

impl Open {
    /// Begins a document that may hold as much as `bytes`.
    pub(crate) fn new(
        version: Arc<TrailVersion>,
        from: u64,
        arrival: Timestamp,
        now: Timestamp,
        bytes: usize,
    ) -> Self {
        let mut document = Vec::with_capacity(bytes.max(BEGIN.len()));
        document.extend_from_slice(BEGIN);
        Self {
            version,
            document,
            records: 0,
            from,
            to: from,
            oldest: None,
            newest: None,
            opened: now,
            arrival,
        }
    }

    /// Adds the record at `position`, byte for byte.
    pub(crate) fn push(&mut self, position: u64, body: &[u8], time: Option<Timestamp>) {
        if self.records > 0 {
            self.document.push(b',');
        }
        self.document.extend_from_slice(body);
        self.records += 1;
        self.to = position + 1;
        self.oldest = self.oldest.into_iter().chain(time).min();
        self.newest = self.newest.into_iter().chain(time).max();
    }

    /// Bytes of the document so far.
    pub(crate) fn bytes(&self) -> usize {
        self.document.len()
    }

    /// Whether another record of `bytes` would make it too large.
    pub(crate) fn is_full(&self, bytes: usize, settings: &Settings) -> bool {
        self.records > 0 && self.document.len() + bytes + 1 + END.len() > settings.file_bytes()
    }

    /// How long until it is due by age; zero when it is. `caught_up` tells that the log holds no more
    /// at present: else a backlog would be cut into files of a few records.
    ///
    /// A clock that was put back makes it due at once rather than late.
    pub(crate) fn due_in(&self, caught_up: bool, settings: &Settings, now: Timestamp) -> Duration {
        let age = settings.file_age();
        let waited = |since: Timestamp| now.duration_since(since).unsigned_abs();
        let mut left = age.saturating_sub(waited(self.opened));
        if caught_up && self.arrival <= now {
            left = left.min(age.saturating_sub(waited(self.arrival)));
        }
        left
    }

    /// Ends the document, and packs it: quickly in a `hurry`, else small. Takes a core for some
    /// milliseconds per MiB.
    pub(crate) fn pack(mut self, hurry: bool) -> Packed {
        self.document.extend_from_slice(END);
        Packed {
            sha256: sha256_hex(&self.document),
            body: if hurry { gzip_fast(&self.document) } else { gzip(&self.document) },
            version: self.version,
            records: self.records,
            from: self.from,
            to: self.to,
            oldest: self.oldest,
            newest: self.newest,
        }
    }
}

/// A log file's bytes and what is known of them.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) version: Arc<TrailVersion>,
    /// Of the inflated bytes.
    pub(crate) sha256: String,
    pub(crate) body: Vec<u8>,
    pub(crate) records: u64,
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) oldest: Option<Timestamp>,
    pub(crate) newest: Option<Timestamp>,
}

/// A new key for a log file of the stream that is decided on now.
pub(crate) fn key(
    stream: &StreamId,
    version: &TrailVersion,
    now: Timestamp,
    random: &dyn Random,
) -> String {
    let StreamId { account, region, family, .. } = stream;
    let family = family.as_str();
    let now = Stamp::of(now);
    let (root, day, minute) = (version.root().folder(), now.day(), minute(now));
    let unique = unique(random);
    format!(
        "{root}{account}/{family}/{region}/{day}/{account}_{family}_{region}_{minute}_{unique}.json.gz"
    )
}

/// As in names of log files: `20261123T0500Z`.
fn minute(stamp: Stamp) -> String {
    stamp.timestamp().strftime("%Y%m%dT%H%MZ").to_string()
}

/// Sixteen letters and digits. Bytes that would favour some are drawn anew.
fn unique(random: &dyn Random) -> String {
    let mut unique = String::with_capacity(UNIQUE);
    let mut bytes = [0; 2 * UNIQUE];
    while unique.len() < UNIQUE {
        random.fill(&mut bytes);
        let fair = bytes.iter().map(|it| usize::from(it >> 2)).filter_map(|it| ALPHABET.get(it));
        unique.extend(fair.take(UNIQUE - unique.len()).map(|it| char::from(*it)));
    }
    unique
}

const BEGIN: &[u8] = br#"{"Records":["#;
const END: &[u8] = b"]}";
const UNIQUE: usize = 16;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
