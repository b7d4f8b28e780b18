//! Whether a trail can write to where it is told to: asked when it is created or updated.
//!
//! Spec: CloudTrail API Reference, errors of "CreateTrail".

use std::fmt::Debug;

use catalog::{CloudWatchLogs, TrailArn, partition};
use futures::{FutureExt as _, future::BoxFuture};
use http::StatusCode;
use record::AccountId;
use wire::{answer::BoxError, shapes::cloudtrail::ErrorCode};

use crate::fault::{Fault, fault};

/// Where a trail wants to write.
#[derive(Clone, Copy, Debug)]
pub struct Destination<'a> {
    /// Whose trail it is, and where it was created.
    pub trail: &'a TrailArn,
    /// The id of the organization, for an organization trail.
    pub organization: Option<&'a str>,
    /// The bucket of log files and digest files.
    pub bucket: &'a str,
    /// What their keys begin with, without the `/` that follows it.
    pub prefix: Option<&'a str>,
    /// Whether there will be digest files.
    pub log_file_validation_enabled: bool,
    /// ARN of the key that encrypts them.
    pub kms_key_arn: Option<&'a str>,
    /// ARN of the topic to notify.
    pub sns_topic_arn: Option<&'a str>,
    /// The log group that gets the records.
    pub cloud_watch_logs: Option<&'a CloudWatchLogs>,
}

/// Why a trail cannot write there.
#[derive(Debug, thiserror::Error)]
pub enum DestinationProblem {
    /// The bucket's policy does not let this trail write.
    #[error("the policy of the bucket does not let the trail write")]
    BucketDenies,
    /// There is no such bucket.
    #[error("the bucket does not exist")]
    BucketMissing,
    /// The key's policy does not let this trail encrypt, or there is no such alias.
    #[error("the policy of the key does not let the trail encrypt")]
    KeyDenies,
    /// The key is disabled.
    #[error("the key is disabled")]
    KeyDisabled,
    /// There is no such key where the bucket is.
    #[error("the key does not exist where the bucket is")]
    KeyMissing,
    /// The log group does not exist or refuses.
    #[error("the log group does not exist or does not take records")]
    LogGroup,
    /// The role cannot be assumed.
    #[error("the role cannot be assumed")]
    LogsRole,
    /// There is no such topic, or its policy does not let this trail publish.
    #[error("the topic does not exist or does not let the trail publish")]
    Topic,
    /// It could not be found out.
    #[error("the destination cannot be asked")]
    Unreachable(#[source] BoxError),
}

/// Asks buckets, topics, keys and log groups.
pub trait Destinations: Debug + Send + Sync {
    /// Finds the ARN of the key for a bucket: `key` is an id, an alias as `alias/…`, or the ARN of
    /// either.
    fn key_arn<'a>(
        &'a self,
        key: &'a str,
        bucket: &'a str,
        trail: &'a TrailArn,
    ) -> BoxFuture<'a, Result<String, DestinationProblem>>;

    /// Tries what the trail will do. As in AWS that leaves traces: an empty object in the bucket, a
    /// message in the topic.
    fn check<'a>(
        &'a self,
        destination: Destination<'a>,
    ) -> BoxFuture<'a, Result<(), DestinationProblem>>;
}

/// Believes what it is told, for destinations that cannot be asked. What is wrong with them shows in
/// the status of the trail. An alias stays one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Anywhere;

impl Destinations for Anywhere {
    fn key_arn<'a>(
        &'a self,
        key: &'a str,
        _: &'a str,
        trail: &'a TrailArn,
    ) -> BoxFuture<'a, Result<String, DestinationProblem>> {
        let arn = key_in(&trail.home_region, key, trail.account);
        async { Ok(arn) }.boxed()
    }

    fn check<'a>(&'a self, _: Destination<'a>) -> BoxFuture<'a, Result<(), DestinationProblem>> {
        async { Ok(()) }.boxed()
    }
}

/// The ARN of an account's key in a region, as it was named: an ARN stays what it is, an alias one.
#[must_use]
pub fn key_in(region: &str, key: &str, account: AccountId) -> String {
    if key.starts_with("arn:") {
        return key.to_owned();
    }
    let kind = if key.starts_with("alias/") { "" } else { "key/" };
    format!("arn:{}:kms:{region}:{account}:{kind}{key}", partition(region))
}

impl DestinationProblem {
    /// AWS's error for it.
    pub(crate) fn fault(self, bucket: &str, key: &str) -> Fault {
        let (code, message) = match self {
            Self::BucketDenies => (
                ErrorCode::InsufficientS3BucketPolicyException,
                format!("Incorrect S3 bucket policy is detected for bucket: {bucket}"),
            ),
            Self::BucketMissing => (
                ErrorCode::S3BucketDoesNotExistException,
                format!("S3 bucket {bucket} does not exist!"),
            ),
            Self::KeyDenies => (
                ErrorCode::InsufficientEncryptionPolicyException,
                format!("Insufficient permissions to access S3 bucket {bucket} or KMS key {key}."),
            ),
            Self::KeyDisabled => {
                (ErrorCode::KmsException, format!("The KMS key {key} is disabled."))
            }
            Self::KeyMissing => (
                ErrorCode::KmsKeyNotFoundException,
                format!("KMS key {key} is not found in the region of S3 bucket {bucket}."),
            ),
            Self::LogGroup => (
                ErrorCode::InvalidCloudWatchLogsLogGroupArnException,
                "Access denied. Check the permissions for your role.".to_owned(),
            ),
            Self::LogsRole => (
                ErrorCode::InvalidCloudWatchLogsRoleArnException,
                "Access denied. Check the trust relationships for your role.".to_owned(),
            ),
            Self::Topic => (
                ErrorCode::InsufficientSnsTopicPolicyException,
                "SNS Topic does not exist or the topic policy is incorrect!".to_owned(),
            ),
            Self::Unreachable(_) => return unavailable(bucket, self),
        };
        fault(code, &message)
    }
}

/// Not the caller's mistake, and nothing of ours is broken. CloudTrail's model has no word for it, so it
/// is the one that all services have for what may go away by itself.
fn unavailable(bucket: &str, problem: DestinationProblem) -> Fault {
    tracing::warn!(
        bucket,
        error = &problem as &dyn std::error::Error,
        "a destination cannot be asked"
    );
    let message = format!(
        "S3 bucket {bucket}, or what else the trail writes to, cannot be reached or does not answer."
    );
    Fault::new("ServiceUnavailable", message, StatusCode::SERVICE_UNAVAILABLE)
}
