//! Conditional requests: on what a read or a write depends.
//!
//! Spec: RFC 9110, section 13; S3 User Guide, "Conditional requests".

use http::{HeaderMap, HeaderValue, header};
use s3s::{
    S3Error, S3ErrorCode,
    dto::{ETagCondition, Timestamp},
};

use super::{
    properties::http_date,
    told::{etag, time_in_seconds},
};
use crate::{
    error::{Fault, refuse},
    index::{Object, Put, WhenEtag},
    store::no_such_bucket,
};

/// What a read asks of an object.
#[derive(Clone, Debug, Default)]
pub(super) struct OfRead {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
    pub(super) if_modified_since: Option<Timestamp>,
    pub(super) if_unmodified_since: Option<Timestamp>,
}

impl OfRead {
    /// Refuses the read when the object is not the one that was meant, or not changed.
    pub(super) fn check(&self, object: &Object) -> Result<(), Fault> {
        let modified = time_in_seconds(object.modified);
        let is_meant = match &self.if_match {
            Some(condition) => matches(condition, object),
            None => self.if_unmodified_since.as_ref().is_none_or(|since| modified <= *since),
        };
        if !is_meant {
            return Err(precondition_failed());
        }
        let is_news = match &self.if_none_match {
            Some(condition) => !matches(condition, object),
            None => self.if_modified_since.as_ref().is_none_or(|since| modified > *since),
        };
        if is_news { Ok(()) } else { Err(not_modified(object)) }
    }

    /// The same for the source of a copy, where "not changed" is a failed condition too.
    pub(super) fn check_source(&self, object: &Object) -> Result<(), Fault> {
        self.check(object).map_err(|_| precondition_failed())
    }
}

/// What a write asks of the object that it replaces.
pub(super) fn of_write(
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> Result<WhenEtag, Fault> {
    match (if_match, if_none_match) {
        (None, None) => Ok(WhenEtag::Whatever),
        (None, Some(ETagCondition::Any)) => Ok(WhenEtag::Absent),
        (Some(ETagCondition::Any), None) => Ok(WhenEtag::Present),
        (Some(ETagCondition::ETag(tag)), None) => Ok(WhenEtag::Is(tag.value().to_owned())),
        (_, Some(_)) => Err(refuse(
            S3ErrorCode::NotImplemented,
            "A header you provided implies functionality that is not implemented",
        )),
    }
}

/// What became of a write, in S3's words.
pub(super) fn check_put(put: Put) -> Result<(), Fault> {
    match put {
        Put::Done(_) => Ok(()),
        Put::Locked => Err(locked()),
        Put::NoBucket => Err(no_such_bucket()),
        Put::NoKey => Err(no_such_key()),
        Put::Precondition => Err(precondition_failed()),
    }
}

pub(super) fn no_such_key() -> Fault {
    refuse(S3ErrorCode::NoSuchKey, "The specified key does not exist.")
}

/// Why an object under a lock stays as it is.
pub(super) fn locked() -> Fault {
    refuse(S3ErrorCode::AccessDenied, LOCKED)
}

/// S3's sentence for it.
pub(super) const LOCKED: &str = "Access Denied because object protected by object lock.";

pub(super) fn precondition_failed() -> Fault {
    refuse(
        S3ErrorCode::PreconditionFailed,
        "At least one of the pre-conditions you specified did not hold",
    )
}

fn not_modified(object: &Object) -> Fault {
    let mut headers = HeaderMap::new();
    if let Ok(value) = etag(&object.etag).to_http_header() {
        headers.insert(header::ETAG, value);
    }
    let modified = http_date(&time_in_seconds(object.modified));
    if let Some(value) = modified.and_then(|it| HeaderValue::try_from(it).ok()) {
        headers.insert(header::LAST_MODIFIED, value);
    }
    let mut error = S3Error::with_message(S3ErrorCode::NotModified, "Not Modified");
    error.set_headers(headers);
    Fault::Refused(error)
}

fn matches(condition: &ETagCondition, object: &Object) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(tag) => tag.value() == object.etag,
    }
}
