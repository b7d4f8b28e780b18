//! What can go wrong in the lake.

use log::Position;

/// Why the lake could not open, store or find records.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Rows could not be laid out in columns, or read from them. A fault of ours or damaged data.
    #[error("cannot read or build columns")]
    Arrow(#[from] arrow_schema::ArrowError),
    /// The lake is shutting down, or a task of it has died.
    #[error("the lake is closed")]
    Closed,
    /// The log could not be read or trimmed.
    #[error("the log failed")]
    Log(#[from] log::Error),
    /// The log ends before what the table already holds: the wrong log, or one that was emptied.
    /// New records would be taken for old ones, so nothing is consumed.
    #[error("the table holds the log up to {committed}, but the log ends at {durable}")]
    LogBehind {
        /// The table's position.
        committed: Position,
        /// The log's end.
        durable: Position,
    },
    /// A Parquet file could not be read or written.
    #[error("cannot read or write Parquet")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// A setting has no meaning. Reads on from "setting …".
    #[error("setting {0}")]
    Setting(String),
    /// The table, its catalog or its store failed.
    #[error(transparent)]
    Tables(#[from] tables::Error),
}
