//! Erasing a day: the operator asks, the tree says so, then the salt key of the day is destroyed.
//!
//! Without it the leaves of that day are hashes of nothing that anybody could name; the tree and
//! every proof of another day stay good. It says nothing about copies of the records elsewhere.
//!
//! A request is a file, so that it can be made while the server runs or not, and outlives a crash.

use std::{fs, io, path::PathBuf};

use jiff::{Timestamp, civil::Date};

use crate::{
    error::Error,
    folder::{Folder, failed},
    keys::{day_of, salt_key},
};

/// Asks for the erasure of a UTC day of arrival. Durable on return; the server does it within
/// seconds, or when it starts next, and cannot undo it.
///
/// # Errors
/// [`Error::DayGoesOn`] for a day that is not over at `now`, [`Error::SaltMissing`] when the day has
/// no records or is erased already, [`Error::Io`].
pub fn ask(folder: impl Into<PathBuf>, day: Date, now: Timestamp) -> Result<(), Error> {
    let folder = Folder::new(folder);
    if day >= day_of(now) {
        return Err(Error::DayGoesOn(day));
    }
    if salt_key(&folder, day)?.is_none() {
        return Err(Error::SaltMissing(day));
    }
    folder.create_folder(FOLDER)?;
    folder.replace(&format!("{FOLDER}/{day}"), b"", 0o600)
}

/// The days whose erasure was asked for and is not done.
pub(crate) fn asked(folder: &Folder) -> Result<Vec<Date>, Error> {
    let names = match fs::read_dir(folder.path(FOLDER)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.and_then(Iterator::collect::<io::Result<Vec<_>>>),
    };
    let names = names.map_err(failed("list", FOLDER))?;
    Ok(names.iter().filter_map(|it| it.file_name().to_str()?.parse().ok()).collect())
}

/// Marks a request as done.
pub(crate) fn done(folder: &Folder, day: Date) -> Result<(), Error> {
    folder.remove(&format!("{FOLDER}/{day}"))
}

const FOLDER: &str = "erasures";
