//! S3's operations, one idea per file; here, which of them there are.
//!
//! An operation that is not here answers `NotImplemented`.

mod conditions;
mod copy;
mod delete;
mod get;
mod lists;
mod lock;
mod manage;
mod multipart;
mod policy;
mod properties;
mod put;
mod stated;
mod tags;
mod told;

use std::sync::Arc;

use async_trait::async_trait;
use record::AccountId;
// Two shapes for each operation.
use s3s::dto::*;
use s3s::{
    S3, S3ErrorCode, S3Request, S3Response, S3Result, s3_error,
    service::{S3Service, S3ServiceBuilder},
};
use tracing::{Dispatch, dispatcher, error, warn};

pub(crate) use self::properties::USER_METADATA_MAX;
use crate::{
    access::{Errand, Visitor},
    error::Fault,
    store::Store,
};

/// What the operations need to know of a call beside its input.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// Whose buckets the caller uses.
    pub(crate) account: AccountId,
    /// Who calls.
    pub(crate) visitor: Arc<Visitor>,
    /// For what.
    pub(crate) errand: Errand,
    /// The region that the call was signed for.
    pub(crate) region: String,
    /// Whose the bucket must be, if the caller said so.
    pub(crate) expected_owner: Option<String>,
    /// Where our own words go: `s3s` runs without a subscriber.
    pub(crate) log: Dispatch,
}

/// The operations, as `s3s` calls them.
pub(crate) fn build(store: Arc<Store>) -> S3Service {
    S3ServiceBuilder::new(Operations { store }).build()
}

struct Operations {
    store: Arc<Store>,
}

