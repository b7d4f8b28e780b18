//! Reading the small body of an operation.

use bytes::{Bytes, BytesMut};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Map, Value};
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

/// The members of a JSON body. An empty body is an empty object.
///
/// # Errors
/// When it is not a JSON object.
pub(crate) fn object(bytes: &[u8]) -> Result<Map<String, Value>, Fault> {
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    let value: Value = serde_json::from_slice(bytes).map_err(not_of_its_type)?;
    if let Value::Object(members) = value {
        Ok(members)
    } else {
        Err(common("SerializationException", "The request is not a JSON object."))
    }
}

/// A body that is not JSON, or a member that is not of its type.
pub(crate) fn not_of_its_type(error: serde_json::Error) -> Fault {
    common("SerializationException", &error.to_string())
}

/// Bytes of a request: more than any operation of ours takes.
const BODY_MAX: usize = 2 << 20;
