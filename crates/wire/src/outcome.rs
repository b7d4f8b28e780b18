//! What became of a call, read from the response.
//!
//! Lives here: error code and message in every protocol, S3's errors inside `200 OK`, request ids,
//! and the response's elements for the operations whose answers CloudTrail shows.
//! Lives elsewhere: which elements are hidden (`sensitive`), their spelling (`parameters`).
//!
//! Start at [`read`].

mod elements;
mod fault;

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::{
    catalogue::Protocol, cbor, encoding::inflated, identify::Identified, parameters::body_max, xml,
};

/// What became of a call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// The error's code, as CloudTrail spells it: `Client.` or `Server.` before those of EC2; a
    /// code made from the status when the response says none. Nothing on success.
    pub error_code: Option<String>,
    /// The error's message. Not yet redacted.
    pub error_message: Option<String>,
    /// The request id that the service gave.
    pub request_id: Option<String>,
    /// S3's second id, `x-amz-id-2`.
    pub host_id: Option<String>,
    /// The response's elements with model names, not yet redacted; nothing for read-only operations,
    /// on errors, and where the response says nothing.
    pub elements: Option<Value>,
    /// The objects that a `DeleteObjects` could not delete. The call as a whole succeeded.
    pub item_errors: Vec<ItemError>,
}

/// One object that a bulk call failed for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ItemError {
    /// The object's key.
    pub key: String,
    /// The error's code.
    pub code: String,
    /// The error's message. Not yet redacted.
    pub message: String,
}

/// A body in one of the forms that AWS's services answer in.
#[derive(Debug)]
enum Document {
    Json(Value),
    Xml(xml::Element),
    None,
}

/// Reads a response. `body` is nothing when it was too long to hold, or never held.
#[must_use]
pub fn read(
    identified: &Identified,
    status: StatusCode,
    headers: &HeaderMap,
    body: Option<&[u8]>,
) -> Outcome {
    let max = body_max(identified);
    let body = body.map(|it| inflated(it, max));
    let body = body.as_deref().filter(|it| !it.is_empty() && it.len() <= max);
    let document = body.map_or(Document::None, |it| Document::of(it, headers));
    let header = |name: &str| headers.get(name)?.to_str().ok().map(str::to_owned);
    let mut outcome = Outcome {
        request_id: header("x-amzn-requestid")
            .or_else(|| header("x-amz-request-id"))
            .or_else(|| header("x-amzn-request-id"))
            .or_else(|| document.text(&["RequestId", "RequestID", "requestId"])),
        host_id: header("x-amz-id-2").or_else(|| document.text(&["HostId"])),
        ..Outcome::default()
    };
    if let Some(fault) = fault::read(identified, status, headers, &document) {
        outcome.error_code = Some(fault.code);
        outcome.error_message = fault.message;
    } else if status.is_success() {
        outcome.item_errors = fault::items(identified, &document);
        outcome.elements = elements::read(identified, status, headers, &document, body);
    }
    outcome
}

impl Document {
    /// What a body is, judged by its own beginning, since what stands between caller and service
    /// answers in forms of its own; only CBOR needs its header.
    fn of(body: &[u8], headers: &HeaderMap) -> Self {
        let is_cbor = headers.get("smithy-protocol").is_some_and(|it| it == "rpc-v2-cbor")
            || headers.get("content-type").is_some_and(|it| it == "application/cbor");
        let first = body.iter().find(|it| !it.is_ascii_whitespace());
        match first {
            _ if is_cbor => cbor::parse(body).map_or(Self::None, Self::Json),
            Some(b'<') => xml::parse(body).map_or(Self::None, Self::Xml),
            Some(b'{') => serde_json::from_slice(body).map_or(Self::None, Self::Json),
            _ => Self::None,
        }
    }

    /// The text of a member of the document, or of an element of XML anywhere in it.
    fn text(&self, names: &[&str]) -> Option<String> {
        let found = match self {
            Self::Json(value) => names.iter().find_map(|it| value.get(it)?.as_str()),
            Self::Xml(root) => names.iter().find_map(|it| Some(root.find(it)?.text.trim())),
            Self::None => None,
        };
        found.filter(|it| !it.is_empty()).map(str::to_owned)
    }
}

/// Whether a protocol wraps its output in an element of its own.
fn is_query(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Query | Protocol::Ec2)
}

#[cfg(test)]
mod tests;
