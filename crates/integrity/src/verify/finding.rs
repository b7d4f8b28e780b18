//! What can be wrong, each with a name for machines and a sentence for people.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::{ChainId, NotOneMember};

/// Where an object lies. In a folder the bucket is empty and the key is the path below the folder.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Address {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.bucket.is_empty() {
            f.write_str(&self.key)
        } else {
            write!(f, "s3://{}/{}", self.bucket, self.key)
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Finding {
    /// What is wrong.
    pub kind: Kind,
    /// The object that shows it, if one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<Address>,
    /// What exactly, for people.
    pub detail: String,
}

impl Finding {
    pub(crate) fn at(kind: Kind, object: &Address, detail: impl Into<String>) -> Self {
        Self { kind, object: Some(object.clone()), detail: detail.into() }
    }

    pub(crate) fn of_chain(kind: Kind, chain: &ChainId, detail: impl fmt::Display) -> Self {
        Self { kind, object: None, detail: format!("{chain}: {detail}") }
    }
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal, $sentence:literal;)+) => {
        /// Kinds of tampering, and of damage that looks like it.
        ///
        /// The first 21 ([`Kind::TAMPERINGS`]) are what somebody may do on purpose; AWS's validator
        /// sees five of them.
        #[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        pub enum Kind {
            $($(#[doc = $doc])+ #[serde(rename = $code)] $name,)+
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Its name in reports for machines.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code),+ }
            }

            /// What it means, for people.
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence),+ }
            }
        }
    };
}

kinds! {
    /// A record differs from the one that was delivered.
    ChangedEvent = "changed-event",
        "The content of a log file is not what was signed: an event was changed.";
    /// A record that was delivered is gone.
    RemovedEvent = "removed-event", "An event was removed from a log file.";
    /// The records are those that were delivered, in another order.
    ReorderedEvents = "reordered-events", "The events of a log file were put in another order.";
    /// A record stands there more often than it was delivered.
    DuplicatedEvent = "duplicated-event", "An event was duplicated in a log file.";
    /// A log file that no digest names.
    ExtraLogFile = "extra-log-file",
        "A log file is named by no digest: it was added, or nothing vouches for it.";
    /// A log file that a digest names is gone.
    MissingLogFile = "missing-log-file", "A log file that a digest names is not there.";
    /// A log file lies somewhere else than its digest says.
    MovedLogFile = "moved-log-file", "A log file was moved from where its digest says it lies.";
    /// A digest that a later one names is gone.
    MissingDigest = "missing-digest", "A digest that a later digest names is not there.";
    /// A chain starts although an older digest of it exists.
    RestartedChain = "restarted-chain",
        "The chain of digests starts again: what came between was vouched for by nobody.";
    /// The newest digests are gone.
    CutTail = "cut-tail", "The newest digests are not there: the tail was cut off.";
    /// A digest signed by a key that is not known.
    UnknownKey = "unknown-key", "A digest was signed by a key that is not among the public keys.";
    /// Bytes follow the gzip member.
    TrailingBytes = "trailing-bytes", "Data follows the end of a gzip stream.";
    /// A checkpoint is older than one that is known.
    OldCheckpoint = "old-checkpoint", "A checkpoint is older than one that is known already.";
    /// A checkpoint carries no signature of the log.
    UnsignedCheckpoint = "unsigned-checkpoint", "A checkpoint is not signed by the log's key.";
    /// A checkpoint of another log.
    WrongOrigin = "wrong-origin", "A checkpoint is that of another log.";
    /// Two checkpoints of one size with different roots.
    Equivocation = "equivocation",
        "Two signed checkpoints of one size have different roots: the log tells two histories.";
    /// Too few cosignatures, or too old ones.
    MissingCosignature = "missing-cosignature",
        "A cosignature of a witness is missing, or too old.";
    /// A proof that leads from another leaf.
    ProofOfAnotherLeaf = "proof-of-another-leaf", "A proof belongs to another leaf of the tree.";
    /// A hash tile is not what the checkpoint says.
    ChangedTile = "changed-tile", "A hash tile does not agree with the signed checkpoint.";
    /// An entry bundle is not what the hash tiles say.
    ChangedEntryBundle = "changed-entry-bundle", "An entry bundle does not agree with its tile.";
    /// A salt does not open the leaf's commitment.
    WrongSalt = "wrong-salt", "Record and salt do not give the commitment of the leaf.";
    /// A record that was never delivered.
    AddedEvent = "added-event", "An event was added to a log file.";
    /// The object is no gzip stream, or a damaged one.
    DamagedObject = "damaged-object", "An object cannot be inflated.";
    /// No digest document.
    MalformedDigest = "malformed-digest", "A digest file is malformed.";
    /// A digest lies somewhere else than it says.
    MovedDigest = "moved-digest", "A digest was moved from where it says it lies.";
    /// A digest without a signature.
    UnsignedDigest = "unsigned-digest", "A digest has no signature that could be checked.";
    /// A digest whose signature is false.
    FalseSignature = "false-signature",
        "The signature of a digest is false: the digest or its signature was changed.";
    /// A digest signed by a key that was not valid then.
    KeyNotValidThen = "key-not-valid-then",
        "A digest was signed by a key that was not valid at its time.";
    /// A digest says another hash of the one before it.
    PreviousDigestChanged = "previous-digest-changed",
        "A digest is not the one that its successor names: hash or signature differ.";
    /// Two linked digests leave time uncovered.
    WindowGap = "window-gap", "The time windows of two digests leave a gap.";
    /// Two linked digests cover the same time.
    WindowOverlap = "window-overlap", "The time windows of two digests overlap.";
    /// Two digests for one time, or after one digest.
    ParallelHistory = "parallel-history",
        "Two chains of digests tell of the same time: one of them is not the true one.";
    /// Two digests say different things about one log file.
    ContradictingDigests = "contradicting-digests",
        "Two digests give different hashes for one log file.";
    /// A hash tile that the checkpoint covers is gone.
    MissingTile = "missing-tile", "A hash tile that the signed checkpoint covers is not there.";
    /// The last tiles are gone.
    TruncatedTree = "truncated-tree",
        "The tree ends before its signed checkpoint does: it was truncated.";
    /// A tile of entries is gone while others are there.
    MissingEntryBundle = "missing-entry-bundle",
        "An entry bundle is not there, though others of the tree are.";
    /// An object could not be fetched.
    Unreadable = "unreadable", "An object could not be read.";
}

impl Kind {
    /// The kinds of tampering that the documents of the field list.
    pub const TAMPERINGS: [Self; 21] = [
        Self::ChangedEvent,
        Self::RemovedEvent,
        Self::ReorderedEvents,
        Self::DuplicatedEvent,
        Self::ExtraLogFile,
        Self::MissingLogFile,
        Self::MovedLogFile,
        Self::MissingDigest,
        Self::RestartedChain,
        Self::CutTail,
        Self::UnknownKey,
        Self::TrailingBytes,
        Self::OldCheckpoint,
        Self::UnsignedCheckpoint,
        Self::WrongOrigin,
        Self::Equivocation,
        Self::MissingCosignature,
        Self::ProofOfAnotherLeaf,
        Self::ChangedTile,
        Self::ChangedEntryBundle,
        Self::WrongSalt,
    ];
}

impl From<NotOneMember> for Kind {
    fn from(reason: NotOneMember) -> Self {
        match reason {
            NotOneMember::Trailing => Self::TrailingBytes,
            NotOneMember::Damaged | NotOneMember::TooLarge(_) | NotOneMember::Truncated => {
                Self::DamagedObject
            }
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}
