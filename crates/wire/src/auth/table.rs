//! Codes and statuses of failed authentication, by protocol, as data.
//!
//! AWS words one failure differently in each protocol, and its own pages disagree on some statuses.
//! A trace of the real service that shows another word corrects one cell here.

use super::Dialect;

/// A row of the table.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "each is explained at the variant of `AuthError` it stands for")]
pub enum Failure {
    BodyHash,
    Checksum,
    ChunkSize,
    DecodedLength,
    Denied,
    HeadersNotSigned,
    IncompleteBody,
    MalformedHeader,
    MalformedQuery,
    MalformedTarget,
    Missing,
    MultipleMechanisms,
    PayloadMode,
    PayloadModeMissing,
    PresignedExpired,
    PresignedNotYetValid,
    Scope,
    Skewed,
    TokenExpired,
    TokenInvalid,
    Trailer,
    TrailerName,
    UnknownKey,
    UnsupportedMechanism,
    WrongSignature,
}

/// A cell of the table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Words {
    /// The HTTP status.
    pub status: u16,
    /// The error code.
    pub code: &'static str,
    /// The message, where it is the same for every failure of the row.
    pub message: Option<&'static str>,
}

/// How `dialect` words `failure`.
#[must_use]
pub fn words(failure: Failure, dialect: Dialect) -> Words {
    let [json, query, ec2, rest_json, s3] = row(failure);
    match dialect {
        Dialect::Json => json,
        Dialect::Query => query,
        Dialect::Ec2 => ec2,
        Dialect::RestJson => rest_json,
        Dialect::S3 => s3,
    }
}

