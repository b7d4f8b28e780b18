//! What is kept of each file that an import took: a statement, which goes into the log and so becomes
//! a leaf of the Merkle tree, and no record.
//!
//! What a round took, and what it could not take, is written down before its commit, in a file that
//! the commit names. After it the statements are appended to the log, and kept beside the table by
//! their positions, for who wants to prove one when the log has let go of it. Whatever crashes, each
//! file that is in the table has one leaf, and who asked for the import hears of each that is not.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, BufRead as _, BufReader},
    ops::Range,
    path::Path,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use catalog::StoreArn;
use jiff::Timestamp;
use log::{EventLog, Evidence, Frame, Kind, Marks, Position};
use record::Category;
use serde::{Deserialize, Serialize};
use tables::Store;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::{Error, EventTable, import::FileNews};

/// Folder of minutes, beside the tables.
const FOLDER: &str = "imports";
/// Bytes of bodies that are read from the log at once.
const READ_BYTES: usize = 4 << 20;

/// Where an import notes which files it took, and for whom.
#[derive(Clone, Debug)]
pub struct Notes {
    /// The log that the tree follows.
    pub log: Arc<dyn EventLog>,
    /// The store that takes the files.
    pub store: StoreArn,
}

/// A file that was imported, as the tree commits to it: as JSON, in this order.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportedFile {
    /// Where it lay, such as `s3://bucket/AWSLogs/…`.
    pub file: String,
    /// SHA-256 of its bytes as they lay there, in lowercase hex.
    pub sha256: String,
    /// How many they are.
    pub size: u64,
    /// How many events it had.
    pub events: u64,
    /// ARN of the event data store that took it.
    pub event_data_store: String,
    /// The import.
    pub import_id: Uuid,
}

/// The minutes of one import.
pub(crate) struct Minutes<'a> {
    table: &'a EventTable,
    notes: &'a Notes,
    import: Uuid,
}

/// What came of the files of a round.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Round {
    pub(crate) taken: Vec<ImportedFile>,
    pub(crate) news: Vec<FileNews>,
}

/// A round that is written down, whose statements are not appended yet; of use once a commit names it.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Pending {
    url: String,
    /// What was appended of them lies behind it.
    after: u64,
}

impl<'a> Minutes<'a> {
    pub(crate) const fn new(table: &'a EventTable, notes: &'a Notes, import: Uuid) -> Self {
        Self { table, notes, import }
    }

    /// The name of the table's mark that names what is pending.
    pub(crate) fn mark(&self) -> String {
        format!("{MARK}{}", self.import)
    }

    /// Writes a round down.
    pub(crate) async fn write(&self, round: &Round) -> Result<Pending, Error> {
        let after = self.notes.log.durable().borrow().0;
        let unique = self.table.target.random.uuid();
        let url = format!("{}/{FOLDER}/{}/{unique}{PENDING}", self.store().location(), self.import);
        self.store().put(&url, serde_json::to_vec(round)?.into()).await?;
        Ok(Pending { url, after })
    }

    /// Forgets what no commit has named.
    pub(crate) async fn drop(&self, pending: &Pending) -> Result<(), Error> {
        Ok(self.store().delete(&pending.url).await?)
    }

    /// Settles what a crash has left, forgets what it had not come to commit, and tells the news that
    /// nobody may have heard. To be called while nobody else does.
    pub(crate) async fn take_up(&self) -> Result<Vec<FileNews>, Error> {
        // A commit before may have been made although it seemed to fail.
        self.table.refresh().await?;
        let news = match self.pending().await? {
            Some((_, round)) => round.news,
            None => Vec::new(),
        };
        self.settle().await?;
        let folder = format!("{}/{FOLDER}/{}", self.store().location(), self.import);
        for (url, _) in self.store().list(&folder).await? {
            if url.ends_with(PENDING) {
                self.store().delete(&url).await?;
            }
        }
        Ok(news)
    }

    /// What the table names as pending and has not been settled.
    async fn pending(&self) -> Result<Option<(Pending, Round)>, Error> {
        let Some(mark) = self.table.mark(&self.mark()).await else { return Ok(None) };
        let pending: Pending = serde_json::from_str(&mark)?;
        if self.store().head(&pending.url).await?.is_none() {
            return Ok(None);
        }
        let round = serde_json::from_slice(&self.store().get(&pending.url).await?)?;
        Ok(Some((pending, round)))
    }

