//! The policy of a bucket: kept as it was put, and what it says of a call or a delivery.
//!
//! Lives elsewhere: how a policy is read and evaluated (`wire::iam`), S3's operations on it
//! (`service`).

use std::sync::Arc;

use wire::iam::{self, Context, Decision, InvalidPolicy, Principal};

use crate::Buckets;

/// A bucket's policy, read. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct BucketPolicy {
    /// As it was put.
    pub(crate) text: Arc<str>,
    pub(crate) read: Arc<iam::BucketPolicy>,
}

/// Why a trail may not deliver into a bucket.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PolicyRefusal {
    /// The bucket's policy denies a trail what it needs.
    #[error("the bucket policy of `{bucket}` denies {action} on {resource}")]
    Denied {
        /// The bucket.
        bucket: String,
        /// `s3:GetBucketAcl` or `s3:PutObject`.
        action: &'static str,
        /// The ARN of the bucket or the object.
        resource: String,
    },
    /// There is no such bucket.
    #[error("the bucket `{0}` does not exist")]
    NoSuchBucket(String),
    /// The bucket is another account's, whose policy does not allow a trail what it needs.
    #[error("the bucket policy of `{bucket}` does not allow {action} on {resource}")]
    NotAllowed {
        /// The bucket.
        bucket: String,
        /// `s3:GetBucketAcl` or `s3:PutObject`.
        action: &'static str,
        /// The ARN of the bucket or the object.
        resource: String,
    },
}

impl Buckets {
    /// Whether a trail may write `key` into a bucket, as `cloudtrail.amazonaws.com`.
    ///
    /// Trails of the bucket's own account may, unless the bucket's policy denies it: unlike AWS, they
    /// need no policy. Those of any other account may only when the policy allows the service
    /// `s3:GetBucketAcl` on the bucket and `s3:PutObject` on the key. Conditions see
    /// `aws:SourceArn`, `aws:SourceAccount` and, on `s3:PutObject`, `s3:x-amz-acl`; also
    /// `aws:SecureTransport`, which is true, for nothing leaves the process.
    ///
    /// # Errors
    /// [`PolicyRefusal`] when it may not.
    pub fn may_deliver(
        &self,
        bucket: &str,
        key: &str,
        trail_arn: &str,
        source_account: &str,
        acl_header: Option<&str>,
    ) -> Result<(), PolicyRefusal> {
        let found = self.store.find(bucket);
        let found = found.ok_or_else(|| PolicyRefusal::NoSuchBucket(bucket.to_owned()))?;
        let is_own = found.account.as_str() == source_account;
        let now = self.store.ambient.clock.now();
        let asks = Context::default()
            .with("aws:SourceArn", trail_arn)
            .with("aws:SourceAccount", source_account)
            .with("aws:PrincipalIsAWSService", "true")
            .with("aws:PrincipalServiceName", CLOUDTRAIL)
            .with("aws:SecureTransport", "true")
            .with("aws:CurrentTime", now.to_string())
            .with("aws:EpochTime", now.as_second().to_string());
        let puts = match acl_header {
            Some(acl) => asks.clone().with("s3:x-amz-acl", acl),
            None => asks.clone(),
        };
        for (action, resource, context) in [
            ("s3:GetBucketAcl", iam::bucket_arn(bucket), asks),
            ("s3:PutObject", iam::object_arn(bucket, key), puts),
        ] {
            let request = iam::Request { action, resource: &resource, context: &context };
            let decision = decide(found.policy.as_ref(), Principal::Service(CLOUDTRAIL), &request);
            let bucket = bucket.to_owned();
            match decision {
                Decision::Allowed => {}
                Decision::ImplicitlyDenied if is_own => {}
                Decision::ExplicitlyDenied => {
                    return Err(PolicyRefusal::Denied { bucket, action, resource });
                }
                Decision::ImplicitlyDenied => {
                    return Err(PolicyRefusal::NotAllowed { bucket, action, resource });
                }
            }
        }
        Ok(())
    }
}

impl BucketPolicy {
    /// Reads the policy of a bucket.
    pub(crate) fn parse(text: &str, bucket: &str) -> Result<Self, InvalidPolicy> {
        let read = Arc::new(iam::BucketPolicy::parse(text, bucket)?);
        Ok(Self { text: Arc::from(text), read })
    }
}

impl PartialEq for BucketPolicy {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for BucketPolicy {}

/// What a bucket's policy says; without one, nothing.
pub(crate) fn decide(
    policy: Option<&BucketPolicy>,
    principal: Principal<'_>,
    request: &iam::Request<'_>,
) -> Decision {
    policy.map_or(Decision::ImplicitlyDenied, |it| it.read.decide(principal, request))
}

/// As whom trails deliver.
const CLOUDTRAIL: &str = "cloudtrail.amazonaws.com";
