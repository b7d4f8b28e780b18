//! What can be wrong with a tree and with what is said about it.

use crate::tree::{checkpoint::TreeHead, tile::Tile};

/// Why something about the tree could not be made or is not to be believed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// The checkpoint carries too few of the cosignatures that the policy asks for.
    #[error("the cosignatures do not satisfy the quorum `{quorum}`")]
    Cosignatures {
        /// The quorum of the policy.
        quorum: String,
    },
    /// Tiles and checkpoint disagree: one of them was changed. Do not sign anything on top.
    #[error("the tiles of size {} have the root {computed}, the checkpoint says {}", .head.size, .head.root)]
    Diverged {
        /// What the checkpoint says.
        head: TreeHead,
        /// What the tiles give.
        computed: crate::tree::Hash,
    },
    /// The hashes do not lead from the leaf to the root: another leaf, another index, another tree.
    #[error("the inclusion proof does not lead to the root of the checkpoint")]
    Inclusion,
    /// The hashes do not show that the new tree begins with the old one.
    #[error("the tree of size {new} does not continue the tree of size {old}")]
    Inconsistent {
        /// Size of the older tree.
        old: u64,
        /// Size of the newer tree.
        new: u64,
    },
    /// There is no leaf of this index yet.
    #[error("leaf {index} is not in a tree of size {size}")]
    Index {
        /// The leaf that was asked for.
        index: u64,
        /// Leaves of the tree.
        size: u64,
    },
    /// These bytes are not what they should be. Reads on from the thing's name.
    #[error("the {what} {why}")]
    Malformed {
        /// What was read.
        what: &'static str,
        /// Which rule it breaks.
        why: &'static str,
    },
    /// A tile that the work needs was not handed in.
    #[error("the tile `{0}` is missing")]
    MissingTile(Tile),
    /// The checkpoint is that of another log.
    #[error("the checkpoint is of `{found}`, not of `{expected}`")]
    Origin {
        /// The log whose key was given.
        expected: String,
        /// The log that the checkpoint names.
        found: String,
    },
    /// The record's bytes or the salt are not what the leaf was made from.
    #[error("the record or its salt is not what the leaf commits to")]
    Record,
    /// A signature line of a known key is false: somebody changed the text or the signature.
    #[error("the signature of `{name}` is false")]
    Signature {
        /// Name of the key.
        name: String,
    },
    /// Above a bound.
    #[error("the {what} is longer than {bound} bytes")]
    TooLong {
        /// What was too long.
        what: &'static str,
        /// The bound.
        bound: usize,
    },
    /// No signature line is of a key that is known.
    #[error("there is no signature of `{name}`")]
    Unsigned {
        /// Name of the key that should have signed.
        name: String,
    },
}
