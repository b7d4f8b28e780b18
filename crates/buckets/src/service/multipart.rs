//! Uploads in parts: create, upload a part, complete, abort.

use std::sync::Arc;

use s3s::{
    S3ErrorCode,
    dto::{
        AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
        CompleteMultipartUploadOutput, CompletedPart, CreateMultipartUploadInput,
        CreateMultipartUploadOutput, UploadPartInput, UploadPartOutput,
    },
};

use super::{
    Facts, conditions,
    lock::read_lock,
    properties::read_properties,
    put::{Announced, read_announced, receive},
    refuse_acl, refuse_encryption,
    told::{etag, tell_checksum},
};
use crate::{
    digest::{Algorithm, Checksum, Digests, Kind, combine, multipart_etag},
    disk::Draft,
    error::{Fault, refuse},
    index::{Complete, Meta, Object, Part, PartFile, PartMeta, Put, Upload, UploadMeta},
    store::{Store, to_the_end},
};

/// The highest number of a part.
const PARTS_MAX: u32 = 10_000;

/// The least that every part but the last must have: 5 MiB.
const PART_MIN: u64 = 5 << 20;

/// The largest object: 5 TiB.
const OBJECT_MAX: u64 = 5 << 40;

pub(super) async fn create_multipart_upload(
    store: &Arc<Store>,
    facts: &Facts,
    mut input: CreateMultipartUploadInput,
) -> Result<CreateMultipartUploadOutput, Fault> {
    let bucket = store.bucket(facts, &input.bucket)?;
    let is_granted = input.grant_full_control.is_some()
        || input.grant_read.is_some()
        || input.grant_read_acp.is_some()
        || input.grant_write_acp.is_some();
    refuse_acl(input.acl.as_ref().map(|it| it.as_str()), is_granted)?;
    refuse_encryption(
        input.server_side_encryption.as_ref(),
        input.sse_customer_algorithm.as_ref(),
    )?;
    let lock = read_lock!(input).of_new(&bucket, store.ambient.clock.now())?;
    let algorithm = match &input.checksum_algorithm {
        None => None,
        Some(word) => Some(Algorithm::from_word(word.as_str()).ok_or_else(|| {
            refuse(S3ErrorCode::InvalidRequest, "Checksum algorithm provided is unsupported.")
        })?),
    };
    let kind = match &input.checksum_type {
        None => algorithm.map_or(Kind::FullObject, Algorithm::usual_kind),
        Some(word) => Kind::from_word(word.as_str())
            .filter(|kind| algorithm.unwrap_or(Algorithm::Crc64Nvme).allows(*kind))
            .ok_or_else(|| {
                refuse(
                    S3ErrorCode::InvalidRequest,
                    format!(
                        "The {} checksum type cannot be used with the given checksum algorithm.",
                        word.as_str()
                    ),
                )
            })?,
    };
    let properties = read_properties!(input)?;
    let upload = Upload {
        id: store.ambient.random.uuid().simple().to_string(),
        bucket: input.bucket,
        key: input.key,
        initiated: store.now_ms(),
        meta: UploadMeta { properties, algorithm, kind, lock },
    };
    store.index.create_upload(&upload).await?;
    Ok(CreateMultipartUploadOutput {
        bucket: Some(upload.bucket),
        checksum_algorithm: algorithm.map(|it| it.as_str().to_owned().into()),
        checksum_type: algorithm.map(|_| kind.as_str().to_owned().into()),
        key: Some(upload.key),
        upload_id: Some(upload.id),
        ..Default::default()
    })
}

pub(super) async fn upload_part(
    store: &Arc<Store>,
    facts: &Facts,
    mut input: UploadPartInput,
) -> Result<UploadPartOutput, Fault> {
    refuse_encryption(None, input.sse_customer_algorithm.as_ref())?;
    let upload = upload_of(store, facts, (&input.bucket, &input.key), &input.upload_id).await?;
    let number = part_number(input.part_number)?;
    let announced: Announced = read_announced!(input)?;
    let algorithm = algorithm_of(&upload);
    if let (Some(given), Some(_)) = (announced.algorithm(), upload.meta.algorithm)
        && given != algorithm
    {
        return Err(refuse(
            S3ErrorCode::InvalidRequest,
            format!(
                "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum \
                 Type: {}",
                algorithm.as_str().to_ascii_lowercase(),
                given.as_str().to_ascii_lowercase()
            ),
        ));
    }
    let (draft, digests) =
        receive(store, input.body, input.content_length, &announced, algorithm).await?;
    let checksum = digests.of(algorithm);
    let told = announced.algorithm().and_then(|it| digests.of(it)).or_else(|| checksum.clone());
    let (tag, _) = keep_part(store, &upload, number, draft, &digests, checksum).await?;
    let mut output = UploadPartOutput { e_tag: Some(etag(&tag)), ..Default::default() };
    tell_checksum!(output, &told);
    Ok(output)
}

