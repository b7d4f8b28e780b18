//! How large and how old things may grow.

use std::{collections::BTreeSet, time::Duration};

use serde::{Deserialize, Serialize};

/// How deliveries behave.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Seconds after which a log file is delivered however small it is, 1 to 3600. Default 60;
    /// CloudTrail's own are about 300. Shorter is fresher and makes more objects.
    pub file_age_seconds: u32,
    /// Bytes of a log file before compression, 1 KiB to 50 MB. Default 16 MiB. Larger makes fewer
    /// objects and costs memory.
    pub file_bytes: u32,
    /// Seconds that a digest waits for log files of its hour that a bucket has not taken yet. Default
    /// 900. Longer keeps files in the digest of their hour; shorter proves sooner.
    pub digest_patience_seconds: u32,
    /// Bytes of log files that are being filled, all together. Default 256 MiB. Beyond it the largest
    /// are delivered early.
    pub open_bytes: u32,
    /// Regions that multi-region trails make digests for before a record has shown them. Default
    /// none.
    pub regions: BTreeSet<String>,
    /// Bytes of finished files that may wait for the buckets of one account's trails. Default 4 GiB.
    /// Larger bridges longer outages; beyond it the log has to hold what comes.
    pub spool_bytes: u64,
    /// Seconds after which a write to a bucket is given up and tried again. Default 60.
    pub put_timeout_seconds: u32,
    /// Writes at once to one trail's bucket. Default 4. More drains a backlog faster.
    pub puts_per_bucket: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            file_age_seconds: 60,
            file_bytes: 16 << 20,
            digest_patience_seconds: 900,
            open_bytes: 256 << 20,
            regions: BTreeSet::new(),
            spool_bytes: 4 << 30,
            put_timeout_seconds: 60,
            puts_per_bucket: 4,
        }
    }
}

impl Settings {
    pub(crate) fn file_age(&self) -> Duration {
        Duration::from_secs(self.file_age_seconds.clamp(1, 3_600).into())
    }

    pub(crate) fn file_bytes(&self) -> usize {
        usize::try_from(self.file_bytes.clamp(1 << 10, FILE_BYTES_MAX)).unwrap_or(usize::MAX)
    }

    pub(crate) fn digest_patience(&self) -> i64 {
        self.digest_patience_seconds.into()
    }

    pub(crate) fn put_timeout(&self) -> Duration {
        Duration::from_secs(self.put_timeout_seconds.max(1).into())
    }
}

/// CloudTrail's bound on log files, before compression.
const FILE_BYTES_MAX: u32 = 50_000_000;
