//! What a witness asks of a checkpoint before it cosigns, as a function of what it has seen.
//!
//! Lives here: reading a request, the rules, the status of each refusal.
//! Lives elsewhere: HTTP and keeping what was seen (`trailmark`). The new head must be durable before
//! the cosignature leaves, and judging and keeping must be one step for each log: two requests at
//! once could otherwise roll the witness back.
//!
//! Spec: C2SP tlog-witness, `add-checkpoint`.

use std::fmt;

use crate::tree::{
    checkpoint::{Checkpoint, TreeHead},
    error::Error,
    hash::Hash,
    lines::decimal,
    note::Note,
    proof::{MAX_HASHES, check_consistency},
    vkey::VerifierKey,
};

/// A request to cosign a checkpoint. Shown as it is sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AddCheckpoint {
    /// The size that the witness saw last.
    pub old: u64,
    /// That the tree continues the one of that size.
    pub proof: Vec<Hash>,
    /// The checkpoint as the log signed it.
    pub note: Note,
    checkpoint: Checkpoint,
}

/// Why a witness does not cosign.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The tree does not continue the one that was seen. With a true signature of the log, this is
    /// evidence against the log: keep the note.
    #[error("the tree does not continue the one of size {} that was seen", .seen.size)]
    Inconsistent {
        /// What was seen.
        seen: TreeHead,
    },
    /// The request cannot be read.
    #[error("the request {0}")]
    Malformed(&'static str),
    /// The request does not begin where the witness stands. Ask again from there.
    #[error("the latest size that was seen is {latest}")]
    Stale {
        /// The size that the witness saw last.
        latest: u64,
    },
    /// The witness does not know the log.
    #[error("the log is not known here")]
    UnknownOrigin,
    /// No key of the log signed it, or a line of one is false.
    #[error("no key of the log signed the checkpoint")]
    Untrusted,
}

impl AddCheckpoint {
    /// The largest request that is read, in bytes.
    pub const MAX_BYTES: usize = Note::MAX_BYTES + (MAX_HASHES + 1) * 45;

    /// A request to cosign `note`.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the note is no checkpoint.
    pub fn new(old: u64, proof: Vec<Hash>, note: Note) -> Result<Self, Error> {
        Ok(Self { checkpoint: Checkpoint::parse(note.text())?, old, proof, note })
    }

    /// Reads the body of a request.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn parse(body: &[u8]) -> Result<Self, Refusal> {
        if body.len() > Self::MAX_BYTES {
            return Err(Refusal::Malformed("is too long"));
        }
        let body = str::from_utf8(body).map_err(|_| Refusal::Malformed("is not UTF-8"))?;
        let (head, note) =
            body.split_once("\n\n").ok_or(Refusal::Malformed("has no checkpoint"))?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|it| it.strip_prefix("old ")).and_then(decimal);
        let old = old.ok_or(Refusal::Malformed("does not begin with the old size"))?;
        let proof: Option<Vec<Hash>> = lines.map(Hash::from_base64).collect();
        let proof = proof.ok_or(Refusal::Malformed("has a proof that is not hashes"))?;
        if proof.len() > MAX_HASHES {
            return Err(Refusal::Malformed("has a proof of more than 63 hashes"));
        }
        let note = Note::parse(note.as_bytes())
            .map_err(|_| Refusal::Malformed("has a checkpoint that is no signed note"))?;
        Self::new(old, proof, note).map_err(|_| Refusal::Malformed("has no checkpoint"))
    }

    /// The log that the request is about, for looking up its keys and what was seen of it.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.checkpoint.origin
    }

    /// What the log says of its tree. Believe it once [`AddCheckpoint::judge`] has.
    #[must_use]
    pub const fn head(&self) -> TreeHead {
        self.checkpoint.head
    }

    /// Judges the request by what the witness has seen of this log (`None` before the first time).
    /// `trusted` are the log's keys; none means that the log is not known.
    ///
    /// # Errors
    /// A [`Refusal`]; nothing is to be changed then.
    pub fn judge(&self, trusted: &[VerifierKey], seen: Option<TreeHead>) -> Result<(), Refusal> {
        let keys: Vec<VerifierKey> =
            trusted.iter().filter(|it| it.name().as_str() == self.origin()).cloned().collect();
        if keys.is_empty() {
            return Err(Refusal::UnknownOrigin);
        }
        match self.note.check(&keys) {
            Ok(checked) if !checked.is_empty() => {}
            Ok(_) | Err(_) => return Err(Refusal::Untrusted),
        }
        if self.old > self.head().size {
            return Err(Refusal::Malformed("has an old size above that of the checkpoint"));
        }
        let seen = seen.unwrap_or_else(TreeHead::empty);
        if self.old != seen.size {
            return Err(Refusal::Stale { latest: seen.size });
        }
        check_consistency(&seen, &self.head(), &self.proof)
            .map_err(|_| Refusal::Inconsistent { seen })
    }
}

impl Refusal {
    /// The HTTP status of the answer.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::Untrusted => 403,
            Self::UnknownOrigin => 404,
            Self::Stale { .. } => 409,
            Self::Inconsistent { .. } => 422,
        }
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.note)
    }
}

/// The size in the body of a refusal with status 409.
#[must_use]
pub fn latest_size(body: &[u8]) -> Option<u64> {
    decimal(str::from_utf8(body).ok()?.strip_suffix('\n')?)
}

/// The media type of that body.
pub const LATEST_SIZE_TYPE: &str = "text/x.tlog.size";
