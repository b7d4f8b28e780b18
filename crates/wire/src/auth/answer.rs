//! From a failure to the words of a protocol.
//!
//! Lives here: [`Dialect`], [`ErrorAnswer`], messages and S3's extra elements. Codes and statuses are
//! in `table`.

use http::StatusCode;
use jiff::{Timestamp, tz::TimeZone};

use super::{AuthError, BodyFault, Failure, PayloadFault, ScopeFault, words};
use crate::catalogue::Protocol;

/// Whose words an error of authentication is spelt in.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Dialect {
    /// AWS JSON 1.0 and 1.1, and RPC v2 CBOR.
    Json,
    /// AWS query, and the REST XML services that are not S3.
    Query,
    /// EC2.
    Ec2,
    /// REST JSON.
    RestJson,
    /// S3 and its family.
    S3,
}

impl Dialect {
    /// That of a protocol; `s3` tells whether the service is S3 or of its family.
    #[must_use]
    pub fn of(protocol: Protocol, s3: bool) -> Self {
        match protocol {
            Protocol::Json10 | Protocol::Json11 | Protocol::RpcV2Cbor => Self::Json,
            Protocol::Query => Self::Query,
            Protocol::Ec2 => Self::Ec2,
            Protocol::RestJson => Self::RestJson,
            Protocol::RestXml if s3 => Self::S3,
            Protocol::RestXml => Self::Query,
        }
    }
}

/// What to answer: the body's shape is the protocol's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ErrorAnswer {
    /// Such as `InvalidSignatureException`.
    pub code: &'static str,
    /// For humans. Never holds a string to sign, a canonical request or a signature.
    pub message: String,
    /// The status.
    pub status: StatusCode,
    /// S3's further elements of `<Error>`, in order; empty in the other dialects.
    pub extras: Vec<(&'static str, String)>,
}

impl AuthError {
    /// What to answer in the words of `dialect`.
    #[must_use]
    pub fn answer(&self, dialect: Dialect) -> ErrorAnswer {
        let words = words(self.failure(), dialect);
        let message = match words.message {
            Some(text) => text.to_owned(),
            None => self.sentence(dialect),
        };
        let extras = match dialect {
            Dialect::S3 => self.extras(),
            Dialect::Json | Dialect::Query | Dialect::Ec2 | Dialect::RestJson => Vec::new(),
        };
        let status = StatusCode::from_u16(words.status).unwrap_or(StatusCode::FORBIDDEN);
        ErrorAnswer { code: words.code, message, status, extras }
    }

    /// The row of the table.
    #[must_use]
    pub fn failure(&self) -> Failure {
        match self {
            Self::Denied(_) => Failure::Denied,
            Self::Body(fault) => match fault {
                BodyFault::Sha256 { .. } => Failure::BodyHash,
                BodyFault::ChunkSignature { .. } => Failure::WrongSignature,
                BodyFault::ChunkSize => Failure::ChunkSize,
                BodyFault::Malformed | BodyFault::Incomplete | BodyFault::Excess => {
                    Failure::IncompleteBody
                }
                BodyFault::Trailer => Failure::Trailer,
                BodyFault::Checksum(_) => Failure::Checksum,
            },
            Self::PresignedExpired { .. } => Failure::PresignedExpired,
            Self::HeadersNotSigned(_) => Failure::HeadersNotSigned,
            Self::MalformedHeader(_) => Failure::MalformedHeader,
            Self::MalformedQuery(_) => Failure::MalformedQuery,
            Self::MalformedTarget(_) => Failure::MalformedTarget,
            Self::Missing => Failure::Missing,
            Self::MultipleMechanisms => Failure::MultipleMechanisms,
            Self::NotYetCurrent { presigned: true, .. } => Failure::PresignedNotYetValid,
            Self::NotYetCurrent { presigned: false, .. } | Self::SignatureExpired { .. } => {
                Failure::Skewed
            }
            Self::PayloadMode(fault) => match fault {
                PayloadFault::Missing => Failure::PayloadModeMissing,
                PayloadFault::Unknown | PayloadFault::Refused => Failure::PayloadMode,
                PayloadFault::DecodedLength => Failure::DecodedLength,
                PayloadFault::Trailer => Failure::TrailerName,
            },
            Self::Scope(_) => Failure::Scope,
            Self::TokenExpired => Failure::TokenExpired,
            Self::TokenInvalid => Failure::TokenInvalid,
            Self::UnknownKey { .. } => Failure::UnknownKey,
            Self::UnsupportedMechanism(_) => Failure::UnsupportedMechanism,
            Self::WrongSignature { .. } => Failure::WrongSignature,
        }
    }

