//! The bytes of objects: one file per blob, written once, never changed.
//!
//! A blob is written under its final, random name and synced with its directory before the index
//! speaks of it; until then it is an orphan, which the next start removes. A blob that the index has
//! forgotten is removed at once, or when its last reader is done.
//! Lives elsewhere: which blobs make an object (`index`).

mod lease;
mod read;
mod write;

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use ambient::Ambient;
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

pub(crate) use self::{
    read::Reading,
    write::{Draft, WriteError},
};
use crate::Error;

/// How many bytes are gathered before they are hashed and written, and read at once.
const CHUNK: usize = 256 * 1024;

/// A file of bytes, and how many.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Blob {
    /// 32 hexadecimal digits.
    pub(crate) id: String,
    pub(crate) size: u64,
}

/// The folder of blobs, in 256 shards by the first two digits of the name.
#[derive(Debug)]
pub(crate) struct Disk {
    folder: PathBuf,
    ambient: Ambient,
    leases: Mutex<lease::Leases>,
}

impl Disk {
    /// Opens the folder, and creates its shards when they are not there.
    pub(crate) fn open(folder: PathBuf, ambient: Ambient) -> Result<Arc<Self>, Error> {
        let create = |path: &Path| match fs::create_dir(path) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(Error::io("create", path, e)),
            _ => Ok(()),
        };
        create(&folder)?;
        for shard in 0..=u8::MAX {
            create(&folder.join(format!("{shard:02x}")))?;
        }
        sync_folder(&folder)?;
        if let Some(parent) = folder.parent() {
            sync_folder(parent)?;
        }
        Ok(Arc::new(Self { folder, ambient, leases: Mutex::default() }))
    }

    /// Removes every file that is not among `live`: what a crash left. Only before the first write.
    pub(crate) fn sweep(&self, live: &HashSet<String>) -> Result<(), Error> {
        let mut swept = 0_u64;
        for shard in 0..=u8::MAX {
            let shard = self.folder.join(format!("{shard:02x}"));
            for entry in fs::read_dir(&shard).map_err(|e| Error::io("list", &shard, e))? {
                let entry = entry.map_err(|e| Error::io("list", &shard, e))?;
                if entry.file_name().to_str().is_some_and(|name| live.contains(name)) {
                    continue;
                }
                let path = entry.path();
                fs::remove_file(&path).map_err(|e| Error::io("remove", &path, e))?;
                swept += 1;
            }
        }
        if swept > 0 {
            info!(files = swept, "files of unfinished uploads removed");
        }
        Ok(())
    }

    /// Removes blobs that the index has forgotten; those being read, when that ends.
    pub(crate) async fn discard(self: &Arc<Self>, ids: Vec<String>) {
        let unread = self.leases().condemn(ids);
        if unread.is_empty() {
            return;
        }
        let disk = Arc::clone(self);
        // A failure leaves an orphan, which the next start removes.
        let _ = tokio::task::spawn_blocking(move || disk.remove(&unread)).await;
    }

    fn remove(&self, ids: &[String]) {
        for id in ids {
            let path = self.path(id);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    warn!(path = %path.display(), %error, "cannot remove the bytes of an object");
                }
                _ => {}
            }
        }
    }

    fn path(&self, id: &str) -> PathBuf {
        self.shard(id).join(id)
    }

    fn shard(&self, id: &str) -> PathBuf {
        self.folder.join(id.get(..2).unwrap_or("00"))
    }
}

/// Makes what was created, renamed or removed in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Error> {
    fs::File::open(folder)
        .and_then(|it| it.sync_all())
        .map_err(|e| Error::io("sync the folder", folder, e))
}
