//! What of stores can be set.

use serde::{Deserialize, Serialize};

/// Bounds on memory and age of tails, sizes of files.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Bytes of all tails together at which they are written to files. Default 64 MiB. More makes
    /// fewer and larger files; less saves memory.
    pub flush_bytes: usize,
    /// Seconds after which even a small tail is written to files. Default 30. More makes fewer files;
    /// less lets the log be trimmed sooner and other engines see records sooner.
    pub flush_age_seconds: u64,
    /// Bytes of a data file at which it is left alone. Default 256 MiB. More makes fewer files; less
    /// makes each rewriting shorter.
    pub file_bytes: u64,
    /// Memory for sorting files into one, in bytes; what does not fit goes to the disk. Default
    /// 128 MiB.
    pub sort_bytes: usize,
    /// Seconds between looks for files to merge, to drop or to delete. Default 10.
    pub upkeep_seconds: u64,
    /// Seconds for which files stay that no snapshot names any more, for engines that are still
    /// reading them. Default 600. More needs more disk.
    pub grace_seconds: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            flush_bytes: 64 << 20,
            flush_age_seconds: 30,
            file_bytes: 256 << 20,
            sort_bytes: 128 << 20,
            upkeep_seconds: 10,
            grace_seconds: 600,
        }
    }
}
