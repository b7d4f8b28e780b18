//! What a signature says of the body.

use super::encoding::hex32;
use crate::chunked::Plan;

/// The value of `x-amz-content-sha256`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// The SHA-256 of the whole body.
    Sha256([u8; 32]),
    /// `UNSIGNED-PAYLOAD`: the signature does not cover the body.
    Unsigned,
    /// `STREAMING-AWS4-HMAC-SHA256-PAYLOAD`, with or without `-TRAILER`: every chunk is signed.
    SignedChunks {
        /// Whether signed trailers follow.
        trailer: bool,
    },
    /// `STREAMING-UNSIGNED-PAYLOAD-TRAILER`: chunks are not signed, a checksum follows.
    UnsignedChunks,
    /// `STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD`, with or without `-TRAILER`: not for a signature
    /// with HMAC.
    EcdsaChunks,
    /// `STREAMING-AWS4-HMAC-SHA256-EVENTS`: an event stream whose messages are signed.
    Events,
}

impl Mode {
    /// Reads one of the words, or 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "UNSIGNED-PAYLOAD" => Self::Unsigned,
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => Self::SignedChunks { trailer: false },
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => Self::SignedChunks { trailer: true },
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Self::UnsignedChunks,
            "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"
            | "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER" => Self::EcdsaChunks,
            "STREAMING-AWS4-HMAC-SHA256-EVENTS" => Self::Events,
            hexadecimal => Self::Sha256(hex32(hexadecimal)?),
        })
    }

    /// Whether the body is in the frames of `aws-chunked`.
    #[must_use]
    pub fn is_chunked(&self) -> bool {
        match self {
            Self::SignedChunks { .. } | Self::UnsignedChunks | Self::EcdsaChunks => true,
            Self::Sha256(_) | Self::Unsigned | Self::Events => false,
        }
    }

    /// As it stands in the canonical request.
    pub(super) fn line(&self) -> String {
        match self {
            Self::Sha256(hash) => return hex::encode(hash),
            Self::Unsigned => "UNSIGNED-PAYLOAD",
            Self::SignedChunks { trailer: false } => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            Self::SignedChunks { trailer: true } => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
            Self::UnsignedChunks => "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            Self::EcdsaChunks => "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
            Self::Events => "STREAMING-AWS4-HMAC-SHA256-EVENTS",
        }
        .to_owned()
    }
}

/// How the body of a verified request is to be checked. `Verified::guard` does it.
#[derive(Clone)]
pub enum Payload {
    /// Its hash was signed and has been compared.
    Checked,
    /// It has this SHA-256.
    Whole([u8; 32]),
    /// Nothing was signed of it.
    Unsigned,
    /// It is in the frames of `aws-chunked`.
    Chunked(Box<Plan>),
    /// Its messages carry signatures, which we do not verify.
    Events,
}
