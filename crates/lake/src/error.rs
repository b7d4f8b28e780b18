//! What can go wrong in the lake.

use log::Position;

/// Why the lake could not open, store or find records.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Rows could not be laid out in columns, or read from them. A fault of ours or damaged data.
    #[error("cannot read or build columns")]
    Arrow(#[from] arrow_schema::ArrowError),
    /// The database that names the table's newest version did not answer. Worth retrying.
    #[error("the table catalog failed")]
    Catalog(#[from] sqlx::Error),
    /// The lake is shutting down, or a task of it has died.
    #[error("the lake is closed")]
    Closed,
    /// Others changed the table again and again while a commit was tried. Worth retrying.
    #[error("the table was changed by others during {tries} commits")]
    Contended {
        /// How often it was tried.
        tries: u32,
    },
    /// Another engine wrote row-level deletes, which we cannot apply. Rewrite the table there.
    #[error("the table has row-level deletes in `{manifest}`")]
    DeleteFiles {
        /// The manifest that names them.
        manifest: String,
    },
    /// A data file is not what its metadata says.
    #[error("data file `{path}` {reason}")]
    File {
        /// Its location.
        path: String,
        /// Reads on from "data file …".
        reason: &'static str,
    },
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
    /// A file of the table does not lie in the table's store.
    #[error("`{path}` lies outside of the store")]
    Outside {
        /// The file.
        path: String,
    },
    /// A Parquet file could not be read or written.
    #[error("cannot read or write Parquet")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// A setting has no meaning. Reads on from "setting …".
    #[error("setting {0}")]
    Setting(String),
    /// The object store failed. Worth retrying.
    #[error("the object store failed")]
    Store(#[from] object_store::Error),
    /// A file or folder could not be synced; what was written may be lost.
    #[error("cannot sync `{path}`")]
    Sync {
        /// Which.
        path: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The table's metadata could not be read or written.
    #[error("the table's metadata failed")]
    Table(#[from] iceberg::Error),
}

/// An error with its causes, for our log.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
