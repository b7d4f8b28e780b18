//! One digest object: is it whole, where it should be, and signed by a key that we know?

use std::collections::HashMap;

use crate::{
    digest::{
        BACKFILL_GENERATION_TIMESTAMP, DigestFile, DigestName, Error, Fingerprint, PublicKey, Root,
        SIGNATURE, SIGNATURE_ALGORITHM, ValidKey, sha256_hex,
    },
    verify::{Address, Finding, Kind, Place},
};

/// The public keys that are trusted, by fingerprint.
#[derive(Clone, Debug, Default)]
pub struct KeyRing(HashMap<Fingerprint, ValidKey>);

impl KeyRing {
    /// Trusts one more key. A validity that is known replaces one that is not.
    pub fn trust(&mut self, key: ValidKey) {
        let fingerprint = key.key.fingerprint().clone();
        let known = self.0.get(&fingerprint).is_some_and(|it| it.validity.is_some());
        if !known || key.validity.is_some() {
            self.0.insert(fingerprint, key);
        }
    }

    /// How many keys are trusted.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no key is trusted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A digest that the audit wants to see.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct WantedDigest {
    /// Where it should lie.
    pub at: Address,
    /// What its key says.
    pub name: DigestName,
    /// Where its trail delivers to.
    pub root: Root,
}

/// A digest object as it was fetched.
#[derive(Clone, Debug, Default)]
pub struct DigestObject {
    /// The stored bytes.
    pub body: Vec<u8>,
    /// User metadata, names in lowercase and without `x-amz-meta-`.
    pub metadata: HashMap<String, String>,
}

/// What was found out about one digest.
#[derive(Clone, Debug)]
pub struct CheckedDigest {
    pub(crate) wanted: WantedDigest,
    /// None when it is not there or not readable.
    pub(crate) file: Option<DigestFile>,
    pub(crate) sha256: String,
    pub(crate) signature: Option<String>,
    /// The key to check a signature with that comes from elsewhere.
    pub(crate) key: Option<PublicKey>,
    pub(crate) found: bool,
    pub(crate) signed: bool,
    /// In a folder: what stands before our keys in those of the bucket it was copied from.
    pub(crate) strip: String,
    pub(crate) findings: Vec<Finding>,
}

impl CheckedDigest {
    /// A digest that is not there. Its successor or a listing named it.
    pub fn missing(wanted: WantedDigest) -> Self {
        Self {
            wanted,
            file: None,
            sha256: String::new(),
            signature: None,
            key: None,
            found: false,
            signed: false,
            strip: String::new(),
            findings: Vec::new(),
        }
    }

    /// A digest that could not be fetched, and why.
    pub fn unreadable(wanted: WantedDigest, reason: &str) -> Self {
        let finding = Finding::at(Kind::Unreadable, &wanted.at, reason);
        Self { findings: vec![finding], found: true, ..Self::missing(wanted) }
    }

    /// Takes a signature that came from elsewhere, if it is this digest's.
    pub(crate) fn sign_off(&mut self, signature: &str) -> bool {
        let (Some(file), Some(key)) = (&self.file, &self.key) else { return false };
        let message = file.string_to_sign(&self.sha256);
        self.signed = hex::decode(signature).is_ok_and(|it| key.verifies(message.as_bytes(), &it));
        if self.signed {
            self.signature = Some(signature.to_owned());
        }
        self.signed
    }

    /// Whether nothing speaks against it, but its signature was lost in a copy.
    pub(crate) fn is_unproven(&self) -> bool {
        self.found && self.file.is_some() && !self.signed && self.findings.is_empty()
    }

    /// The document, when it is that of its place in the chain.
    pub(crate) fn in_place(&self) -> Option<&DigestFile> {
        self.file.as_ref().filter(|it| it.digest_end_time == self.wanted.name.end)
    }

    pub(crate) fn is_valid(&self) -> bool {
        self.signed && self.findings.is_empty()
    }

