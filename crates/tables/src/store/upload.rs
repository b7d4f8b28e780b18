//! A file written piece by piece, from threads that may block, with bounded memory.

use std::io::{self, Write};

use object_store::{MultipartUpload, ObjectStoreExt as _, PutPayload, path::Path};
use tokio::runtime::Handle;

use super::Store;
use crate::Error;

/// Bytes that are gathered before they are sent. A file that is smaller goes in one piece.
const PART_BYTES: usize = 8 << 20;

/// A file in the making. Dropped before [`Upload::finish`] it leaves nothing that anyone reads.
#[derive(Debug)]
pub struct Upload {
    store: Store,
    key: Path,
    handle: Handle,
    parts: Option<Box<dyn MultipartUpload>>,
    gathered: Vec<u8>,
    written: u64,
}

impl Upload {
    pub(super) fn new(store: Store, key: Path) -> Self {
        let handle = Handle::current();
        Self { store, key, handle, parts: None, gathered: Vec::new(), written: 0 }
    }

    /// Completes the file and syncs it; nothing may be written after. Blocks. Returns its length.
    ///
    /// # Errors
    /// When it cannot be written or synced; it may then be there or not.
    pub fn finish(&mut self) -> Result<u64, Error> {
        let rest = PutPayload::from(std::mem::take(&mut self.gathered));
        let (store, key) = (self.store.clone(), self.key.clone());
        let parts = self.parts.take();
        self.handle.block_on(async move {
            match parts {
                Some(mut parts) => {
                    parts.put_part(rest).await?;
                    parts.complete().await?;
                }
                None => {
                    store.objects.put(&key, rest).await?;
                }
            }
            store.sync(key).await
        })?;
        Ok(self.written)
    }

    fn send(&mut self) -> Result<(), object_store::Error> {
        let part = PutPayload::from(std::mem::take(&mut self.gathered));
        let (parts, store, key) = (&mut self.parts, &self.store, &self.key);
        self.handle.block_on(async {
            let parts = match parts {
                Some(parts) => parts,
                None => parts.insert(store.objects.put_multipart(key).await?),
            };
            parts.put_part(part).await
        })
    }
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, io::Error> {
        self.gathered.extend_from_slice(bytes);
        self.written += bytes.len() as u64;
        if self.gathered.len() >= PART_BYTES {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), io::Error> {
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(mut parts) = self.parts.take() {
            self.handle.spawn(async move { parts.abort().await });
        }
    }
}
