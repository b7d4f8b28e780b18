//! Error codes and messages.

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::{Document, ItemError};
use crate::{
    catalogue::Protocol,
    identify::{ERRORS_INSIDE_200, Identified},
    xml::Element,
};

/// What went wrong.
pub(super) struct Fault {
    pub(super) code: String,
    pub(super) message: Option<String>,
}

/// The error of a response, if it is one.
pub(super) fn read(
    it: &Identified,
    status: StatusCode,
    headers: &HeaderMap,
    document: &Document,
) -> Option<Fault> {
    let failed = status.is_client_error() || status.is_server_error();
    let said = match document {
        Document::Xml(root) if failed || status.is_redirection() => from_xml(root),
        // S3 answers before it knows how long calls end, and says in the body that they failed.
        Document::Xml(root) if may_fail_inside_200(it) && root.name == "Error" => from_xml(root),
        Document::Json(value) if failed => from_json(value, headers),
        Document::Xml(_) | Document::Json(_) => None,
        Document::None if failed => from_headers(headers).map(|code| Fault { code, message: None }),
        Document::None => None,
    };
    if said.is_none() && !failed {
        return None;
    }
    let mut fault = said.unwrap_or_else(|| Fault { code: from_status(it, status), message: None });
    if it.protocol == Protocol::Ec2 && !fault.code.contains('.') {
        let side = if status.is_server_error() { "Server" } else { "Client" };
        fault.code = format!("{side}.{}", fault.code);
    }
    Some(fault)
}

/// The objects that a bulk call failed for.
pub(super) fn items(it: &Identified, document: &Document) -> Vec<ItemError> {
    let Document::Xml(root) = document else { return Vec::new() };
    if !may_fail_inside_200(it) {
        return Vec::new();
    }
    let text = |of: &Element, name| of.child_text(name).unwrap_or_default().to_owned();
    let errors = root.children.iter().filter(|it| it.name == "Error");
    let item = |of| ItemError {
        key: text(of, "Key"),
        code: text(of, "Code"),
        message: text(of, "Message"),
    };
    errors.map(item).collect()
}

fn may_fail_inside_200(it: &Identified) -> bool {
    it.is_s3() && it.operation.is_some_and(|it| ERRORS_INSIDE_200.contains(&it.name))
}

/// `<Error>` at the top, or within `<ErrorResponse>` or `<Response><Errors>`.
fn from_xml(root: &Element) -> Option<Fault> {
    let error = root.find("Error").unwrap_or(root);
    let code = error.child_text("Code")?.to_owned();
    let message = error.child_text("Message").or_else(|| error.child_text("message"));
    Some(Fault { code, message: message.map(str::to_owned) })
}

/// `__type`, `code` or a header; a header for old callers of services that once spoke query wins,
/// since its code is the one that everybody knows.
fn from_json(value: &Value, headers: &HeaderMap) -> Option<Fault> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let message = ["message", "Message", "errorMessage"].into_iter().find_map(text);
    let code = from_headers(headers).or_else(|| {
        let error = || value.get("error").and_then(|it| it.get("code")?.as_str());
        let said = text("__type").or_else(|| text("code")).or_else(|| text("Code"));
        said.or_else(error).map(bare)
    })?;
    Some(Fault { code, message: message.map(str::to_owned) })
}

fn from_headers(headers: &HeaderMap) -> Option<String> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let query = text("x-amzn-query-error").and_then(|it| it.split(';').next());
    query.or_else(|| text("x-amzn-errortype")).map(bare).filter(|it| !it.is_empty())
}

/// `com.amazonaws.kms#NotFoundException:http://…` is `NotFoundException`.
fn bare(code: &str) -> String {
    let code = code.split(':').next().unwrap_or(code);
    code.rsplit('#').next().unwrap_or(code).trim().to_owned()
}

/// What a status means when nothing else says it, as with every error of a `HEAD`.
fn from_status(it: &Identified, status: StatusCode) -> String {
    let s3 = it.is_s3();
    let code = match status.as_u16() {
        400 if s3 => "InvalidRequest",
        400 => "ValidationException",
        401 | 403 if s3 => "AccessDenied",
        401 | 403 => "AccessDeniedException",
        404 if s3 && it.key.is_some() => "NoSuchKey",
        404 if s3 => "NoSuchBucket",
        404 => "ResourceNotFoundException",
        405 => "MethodNotAllowed",
        409 if s3 => "OperationAborted",
        409 => "ConflictException",
        412 => "PreconditionFailed",
        416 => "InvalidRange",
        429 => "ThrottlingException",
        500 if s3 => "InternalError",
        500 => "InternalFailure",
        503 if s3 => "SlowDown",
        503 => "ServiceUnavailable",
        other => return format!("HttpStatus{other}"),
    };
    code.to_owned()
}