    /// Where an object lies that this digest names.
    pub(crate) fn locate(&self, place: &Place, bucket: &str, key: &str) -> Address {
        match place {
            Place::Bucket(_) => Address { bucket: bucket.to_owned(), key: key.to_owned() },
            Place::Folder => Address {
                bucket: String::new(),
                key: key.strip_prefix(&self.strip).unwrap_or(key).to_owned(),
            },
        }
    }
}

/// Checks one digest by itself: form, place, key, signature. Chains are checked by the audit.
pub fn check_digest(
    place: &Place,
    keys: &KeyRing,
    wanted: WantedDigest,
    object: &DigestObject,
) -> CheckedDigest {
    let mut checked = CheckedDigest { found: true, ..CheckedDigest::missing(wanted) };
    let at = checked.wanted.at.clone();
    let (file, bytes) = match DigestFile::open(&object.body) {
        Ok(opened) => opened,
        Err(error) => {
            let kind = match &error {
                Error::Gzip(reason) => Kind::from(*reason),
                Error::Key | Error::Malformed(_) | Error::Sign(_) => Kind::MalformedDigest,
            };
            checked.findings.push(Finding::at(kind, &at, with_source(&error)));
            return checked;
        }
    };
    checked.sha256 = sha256_hex(&bytes);
    let said =
        Address { bucket: file.digest_s3_bucket.clone(), key: file.digest_s3_object.clone() };
    let here = match place {
        Place::Bucket(_) => said == at,
        Place::Folder => match said.key.strip_suffix(&at.key) {
            Some(before) if before.is_empty() || before.ends_with('/') => {
                before.clone_into(&mut checked.strip);
                true
            }
            Some(_) | None => false,
        },
    };
    if !here {
        let detail = format!("it says that it lies at {said}");
        checked.findings.push(Finding::at(Kind::MovedDigest, &at, detail));
    }
    check_signature(keys, object, &file, &mut checked);
    checked.file = Some(file);
    checked
}

fn check_signature(
    keys: &KeyRing,
    object: &DigestObject,
    file: &DigestFile,
    checked: &mut CheckedDigest,
) {
    let at = &checked.wanted.at;
    let fingerprint = &file.digest_public_key_fingerprint;
    let Some(key) = keys.0.get(fingerprint) else {
        let detail = format!("no public key has the fingerprint {fingerprint}");
        checked.findings.push(Finding::at(Kind::UnknownKey, at, detail));
        return;
    };
    let made = if checked.wanted.name.backfill {
        object.metadata.get(BACKFILL_GENERATION_TIMESTAMP).and_then(|it| it.parse().ok())
    } else {
        Some(file.digest_end_time)
    };
    match (made, key.validity) {
        (Some(made), Some((from, until)))
            if made < from.plus_seconds(-VALIDITY_SLACK)
                || made > until.plus_seconds(VALIDITY_SLACK) =>
        {
            let detail = format!("{fingerprint} is valid from {from} to {until}, not at {made}");
            checked.findings.push(Finding::at(Kind::KeyNotValidThen, at, detail));
        }
        (_, _) => {}
    }
    checked.key = Some(key.key.clone());
    let (Some(signature), Some(_)) =
        (object.metadata.get(SIGNATURE), object.metadata.get(SIGNATURE_ALGORITHM))
    else {
        return;
    };
    let message = file.string_to_sign(&checked.sha256);
    checked.signed = hex::decode(signature)
        .is_ok_and(|signature| key.key.verifies(message.as_bytes(), &signature));
    checked.signature = Some(signature.clone());
    if !checked.signed {
        let detail = format!("it is not the signature of {fingerprint}");
        checked.findings.push(Finding::at(Kind::FalseSignature, at, detail));
    }
}

fn with_source(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// A digest is signed some time after its window: AWS asks for keys up to two hours later.
const VALIDITY_SLACK: i64 = 2 * 3_600;
