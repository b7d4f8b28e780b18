//! Lists: of objects in both versions of the API, of versions, of uploads and of their parts.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use s3s::{
    S3ErrorCode,
    dto::{
        self, CommonPrefix, EncodingType, Initiator, ListMultipartUploadsInput,
        ListMultipartUploadsOutput, ListObjectVersionsInput, ListObjectVersionsOutput,
        ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output,
        ListPartsInput, ListPartsOutput, MultipartUpload, ObjectVersion,
    },
};

use super::{
    Facts, multipart,
    told::{encoded, etag, owner, signed, small, tell_checksum, time},
};
use crate::{
    error::{Fault, refuse},
    index::Listed,
    listing::{From, Line, Page, Query, page},
    store::Store,
};

/// How many lines a page has at most.
const PAGE_MAX: usize = 1000;

pub(super) async fn list_objects(
    store: &Arc<Store>,
    facts: &Facts,
    input: ListObjectsInput,
) -> Result<ListObjectsOutput, Fault> {
    store.bucket(facts, &input.bucket)?;
    let is_url = is_url(input.encoding_type.as_ref())?;
    let limit = limit(input.max_keys, "max-keys")?;
    let marker = input.marker.unwrap_or_default();
    let prefix = input.prefix.unwrap_or_default();
    let delimiter = input.delimiter.filter(|it| !it.is_empty());
    let query = Query {
        bucket: &input.bucket,
        prefix: &prefix,
        delimiter: delimiter.as_deref(),
        from: From::After(&marker),
        limit,
    };
    let page = page(&store.index, query).await?;
    let next = page.next.as_ref().and_then(|_| page.lines.last()).map(|it| it.name().to_owned());
    let (contents, common_prefixes) = told(page.lines, is_url, Some(owner(facts.account)));
    Ok(ListObjectsOutput {
        name: Some(input.bucket),
        prefix: Some(encoded(&prefix, is_url)),
        marker: Some(encoded(&marker, is_url)),
        max_keys: Some(small(limit)),
        is_truncated: Some(next.is_some()),
        contents: Some(contents),
        common_prefixes: Some(common_prefixes),
        // Without a delimiter the last key is the marker, and S3 does not repeat it.
        next_marker: next.filter(|_| delimiter.is_some()).map(|it| encoded(&it, is_url)),
        delimiter: delimiter.map(|it| encoded(&it, is_url)),
        encoding_type: input.encoding_type,
        request_charged: None,
    })
}

pub(super) async fn list_objects_v2(
    store: &Arc<Store>,
    facts: &Facts,
    input: ListObjectsV2Input,
) -> Result<ListObjectsV2Output, Fault> {
    store.bucket(facts, &input.bucket)?;
    let is_url = is_url(input.encoding_type.as_ref())?;
    let limit = limit(input.max_keys, "max-keys")?;
    let prefix = input.prefix.unwrap_or_default();
    let delimiter = input.delimiter.filter(|it| !it.is_empty());
    let start_after = input.start_after.unwrap_or_default();
    let from = match &input.continuation_token {
        None => From::After(&start_after),
        Some(token) => From::At(BASE64.decode(token).map_err(|_| {
            refuse(S3ErrorCode::InvalidArgument, "The continuation token provided is incorrect")
        })?),
    };
    let query = Query {
        bucket: &input.bucket,
        prefix: &prefix,
        delimiter: delimiter.as_deref(),
        from,
        limit,
    };
    let Page { lines, next } = page(&store.index, query).await?;
    let count = lines.len();
    let owner = input.fetch_owner.unwrap_or(false).then(|| owner(facts.account));
    let (contents, common_prefixes) = told(lines, is_url, owner);
    Ok(ListObjectsV2Output {
        name: Some(input.bucket),
        prefix: Some(encoded(&prefix, is_url)),
        max_keys: Some(small(limit)),
        key_count: Some(small(count)),
        continuation_token: input.continuation_token,
        is_truncated: Some(next.is_some()),
        next_continuation_token: next.map(|it| BASE64.encode(it)),
        contents: Some(contents),
        common_prefixes: Some(common_prefixes),
        delimiter: delimiter.map(|it| encoded(&it, is_url)),
        encoding_type: input.encoding_type,
        start_after: (!start_after.is_empty()).then(|| encoded(&start_after, is_url)),
        request_charged: None,
    })
}

