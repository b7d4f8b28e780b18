//! Files of a local folder made durable: the file, its directory, and the directories above it that
//! are new.

use std::{
    collections::HashSet,
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use futures::future::BoxFuture;

use super::Durability;

/// Syncs files and directories of a folder.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    /// Directories whose own entry is known to be synced.
    known: Arc<Mutex<HashSet<PathBuf>>>,
}

impl Folder {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root, known: Arc::default() }
    }
}

impl Durability for Folder {
    fn sync(&self, key: object_store::path::Path) -> BoxFuture<'_, Result<(), io::Error>> {
        let (root, known) = (self.root.clone(), Arc::clone(&self.known));
        Box::pin(async move {
            let sync = move || sync(&root, &known, &root.join(key.as_ref()));
            tokio::task::spawn_blocking(sync).await.map_err(io::Error::other)?
        })
    }
}

fn sync(root: &Path, known: &Mutex<HashSet<PathBuf>>, file: &Path) -> Result<(), io::Error> {
    File::open(file)?.sync_all()?;
    let Some(folder) = file.parent() else { return Ok(()) };
    File::open(folder)?.sync_all()?;
    let is_known = |it: &Path| known.lock().unwrap_or_else(PoisonError::into_inner).contains(it);
    let mut below = folder;
    // The entry of a new directory lies in the one above it, up to the store's own in its parent.
    while !is_known(below) {
        let Some(above) = below.parent() else { break };
        File::open(above)?.sync_all()?;
        known.lock().unwrap_or_else(PoisonError::into_inner).insert(below.to_owned());
        if below == root {
            break;
        }
        below = above;
    }
    Ok(())
}

/// Removes the files that a write leaves behind when a crash cuts it short: `name#1`. The object
/// store does not list them. Errors are left for the next start.
pub(super) fn remove_staged(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|it| it.is_dir()) {
            remove_staged(&path);
        } else if entry.file_name().to_string_lossy().contains('#') {
            std::fs::remove_file(&path).ok();
        }
    }
}
