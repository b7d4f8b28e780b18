//! Trails: chosen records as log files in buckets, digests beside them.
//!
//! Lives here: following the log, cutting log files, what is due when, writing to buckets and trying
//! again, digests, what `GetTrailStatus` says of it all.
//! Lives elsewhere: how trails are made and changed (`api`, `catalog`), which records selectors choose
//! (`matching`), the digest document and its chain (`integrity`), what S3 a bucket's name stands for
//! (`trailmark` hands it in).
//!
//! Start at [`Deliverer::open`], then [`Deliverer::run`].
//! Spec: CloudTrail User Guide, "CloudTrail log file examples" and "Validating CloudTrail log file
//! integrity".
//!
//! # What is promised
//! - A record that a trail chooses is in exactly one log file of it, byte for byte. A file that is
//!   written twice is written to the same key with the same bytes.
//! - What goes into a file, its bytes and its key are durable before its bucket hears of it, in the
//!   commit that moves the cursor. From then on nothing of it is asked of the log.
//! - A bucket that fails holds up nobody but its trail. Its files wait on our disk, up to a quota;
//!   beyond it the log holds what comes, for this trail alone.

mod backlog;
mod chain;
mod choose;
mod deliverer;
mod destination;
mod digests;
mod error;
mod kept_signers;
mod kept_trails;
mod lanes;
mod log_file;
mod members;
mod settings;
mod spool;
mod status;
mod trail;

use std::{collections::BTreeSet, fmt::Debug, sync::Arc};

use ambient::Ambient;
use catalog::Catalog;
use futures::future::BoxFuture;
use integrity::digest::{self, Signer, Stamp};
use log::EventLog;

pub use crate::{
    deliverer::{Delivered, Deliverer},
    destination::{Buckets, Destination, Object, Refusal, Target, Writer},
    error::Error,
    kept_signers::KeptSigners,
    kept_trails::{KeptTrails, Members, OTHERS_SEEN},
    settings::Settings,
    status::{Status, Statuses},
    trail::{Organization, TrailVersion, Trails},
};

/// What deliveries need of their owner.
#[derive(Clone, Debug)]
pub struct Components {
    /// Time, and the unique parts of names.
    pub ambient: Ambient,
    /// Where buckets are.
    pub buckets: Arc<dyn Buckets>,
    /// Where plans, cursors and status are kept.
    pub catalog: Catalog,
    /// How far the Merkle tree has come, which each digest says; none when there is no tree.
    pub checkpoints: Option<Arc<dyn Checkpoints>>,
    /// Where records come from.
    pub log: Arc<dyn EventLog>,
    /// Who tells topics of log files; none when nobody does.
    pub notifier: Option<Arc<dyn Notifier>>,
    /// Who signs digests.
    pub signers: Arc<dyn Signers>,
    /// Which trails there are.
    pub trails: Arc<dyn Trails>,
    /// Ids of the access keys that deliveries write with. What they write may come past the door, and
    /// so back to us as a record.
    pub writers: Arc<BTreeSet<String>>,
}

/// Follows the Merkle tree of the log.
pub trait Checkpoints: Debug + Send + Sync {
    /// The newest signed checkpoint, as a signed note; `None` before the first record.
    fn newest(&self) -> Option<String>;
}

/// Tells a topic what was delivered.
pub trait Notifier: Debug + Send + Sync {
    /// Publishes a message. Not tried again: whoever misses one finds the files in the bucket.
    ///
    /// # Errors
    /// [`Refusal`] with the code of SNS, such as `AuthorizationError`.
    fn publish<'a>(
        &'a self,
        topic_arn: &'a str,
        message: &'a str,
    ) -> BoxFuture<'a, Result<(), Refusal>>;
}

/// Finds the key that signs digests.
pub trait Signers: Debug + Send + Sync {
    /// The signer of a region whose key is valid at `at`: the end of a digest's window, which may lie
    /// days back after a time without service, or when a backfill digest is made.
    ///
    /// # Errors
    /// When no key can be had. Asked again later: the digest waits.
    fn signer<'a>(
        &'a self,
        region: &'a str,
        at: Stamp,
    ) -> BoxFuture<'a, Result<Arc<dyn Signer>, digest::Error>>;
}

#[cfg(test)]
mod tests;
