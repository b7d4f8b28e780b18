//! Judging a whole bucket: digests, log files, chains, what no digest names, and cut-off tails.
//!
//! Lives here: every decision, and the heavy work on bytes that are handed in. What AWS's validator
//! checks, and what it does not see: hashes of previous digests, windows that leave a gap, parallel
//! histories, extra log files, tails that are gone.
//! Lives elsewhere: listing and fetching (`trailmark verify`).
//!
//! Start at [`Audit::new`]: list objects into it, check the digests that it wants until it wants no
//! more, check the log files that they name, take the [`Report`].
//! [`check_digest`], [`check_log_files`] and [`LogFileCheck`] need nothing of the audit, so they run in parallel.

mod audit;
mod chain;
mod coverage;
mod digest;
mod events;
mod finding;
mod log_file;
mod merkle;
mod report;
mod statement;
mod tree;
mod tree_report;
mod within;

pub use self::{
    audit::{Anchor, Audit, Listed, Place, Scope},
    digest::{CheckedDigest, DigestObject, KeyRing, WantedDigest, check_digest},
    events::differences,
    finding::{Address, Finding, Kind},
    log_file::{CheckedLogFile, LogFileCheck, LogFileJob, check_log_files},
    merkle::{Carried, judge_checkpoints, judge_entries, judge_tiles, statement},
    report::{ChainReport, Count, Report, Verdict},
    statement::{Expectation, Statement, judge},
    tree::{CheckedTile, FetchedTile, TreeAudit, TreeCounts, WantedTile, check_tile},
    tree_report::{Compared, Cosigned, TreeReport, compare},
    within::Within,
};
