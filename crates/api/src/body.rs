//! Reading the small body of an operation.

use bytes::{Bytes, BytesMut};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use wire::answer::Body;

use crate::fault::{Fault, common};

/// The whole body.
///
/// # Errors
/// When it is larger than [`BODY_MAX`], ends early, or is not what was signed.
pub(crate) async fn whole(request: Request<Body>) -> Result<Bytes, Fault> {
    let mut body = request.into_body();
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| {
            common("InvalidSignatureException", "The body ended early or is not the signed one.")
        })?;
        if let Ok(data) = frame.into_data() {
            if bytes.len() + data.len() > BODY_MAX {
                return Err(Fault::new(
                    "RequestEntityTooLargeException",
                    "The request is too large.",
                    StatusCode::PAYLOAD_TOO_LARGE,
                ));
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes.freeze())
}

/// Bytes of a request: more than any operation of ours takes.
const BODY_MAX: usize = 2 << 20;
