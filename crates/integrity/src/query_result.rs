//! The signature of saved query results: `result_sign.json`, so that `aws cloudtrail
//! verify-query-results` passes on what we deliver.
//!
//! Lives here: the document ([`ResultSign`]), what is signed, and how both are checked.
//! Lives elsewhere: writing the files, and keeping private keys (`catalog`).
//!
//! Start at [`ResultSign::seal`], then [`ResultSign::verify`].
//! Spec: CloudTrail User Guide, "Validate CloudTrail Lake saved query results" and "CloudTrail sign
//! file structure".

use serde::{Deserialize, Serialize};

use crate::digest::{
    Error, Fingerprint, SHA_256, SHA256_WITH_RSA, Signer, Stamp, ValidKey, sha256_hex,
};

/// The name of the file beside the results.
pub const FILE: &str = "result_sign.json";

/// The name of the result file of that number, from 1 on: `result_1.csv.gz`.
#[must_use]
pub fn result_file(number: u64) -> String {
    format!("result_{number}.csv.gz")
}

/// The file that signs the results of one query. The order of members is AWS's.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResultSign {
    /// Always `1.0`.
    pub version: String,
    /// Where the query ran, whose keys sign.
    pub region: String,
    /// The result files, in order; at least one.
    pub files: Vec<ResultFile>,
    /// Always [`SHA_256`].
    pub hash_algorithm: String,
    /// Always [`SHA256_WITH_RSA`].
    pub signature_algorithm: String,
    /// When the query was done: the key is one that was valid from then on.
    pub query_complete_time: Stamp,
    /// The signature as lowercase hex.
    pub hash_signature: String,
    /// Which key signed.
    pub public_key_fingerprint: Fingerprint,
}

/// A result file.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResultFile {
    /// SHA-256 of the compressed bytes, as lowercase hex.
    pub file_hash_value: String,
    /// Its name, beside this file.
    pub file_name: String,
}

/// Why results are not what was delivered.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Untrue {
    /// An algorithm or a version that nobody signs by.
    #[error("the sign file is of an unknown form: `{0}`")]
    Form(String),
    /// The bytes of a result file are others than those that were signed.
    #[error("the file `{0}` was changed")]
    FileChanged(String),
    /// A result file is gone.
    #[error("the file `{0}` is missing")]
    FileMissing(String),
    /// There is nothing that it signs.
    #[error("the sign file names no result file")]
    NoFiles,
    /// The sign file is not the one that was delivered, or another key signed it.
    #[error("the signature is not that of the key `{0}`")]
    Signature(Fingerprint),
    /// The key is none of the region that was valid then.
    #[error("the key `{0}` is not known")]
    UnknownKey(Fingerprint),
    /// Not a sign file.
    #[error("the document is no sign file")]
    Unreadable,
}

impl ResultFile {
    /// What is signed of a file: `bytes` are the compressed ones.
    #[must_use]
    pub fn of(file_name: impl Into<String>, bytes: &[u8]) -> Self {
        Self { file_hash_value: sha256_hex(bytes), file_name: file_name.into() }
    }
}

impl ResultSign {
    /// Signs the results of a query that was done at `complete`.
    ///
    /// A signer of a key service takes 4096 bytes, which are the hashes of 63 files.
    ///
    /// # Errors
    /// [`Error::Sign`] when the signer refuses.
    pub async fn seal(
        region: &str,
        files: Vec<ResultFile>,
        complete: Stamp,
        signer: &dyn Signer,
    ) -> Result<Self, Error> {
        let signature = signer.sign(string_to_sign(&files).as_bytes()).await?;
        Ok(Self {
            version: VERSION.to_owned(),
            region: region.to_owned(),
            files,
            hash_algorithm: SHA_256.to_owned(),
            signature_algorithm: SHA256_WITH_RSA.to_owned(),
            query_complete_time: complete,
            hash_signature: hex::encode(signature),
            public_key_fingerprint: signer.public_key().fingerprint().clone(),
        })
    }

