//! The log on local segment files.
//!
//! Lives here: [`LocalLog`], what it needs and how large it may grow. Below: `opening` finds out what
//! is there, `writer` and `upkeep` are the thread that changes it, `reader` reads, `survey` and
//! `repair` deal with damage, `state` and `gaps` are the two small files beside the segments.
//!
//! Start at [`LocalLog::open`].
//!
//! # What is promised
//! *Acknowledged* means: the frames, the segment's header and the segment's name were synced.
//!
//! - After a crash every acknowledged frame is there, at its position, once. An append that was not
//!   acknowledged is there wholly or not at all, unless its middle was lost (see the last promise).
//! - Positions that were acknowledged are never given to another frame.
//! - A frame that was refused with [`Error::Full`] never comes back.
//! - After a failed write or sync nothing is acknowledged any more; [`LocalLog::failed`] completes.
//!   What the operating system may then only pretend to have written is written anew by the next
//!   start before anyone can read it.
//! - Bytes that changed on disk are never returned. All other frames stay readable at their
//!   positions; the damaged file goes to `quarantine/`; a gap frame at the end of the log says which
//!   positions were lost. Damage in the last segment is found by the next start, elsewhere by whoever
//!   reads it first.
//! - Frames cut off or damaged at the very end of the log are told from a write that a crash tore by
//!   three proofs that they were acknowledged: a later commit, the segment's footer, or the state
//!   file. That one is exact after `kill -9` and after a stop; after a power failure it knows of what
//!   came before the last pause of 200 ms. Without a proof they are cut in silence: one commit at
//!   most, if its end was torn off by something else than the crash.
//! - A gap may name frames that were never acknowledged, after a power failure that let a later part
//!   of the last commit reach the disk and not an earlier one. None is left out.

mod fullness;
mod gaps;
mod opening;
mod queue;
pub(crate) mod reader;
mod repair;
pub(crate) mod state;
mod survey;
mod table;
mod upkeep;
mod writer;

use std::{
    fmt::{self, Debug},
    io,
    ops::Range,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use ambient::Ambient;
use bytes::Bytes;
use futures::{FutureExt as _, future::BoxFuture};
use jiff::Timestamp;
use record::AccountId;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{oneshot, watch},
    task::spawn_blocking,
};

pub(crate) use state::StateFile;

use crate::{
    Entry, Error, EventLog, Frame, Position, Usage,
    disk::{Disk, File, Folder},
    encoding,
    local::{
        queue::{Append, Class, Command},
        table::Shared,
    },
    segment,
};

/// How large things may grow.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Percent of `bound_bytes` at which an alarm is raised. Default 80. Lower warns earlier, and
    /// more often for nothing.
    pub alarm_percent: u8,
    /// Bytes of segments at which appends are refused. Default 8 GiB. Larger bridges longer
    /// outages of a consumer, smaller leaves more of the disk to others. The quarantine is not
    /// counted.
    pub bound_bytes: u64,
    /// Microseconds that a sync is put off for more appends to share it, when the one before served
    /// several. Default 500. More costs latency under load and saves syncs; 0 never waits.
    pub gather_us: u32,
    /// Bytes that may wait for the disk before callers are held back. Default 32 MiB. Larger takes
    /// up longer bursts and costs memory.
    pub queue_bytes: u32,
    /// Bytes of `bound_bytes` that only [`EventLog::append_reserved`] may use, at most an eighth of
    /// it. Default 16 MiB. Larger lets reads be recorded longer while the log is full; smaller
    /// refuses other calls later.
    pub reserve_bytes: u64,
    /// Bytes at which a new segment begins. Default 64 MiB. Larger makes fewer files; smaller gives
    /// room back sooner and scans less when opened after a crash.
    pub segment_bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            alarm_percent: 80,
            bound_bytes: 8 << 30,
            gather_us: 500,
            queue_bytes: 32 << 20,
            reserve_bytes: 16 << 20,
            segment_bytes: 64 << 20,
        }
    }
}

impl Settings {
    /// Bytes of segments at which ordinary appends are refused.
    fn ordinary_bound(&self) -> u64 {
        self.bound_bytes - self.reserve_bytes.min(self.bound_bytes / 8)
    }
}

