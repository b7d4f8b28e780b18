//! Which bodies are worth holding: structured ones that a record would show.

use http::StatusCode;

use super::{BodyKind, Identified};
use crate::catalogue::{Kind, Location, Model, Protocol, ShapeId};

/// S3's operations that may answer `200 OK` and say in the body that they failed.
pub(crate) const ERRORS_INSIDE_200: [&str; 4] =
    ["CompleteMultipartUpload", "CopyObject", "DeleteObjects", "UploadPartCopy"];

pub(super) fn request(it: &Identified) -> BodyKind {
    match (it.protocol, it.service.zip(it.operation)) {
        (Protocol::RestJson | Protocol::RestXml, Some((service, operation))) => {
            below(service.model(), operation.input)
        }
        // An object may be anything, so what is not known to be structured is not held.
        (Protocol::RestXml, None) => BodyKind::Stream,
        (_, Some((service, operation))) if streams(service.model(), operation.input) => {
            BodyKind::Stream
        }
        _ => BodyKind::Structured,
    }
}

pub(super) fn response(it: &Identified, status: StatusCode) -> BodyKind {
    if status.is_client_error() || status.is_server_error() {
        return BodyKind::Structured;
    }
    let Some((service, operation)) = it.service.zip(it.operation) else {
        return if status.is_success() { BodyKind::Stream } else { BodyKind::None };
    };
    if it.is_s3() && ERRORS_INSIDE_200.contains(&operation.name) {
        return BodyKind::Structured;
    }
    match (operation.output, it.protocol) {
        // A read's answer may be long; nothing of it is read in any case.
        (None, _) if operation.read_only => BodyKind::Stream,
        (None, _) => BodyKind::None,
        (shape, Protocol::RestJson | Protocol::RestXml) => below(service.model(), shape),
        (shape, _) if streams(service.model(), shape) => BodyKind::Stream,
        (Some(_), _) => BodyKind::Structured,
    }
}

/// Whether a body is a stream of events, which may have no end.
fn streams(model: &Model, shape: Option<ShapeId>) -> bool {
    model.members(shape).iter().any(|it| it.streaming)
}

/// What the members of a shape leave for the body.
fn below(model: &Model, shape: Option<ShapeId>) -> BodyKind {
    let Some(Kind::Structure { members, payload }) = shape.map(|it| &model.shape(it).kind) else {
        return BodyKind::None;
    };
    let Some(payload) = payload else {
        let any = members.iter().any(|it| it.location == Location::Body);
        return if any { BodyKind::Structured } else { BodyKind::None };
    };
    match members.iter().find(|it| it.name == *payload) {
        Some(it) if it.streaming => BodyKind::Stream,
        Some(it) if matches!(model.shape(it.shape).kind, Kind::Blob) => BodyKind::Stream,
        _ => BodyKind::Structured,
    }
}
