//! Finding the leaf of an event id: eight bytes for each leaf, in the order of the leaves.
//!
//! They are the beginning of the id's SHA-256, so two leaves may share them: whoever looks checks
//! what the leaf commits to. A look-up reads the file from end to end, eight megabytes for each
//! million of records; growing costs eight bytes for each leaf and nothing else, whatever the size.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
};

use integrity::tree::Hash;

use crate::{
    error::Error,
    folder::{Folder, failed},
};

/// What stands in the file for an event id.
pub(crate) type Mark = [u8; 8];

/// The mark of an event id; of a record without one, the mark of the empty text.
pub(crate) fn mark(event_id: &str) -> Mark {
    let [a, b, c, d, e, f, g, h, ..] = *Hash::of(event_id.as_bytes()).as_bytes();
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

/// The leaves below `size` that may be of the event id, in their order.
pub(crate) fn find(folder: &Folder, event_id: &str, size: u64) -> Result<Vec<u64>, Error> {
    let wanted = mark(event_id);
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
