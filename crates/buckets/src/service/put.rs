//! `PutObject`, and receiving bytes with what was announced of them.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use futures::stream;
use s3s::{
    S3ErrorCode,
    dto::{PutObjectInput, PutObjectOutput, StreamingBlob},
};

use super::{
    Facts, conditions,
    lock::read_lock,
    properties::read_properties,
    refuse_acl, refuse_encryption,
    told::{etag, tell_checksum},
};
use crate::{
    digest::{Algorithm, Digests, Hasher},
    disk::{Draft, WriteError},
    error::{Fault, refuse},
    index::{Meta, Object},
    store::Store,
};

/// The largest object that one request may put, and the largest part: 5 GiB.
pub(super) const PUT_MAX: u64 = 5 << 30;

pub(super) async fn put_object(
    store: &Arc<Store>,
    facts: &Facts,
    mut input: PutObjectInput,
) -> Result<PutObjectOutput, Fault> {
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
    if input.write_offset_bytes.is_some() {
        return Err(refuse(S3ErrorCode::NotImplemented, "Appending is not implemented."));
    }
    let when = conditions::of_write(input.if_match.as_ref(), input.if_none_match.as_ref())?;
    let properties = read_properties!(input)?;
    let announced = read_announced!(input)?;
    let algorithm = announced
        .algorithm()
        .or_else(|| Algorithm::from_word(input.checksum_algorithm.as_ref()?.as_str()))
        .unwrap_or(Algorithm::Crc64Nvme);
    let (draft, digests) =
        receive(store, input.body, input.content_length, &announced, algorithm).await?;
    let checksum = digests.of(algorithm);
    let object = Object {
        size: draft.blob().size,
        etag: hex::encode(digests.md5),
        modified: store.now_ms(),
        meta: Meta { properties, checksum: checksum.clone(), lock, ..Meta::default() },
    };
    let mut output = PutObjectOutput { e_tag: Some(etag(&object.etag)), ..Default::default() };
    let put = store.put((&input.bucket, &input.key), object, vec![draft], when).await?;
    conditions::check_put(put)?;
    tell_checksum!(output, &checksum);
    output.checksum_type = checksum.map(|it| it.kind.as_str().to_owned().into());
    Ok(output)
}

/// What was announced of the bytes before they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Announced {
    pub(super) md5: Option<[u8; 16]>,
    pub(super) checksum: Option<(Algorithm, String)>,
}

impl Announced {
    /// The algorithm of the announced checksum.
    pub(super) fn algorithm(&self) -> Option<Algorithm> {
        self.checksum.as_ref().map(|it| it.0)
    }

    /// Reads `Content-MD5` and the five checksum members, of which one may be there.
    pub(super) fn read(
        md5: Option<&str>,
        checksums: [(Algorithm, Option<String>); 5],
    ) -> Result<Self, Fault> {
        let md5 = match md5 {
            None => None,
            Some(text) => {
                let raw = BASE64.decode(text).ok().and_then(|it| it.try_into().ok());
                Some(raw.ok_or_else(|| {
                    refuse(S3ErrorCode::InvalidDigest, "The Content-MD5 you specified was invalid.")
                })?)
            }
        };
        let mut stated = checksums.into_iter().filter_map(|(it, value)| Some((it, value?)));
        let checksum = stated.next();
        if stated.next().is_some() {
            return Err(refuse(
                S3ErrorCode::InvalidRequest,
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not \
                 allowed.",
            ));
        }
        Ok(Self { md5, checksum })
    }

    fn check(&self, digests: &Digests) -> Result<(), Fault> {
        if self.md5.is_some_and(|it| it != digests.md5) {
            return Err(refuse(
                S3ErrorCode::BadDigest,
                "The Content-MD5 you specified did not match what we received.",
            ));
        }
        let Some((algorithm, value)) = &self.checksum else { return Ok(()) };
        if digests.of(*algorithm).is_some_and(|it| it.value == *value) {
            return Ok(());
        }
        Err(refuse(
            S3ErrorCode::BadDigest,
            format!(
                "The {} you specified did not match the calculated checksum.",
                algorithm.as_str()
            ),
        ))
    }
}

/// Reads [`Announced`] from an input that has S3's usual members.
macro_rules! read_announced {
    ($input:expr) => {
        $crate::service::put::Announced::read(
            $input.content_md5.as_deref(),
            [
                ($crate::digest::Algorithm::Crc32, $input.checksum_crc32.take()),
                ($crate::digest::Algorithm::Crc32c, $input.checksum_crc32c.take()),
                ($crate::digest::Algorithm::Crc64Nvme, $input.checksum_crc64nvme.take()),
                ($crate::digest::Algorithm::Sha1, $input.checksum_sha1.take()),
                ($crate::digest::Algorithm::Sha256, $input.checksum_sha256.take()),
            ],
        )
    };
}
pub(super) use read_announced;

/// Writes a body to disk, and checks it against its length and what was announced. Computes
/// `algorithm` in any case.
pub(super) async fn receive(
    store: &Arc<Store>,
    body: Option<StreamingBlob>,
    length: Option<i64>,
    announced: &Announced,
    algorithm: Algorithm,
) -> Result<(Draft, Digests), Fault> {
    let Some(length) = length.and_then(|it| u64::try_from(it).ok()) else {
        return Err(refuse(
            S3ErrorCode::MissingContentLength,
            "You must provide the Content-Length HTTP header.",
        ));
    };
    if length > PUT_MAX {
        return Err(too_large());
    }
    let mut algorithms = vec![algorithm];
    algorithms.extend(announced.algorithm().filter(|it| *it != algorithm));
    let hasher = Hasher::new(algorithms);
    let written = match body {
        Some(body) => store.disk.write(body, hasher, length).await,
        None => store.disk.write(stream::empty::<Result<_, s3s::StdError>>(), hasher, length).await,
    };
    let (draft, digests) = written.map_err(|e| match e {
        WriteError::Body | WriteError::TooLarge => incomplete(),
        WriteError::Disk(error) => error.into(),
    })?;
    if draft.blob().size != length {
        return Err(incomplete());
    }
    announced.check(&digests)?;
    Ok((draft, digests))
}

pub(super) fn too_large() -> Fault {
    refuse(S3ErrorCode::EntityTooLarge, "Your proposed upload exceeds the maximum allowed size")
}

fn incomplete() -> Fault {
    refuse(
        S3ErrorCode::IncompleteBody,
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
    )
}
