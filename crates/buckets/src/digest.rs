//! Checksums of objects: what a client may announce, what we compute, what is kept.
//!
//! Every object has an MD5 (for its ETag) and one checksum besides: the one that the client chose,
//! else CRC-64/NVME, as S3 does since 2024.
//! Spec: S3 User Guide, "Checking object integrity".

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use crc_fast::{CrcAlgorithm, checksum_combine};
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};

/// A checksum algorithm of S3.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

impl Algorithm {
    pub(crate) const ALL: [Self; 5] =
        [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// The word as S3 spells it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// Reads S3's word, in any case.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str().eq_ignore_ascii_case(word))
    }

    /// What a multipart upload has that names no type.
    pub(crate) const fn usual_kind(self) -> Kind {
        match self {
            Self::Crc64Nvme => Kind::FullObject,
            Self::Crc32 | Self::Crc32c | Self::Sha1 | Self::Sha256 => Kind::Composite,
        }
    }

    /// Whether a multipart upload may have this type of checksum.
    pub(crate) const fn allows(self, kind: Kind) -> bool {
        match self {
            Self::Crc32 | Self::Crc32c => true,
            Self::Crc64Nvme => matches!(kind, Kind::FullObject),
            Self::Sha1 | Self::Sha256 => matches!(kind, Kind::Composite),
        }
    }

    const fn size(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    const fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Self::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
            Self::Sha1 | Self::Sha256 => None,
        }
    }
}

/// What a checksum of a multipart upload is of.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Kind {
    /// Of the parts' checksums.
    Composite,
    /// Of all bytes.
    FullObject,
}

impl Kind {
    /// The word as S3 spells it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Composite => "COMPOSITE",
            Self::FullObject => "FULL_OBJECT",
        }
    }

    /// Reads S3's word.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Composite, Self::FullObject].into_iter().find(|it| it.as_str() == word)
    }
}

/// A checksum as it is kept and told.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Checksum {
    pub(crate) algorithm: Algorithm,
    pub(crate) kind: Kind,
    /// Base64; a composite one has `-` and the number of parts behind it.
    pub(crate) value: String,
}

/// Computes an MD5 and further checksums in one pass.
pub(crate) struct Hasher {
    md5: Md5,
    further: Vec<(Algorithm, State)>,
}

enum State {
    Crc(Box<crc_fast::Digest>),
    Sha(Context),
}

impl Hasher {
    pub(crate) fn new(algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        let start = |it: Algorithm| {
            let state = match it.crc() {
                Some(crc) => State::Crc(Box::new(crc_fast::Digest::new(crc))),
                None if it == Algorithm::Sha1 => {
                    State::Sha(Context::new(&SHA1_FOR_LEGACY_USE_ONLY))
                }
                None => State::Sha(Context::new(&SHA256)),
            };
            (it, state)
        };
        Self { md5: Md5::new(), further: algorithms.into_iter().map(start).collect() }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        for (_, state) in &mut self.further {
            match state {
                State::Crc(crc) => crc.update(bytes),
                State::Sha(sha) => sha.update(bytes),
            }
        }
    }

    pub(crate) fn finish(self) -> Digests {
        let end = |(algorithm, state): (Algorithm, State)| {
            let raw = match state {
                State::Crc(crc) => number_to_bytes(algorithm, crc.finalize()),
                State::Sha(sha) => sha.finish().as_ref().to_vec(),
            };
            (algorithm, raw)
        };
        Digests {
            md5: self.md5.finalize().into(),
            further: self.further.into_iter().map(end).collect(),
        }
    }
}

/// What [`Hasher`] found.
#[derive(Clone, Debug)]
pub(crate) struct Digests {
    pub(crate) md5: [u8; 16],
    further: Vec<(Algorithm, Vec<u8>)>,
}

impl Digests {
    /// The checksum of all bytes, when it was asked for.
    pub(crate) fn of(&self, algorithm: Algorithm) -> Option<Checksum> {
        let (_, raw) = self.further.iter().find(|it| it.0 == algorithm)?;
        Some(Checksum { algorithm, kind: Kind::FullObject, value: BASE64.encode(raw) })
    }
}

/// The ETag of an object that was uploaded in parts: the MD5 of their MD5s, and their number.
pub(crate) fn multipart_etag(md5s: &[[u8; 16]]) -> String {
    format!("{}-{}", hex::encode(Md5::digest(md5s.concat())), md5s.len())
}

/// The checksum of an object from those of its parts, each with the part's size. `None` when one of
/// them is not a checksum of `algorithm`.
pub(crate) fn combine(
    algorithm: Algorithm,
    kind: Kind,
    parts: &[(String, u64)],
) -> Option<Checksum> {
    let raw: Option<Vec<(Vec<u8>, u64)>> = parts
        .iter()
        .map(|(value, size)| {
            let raw = BASE64.decode(value).ok().filter(|it| it.len() == algorithm.size())?;
            Some((raw, *size))
        })
        .collect();
    let raw = raw?;
    let value = match kind {
        Kind::Composite => {
            let mut hasher = Hasher::new([algorithm]);
            raw.iter().for_each(|(part, _)| hasher.update(part));
            format!("{}-{}", hasher.finish().of(algorithm)?.value, raw.len())
        }
        Kind::FullObject => {
            let crc = algorithm.crc()?;
            let mut all = raw.iter().map(|(part, size)| (bytes_to_number(part), *size));
            let first = all.next()?.0;
            let sum = all.fold(first, |sum, (part, size)| checksum_combine(crc, sum, part, size));
            BASE64.encode(number_to_bytes(algorithm, sum))
        }
    };
    Some(Checksum { algorithm, kind, value })
}

fn number_to_bytes(algorithm: Algorithm, number: u64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    bytes.iter().skip(bytes.len().saturating_sub(algorithm.size())).copied().collect()
}

fn bytes_to_number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(algorithm: Algorithm, bytes: &[u8]) -> String {
        let mut hasher = Hasher::new([algorithm]);
        hasher.update(bytes);
        hasher.finish().of(algorithm).unwrap().value
    }

    #[test]
    fn checksums_are_those_of_the_catalogues() {
        // The check value of each algorithm, of "123456789".
        for (algorithm, expected) in [
            (Algorithm::Crc32, "cbf43926"),
            (Algorithm::Crc32c, "e3069283"),
            (Algorithm::Crc64Nvme, "ae8b14860a799888"),
            (Algorithm::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
            (Algorithm::Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
        ] {
            let raw = BASE64.decode(value(algorithm, b"123456789")).unwrap();
            assert_eq!(hex::encode(raw), expected, "{algorithm:?}");
        }
    }

    proptest! {
        #[test]
        fn the_checksum_of_the_whole_follows_from_those_of_its_parts(
            parts in proptest::collection::vec(
                proptest::collection::vec(any::<u8>(), 0..300),
                1..6,
            ),
        ) {
            for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme] {
                let sums: Vec<_> =
                    parts.iter().map(|it| (value(algorithm, it), it.len() as u64)).collect();
                let whole = combine(algorithm, Kind::FullObject, &sums).unwrap().value;
                prop_assert_eq!(whole, value(algorithm, &parts.concat()));
            }
        }
    }

    #[test]
    fn a_composite_checksum_tells_how_many_parts_there_are() {
        let parts = [(value(Algorithm::Sha256, b"a"), 1), (value(Algorithm::Sha256, b"b"), 1)];
        let sum = combine(Algorithm::Sha256, Kind::Composite, &parts).unwrap();
        assert!(sum.value.ends_with("-2"));
        assert!(combine(Algorithm::Crc32, Kind::Composite, &parts).is_none());
    }
}
