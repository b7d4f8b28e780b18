//! Why the tree could not grow, and why a record could not be proven.

use std::io;

use integrity::tree::{self, TreeHead};
use jiff::civil::Date;

/// Why something about the stored tree did not work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The tree is smaller than what was signed: an older copy of the folder was put back. Nothing
    /// is signed on top of it; put back the newest copy.
    #[error("the tree has {} leaves, but a checkpoint of {} was signed: was an older copy put back?", .stored.size, .signed.size)]
    Behind {
        /// What the folder holds.
        stored: TreeHead,
        /// What the last checkpoint says.
        signed: TreeHead,
    },
    /// A file is not what was written there.
    #[error("`{file}` is damaged: {why}")]
    Damaged {
        /// Name of the file within the folder.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// The operating system refused.
    #[error("cannot {action} `{file}`")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        file: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// Only a day that is over can be erased.
    #[error("{0} is not over: only a day before today (UTC) can be erased")]
    DayGoesOn(Date),
    /// There are leaves but no key that signs. Put `log.key` back.
    #[error("the tree has leaves but its signing key is gone: put `log.key` back")]
    KeyMissing,
    /// The log failed or has closed.
    #[error("the log failed")]
    Log(#[from] log::Error),
    /// No record of this event id is in the tree as far as the last checkpoint goes. A new record is
    /// covered within seconds.
    #[error("no record with the event id `{0}` is covered by the last checkpoint")]
    NotFound(String),
    /// The leaf is there, and nobody could give the bytes that it commits to.
    #[error(
        "the record at position {0} of the log is in the tree, but its bytes are not at hand or are others"
    )]
    NoRecord(u64),
    /// The salt key of a day is gone: nothing that arrived then can be proven.
    #[error("the salt key of {0} is gone: its records cannot be proven any more")]
    SaltMissing(Date),
    /// The process is stopping.
    #[error("the process is stopping")]
    Stopping,
    /// Tiles, notes or proofs contradict each other.
    #[error(transparent)]
    Tree(#[from] tree::Error),
}
