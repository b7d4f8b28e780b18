//! What can go wrong with tables and their files.

/// Why a table or a file of it could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database that names the table's newest version did not answer. Worth retrying.
    #[error("the table catalog failed")]
    Catalog(#[from] sqlx::Error),
    /// A task in the background has died, or no thread was to be had for it.
    #[error("work in the background ended early")]
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
    /// There is no table of that name.
    #[error("there is no table `{name}`")]
    NoTable {
        /// The name.
        name: String,
    },
    /// A file of the table does not lie in the table's store.
    #[error("`{path}` lies outside of the store")]
    Outside {
        /// The file.
        path: String,
    },
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
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
