//! `CopyObject` and `UploadPartCopy`.

use std::{ops::Range, sync::Arc};

use s3s::{
    S3ErrorCode,
    dto::{
        self, CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopyPartResult, CopySource,
        UploadPartCopyInput, UploadPartCopyOutput,
    },
};

use super::{
    Facts,
    conditions::{OfRead, check_put, no_such_key},
    get::{self, Asked, check_version, whole},
    lock::read_lock,
    multipart,
    properties::{checked, read_properties},
    put::{PUT_MAX, too_large},
    refuse_acl, refuse_encryption,
    told::{etag, tell_checksum, time_in_seconds},
};
use crate::{
    access::Errand,
    digest::{Algorithm, Checksum, Digests, Hasher, Kind},
    disk::{Draft, Reading, WriteError},
    error::{Fault, refuse},
    index::{Meta, Object, WhenEtag},
    store::Store,
};

pub(super) async fn copy_object(
    store: &Arc<Store>,
    facts: &Facts,
    mut input: CopyObjectInput,
) -> Result<CopyObjectOutput, Fault> {
    let bucket = store.bucket(facts, &input.bucket)?;
    let is_granted = input.grant_full_control.is_some()
        || input.grant_read.is_some()
        || input.grant_read_acp.is_some()
        || input.grant_write_acp.is_some();
    refuse_acl(input.acl.as_ref().map(|it| it.as_str()), is_granted)?;
    refuse_encryption(
        input.server_side_encryption.as_ref(),
        input.sse_customer_algorithm.as_ref().or(input.copy_source_sse_customer_algorithm.as_ref()),
    )?;
    let lock = read_lock!(input).of_new(&bucket, store.ambient.clock.now())?;
    let (from_bucket, from_key) = source(store, facts, &input.copy_source)?;
    let replaces = input.metadata_directive.as_ref().is_some_and(|it| it.as_str() == "REPLACE");
    let retags = input.tagging_directive.as_ref().is_some_and(|it| it.as_str() == "REPLACE");
    let is_same = from_bucket == input.bucket && from_key == input.key;
    let changes = replaces
        || input.storage_class.is_some()
        || input.website_redirect_location.is_some()
        || input.checksum_algorithm.is_some();
    if is_same && !changes {
        return Err(refuse(
            S3ErrorCode::InvalidRequest,
            "This copy request is illegal because it is trying to copy an object to itself \
             without changing the object's metadata, storage class, website redirect location or \
             encryption attributes.",
        ));
    }
    let conditions = OfRead {
        if_match: input.copy_source_if_match.take(),
        if_none_match: input.copy_source_if_none_match.take(),
        if_modified_since: input.copy_source_if_modified_since.take(),
        if_unmodified_since: input.copy_source_if_unmodified_since.take(),
    };
    let (old, _, reading) = get::open(store, (&from_bucket, &from_key), |object| {
        conditions.check_source(object)?;
        if object.size > PUT_MAX { Err(too_large()) } else { Ok(whole(object)) }
    })
    .await?;

    let given = read_properties!(input)?;
    let mut properties = old.meta.properties.clone();
    if replaces {
        let tags = std::mem::take(&mut properties.tags);
        properties = crate::index::Properties { tags, ..given.clone() };
    } else {
        // Neither is part of the metadata that a copy takes along.
        properties.storage_class = given.storage_class;
        properties.website_redirect_location = given.website_redirect_location;
    }
    if retags {
        properties.tags = given.tags;
    }
    let asked = match &input.checksum_algorithm {
        None => None,
        Some(word) => Some(algorithm(word)?),
    };
    let (draft, md5, checksum) = duplicate(store, &old, reading, asked).await?;
    let object = Object {
        size: old.size,
        etag: md5,
        modified: store.now_ms(),
        meta: Meta {
            properties: checked(properties)?,
            checksum: checksum.clone(),
            lock,
            ..Meta::default()
        },
    };
    let mut result = CopyObjectResult {
        e_tag: Some(etag(&object.etag)),
        last_modified: Some(time_in_seconds(object.modified)),
        ..Default::default()
    };
    let place = (input.bucket.as_str(), input.key.as_str());
    check_put(store.put(place, object, vec![draft], WhenEtag::Whatever).await?)?;
    tell_checksum!(result, &checksum);
    result.checksum_type = checksum.map(|it| it.kind.as_str().to_owned().into());
    Ok(CopyObjectOutput { copy_object_result: Some(result), ..Default::default() })
}