    /// The bytes of the file.
    ///
    /// # Panics
    /// Never: the members are texts.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts and lists of texts are JSON")
    }

    /// Reads the file. Members that are not known are ignored.
    ///
    /// # Errors
    /// [`Untrue::Unreadable`] when it is no sign file, or longer than [`BYTES_MAX`].
    pub fn read(bytes: &[u8]) -> Result<Self, Untrue> {
        if bytes.len() > BYTES_MAX {
            return Err(Untrue::Unreadable);
        }
        serde_json::from_slice(bytes).map_err(|_| Untrue::Unreadable)
    }

    /// Checks every file by the hash of its bytes, then the signature over the hashes, as
    /// `verify-query-results` does. `bytes_of` gives the bytes of a file by its name, or `None` when
    /// there is none; `keys` are those of [`ResultSign::region`] that were valid from
    /// [`ResultSign::query_complete_time`] on.
    ///
    /// # Errors
    /// The first that is not so.
    pub fn verify(
        &self,
        keys: &[ValidKey],
        mut bytes_of: impl FnMut(&str) -> Option<Vec<u8>>,
    ) -> Result<(), Untrue> {
        for (given, known) in [
            (&self.version, VERSION),
            (&self.hash_algorithm, SHA_256),
            (&self.signature_algorithm, SHA256_WITH_RSA),
        ] {
            if given != known {
                return Err(Untrue::Form(given.clone()));
            }
        }
        if self.files.is_empty() {
            return Err(Untrue::NoFiles);
        }
        for ResultFile { file_hash_value, file_name } in &self.files {
            let bytes =
                bytes_of(file_name).ok_or_else(|| Untrue::FileMissing(file_name.clone()))?;
            if sha256_hex(&bytes) != *file_hash_value {
                return Err(Untrue::FileChanged(file_name.clone()));
            }
        }
        self.verify_signature(keys)
    }

    fn verify_signature(&self, keys: &[ValidKey]) -> Result<(), Untrue> {
        let fingerprint = &self.public_key_fingerprint;
        let key = keys
            .iter()
            .find(|it| it.key.fingerprint() == fingerprint)
            .ok_or_else(|| Untrue::UnknownKey(fingerprint.clone()))?;
        let is_early = |(_, until): (Stamp, Stamp)| self.query_complete_time >= until;
        if key.validity.is_some_and(is_early) {
            return Err(Untrue::UnknownKey(fingerprint.clone()));
        }
        let wrong = || Untrue::Signature(fingerprint.clone());
        let signature = hex::decode(&self.hash_signature).map_err(|_| wrong())?;
        let message = string_to_sign(&self.files);
        if key.key.verifies(message.as_bytes(), &signature) { Ok(()) } else { Err(wrong()) }
    }
}

/// The hashes of all files in order, a space between two, nothing at the end.
fn string_to_sign(files: &[ResultFile]) -> String {
    let hashes: Vec<_> = files.iter().map(|it| it.file_hash_value.as_str()).collect();
    hashes.join(" ")
}

