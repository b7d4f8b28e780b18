//! The Merkle tree of the deployment on our own disk: every record of the log is a leaf.
//!
//! Lives here: following the log, keeping tiles, keys and salts, signing checkpoints, proving one
//! record, and what the public may fetch.
//! Lives elsewhere: hashing, tiles, notes and proofs themselves (`integrity::tree`), HTTP (`door`),
//! the commands (`trailmark`).
//!
//! Start at [`TreeKeeper::open`], then [`TreeKeeper::run`]; at [`Prover`] for proofs.
//! Spec: C2SP tlog-tiles, tlog-checkpoint, tlog-proof.
//!
//! # What is promised
//! - Every record of the log is one leaf, once, in the order of the log, wherever a crash falls.
//! - A checkpoint is signed only over tiles that are on disk, and only when the tree has not lost
//!   anything that an earlier checkpoint covered; and only while the owner lets it
//!   ([`TreeKeeper::signing_while`]).
//! - Whoever has the folder can prove any record that the last checkpoint covers, given its bytes.
//!
//! # The folder
//! ```text
//! checkpoint        the last signed checkpoint
//! cosigned          the last one that witnesses have cosigned, where there are any
//! log.key           the signing key; losing it ends the log's name
//! log.vkey          the key that others check with
//! salts/2026-03-04  the salt key of one UTC day of arrival; without it the day cannot be proven
//! erasures/…        days whose salt key is to be destroyed
//! state             how far the log was read, size and root of the tree
//! event-ids         eight bytes for each leaf, by which it is found
//! tile/…            tiles of hashes and of entries, as tlog-tiles names them
//! ```

pub mod erasure;
mod error;
mod folder;
mod ids;
mod keeper;
mod keys;
mod prover;
mod public;
mod state;
mod tree;

pub use crate::{
    error::Error,
    keeper::{Components, SignedHead, TreeKeeper},
    prover::{BytesOf, Proof, Prover},
    public::{Page, PublicLog},
};

#[cfg(test)]
mod tests;
