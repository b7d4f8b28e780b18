//! Old log files into a store's table, each file once.
//!
//! Files are taken in the order of their days, so that what is written together belongs together.
//! After every few files what they held becomes part of the table, in the same commit as the place
//! that the import has come to: whatever crashes, no record is missing or there twice.
//! It does not pass the log, so that no trail and no rule fires on what happened long ago.
//!
//! Lives elsewhere: what an import is and who may start it (`catalog`, `api`), reading of files
//! (`logfiles`).

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, SyncSender},
    },
};

use arrow_array::{BooleanArray, RecordBatch};
use arrow_select::filter::filter_record_batch;
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use futures::future::BoxFuture;
use iceberg::spec::{DataFile, Operation};
use logfiles::{FILE_MAX, FileDecoder, FileError, LogFile, Source};
use serde::{Deserialize, Serialize};
use tables::Change;
use tokio::{
    runtime::Handle,
    task::{JoinError, JoinHandle},
};
use uuid::Uuid;
use views::View;

use crate::{
    Error, EventTable,
    columns::labelled,
    day_file::{DayFile, RowOrder, Target},
    minutes::{ImportedFile, Minutes, Notes, Round},
    order::days,
};

/// Bytes of files, as they lie, that become part of the table at once.
const ROUND_BYTES: u64 = 48 << 20;
/// Files that do.
const ROUND_FILES: usize = 4_096;
/// Days of which a task has files open.
const OPEN_DAYS: usize = 4;

/// What to import.
#[derive(Clone, Debug)]
pub struct ImportJob {
    /// The import's id: under it the table keeps how far it came.
    pub id: Uuid,
    /// Where the files lie.
    pub source: Source,
    /// Days as `2026-03-01`: files of days before are left out.
    pub from: Option<String>,
    /// Files of days after are left out.
    pub until: Option<String>,
    /// Files that failed before and are to be tried again, by their names.
    pub retried: BTreeSet<String>,
    /// Tasks that read at once.
    pub tasks: usize,
    /// Where it is noted which files were taken.
    pub notes: Notes,
}

/// How far an import has come. Kept in the table, as a mark.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct ImportProgress {
    /// The last file that is done with: its day, then its name.
    pub place: Option<(String, String)>,
    /// Folders in which files were found.
    pub folders_found: u64,
    /// Folders that are done with.
    pub folders_done: u64,
    /// Files that are done with.
    pub files: u64,
    /// Events in the table.
    pub events: u64,
    /// Files that could not be imported.
    pub failed: u64,
    /// Files that could not be imported at first, and were later.
    pub retried: BTreeSet<String>,
}

/// A file that could not be imported, or could at last.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct FileNews {
    /// As `$path` shows it.
    pub name: String,
    /// Why it could not be imported; none when it now was.
    pub failure: Option<FileFailure>,
}

/// Why a file could not be imported.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct FileFailure {
    /// Such as `AccessDenied`, `NoSuchKey`, `InvalidLogFile`.
    pub code: String,
    /// A sentence.
    pub reason: String,
}

/// Hears how an import goes; says whether it is to go on. After a crash the same may be told twice.
pub type OnProgress<'a> =
    dyn Fn(ImportProgress, Vec<FileNews>) -> BoxFuture<'a, Result<bool, Error>> + Send + Sync + 'a;

