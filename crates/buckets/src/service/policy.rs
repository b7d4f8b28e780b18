//! The policy of a bucket: put, get, delete, and whether it lets everybody in.

use std::sync::Arc;

use s3s::{
    S3ErrorCode,
    dto::{
        DeleteBucketPolicyInput, DeleteBucketPolicyOutput, GetBucketPolicyInput,
        GetBucketPolicyOutput, GetBucketPolicyStatusInput, GetBucketPolicyStatusOutput,
        PolicyStatus, PutBucketPolicyInput, PutBucketPolicyOutput,
    },
};
use wire::iam::InvalidPolicy;

use super::Facts;
use crate::{
    error::{Fault, refuse},
    policy::BucketPolicy,
    store::{Store, to_the_end},
};

pub(super) async fn get_bucket_policy(
    store: &Arc<Store>,
    facts: &Facts,
    input: GetBucketPolicyInput,
) -> Result<GetBucketPolicyOutput, Fault> {
    let policy = store.bucket(facts, &input.bucket)?.policy.ok_or_else(no_policy)?;
    Ok(GetBucketPolicyOutput { policy: Some(policy.text.to_string()) })
}

pub(super) async fn get_bucket_policy_status(
    store: &Arc<Store>,
    facts: &Facts,
    input: GetBucketPolicyStatusInput,
) -> Result<GetBucketPolicyStatusOutput, Fault> {
    let policy = store.bucket(facts, &input.bucket)?.policy.ok_or_else(no_policy)?;
    let status = PolicyStatus { is_public: Some(policy.read.is_public()) };
    Ok(GetBucketPolicyStatusOutput { policy_status: Some(status) })
}

pub(super) async fn put_bucket_policy(
    store: &Arc<Store>,
    facts: &Facts,
    input: PutBucketPolicyInput,
) -> Result<PutBucketPolicyOutput, Fault> {
    store.bucket(facts, &input.bucket)?;
    let policy = BucketPolicy::parse(&input.policy, &input.bucket).map_err(|reason| {
        let words = if reason == InvalidPolicy::Syntax {
            "Policies must be valid JSON and the first byte must be '{'".to_owned()
        } else {
            reason.to_string()
        };
        refuse(S3ErrorCode::MalformedPolicy, words)
    })?;
    set(store, input.bucket, Some(policy)).await?;
    Ok(PutBucketPolicyOutput::default())
}

/// Deleting what is not there is no error.
pub(super) async fn delete_bucket_policy(
    store: &Arc<Store>,
    facts: &Facts,
    input: DeleteBucketPolicyInput,
) -> Result<DeleteBucketPolicyOutput, Fault> {
    store.bucket(facts, &input.bucket)?;
    set(store, input.bucket, None).await?;
    Ok(DeleteBucketPolicyOutput::default())
}

async fn set(store: &Arc<Store>, name: String, policy: Option<BucketPolicy>) -> Result<(), Fault> {
    let store = Arc::clone(store);
    let done = to_the_end(async move {
        let _turn = store.naming.lock().await;
        store.index.set_policy(&name, policy.as_ref().map(|it| it.text.as_ref())).await?;
        store.note(|all| {
            if let Some(bucket) = all.get_mut(&name) {
                bucket.policy = policy;
            }
        });
        Ok(())
    });
    Ok(done.await?)
}

fn no_policy() -> Fault {
    refuse(S3ErrorCode::NoSuchBucketPolicy, "The bucket policy does not exist")
}
