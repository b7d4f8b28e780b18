//! Whether the log has room for the record of a call, asked before the call leaves; and who owns a
//! bucket after it.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use catalog::Catalog;
use log::Frame;
use record::AccountId;
use tracing::error;
use wire::identify::Identified;

use super::{Capture, Unrecorded};

/// Keeps an eye on the log's room.
#[derive(Debug, Default)]
pub(crate) struct Room {
    /// When a full disk was last tried, in milliseconds.
    tried: AtomicI64,
}

impl Room {
    /// Whether the record of one more call would find room; counts the call as refused if not.
    pub(crate) async fn check(&self, capture: &Capture) -> Result<(), Unrecorded> {
        let found = self.look(capture).await;
        if found == Err(Unrecorded::NoRoom) {
            capture.metrics.refused_log.add(1);
        }
        found
    }

    /// Whether the record of one more call would find room.
    ///
    /// A disk that was full may have room again, which only writing shows; so from time to time a
    /// small note is written in place of the call that is refused.
    pub(super) async fn look(&self, capture: &Capture) -> Result<(), Unrecorded> {
        if capture.failed.is_cancelled() {
            return Err(Unrecorded::Failed);
        }
        let usage = capture.log.usage();
        let owed = capture.metrics.in_flight.value().saturating_mul(RECORD_BYTES);
        if usage.bytes.saturating_add(owed) >= usage.bound && usage.bound > 0 {
            return Err(Unrecorded::NoRoom);
        }
        if !usage.full {
            return Ok(());
        }
        let now = capture.clock.now().as_millisecond();
        let tried = self.tried.load(Relaxed);
        let due = (now - tried).abs() >= TRY_MS
            && self.tried.compare_exchange(tried, now, Relaxed, Relaxed).is_ok();
        if due && capture.append(vec![probe(capture)]).await.is_ok() {
            return Ok(());
        }
        Err(Unrecorded::NoRoom)
    }
}

/// A frame that is no record.
fn probe(capture: &Capture) -> Frame {
    super::buffer::heartbeat(capture, "{}".into())
}

/// What a successful call says about who owns a bucket.
pub(super) enum OwnedBucket {
    Made(String, AccountId),
    Gone(String),
}

impl OwnedBucket {
    pub(super) fn of(target: &Identified, account: AccountId) -> Option<Self> {
        let bucket = target.bucket.as_ref().filter(|_| target.is_s3())?;
        match target.operation?.name {
            "CreateBucket" => Some(Self::Made(resource(bucket), account)),
            "DeleteBucket" => Some(Self::Gone(resource(bucket))),
            _ => None,
        }
    }

    pub(super) async fn keep(self, catalog: &Catalog) {
        let kept = match self {
            Self::Made(bucket, account) => catalog.set_owner(&bucket, account).await,
            Self::Gone(bucket) => catalog.forget_owner(&bucket).await,
        };
        if let Err(error) = kept {
            error!(error = &error as &dyn std::error::Error, "a bucket's owner was not kept");
        }
    }
}

/// What the catalog calls a bucket.
pub(crate) fn resource(bucket: &str) -> String {
    format!("s3:{bucket}")
}

/// What a record takes, about: each call under way owes one.
const RECORD_BYTES: u64 = 4 << 10;
/// How often a full disk is tried.
const TRY_MS: i64 = 100;
