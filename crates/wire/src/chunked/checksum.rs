//! The checksums that a trailer may hold.

use aws_lc_rs::digest;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use crc_fast::CrcAlgorithm;

/// A checksum being computed.
pub(super) enum Checksum {
    Crc { name: &'static str, bytes: usize, digest: Box<crc_fast::Digest> },
    Hash { name: &'static str, context: digest::Context },
}

impl Checksum {
    /// That of a trailer's name; `None` when the trailer is no checksum that we can compute.
    pub(super) fn of(trailer: &str) -> Option<Self> {
        let crc = |name, bytes, algorithm| Self::Crc {
            name,
            bytes,
            digest: Box::new(crc_fast::Digest::new(algorithm)),
        };
        let hash = |name, algorithm| Self::Hash { name, context: digest::Context::new(algorithm) };
        Some(match trailer.strip_prefix("x-amz-checksum-")? {
            "crc32" => crc("crc32", 4, CrcAlgorithm::Crc32IsoHdlc),
            "crc32c" => crc("crc32c", 4, CrcAlgorithm::Crc32Iscsi),
            "crc64nvme" => crc("crc64nvme", 8, CrcAlgorithm::Crc64Nvme),
            "sha1" => hash("sha1", &digest::SHA1_FOR_LEGACY_USE_ONLY),
            "sha256" => hash("sha256", &digest::SHA256),
            "sha512" => hash("sha512", &digest::SHA512),
            _ => return None,
        })
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Crc { name, .. } | Self::Hash { name, .. } => name,
        }
    }

    pub(super) fn update(&mut self, data: &[u8]) {
        match self {
            Self::Crc { digest, .. } => digest.update(data),
            Self::Hash { context, .. } => context.update(data),
        }
    }

    /// In base64, as a trailer holds it.
    pub(super) fn finish(self) -> String {
        match self {
            Self::Crc { bytes, digest, .. } => {
                let sum = digest.finalize().to_be_bytes();
                BASE64_STANDARD.encode(sum.get(sum.len() - bytes..).unwrap_or_default())
            }
            Self::Hash { context, .. } => BASE64_STANDARD.encode(context.finish()),
        }
    }
}
