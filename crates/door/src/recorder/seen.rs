//! What the door saw of a call: the request as it came, and how the call ended.
//!
//! These values are raw and may hold secrets: they live in memory only, between the socket and
//! [`super::Recorder`], and are never printed.

use std::{fmt, net::IpAddr};

use http::{HeaderMap, StatusCode, header::HOST, request::Parts};
use jiff::Timestamp;
use record::{AccountId, Identity};
use serde::{Deserialize, Serialize};
use wire::{catalogue::Protocol, identify::Identified};

use super::caller::shown_key;

/// A call that is about to be answered or to leave.
#[derive(Clone, Copy)]
pub struct Arrived<'a> {
    /// Method, target and headers as they came.
    pub parts: &'a Parts,
    /// The body, when the operation has a structured one.
    pub body: Held<'a>,
    /// Which call it is.
    pub target: &'a Identified,
    /// Who says to be calling.
    pub caller: &'a Caller,
    /// How the call was signed.
    pub mechanism: Mechanism,
    /// Who answers it.
    pub upstream: Upstream,
    /// Who owns what.
    pub owners: &'a dyn Owners,
    /// The address that the record shows.
    pub source: IpAddr,
    /// Facts about the connection; `None` in clear text.
    pub tls: Option<Tls<'a>>,
    /// When the first byte of the request came.
    pub arrival: Timestamp,
    /// The id that we give the call; stands in for a missing one of the upstream.
    pub request_id: &'a str,
}

/// Who owns what, as far as the deployment knows. Answers at once: what takes time to look up is
/// looked up before.
pub trait Owners {
    /// The account that owns the bucket of the call.
    fn of_bucket(&self, bucket: &str) -> Option<AccountId>;

    /// Whether the account is one of this deployment's, so that it gets a copy of what others do
    /// with its resources. An account that is merely named in a request gets none.
    fn keeps_records_of(&self, account: AccountId) -> bool;
}

/// Nothing is known about who owns what.
#[derive(Clone, Copy, Debug, Default)]
pub struct NobodyKnown;

impl Owners for NobodyKnown {
    fn of_bucket(&self, _: &str) -> Option<AccountId> {
        None
    }

    fn keeps_records_of(&self, _: AccountId) -> bool {
        false
    }
}

/// A body, or why there is none to read.
#[derive(Clone, Copy)]
pub enum Held<'a> {
    /// There was none, or it is no structured one (an object's bytes): nothing was held.
    None,
    /// All of it, decoded of chunks.
    Whole(&'a [u8]),
    /// It was larger than the cap and passed unread.
    TooLarge,
    /// It ended before its time.
    Cut,
}

/// Who says to be calling.
#[derive(Clone, Deserialize, PartialEq, Serialize)]
pub enum Caller {
    /// Nobody: the call was not signed.
    Anonymous,
    /// An access key that we do not know. A claim, until the upstream accepts the call.
    Claimed {
        /// The key id as it was sent.
        access_key_id: String,
    },
    /// A key or session that we know, though its secret is not ours: a claim, until the upstream
    /// accepts the call.
    Known {
        /// Whose key it is.
        identity: Box<Identity>,
        /// The account of the key.
        account: AccountId,
    },
    /// A key of ours whose signature was verified here.
    Proven {
        /// Whose key it is.
        identity: Box<Identity>,
        /// The account of the key.
        account: AccountId,
    },
}

/// By which mechanism a call was signed, and where the signature stood.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Mechanism {
    /// Not signed.
    #[default]
    None,
    /// A bearer token.
    Bearer,
    /// The form of a browser upload, with a signed policy.
    PostPolicy,
    /// Signature version 2 in a header.
    V2Header,
    /// Signature version 2 in the query.
    V2Query,
    /// Signature version 4 in a header.
    V4Header,
    /// Signature version 4 in the query: a presigned URL.
    V4Query,
    /// The asymmetric signature version 4 in a header.
    V4aHeader,
    /// The asymmetric signature version 4 in the query.
    V4aQuery,
}

/// Who answers a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Upstream {
    /// A service of this process.
    Own,
    /// A configured upstream, with the account that it was configured for.
    Elsewhere {
        /// The account, when configured.
        account: Option<AccountId>,
    },
}