/// Without versions, every object is listed as its only version, `null`.
pub(super) async fn list_object_versions(
    store: &Arc<Store>,
    facts: &Facts,
    input: ListObjectVersionsInput,
) -> Result<ListObjectVersionsOutput, Fault> {
    store.bucket(facts, &input.bucket)?;
    let is_url = is_url(input.encoding_type.as_ref())?;
    let limit = limit(input.max_keys, "max-keys")?;
    let marker = input.key_marker.unwrap_or_default();
    let prefix = input.prefix.unwrap_or_default();
    let delimiter = input.delimiter.filter(|it| !it.is_empty());
    let query = Query {
        bucket: &input.bucket,
        prefix: &prefix,
        delimiter: delimiter.as_deref(),
        from: From::After(&marker),
        limit,
    };
    let page = page(&store.index, query).await?;
    let last = page.next.as_ref().and_then(|_| page.lines.last()).cloned();
    let is_key = matches!(last, Some(Line::Key(_)));
    let (contents, common_prefixes) = told(page.lines, is_url, Some(owner(facts.account)));
    let versions = contents.into_iter().map(|it| ObjectVersion {
        checksum_algorithm: it.checksum_algorithm,
        checksum_type: it.checksum_type,
        e_tag: it.e_tag,
        is_latest: Some(true),
        key: it.key,
        last_modified: it.last_modified,
        owner: it.owner,
        size: it.size,
        storage_class: Some("STANDARD".to_owned().into()),
        version_id: Some("null".to_owned()),
        ..Default::default()
    });
    Ok(ListObjectVersionsOutput {
        common_prefixes: Some(common_prefixes),
        delimiter: delimiter.map(|it| encoded(&it, is_url)),
        encoding_type: input.encoding_type,
        is_truncated: Some(last.is_some()),
        key_marker: Some(encoded(&marker, is_url)),
        max_keys: Some(small(limit)),
        name: Some(input.bucket),
        next_key_marker: last.map(|it| encoded(it.name(), is_url)),
        next_version_id_marker: is_key.then(|| "null".to_owned()),
        prefix: Some(encoded(&prefix, is_url)),
        version_id_marker: input.version_id_marker,
        versions: Some(versions.collect()),
        ..Default::default()
    })
}

pub(super) async fn list_multipart_uploads(
    store: &Arc<Store>,
    facts: &Facts,
    input: ListMultipartUploadsInput,
) -> Result<ListMultipartUploadsOutput, Fault> {
    store.bucket(facts, &input.bucket)?;
    if input.delimiter.as_ref().is_some_and(|it| !it.is_empty()) {
        return Err(refuse(
            S3ErrorCode::NotImplemented,
            "A delimiter in the list of uploads is not implemented.",
        ));
    }
    let is_url = is_url(input.encoding_type.as_ref())?;
    let limit = limit(input.max_uploads, "max-uploads")?;
    let prefix = input.prefix.unwrap_or_default();
    let key_marker = input.key_marker.unwrap_or_default();
    let id_marker = input.upload_id_marker.filter(|_| !key_marker.is_empty());
    let wanted = u32::try_from(limit + 1).unwrap_or(u32::MAX);
    let after = (key_marker.as_str(), id_marker.as_deref());
    let mut found = store.index.uploads(&input.bucket, &prefix, after, wanted).await?;
    let is_truncated = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| is_truncated).map(|it| (it.key.clone(), it.id.clone()));
    let (next_key, next_id) = last.unzip();
    let uploads = found.into_iter().map(|it| MultipartUpload {
        checksum_algorithm: it.meta.algorithm.map(|it| it.as_str().to_owned().into()),
        checksum_type: it.meta.algorithm.map(|_| it.meta.kind.as_str().to_owned().into()),
        initiated: Some(time(it.initiated)),
        initiator: Some(initiator(facts)),
        key: Some(encoded(&it.key, is_url)),
        owner: Some(owner(facts.account)),
        storage_class: Some("STANDARD".to_owned().into()),
        upload_id: Some(it.id),
    });
    Ok(ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        encoding_type: input.encoding_type,
        is_truncated: Some(is_truncated),
        key_marker: Some(encoded(&key_marker, is_url)),
        max_uploads: Some(small(limit)),
        next_key_marker: next_key.map(|it| encoded(&it, is_url)),
        next_upload_id_marker: next_id,
        prefix: Some(encoded(&prefix, is_url)),
        upload_id_marker: id_marker,
        uploads: Some(uploads.collect()),
        ..Default::default()
    })
}

