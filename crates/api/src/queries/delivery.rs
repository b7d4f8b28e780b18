//! Where the result of a query goes besides: `s3://bucket[/prefix]`.

use wire::shapes::cloudtrail::ErrorCode;

use crate::{
    fault::{Fault, fault},
    trails::{
        Asked,
        settings::{check_bucket, check_prefix},
    },
};

/// Reads a location, and tries whether results can be written there.
///
/// # Errors
/// `InvalidParameterException`, `InvalidS3BucketNameException`, `InvalidS3PrefixException`,
/// `S3BucketDoesNotExistException`, `InsufficientS3BucketPolicyException`,
/// `InsufficientEncryptionPolicyException`.
pub(super) async fn check(asked: &Asked<'_>, uri: &str) -> Result<(), Fault> {
    let rest = uri.strip_prefix("s3://").ok_or_else(|| {
        let message = "DeliveryS3Uri is not of the form s3://bucket/prefix.";
        fault(ErrorCode::InvalidParameterException, message)
    })?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    check_bucket(bucket)?;
    let prefix = prefix.trim_end_matches('/');
    check_prefix(prefix)?;
    let tried = asked.runner()?.check_delivery(asked.account, asked.region, bucket, prefix).await;
    tried.map_err(|it| it.fault(bucket, ""))
}
