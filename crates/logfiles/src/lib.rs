//! Tables over CloudTrail log files where they lie: found by walking prefixes, pruned, and decoded to
//! the columns that a query needs.
//!
//! Lives here: which objects are log files and what their keys say of them, what of a query's
//! conditions can be told from keys, reading on every core.
//! Lives elsewhere: columns and decoding (`views`), the language (`sql`), what store a name stands for
//! (`trailmark` hands it in).
//!
//! Start at [`LogFiles`].
//! Spec: CloudTrail User Guide, "Finding your CloudTrail log files".

#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unwrap_used,
        reason = "tests may fail"
    )
)]

mod condition;
mod import;
mod key;
mod mention;
mod portions;
mod scan;
mod source;
mod table;
#[cfg(test)]
mod tests;
mod walk;
mod wanted;

pub use crate::{
    condition::{Condition, conditions},
    import::{FILE_MAX, FileDecoder, FileError, LogFile},
    key::HIDDEN,
    mention::mentions,
    scan::{Fault, Progress},
    source::Source,
    table::LogFiles,
};
