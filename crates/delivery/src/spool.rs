//! Finished files that wait for their buckets, on our own disk: synced before anything names them.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Write as _},
    path::PathBuf,
};

use bytes::Bytes;

/// A folder of finished files, each named by its sequence number.
#[derive(Clone, Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
}

impl Spool {
    /// Opens the folder, and drops files that nobody waits for: those of a decision that did not
    /// become durable, and those whose delivery did.
    pub(crate) fn open(folder: PathBuf, waiting: &BTreeSet<u64>) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let sequence = name.to_str().and_then(|it| it.strip_suffix(SUFFIX)?.parse().ok());
            if sequence.is_none_or(|it: u64| !waiting.contains(&it)) && entry.file_type()?.is_file()
            {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(Self { folder })
    }

    /// Writes a file. It is durable once [`Spool::sync`] has returned.
    pub(crate) fn write(&self, sequence: u64, body: &[u8]) -> io::Result<()> {
        let mut file = File::create(self.path(sequence))?;
        file.write_all(body)?;
        file.sync_all()
    }

    /// Makes the names of written files durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    pub(crate) fn read(&self, sequence: u64) -> io::Result<Bytes> {
        fs::read(self.path(sequence)).map(Bytes::from)
    }

    /// Drops a file. If that fails, the next start does it.
    pub(crate) fn remove(&self, sequence: u64) {
        fs::remove_file(self.path(sequence)).ok();
    }

    fn path(&self, sequence: u64) -> PathBuf {
        self.folder.join(format!("{sequence:020}{SUFFIX}"))
    }
}

const SUFFIX: &str = ".json.gz";
