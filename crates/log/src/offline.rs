//! Reading one frame from the folder of a log that another process may be writing. Changes nothing.

use std::{
    fs::{self, File as SystemFile},
    io,
    path::Path,
};

use bytes::Bytes;

use crate::{
    disk::File,
    encoding,
    frame::{Entry, Position},
    scan::{Found, scan},
    segment::{self, HEADER, Header},
};

/// The frame at `position` in the folder of a [`crate::LocalLog`]; `None` when it was trimmed, lost,
/// or is not written yet. Reads the segment up to the frame, with its checksums.
///
/// # Errors
/// When the operating system refuses.
pub fn read(folder: &Path, position: Position) -> io::Result<Option<Entry>> {
    let mut first = None;
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let begins = name.to_str().and_then(segment::first_of);
        first = first.max(begins.filter(|it| *it <= position.0));
    }
    let Some(first) = first else { return Ok(None) };
    let file = match SystemFile::open(folder.join(segment::name(first))) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some(header) = Header::read(&file)?.filter(Header::is_known) else { return Ok(None) };
    let mut found = None;
    let visited = scan(&file, HEADER..file.size()?, header.id.seed(), &mut |it| match it {
        Found::Frame(header, _, bytes) if header.place.position == position.0 => {
            found = encoding::decode(&Bytes::copy_from_slice(bytes), 0, &header);
            // Nothing behind it is of interest.
            Err(io::ErrorKind::Interrupted.into())
        }
        Found::Frame(..) | Found::Damage(_) => Ok(()),
    });
    match visited {
        Err(error) if found.is_none() => Err(error),
        Ok(()) | Err(_) => Ok(found),
    }
}
