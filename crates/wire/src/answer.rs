//! How the door hands a call to a service that is answered here.
//!
//! The door and the services are neighbours, so what they need of each other is stated on the floor
//! below: a [`Call`] goes in, a [`Reply`] comes out.

use std::{fmt::Debug, net::IpAddr};

use bytes::Bytes;
use futures::future::BoxFuture;
use http_body_util::{BodyExt as _, Empty, Full, combinators::UnsyncBoxBody};
use jiff::Timestamp;
use record::{AccountId, Identity};

/// What went wrong while a body streamed.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A body that streams.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// A body that is there as a whole.
#[must_use]
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// No body.
#[must_use]
pub fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// Who makes a call, as far as it was proven.
#[derive(Clone, Debug)]
pub struct Caller {
    /// What the record will say.
    pub identity: Identity,
    /// The account whose resources the caller acts on.
    pub account: AccountId,
    /// Whether the caller is the root user of the deployment's first account, who may send records
    /// of any account.
    pub is_deployment_root: bool,
}

/// A call that was identified, authenticated and authorised.
#[derive(Debug)]
pub struct Call {
    /// The catalogue's name of the service, such as `cloudtrail`, `sts` or `s3`; for Trailmark's own
    /// routes `trailmark`.
    pub service: String,
    /// The operation, such as `LookupEvents`; empty when the catalogue has none of that shape.
    pub operation: String,
    /// Who calls.
    pub caller: Caller,
    /// The region that the call was signed for.
    pub region: String,
    /// The address that the record will show.
    pub source: IpAddr,
    /// When the call arrived.
    pub arrival: Timestamp,
    /// The id that the answer must carry and the record will show.
    pub request_id: String,
    /// The request. Its body has been authenticated when it is short, and fails while streaming when
    /// a chunk's signature does not match.
    pub request: http::Request<Body>,
}

/// What a service answers. Errors are answers too.
#[derive(Debug)]
pub struct Reply {
    /// Goes to the caller as it is.
    pub response: http::Response<Body>,
}

impl From<http::Response<Body>> for Reply {
    fn from(response: http::Response<Body>) -> Self {
        Self { response }
    }
}

/// A service that is answered here.
pub trait Answer: Debug + Send + Sync {
    /// Answers a call. Never fails: what goes wrong is an answer in the caller's protocol.
    fn answer(&self, call: Call) -> BoxFuture<'_, Reply>;
}