/// What the log needs of its owner.
#[derive(Clone)]
pub struct Components {
    /// Time of gap frames, and the log's identity.
    pub ambient: Ambient,
    /// Writes the record that says what was lost: the log knows no records.
    pub gap_body: GapBody,
}

impl Debug for Components {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Components").field("ambient", &self.ambient).finish_non_exhaustive()
    }
}

/// Makes the body of a gap frame; must be pure, since it may be called again after a crash.
pub type GapBody = Arc<dyn Fn(&Gap) -> GapRecord + Send + Sync>;

/// Frames that were acknowledged, or may have been, and cannot be read any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Gap {
    /// The first lost position.
    pub from: Position,
    /// The position behind the last lost one.
    pub to: Position,
    /// Arrival of the frame before the lost ones, where one is known.
    pub after: Option<Timestamp>,
    /// Arrival of the frame behind the lost ones, where one is known.
    pub before: Option<Timestamp>,
}

impl Gap {
    /// How many frames were lost, at most: after a power failure, some of them may never have been
    /// acknowledged; and not every frame holds a record.
    #[must_use]
    pub const fn at_most(&self) -> u64 {
        self.to.0.saturating_sub(self.from.0)
    }

    const fn contains(&self, position: u64) -> bool {
        self.from.0 <= position && position < self.to.0
    }
}

/// A finished CloudTrail record about a [`Gap`].
#[derive(Clone, Debug)]
pub struct GapRecord {
    /// The record.
    pub body: Bytes,
    /// Whose it is: the deployment's own account.
    pub account: AccountId,
    /// Its `awsRegion`.
    pub region: String,
}

/// The log on local segment files. One per folder; any number of tasks use it.
///
/// Dropping it finishes the appends that wait, and blocks until they are synced.
#[derive(Debug)]
pub struct LocalLog {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    _lock: Box<dyn Lock>,
}

/// What a lock is: something to hold.
trait Lock: Send + Sync {}

impl<T: Send + Sync + ?Sized> Lock for T {}

impl Debug for dyn Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lock")
    }
}

/// Bytes of one append, at most: it is written in one piece, into one segment.
const MAX_APPEND: u64 = 256 << 20;

impl LocalLog {
    /// Opens the log in `folder`, which is made when it is not there. Blocks; reads the last segment
    /// whole, of the others header and footer.
    ///
    /// # Errors
    /// [`Error::InUse`] when another process has it, [`Error::Version`] when a newer version wrote
    /// it, [`Error::Io`] when the operating system refuses, also for want of room to salvage a
    /// damaged segment. Nothing is lost by trying again.
    pub fn open(folder: &Path, settings: Settings, components: Components) -> Result<Self, Error> {
        let disk = Folder::new(folder).map_err(io_error("make", "the folder"))?;
        Self::open_on(Arc::new(disk), settings, components)
    }

