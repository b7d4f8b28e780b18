//! `DeleteObject` and `DeleteObjects`.

use std::sync::Arc;

use s3s::{
    S3ErrorCode,
    dto::{
        self, DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput,
        DeletedObject, ETagCondition,
    },
};

use super::{
    Facts,
    conditions::{LOCKED, locked, of_write, precondition_failed},
    get::check_version,
};
use crate::{
    Error,
    error::{Fault, refuse},
    index::{Bucket, Delete, WhenEtag},
    store::{Store, to_the_end},
};

/// How many keys one request may name.
const KEYS_MAX: usize = 1000;

pub(super) async fn delete_object(
    store: &Arc<Store>,
    facts: &Facts,
    input: DeleteObjectInput,
) -> Result<DeleteObjectOutput, Fault> {
    let bucket = store.bucket(facts, &input.bucket)?;
    check_version(input.version_id.as_deref())?;
    if input.if_match_last_modified_time.is_some() || input.if_match_size.is_some() {
        return Err(refuse(
            S3ErrorCode::NotImplemented,
            "A header you provided implies functionality that is not implemented",
        ));
    }
    let when = of_write(input.if_match.as_ref(), None)?;
    let bypasses = bypasses_governance(facts, &bucket, input.bypass_governance_retention);
    let outcomes = delete(store, input.bucket, vec![(input.key, when)], bypasses).await?;
    match outcomes.first() {
        Some(Delete::Locked) => Err(locked()),
        Some(Delete::Precondition) => Err(precondition_failed()),
        Some(Delete::Done) | None => Ok(DeleteObjectOutput::default()),
    }
}

pub(super) async fn delete_objects(
    store: &Arc<Store>,
    facts: &Facts,
    input: DeleteObjectsInput,
) -> Result<DeleteObjectsOutput, Fault> {
    let bucket = store.meant(facts, &input.bucket)?;
    let named = input.delete.objects;
    if named.is_empty() || named.len() > KEYS_MAX {
        return Err(refuse(
            S3ErrorCode::MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published \
             schema",
        ));
    }
    let mut errors = Vec::new();
    let mut keys = Vec::new();
    for object in named {
        if !facts.visitor.may(&bucket, "DeleteObject", Some(&object.key)) {
            errors.push(refused(object.key, object.version_id, "AccessDenied", "Access Denied"));
            continue;
        }
        if check_version(object.version_id.as_deref()).is_err() {
            let words = "The specified version does not exist.";
            errors.push(refused(object.key, object.version_id, "NoSuchVersion", words));
            continue;
        }
        let when = match object.e_tag {
            None => WhenEtag::Whatever,
            Some(tag) => of_write(Some(&ETagCondition::ETag(tag)), None)?,
        };
        keys.push((object.key, when));
    }
    let bypasses = bypasses_governance(facts, &bucket, input.bypass_governance_retention);
    let outcomes = delete(store, input.bucket, keys.clone(), bypasses).await?;
    let mut deleted = Vec::new();
    for ((key, _), outcome) in keys.into_iter().zip(outcomes) {
        match outcome {
            Delete::Done => deleted.push(DeletedObject { key: Some(key), ..Default::default() }),
            Delete::Locked => errors.push(refused(key, None, "AccessDenied", LOCKED)),
            Delete::Precondition => {
                let words = "At least one of the pre-conditions you specified did not hold";
                errors.push(refused(key, None, "PreconditionFailed", words));
            }
        }
    }
    let is_quiet = input.delete.quiet.unwrap_or(false);
    Ok(DeleteObjectsOutput {
        deleted: (!is_quiet).then_some(deleted),
        errors: Some(errors),
        ..Default::default()
    })
}

/// Whether a retention in governance mode does not count: only for the bucket's own account.
pub(super) fn bypasses_governance(facts: &Facts, bucket: &Bucket, asked: Option<bool>) -> bool {
    asked.unwrap_or(false) && facts.account == bucket.account
}

async fn delete(
    store: &Arc<Store>,
    bucket: String,
    keys: Vec<(String, WhenEtag)>,
    bypasses_governance: bool,
) -> Result<Vec<Delete>, Error> {
    let store = Arc::clone(store);
    to_the_end(async move {
        let unlock = store.unlock(bypasses_governance);
        let (outcomes, gone) = store.index.delete_objects(&bucket, &keys, unlock).await?;
        store.disk.discard(gone).await;
        Ok(outcomes)
    })
    .await
}

fn refused(key: String, version_id: Option<String>, code: &str, message: &str) -> dto::Error {
    dto::Error {
        code: Some(code.to_owned()),
        key: Some(key),
        message: Some(message.to_owned()),
        version_id,
    }
}
