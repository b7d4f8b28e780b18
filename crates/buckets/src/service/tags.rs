//! Tags of objects and buckets.

use std::{collections::HashSet, sync::Arc};

use percent_encoding::percent_decode_str;
use s3s::{
    S3ErrorCode,
    dto::{
        DeleteBucketTaggingInput, DeleteBucketTaggingOutput, DeleteObjectTaggingInput,
        DeleteObjectTaggingOutput, GetBucketTaggingInput, GetBucketTaggingOutput,
        GetObjectTaggingInput, GetObjectTaggingOutput, PutBucketTaggingInput,
        PutBucketTaggingOutput, PutObjectTaggingInput, PutObjectTaggingOutput, Tag,
    },
};

use super::{
    Facts,
    conditions::no_such_key,
    get::{check_version, find},
};
use crate::{
    error::{Fault, refuse},
    store::{Store, to_the_end},
};

/// How many tags an object may have.
pub(super) const OBJECT_MAX: usize = 10;

/// How many tags a bucket may have.
const BUCKET_MAX: usize = 50;

pub(super) async fn get_object_tagging(
    store: &Arc<Store>,
    facts: &Facts,
    input: GetObjectTaggingInput,
) -> Result<GetObjectTaggingOutput, Fault> {
    store.bucket(facts, &input.bucket)?;
    check_version(input.version_id.as_deref())?;
    let object = find(store, &input.bucket, &input.key).await?;
    Ok(GetObjectTaggingOutput { tag_set: told(object.meta.properties.tags), version_id: None })
}

pub(super) async fn put_object_tagging(
    store: &Arc<Store>,
    facts: &Facts,
    input: PutObjectTaggingInput,
) -> Result<PutObjectTaggingOutput, Fault> {
    check_version(input.version_id.as_deref())?;
    let tags = read(input.tagging.tag_set, OBJECT_MAX)?;
    set(store, facts, &input.bucket, &input.key, &tags).await?;
    Ok(PutObjectTaggingOutput::default())
}

pub(super) async fn delete_object_tagging(
    store: &Arc<Store>,
    facts: &Facts,
    input: DeleteObjectTaggingInput,
) -> Result<DeleteObjectTaggingOutput, Fault> {
    check_version(input.version_id.as_deref())?;
    set(store, facts, &input.bucket, &input.key, &[]).await?;
    Ok(DeleteObjectTaggingOutput::default())
}

pub(super) async fn get_bucket_tagging(
    store: &Arc<Store>,
    facts: &Facts,
    input: GetBucketTaggingInput,
) -> Result<GetBucketTaggingOutput, Fault> {
    match store.bucket(facts, &input.bucket)?.tags {
        Some(tags) => Ok(GetBucketTaggingOutput { tag_set: told(tags) }),
        None => Err(refuse(S3ErrorCode::NoSuchTagSet, "The TagSet does not exist")),
    }
}

pub(super) async fn put_bucket_tagging(
    store: &Arc<Store>,
    facts: &Facts,
    input: PutBucketTaggingInput,
) -> Result<PutBucketTaggingOutput, Fault> {
    let tags = read(input.tagging.tag_set, BUCKET_MAX)?;
    set_bucket(store, facts, &input.bucket, Some(tags)).await?;
    Ok(PutBucketTaggingOutput::default())
}

pub(super) async fn delete_bucket_tagging(
    store: &Arc<Store>,
    facts: &Facts,
    input: DeleteBucketTaggingInput,
) -> Result<DeleteBucketTaggingOutput, Fault> {
    set_bucket(store, facts, &input.bucket, None).await?;
    Ok(DeleteBucketTaggingOutput::default())
}

/// Reads `x-amz-tagging`: `name=value&…`, encoded as in a query.
pub(super) fn from_header(header: Option<&str>) -> Result<Vec<(String, String)>, Fault> {
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        percent_decode_str(&text).decode_utf8().map(|it| it.into_owned()).map_err(|_| {
            refuse(S3ErrorCode::InvalidArgument, "The header 'x-amz-tagging' is not UTF-8")
        })
    };
    header
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect()
}

/// Checks a set of tags.
pub(super) fn check(tags: &[(String, String)], max: usize) -> Result<(), Fault> {
    if tags.len() > max {
        let words = format!("Object tags cannot be greater than {max}");
        return Err(refuse(S3ErrorCode::InvalidTag, words));
    }
    let mut names = HashSet::new();
    for (name, value) in tags {
        let length = name.chars().count();
        if length == 0 || length > 128 {
            return Err(refuse(S3ErrorCode::InvalidTag, "The TagKey you have provided is invalid"));
        }
        if value.chars().count() > 256 {
            return Err(refuse(
                S3ErrorCode::InvalidTag,
                "The TagValue you have provided is invalid",
            ));
        }
        if !names.insert(name) {
            return Err(refuse(
                S3ErrorCode::InvalidTag,
                "Cannot provide multiple Tags with the same key",
            ));
        }
    }
    Ok(())
}

async fn set(
    store: &Arc<Store>,
    facts: &Facts,
    bucket: &str,
    key: &str,
    tags: &[(String, String)],
) -> Result<(), Fault> {
    store.bucket(facts, bucket)?;
    let done = store.index.set_object_tags(bucket, key, tags).await?;
    if done { Ok(()) } else { Err(no_such_key()) }
}

async fn set_bucket(
    store: &Arc<Store>,
    facts: &Facts,
    name: &str,
    tags: Option<Vec<(String, String)>>,
) -> Result<(), Fault> {
    store.bucket(facts, name)?;
    let (store, name) = (Arc::clone(store), name.to_owned());
    let done = to_the_end(async move {
        let _turn = store.naming.lock().await;
        store.index.set_bucket_tags(&name, tags.as_deref()).await?;
        store.note(|all| {
            if let Some(bucket) = all.get_mut(&name) {
                bucket.tags = tags;
            }
        });
        Ok(())
    });
    Ok(done.await?)
}

fn read(tags: Vec<Tag>, max: usize) -> Result<Vec<(String, String)>, Fault> {
    let tags: Vec<_> = tags
        .into_iter()
        .map(|it| (it.key.unwrap_or_default(), it.value.unwrap_or_default()))
        .collect();
    check(&tags, max)?;
    Ok(tags)
}

fn told(tags: Vec<(String, String)>) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag { key: Some(key), value: Some(value) }).collect()
}