    /// Opens the log on a disk of any kind. See [`LocalLog::open`].
    ///
    /// # Errors
    /// As [`LocalLog::open`].
    pub fn open_on(
        disk: Arc<dyn Disk>,
        settings: Settings,
        components: Components,
    ) -> Result<Self, Error> {
        let in_use = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
        let lock = disk.lock().map_err(|error| {
            if in_use(&error) { Error::InUse } else { io_error("lock", "lock")(error) }
        })?;
        let writer = opening::open(disk, settings, components)?;
        let shared = Arc::clone(&writer.shared);
        let thread = std::thread::Builder::new().name("log".to_owned());
        let thread = thread.spawn(|| writer.run()).map_err(io_error("start", "the thread"))?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)), _lock: Box::new(lock) })
    }

    /// Completes once the log has stopped after an error, with a sentence about it; never when it
    /// was closed. The process should exit then: a retry is not a repair.
    pub fn failed(&self) -> impl Future<Output = String> + Send + use<> {
        let mut failed = self.shared.failed.subscribe();
        async move {
            match failed.wait_for(Option::is_some).await.map(|it| (*it).clone()) {
                Ok(Some(reason)) => reason,
                Ok(None) | Err(_) => futures::future::pending().await,
            }
        }
    }

    /// Finishes the appends that wait, takes no more, and completes once all is synced. Reading goes
    /// on.
    pub async fn close(&self) {
        self.shared.queue.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // If the thread has panicked, `failed` tells.
            let _ = spawn_blocking(|| thread.join()).await;
        }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    async fn append_as(&self, frames: Vec<Frame>, class: Class) -> Result<Range<Position>, Error> {
        let mut bytes = 0;
        for frame in &frames {
            encoding::check(frame)?;
            bytes += encoding::length(frame) as u64;
        }
        if frames.is_empty() {
            let end = *self.shared.durable.borrow();
            return Ok(end..end);
        }
        if bytes > MAX_APPEND {
            let narrow = |it| usize::try_from(it).unwrap_or(usize::MAX);
            let (bytes, bound) = (narrow(bytes), narrow(MAX_APPEND));
            return Err(Error::TooLarge { bytes, bound });
        }
        let room = self.shared.queue.room(bytes).await?;
        let (reply, answer) = oneshot::channel();
        self.shared.queue.push(Command::Append(Append {
            frames,
            bytes,
            class,
            reply,
            _room: room,
        }))?;
        answer.await.map_err(|_| Error::Closed)?
    }

    async fn read_with<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Shared) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let shared = Arc::clone(&self.shared);
        // The pool refuses only when the runtime is going down.
        spawn_blocking(move || read(&shared)).await.unwrap_or(Err(Error::Closed))
    }
}

impl Drop for LocalLog {
    fn drop(&mut self) {
        self.shared.queue.close();
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl EventLog for LocalLog {
    fn append(&self, frames: Vec<Frame>) -> BoxFuture<'_, Result<Range<Position>, Error>> {
        self.append_as(frames, Class::Ordinary).boxed()
    }

    fn append_reserved(&self, frames: Vec<Frame>) -> BoxFuture<'_, Result<Range<Position>, Error>> {
        self.append_as(frames, Class::Reserved).boxed()
    }

    fn read(&self, from: Position, bytes: usize) -> BoxFuture<'_, Result<Vec<Entry>, Error>> {
        async move {
            if from.0 >= self.shared.end() {
                return Ok(Vec::new());
            }
            self.read_with(move |shared| reader::read(shared, from.0, bytes)).await
        }
        .boxed()
    }

    fn durable(&self) -> watch::Receiver<Position> {
        self.shared.durable.subscribe()
    }

    fn first(&self) -> Position {
        Position(self.shared.first())
    }

    fn trim(&self, before: Position) -> BoxFuture<'_, Result<(), Error>> {
        async move {
            // The thread that writes must not wait for memory to be freed.
            let shared = Arc::clone(&self.shared);
            let let_go = move || {
                let sealed = shared.table().sealed_before(before.0);
                sealed.into_iter().for_each(|it| shared.disk.let_go(&segment::name(it)));
            };
            spawn_blocking(let_go).await.map_err(|_| Error::Closed)?;
            let (reply, answer) = oneshot::channel();
            self.shared.queue.push(Command::Trim(before, reply))?;
            answer.await.map_err(|_| Error::Closed)?
        }
        .boxed()
    }

    fn open_intents(&self) -> BoxFuture<'_, Result<Vec<Entry>, Error>> {
        self.read_with(reader::open_intents).boxed()
    }

    fn usage(&self) -> Usage {
        *self.shared.usage()
    }
}

/// Makes an [`Error::Io`] of what the operating system says.
fn io_error(action: &'static str, file: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
    let file = file.into();
    move |source| Error::Io { action, file, source }
}

/// Whether there was no room.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Creates a file, in place of what an interrupted attempt may have left.
fn anew(disk: &dyn Disk, name: &str) -> io::Result<Arc<dyn File>> {
    match disk.remove(name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => disk.create(name),
    }
}

/// Replaces the contents of a file in one step that survives a crash.
fn replace(disk: &dyn Disk, name: &str, bytes: &[u8]) -> io::Result<()> {
    let new = format!("{name}.new");
    let file = anew(disk, &new)?;
    file.write_at(bytes, 0)?;
    file.sync_data()?;
    disk.rename(&new, name)?;
    disk.sync_dir("")
}
