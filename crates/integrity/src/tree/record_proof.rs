//! The proof file of one record: what an outsider needs beside the record's bytes, and nothing else.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra <base64 of the entry, 77 bytes, and the salt, 32>
//! index <the leaf>
//! <base64 of a hash>          the inclusion proof, from the leaf upwards
//! …
//!                             a blank line
//! <the checkpoint, with the log's signature and those of witnesses>
//! ```
//!
//! Nothing in it is believed: the record's bytes and the salt must give the entry, the entry and the
//! hashes the root, and the log's key the signature under it.
//!
//! Spec: C2SP tlog-proof.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;

use crate::tree::{
    checkpoint::{Checkpoint, TreeHead},
    entry::{Entry, Salt},
    error::Error,
    hash::Hash,
    lines::decimal,
    note::{Checked, Note},
    policy::Policy,
    proof::{MAX_HASHES, check_inclusion},
    vkey::VerifierKey,
};

/// That one record is in the log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RecordProof {
    /// The leaf.
    pub entry: Entry,
    /// The salt of its commitment.
    pub salt: Salt,
    /// Its place in the tree.
    pub index: u64,
    /// The hashes from the leaf to the root.
    pub hashes: Vec<Hash>,
    /// The checkpoint whose root that is.
    pub checkpoint: Note,
}

/// What a proof has shown.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Proven {
    /// The log.
    pub origin: String,
    /// Place of the record in the tree.
    pub index: u64,
    /// What the leaf says of the record; its time of arrival is the log's word.
    pub entry: Entry,
    /// The tree that the record is in.
    pub head: TreeHead,
    /// The cosignatures of witnesses that the policy knows.
    pub cosignatures: Vec<Checked>,
    /// Since when, by the word of the policy's quorum, the record has existed unchanged. `None`
    /// when the policy asks for no witness: then the log alone vouches.
    pub witnessed: Option<Timestamp>,
}

/// Checks that `record`, byte for byte, is in the log of `key`, by the log's own word.
///
/// # Errors
/// What is wrong with the proof, as [`RecordProof::check`] and [`RecordProof::parse`] say.
pub fn verify_proof(record: &[u8], proof: &[u8], key: &VerifierKey) -> Result<Proven, Error> {
    RecordProof::parse(proof)?.check(record, &Policy::of_log(key.clone()))
}

impl RecordProof {
    /// The largest proof that is written, in bytes.
    pub const MAX_BYTES: usize = 4096;

    /// The largest proof that is read, in bytes: others may have more witnesses.
    pub const MAX_READ_BYTES: usize = Note::MAX_BYTES;

    /// Checks the proof against the record's bytes and whom the reader trusts.
    ///
    /// # Errors
    /// [`Error::Origin`] for a log that the policy does not know; [`Error::Unsigned`],
    /// [`Error::Signature`] and [`Error::Cosignatures`] for what is under the checkpoint;
    /// [`Error::Record`] for another record or salt; [`Error::Inclusion`] and [`Error::Index`] for
    /// another leaf.
    pub fn check(&self, record: &[u8], policy: &Policy) -> Result<Proven, Error> {
        let head = Checkpoint::parse(self.checkpoint.text())?;
        let is_origin = |key: &&VerifierKey| key.name().as_str() == head.origin;
        let keys: Vec<&VerifierKey> = policy.logs().iter().filter(is_origin).collect();
        let log = keys
            .iter()
            .find(|key| self.checkpoint.signatures().iter().any(|it| key.is_named_by(it)))
            .or(keys.first())
            .ok_or_else(|| Error::Origin {
                expected: policy.logs().first().map(|it| it.name().to_string()).unwrap_or_default(),
                found: head.origin.clone(),
            })?;
        let Checkpoint { origin, head, .. } = Checkpoint::open(&self.checkpoint, log)?;
        if !self.entry.commits_to(record, &self.salt) {
            return Err(Error::Record);
        }
        check_inclusion(self.entry.leaf_hash(), self.index, &self.hashes, &head)?;
        let cosignatures = self.checkpoint.check(&policy.witnesses())?;
        let witnessed = policy.agreed(&cosignatures)?;
        Ok(Proven { origin, index: self.index, entry: self.entry, head, cosignatures, witnessed })
    }

    /// The proof as a file of at most [`RecordProof::MAX_BYTES`]. Cosignatures for which there is no
    /// room are left out, from the end: the log's own line, which stands first, never is.
    ///
    /// # Errors
    /// [`Error::TooLong`] when it does not fit even so: the origin is too long a name.
    pub fn to_text(&self) -> Result<String, Error> {
        let extra = [self.entry.to_bytes().as_slice(), &self.salt.0].concat();
        let mut lines =
            format!("{HEADER}\nextra {}\nindex {}\n", STANDARD.encode(extra), self.index);
        for hash in &self.hashes {
            lines.push_str(&hash.to_string());
            lines.push('\n');
        }
        let mut checkpoint = Some(self.checkpoint.clone());
        while let Some(note) = checkpoint {
            let text = format!("{lines}\n{note}");
            if text.len() <= Self::MAX_BYTES {
                return Ok(text);
            }
            checkpoint = note.without_last();
        }
        Err(Error::TooLong { what: "proof", bound: Self::MAX_BYTES })
    }

    /// Reads a proof file. Says nothing about whether it proves anything.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::TooLong`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let malformed = |why| Error::Malformed { what: "proof", why };
        if bytes.len() > Self::MAX_READ_BYTES {
            return Err(Error::TooLong { what: "proof", bound: Self::MAX_READ_BYTES });
        }
        let text = str::from_utf8(bytes).map_err(|_| malformed("is not UTF-8"))?;
        let (head, note) = text.split_once("\n\n").ok_or(malformed("has no checkpoint"))?;
        let mut lines = head.split('\n');
        if lines.next() != Some(HEADER) {
            return Err(malformed("does not begin with c2sp.org/tlog-proof@v1"));
        }
        let extra = lines.next().and_then(|it| it.strip_prefix("extra "));
        let extra = extra.and_then(|it| STANDARD.decode(it).ok());
        let extra = extra.ok_or(malformed("has no entry and salt"))?;
        let (entry, salt) =
            extra.split_last_chunk::<32>().ok_or(malformed("has no entry and salt"))?;
        let index = lines.next().and_then(|it| it.strip_prefix("index ")).and_then(decimal);
        let hashes: Option<Vec<Hash>> = lines.map(Hash::from_base64).collect();
        let hashes = hashes.ok_or(malformed("has a line that is no hash"))?;
        if hashes.len() > MAX_HASHES {
            return Err(malformed("has more than 63 hashes"));
        }
        Ok(Self {
            entry: Entry::parse(entry)?,
            salt: Salt(*salt),
            index: index.ok_or(malformed("has no index"))?,
            hashes,
            checkpoint: Note::parse(note.as_bytes())?,
        })
    }
}

const HEADER: &str = "c2sp.org/tlog-proof@v1";
