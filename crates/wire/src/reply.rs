//! Writes answers of our own services in the caller's protocol.
//!
//! Lives here: outputs and errors for AWS JSON, query, EC2, rest-json, rest-xml and RPC v2 CBOR.
//! Lives elsewhere: which errors there are (`api`; `auth` for those of authentication).
//!
//! Start at [`error`] and [`output`].
//! Shapes: AWS's protocol pages; `reference/sigv4-server.md` section 7.

use std::fmt::Write as _;

use http::{HeaderValue, Response, StatusCode, header};
use quick_xml::escape::escape;
use serde_json::{Map, Value, json};

use crate::{
    answer::{Body, full},
    auth::ErrorAnswer,
    catalogue::Protocol,
    cbor,
};

/// An error to answer with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// The code as the protocol's callers expect it, such as `TrailNotFoundException`.
    pub code: String,
    /// A sentence for the caller.
    pub message: String,
    /// The HTTP status.
    pub status: StatusCode,
    /// Further elements of S3's `<Error>`, in order, or members of a JSON error, such as `Reason`. The
    /// other protocols have none.
    pub extras: Vec<(&'static str, String)>,
}

impl Fault {
    /// An error of a code, a sentence for the caller and a status.
    #[must_use]
    pub fn new(code: impl Into<String>, message: impl Into<String>, status: StatusCode) -> Self {
        Self { code: code.into(), message: message.into(), status, extras: Vec::new() }
    }
}

impl From<ErrorAnswer> for Fault {
    fn from(answer: ErrorAnswer) -> Self {
        let ErrorAnswer { code, message, status, extras } = answer;
        Self { code: code.to_owned(), message, status, extras }
    }
}

/// An error in the caller's protocol.
#[must_use]
pub fn error(protocol: Protocol, fault: &Fault, request_id: &str) -> Response<Body> {
    let Fault { code, message, status, extras } = fault;
    let body = match protocol {
        // CloudTrail spells it with a capital letter, and every SDK reads both.
        Protocol::Json10 | Protocol::Json11 => {
            let members = [("__type", code), ("Message", message)].into_iter();
            let extras = extras.iter().map(|(name, value)| (*name, value));
            let members = members.chain(extras).map(|(name, it)| (name.to_owned(), json!(it)));
            Value::Object(members.collect()).to_string().into_bytes()
        }
        Protocol::RestJson => json!({ "message": message }).to_string().into_bytes(),
        Protocol::RpcV2Cbor => cbor::write(&json!({ "__type": code, "message": message })),
        Protocol::Query => {
            let side = if status.is_server_error() { "Receiver" } else { "Sender" };
            xml(&format!(
                "<ErrorResponse><Error><Type>{side}</Type><Code>{}</Code><Message>{}</Message>\
                 </Error><RequestId>{}</RequestId></ErrorResponse>",
                text(code),
                text(message),
                text(request_id)
            ))
        }
        Protocol::Ec2 => xml(&format!(
            "<Response><Errors><Error><Code>{}</Code><Message>{}</Message></Error></Errors>\
             <RequestID>{}</RequestID></Response>",
            text(code),
            text(message),
            text(request_id)
        )),
        Protocol::RestXml => {
            let mut out = String::new();
            let members = [("Code", code), ("Message", message)].into_iter();
            let extras = extras.iter().map(|(name, value)| (*name, value));
            for (name, value) in members.chain(extras) {
                element(name, &mut out, |out| out.push_str(&text(value)));
            }
            element("RequestId", &mut out, |out| out.push_str(&text(request_id)));
            xml(&format!("<Error>{out}</Error>"))
        }
    };
    let mut response = response(protocol, *status, body, request_id);
    if protocol == Protocol::RestJson
        && let Ok(code) = HeaderValue::from_str(code)
    {
        response.headers_mut().insert("x-amzn-errortype", code);
    }
    response
}