/// Imports what is left of a job. Returns whether it came to its end.
///
/// # Errors
/// When source, table, or who hears of it fail. What is in the table stays, and the next try goes on
/// from there.
pub async fn import(
    table: &Arc<EventTable>,
    job: &ImportJob,
    hear: &OnProgress<'_>,
) -> Result<bool, Error> {
    let _runs = table.importing();
    let minutes = Minutes::new(table, &job.notes, job.id);
    let turn = table.noting.lock().await;
    let unheard = minutes.take_up().await?;
    drop(turn);
    let mark = format!("import.{}", job.id);
    let mut before = table.mark(&mark).await;
    let mut progress = match &before {
        Some(text) => serde_json::from_str(text)?,
        None => ImportProgress::default(),
    };
    if !unheard.is_empty() && !hear(progress.clone(), unheard).await? {
        return Ok(false);
    }
    let mut files = LogFile::all(&job.source).await.map_err(tables::Error::from)?;
    files.retain(|it| is_meant(it, job));
    files.sort_by_cached_key(place);
    let folders = |files: &[LogFile]| -> BTreeMap<String, u64> {
        files.iter().fold(BTreeMap::new(), |mut folders, file| {
            *folders.entry(file.folder().to_owned()).or_default() += 1;
            folders
        })
    };
    let mut left_in = folders(&files);
    progress.folders_found = left_in.len() as u64;
    let again: Vec<LogFile> = files
        .iter()
        .filter(|it| job.retried.contains(it.name()) && !progress.retried.contains(it.name()))
        .cloned()
        .collect();
    let done = progress.place.clone();
    let passed = files.partition_point(|it| done.as_ref().is_some_and(|done| place(it) <= *done));
    for file in files.drain(..passed) {
        leave(&mut left_in, file.folder());
    }
    progress.folders_done = left_in.values().filter(|it| **it == 0).count() as u64;
    for (round, is_again) in
        rounds(again).map(|it| (it, true)).chain(rounds(files).map(|it| (it, false)))
    {
        let (target, tasks) = (table.target.clone(), job.tasks.max(1));
        let files: Arc<[LogFile]> = round.into();
        let work = {
            let files = Arc::clone(&files);
            move |begun: &mut Vec<String>| write(&files, &target, tasks, begun)
        };
        let Written { files: add, events, mut news, taken } = table.write(work).await?;
        progress.events += events;
        let failed: HashSet<&str> = news.iter().map(|it: &FileNews| it.name.as_str()).collect();
        if is_again {
            let good = files.iter().filter(|it| !failed.contains(it.name()));
            progress.retried.extend(good.clone().map(|it| it.name().to_owned()));
            progress.failed = progress.failed.saturating_sub(good.count() as u64);
        } else {
            progress.files += files.len() as u64;
            progress.failed += failed.len() as u64;
            progress.place = files.last().map(place);
            for file in files.iter() {
                leave(&mut left_in, file.folder());
            }
            progress.folders_done = left_in.values().filter(|it| **it == 0).count() as u64;
        }
        let good = files.iter().filter(|it| is_again && !failed.contains(it.name()));
        let good: Vec<FileNews> =
            good.map(|it| FileNews { name: it.name().to_owned(), failure: None }).collect();
        news.extend(good);
        let turn = table.noting.lock().await;
        let round = Round { taken: taken.into_iter().map(|it| it.of(job)).collect(), news };
        let pending = minutes.write(&round).await?;
        let come_to = Some(serde_json::to_string(&progress)?);
        let noted = Some(serde_json::to_string(&pending)?);
        let change = Change {
            operation: Operation::Append,
            add,
            drop: HashSet::new(),
            marks: vec![(mark.clone(), come_to.clone()), (minutes.mark(), noted)],
        };
        // Another run of the import may have been quicker; then this one is over.
        let is_first = table.commit_after(&change, &mark, before.as_deref()).await?;
        if !is_first {
            minutes.drop(&pending).await?;
            return Ok(false);
        }
        before = come_to;
        let goes_on = hear(progress.clone(), round.news).await?;
        minutes.settle().await?;
        drop(turn);
        if !goes_on {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_meant(file: &LogFile, job: &ImportJob) -> bool {
    let day = file.day();
    let is_before = job.from.as_ref().zip(day.as_ref()).is_some_and(|(from, day)| day < from);
    let is_after = job.until.as_ref().zip(day.as_ref()).is_some_and(|(until, day)| day > until);
    !is_before && !is_after
}

/// Where a file stands in the order of an import.
fn place(file: &LogFile) -> (String, String) {
    (file.day().unwrap_or_default(), file.name().to_owned())
}

fn leave(folders: &mut BTreeMap<String, u64>, folder: &str) {
    if let Some(left) = folders.get_mut(folder) {
        *left = left.saturating_sub(1);
    }
}

/// Files in lots that become part of the table at once.
fn rounds(files: Vec<LogFile>) -> impl Iterator<Item = Vec<LogFile>> {
    let mut files = files.into_iter().peekable();
    std::iter::from_fn(move || {
        let (mut round, mut bytes) = (Vec::new(), 0);
        while bytes < ROUND_BYTES
            && round.len() < ROUND_FILES
            && let Some(file) = files.next()
        {
            bytes += file.bytes();
            round.push(file);
        }
        (!round.is_empty()).then_some(round)
    })
}

/// What a round has made.
pub(crate) struct Written {
    pub(crate) files: Vec<DataFile>,
    pub(crate) events: u64,
    pub(crate) news: Vec<FileNews>,
    pub(crate) taken: Vec<Taken>,
}

/// A file whose rows are written.
pub(crate) struct Taken {
    name: String,
    sha256: String,
    size: u64,
    events: u64,
}

impl Taken {
    fn of(self, job: &ImportJob) -> ImportedFile {
        let Self { name, sha256, size, events } = self;
        let event_data_store = job.notes.store.to_string();
        ImportedFile { file: name, sha256, size, events, event_data_store, import_id: job.id }
    }
}

/// Reads files and writes their rows, on several threads. Blocks; needs a Tokio runtime.
fn write(
    files: &[LogFile],
    target: &Target,
    tasks: usize,
    begun: &mut Vec<String>,
) -> Result<Written, Error> {
    let (next, runtime) = (&AtomicUsize::new(0), &Handle::current());
    let (full, taken) = mpsc::sync_channel::<DayFile>(tasks);
    let (finished, desks) = std::thread::scope(|scope| {
        // Syncing takes a disk's time, which the readers need not wait for.
        let finisher = scope.spawn(move || {
            let _entered = runtime.enter();
            taken.into_iter().map(DayFile::finish).collect::<Result<Vec<DataFile>, Error>>()
        });
        let work = |full| {
            move || {
                let _entered = runtime.enter();
                let mut desk = Desk::new(target, full);
                let read = desk.read(files, next, runtime).and_then(|()| desk.close());
                (read, (desk.begun, desk.news, desk.taken))
            }
        };
        let fulls = std::iter::repeat_n(full, tasks);
        let desks: Vec<_> = fulls.map(|full| scope.spawn(work(full))).collect();
        let desks: Vec<_> = desks.into_iter().filter_map(|it| it.join().ok()).collect();
        (finisher.join(), desks)
    });
    let closed = || Error::Tables(tables::Error::Closed);
    let mut failed = (desks.len() < tasks).then(closed);
    let mut all = Written { files: Vec::new(), events: 0, news: Vec::new(), taken: Vec::new() };
    for (read, (names, news, taken)) in desks {
        begun.extend(names);
        all.events += taken.iter().map(|it| it.events).sum::<u64>();
        all.news.extend(news);
        all.taken.extend(taken);
        failed = failed.or(read.err());
    }
    // When files could not be finished, readers have only seen that nobody takes them any more.
    all.files = finished.map_err(|_| closed())??;
    failed.map_or(Ok(all), Err)
}

/// What one thread has before it.
struct Desk<'a> {
    target: &'a Target,
    decoder: FileDecoder,
    /// The files being written, the one used last at the end.
    open: Vec<(Option<i32>, DayFile)>,
    /// Takes files to which nothing more is to be added.
    full: SyncSender<DayFile>,
    begun: Vec<String>,
    news: Vec<FileNews>,
    taken: Vec<Taken>,
}

impl<'a> Desk<'a> {
    fn new(target: &'a Target, full: SyncSender<DayFile>) -> Self {
        Self {
            target,
            decoder: FileDecoder::new(View::Lake),
            open: Vec::new(),
            full,
            begun: Vec::new(),
            news: Vec::new(),
            taken: Vec::new(),
        }
    }

    fn read(
        &mut self,
        files: &[LogFile],
        next: &AtomicUsize,
        runtime: &Handle,
    ) -> Result<(), Error> {
        // The next file is fetched while one is decoded.
        let begin = || {
            let file = files.get(next.fetch_add(1, Ordering::Relaxed))?;
            Some((file, fetch(file, runtime)))
        };
        let mut coming = begin();
        while let Some((file, bytes)) = coming {
            coming = begin();
            let name = file.name().to_owned();
            match self.take(&name, runtime.block_on(bytes))? {
                Ok(taken) => self.taken.push(taken),
                Err(failure) => self.news.push(FileNews { name, failure: Some(failure) }),
            }
        }
        Ok(())
    }

    fn take(
        &mut self,
        name: &str,
        bytes: Result<Result<Bytes, FileFailure>, JoinError>,
    ) -> Result<Result<Taken, FileFailure>, Error> {
        let bytes = match bytes.map_err(|_| tables::Error::Closed)? {
            Ok(bytes) => bytes,
            Err(failure) => return Ok(Err(failure)),
        };
        let Self { decoder, open, full, begun, target, .. } = self;
        let mut shelf = Shelf { target, open, full, begun };
        match decoder.read(&bytes, |rows| shelf.file(&rows)) {
            Ok(events) => Ok(Ok(Taken {
                name: name.to_owned(),
                sha256: hex::encode(digest(&SHA256, &bytes)),
                size: bytes.len() as u64,
                events,
            })),
            Err(FileError::Broken(reason)) => {
                Ok(Err(FileFailure { code: "InvalidLogFile".to_owned(), reason }))
            }
            Err(FileError::Taker(error)) => Err(error),
        }
    }

    fn close(&mut self) -> Result<(), Error> {
        self.open.drain(..).try_for_each(|(_, file)| hand_over(&self.full, file))
    }
}

/// Reads a file in the background.
fn fetch(file: &LogFile, runtime: &Handle) -> JoinHandle<Result<Bytes, FileFailure>> {
    let file = file.clone();
    runtime.spawn(async move {
        if file.bytes() > FILE_MAX {
            let reason = format!("The file has more than {FILE_MAX} bytes.");
            return Err(FileFailure { code: "FileTooLarge".to_owned(), reason });
        }
        file.get().await.map_err(|it| unreadable(&it))
    })
}

fn hand_over(full: &SyncSender<DayFile>, file: DayFile) -> Result<(), Error> {
    full.send(file).map_err(|_| Error::Tables(tables::Error::Closed))
}

/// Where rows go.
struct Shelf<'a> {
    target: &'a Target,
    open: &'a mut Vec<(Option<i32>, DayFile)>,
    full: &'a SyncSender<DayFile>,
    begun: &'a mut Vec<String>,
}

impl Shelf<'_> {
    /// Files rows by their days. Most log files hold calls of one day.
    fn file(&mut self, rows: &RecordBatch) -> Result<(), Error> {
        let rows = labelled(rows)?;
        let days = days(&rows);
        let distinct: BTreeSet<Option<i32>> = days.iter().copied().collect();
        for day in &distinct {
            if distinct.len() == 1 {
                self.of(*day)?.write(&rows)?;
            } else {
                let of_day: BooleanArray = days.iter().map(|it| Some(it == day)).collect();
                self.of(*day)?.write(&filter_record_batch(&rows, &of_day)?)?;
            }
        }
        Ok(())
    }

    fn of(&mut self, day: Option<i32>) -> Result<&mut DayFile, Error> {
        let found = self.open.iter().position(|it| it.0 == day);
        let entry = match found {
            Some(at) => self.open.remove(at),
            None => {
                if self.open.len() >= OPEN_DAYS {
                    hand_over(self.full, self.open.remove(0).1)?;
                }
                let file = self.target.create(day, RowOrder::Any)?;
                self.begun.push(file.url().to_owned());
                (day, file)
            }
        };
        self.open.push(entry);
        let last = self.open.last_mut().map(|it| &mut it.1);
        last.ok_or_else(|| Error::Columns("a file that was opened is not there".to_owned()))
    }
}

fn unreadable(error: &object_store::Error) -> FileFailure {
    let code = match error {
        object_store::Error::NotFound { .. } => "NoSuchKey",
        object_store::Error::PermissionDenied { .. }
        | object_store::Error::Unauthenticated { .. } => "AccessDenied",
        _ => "InternalError",
    };
    FileFailure { code: code.to_owned(), reason: error.to_string() }
}
