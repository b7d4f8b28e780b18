//! The parameters of a request, read by the model of its service.
//!
//! Lives here: one value with the names of the model, whatever the protocol, and its spelling in
//! CloudTrail's `requestParameters`.
//! Lives elsewhere: which members are hidden (`sensitive`), the outcome (`outcome`).
//!
//! Start at [`read`]; redact; then [`cloudtrail_names`].

pub(crate) mod form;
pub(crate) mod json;
pub(crate) mod markup;
mod names;
pub(crate) mod rest;
mod scalar;

use http::request::Parts;
use serde_json::{Map, Value};

use crate::{
    catalogue::{Protocol, Side},
    cbor,
    encoding::inflated,
    identify::Identified,
    xml,
};

/// Why parameters could not be read. The call is recorded without them.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// The body is not what the protocol says.
    #[error("the body is not {0}")]
    Malformed(&'static str),
    /// The body is longer, deeper or has more parts than we read.
    #[error("the body is too large to be read")]
    TooLarge,
}

impl From<xml::Error> for Error {
    fn from(error: xml::Error) -> Self {
        match error {
            xml::Error::Malformed => Self::Malformed("XML"),
            xml::Error::TooLarge => Self::TooLarge,
        }
    }
}

impl From<cbor::Error> for Error {
    fn from(error: cbor::Error) -> Self {
        match error {
            cbor::Error::Malformed => Self::Malformed("CBOR"),
            cbor::Error::TooLarge => Self::TooLarge,
        }
    }
}

/// The longest body that is read, in bytes, after it was decompressed; see [`body_max`].
pub const MAX_BODY: usize = 1 << 20;

/// As [`MAX_BODY`], of S3's `DeleteObjects`: each of its keys is a record, and 1,000 keys of 1,024
/// bytes, spelt with entities, take more than that.
const MAX_DELETIONS: usize = 4 << 20;

/// The longest body that is read of a call, in bytes, after it was decompressed: of its request and
/// of its answer.
#[must_use]
pub fn body_max(identified: &Identified) -> usize {
    let deletes = identified.operation.is_some_and(|it| it.name == "DeleteObjects");
    if deletes && identified.is_s3() { MAX_DELETIONS } else { MAX_BODY }
}

/// The deepest nesting that is read.
pub const MAX_DEPTH: usize = 64;

/// Reads the parameters with the names of the model. Streaming members and blobs are left out,
/// timestamps become `2026-02-03T09:01:07Z`, members that the model does not know are kept. A
/// request of an unknown operation yields what its body says (JSON, form), else an empty object.
///
/// # Errors
/// When the body is not what the protocol says, or beyond the bounds.
pub fn read(identified: &Identified, parts: &Parts, body: &[u8]) -> Result<Value, Error> {
    let max = body_max(identified);
    let body = &*inflated(body, max);
    if body.len() > max {
        return Err(Error::TooLarge);
    }
    let known = identified.service.zip(identified.operation);
    let model = known.map(|(service, operation)| (service.model(), operation.input));
    match identified.protocol {
        Protocol::Json10 | Protocol::Json11 => json::read(model, &json::parse(body)?),
        Protocol::RpcV2Cbor if body.is_empty() => Ok(Value::Object(Map::new())),
        Protocol::RpcV2Cbor => json::read(model, &cbor::parse(body)?),
        Protocol::Query | Protocol::Ec2 => {
            form::read(model, identified.protocol, &identified.query, body)
        }
        Protocol::RestJson | Protocol::RestXml => rest::read(identified, &parts.headers, body),
    }
}

/// Spells a value with model names as CloudTrail does: members of structures begin with a lower-case
/// letter, keys of maps stay, EC2's lists become `{"items": […]}`, dates are written out, S3's
/// members have the names of their headers and query parameters. What is no object on the response
/// side, or empty there, is `null`.
#[must_use]
pub fn cloudtrail_names(identified: &Identified, side: Side, value: Value) -> Value {
    names::cloudtrail(identified, side, value)
}

#[cfg(test)]
mod tests;
