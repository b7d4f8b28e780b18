//! The keys of notes: their names, text forms and signatures.
//!
//! Lives here: keys of logs (Ed25519 over the note's text) and of witnesses (Ed25519 over the text and
//! a time). Lives elsewhere: the note that carries the signatures ([`crate::tree::note`]).
//!
//! Spec: C2SP signed-note and tlog-cosignature.

use std::{fmt, str::FromStr};

use aws_lc_rs::{
    digest::{Context, SHA256},
    rand,
    signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::tree::{error::Error, note::NoteSignature};

/// The name of a key: not empty, without white space, control characters and `+`.
///
/// A log's name is also the origin of its checkpoints; by custom a URL without scheme.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct KeyName(String);

impl KeyName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyName {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let is_foreign = |it: char| it.is_whitespace() || it.is_control() || it == '+';
        if name.is_empty() || name.contains(is_foreign) {
            return Err(Error::Malformed {
                what: "key name",
                why: "is empty or has a space or `+`",
            });
        }
        Ok(Self(name.to_owned()))
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a key signs, and how. Stored as one byte; the numbers are the specification's.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u8)]
pub enum Algorithm {
    /// The text of the note, as logs sign their checkpoints.
    Ed25519 = 1,
    /// The text and a time, as witnesses do: "then, this was the largest consistent tree I had seen".
    Cosignature = 4,
}

/// A key that checks signatures. Shown and read as `name+id+base64`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct VerifierKey {
    name: KeyName,
    algorithm: Algorithm,
    public: [u8; 32],
}

impl VerifierKey {
    /// The name of the key.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// What the key signs.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The four bytes that tell keys of one name apart.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        let mut context = Context::new(&SHA256);
        context.update(self.name.0.as_bytes());
        context.update(&[b'\n', self.algorithm as u8]);
        context.update(&self.public);
        let digest = context.finish();
        *digest.as_ref().first_chunk().expect("SHA-256 gives 32 bytes")
    }

    /// Whether a signature line says that it is of this key.
    #[must_use]
    pub fn is_named_by(&self, signature: &NoteSignature) -> bool {
        self.name == signature.name && self.id() == signature.id
    }

    /// Checks a signature of this key over a note's text; gives the time that a cosignature states.
    ///
    /// # Errors
    /// [`Error::Signature`].
    pub fn check(&self, text: &str, signature: &NoteSignature) -> Result<Option<Timestamp>, Error> {
        let key = UnparsedPublicKey::new(&ED25519, self.public);
        let false_signature = || Error::Signature { name: self.name.to_string() };
        match self.algorithm {
            Algorithm::Ed25519 => {
                key.verify(text.as_bytes(), &signature.bytes).map_err(|_| false_signature())?;
                Ok(None)
            }
            Algorithm::Cosignature => {
                let (seconds, bytes) =
                    signature.bytes.split_first_chunk::<8>().ok_or_else(false_signature)?;
                let seconds = u64::from_be_bytes(*seconds);
                let time =
                    i64::try_from(seconds).ok().and_then(|it| Timestamp::from_second(it).ok());
                let message = cosigned(seconds, text);
                key.verify(message.as_bytes(), bytes).map_err(|_| false_signature())?;
                time.map(Some).ok_or_else(false_signature)
            }
        }
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&key_text(&self.name, self.id(), self.algorithm, &self.public))
    }
}

impl FromStr for VerifierKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let malformed = |why| Error::Malformed { what: "verification key", why };
        let Parts { name, id, algorithm, bytes } = Parts::of("verification key", text)?;
        let key = Self { name, algorithm, public: *bytes };
        if hex::encode(key.id()) != id {
            return Err(malformed("has an id that is not that of its name and bytes"));
        }
        Ok(key)
    }
}

/// A key that signs. Does not show its secret; [`SigningKey::secret_text`] does.
pub struct SigningKey {
    verifier: VerifierKey,
    seed: Zeroizing<[u8; 32]>,
    pair: Ed25519KeyPair,
}

