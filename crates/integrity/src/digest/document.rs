//! The digest document: its members in AWS's order, the string to sign, and the sealed object.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    BACKFILL_GENERATION_TIMESTAMP, DigestName, Error, Fingerprint, Link, SHA256_WITH_RSA,
    SIGNATURE, SIGNATURE_ALGORITHM, Signer, Stamp, gunzip, gzip, sha256_hex,
};

/// One digest file. Members that we do not know are read over, never refused.
///
/// Spec: CloudTrail User Guide, "CloudTrail digest file structure". An empty hour has no log files
/// and null event times; a chain's first digest has null in all five `previousDigest…` members.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DigestFile {
    /// The account whose activity is recorded.
    pub aws_account_id: String,
    /// Begin of the window of delivery.
    pub digest_start_time: Stamp,
    /// End of the window of delivery.
    pub digest_end_time: Stamp,
    /// The bucket it was delivered to.
    pub digest_s3_bucket: String,
    /// The key it was delivered under.
    pub digest_s3_object: String,
    /// Which public key checks it.
    pub digest_public_key_fingerprint: Fingerprint,
    /// Always `SHA256withRSA`.
    pub digest_signature_algorithm: String,
    /// Time of the newest event in the log files; null in an empty hour.
    pub newest_event_time: Option<Stamp>,
    /// Time of the oldest event in the log files, which may lie before the window.
    pub oldest_event_time: Option<Stamp>,
    /// Where the digest before lies.
    pub previous_digest_s3_bucket: Option<String>,
    /// Where the digest before lies.
    pub previous_digest_s3_object: Option<String>,
    /// SHA-256 of the digest before, inflated, as hex.
    pub previous_digest_hash_value: Option<String>,
    /// `SHA-256`.
    pub previous_digest_hash_algorithm: Option<String>,
    /// Signature of the digest before, as hex.
    pub previous_digest_signature: Option<String>,
    /// The log files delivered in the window.
    pub log_files: Vec<LogFile>,
    /// Ours: the newest signed checkpoint of the Merkle tree when the digest was made. AWS's
    /// validator reads over it, and the digest's signature covers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tlog_checkpoint: Option<String>,
}

/// One log file that a digest vouches for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogFile {
    /// The bucket it was delivered to.
    pub s3_bucket: String,
    /// The key it was delivered under.
    pub s3_object: String,
    /// SHA-256 of the inflated bytes, as lowercase hex.
    pub hash_value: String,
    /// `SHA-256`.
    pub hash_algorithm: String,
    /// Time of its newest event.
    pub newest_event_time: Option<Stamp>,
    /// Time of its oldest event.
    pub oldest_event_time: Option<Stamp>,
}

impl DigestFile {
    /// Reads the inflated bytes of a digest object.
    ///
    /// # Errors
    /// [`Error::Malformed`] when a member is missing or not of its type.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(bytes).map_err(Error::Malformed)
    }

    /// Inflates and reads a digest object; also gives the inflated bytes, which are what is signed.
    ///
    /// # Errors
    /// [`Error::Gzip`] or [`Error::Malformed`].
    pub fn open(object: &[u8]) -> Result<(Self, Vec<u8>), Error> {
        let bytes = gunzip(object, SIZE_MAX)?;
        Ok((Self::parse(&bytes)?, bytes))
    }

    /// The document as it is stored, before gzip. These bytes are kept, never written anew.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings, stamps and options of them are always JSON")
    }

    /// What is signed, given the SHA-256 of the inflated document as hex: four lines, no newline at
    /// the end, the last one `null` for a chain's first digest.
    pub fn string_to_sign(&self, sha256: &str) -> String {
        format!(
            "{}\n{}/{}\n{sha256}\n{}",
            self.digest_end_time,
            self.digest_s3_bucket,
            self.digest_s3_object,
            self.previous_digest_signature.as_deref().unwrap_or("null"),
        )
    }

    /// Whether a chain starts here: it names nothing before it.
    pub fn starts_chain(&self) -> bool {
        self.previous_digest_s3_bucket.is_none()
            && self.previous_digest_s3_object.is_none()
            && self.previous_digest_hash_value.is_none()
            && self.previous_digest_signature.is_none()
    }

    /// Signs the document and makes the object of it. The same document and key give the same bytes.
    ///
    /// `generated` is when a backfill digest was made; regular digests have none.
    ///
    /// # Errors
    /// [`Error::Sign`] when the signer fails.
    pub async fn seal(
        &self,
        signer: &dyn Signer,
        generated: Option<Stamp>,
    ) -> Result<SealedDigest, Error> {
        let bytes = self.to_bytes();
        let sha256 = sha256_hex(&bytes);
        let signature = signer.sign(self.string_to_sign(&sha256).as_bytes()).await?;
        let signature = hex::encode(signature);
        let mut metadata =
            vec![(SIGNATURE, signature.clone()), (SIGNATURE_ALGORITHM, SHA256_WITH_RSA.to_owned())];
        if let Some(generated) = generated {
            metadata.push((BACKFILL_GENERATION_TIMESTAMP, generated.to_string()));
        }
        Ok(SealedDigest {
            key: self.digest_s3_object.clone(),
            body: gzip(&bytes),
            metadata,
            link: Link {
                bucket: self.digest_s3_bucket.clone(),
                key: self.digest_s3_object.clone(),
                sha256,
                signature,
                end: self.digest_end_time,
            },
        })
    }

    /// What the key says about it, when the key is well-formed.
    pub fn name(&self) -> Option<DigestName> {
        DigestName::parse(&self.digest_s3_object).map(|(_, name)| name)
    }
}

/// A digest object, ready to be stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SealedDigest {
    /// Key in the bucket.
    pub key: String,
    /// The body: one gzip member. `Content-Type: application/json`, `Content-Encoding: gzip`.
    pub body: Vec<u8>,
    /// User metadata, names without `x-amz-meta-`.
    pub metadata: Vec<(&'static str, String)>,
    /// What the next digest says about this one.
    pub link: Link,
}

impl SealedDigest {
    /// The metadata as JSON, for destinations that keep none: stored beside the digest, under its
    /// key and [`METADATA_SUFFIX`](super::METADATA_SUFFIX).
    pub fn metadata_json(&self) -> Vec<u8> {
        let metadata: BTreeMap<_, _> =
            self.metadata.iter().map(|(name, value)| (*name, value.as_str())).collect();
        serde_json::to_vec(&metadata).expect("text by text is always JSON")
    }
}

/// More than a digest ever has: an hour of a thousand log files a second is a third of it.
const SIZE_MAX: u64 = 256 << 20;
