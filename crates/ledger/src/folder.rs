//! The folder of the tree: reading files whole, replacing them whole, and making all of it durable.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use integrity::tree::Tile;

use crate::error::Error;

/// A folder, and files in it by their names.
#[derive(Clone, Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// A folder that is there already, for reading.
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Makes the folder when it is not there. Only its owner can look into it.
    pub(crate) fn create(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let folder = Self(path.into());
        folder.create_folder("salts")?;
        Ok(folder)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The bytes of a file; `None` when it is not there.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        match fs::read(self.path(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read", name)(error)),
        }
    }

    /// A stored tile, the full one when the partial one has made way for it.
    pub(crate) fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, Error> {
        match self.read(&tile.to_string())? {
            None if tile.is_partial() => self.read(&tile.full().to_string()),
            found => Ok(found),
        }
    }

    /// Replaces a file: after a crash it holds the old bytes or the new ones. Durable on return.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8], mode: u32) -> Result<(), Error> {
        let draft = self.path(&format!("{name}.new"));
        let path = self.path(name);
        let write = || {
            let mut options = OpenOptions::new();
            let mut file =
                options.create(true).truncate(true).write(true).mode(mode).open(&draft)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&draft, &path)?;
            sync_parent(&path)
        };
        write().map_err(failed("replace", name))
    }

    /// Writes a file that nothing names yet. Durable once [`Folder::sync`] has returned.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        match fs::write(self.path(name), bytes) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let parent = Path::new(name).parent().unwrap_or(Path::new(""));
                self.create_folder(&parent.to_string_lossy())?;
                fs::write(self.path(name), bytes)
            }
            written => written,
        }
        .map_err(failed("write", name))
    }

    /// Makes everything that was written durable, contents and names. One call for the whole file
    /// system: a batch makes too many files to sync each.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        File::open(&self.0)
            .and_then(|it| rustix::fs::syncfs(&it).map_err(Into::into))
            .map_err(failed("sync", "the folder of the tree"))
    }

    /// Removes what a full tile has taken the place of. What stays is superfluous and no harm.
    pub(crate) fn remove_partial(&self, full: Tile) {
        fs::remove_dir_all(self.path(&format!("{full}.p"))).ok();
    }

    /// Writes over the beginning of a file where it lies. Durable on return.
    pub(crate) fn overwrite(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let file = OpenOptions::new().write(true).open(self.path(name));
        let written = file.and_then(|mut it| it.write_all(bytes).and_then(|()| it.sync_all()));
        written.map_err(failed("overwrite", name))
    }

    /// Removes a file; that it is gone is durable on return. One that is not there is no error.
    pub(crate) fn remove(&self, name: &str) -> Result<(), Error> {
        let path = self.path(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.and_then(|()| sync_parent(&path)),
        }
        .map_err(failed("remove", name))
    }

    /// Waits until nobody else in this process grows the tree; holds until dropped.
    pub(crate) fn lock(&self) -> Result<File, Error> {
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).mode(0o600).open(self.path("lock"));
        let locked = file.and_then(|it| it.lock().map(|()| it));
        locked.map_err(failed("lock", "lock"))
    }

    pub(crate) fn create_folder(&self, name: &str) -> Result<(), Error> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(self.path(name)).map_err(failed("make", name))
    }
}

pub(crate) fn failed(action: &'static str, file: &str) -> impl FnOnce(io::Error) -> Error {
    let file = file.to_owned();
    move |source| Error::Io { action, file, source }
}

fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |it| File::open(it)?.sync_all())
}