impl SigningKey {
    /// A new key, from the cryptographic library's randomness.
    #[must_use]
    pub fn generate(name: KeyName, algorithm: Algorithm) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rand::fill(seed.as_mut_slice()).expect("the operating system has randomness");
        Self::from_seed(name, algorithm, &seed)
    }

    /// The key of an Ed25519 seed. Use one seed for one name and algorithm only.
    #[must_use]
    pub fn from_seed(name: KeyName, algorithm: Algorithm, seed: &[u8; 32]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("any 32 bytes are a seed");
        let public = pair.public_key().as_ref().try_into().expect("an Ed25519 key has 32 bytes");
        let verifier = VerifierKey { name, algorithm, public };
        Self { verifier, seed: Zeroizing::new(*seed), pair }
    }

    /// Reads what [`SigningKey::secret_text`] wrote.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn from_secret_text(text: &str) -> Result<Self, Error> {
        let malformed = |why| Error::Malformed { what: "signing key", why };
        let text =
            text.strip_prefix(PRIVATE).ok_or(malformed("does not begin with PRIVATE+KEY+"))?;
        let Parts { name, id, algorithm, bytes } = Parts::of("signing key", text)?;
        let key = Self::from_seed(name, algorithm, &bytes);
        if hex::encode(key.verifier.id()) != id {
            return Err(malformed("has an id that is not that of its name and bytes"));
        }
        Ok(key)
    }

    /// The secret as text, `PRIVATE+KEY+name+id+base64`, to be kept where nobody else can read it.
    #[must_use]
    pub fn secret_text(&self) -> Zeroizing<String> {
        let VerifierKey { name, algorithm, .. } = &self.verifier;
        let text = Zeroizing::new(key_text(name, self.verifier.id(), *algorithm, &self.seed));
        Zeroizing::new(format!("{PRIVATE}{}", *text))
    }

    /// The key that checks what this one signs.
    #[must_use]
    pub const fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Signs the text of a note. A cosignature states `now`, in whole seconds; others do not.
    #[must_use]
    pub fn sign(&self, text: &str, now: Timestamp) -> NoteSignature {
        let bytes = match self.verifier.algorithm {
            Algorithm::Ed25519 => self.pair.sign(text.as_bytes()).as_ref().to_vec(),
            Algorithm::Cosignature => {
                let seconds = now.as_second().max(0).unsigned_abs();
                let signature = self.pair.sign(cosigned(seconds, text).as_bytes());
                [&seconds.to_be_bytes(), signature.as_ref()].concat()
            }
        };
        NoteSignature { name: self.verifier.name.clone(), id: self.verifier.id(), bytes }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.verifier)
    }
}

/// What a witness signs.
fn cosigned(seconds: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {seconds}\n{text}")
}

fn key_text(name: &KeyName, id: [u8; 4], algorithm: Algorithm, bytes: &[u8; 32]) -> String {
    let mut tagged = Zeroizing::new(Vec::with_capacity(33));
    tagged.push(algorithm as u8);
    tagged.extend_from_slice(bytes);
    format!("{name}+{}+{}", hex::encode(id), STANDARD.encode(tagged.as_slice()))
}

/// What the text form of a key says.
struct Parts<'a> {
    name: KeyName,
    /// In hexadecimal, as it was written.
    id: &'a str,
    algorithm: Algorithm,
    /// The public key, or the seed.
    bytes: Zeroizing<[u8; 32]>,
}

impl<'a> Parts<'a> {
    fn of(what: &'static str, text: &'a str) -> Result<Self, Error> {
        let malformed = |why| Error::Malformed { what, why };
        // Base64 has `+` too: only the first two separate.
        let mut fields = text.splitn(3, '+');
        let (Some(name), Some(id), Some(tagged)) = (fields.next(), fields.next(), fields.next())
        else {
            return Err(malformed("has not the form name+id+base64"));
        };
        let not_base64 = malformed("is not base64 of a key of 32 bytes");
        if tagged.len() != 44 {
            return Err(not_base64);
        }
        let tagged = Zeroizing::new(STANDARD.decode(tagged).map_err(|_| not_base64.clone())?);
        let (algorithm, bytes) = tagged.split_first().ok_or(not_base64.clone())?;
        let algorithm = match algorithm {
            1 => Algorithm::Ed25519,
            4 => Algorithm::Cosignature,
            _ => return Err(malformed("is of an algorithm that is not known here")),
        };
        let bytes = Zeroizing::new(<[u8; 32]>::try_from(bytes).map_err(|_| not_base64)?);
        Ok(Self { name: name.parse()?, id, algorithm, bytes })
    }
}

const PRIVATE: &str = "PRIVATE+KEY+";
