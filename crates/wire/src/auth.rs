//! Why a caller was not believed, and how AWS words it.
//!
//! Lives here: [`AuthError`], one variant for each way in which authentication fails, and
//! [`AuthError::answer`], which turns it into code, message and status in the words of the caller's
//! protocol. Those words are a table, in `table.rs`, so that a trace of the real service can correct
//! one cell.
//! Lives elsewhere: finding the failure (`sigv4`, `chunked`, `iam`), writing the answer's body.
//!
//! An error never holds a signature, a string to sign or a secret.

mod answer;
mod table;

use std::time::Duration;

use jiff::Timestamp;

pub use answer::{Dialect, ErrorAnswer};
pub use table::{Failure, Words, words};

/// Why a caller was not believed, or not allowed. Answer it with [`AuthError::answer`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AuthError {
    /// The caller is known, and may not do this. Holds AWS's sentence.
    #[error("{0}")]
    Denied(String),
    /// The body is not what was signed or announced.
    #[error(transparent)]
    Body(BodyFault),
    /// A presigned request is used after its end.
    #[error("the presigned request ended {expires_s} s after {signed_at}")]
    PresignedExpired {
        /// `X-Amz-Date`.
        signed_at: Timestamp,
        /// `X-Amz-Expires`, in seconds.
        expires_s: u32,
        /// When it was used.
        now: Timestamp,
    },
    /// Headers that have to be signed and were not; lower case, sorted.
    #[error("headers are not signed: {}", .0.join(", "))]
    HeadersNotSigned(Vec<String>),
    /// The `Authorization` header, or what it rests on, is not as it has to be.
    #[error("the authorization header is malformed: {0}")]
    MalformedHeader(Malformed),
    /// The `X-Amz-…` parameters of a presigned request are not as they have to be.
    #[error("the authorization parameters are malformed: {0}")]
    MalformedQuery(Malformed),
    /// Path, query or host cannot be read in one way only.
    #[error("the request target is malformed: {0}")]
    MalformedTarget(Malformed),
    /// Nobody signed, and the call needs a caller.
    #[error("the request is not signed")]
    Missing,
    /// More than one mechanism at once: it is not for us to choose.
    #[error("more than one authentication mechanism")]
    MultipleMechanisms,
    /// Signed for a time too far in the future.
    #[error("signed at {signed_at}, later than {now}")]
    NotYetCurrent {
        /// The time that was signed.
        signed_at: Timestamp,
        /// When it arrived.
        now: Timestamp,
        /// What the two may differ by.
        skew: Duration,
        /// Whether the request is presigned.
        presigned: bool,
    },
    /// `x-amz-content-sha256` is missing where it must be, no value of its kind, or a mode that the
    /// service does not take.
    #[error("the payload mode is refused: {0}")]
    PayloadMode(PayloadFault),
    /// The scope names another day, service or region than it has to.
    #[error("the credential scope is wrong: {0}")]
    Scope(ScopeFault),
    /// Signed too long ago.
    #[error("signed at {signed_at}, too long before {now}")]
    SignatureExpired {
        /// The time that was signed.
        signed_at: Timestamp,
        /// When it arrived.
        now: Timestamp,
        /// What the two may differ by.
        skew: Duration,
    },
    /// The session has ended.
    #[error("the session token has expired")]
    TokenExpired,
    /// A session token where none belongs, or that of another session.
    #[error("the session token is not that of the access key")]
    TokenInvalid,
    /// No active access key of that id, or a session's key without its token.
    #[error("the access key is not known")]
    UnknownKey {
        /// As the caller claimed it.
        access_key_id: String,
    },
    /// A mechanism that is not served.
    #[error("{0} is not supported")]
    UnsupportedMechanism(Mechanism),
    /// The signature is not the one that the secret makes of this request.
    #[error("the signature does not match")]
    WrongSignature {
        /// Whose secret was used.
        access_key_id: String,
    },
}

