//! The seam to the file system: the few calls the log makes, so that a test can put a disk beneath
//! it that forgets, tears, fills up and fails.
//!
//! Lives here: [`Disk`] and [`File`], and [`Folder`], the real thing. Every call blocks.
//! Lives elsewhere: the disk that fails on purpose (`simulated`), what is written (`segment`).

use std::{
    any::Any,
    fmt::Debug,
    fs::{self, DirBuilder, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, FileExt, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::fs::{Advice, FlockOperation, fadvise, flock};

/// A folder of files. Names are relative to it; `/` separates at most one level of folders.
///
/// Nothing but [`File::sync_data`] and [`Disk::sync_dir`] makes anything survive a crash: the first
/// the contents of a file, the second which names a folder holds.
pub trait Disk: Debug + Send + Sync {
    /// Creates an empty file.
    ///
    /// # Errors
    /// When the name is taken, or the operating system refuses.
    fn create(&self, name: &str) -> io::Result<Arc<dyn File>>;

    /// Opens a file that is there.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] when it is not there; else when the operating system refuses.
    fn open(&self, name: &str) -> io::Result<Arc<dyn File>>;

    /// Names and lengths of the files in a folder, in any order; `""` is the folder itself.
    ///
    /// # Errors
    /// When the operating system refuses. A folder that is not there is empty.
    fn list(&self, folder: &str) -> io::Result<Vec<(String, u64)>>;

    /// Gives a file another name, in one step, replacing a file of that name. Makes its folder.
    ///
    /// # Errors
    /// When the operating system refuses.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// When the operating system refuses.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Says that nobody will read a file again. Only a hint: freeing the memory that its bytes take
    /// is most of the cost of removing it, and may so be paid beforehand and elsewhere.
    fn let_go(&self, _name: &str) {}

    /// Makes the names in a folder survive a crash.
    ///
    /// # Errors
    /// When the operating system refuses; a second try proves nothing.
    fn sync_dir(&self, folder: &str) -> io::Result<()>;

    /// Keeps every other process out, until the value is dropped.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when another process has it; else when the operating system
    /// refuses.
    fn lock(&self) -> io::Result<Box<dyn Any + Send + Sync>>;
}

/// An open file.
pub trait File: Debug + Send + Sync {
    /// Reads until `bytes` is full or the file ends, and says how much it was.
    ///
    /// # Errors
    /// When the operating system refuses.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all of `bytes`. On error, any part of them may have been written.
    ///
    /// # Errors
    /// [`io::ErrorKind::StorageFull`] or [`io::ErrorKind::QuotaExceeded`] when there is no room;
    /// else when the operating system refuses.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes the contents survive a crash.
    ///
    /// # Errors
    /// When the operating system refuses; a second try proves nothing.
    fn sync_data(&self) -> io::Result<()>;

    /// Cuts the file at `length`.
    ///
    /// # Errors
    /// When the operating system refuses.
    fn truncate(&self, length: u64) -> io::Result<()>;

    /// Bytes in the file.
    ///
    /// # Errors
    /// When the operating system refuses.
    fn size(&self) -> io::Result<u64>;
}

/// A folder of the operating system's.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Uses the folder at `root`, which is made, readable by its owner alone, when it is not there.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn new(root: &Path) -> io::Result<Self> {
        make_folder(root)?;
        Ok(Self { root: root.to_owned() })
    }
}

impl Disk for Folder {
    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let mut options = OpenOptions::new();
        options.create_new(true).read(true).write(true).mode(0o600);
        Ok(Arc::new(options.open(self.root.join(name))?))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(OpenOptions::new().read(true).write(true).open(self.root.join(name))?))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<(String, u64)>> {
        let mut files = Vec::new();
        let entries = match fs::read_dir(self.root.join(folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(files),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let about = entry.metadata()?;
            // A name that is not UTF-8 is none of ours.
            if let (true, Ok(name)) = (about.is_file(), entry.file_name().into_string()) {
                files.push((name, about.len()));
            }
        }
        Ok(files)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let to = self.root.join(to);
        if let Some(folder) = to.parent().filter(|it| **it != self.root) {
            make_folder(folder)?;
        }
        fs::rename(self.root.join(from), to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.root.join(name))
    }

    fn let_go(&self, name: &str) {
        if let Ok(file) = fs::File::open(self.root.join(name)) {
            let _only_a_hint = fadvise(&file, 0, None, Advice::DontNeed);
        }
    }

    fn sync_dir(&self, folder: &str) -> io::Result<()> {
        fs::File::open(self.root.join(folder))?.sync_all()
    }

    fn lock(&self) -> io::Result<Box<dyn Any + Send + Sync>> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(0o600);
        let file = options.open(self.root.join("lock"))?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Box::new(file))
    }
}

/// Makes a folder whose own name survives a crash too.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => fs::File::open(parent)?.sync_all(),
        _ => fs::File::open(".")?.sync_all(),
    }
}

impl File for fs::File {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut read = 0;
        while let Some(rest) = bytes.get_mut(read..).filter(|it| !it.is_empty()) {
            match FileExt::read_at(self, rest, offset + read as u64) {
                Ok(0) => break,
                Ok(n) => read += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        Self::sync_data(self)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}