/// Facts about a TLS connection, as CloudTrail spells them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Tls<'a> {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: &'a str,
    /// The cipher suite, as `TLS_AES_128_GCM_SHA256`.
    pub cipher_suite: &'a str,
    /// The group of the key exchange, such as `x25519`, when known.
    pub key_exchange: Option<&'a str>,
}

/// How a call ended.
#[derive(Clone, Copy)]
pub struct Ending<'a> {
    /// What was answered, as far as it was seen.
    pub answer: Option<Answered<'a>>,
    /// What went wrong on the way, if anything did.
    pub failure: Option<Failure>,
    /// Bytes of the request's body that came, decoded of chunks.
    pub bytes_in: u64,
    /// Bytes of the answer's body that were sent.
    pub bytes_out: u64,
    /// When the call was completed.
    pub completed: Timestamp,
}

/// An answer.
#[derive(Clone, Copy)]
pub struct Answered<'a> {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its body, when it was held.
    pub body: Held<'a>,
}

/// What went wrong between the caller, the door and the upstream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Failure {
    /// The caller left before the answer was complete.
    ClientLeft,
    /// The upstream answered what is no HTTP.
    Garbage,
    /// The upstream broke the connection.
    Reset,
    /// No connection to the upstream could be made.
    Refused,
    /// The upstream did not answer in time.
    TimedOut,
}

/// What is known of a request that can be read in two ways, or that nothing can be said about: its
/// host, for the record of its refusal.
#[must_use]
pub fn unidentified(parts: &Parts, protocol: Protocol) -> Identified {
    let host = parts.headers.get(HOST).and_then(|it| it.to_str().ok());
    Identified {
        service: None,
        operation: None,
        protocol,
        scope_service: None,
        scope_region: None,
        claimed_operation: None,
        bucket: None,
        key: None,
        virtual_host: false,
        host: host.or_else(|| parts.uri.host()).map(str::to_owned),
        labels: Vec::new(),
        query: Vec::new(),
        needs_form: false,
    }
}

impl<'a> Held<'a> {
    /// The bytes, when all of them are there.
    #[must_use]
    pub fn whole(self) -> Option<&'a [u8]> {
        match self {
            Self::Whole(bytes) => Some(bytes),
            Self::None | Self::TooLarge | Self::Cut => None,
        }
    }
}

impl Caller {
    /// The account of the key, when it is known.
    #[must_use]
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::Anonymous | Self::Claimed { .. } => None,
            Self::Known { account, .. } | Self::Proven { account, .. } => Some(*account),
        }
    }

    /// The key id that signed, or is said to have.
    #[must_use]
    pub fn access_key_id(&self) -> Option<&str> {
        match self {
            Self::Anonymous => None,
            Self::Claimed { access_key_id } => Some(access_key_id),
            Self::Known { identity, .. } | Self::Proven { identity, .. } => {
                identity.access_key_id.as_deref()
            }
        }
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            Self::Anonymous => "Anonymous",
            Self::Claimed { .. } => "Claimed",
            Self::Known { .. } => "Known",
            Self::Proven { .. } => "Proven",
        };
        // People paste secrets into the place of a key id.
        f.debug_tuple(word).field(&self.access_key_id().map(shown_key)).finish()
    }
}

impl Mechanism {
    /// `SignatureVersion`, as S3 writes it into its records.
    pub(super) const fn version(self) -> Option<&'static str> {
        match self {
            Self::None | Self::Bearer => None,
            Self::V2Header | Self::V2Query => Some("SigV2"),
            Self::V4Header | Self::V4Query | Self::PostPolicy => Some("SigV4"),
            Self::V4aHeader | Self::V4aQuery => Some("SigV4A"),
        }
    }

    /// `AuthenticationMethod`, as S3 writes it into its records.
    pub(super) const fn method(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Bearer | Self::V2Header | Self::V4Header | Self::V4aHeader => Some("AuthHeader"),
            Self::V2Query | Self::V4Query | Self::V4aQuery => Some("QueryString"),
            Self::PostPolicy => Some("FormData"),
        }
    }
}
