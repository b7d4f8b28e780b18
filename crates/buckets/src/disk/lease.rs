//! Who is reading which blob, so that none disappears under a reader.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, MutexGuard, PoisonError},
};

use super::{Blob, Disk};

/// How many readers each blob has, and which blobs go when the last one leaves.
#[derive(Debug, Default)]
pub(super) struct Leases {
    readers: HashMap<String, usize>,
    condemned: HashSet<String>,
}

impl Leases {
    /// Marks blobs for removal and gives back those that nobody reads.
    pub(super) fn condemn(&mut self, ids: Vec<String>) -> Vec<String> {
        let (read, unread) =
            ids.into_iter().partition::<Vec<_>, _>(|id| self.readers.contains_key(id));
        self.condemned.extend(read);
        unread
    }

    fn enter(&mut self, blobs: &[Blob]) {
        for blob in blobs {
            *self.readers.entry(blob.id.clone()).or_default() += 1;
        }
    }

    /// Ends a reader; gives back what must be removed now.
    fn leave(&mut self, blobs: &[Blob]) -> Vec<String> {
        let mut gone = Vec::new();
        for blob in blobs {
            let Some(readers) = self.readers.get_mut(&blob.id) else { continue };
            *readers -= 1;
            if *readers == 0 {
                self.readers.remove(&blob.id);
                gone.extend(self.condemned.take(&blob.id));
            }
        }
        gone
    }
}

/// Keeps blobs in place while it lives.
#[derive(Debug)]
pub(super) struct Lease {
    disk: Arc<Disk>,
    blobs: Vec<Blob>,
}

impl Lease {
    pub(super) fn blobs(&self) -> &[Blob] {
        &self.blobs
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let gone = self.disk.leases().leave(&self.blobs);
        if gone.is_empty() {
            return;
        }
        let disk = Arc::clone(&self.disk);
        // Outside a runtime the files stay, as orphans for the next start.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn_blocking(move || disk.remove(&gone));
        }
    }
}

impl Disk {
    pub(super) fn lease(self: &Arc<Self>, blobs: Vec<Blob>) -> Lease {
        self.leases().enter(&blobs);
        Lease { disk: Arc::clone(self), blobs }
    }

    pub(super) fn leases(&self) -> MutexGuard<'_, Leases> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
