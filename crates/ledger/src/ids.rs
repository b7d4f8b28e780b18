//! Finding the leaf of an event id, or of a file that was imported: eight bytes for each leaf, in
//! their order.
//!
//! They are the beginning of the id's SHA-256, so two leaves may share them: whoever looks checks
//! what the leaf commits to. A look-up reads the file from end to end, eight megabytes for each
//! million of records; growing costs eight bytes for each leaf and nothing else, whatever the size.

use std::{
    borrow::Cow,
    fs::{File, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
};

use integrity::tree::{Hash, Kind};
use serde::Deserialize;

use crate::{
    error::Error,
    folder::{Folder, failed},
};

/// What stands in the file for an event id.
pub(crate) type Mark = [u8; 8];

/// What people call a leaf: a record its event id, an imported file where it lay. The kind decides
/// which of them is read, so that no record passes for a file.
pub(crate) fn name(kind: Kind, bytes: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Imported {
        file: String,
    }

    if kind == Kind::ImportedFile {
        return serde_json::from_slice(bytes).ok().map(|it: Imported| it.file);
    }
    record::parse(bytes).ok()?.event_id().map(Cow::into_owned)
}

/// The mark of a name; of a leaf without one, the mark of the empty text.
pub(crate) fn mark(name: &str) -> Mark {
    let [a, b, c, d, e, f, g, h, ..] = *Hash::of(name.as_bytes()).as_bytes();
    [a, b, c, d, e, f, g, h]
}

/// Writes the marks of leaves from `first` on. Durable with the next sync of the folder.
pub(crate) fn write(folder: &Folder, first: u64, marks: &[Mark]) -> Result<(), Error> {
    let mut options = OpenOptions::new();
    options
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(folder.path(FILE))
        .and_then(|file| file.write_all_at(marks.as_flattened(), first * SIZE))
        .map_err(failed("write", FILE))
}

/// The leaves below `size` that may be called so, in their order.
pub(crate) fn find(folder: &Folder, wanted: &str, size: u64) -> Result<Vec<u64>, Error> {
    let wanted = mark(wanted);
    let search = || -> io::Result<Vec<u64>> {
        let mut file = File::open(folder.path(FILE))?.take(size * SIZE);
        let (mut found, mut first) = (Vec::new(), 0);
        let mut chunk = Vec::with_capacity(CHUNK);
        loop {
            chunk.clear();
            file.by_ref().take(CHUNK as u64).read_to_end(&mut chunk)?;
            let (marks, _) = chunk.as_chunks::<8>();
            if marks.is_empty() {
                return Ok(found);
            }
            found.extend((first..).zip(marks).filter(|it| *it.1 == wanted).map(|it| it.0));
            first += marks.len() as u64;
        }
    };
    match search() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        found => found.map_err(failed("read", FILE)),
    }
}

const FILE: &str = "event-ids";
const SIZE: u64 = size_of::<Mark>() as u64;
/// Bytes read at once; whole marks.
const CHUNK: usize = 1 << 20;
