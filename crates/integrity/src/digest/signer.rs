//! Who signs: an RSA key of our own, or any key management service with a KMS-compatible `Sign`.

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{self, KeyPair as _},
};
use futures::future::BoxFuture;

use super::{Error, PublicKey};

/// The signature that is being made.
pub type SignFuture<'a> = BoxFuture<'a, Result<Vec<u8>, Error>>;

/// Holds a private key and signs with it. Asynchronous, since the key may live in a service.
pub trait Signer: fmt::Debug + Send + Sync {
    /// The key that checks what this signs.
    fn public_key(&self) -> &PublicKey;

    /// Signs `message` by RSASSA-PKCS1-v1_5 with SHA-256 (in KMS's words: `MessageType` `RAW`,
    /// `SigningAlgorithm` `RSASSA_PKCS1_V1_5_SHA_256`). At most 4096 bytes, as KMS takes.
    fn sign<'a>(&'a self, message: &'a [u8]) -> SignFuture<'a>;
}

/// A signer that holds its key in memory.
#[derive(Clone)]
pub struct RsaSigner {
    pair: Arc<KeyPair>,
    public: PublicKey,
}

impl RsaSigner {
    /// Generates a key of 2048 bits, as CloudTrail's are. Takes some tenths of a second of one core.
    ///
    /// # Errors
    /// [`Error::Key`] when the cryptographic library fails.
    pub fn generate() -> Result<Self, Error> {
        Self::of(KeyPair::generate(KeySize::Rsa2048).map_err(|_| Error::Key)?)
    }

    /// Reads a private key from PKCS#8.
    ///
    /// # Errors
    /// [`Error::Key`] when it is none, or of less than 2048 bits.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, Error> {
        Self::of(KeyPair::from_pkcs8(pkcs8).map_err(|_| Error::Key)?)
    }

    /// The private key as PKCS#8, to be encrypted by whoever keeps it. Wiped when dropped.
    ///
    /// # Errors
    /// [`Error::Key`] when the cryptographic library fails.
    pub fn to_pkcs8(&self) -> Result<Pkcs8V1Der<'static>, Error> {
        self.pair.as_der().map_err(|_| Error::Key)
    }

    fn of(pair: KeyPair) -> Result<Self, Error> {
        let public = PublicKey::from_der(pair.public_key().as_ref())?;
        Ok(Self { pair: Arc::new(pair), public })
    }
}

impl Signer for RsaSigner {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> SignFuture<'a> {
        Box::pin(async move {
            let mut signature = vec![0; self.pair.public_modulus_len()];
            self.pair
                .sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
                .map_err(|error| Error::Sign(Box::new(error)))?;
            Ok(signature)
        })
    }
}

impl fmt::Debug for RsaSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RsaSigner").field(self.public.fingerprint()).finish()
    }
}