/// Bytes of a sign file that is read: ten thousand results and more.
const BYTES_MAX: usize = 4 << 20;
const VERSION: &str = "1.0";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use futures::executor::block_on;
    use serde_json::{Value, json};

    use super::*;
    use crate::digest::{PublicKey, RsaSigner};

    /// A folder with two results and their sign file, and the key that signed.
    struct Folder {
        files: BTreeMap<String, Vec<u8>>,
        key: PublicKey,
    }

    impl Folder {
        fn new() -> Self {
            let signer = RsaSigner::generate().unwrap();
            let mut files = BTreeMap::from([
                (result_file(1), b"first".to_vec()),
                (result_file(2), b"second".to_vec()),
            ]);
            let named = files.iter().map(|(name, bytes)| ResultFile::of(name, bytes)).collect();
            let complete = Stamp::of("2026-11-23T05:06:07.9Z".parse().unwrap());
            let sign = block_on(ResultSign::seal("eu-west-1", named, complete, &signer)).unwrap();
            files.insert(FILE.to_owned(), sign.to_bytes());
            Self { files, key: signer.public_key().clone() }
        }

        fn sign(&self) -> Value {
            serde_json::from_slice(&self.files[FILE]).unwrap()
        }

        /// Changes a member of the sign file.
        fn with(mut self, pointer: &str, value: Value) -> Self {
            let mut sign = self.sign();
            *sign.pointer_mut(pointer).unwrap() = value;
            self.files.insert(FILE.to_owned(), sign.to_string().into_bytes());
            self
        }

        /// What the AWS CLI does: the sign file, each file's hash, the region's keys, the signature.
        fn verify(&self, validity: Option<(Stamp, Stamp)>) -> Result<(), Untrue> {
            let sign = ResultSign::read(&self.files[FILE])?;
            let keys = [ValidKey { key: self.key.clone(), validity }];
            sign.verify(&keys, |name| self.files.get(name).cloned())
        }
    }

    fn stamp(text: &str) -> Stamp {
        Stamp::of(text.parse().unwrap())
    }

    #[test]
    fn the_sign_file_has_the_members_of_aws_in_their_order() {
        let folder = Folder::new();
        let sign = folder.sign();
        let expected = json!({
            "version": "1.0",
            "region": "eu-west-1",
            "files": [
                {"fileHashValue": sha256_hex(b"first"), "fileName": "result_1.csv.gz"},
                {"fileHashValue": sha256_hex(b"second"), "fileName": "result_2.csv.gz"},
            ],
            "hashAlgorithm": "SHA-256",
            "signatureAlgorithm": "SHA256withRSA",
            "queryCompleteTime": "2026-11-23T05:06:07Z",
            "hashSignature": sign["hashSignature"],
            "publicKeyFingerprint": folder.key.fingerprint().as_str(),
        });
        assert_eq!(sign.to_string(), expected.to_string());
        assert_eq!(sign["hashSignature"].as_str().unwrap().len(), 512);
    }

    #[test]
    fn the_signature_is_over_the_hashes_with_a_space_between_two() {
        let folder = Folder::new();
        let message = format!("{} {}", sha256_hex(b"first"), sha256_hex(b"second"));
        let signature = hex::decode(folder.sign()["hashSignature"].as_str().unwrap()).unwrap();
        assert!(folder.key.verifies(message.as_bytes(), &signature));
        assert!(!folder.key.verifies(format!("{message}\n").as_bytes(), &signature));
    }

    #[test]
    fn what_was_delivered_passes() {
        assert_eq!(Folder::new().verify(None), Ok(()));
        let validity = (stamp("2026-11-01T00:00:00Z"), stamp("2026-12-01T00:00:00Z"));
        assert_eq!(Folder::new().verify(Some(validity)), Ok(()));
    }

    #[test]
    fn a_file_that_was_changed_or_is_gone_is_seen() {
        let name = result_file(2);
        let mut folder = Folder::new();
        folder.files.insert(name.clone(), b"secone".to_vec());
        assert_eq!(folder.verify(None), Err(Untrue::FileChanged(name.clone())));
        folder.files.remove(&name);
        assert_eq!(folder.verify(None), Err(Untrue::FileMissing(name)));
    }

    #[test]
    fn a_sign_file_that_was_changed_is_seen() {
        let key = Folder::new().key;
        let wrong = |folder: Folder| {
            let fingerprint = folder.key.fingerprint().clone();
            assert_eq!(folder.verify(None), Err(Untrue::Signature(fingerprint)));
        };
        // Whoever changes a file can change its hash, but cannot sign that.
        let mut forged = Folder::new().with("/files/1/fileHashValue", json!(sha256_hex(b"forged")));
        forged.files.insert(result_file(2), b"forged".to_vec());
        wrong(forged);
        // A file that is left out is missed, too.
        let mut shorter = Folder::new();
        let mut sign = shorter.sign();
        sign["files"].as_array_mut().unwrap().pop();
        shorter.files.insert(FILE.to_owned(), sign.to_string().into_bytes());
        wrong(shorter);
        wrong(Folder::new().with("/hashSignature", json!("00")));
        wrong(Folder::new().with("/hashSignature", json!("not hex")));
        let other = Folder { key: key.clone(), ..Folder::new() };
        let Err(Untrue::UnknownKey(named)) = other.verify(None) else { panic!("a stranger's key") };
        assert_ne!(named, *key.fingerprint());
    }

    #[test]
    fn a_sign_file_of_another_form_is_refused() {
        for (pointer, value) in
            [("/version", "2.0"), ("/hashAlgorithm", "MD5"), ("/signatureAlgorithm", "none")]
        {
            let folder = Folder::new().with(pointer, json!(value));
            assert_eq!(folder.verify(None), Err(Untrue::Form(value.to_owned())));
        }
        assert_eq!(Folder::new().with("/files", json!([])).verify(None), Err(Untrue::NoFiles));
        let without = Folder::new().with("/queryCompleteTime", json!("yesterday"));
        assert_eq!(without.verify(None), Err(Untrue::Unreadable));
        assert_eq!(ResultSign::read(b"{}"), Err(Untrue::Unreadable));
        assert_eq!(ResultSign::read(&vec![b' '; BYTES_MAX + 1]), Err(Untrue::Unreadable));
    }

    #[test]
    fn a_key_that_ended_before_the_query_was_done_is_none_of_it() {
        let folder = Folder::new();
        let ended = (stamp("2026-10-01T00:00:00Z"), stamp("2026-11-23T05:06:07Z"));
        let expected = Err(Untrue::UnknownKey(folder.key.fingerprint().clone()));
        assert_eq!(folder.verify(Some(ended)), expected);
    }
}