    /// Appends what the table names as pending and has not been appended; waits while the log has no
    /// room. To be called while nobody else does.
    pub(crate) async fn settle(&self) -> Result<(), Error> {
        let Some((pending, round)) = self.pending().await? else { return Ok(()) };
        let mut kept = self.appended(pending.after).await?;
        let there: BTreeSet<&Bytes> = kept.iter().map(|it| &it.1).collect();
        let bodies: Vec<Bytes> = round
            .taken
            .iter()
            .map(|it| Ok(serde_json::to_vec(it)?.into()))
            .collect::<Result<_, Error>>()?;
        let missing: Vec<Bytes> = bodies.into_iter().filter(|it| !there.contains(it)).collect();
        let positions = self.append(&missing).await?;
        kept.extend((positions.start.0..).zip(missing));
        let mut lines = Vec::new();
        for (position, body) in &kept {
            lines.extend_from_slice(format!("{position} ").as_bytes());
            lines.extend_from_slice(body);
            lines.push(b'\n');
        }
        let url = pending.url.replace(PENDING, KEPT);
        self.store().put(&url, lines.into()).await?;
        self.drop(&pending).await
    }

    async fn append(&self, bodies: &[Bytes]) -> Result<Range<Position>, Error> {
        loop {
            let now = self.table.now();
            let frames = bodies.iter().map(|it| self.frame(it.clone(), now)).collect();
            match self.notes.log.append(frames).await {
                Err(log::Error::Full { .. }) => self.table.pause(ROOM).await,
                appended => return Ok(appended?),
            }
        }
    }

    /// The statements of this import from a position on. What the log has let go of is taken for not
    /// appended: it does so only when the tree has them, and a second leaf says nothing false.
    async fn appended(&self, after: u64) -> Result<Vec<(u64, Bytes)>, Error> {
        let log = &self.notes.log;
        let (end, source) = (*log.durable().borrow(), self.source());
        let mut next = Position(after).max(log.first());
        let mut found = Vec::new();
        while next < end {
            let entries = log.read(next, READ_BYTES).await?;
            let Some(last) = entries.last() else { break };
            next = last.position.next();
            let ours = entries.into_iter().filter(|it| it.frame.kind == Kind::ImportedFile);
            let ours = ours.filter(|it| it.frame.source == source);
            found.extend(ours.map(|it| (it.position.0, it.frame.body)));
        }
        Ok(found)
    }

    fn frame(&self, body: Bytes, now: Timestamp) -> Frame {
        Frame {
            kind: Kind::ImportedFile,
            evidence: Evidence::Import,
            marks: Marks::NONE,
            category: Category::Management,
            arrival: now,
            source: self.source(),
            source_sequence: 0,
            account: self.notes.store.account,
            region: self.notes.store.region.clone(),
            answers: None,
            body,
        }
    }

    fn source(&self) -> String {
        format!("import/{}", self.import)
    }

    fn store(&self) -> &Store {
        &self.table.target.store
    }
}

/// The statement that stands at a position of the log, from the folder of the tables. Blocks.
///
/// # Errors
/// When a file cannot be read.
pub fn statement_at(tables: &Path, position: u64) -> io::Result<Option<Vec<u8>>> {
    let within = |folder: &Path| match fs::read_dir(folder) {
        Ok(entries) => entries.map(|it| Ok(it?.path())).collect::<io::Result<Vec<_>>>(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    };
    let start = format!("{position} ");
    for import in within(&tables.join(FOLDER))? {
        for file in within(&import)?.iter().filter(|it| it.to_string_lossy().ends_with(KEPT)) {
            for line in BufReader::new(fs::File::open(file)?).lines() {
                if let Some(statement) = line?.strip_prefix(&start) {
                    return Ok(Some(statement.as_bytes().to_vec()));
                }
            }
        }
    }
    Ok(None)
}

/// Settles what imports into a table have left, but for those that run: they do it themselves.
pub(crate) async fn settle_all(
    table: &EventTable,
    notes: &Notes,
    running: &BTreeSet<Uuid>,
) -> Result<(), Error> {
    let ids = table.marks_called(MARK).await;
    for id in ids.iter().filter_map(|it| it.parse().ok()).filter(|it| !running.contains(it)) {
        let _turn = table.noting.lock().await;
        Minutes::new(table, notes, id).settle().await?;
    }
    Ok(())
}

/// Held while statements of a table's imports are committed and appended.
pub(crate) type Turn = Mutex<()>;

/// How the marks that name what is pending begin.
const MARK: &str = "minutes.";
/// Between looks for room in the log.
const ROOM: Duration = Duration::from_secs(1);
const PENDING: &str = ".pending.json";
const KEPT: &str = ".txt";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_found_by_its_position() {
        let tables = tempfile::tempdir().unwrap();
        assert_eq!(statement_at(tables.path(), 7).unwrap(), None);
        let import = tables.path().join(FOLDER).join("an-import");
        fs::create_dir_all(&import).unwrap();
        fs::write(import.join("b.pending.json"), "7 wrong\n").unwrap();
        fs::write(import.join("a.txt"), "77 {\"n\":1}\n7 {\"n\":2}\n").unwrap();
        assert_eq!(statement_at(tables.path(), 7).unwrap().unwrap(), br#"{"n":2}"#);
        assert_eq!(statement_at(tables.path(), 8).unwrap(), None);
    }
}