/// The output of an operation of that name in the caller's protocol, `200 OK`. Members have the
/// names of the wire. `namespace` is that of the service's XML documents.
///
/// In XML a list becomes `<member>` elements (`<item>` for EC2) within its own; for rest-xml, `value`
/// holds the root as its only member, and a list becomes repeated elements of its name.
#[must_use]
pub fn output(
    protocol: Protocol,
    operation: &str,
    namespace: Option<&str>,
    value: &Value,
    request_id: &str,
) -> Response<Body> {
    let namespace = namespace.map_or(String::new(), |it| format!(" xmlns=\"{}\"", text(it)));
    let body = match protocol {
        Protocol::Json10 | Protocol::Json11 | Protocol::RestJson => value.to_string().into_bytes(),
        Protocol::RpcV2Cbor => cbor::write(value),
        Protocol::Query => {
            let mut out = format!("<{operation}Response{namespace}><{operation}Result>");
            inside(value, "member", &mut out);
            let id = text(request_id);
            let _ = write!(
                out,
                "</{operation}Result><ResponseMetadata><RequestId>{id}</RequestId>\
                 </ResponseMetadata></{operation}Response>"
            );
            xml(&out)
        }
        Protocol::Ec2 => {
            let id = text(request_id);
            let mut out = format!("<{operation}Response{namespace}><requestId>{id}</requestId>");
            inside(value, "item", &mut out);
            let _ = write!(out, "</{operation}Response>");
            xml(&out)
        }
        Protocol::RestXml => {
            let mut out = String::new();
            for (root, value) in value.as_object().into_iter().flatten() {
                let _ = write!(out, "<{root}{namespace}>");
                flat(value, &mut out);
                let _ = write!(out, "</{root}>");
            }
            xml(&out)
        }
    };
    response(protocol, StatusCode::OK, body, request_id)
}

fn response(
    protocol: Protocol,
    status: StatusCode,
    body: Vec<u8>,
    request_id: &str,
) -> Response<Body> {
    let (content_type, id_header) = match protocol {
        Protocol::Json10 => ("application/x-amz-json-1.0", "x-amzn-requestid"),
        Protocol::Json11 => ("application/x-amz-json-1.1", "x-amzn-requestid"),
        Protocol::RestJson => ("application/json", "x-amzn-requestid"),
        Protocol::RpcV2Cbor => ("application/cbor", "x-amzn-requestid"),
        Protocol::Query => ("text/xml", "x-amzn-requestid"),
        Protocol::Ec2 => ("text/xml;charset=UTF-8", "x-amzn-requestid"),
        Protocol::RestXml => ("application/xml", "x-amz-request-id"),
    };
    let mut response = Response::new(full(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(id_header, id);
    }
    if protocol == Protocol::RpcV2Cbor {
        headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
    }
    response
}

fn xml(root: &str) -> Vec<u8> {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{root}").into_bytes()
}

/// Text as XML allows it: escaped, and without the characters that no document may hold.
fn text(text: &str) -> String {
    let allowed = |it: &char| matches!(it, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    escape(text.chars().filter(allowed).collect::<String>()).into_owned()
}

/// Members as elements, lists as elements of `each` within their own.
fn inside(value: &Value, each: &str, out: &mut String) {
    match value {
        Value::Null => {}
        Value::Object(map) => members(map, each, out),
        Value::Array(list) => {
            for value in list {
                element(each, out, |out| inside(value, each, out));
            }
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => out.push_str(&scalar(value)),
    }
}

fn members(map: &Map<String, Value>, each: &str, out: &mut String) {
    for (name, value) in map.iter().filter(|(_, it)| !it.is_null()) {
        element(name, out, |out| inside(value, each, out));
    }
}

/// Members as elements, lists as repeated ones.
fn flat(value: &Value, out: &mut String) {
    let Value::Object(map) = value else { return out.push_str(&scalar(value)) };
    for (name, value) in map.iter().filter(|(_, it)| !it.is_null()) {
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        values.iter().for_each(|it| element(name, out, |out| flat(it, out)));
    }
}

fn element(name: &str, out: &mut String, content: impl FnOnce(&mut String)) {
    let _ = write!(out, "<{name}>");
    content(out);
    let _ = write!(out, "</{name}>");
}

fn scalar(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), text)
}

#[cfg(test)]
mod tests;
