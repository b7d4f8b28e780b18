//! Writing a blob from a stream.

use std::{
    fs::{self, File},
    io::Write as _,
    sync::Arc,
};

use bytes::Bytes;
use futures::{Stream, StreamExt as _};

use super::{Blob, CHUNK, Disk, sync_folder};
use crate::{
    Error,
    digest::{Digests, Hasher},
};

/// A blob that is on disk but not in the index yet. Dropped, it is removed, unless
/// [`Draft::entrust`] was called.
#[derive(Debug)]
pub(crate) struct Draft {
    disk: Arc<Disk>,
    blob: Blob,
    is_entrusted: bool,
}

/// Why a blob was not written.
#[derive(Debug)]
pub(crate) enum WriteError {
    /// The stream ended in an error.
    Body,
    /// We could not.
    Disk(Error),
    /// The stream has more bytes than allowed.
    TooLarge,
}

impl From<Error> for WriteError {
    fn from(error: Error) -> Self {
        Self::Disk(error)
    }
}

impl Draft {
    pub(crate) fn blob(&self) -> &Blob {
        &self.blob
    }

    /// From now on the index decides what becomes of the blob. Called before the index is asked to
    /// commit, for a commit whose end we do not see may have succeeded.
    pub(crate) fn entrust(mut self) -> Blob {
        self.is_entrusted = true;
        self.blob.clone()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_entrusted {
            let (disk, id) = (Arc::clone(&self.disk), self.blob.id.clone());
            // Outside a runtime the file stays, as an orphan for the next start.
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn_blocking(move || disk.remove(&[id]));
            }
        }
    }
}

impl Disk {
    /// Writes and syncs a blob of at most `max` bytes. At most one chunk and the stream's own item
    /// are in memory.
    pub(crate) async fn write<E>(
        self: &Arc<Self>,
        body: impl Stream<Item = Result<Bytes, E>>,
        hasher: Hasher,
        max: u64,
    ) -> Result<(Draft, Digests), WriteError> {
        let mut body = std::pin::pin!(body);
        let mut draft = self.draft();
        let path = self.path(&draft.blob.id);
        let file = blocking(move || {
            File::options()
                .write(true)
                .create_new(true)
                .open(&path)
                .map_err(|e| Error::io("create", path, e))
        })
        .await?;
        let mut pen = Pen { file, hasher };
        let mut gathered = Vec::new();
        let mut waiting = 0;
        while let Some(bytes) = body.next().await {
            let bytes = bytes.map_err(|_| WriteError::Body)?;
            draft.blob.size += bytes.len() as u64;
            if draft.blob.size > max {
                return Err(WriteError::TooLarge);
            }
            waiting += bytes.len();
            gathered.push(bytes);
            if waiting >= CHUNK {
                waiting = 0;
                pen = self.put(pen, std::mem::take(&mut gathered)).await?;
            }
        }
        let pen = self.put(pen, gathered).await?;
        let shard = self.shard(&draft.blob.id);
        let digests = blocking(move || {
            pen.file.sync_all().map_err(|e| Error::io("sync a file in", &shard, e))?;
            sync_folder(&shard)?;
            Ok(pen.hasher.finish())
        })
        .await?;
        Ok((draft, digests))
    }

    /// Makes a second name for the bytes of a blob. `None` when the blob is gone.
    pub(crate) async fn link(self: &Arc<Self>, from: &Blob) -> Result<Option<Draft>, Error> {
        let mut draft = self.draft();
        draft.blob.size = from.size;
        let (old, new) = (self.path(&from.id), self.path(&draft.blob.id));
        let shard = self.shard(&draft.blob.id);
        let linked = blocking(move || match fs::hard_link(&old, &new) {
            Ok(()) => sync_folder(&shard).map(|()| true),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(Error::io("link", new, e)),
        })
        .await?;
        Ok(linked.then_some(draft))
    }

    fn draft(self: &Arc<Self>) -> Draft {
        let id = self.ambient.random.uuid().simple().to_string();
        Draft { disk: Arc::clone(self), blob: Blob { id, size: 0 }, is_entrusted: false }
    }

    async fn put(&self, mut pen: Pen, bytes: Vec<Bytes>) -> Result<Pen, Error> {
        let folder = self.folder.clone();
        blocking(move || {
            for bytes in bytes {
                pen.hasher.update(&bytes);
                pen.file
                    .write_all(&bytes)
                    .map_err(|e| Error::io("write an object in", &folder, e))?;
            }
            Ok(pen)
        })
        .await
    }
}

/// A file that is being written, and what was hashed of it.
struct Pen {
    file: File,
    hasher: Hasher,
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Torn)?
}
