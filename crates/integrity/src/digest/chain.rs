//! The chain: which hour is due, what the next digest says about those before it.
//!
//! AWS's rules: a chain starts when logging or validation is turned on, with a digest for the hour
//! before; each further one ends a whole number of hours after that instant; a last one ends when
//! logging stops. Whoever starts again starts a new chain. Log files that come after the digest of
//! their hour was made are in a backfill digest of that hour, which stands in a chain of its own.

use super::{
    ChainId, DigestFile, DigestName, Fingerprint, LogFile, Root, SHA_256, SHA256_WITH_RSA, Stamp,
};

/// The time of delivery that one digest covers, begin included, end excluded.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Window {
    /// `digestStartTime`.
    pub start: Stamp,
    /// `digestEndTime`.
    pub end: Stamp,
}

impl Window {
    /// The whole hour that `instant` lies in, of a chain that has started at `started`; its first
    /// window for whatever is older.
    pub fn of(instant: Stamp, started: Stamp) -> Self {
        let passed = instant.seconds_since(started).div_euclid(HOUR).max(-1);
        let end = started.plus_seconds((passed + 1) * HOUR);
        Self { start: end.plus_seconds(-HOUR), end }
    }
}

/// What a digest says about the one before it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Link {
    /// `previousDigestS3Bucket`.
    pub bucket: String,
    /// `previousDigestS3Object`.
    pub key: String,
    /// `previousDigestHashValue`: SHA-256 of the inflated document, as hex.
    pub sha256: String,
    /// `previousDigestSignature`, as hex.
    pub signature: String,
    /// `digestEndTime` of the one before, where the next window begins.
    pub end: Stamp,
}

/// Where a chain stands. A value: whoever delivers keeps its parts durably and makes it anew.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Chain {
    /// Account, region and trail.
    pub id: ChainId,
    /// The bucket of the trail.
    pub bucket: String,
    /// Prefix and organization of the trail.
    pub root: Root,
    /// When logging or validation was turned on: gives the minute and second of every digest.
    pub started: Stamp,
    /// The digest before; none until the first is delivered.
    pub previous: Option<Link>,
    /// Whether this is the chain of backfill digests.
    pub backfill: bool,
}

impl Chain {
    /// A chain that starts, or starts again, when logging or validation is turned on.
    pub fn start(id: ChainId, bucket: String, root: Root, started: Stamp) -> Self {
        Self { id, bucket, root, started, previous: None, backfill: false }
    }

    /// The window that is due at `now`, if any: its end has passed. After a time without service
    /// several are due, one after the other. The first is due at once.
    pub fn due(&self, now: Stamp) -> Option<Window> {
        let window = self.next();
        (window.end <= now).then_some(window)
    }

    /// The last window, which ends where logging stopped; none when that is already covered.
    pub fn last(&self, stopped: Stamp) -> Option<Window> {
        let start = self.next().start;
        (start < stopped).then_some(Window { start, end: stopped })
    }

    /// The window after the previous one, due or not.
    pub fn next(&self) -> Window {
        let Some(previous) = &self.previous else {
            return Window { start: self.started.plus_seconds(-HOUR), end: self.started };
        };
        let start = previous.end;
        // A clock that went backwards must not give windows that overlap: only ever forward.
        let passed = start.seconds_since(self.started).div_euclid(HOUR);
        Window { start, end: self.started.plus_seconds((passed + 1) * HOUR) }
    }

    /// The digest of `window`, unsigned. `log_files` are all that were delivered since the previous
    /// digest; a file belongs to exactly one digest.
    pub fn draft(
        &self,
        window: Window,
        log_files: Vec<LogFile>,
        fingerprint: Fingerprint,
        tlog_checkpoint: Option<String>,
    ) -> DigestFile {
        let name = DigestName { chain: self.id.clone(), end: window.end, backfill: self.backfill };
        let previous = self.previous.as_ref();
        DigestFile {
            aws_account_id: self.id.account.clone(),
            digest_start_time: window.start,
            digest_end_time: window.end,
            digest_s3_bucket: self.bucket.clone(),
            digest_s3_object: name.key(&self.root),
            digest_public_key_fingerprint: fingerprint,
            digest_signature_algorithm: SHA256_WITH_RSA.to_owned(),
            newest_event_time: log_files.iter().filter_map(|it| it.newest_event_time).max(),
            oldest_event_time: log_files.iter().filter_map(|it| it.oldest_event_time).min(),
            previous_digest_s3_bucket: previous.map(|it| it.bucket.clone()),
            previous_digest_s3_object: previous.map(|it| it.key.clone()),
            previous_digest_hash_value: previous.map(|it| it.sha256.clone()),
            previous_digest_hash_algorithm: previous.map(|_| SHA_256.to_owned()),
            previous_digest_signature: previous.map(|it| it.signature.clone()),
            log_files,
            tlog_checkpoint,
        }
    }
}

/// Seconds from one digest to the next.
const HOUR: i64 = 3_600;