    /// The message, where it is not the same for all failures of its row.
    fn sentence(&self, dialect: Dialect) -> String {
        match self {
            Self::Denied(sentence) => sentence.clone(),
            Self::SignatureExpired { signed_at, now, skew } => {
                let earliest = now.saturating_sub(*skew).unwrap_or(Timestamp::MIN);
                format!(
                    "Signature expired: {} is now earlier than {} ({} - {} min.)",
                    basic(*signed_at),
                    basic(earliest),
                    basic(*now),
                    skew.as_secs() / 60
                )
            }
            Self::NotYetCurrent { signed_at, now, skew, .. } => {
                let latest = now.saturating_add(*skew).unwrap_or(Timestamp::MAX);
                format!(
                    "Signature not yet current: {} is still later than {} ({} + {} min.)",
                    basic(*signed_at),
                    basic(latest),
                    basic(*now),
                    skew.as_secs() / 60
                )
            }
            Self::PresignedExpired { signed_at, expires_s, now } => format!(
                "Signature expired: {} is now earlier than {}",
                basic(end(*signed_at, *expires_s)),
                basic(*now)
            ),
            Self::MalformedHeader(what) if dialect == Dialect::S3 => {
                format!("The authorization header is malformed; {what}")
            }
            Self::Scope(fault) if dialect == Dialect::S3 => {
                format!("The authorization header is malformed; {fault}")
            }
            Self::MalformedHeader(what)
            | Self::MalformedQuery(what)
            | Self::MalformedTarget(what) => what.to_string(),
            Self::HeadersNotSigned(names) => {
                let names: Vec<_> = names.iter().map(|name| format!("'{name}'")).collect();
                format!("{} must be a 'SignedHeader' in the AWS Authorization.", names.join(", "))
            }
            Self::Scope(fault) => fault.to_string(),
            Self::PayloadMode(fault) => fault.to_string(),
            Self::UnsupportedMechanism(mechanism) => {
                format!("{mechanism} is not supported. Please use AWS4-HMAC-SHA256.")
            }
            Self::Body(BodyFault::Checksum(name)) => format!(
                "The {} you specified did not match the calculated checksum.",
                name.to_ascii_uppercase()
            ),
            Self::Body(fault) => format!("Not as it was signed or announced: {fault}."),
            Self::Missing
            | Self::MultipleMechanisms
            | Self::TokenExpired
            | Self::TokenInvalid
            | Self::UnknownKey { .. }
            | Self::WrongSignature { .. } => self.to_string(),
        }
    }

    /// What S3 adds to `<Error>`.
    fn extras(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::PresignedExpired { signed_at, expires_s, now } => vec![
                ("X-Amz-Expires", expires_s.to_string()),
                ("Expires", end(*signed_at, *expires_s).to_string()),
                ("ServerTime", whole_seconds(*now).to_string()),
            ],
            Self::NotYetCurrent { signed_at, now, skew, presigned: false }
            | Self::SignatureExpired { signed_at, now, skew } => vec![
                ("RequestTime", basic(*signed_at)),
                ("ServerTime", whole_seconds(*now).to_string()),
                ("MaxAllowedSkewMilliseconds", skew.as_millis().to_string()),
            ],
            Self::HeadersNotSigned(names) => vec![("HeadersNotSigned", names.join(", "))],
            Self::Scope(ScopeFault::Region) => vec![("Region", "us-east-1".to_owned())],
            Self::UnknownKey { access_key_id }
            | Self::WrongSignature { access_key_id }
            | Self::Body(BodyFault::ChunkSignature { access_key_id }) => {
                vec![("AWSAccessKeyId", access_key_id.clone())]
            }
            Self::Body(BodyFault::Sha256 { signed, computed }) => vec![
                ("ClientComputedContentSHA256", signed.clone()),
                ("S3ComputedContentSHA256", computed.clone()),
            ],
            Self::Body(
                BodyFault::Malformed
                | BodyFault::ChunkSize
                | BodyFault::Incomplete
                | BodyFault::Excess
                | BodyFault::Trailer
                | BodyFault::Checksum(_),
            )
            | Self::Denied(_)
            | Self::MalformedHeader(_)
            | Self::MalformedQuery(_)
            | Self::MalformedTarget(_)
            | Self::Missing
            | Self::MultipleMechanisms
            | Self::NotYetCurrent { presigned: true, .. }
            | Self::PayloadMode(_)
            | Self::Scope(ScopeFault::Date | ScopeFault::Service(_) | ScopeFault::Terminator)
            | Self::TokenExpired
            | Self::TokenInvalid
            | Self::UnsupportedMechanism(_) => Vec::new(),
        }
    }
}

/// When a presigned request ends.
fn end(signed_at: Timestamp, expires_s: u32) -> Timestamp {
    let lasting = std::time::Duration::from_secs(u64::from(expires_s));
    signed_at.saturating_add(lasting).unwrap_or(Timestamp::MAX)
}

/// `yyyymmddThhmmssZ`.
fn basic(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
