//! `GetObject`, `HeadObject` and `GetObjectAttributes`.

use std::{ops::Range, sync::Arc};

use futures::TryStreamExt as _;
use http::{HeaderMap, HeaderValue, header};
use http_body::Frame;
use http_body_util::StreamBody;
use s3s::{
    Body, S3Error, S3ErrorCode,
    dto::{
        self, GetObjectAttributesInput, GetObjectAttributesOutput, GetObjectAttributesParts,
        GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput, ObjectPart,
        StreamingBlob,
    },
};

use super::{
    Facts,
    conditions::{OfRead, no_such_key},
    lock::tell_lock,
    properties::from_http_date,
    told::{etag, signed, small, tell_checksum, time, time_in_seconds},
};
use crate::{
    disk::Reading,
    error::{Fault, refuse},
    index::Object,
    store::Store,
};

pub(super) async fn get_object(
    store: &Arc<Store>,
    facts: &Facts,
    input: GetObjectInput,
) -> Result<GetObjectOutput, Fault> {
    let conditions = OfRead {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
    store.bucket(facts, &input.bucket)?;
    check_version(input.version_id.as_deref())?;
    let (object, part, reading) = open(store, (&input.bucket, &input.key), |object| {
        conditions.check(object)?;
        part_of(object, input.range.as_ref(), input.part_number)
    })
    .await?;
    let with_checksum = input.checksum_mode.is_some();
    let head = describe(&object, &part, with_checksum);
    let stream = reading.stream().map_ok(Frame::data);
    Ok(GetObjectOutput {
        accept_ranges: head.accept_ranges,
        body: Some(StreamingBlob::from(Body::http_body_unsync(StreamBody::new(stream)))),
        cache_control: head.cache_control,
        checksum_crc32: head.checksum_crc32,
        checksum_crc32c: head.checksum_crc32c,
        checksum_crc64nvme: head.checksum_crc64nvme,
        checksum_sha1: head.checksum_sha1,
        checksum_sha256: head.checksum_sha256,
        checksum_type: head.checksum_type,
        content_disposition: head.content_disposition,
        content_encoding: head.content_encoding,
        content_language: head.content_language,
        content_length: head.content_length,
        content_range: head.content_range,
        content_type: head.content_type,
        e_tag: head.e_tag,
        expires: head.expires,
        last_modified: head.last_modified,
        metadata: head.metadata,
        object_lock_legal_hold_status: head.object_lock_legal_hold_status,
        object_lock_mode: head.object_lock_mode,
        object_lock_retain_until_date: head.object_lock_retain_until_date,
        parts_count: head.parts_count,
        storage_class: head.storage_class,
        tag_count: (!object.meta.properties.tags.is_empty())
            .then(|| small(object.meta.properties.tags.len())),
        website_redirect_location: head.website_redirect_location,
        ..Default::default()
    })
}

pub(super) async fn head_object(
    store: &Arc<Store>,
    facts: &Facts,
    input: HeadObjectInput,
) -> Result<HeadObjectOutput, Fault> {
    store.bucket(facts, &input.bucket)?;
    check_version(input.version_id.as_deref())?;
    let object = find(store, &input.bucket, &input.key).await?;
    let conditions = OfRead {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
    conditions.check(&object)?;
    let part = part_of(&object, input.range.as_ref(), input.part_number)?;
    let mut output = describe(&object, &part, input.checksum_mode.is_some());
    output.cache_control = input.response_cache_control.or(output.cache_control);
    output.content_disposition = input.response_content_disposition.or(output.content_disposition);
    output.content_encoding = input.response_content_encoding.or(output.content_encoding);
    output.content_language = input.response_content_language.or(output.content_language);
    output.content_type = input.response_content_type.or(output.content_type);
    output.expires = input.response_expires.or(output.expires);
    Ok(output)
}

pub(super) async fn get_object_attributes(
    store: &Arc<Store>,
    facts: &Facts,
    input: GetObjectAttributesInput,
) -> Result<GetObjectAttributesOutput, Fault> {
    store.bucket(facts, &input.bucket)?;
    check_version(input.version_id.as_deref())?;
    let object = find(store, &input.bucket, &input.key).await?;
    let is_asked = |name: &str| {
        input
            .object_attributes
            .iter()
            .flat_map(|it| it.as_str().split(','))
            .any(|it| it.trim() == name)
    };
    let mut output = GetObjectAttributesOutput {
        last_modified: Some(time_in_seconds(object.modified)),
        ..Default::default()
    };
    if is_asked("ETag") {
        output.e_tag = Some(etag(&object.etag));
    }
    if is_asked("ObjectSize") {
        output.object_size = Some(signed(object.size));
    }
    if is_asked("StorageClass") {
        let class = object.meta.properties.storage_class.clone();
        output.storage_class = Some(class.unwrap_or_else(|| "STANDARD".to_owned()).into());
    }
    if let (Some(sum), true) = (&object.meta.checksum, is_asked("Checksum")) {
        let mut checksum = dto::Checksum {
            checksum_type: Some(sum.kind.as_str().to_owned().into()),
            ..Default::default()
        };
        tell_checksum!(checksum, Some(sum));
        output.checksum = Some(checksum);
    }
    if is_asked("ObjectParts") && !object.meta.parts.is_empty() {
        output.object_parts = Some(parts(&object, input.part_number_marker, input.max_parts));
    }
    Ok(output)
}

fn parts(object: &Object, marker: Option<i32>, max: Option<i32>) -> GetObjectAttributesParts {
    let after = u32::try_from(marker.unwrap_or(0)).unwrap_or(0);
    let max = usize::try_from(max.unwrap_or(1000)).unwrap_or(0).min(1000);
    let mut rest = object.meta.parts.iter().filter(|it| it.number > after);
    let mut shown = Vec::new();
    for part in rest.by_ref().take(max) {
        let mut line = ObjectPart {
            part_number: i32::try_from(part.number).ok(),
            size: Some(signed(part.size)),
            ..Default::default()
        };
        tell_checksum!(line, &part.checksum);
        shown.push(line);
    }
    GetObjectAttributesParts {
        is_truncated: Some(rest.next().is_some()),
        max_parts: Some(small(max)),
        next_part_number_marker: shown.last().and_then(|it| it.part_number),
        part_number_marker: Some(marker.unwrap_or(0)),
        parts: Some(shown),
        total_parts_count: Some(small(object.meta.parts.len())),
    }
}

/// The object, or why there is none.
pub(super) async fn find(store: &Store, bucket: &str, key: &str) -> Result<Object, Fault> {
    store.index.object(bucket, key).await?.ok_or_else(no_such_key)
}

/// What of an object was asked for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) range: Range<u64>,
    /// Whether the answer says that it is a part.
    is_partial: bool,
    of_parts: Option<usize>,
}

/// Finds an object and opens what was asked of it. Asks the index again when the object is replaced
/// at that moment.
pub(super) async fn open(
    store: &Arc<Store>,
    (bucket, key): (&str, &str),
    ask: impl Fn(&Object) -> Result<Asked, Fault>,
) -> Result<(Object, Asked, Reading), Fault> {
    loop {
        let object = find(store, bucket, key).await?;
        let asked = ask(&object)?;
        let reading = store.disk.read(object.meta.blobs.clone(), asked.range.clone()).await?;
        let same = || async {
            // With several files, the later ones may have gone before the lease on them was taken.
            let is_one = object.meta.blobs.len() <= 1;
            Ok::<_, Fault>(
                is_one || store.index.object(bucket, key).await?.as_ref() == Some(&object),
            )
        };
        match reading {
            Some(reading) if same().await? => return Ok((object, asked, reading)),
            // Gone for good, or just replaced?
            None if store.index.object(bucket, key).await?.as_ref() == Some(&object) => {
                return Err(crate::Error::Damaged("the bytes of an object are missing").into());
            }
            _ => {}
        }
    }
}

/// All of an object.
pub(super) fn whole(object: &Object) -> Asked {
    Asked { range: 0..object.size, is_partial: false, of_parts: None }
}

pub(super) fn part_of(
    object: &Object,
    range: Option<&dto::Range>,
    part: Option<i32>,
) -> Result<Asked, Fault> {
    match (range, part) {
        (None, None) => Ok(whole(object)),
        (Some(_), Some(_)) => Err(refuse(
            S3ErrorCode::InvalidRequest,
            "Cannot specify both Range header and partNumber query parameter",
        )),
        (Some(range), None) => match range.check(object.size) {
            Ok(range) if !range.is_empty() => Ok(Asked { range, is_partial: true, of_parts: None }),
            _ => Err(invalid_range(object.size)),
        },
        (None, Some(number)) => numbered_part(object, number),
    }
}

fn numbered_part(object: &Object, number: i32) -> Result<Asked, Fault> {
    let parts = &object.meta.parts;
    if parts.is_empty() && number == 1 {
        return Ok(Asked { range: 0..object.size, is_partial: object.size > 0, of_parts: None });
    }
    let mut start = 0;
    for part in parts {
        let range = start..start + part.size;
        start = range.end;
        if i64::from(part.number) == i64::from(number) {
            return Ok(Asked { range, is_partial: true, of_parts: Some(parts.len()) });
        }
    }
    let code = S3ErrorCode::Custom("InvalidPartNumber".into());
    let mut error = S3Error::with_message(code, "The requested partnumber is not satisfiable");
    error.set_status_code(http::StatusCode::RANGE_NOT_SATISFIABLE);
    Err(Fault::Refused(error))
}

fn invalid_range(size: u64) -> Fault {
    let mut error =
        S3Error::with_message(S3ErrorCode::InvalidRange, "The requested range is not satisfiable");
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::try_from(format!("bytes */{size}")) {
        headers.insert(header::CONTENT_RANGE, value);
    }
    error.set_headers(headers);
    Fault::Refused(error)
}

/// Without versions, every object is the version `null`.
pub(super) fn check_version(version: Option<&str>) -> Result<(), Fault> {
    match version {
        None | Some("null" | "") => Ok(()),
        Some(_) => Err(refuse(S3ErrorCode::NoSuchVersion, "The specified version does not exist.")),
    }
}

/// The headers of an object.
fn describe(object: &Object, asked: &Asked, with_checksum: bool) -> HeadObjectOutput {
    let properties = object.meta.properties.clone();
    let length = asked.range.end - asked.range.start;
    let content_type = properties.content_type.unwrap_or_else(|| "binary/octet-stream".to_owned());
    let mut output = HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        cache_control: properties.cache_control,
        content_disposition: properties.content_disposition,
        content_encoding: properties.content_encoding,
        content_language: properties.content_language,
        content_length: Some(signed(length)),
        content_range: asked.is_partial.then(|| {
            format!("bytes {}-{}/{}", asked.range.start, asked.range.end - 1, object.size)
        }),
        content_type: Some(content_type),
        e_tag: Some(etag(&object.etag)),
        expires: properties.expires.as_deref().and_then(from_http_date),
        last_modified: Some(time(object.modified)),
        metadata: (!properties.user.is_empty()).then(|| properties.user.into_iter().collect()),
        parts_count: asked.of_parts.map(small),
        storage_class: properties
            .storage_class
            .filter(|it| it != "STANDARD")
            .map(dto::StorageClass::from),
        website_redirect_location: properties.website_redirect_location,
        ..Default::default()
    };
    tell_lock!(output, &object.meta.lock);
    // A checksum of the whole says nothing of a range.
    if with_checksum && length == object.size {
        tell_checksum!(output, &object.meta.checksum);
        output.checksum_type =
            object.meta.checksum.as_ref().map(|it| it.kind.as_str().to_owned().into());
    }
    output
}
