//! Creating, finding and deleting buckets.

use std::{ops::Bound, sync::Arc};

use s3s::{
    S3ErrorCode,
    dto::{
        self, BucketLocationConstraint, CreateBucketInput, CreateBucketOutput, DeleteBucketInput,
        DeleteBucketOutput, GetBucketLocationInput, GetBucketLocationOutput, HeadBucketInput,
        HeadBucketOutput, ListBucketsInput, ListBucketsOutput,
    },
};

use super::{
    Facts, refuse_acl,
    told::{owner, time_in_seconds},
};
use crate::{
    error::{Fault, refuse},
    index::{Bucket, Create, Remove},
    lock::BucketLock,
    store::{Store, to_the_end},
};

/// How many buckets an account may have, as in S3.
const BUCKETS_MAX: usize = 10_000;

/// The region that S3 leaves unsaid.
const UNSAID: &str = "us-east-1";

pub(super) async fn create_bucket(
    store: &Arc<Store>,
    facts: &Facts,
    input: CreateBucketInput,
) -> Result<CreateBucketOutput, Fault> {
    let is_granted = input.grant_full_control.is_some()
        || input.grant_read.is_some()
        || input.grant_read_acp.is_some()
        || input.grant_write.is_some()
        || input.grant_write_acp.is_some();
    refuse_acl(input.acl.as_ref().map(|it| it.as_str()), is_granted)?;
    let constraint = input
        .create_bucket_configuration
        .and_then(|it| it.location_constraint)
        .map(|it| it.as_str().to_owned());
    let bucket = Bucket {
        name: input.bucket,
        account: facts.account,
        region: region(facts, constraint.as_deref())?,
        created: store.now_ms(),
        tags: None,
        policy: None,
        lock: input.object_lock_enabled_for_bucket.unwrap_or(false).then(BucketLock::default),
    };
    if store.read(|all| all.values().filter(|it| it.account == facts.account).count())
        >= BUCKETS_MAX
    {
        return Err(refuse(
            S3ErrorCode::TooManyBuckets,
            "You have attempted to create more buckets than allowed",
        ));
    }
    let location = format!("/{}", bucket.name);
    let maker = Arc::clone(store);
    let created = to_the_end(async move {
        let _turn = maker.naming.lock().await;
        let created = maker.index.create_bucket(&bucket).await?;
        if created == Create::Done {
            maker.note(|all| {
                all.insert(bucket.name.clone(), bucket);
            });
        }
        Ok(created)
    });
    match created.await? {
        Create::Done => Ok(CreateBucketOutput { location: Some(location) }),
        Create::Taken(account) if account == facts.account => Err(refuse(
            S3ErrorCode::BucketAlreadyOwnedByYou,
            "Your previous request to create the named bucket succeeded and you already own it.",
        )),
        Create::Taken(_) => Err(refuse(
            S3ErrorCode::BucketAlreadyExists,
            "The requested bucket name is not available. The bucket namespace is shared by all \
             users of the system. Please select a different name and try again.",
        )),
    }
}

pub(super) async fn delete_bucket(
    store: &Arc<Store>,
    facts: &Facts,
    input: DeleteBucketInput,
) -> Result<DeleteBucketOutput, Fault> {
    store.bucket(facts, &input.bucket)?;
    let remover = Arc::clone(store);
    let removed = to_the_end(async move {
        let _turn = remover.naming.lock().await;
        match remover.index.delete_bucket(&input.bucket).await? {
            Remove::NotEmpty => Ok(false),
            Remove::Done(gone) => {
                remover.note(|all| {
                    all.remove(&input.bucket);
                });
                remover.disk.discard(gone).await;
                Ok(true)
            }
        }
    });
    if removed.await? {
        Ok(DeleteBucketOutput::default())
    } else {
        Err(refuse(S3ErrorCode::BucketNotEmpty, "The bucket you tried to delete is not empty"))
    }
}

pub(super) async fn head_bucket(
    store: &Arc<Store>,
    facts: &Facts,
    input: HeadBucketInput,
) -> Result<HeadBucketOutput, Fault> {
    let bucket = store.bucket(facts, &input.bucket)?;
    Ok(HeadBucketOutput {
        access_point_alias: Some(false),
        bucket_region: Some(bucket.region),
        ..Default::default()
    })
}

pub(super) async fn get_bucket_location(
    store: &Arc<Store>,
    facts: &Facts,
    input: GetBucketLocationInput,
) -> Result<GetBucketLocationOutput, Fault> {
    let region = store.bucket(facts, &input.bucket)?.region;
    let location_constraint = (region != UNSAID).then(|| BucketLocationConstraint::from(region));
    Ok(GetBucketLocationOutput { location_constraint })
}

pub(super) async fn list_buckets(
    store: &Arc<Store>,
    facts: &Facts,
    input: ListBucketsInput,
) -> Result<ListBucketsOutput, Fault> {
    let max = match input.max_buckets {
        None => BUCKETS_MAX,
        Some(max) => usize::try_from(max)
            .ok()
            .filter(|it| (1..=BUCKETS_MAX).contains(it))
            .ok_or_else(|| {
                refuse(
                    S3ErrorCode::InvalidArgument,
                    "max-buckets must be an integer between 1 and 10000",
                )
            })?,
    };
    let from = input.continuation_token.as_deref().unwrap_or_default();
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let mut found: Vec<Bucket> = store.read(|all| {
        all.range::<str, _>((Bound::Included(from), Bound::Unbounded))
            .map(|(_, bucket)| bucket)
            .filter(|it| it.account == facts.account && it.name.starts_with(prefix))
            .filter(|it| input.bucket_region.as_ref().is_none_or(|region| *region == it.region))
            .take(max + 1)
            .cloned()
            .collect()
    });
    let next = found.split_off(found.len().min(max)).into_iter().next();
    // As S3: regions are told to those who ask for pages.
    let tells_region = input.max_buckets.is_some() || input.bucket_region.is_some();
    let buckets = found.into_iter().map(|it| dto::Bucket {
        bucket_region: tells_region.then_some(it.region),
        creation_date: Some(time_in_seconds(it.created)),
        name: Some(it.name),
    });
    Ok(ListBucketsOutput {
        buckets: Some(buckets.collect()),
        continuation_token: next.map(|it| it.name),
        owner: Some(owner(facts.account)),
        prefix: input.prefix,
    })
}

/// The region of a new bucket: the one that is asked for, which must be the one that is called.
fn region(facts: &Facts, constraint: Option<&str>) -> Result<String, Fault> {
    let constraint = match constraint {
        Some("EU") => Some("eu-west-1"),
        other => other.filter(|it| !it.is_empty()),
    };
    match constraint {
        None => Ok(facts.region.clone()),
        // Endpoints of us-east-1 create buckets everywhere.
        Some(region) if region == facts.region || facts.region == UNSAID => Ok(region.to_owned()),
        Some(region) => Err(refuse(
            S3ErrorCode::IllegalLocationConstraintException,
            format!(
                "The {region} location constraint is incompatible for the region specific \
                 endpoint this request was sent to."
            ),
        )),
    }
}
