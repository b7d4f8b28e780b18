//! Which service and operation a request is for.
//!
//! Lives here: the rules, in this order: the credential scope of the signature, `X-Amz-Target`, an
//! RPC v2 path, `Action` with `Version`, the host, the path; bucket and key of S3. A request that
//! can be read in two ways is refused, because the upstream might read the other one.
//! Lives elsewhere: whether the signature is true (`sigv4`), what the parameters are (`parameters`).
//!
//! Start at [`identify`]; when [`Identified::needs_form`], read the body and go on with
//! [`Identified::with_form`].

mod body;
mod choose;
mod marks;
mod s3;

use http::request::Parts;

use crate::{
    auth::Dialect,
    catalogue::{Operation, Protocol, Service},
};

pub(crate) use body::ERRORS_INSIDE_200;
use marks::Marks;
pub(crate) use marks::{Plus, pairs};

/// The names under which buckets are reached as virtual hosts.
#[derive(Clone, Debug, Default)]
pub struct Domains {
    /// Domains such as `s3.example.net`: `photos.s3.example.net` is the bucket `photos`. Ports are
    /// not part of them; case does not matter.
    pub s3: Vec<String>,
    /// Whether an unsigned request without any other mark is one for S3: a public object.
    pub unsigned_is_s3: bool,
}

/// What a request is for, as far as it can be told. A request that is for nothing we know is an
/// `Identified` without service.
#[derive(Clone, Debug)]
pub struct Identified {
    /// The service.
    pub service: Option<&'static Service>,
    /// The operation. Without one, the service has none of that shape, or `needs_form` is true.
    pub operation: Option<&'static Operation>,
    /// The protocol that the caller speaks, and in which it must be answered.
    pub protocol: Protocol,
    /// The service that the credential scope names, whether we know it or not.
    pub scope_service: Option<String>,
    /// The region that the credential scope names.
    pub scope_region: Option<String>,
    /// The operation's name as claimed (`X-Amz-Target`, `Action`, CBOR path), where the catalogue
    /// has none of that name.
    pub claimed_operation: Option<String>,
    /// The bucket, decoded, for S3.
    pub bucket: Option<String>,
    /// The object's key, decoded, for S3.
    pub key: Option<String>,
    /// Whether the bucket stood in the host name.
    pub virtual_host: bool,
    /// `Host` or `:authority` as sent.
    pub host: Option<String>,
    /// The labels of a REST path, decoded: name on the wire, value.
    pub labels: Vec<(&'static str, String)>,
    /// The query, decoded, in order.
    pub query: Vec<(String, String)>,
    /// Whether the operation's name stands in a form in the body: read it, up to a bound, and call
    /// [`Identified::with_form`].
    pub needs_form: bool,
}

/// What of a body is there to be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BodyKind {
    /// Nothing that a record would show.
    None,
    /// JSON, XML, CBOR or a form.
    Structured,
    /// Bytes of the caller's, such as an object. Never kept.
    Stream,
}

/// Why a request is refused: it can be read in more than one way.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the request {reason}")]
pub struct Ambiguous {
    /// What contradicts what.
    pub reason: Contradiction,
    /// The protocol in which to refuse.
    pub protocol: Protocol,
}

/// What contradicts what in a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Contradiction {
    /// `Action` stands more than once, or in query and body.
    #[error("names more than one action")]
    Actions,
    /// `X-Amz-Target` or an RPC v2 path together with `Action`.
    #[error("has both a target and an action")]
    ActionAndTarget,
    /// More than one credential scope, as header and query or twice.
    #[error("has more than one credential scope")]
    Scopes,
    /// The target belongs to another service than the credential scope.
    #[error("is signed for another service than its target")]
    TargetOfAnotherService,
    /// More than one `X-Amz-Target`, or one beside an RPC v2 path.
    #[error("has more than one target")]
    Targets,
    /// More than one `Host`, or one that differs from `:authority`.
    #[error("has more than one host")]
    Hosts,
}

/// Tells what a request is for.
///
/// # Errors
/// [`Ambiguous`] when two marks contradict each other. Such a request must not be forwarded.
pub fn identify(parts: &Parts, domains: &Domains) -> Result<Identified, Ambiguous> {
    let marks = Marks::of(parts);
    let refuse = |reason| Ambiguous { reason, protocol: marks.protocol() };
    if let Some(reason) = marks.contradiction() {
        return Err(refuse(reason));
    }
    choose::choose(&marks, parts, domains).map_err(refuse)
}

impl Identified {
    /// Goes on with the form of a query or EC2 request, which names its operation in the body.
    ///
    /// # Errors
    /// [`Ambiguous`] when the form contradicts the rest of the request.
    pub fn with_form(self, body: &[u8]) -> Result<Self, Ambiguous> {
        let protocol = self.protocol;
        choose::with_form(self, body).map_err(|reason| Ambiguous { reason, protocol })
    }

    /// What of the request's body there is to read, so that the door knows whether to hold it.
    #[must_use]
    pub fn request_body(&self) -> BodyKind {
        body::request(self)
    }

    /// What of the response's body there is to read, given its status. Structured also when a
    /// status of 200 may carry an error.
    #[must_use]
    pub fn response_body(&self, status: http::StatusCode) -> BodyKind {
        body::response(self, status)
    }

    /// What CloudTrail calls the service; for an unknown one, what its scope says.
    #[must_use]
    pub fn event_source(&self) -> Option<String> {
        match (self.service, &self.scope_service) {
            (Some(service), _) => Some(service.event_source.to_owned()),
            (None, Some(scope)) => Some(format!("{}.amazonaws.com", scope.to_ascii_lowercase())),
            (None, None) => None,
        }
    }

    /// In whose words an error of authentication is answered.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        match self.protocol {
            Protocol::Json10 | Protocol::Json11 | Protocol::RpcV2Cbor => Dialect::Json,
            Protocol::Query => Dialect::Query,
            Protocol::Ec2 => Dialect::Ec2,
            Protocol::RestJson => Dialect::RestJson,
            // What cannot be told is most likely S3: everything else says what it is.
            Protocol::RestXml if self.is_s3() || self.service.is_none() => Dialect::S3,
            Protocol::RestXml => Dialect::Query,
        }
    }

    /// Whether the call is one to S3's objects and buckets.
    #[must_use]
    pub fn is_s3(&self) -> bool {
        self.service.is_some_and(|it| it.name == "s3")
    }
}

#[cfg(test)]
mod tests;