pub(super) async fn complete_multipart_upload(
    store: &Arc<Store>,
    facts: &Facts,
    mut input: CompleteMultipartUploadInput,
) -> Result<CompleteMultipartUploadOutput, Fault> {
    let upload = upload_of(store, facts, (&input.bucket, &input.key), &input.upload_id).await?;
    let when = conditions::of_write(input.if_match.as_ref(), input.if_none_match.as_ref())?;
    let named = input.multipart_upload.take().and_then(|it| it.parts).unwrap_or_default();
    let there = store.index.parts(&upload.id, 0, PARTS_MAX).await?;
    let chosen = choose(named, there)?;
    let object = assemble(store, &upload, chosen)?;
    if input.mpu_object_size.is_some_and(|it| u64::try_from(it) != Ok(object.size)) {
        return Err(refuse(
            S3ErrorCode::InvalidRequest,
            "The provided 'x-amz-mp-object-size' header does not match what was computed",
        ));
    }
    let stated = [
        (Algorithm::Crc32, input.checksum_crc32),
        (Algorithm::Crc32c, input.checksum_crc32c),
        (Algorithm::Crc64Nvme, input.checksum_crc64nvme),
        (Algorithm::Sha1, input.checksum_sha1),
        (Algorithm::Sha256, input.checksum_sha256),
    ];
    let checksum = object.meta.checksum.clone();
    for (algorithm, value) in stated {
        let (Some(value), Some(sum)) = (value, &checksum) else { continue };
        // The number of parts behind it may be left out.
        let is_same = sum.value == value || sum.value.split('-').next() == Some(value.as_str());
        if sum.algorithm == algorithm && !is_same {
            return Err(refuse(
                S3ErrorCode::BadDigest,
                format!(
                    "The {} you specified did not match the calculated checksum.",
                    algorithm.as_str()
                ),
            ));
        }
    }
    let mut output = CompleteMultipartUploadOutput {
        bucket: Some(input.bucket.clone()),
        checksum_type: checksum.as_ref().map(|it| it.kind.as_str().to_owned().into()),
        e_tag: Some(etag(&object.etag)),
        key: Some(input.key.clone()),
        location: Some(format!("/{}/{}", input.bucket, input.key)),
        ..Default::default()
    };
    tell_checksum!(output, &checksum);
    let finisher = Arc::clone(store);
    let completed = to_the_end(async move {
        let unlock = finisher.unlock(false);
        let completed = finisher.index.complete_upload(&upload, &object, &when, unlock).await?;
        if let Complete::Put(Put::Done(gone)) = &completed {
            finisher.disk.discard(gone.clone()).await;
        }
        Ok(completed)
    });
    match completed.await? {
        Complete::Changed => Err(no_such_upload()),
        Complete::Put(put) => {
            conditions::check_put(put)?;
            Ok(output)
        }
    }
}

pub(super) async fn abort_multipart_upload(
    store: &Arc<Store>,
    facts: &Facts,
    input: AbortMultipartUploadInput,
) -> Result<AbortMultipartUploadOutput, Fault> {
    store.bucket(facts, &input.bucket)?;
    let aborter = Arc::clone(store);
    let aborted = to_the_end(async move {
        let gone = aborter.index.abort_upload(&input.bucket, &input.key, &input.upload_id).await?;
        let Some(gone) = gone else { return Ok(false) };
        aborter.disk.discard(gone).await;
        Ok(true)
    });
    if aborted.await? { Ok(AbortMultipartUploadOutput::default()) } else { Err(no_such_upload()) }
}

/// The upload, in a bucket that the caller may use.
pub(super) async fn upload_of(
    store: &Store,
    facts: &Facts,
    (bucket, key): (&str, &str),
    id: &str,
) -> Result<Upload, Fault> {
    store.bucket(facts, bucket)?;
    store.index.upload(bucket, key, id).await?.ok_or_else(no_such_upload)
}

/// What is computed of each part.
pub(super) fn algorithm_of(upload: &Upload) -> Algorithm {
    upload.meta.algorithm.unwrap_or(Algorithm::Crc64Nvme)
}

pub(super) fn part_number(number: i32) -> Result<u32, Fault> {
    u32::try_from(number).ok().filter(|it| (1..=PARTS_MAX).contains(it)).ok_or_else(|| {
        refuse(
            S3ErrorCode::InvalidArgument,
            "Part number must be an integer between 1 and 10000, inclusive",
        )
    })
}

