//! Why deliveries stopped.

use std::io;

/// Why deliveries could not go on. What a bucket says is no error but a [`crate::Status`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The catalog failed. Nothing is lost by trying again.
    #[error("the catalog failed")]
    Catalog(#[from] catalog::Error),
    /// What the catalog holds is not what was written there.
    #[error("the catalog is damaged: {what} of `{of}`")]
    Damaged {
        /// What cannot be read.
        what: &'static str,
        /// What it belongs to.
        of: String,
    },
    /// The log failed or has closed.
    #[error("the log failed")]
    Log(#[from] log::Error),
    /// The folder of waiting files failed. Nothing is lost by trying again.
    #[error("the folder of waiting files failed")]
    Spool(#[from] io::Error),
    /// The process is stopping.
    #[error("the process is stopping")]
    Stopping,
}