pub(super) async fn upload_part_copy(
    store: &Arc<Store>,
    facts: &Facts,
    mut input: UploadPartCopyInput,
) -> Result<UploadPartCopyOutput, Fault> {
    refuse_encryption(
        None,
        input.sse_customer_algorithm.as_ref().or(input.copy_source_sse_customer_algorithm.as_ref()),
    )?;
    let upload =
        multipart::upload_of(store, facts, (&input.bucket, &input.key), &input.upload_id).await?;
    let number = multipart::part_number(input.part_number)?;
    let (from_bucket, from_key) = source(store, facts, &input.copy_source)?;
    let conditions = OfRead {
        if_match: input.copy_source_if_match.take(),
        if_none_match: input.copy_source_if_none_match.take(),
        if_modified_since: input.copy_source_if_modified_since.take(),
        if_unmodified_since: input.copy_source_if_unmodified_since.take(),
    };
    let range = input.copy_source_range.as_deref();
    let (_, asked, reading) = get::open(store, (&from_bucket, &from_key), |object| {
        conditions.check_source(object)?;
        let asked = range_of(object, range)?;
        let size = asked.range.end - asked.range.start;
        if size > PUT_MAX { Err(too_large()) } else { Ok(asked) }
    })
    .await?;
    let algorithm = multipart::algorithm_of(&upload);
    let (draft, digests) = rewrite(store, reading, asked.range, algorithm).await?;
    let checksum = digests.of(algorithm);
    let (tag, modified) =
        multipart::keep_part(store, &upload, number, draft, &digests, checksum.clone()).await?;
    let mut result = CopyPartResult {
        e_tag: Some(etag(&tag)),
        last_modified: Some(time_in_seconds(modified)),
        ..Default::default()
    };
    if upload.meta.algorithm.is_some() {
        tell_checksum!(result, &checksum);
    }
    Ok(UploadPartCopyOutput { copy_part_result: Some(result), ..Default::default() })
}

/// Where a copy comes from; the caller must be allowed to use that bucket, too.
fn source(store: &Store, facts: &Facts, source: &CopySource) -> Result<(String, String), Fault> {
    let CopySource::Bucket { bucket, key, version_id } = source else {
        return Err(refuse(S3ErrorCode::NotImplemented, "Access points are not implemented."));
    };
    // The expected owner is the one of the destination.
    let errand = Errand { operation: "GetObject".to_owned(), key: Some(key.to_string()) };
    let facts = Facts { expected_owner: None, errand, ..facts.clone() };
    store.bucket(&facts, bucket)?;
    check_version(version_id.as_deref())?;
    if key.is_empty() {
        return Err(no_such_key());
    }
    Ok((bucket.to_string(), key.to_string()))
}

/// A second copy of an object's bytes, their MD5 in hexadecimal, and their checksum.
///
/// An object of one file gets a second name for it; one that was uploaded in parts is rewritten,
/// for its ETag and checksum are not those of its bytes.
async fn duplicate(
    store: &Arc<Store>,
    old: &Object,
    reading: Reading,
    asked: Option<Algorithm>,
) -> Result<(Draft, String, Option<Checksum>), Fault> {
    let kept = old.meta.checksum.as_ref().filter(|it| {
        it.kind == Kind::FullObject && asked.is_none_or(|asked| asked == it.algorithm)
    });
    if let ([blob], Some(checksum), true) =
        (old.meta.blobs.as_slice(), kept, old.meta.parts.is_empty())
        && let Some(draft) = store.disk.link(blob).await?
    {
        return Ok((draft, old.etag.clone(), Some(checksum.clone())));
    }
    let algorithm = asked
        .or_else(|| old.meta.checksum.as_ref().map(|it| it.algorithm))
        .unwrap_or(Algorithm::Crc64Nvme);
    let (draft, digests) = rewrite(store, reading, 0..old.size, algorithm).await?;
    Ok((draft, hex::encode(digests.md5), digests.of(algorithm)))
}

async fn rewrite(
    store: &Arc<Store>,
    reading: Reading,
    range: Range<u64>,
    algorithm: Algorithm,
) -> Result<(Draft, Digests), Fault> {
    let size = range.end - range.start;
    let written = store.disk.write(reading.stream(), Hasher::new([algorithm]), size).await;
    written.map_err(|e| match e {
        WriteError::Body | WriteError::TooLarge => {
            crate::Error::Damaged("the bytes of an object cannot be read").into()
        }
        WriteError::Disk(error) => error.into(),
    })
}

/// Reads `bytes=first-last`, the one form that is allowed, with both ends inside the object.
fn range_of(object: &Object, range: Option<&str>) -> Result<Asked, Fault> {
    let Some(text) = range else { return Ok(whole(object)) };
    let wrong = || {
        refuse(
            S3ErrorCode::InvalidArgument,
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first \
             and last are the zero-based offsets of the first and last bytes to copy",
        )
    };
    let range = dto::Range::parse(text).map_err(|_| wrong())?;
    match range {
        dto::Range::Int { last: Some(last), .. } if last < object.size => {
            get::part_of(object, Some(&range), None)
        }
        dto::Range::Int { last: Some(_), .. } => Err(refuse(
            S3ErrorCode::InvalidRange,
            format!("Range specified is not valid for source object of size: {}", object.size),
        )),
        dto::Range::Int { last: None, .. } | dto::Range::Suffix { .. } => Err(wrong()),
    }
}

fn algorithm(word: &dto::ChecksumAlgorithm) -> Result<Algorithm, Fault> {
    Algorithm::from_word(word.as_str()).ok_or_else(|| {
        refuse(
            S3ErrorCode::InvalidRequest,
            "Checksum algorithm provided is unsupported. Please try again with any of the valid \
             types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
        )
    })
}