pub(super) async fn list_parts(
    store: &Arc<Store>,
    facts: &Facts,
    input: ListPartsInput,
) -> Result<ListPartsOutput, Fault> {
    let place = (input.bucket.as_str(), input.key.as_str());
    let upload = multipart::upload_of(store, facts, place, &input.upload_id).await?;
    let limit = limit(input.max_parts, "max-parts")?;
    let after = u32::try_from(input.part_number_marker.unwrap_or(0)).unwrap_or(0);
    let wanted = u32::try_from(limit + 1).unwrap_or(u32::MAX);
    let mut found = store.index.parts(&upload.id, after, wanted).await?;
    let is_truncated = found.len() > limit;
    found.truncate(limit);
    let mut parts = Vec::with_capacity(found.len());
    for part in found {
        let mut line = dto::Part {
            e_tag: Some(etag(&hex::encode(part.meta.md5))),
            last_modified: Some(time(part.modified)),
            part_number: i32::try_from(part.number).ok(),
            size: Some(signed(part.meta.blob.size)),
            ..Default::default()
        };
        if upload.meta.algorithm.is_some() {
            tell_checksum!(line, &part.meta.checksum);
        }
        parts.push(line);
    }
    Ok(ListPartsOutput {
        bucket: Some(upload.bucket),
        checksum_algorithm: upload.meta.algorithm.map(|it| it.as_str().to_owned().into()),
        checksum_type: upload.meta.algorithm.map(|_| upload.meta.kind.as_str().to_owned().into()),
        initiator: Some(initiator(facts)),
        is_truncated: Some(is_truncated),
        key: Some(upload.key),
        max_parts: Some(small(limit)),
        next_part_number_marker: parts.last().and_then(|it| it.part_number),
        owner: Some(owner(facts.account)),
        part_number_marker: i32::try_from(after).ok(),
        parts: Some(parts),
        storage_class: Some("STANDARD".to_owned().into()),
        upload_id: Some(upload.id),
        ..Default::default()
    })
}

fn initiator(facts: &Facts) -> Initiator {
    Initiator { display_name: None, id: owner(facts.account).id }
}

fn is_url(encoding: Option<&EncodingType>) -> Result<bool, Fault> {
    match encoding.map(EncodingType::as_str) {
        None => Ok(false),
        Some("url") => Ok(true),
        Some(_) => Err(refuse(
            S3ErrorCode::InvalidArgument,
            "Invalid Encoding Method specified in Request",
        )),
    }
}

fn limit(asked: Option<i32>, name: &str) -> Result<usize, Fault> {
    match asked {
        None => Ok(PAGE_MAX),
        Some(asked) => usize::try_from(asked).map(|it| it.min(PAGE_MAX)).map_err(|_| {
            let words = format!("Argument {name} must be an integer between 0 and 2147483647");
            refuse(S3ErrorCode::InvalidArgument, words)
        }),
    }
}

fn told(
    lines: Vec<Line>,
    is_url: bool,
    owner: Option<dto::Owner>,
) -> (Vec<dto::Object>, Vec<CommonPrefix>) {
    let (mut objects, mut prefixes) = (Vec::new(), Vec::new());
    for line in lines {
        match line {
            Line::CommonPrefix(prefix) => {
                prefixes.push(CommonPrefix { prefix: Some(encoded(&prefix, is_url)) });
            }
            Line::Key(listed) => objects.push(object(listed, is_url, owner.clone())),
        }
    }
    (objects, prefixes)
}

fn object(listed: Listed, is_url: bool, owner: Option<dto::Owner>) -> dto::Object {
    let (algorithm, kind) = listed.algorithm.split_once(' ').unzip();
    dto::Object {
        checksum_algorithm: algorithm.map(|it| vec![it.to_owned().into()]),
        checksum_type: kind.map(|it| it.to_owned().into()),
        e_tag: Some(etag(&listed.etag)),
        key: Some(encoded(&listed.key, is_url)),
        last_modified: Some(time(listed.modified)),
        owner,
        restore_status: None,
        size: Some(signed(listed.size)),
        storage_class: Some("STANDARD".to_owned().into()),
    }
}