/// Keeps a part whose bytes are on disk. Gives back its ETag and time.
pub(super) async fn keep_part(
    store: &Arc<Store>,
    upload: &Upload,
    number: u32,
    draft: Draft,
    digests: &Digests,
    checksum: Option<Checksum>,
) -> Result<(String, i64), Fault> {
    let part = Part {
        number,
        modified: store.now_ms(),
        meta: PartFile { md5: digests.md5, checksum, blob: draft.blob().clone() },
    };
    let told = (hex::encode(digests.md5), part.modified);
    let (keeper, id) = (Arc::clone(store), upload.id.clone());
    let kept = to_the_end(async move {
        match keeper.index.put_part(&id, &part).await {
            Ok(Some(gone)) => {
                draft.entrust();
                keeper.disk.discard(gone).await;
                Ok(true)
            }
            Ok(None) => Ok(false),
            Err(e) => {
                if e.may_be_committed() {
                    draft.entrust();
                }
                Err(e)
            }
        }
    });
    if kept.await? { Ok(told) } else { Err(no_such_upload()) }
}

/// The parts that the caller names, in the order that it names them, which must be that of their
/// numbers.
fn choose(named: Vec<CompletedPart>, there: Vec<Part>) -> Result<Vec<Part>, Fault> {
    if named.is_empty() {
        return Err(refuse(
            S3ErrorCode::MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published \
             schema",
        ));
    }
    let mut there = there.into_iter();
    let mut chosen: Vec<Part> = Vec::with_capacity(named.len());
    for want in named {
        let number = want.part_number.map_or_else(|| Err(invalid_part()), part_number)?;
        if chosen.last().is_some_and(|last| last.number >= number) {
            return Err(refuse(
                S3ErrorCode::InvalidPartOrder,
                "The list of parts was not in ascending order. Parts must be ordered by part \
                 number.",
            ));
        }
        let part = there.find(|it| it.number >= number).filter(|it| it.number == number);
        let part = part.filter(|it| is_meant(it, &want)).ok_or_else(invalid_part)?;
        chosen.push(part);
    }
    let all_but_last = chosen.split_last().map(|(_, rest)| rest).unwrap_or_default();
    if all_but_last.iter().any(|it| it.meta.blob.size < PART_MIN) {
        return Err(refuse(
            S3ErrorCode::EntityTooSmall,
            "Your proposed upload is smaller than the minimum allowed size",
        ));
    }
    if chosen.iter().map(|it| it.meta.blob.size).sum::<u64>() > OBJECT_MAX {
        return Err(super::put::too_large());
    }
    Ok(chosen)
}

fn is_meant(part: &Part, want: &CompletedPart) -> bool {
    let tag_fits = want.e_tag.as_ref().is_some_and(|it| it.value() == hex::encode(part.meta.md5));
    let stated = [
        (Algorithm::Crc32, &want.checksum_crc32),
        (Algorithm::Crc32c, &want.checksum_crc32c),
        (Algorithm::Crc64Nvme, &want.checksum_crc64nvme),
        (Algorithm::Sha1, &want.checksum_sha1),
        (Algorithm::Sha256, &want.checksum_sha256),
    ];
    // A checksum of another algorithm was verified when the part came, and is not kept.
    let sums_fit = stated.into_iter().all(|(algorithm, value)| {
        match (value, part.meta.checksum.as_ref().filter(|it| it.algorithm == algorithm)) {
            (Some(value), Some(sum)) => sum.value == *value,
            _ => true,
        }
    });
    tag_fits && sums_fit
}

fn assemble(store: &Store, upload: &Upload, parts: Vec<Part>) -> Result<Object, Fault> {
    let algorithm = algorithm_of(upload);
    let md5s: Vec<[u8; 16]> = parts.iter().map(|it| it.meta.md5).collect();
    let sums: Option<Vec<(String, u64)>> = parts
        .iter()
        .map(|it| Some((it.meta.checksum.as_ref()?.value.clone(), it.meta.blob.size)))
        .collect();
    let checksum = sums
        .and_then(|it| combine(algorithm, upload.meta.kind, &it))
        .ok_or(crate::Error::Damaged("a part has no checksum"))?;
    let size = parts.iter().map(|it| it.meta.blob.size).sum();
    let mut meta = Meta {
        properties: upload.meta.properties.clone(),
        checksum: Some(checksum),
        lock: upload.meta.lock.clone(),
        ..Meta::default()
    };
    for part in parts {
        meta.parts.push(PartMeta {
            number: part.number,
            size: part.meta.blob.size,
            checksum: part.meta.checksum,
        });
        meta.blobs.push(part.meta.blob);
    }
    Ok(Object { size, etag: multipart_etag(&md5s), modified: store.now_ms(), meta })
}

pub(super) fn no_such_upload() -> Fault {
    refuse(
        S3ErrorCode::NoSuchUpload,
        "The specified upload does not exist. The upload ID may be invalid, or the upload may \
         have been aborted or completed.",
    )
}

fn invalid_part() -> Fault {
    refuse(
        S3ErrorCode::InvalidPart,
        "One or more of the specified parts could not be found. The part may not have been \
         uploaded, or the specified entity tag may not match the part's entity tag.",
    )
}