/// One row: JSON, query, EC2, REST JSON, S3.
#[rustfmt::skip]
const fn row(failure: Failure) -> [Words; 5] {
    match failure {
        Failure::BodyHash => [
            text(400, "InvalidSignatureException", MISMATCH),
            text(403, "SignatureDoesNotMatch", MISMATCH),
            text(401, "AuthFailure", EC2_INVALID),
            text(403, "InvalidSignatureException", MISMATCH),
            text(400, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed."),
        ],
        Failure::Checksum => body("BadDigest"),
        Failure::ChunkSize => [
            own(400, "InvalidSignatureException"),
            own(403, "SignatureDoesNotMatch"),
            own(401, "AuthFailure"),
            own(403, "InvalidSignatureException"),
            own(403, "InvalidChunkSizeError"),
        ],
        Failure::DecodedLength => [
            own(400, "IncompleteSignatureException"),
            own(400, "IncompleteSignature"),
            own(401, "AuthFailure"),
            own(403, "IncompleteSignatureException"),
            own(411, "MissingContentLength"),
        ],
        Failure::Denied => [
            own(400, "AccessDeniedException"),
            own(403, "AccessDenied"),
            own(403, "UnauthorizedOperation"),
            own(403, "AccessDeniedException"),
            own(403, "AccessDenied"),
        ],
        Failure::HeadersNotSigned => [
            own(400, "InvalidSignatureException"),
            own(403, "SignatureDoesNotMatch"),
            own(401, "AuthFailure"),
            own(403, "InvalidSignatureException"),
            text(403, "AccessDenied", "There were headers present in the request which were not signed"),
        ],
        Failure::IncompleteBody => [
            own(400, "InvalidSignatureException"),
            own(403, "SignatureDoesNotMatch"),
            own(401, "AuthFailure"),
            own(403, "InvalidSignatureException"),
            text(400, "IncompleteBody", "The request body terminated unexpectedly"),
        ],
        Failure::MalformedHeader => incomplete("AuthorizationHeaderMalformed", 400),
        Failure::MalformedQuery => incomplete("AuthorizationQueryParametersError", 400),
        Failure::MalformedTarget => [
            own(400, "IncompleteSignatureException"),
            own(400, "IncompleteSignature"),
            own(400, "InvalidRequest"),
            own(400, "IncompleteSignatureException"),
            own(400, "InvalidURI"),
        ],
        Failure::Missing => [
            text(400, "MissingAuthenticationTokenException", "Missing Authentication Token"),
            text(403, "MissingAuthenticationToken", "Request is missing Authentication Token"),
            text(401, "AuthFailure", EC2_INVALID),
            text(403, "MissingAuthenticationTokenException", "Missing Authentication Token"),
            text(403, "AccessDenied", "Access Denied"),
        ],
        Failure::MultipleMechanisms => [
            text(400, "IncompleteSignatureException", ONE_MECHANISM),
            text(400, "IncompleteSignature", ONE_MECHANISM),
            text(401, "AuthFailure", ONE_MECHANISM),
            text(403, "IncompleteSignatureException", ONE_MECHANISM),
            text(400, "InvalidArgument", ONE_MECHANISM),
        ],
        Failure::PayloadMode => [
            own(400, "InvalidSignatureException"),
            own(403, "SignatureDoesNotMatch"),
            own(401, "AuthFailure"),
            own(403, "InvalidSignatureException"),
            own(400, "InvalidArgument"),
        ],
        Failure::PayloadModeMissing => incomplete("InvalidRequest", 400),
        Failure::PresignedExpired => [
            own(400, "InvalidSignatureException"),
            own(403, "SignatureDoesNotMatch"),
            text(400, "RequestExpired", "Request has expired."),
            own(403, "InvalidSignatureException"),
            text(403, "AccessDenied", "Request has expired"),
        ],
        Failure::PresignedNotYetValid => [
            own(400, "InvalidSignatureException"),
            own(403, "SignatureDoesNotMatch"),
            own(400, "RequestExpired"),
            own(403, "InvalidSignatureException"),
            text(403, "AccessDenied", "Request is not yet valid"),
        ],
        Failure::Scope => [
            own(400, "InvalidSignatureException"),
            own(403, "SignatureDoesNotMatch"),
            text(401, "AuthFailure", EC2_INVALID),
            own(403, "InvalidSignatureException"),
            own(400, "AuthorizationHeaderMalformed"),
        ],
        Failure::Skewed => [
            own(400, "InvalidSignatureException"),
            own(403, "SignatureDoesNotMatch"),
            text(400, "RequestExpired", "Request has expired."),
            own(403, "InvalidSignatureException"),
            text(403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."),
        ],
        Failure::TokenExpired => [
            text(400, "ExpiredTokenException", TOKEN_EXPIRED),
            text(403, "ExpiredToken", TOKEN_EXPIRED),
            text(400, "RequestExpired", "Request has expired."),
            text(403, "ExpiredTokenException", TOKEN_EXPIRED),
            text(400, "ExpiredToken", "The provided token has expired."),
        ],
        Failure::TokenInvalid => [
            text(400, "UnrecognizedClientException", TOKEN_INVALID),
            text(403, "InvalidClientTokenId", TOKEN_INVALID),
            text(401, "AuthFailure", EC2_INVALID),
            text(403, "UnrecognizedClientException", TOKEN_INVALID),
            text(400, "InvalidToken", "The provided token is malformed or otherwise invalid."),
        ],
        Failure::Trailer => body("MalformedTrailerError"),
        Failure::TrailerName => body("InvalidRequest"),
        Failure::UnknownKey => [
            text(400, "UnrecognizedClientException", TOKEN_INVALID),
            text(403, "InvalidClientTokenId", TOKEN_INVALID),
            text(401, "AuthFailure", EC2_INVALID),
            text(403, "UnrecognizedClientException", TOKEN_INVALID),
            text(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."),
        ],
        Failure::UnsupportedMechanism => incomplete("InvalidRequest", 400),
        Failure::WrongSignature => [
            text(400, "InvalidSignatureException", MISMATCH),
            text(403, "SignatureDoesNotMatch", MISMATCH),
            text(401, "AuthFailure", EC2_INVALID),
            text(403, "InvalidSignatureException", MISMATCH),
            text(403, "SignatureDoesNotMatch", S3_MISMATCH),
        ],
    }
}

/// A request that lacks something or has it in the wrong form.
const fn incomplete(s3: &'static str, status: u16) -> [Words; 5] {
    [
        own(400, "IncompleteSignatureException"),
        own(400, "IncompleteSignature"),
        own(401, "AuthFailure"),
        own(403, "IncompleteSignatureException"),
        own(status, s3),
    ]
}

/// A body in S3's own form; the other protocols have none, so they call it a wrong signature.
const fn body(s3: &'static str) -> [Words; 5] {
    [
        own(400, "InvalidSignatureException"),
        own(403, "SignatureDoesNotMatch"),
        own(401, "AuthFailure"),
        own(403, "InvalidSignatureException"),
        own(400, s3),
    ]
}

/// A cell whose message is the error's own.
const fn own(status: u16, code: &'static str) -> Words {
    Words { status, code, message: None }
}

/// A cell with a fixed message.
const fn text(status: u16, code: &'static str, message: &'static str) -> Words {
    Words { status, code, message: Some(message) }
}

const EC2_INVALID: &str = "AWS was not able to validate the provided access credentials";
const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";
const ONE_MECHANISM: &str = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified";
const S3_MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your key and signing method.";
const TOKEN_EXPIRED: &str = "The security token included in the request is expired";
const TOKEN_INVALID: &str = "The security token included in the request is invalid.";
