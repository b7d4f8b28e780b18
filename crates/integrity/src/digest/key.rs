//! Public keys, in the form and with the fingerprint of `ListPublicKeys`.

use std::fmt;

use aws_lc_rs::{
    rsa,
    signature::{self, ParsedPublicKey},
};
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};

use super::{Error, Stamp};

/// Which key signed: lowercase hex of the MD5 of its PKCS#1 form. A name, not a defence.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Fingerprint {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// An RSA public key.
#[derive(Clone)]
pub struct PublicKey {
    pkcs1: Vec<u8>,
    fingerprint: Fingerprint,
    parsed: ParsedPublicKey,
}

impl PublicKey {
    /// Reads DER: PKCS#1 `RSAPublicKey` as `ListPublicKeys` gives it, or `SubjectPublicKeyInfo` as
    /// key management services give it.
    ///
    /// # Errors
    /// [`Error::Key`] when it is neither.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let pkcs1 = rsa::PublicKey::from_der(der).map_err(|_| Error::Key)?.as_ref().to_vec();
        let parsed = ParsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, &pkcs1)
            .map_err(|_| Error::Key)?;
        let fingerprint = Fingerprint(hex::encode(Md5::digest(&pkcs1)));
        Ok(Self { pkcs1, fingerprint, parsed })
    }

    /// DER of PKCS#1 `RSAPublicKey`: the `Value` of `ListPublicKeys`, before base64.
    pub fn as_pkcs1(&self) -> &[u8] {
        &self.pkcs1
    }

    /// `Fingerprint` of `ListPublicKeys`.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// Whether `signature` is this key's over `message`.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.parsed.verify_sig(message, signature).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PublicKey").field(&self.fingerprint).finish()
    }
}

/// A public key with the time in which it may sign, when that is known.
#[derive(Clone, Debug)]
pub struct ValidKey {
    /// The key.
    pub key: PublicKey,
    /// `ValidityStartTime` and `ValidityEndTime`; none for a key handed over by itself.
    pub validity: Option<(Stamp, Stamp)>,
}
