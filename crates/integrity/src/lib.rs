//! What proves that nothing was changed. No input or output, so that the offline verifier is the same code.
//!
//! Start at [`digest`] for CloudTrail's own proof, [`tree`] for the one that sees more, [`verify`]
//! for how both are checked.

pub mod digest;
pub mod query_result;
pub mod tree;
pub mod verify;
