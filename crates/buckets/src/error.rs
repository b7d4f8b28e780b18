//! Why the buckets could not be opened, read or written, beyond what S3 has words for.

use std::{borrow::Cow, io, path::PathBuf};

use s3s::{S3Error, S3ErrorCode};

/// Why the buckets could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What the index holds is not what was written there. Restore it from a copy.
    #[error("the index of the buckets is damaged: {0}")]
    Damaged(&'static str),
    /// Another process serves this folder. Stop it first.
    #[error("the buckets in {} are in use by another process", .0.display())]
    InUse(PathBuf),
    /// The database of the index refused.
    #[error("the index of the buckets failed")]
    Index(#[from] sqlx::Error),
    /// The operating system refused.
    #[error("cannot {action} {}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The refusal.
        source: io::Error,
    },
    /// A newer Trailmark wrote the index.
    #[error("the index of the buckets has version {0}, which is newer than this Trailmark")]
    Newer(i64),
    /// A task that finishes a write was torn down, as happens at shutdown.
    #[error("the write was interrupted")]
    Torn,
}

/// What SQLite says when there is no room.
///
/// `SQLITE_FULL`: nothing was committed.
const FULL: &str = "13";
/// `SQLITE_IOERR_WRITE`, which is how it tells of a quota, and `SQLITE_IOERR_SHMSIZE`, of which it
/// learns only once the commit is in its file.
const FULL_PERHAPS_COMMITTED: [&str; 2] = ["778", "4874"];

impl Error {
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Io { action, path: path.into(), source }
    }

    /// Whether there was no room for a write: worth another try, once there is some.
    pub(crate) fn is_full(&self) -> bool {
        match self {
            Self::Io { source, .. } => {
                matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            Self::Index(_) => self
                .index_code()
                .is_some_and(|it| it == FULL || FULL_PERHAPS_COMMITTED.contains(&it.as_ref())),
            Self::Damaged(_) | Self::InUse(_) | Self::Newer(_) | Self::Torn => false,
        }
    }

    /// Whether a change of the index that failed may have been committed all the same.
    pub(crate) fn may_be_committed(&self) -> bool {
        self.index_code().is_none_or(|it| it != FULL)
    }

    fn index_code(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Index(error) => error.as_database_error()?.code(),
            Self::Damaged(_) | Self::InUse(_) | Self::Io { .. } | Self::Newer(_) | Self::Torn => {
                None
            }
        }
    }
}

/// Why an operation did not succeed.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Something is wrong on our side: told to the operator, not to the caller.
    Internal(Error),
    /// The caller asked for what S3 refuses.
    Refused(S3Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Internal(error)
    }
}

impl From<S3Error> for Fault {
    fn from(error: S3Error) -> Self {
        Self::Refused(error)
    }
}

/// A refusal in S3's words.
pub(crate) fn refuse(code: S3ErrorCode, message: impl Into<String>) -> Fault {
    Fault::Refused(S3Error::with_message(code, message.into()))
}

impl Fault {
    /// What the caller is told.
    pub(crate) fn into_answer(self) -> S3Error {
        match self {
            Self::Refused(error) => error,
            Self::Internal(error) if error.is_full() => S3Error::with_message(
                S3ErrorCode::ServiceUnavailable,
                "There is no room for more. Please try again later.",
            ),
            Self::Internal(_) => S3Error::with_message(
                S3ErrorCode::InternalError,
                "We encountered an internal error. Please try again.",
            ),
        }
    }
}
