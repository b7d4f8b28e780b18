//! The durable event log: frames in order, acknowledged only once they are on disk.
//!
//! Lives here: [`Frame`], the [`EventLog`] trait with its conformance suite, and the implementation
//! on local segment files.
//! Lives elsewhere: what the bytes mean (`record`), who reads them and how far (`lake` and the other
//! consumers keep their own cursors).
//!
//! Start at [`EventLog`]; then [`local`], which says what exactly is promised.

pub mod conformance;
pub mod disk;
mod encoding;
mod fields;
pub mod frame;
pub mod fuzzing;
mod held;
pub mod local;
pub mod offline;
mod scan;
mod segment;
pub mod simulated;

use std::{fmt::Debug, ops::Range};

use futures::future::BoxFuture;
use tokio::sync::watch;

pub use encoding::MAX_BODY;
pub use frame::{Entry, Evidence, Frame, Kind, Marks, Position};
pub use held::HeldLog;
pub use local::LocalLog;

/// A durable, ordered sequence of frames. One writer process; any number of readers in it.
///
/// A frame's [`Position`] is given on append, counts up by one, and never changes. Positions that
/// were acknowledged are never reused, not even after a crash.
pub trait EventLog: Debug + Send + Sync {
    /// Appends frames in order, all or none, and completes once they are synced.
    ///
    /// Concurrent appends share one sync. Dropping the future does not undo the append.
    ///
    /// # Errors
    /// [`Error::Full`] when the bound on disk use or the disk itself leaves no room: nothing was
    /// written, reads go on, and a later append may succeed. [`Error::TooLarge`] for a frame above
    /// the bound on frames. Every other error is fatal to the log: it takes no more appends.
    fn append(&self, frames: Vec<Frame>) -> BoxFuture<'_, Result<Range<Position>, Error>>;

    /// As [`EventLog::append`], and may use the part of the bound on disk use that ordinary appends
    /// leave alone: for what must go on while the log is full. A log may have no such reserve.
    ///
    /// # Errors
    /// As [`EventLog::append`].
    fn append_reserved(&self, frames: Vec<Frame>) -> BoxFuture<'_, Result<Range<Position>, Error>>;

    /// Reads frames from `from` on, in order, until about `bytes` of bodies are gathered; always at
    /// least one frame when there is one. Only synced frames are read. Empty at the end of the log.
    ///
    /// # Errors
    /// [`Error::Trimmed`] when `from` lies before the first frame that is kept.
    fn read(&self, from: Position, bytes: usize) -> BoxFuture<'_, Result<Vec<Entry>, Error>>;

    /// The position behind the last synced frame, and every change of it.
    fn durable(&self) -> watch::Receiver<Position>;

    /// The first position that is still kept.
    fn first(&self) -> Position;

    /// Permits to drop frames before `before`. Never drops an open intent nor anything behind it;
    /// whole segments go, so earlier frames may stay a while.
    ///
    /// # Errors
    /// When a file cannot be removed. Worth retrying.
    fn trim(&self, before: Position) -> BoxFuture<'_, Result<(), Error>>;

    /// Intents that no outcome has answered, oldest first.
    fn open_intents(&self) -> BoxFuture<'_, Result<Vec<Entry>, Error>>;

    /// Disk use, its bound, and what sync costs.
    fn usage(&self) -> Usage;
}

/// What the log holds and what it costs, for metrics and for alarms before the bound is met.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Bytes of all segments.
    pub bytes: u64,
    /// Bytes at which ordinary appends are refused.
    pub bound: u64,
    /// Number of segments.
    pub segments: u64,
    /// Syncs so far.
    pub syncs: u64,
    /// Time spent in syncs so far, in microseconds.
    pub sync_us: u64,
    /// The longest sync so far, in microseconds.
    pub sync_us_max: u64,
    /// Gap frames written because segments were corrupt.
    pub gaps: u64,
    /// Whether `bytes` has passed the share of `bound` at which an alarm is due.
    pub alarm: bool,
    /// Whether the last ordinary append was refused for want of room.
    pub full: bool,
}

/// Why the log could not append or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log has stopped after a fatal error; the process should stop and be restarted.
    #[error("the log has stopped")]
    Closed,
    /// No room: the bound on disk use is met, or the disk is full. Nothing was written.
    #[error("the log is full: {used} of {bound} bytes are used")]
    Full {
        /// Bytes used.
        used: u64,
        /// Bytes at which ordinary appends are refused.
        bound: u64,
    },
    /// Another process has the log open. Stop that one first, or use another folder.
    #[error("the log is in use by another process")]
    InUse,
    /// The operating system refused. Fatal when it concerns a write or a sync.
    #[error("cannot {action} `{file}`")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Name of the file within the log's folder.
        file: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A frame is above the bound on frames.
    #[error("a frame of {bytes} bytes is above the bound of {bound}")]
    TooLarge {
        /// Bytes of the frame.
        bytes: usize,
        /// The bound.
        bound: usize,
    },
    /// The position was trimmed.
    #[error("position {wanted} was trimmed, the first is {first}")]
    Trimmed {
        /// What was asked for.
        wanted: Position,
        /// What is there.
        first: Position,
    },
    /// A newer Trailmark wrote this file. Nothing was touched; use that version or a later one.
    #[error("`{file}` has format version {version}, which this version does not know")]
    Version {
        /// Name of the file within the log's folder.
        file: String,
        /// The version found.
        version: u16,
    },
}
