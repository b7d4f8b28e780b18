//! Reading the body of a bulk request, within bounds.

use std::io::Read as _;

use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use http::{Request, StatusCode, header};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use wire::{answer::Body, reply::Fault};

use super::{
    bad_request, internal,
    room::{Room, Share},
};

/// Reads and inflates the body. What it takes up of `room` is given back with the share.
///
/// # Errors
/// A body that is larger than [`BODY_MAX`], as sent or inflated; gzip that is none; a body that fails
/// while it streams, as one does whose signature does not match; no room.
pub(super) async fn read(request: Request<Body>, room: &Room) -> Result<(Bytes, Share), Fault> {
    let (parts, mut body) = request.into_parts();
    let mut share = room.share();
    let encoding = parts.headers.get(header::CONTENT_ENCODING).map(|it| it.as_bytes().to_vec());
    let mut bytes = BytesMut::new();
    // A sender that says how much it sends learns at once that there is no room.
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > BODY_MAX {
        return Err(too_large());
    }
    take(&mut share, announced)?;
    bytes.reserve(announced);
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|_| bad_request("The body ended early or is not the signed one."))?;
        if let Ok(data) = frame.into_data() {
            let total = bytes.len() + data.len();
            if total > BODY_MAX {
                return Err(too_large());
            }
            take(&mut share, total.saturating_sub(announced.max(bytes.len())))?;
            bytes.extend_from_slice(&data);
        }
    }
    match encoding.as_deref().map(<[u8]>::to_ascii_lowercase).as_deref() {
        None | Some(b"identity") => Ok((bytes.freeze(), share)),
        Some(b"gzip") => {
            let packed = bytes.freeze();
            let inflated = tokio::task::spawn_blocking(move || {
                inflate(&packed, &mut share).map(|bytes| (bytes, share))
            });
            inflated.await.map_err(|_| internal())?
        }
        Some(_) => Err(Fault::new(
            "InvalidRequestException",
            "Content-Encoding must be gzip or absent.",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        )),
    }
}

fn inflate(packed: &[u8], share: &mut Share) -> Result<Bytes, Fault> {
    let mut bytes = Vec::new();
    let mut decoder = MultiGzDecoder::new(packed);
    loop {
        take(share, STEP)?;
        let read = (&mut decoder)
            .take(STEP as u64)
            .read_to_end(&mut bytes)
            .map_err(|_| bad_request("The body is not valid gzip."))?;
        if bytes.len() > BODY_MAX {
            return Err(too_large());
        }
        if read == 0 {
            return Ok(Bytes::from(bytes));
        }
    }
}

fn take(share: &mut Share, bytes: usize) -> Result<(), Fault> {
    if share.grow(bytes) {
        return Ok(());
    }
    Err(Fault::new(
        "ServiceUnavailableException",
        "Too much is being sent at once; nothing of this request was kept. Retry later.",
        StatusCode::SERVICE_UNAVAILABLE,
    ))
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
/// Bytes that are inflated at once.
const STEP: usize = 1 << 20;
