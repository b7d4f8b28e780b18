//! Digest files: CloudTrail's hourly, signed and chained proof that log files are complete and
//! unaltered, so that `aws cloudtrail validate-logs` passes on what we deliver.
//!
//! Lives here: the document ([`DigestFile`]), its name and key ([`DigestName`]), the chain it stands
//! in ([`Chain`]), what is signed and by whom ([`Signer`]), and the keys that outsiders check with
//! ([`PublicKey`]).
//! Lives elsewhere: writing objects (`delivery`), keeping private keys (`catalog`), judging a whole
//! bucket ([`crate::verify`]).
//!
//! Start at [`Chain::start`], then [`Chain::draft`], then [`DigestFile::seal`].
//! Spec: CloudTrail User Guide, "CloudTrail digest file structure" and "Custom implementations of
//! CloudTrail log file integrity validation".

mod chain;
mod document;
mod gzip;
mod key;
mod key_file;
mod name;
mod signer;
mod stamp;
mod together;

pub use self::{
    chain::{Chain, Link, Window},
    document::{DigestFile, LogFile, SealedDigest},
    gzip::{Gunzip, NotOneMember, gunzip, gzip, gzip_fast},
    key::{Fingerprint, PublicKey, ValidKey},
    name::{ChainId, DigestName, LogFileName, Root, key_of_file},
    signer::{RsaSigner, SignFuture, Signer},
    stamp::Stamp,
};
pub(crate) use self::{gzip::gunzip_together, together::sha256_together};

/// User metadata of a digest object: the signature, as lowercase hex.
pub const SIGNATURE: &str = "signature";
/// User metadata of a digest object: how it was signed, always [`SHA256_WITH_RSA`].
pub const SIGNATURE_ALGORITHM: &str = "signature-algorithm";
/// In a folder, which has no metadata: the file beside a digest that holds it as a JSON object, by
/// itself or as `Metadata` as `aws s3api head-object` prints it.
pub const METADATA_SUFFIX: &str = ".metadata.json";
/// User metadata of a backfill digest: when it was made, which tells the key to check it with.
pub const BACKFILL_GENERATION_TIMESTAMP: &str = "backfill-generation-timestamp";
/// The one signature algorithm: RSASSA-PKCS1-v1_5 over SHA-256.
pub const SHA256_WITH_RSA: &str = "SHA256withRSA";
/// The one hash algorithm.
pub const SHA_256: &str = "SHA-256";

/// Why a digest could not be read, or could not be signed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes are not one gzip member, or inflate beyond the limit.
    #[error("the object is not one gzip member")]
    Gzip(#[from] NotOneMember),
    /// Not a key that we can use: say which file it came from.
    #[error("the key is no RSA key of 2048 to 8192 bits")]
    Key,
    /// Not a digest file. Nothing of it can be trusted.
    #[error("the document is no digest file")]
    Malformed(#[source] serde_json::Error),
    /// The signer refused or could not be reached. Worth retrying: the same bytes are signed again.
    #[error("cannot sign")]
    Sign(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// SHA-256 as lowercase hex, as CloudTrail writes every hash.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes))
}

#[cfg(test)]
mod tests;
