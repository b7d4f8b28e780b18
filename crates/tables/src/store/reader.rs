//! A file read in any order, by threads that may block.

use std::{
    cell::RefCell,
    fs::File,
    io::{self, BufReader, IoSliceMut, Read},
    ops::Range,
    path::PathBuf,
    sync::Arc,
};

use bytes::Bytes;
use object_store::{ObjectStore, ObjectStoreExt as _, path::Path};
use parquet::{
    errors::ParquetError,
    file::reader::{ChunkReader, Length},
};
use rustix::{
    buffer::spare_capacity,
    io::{ReadWriteFlags, pread, preadv2},
};
use tokio::{runtime::Handle, task};

use crate::Error;

/// Bytes that a sequential read asks for at once.
const READ_BYTES: usize = 64 << 10;
/// The largest range that is read without asking whether it takes time.
const AT_ONCE_BYTES: usize = 1 << 20;

/// An open file. Cheap to clone; clones share nothing that moves.
#[derive(Clone, Debug)]
pub struct Reader {
    source: Source,
    length: u64,
}

#[derive(Clone, Debug)]
enum Source {
    Local(Arc<File>),
    Remote { objects: Arc<dyn ObjectStore>, key: Path, handle: Handle },
}

impl Reader {
    pub(super) fn local(path: PathBuf, length: u64) -> Result<Self, Error> {
        let file = File::open(&path).map_err(|source| {
            Error::Store(object_store::Error::NotFound {
                path: path.display().to_string(),
                source: source.into(),
            })
        })?;
        Ok(Self { source: Source::Local(Arc::new(file)), length })
    }

    pub(super) fn remote(objects: Arc<dyn ObjectStore>, key: Path, length: u64) -> Self {
        Self { source: Source::Remote { objects, key, handle: Handle::current() }, length }
    }

    /// Exactly these ranges. Those of a local file come at once where memory holds them, and from a
    /// thread that may block where it does not.
    ///
    /// # Errors
    /// When the file is shorter or cannot be read.
    pub async fn ranges(&self, ranges: Vec<Range<u64>>) -> Result<Vec<Bytes>, io::Error> {
        match &self.source {
            Source::Remote { objects, key, .. } => Ok(objects.get_ranges(key, &ranges).await?),
            Source::Local(file) => {
                let at_once: Option<Vec<Bytes>> =
                    ranges.iter().map(|it| in_memory(file, it)).collect();
                if let Some(found) = at_once {
                    return Ok(found);
                }
                let reader = self.clone();
                let read = move || ranges.iter().map(|it| reader.range(it)).collect();
                task::spawn_blocking(read).await?
            }
        }
    }

    fn range(&self, range: &Range<u64>) -> Result<Bytes, io::Error> {
        let length = usize::try_from(range.end.saturating_sub(range.start));
        self.read(range.start, length.map_err(|_| io::ErrorKind::InvalidInput)?)
    }

    /// Exactly `length` bytes from `start` on. Blocks.
    pub(super) fn read(&self, start: u64, length: usize) -> Result<Bytes, io::Error> {
        match &self.source {
            Source::Local(file) => {
                let mut bytes = Vec::with_capacity(length);
                while bytes.len() < length {
                    let next = start + bytes.len() as u64;
                    // Memory of this size takes as long to clear as to fill.
                    if pread(file, spare_capacity(&mut bytes), next)? == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                bytes.truncate(length);
                Ok(bytes.into())
            }
            Source::Remote { objects, key, handle } => {
                let bytes =
                    handle.block_on(objects.get_range(key, start..start + length as u64))?;
                if bytes.len() == length {
                    Ok(bytes)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                }
            }
        }
    }

    /// Exactly `length` bytes from `start` on. Blocks.
    ///
    /// # Errors
    /// When the file is shorter or cannot be read.
    pub fn bytes(&self, start: u64, length: usize) -> Result<Bytes, io::Error> {
        self.read(start, length)
    }
}

/// A range of a file, if no device need be asked for it.
fn in_memory(file: &File, range: &Range<u64>) -> Option<Bytes> {
    thread_local! {
        // New memory would have to be cleared each time, which takes longer than a copy.
        static ROOM: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    let length = usize::try_from(range.end.checked_sub(range.start)?).ok()?;
    if length > AT_ONCE_BYTES {
        return None;
    }
    ROOM.with_borrow_mut(|room| {
        if room.len() < length {
            room.resize(length, 0);
        }
        let room = room.get_mut(..length)?;
        let mut slices = [IoSliceMut::new(room)];
        let read = preadv2(file, &mut slices, range.start, ReadWriteFlags::NOWAIT).ok()?;
        (read == length).then(|| Bytes::copy_from_slice(room))
    })
}

impl Length for Reader {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Reader {
    type T = BufReader<Sequential>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(BufReader::with_capacity(READ_BYTES, Sequential { reader: self.clone(), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        Ok(self.read(start, length)?)
    }
}

/// Reads on from a place in the file.
#[derive(Debug)]
pub struct Sequential {
    reader: Reader,
    at: u64,
}

impl Read for Sequential {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, io::Error> {
        let left = self.reader.length.saturating_sub(self.at);
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let bytes = self.reader.read(self.at, wanted)?;
        if let Some(place) = buffer.get_mut(..bytes.len()) {
            place.copy_from_slice(&bytes);
        }
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }
}
