//! The two hashes that make a tree: of a leaf and of an inner node.
//!
//! Spec: RFC 6962 section 2.1. The one-byte prefixes are what stops an inner node from being passed
//! off as a leaf.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// A SHA-256 of the tree. Shown and read as base64 with padding, as notes and proofs spell it.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Hash([u8; Hash::SIZE]);

impl Hash {
    /// Bytes of a hash.
    pub const SIZE: usize = 32;

    /// Takes 32 bytes for a hash.
    #[must_use]
    pub const fn new(bytes: [u8; Self::SIZE]) -> Self {
        Self(bytes)
    }

    /// The root of the tree without leaves: SHA-256 of nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self::of(&[])
    }

    /// Plain SHA-256, without a prefix.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        finished(digest(&SHA256, bytes).as_ref())
    }

    /// The hash of a leaf.
    #[must_use]
    pub fn leaf(bytes: &[u8]) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(&[0]);
        context.update(bytes);
        finished(context.finish().as_ref())
    }

    /// The hash of an inner node. Left and right are never sorted.
    #[must_use]
    pub fn node(left: &Self, right: &Self) -> Self {
        let mut bytes = [1; 1 + 2 * Self::SIZE];
        let hashes = left.0.iter().chain(&right.0);
        bytes.iter_mut().skip(1).zip(hashes).for_each(|(to, from)| *to = *from);
        Self::of(&bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::SIZE] {
        &self.0
    }

    /// Reads the base64 of 32 bytes, in its one canonical spelling.
    #[must_use]
    pub fn from_base64(text: &str) -> Option<Self> {
        // Longer texts are no hashes; they are not worth decoding.
        if text.len() != 44 {
            return None;
        }
        Some(Self(STANDARD.decode(text).ok()?.try_into().ok()?))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

fn finished(digest: &[u8]) -> Hash {
    Hash(digest.try_into().expect("SHA-256 gives 32 bytes"))
}