/// Hands each operation on to the function of the same name.
macro_rules! operations {
    ($($module:ident :: $name:ident ($input:ty) -> $output:ty;)*) => {
        #[async_trait]
        impl S3 for Operations {
            $(
                async fn $name(&self, request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                    let mut facts = facts(&request.extensions)?;
                    facts.errand = Errand::of(stringify!($name), &request.uri);
                    let result = $module::$name(&self.store, &facts, request.input).await;
                    answer(&facts, stringify!($name), result)
                }
            )*
        }

        /// What `s3s` calls the operations that there are.
        const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

/// Whether there is an operation, by the name that the catalogue has for it.
pub(crate) fn has(operation: &str) -> bool {
    NAMES.iter().any(|it| Errand::name(it) == operation)
}

operations! {
    copy::copy_object(CopyObjectInput) -> CopyObjectOutput;
    copy::upload_part_copy(UploadPartCopyInput) -> UploadPartCopyOutput;
    delete::delete_object(DeleteObjectInput) -> DeleteObjectOutput;
    delete::delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput;
    get::get_object(GetObjectInput) -> GetObjectOutput;
    get::get_object_attributes(GetObjectAttributesInput) -> GetObjectAttributesOutput;
    get::head_object(HeadObjectInput) -> HeadObjectOutput;
    lists::list_multipart_uploads(ListMultipartUploadsInput) -> ListMultipartUploadsOutput;
    lists::list_object_versions(ListObjectVersionsInput) -> ListObjectVersionsOutput;
    lists::list_objects(ListObjectsInput) -> ListObjectsOutput;
    lists::list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output;
    lists::list_parts(ListPartsInput) -> ListPartsOutput;
    lock::get_object_legal_hold(GetObjectLegalHoldInput) -> GetObjectLegalHoldOutput;
    lock::get_object_lock_configuration(GetObjectLockConfigurationInput)
        -> GetObjectLockConfigurationOutput;
    lock::get_object_retention(GetObjectRetentionInput) -> GetObjectRetentionOutput;
    lock::put_object_legal_hold(PutObjectLegalHoldInput) -> PutObjectLegalHoldOutput;
    lock::put_object_lock_configuration(PutObjectLockConfigurationInput)
        -> PutObjectLockConfigurationOutput;
    lock::put_object_retention(PutObjectRetentionInput) -> PutObjectRetentionOutput;
    manage::create_bucket(CreateBucketInput) -> CreateBucketOutput;
    manage::delete_bucket(DeleteBucketInput) -> DeleteBucketOutput;
    manage::get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput;
    manage::head_bucket(HeadBucketInput) -> HeadBucketOutput;
    manage::list_buckets(ListBucketsInput) -> ListBucketsOutput;
    multipart::abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput;
    multipart::complete_multipart_upload(CompleteMultipartUploadInput)
        -> CompleteMultipartUploadOutput;
    multipart::create_multipart_upload(CreateMultipartUploadInput)
        -> CreateMultipartUploadOutput;
    multipart::upload_part(UploadPartInput) -> UploadPartOutput;
    policy::delete_bucket_policy(DeleteBucketPolicyInput) -> DeleteBucketPolicyOutput;
    policy::get_bucket_policy(GetBucketPolicyInput) -> GetBucketPolicyOutput;
    policy::get_bucket_policy_status(GetBucketPolicyStatusInput) -> GetBucketPolicyStatusOutput;
    policy::put_bucket_policy(PutBucketPolicyInput) -> PutBucketPolicyOutput;
    put::put_object(PutObjectInput) -> PutObjectOutput;
    stated::get_bucket_accelerate_configuration(GetBucketAccelerateConfigurationInput)
        -> GetBucketAccelerateConfigurationOutput;
    stated::get_bucket_acl(GetBucketAclInput) -> GetBucketAclOutput;
    stated::get_bucket_cors(GetBucketCorsInput) -> GetBucketCorsOutput;
    stated::get_bucket_encryption(GetBucketEncryptionInput) -> GetBucketEncryptionOutput;
    stated::get_bucket_lifecycle_configuration(GetBucketLifecycleConfigurationInput)
        -> GetBucketLifecycleConfigurationOutput;
    stated::get_bucket_logging(GetBucketLoggingInput) -> GetBucketLoggingOutput;
    stated::get_bucket_notification_configuration(GetBucketNotificationConfigurationInput)
        -> GetBucketNotificationConfigurationOutput;
    stated::get_bucket_ownership_controls(GetBucketOwnershipControlsInput)
        -> GetBucketOwnershipControlsOutput;
    stated::get_bucket_replication(GetBucketReplicationInput) -> GetBucketReplicationOutput;
    stated::get_bucket_request_payment(GetBucketRequestPaymentInput)
        -> GetBucketRequestPaymentOutput;
    stated::get_bucket_versioning(GetBucketVersioningInput) -> GetBucketVersioningOutput;
    stated::get_bucket_website(GetBucketWebsiteInput) -> GetBucketWebsiteOutput;
    stated::get_object_acl(GetObjectAclInput) -> GetObjectAclOutput;
    stated::get_public_access_block(GetPublicAccessBlockInput) -> GetPublicAccessBlockOutput;
    tags::delete_bucket_tagging(DeleteBucketTaggingInput) -> DeleteBucketTaggingOutput;
    tags::delete_object_tagging(DeleteObjectTaggingInput) -> DeleteObjectTaggingOutput;
    tags::get_bucket_tagging(GetBucketTaggingInput) -> GetBucketTaggingOutput;
    tags::get_object_tagging(GetObjectTaggingInput) -> GetObjectTaggingOutput;
    tags::put_bucket_tagging(PutBucketTaggingInput) -> PutBucketTaggingOutput;
    tags::put_object_tagging(PutObjectTaggingInput) -> PutObjectTaggingOutput;
}

fn facts(extensions: &http::Extensions) -> S3Result<Facts> {
    extensions.get::<Facts>().cloned().ok_or_else(|| s3_error!(InternalError))
}

/// The answer in S3's words; what is wrong on our side goes to our log.
fn answer<T>(
    facts: &Facts,
    operation: &'static str,
    result: Result<T, Fault>,
) -> S3Result<S3Response<T>> {
    result.map(S3Response::new).map_err(|fault| {
        if let Fault::Internal(error) = &fault {
            dispatcher::with_default(&facts.log, || {
                let cause = std::error::Error::source(error).map(ToString::to_string);
                if error.is_full() {
                    warn!(operation, %error, cause, "the embedded S3 has no room");
                } else {
                    error!(operation, %error, cause, "the embedded S3 failed");
                }
            });
        }
        fault.into_answer()
    })
}

/// Refuses what this S3 cannot promise, rather than to do without.
fn refuse_encryption(
    encryption: Option<&ServerSideEncryption>,
    customer_key: Option<&String>,
) -> Result<(), Fault> {
    if encryption.is_some() || customer_key.is_some() {
        return Err(crate::error::refuse(
            S3ErrorCode::NotImplemented,
            "Server-side encryption is not implemented.",
        ));
    }
    Ok(())
}

/// Refuses every ACL but those that change nothing, as a bucket does whose owner owns all objects.
fn refuse_acl(acl: Option<&str>, is_granted: bool) -> Result<(), Fault> {
    let is_usual =
        matches!(acl, None | Some("private" | "bucket-owner-full-control" | "bucket-owner-read"));
    if is_usual && !is_granted {
        return Ok(());
    }
    Err(crate::error::refuse(
        S3ErrorCode::AccessControlListNotSupported,
        "The bucket does not allow ACLs",
    ))
}