/// What is malformed. Reads as AWS would say it, and never repeats what the caller sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Malformed {
    #[error("Authorization header requires 'Credential' parameter.")]
    NoCredential,
    #[error("Authorization header requires 'SignedHeaders' parameter.")]
    NoSignedHeaders,
    #[error("Authorization header requires 'Signature' parameter.")]
    NoSignature,
    #[error("Authorization parameters may be given once each.")]
    Repeated,
    #[error("Authorization holds a parameter that is not known.")]
    UnknownParameter,
    #[error("Authorization is not of the form 'name=value, name=value'.")]
    Syntax,
    #[error(
        "Credential must have exactly 5 slash-delimited elements, \
         e.g. keyid/date/region/service/term."
    )]
    Credential,
    #[error("Access key id in Credential is not of a valid form.")]
    AccessKeyId,
    #[error("Signature must be 64 lower-case hexadecimal digits.")]
    Signature,
    #[error("SignedHeaders must be lower-case names, sorted, without repetition.")]
    SignedHeaders,
    #[error("SignedHeaders names a header that the request does not have.")]
    SignedHeaderMissing,
    #[error("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")]
    HostNotSigned,
    #[error("Authorization requires existence of either a 'X-Amz-Date' or a 'Date' header.")]
    NoDate,
    #[error("Date must be in ISO-8601 'basic format'.")]
    Date,
    #[error("The date that the signature rests on must be a signed header.")]
    DateNotSigned,
    #[error("A header that the signature rests on is given more than once.")]
    RepeatedHeader,
    #[error("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"")]
    Algorithm,
    #[error("X-Amz-Expires must be a number")]
    ExpiresNotNumber,
    #[error("X-Amz-Expires must be at least 1")]
    ExpiresTooSmall,
    #[error(
        "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds"
    )]
    ExpiresTooLarge,
    #[error(
        "Query-string authentication requires the X-Amz-Algorithm, X-Amz-Credential, \
         X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters, once each."
    )]
    QueryParameters,
    #[error("The request has no host, or more than one.")]
    Host,
    #[error("The request path has empty segments or dot segments.")]
    Path,
    #[error("The request target is not valid percent-encoding.")]
    PercentEncoding,
}

/// What is wrong with a credential scope.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ScopeFault {
    /// The scope's date is not that of the signed time.
    #[error(
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP"
    )]
    Date,
    /// The scope's region cannot be one.
    #[error("Credential should be scoped to a valid region.")]
    Region,
    /// The scope's service is not the one addressed, which is given.
    #[error("Credential should be scoped to correct service: '{0}'.")]
    Service(String),
    /// The scope does not end in `aws4_request`.
    #[error("Credential should be scoped with a valid terminator: 'aws4_request'.")]
    Terminator,
}

/// What is wrong with `x-amz-content-sha256`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PayloadFault {
    /// S3 cannot do without.
    #[error("Missing required header for this request: x-amz-content-sha256")]
    Missing,
    /// Neither a hash nor one of the modes.
    #[error(
        "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, \
         STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, \
         STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, or a valid sha256 value."
    )]
    Unknown,
    /// A mode that this service, or this kind of signature, does not take.
    #[error("The payload mode of x-amz-content-sha256 is not supported for this request.")]
    Refused,
    /// A streaming mode without a usable `x-amz-decoded-content-length`.
    #[error("You must provide the Content-Length HTTP header.")]
    DecodedLength,
    /// `x-amz-trailer` cannot be read.
    #[error("The value specified in the x-amz-trailer header is not supported")]
    Trailer,
}

/// A mechanism that we recognise and do not serve.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Mechanism {
    #[error("AWS Signature Version 2")]
    V2,
    #[error("AWS4-ECDSA-P256-SHA256")]
    V4a,
    #[error("Bearer")]
    Bearer,
    #[error("the authorization type")]
    Other,
}

/// How a body differs from what was signed or announced.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BodyFault {
    /// The whole body's hash is not the signed one. Both in hexadecimal.
    #[error("the body's hash is not the signed one")]
    Sha256 {
        /// What was signed.
        signed: String,
        /// What arrived.
        computed: String,
    },
    /// The frames of `aws-chunked` cannot be read.
    #[error("the chunks of the body are malformed")]
    Malformed,
    /// A chunk's size is no size, or more than is left of the announced length.
    #[error("a chunk's size is not valid")]
    ChunkSize,
    /// A chunk's or the trailer's signature does not match.
    #[error("the signature of a chunk does not match")]
    ChunkSignature {
        /// Whose secret was used.
        access_key_id: String,
    },
    /// The body ends before it is complete.
    #[error("the body is not complete")]
    Incomplete,
    /// Bytes follow the end.
    #[error("the body goes on after its end")]
    Excess,
    /// The trailers are not those announced.
    #[error("the trailers of the body are not those announced")]
    Trailer,
    /// A checksum of the trailer is not that of the bytes. Holds its name, such as `crc32c`.
    #[error("the {0} of the body is not the announced one")]
    Checksum(&'static str),
}

impl From<BodyFault> for AuthError {
    fn from(fault: BodyFault) -> Self {
        Self::Body(fault)
    }
}

#[cfg(test)]
mod tests;
