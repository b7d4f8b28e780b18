//! What `GetTrailStatus` says of deliveries.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How the deliveries of one trail go. Times of the clock, error codes bare as S3 has them.
///
/// Spec: CloudTrail API Reference, `GetTrailStatus`. An error stays until the next success; a
/// time-out sets none.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct Status {
    /// `LatestDeliveryTime`: when the last log file was taken.
    pub latest_delivery: Option<Timestamp>,
    /// `LatestDeliveryError`.
    pub latest_delivery_error: Option<String>,
    /// `LatestDeliveryAttemptTime`.
    pub latest_delivery_attempt: Option<Timestamp>,
    /// `LatestDeliveryAttemptSucceeded`, when that attempt was the last success.
    pub latest_delivery_attempt_succeeded: Option<Timestamp>,
    /// `LatestDigestDeliveryTime`.
    pub latest_digest_delivery: Option<Timestamp>,
    /// `LatestDigestDeliveryError`.
    pub latest_digest_delivery_error: Option<String>,
    /// Files that wait for the bucket.
    #[serde(skip)]
    pub waiting_files: u64,
    /// Bytes of them, compressed, on our own disk.
    #[serde(skip)]
    pub waiting_bytes: u64,
    /// Whether the account's quota of waiting bytes is used up: the log holds what comes.
    #[serde(skip)]
    pub quota_exceeded: bool,
}

/// The status of every trail that ever had something to deliver, by ARN.
pub type Statuses = BTreeMap<String, Status>;
