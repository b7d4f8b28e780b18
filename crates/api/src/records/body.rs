//! Reading the body of a bulk request, within bounds.

use std::io::Read as _;

use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use wire::{answer::Body, reply::Fault};

use super::{bad_request, internal};

/// Reads and inflates the body.
///
/// # Errors
/// A body that is larger than [`BODY_MAX`], as sent or inflated; gzip that is none; a body that fails
/// while it streams, as one does whose signature does not match.
pub(super) async fn read(request: Request<Body>) -> Result<Bytes, Fault> {
    let (parts, mut body) = request.into_parts();
    let encoding = parts.headers.get(header::CONTENT_ENCODING).map(|it| it.as_bytes().to_vec());
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|_| bad_request("The body ended early or is not the signed one."))?;
        if let Ok(data) = frame.into_data() {
            if bytes.len() + data.len() > BODY_MAX {
                return Err(too_large());
            }
            bytes.extend_from_slice(&data);
        }
    }
    match encoding.as_deref() {
        None | Some(b"identity") => Ok(bytes.freeze()),
        Some(b"gzip") => {
            let packed = bytes.freeze();
            tokio::task::spawn_blocking(move || inflate(&packed)).await.map_err(|_| internal())?
        }
        Some(_) => Err(Fault::new(
            "InvalidRequestException",
            "Content-Encoding must be gzip or absent.",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        )),
    }
}

fn inflate(packed: &[u8]) -> Result<Bytes, Fault> {
    let mut bytes = Vec::new();
    let bound = u64::try_from(BODY_MAX).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(packed)
        .take(bound)
        .read_to_end(&mut bytes)
        .map_err(|_| bad_request("The body is not valid gzip."))?;
    if bytes.len() > BODY_MAX { Err(too_large()) } else { Ok(Bytes::from(bytes)) }
}

fn too_large() -> Fault {
    Fault::new(
        "RequestEntityTooLargeException",
        format!("A body holds at most {BODY_MAX} bytes, inflated; send several."),
        StatusCode::PAYLOAD_TOO_LARGE,
    )
}

/// Bytes of a body, as sent and inflated: some twenty thousand records.
pub(super) const BODY_MAX: usize = 32 << 20;
