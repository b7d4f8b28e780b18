//! Secrets, and the signing keys derived from them.
//!
//! Lives here: [`Secret`], which can be used and not shown; deriving a signing key; a bounded cache of
//! derived keys. Everything is overwritten with zeros when it is dropped.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::{Arc, Mutex, PoisonError},
};

use aws_lc_rs::{digest, hmac};
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, Zeroizing};

/// A secret access key or session token.
///
/// Has no `Debug`, `Display` or `Serialize`, so that it cannot get into an output; it is overwritten
/// when the last clone is dropped.
#[derive(Clone)]
pub struct Secret(Arc<Inner>);

struct Inner {
    text: Zeroizing<String>,
    /// Tells cached keys of different secrets apart.
    fingerprint: [u8; 32],
}

impl Secret {
    /// Takes a secret over. The caller's other copies are the caller's to erase.
    #[must_use]
    pub fn new(text: Zeroizing<String>) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"trailmark signing key cache\n");
        context.update(text.as_bytes());
        let fingerprint = bytes32(context.finish().as_ref());
        Self(Arc::new(Inner { text, fingerprint }))
    }

    /// Whether `other` is the same, in time that depends on the lengths only.
    #[must_use]
    pub fn is(&self, other: &str) -> bool {
        self.0.text.as_bytes().ct_eq(other.as_bytes()).into()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.fingerprint.zeroize();
    }
}

/// What a signature is made with: good for one day, region and service.
///
/// The library overwrites the key when it is dropped.
#[derive(Clone)]
pub(crate) struct SigningKey(hmac::Key);

impl SigningKey {
    pub(crate) fn derive(secret: &Secret, date: &str, region: &str, service: &str) -> Self {
        #[cfg(test)]
        DERIVATIONS.with(|count| count.set(count.get() + 1));
        let mut first = Zeroizing::new(Vec::with_capacity(4 + secret.0.text.len()));
        first.extend_from_slice(b"AWS4");
        first.extend_from_slice(secret.0.text.as_bytes());
        let mut key = hmac_sha256(&first, date);
        for part in [region, service, "aws4_request"] {
            key = hmac_sha256(key.as_ref(), part);
        }
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()))
    }

    /// How many keys this thread has derived.
    #[cfg(test)]
    pub(crate) fn derivations() -> usize {
        DERIVATIONS.with(std::cell::Cell::get)
    }

    /// The signature of `string_to_sign`.
    pub(crate) fn sign(&self, string_to_sign: &[u8]) -> [u8; 32] {
        bytes32(hmac::sign(&self.0, string_to_sign).as_ref())
    }
}

fn hmac_sha256(key: &[u8], message: &str) -> Zeroizing<[u8; 32]> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    Zeroizing::new(bytes32(hmac::sign(&key, message.as_bytes()).as_ref()))
}

/// The 32 bytes of a SHA-256 or of an HMAC with it.
pub(crate) fn bytes32(bytes: &[u8]) -> [u8; 32] {
    bytes.try_into().expect("SHA-256 has 32 bytes")
}

/// Derived keys of those who signed well of late.
///
/// INVARIANT: only a key that verified a signature gets in, so strangers can neither fill the cache
/// nor learn from it whether an access key exists.
pub(crate) struct KeyCache {
    /// A place for each hash; a newcomer takes the place of whoever was there.
    slots: Box<[Mutex<Option<Cached>>]>,
    hasher: RandomState,
}

struct Cached {
    fingerprint: [u8; 32],
    date: String,
    region: String,
    service: String,
    key: SigningKey,
}

impl KeyCache {
    pub(crate) fn new() -> Self {
        let slots = (0..CACHED_KEYS).map(|_| Mutex::new(None)).collect();
        Self { slots, hasher: RandomState::new() }
    }

    pub(crate) fn find(
        &self,
        secret: &Secret,
        date: &str,
        region: &str,
        service: &str,
    ) -> Option<SigningKey> {
        let slot = self.slot(secret, date, region, service)?;
        let slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let cached = slot.as_ref()?;
        let same = cached.fingerprint == secret.0.fingerprint
            && cached.date == date
            && cached.region == region
            && cached.service == service;
        same.then(|| cached.key.clone())
    }

    pub(crate) fn keep(
        &self,
        secret: &Secret,
        date: &str,
        region: &str,
        service: &str,
        key: SigningKey,
    ) {
        let Some(slot) = self.slot(secret, date, region, service) else { return };
        let cached = Cached {
            fingerprint: secret.0.fingerprint,
            date: date.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            key,
        };
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(cached);
    }

    fn slot(
        &self,
        secret: &Secret,
        date: &str,
        region: &str,
        service: &str,
    ) -> Option<&Mutex<Option<Cached>>> {
        let hash = self.hasher.hash_one((secret.0.fingerprint, date, region, service));
        let at = usize::try_from(hash % (CACHED_KEYS as u64)).ok()?;
        self.slots.get(at)
    }
}

impl Drop for Cached {
    fn drop(&mut self) {
        self.fingerprint.zeroize();
    }
}

/// A caller has one for each region and service it uses in a day.
const CACHED_KEYS: usize = 1024;

#[cfg(test)]
thread_local! {
    static DERIVATIONS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}
