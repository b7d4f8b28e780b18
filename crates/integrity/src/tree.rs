//! The Merkle tree over the whole log: one record can be proven to an outsider, and a tail that was
//! cut off is seen.
//!
//! Lives here: hashing and tiles ([`Builder`], [`Tiles`]), inclusion and consistency proofs
//! ([`proof`]), signed notes and checkpoints ([`note`], [`checkpoint`]), the rules of a witness
//! ([`witness`]), and the proof file of one record ([`RecordProof`]).
//! Lives elsewhere: reading and writing tiles (`delivery`), keeping keys and salts (`catalog`),
//! serving HTTP (`trailmark`).
//!
//! Start at [`Builder`] to grow a tree, at [`verify_proof`] to check what it proves.
//! Spec: RFC 6962 section 2.1, RFC 9162 section 2.1, and C2SP tlog-tiles, signed-note,
//! tlog-checkpoint, tlog-cosignature, tlog-witness, tlog-policy, tlog-proof.

pub mod builder;
pub mod checkpoint;
pub mod entry;
pub mod error;
pub mod hash;
mod lines;
mod node;
pub mod note;
pub mod policy;
pub mod proof;
pub mod record_proof;
pub mod tile;
pub mod vkey;
pub mod witness;

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

pub use builder::{Builder, Piece};
pub use checkpoint::{Checkpoint, TreeHead};
pub use entry::{Entry, Kind, Salt, SaltKey};
pub use error::Error;
pub use hash::Hash;
pub use note::{Note, NoteSignature};
pub use policy::Policy;
pub use record_proof::{Proven, RecordProof, verify_proof};
pub use tile::{Level, Tile, Tiles};
pub use vkey::{Algorithm, KeyName, SigningKey, VerifierKey};
