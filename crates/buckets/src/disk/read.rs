//! Reading a range of an object as a stream.

use std::{fs::File, io, ops::Range, sync::Arc};

use bytes::Bytes;
use futures::{Stream, stream};
use rustix::{buffer::spare_capacity, io::pread};

use super::{Blob, CHUNK, Disk, lease::Lease};
use crate::Error;

/// An object being read: holds its blobs in place until it is dropped.
#[derive(Debug)]
pub(crate) struct Reading {
    disk: Arc<Disk>,
    lease: Lease,
    /// What is still to come, in bytes of the object.
    range: Range<u64>,
    open: Option<Open>,
}

/// The blob that is being read.
#[derive(Debug)]
struct Open {
    file: Arc<File>,
    /// Where the blob lies in the object.
    place: Range<u64>,
}

impl Disk {
    /// Begins to read `range` of the object that `blobs` make. `None` when its first blob is gone:
    /// the object was replaced since the index was asked.
    pub(crate) async fn read(
        self: &Arc<Self>,
        blobs: Vec<Blob>,
        range: Range<u64>,
    ) -> Result<Option<Reading>, Error> {
        let mut reading =
            Reading { disk: Arc::clone(self), lease: self.lease(blobs), range, open: None };
        if reading.range.is_empty() {
            return Ok(Some(reading));
        }
        match reading.seek().await {
            Ok(open) => {
                reading.open = Some(open);
                Ok(Some(reading))
            }
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }
}

impl Reading {
    /// The bytes, in chunks. At most one chunk is in memory.
    pub(crate) fn stream(self) -> impl Stream<Item = Result<Bytes, Error>> + Send {
        stream::try_unfold(self, |mut reading| async move {
            Ok(reading.next().await?.map(|bytes| (bytes, reading)))
        })
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        if self.range.is_empty() {
            return Ok(None);
        }
        let open = match self.open.take() {
            Some(open) if open.place.contains(&self.range.start) => open,
            _ => self.seek().await?,
        };
        let end = self.range.end.min(open.place.end);
        let count = usize::try_from(end - self.range.start).unwrap_or(CHUNK).min(CHUNK);
        let (file, at) = (Arc::clone(&open.file), self.range.start - open.place.start);
        let read = tokio::task::spawn_blocking(move || read_exact(&file, at, count));
        let bytes = read
            .await
            .map_err(|_| Error::Torn)?
            .map_err(|e| Error::io("read an object in", &self.disk.folder, e))?;
        self.range.start += bytes.len() as u64;
        self.open = Some(open);
        Ok(Some(bytes))
    }

    /// Opens the blob that holds the next byte.
    async fn seek(&self) -> Result<Open, Error> {
        let mut start = 0;
        for blob in self.lease.blobs() {
            let place = start..start + blob.size;
            if place.contains(&self.range.start) {
                let path = self.disk.path(&blob.id);
                let file = tokio::task::spawn_blocking(move || {
                    File::open(&path).map_err(|e| Error::io("open", path, e))
                });
                let file = Arc::new(file.await.map_err(|_| Error::Torn)??);
                return Ok(Open { file, place });
            }
            start = place.end;
        }
        Err(Error::Damaged("an object is shorter than it says"))
    }
}

/// Into memory that nobody clears first: for pieces of this size that costs as much as reading.
fn read_exact(file: &File, at: u64, count: usize) -> io::Result<Bytes> {
    let mut bytes = Vec::with_capacity(count);
    while bytes.len() < count {
        let next = at + bytes.len() as u64;
        if pread(file, spare_capacity(&mut bytes), next)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    bytes.truncate(count);
    Ok(bytes.into())
}
