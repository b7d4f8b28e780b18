//! The one task that follows the log, decides, and sends; owner of all state of deliveries.
//!
//! Below: `reading` gathers records, `cutting` decides on files, `sending` writes them to buckets.

mod cutting;
mod reading;
mod sending;

use std::{path::PathBuf, sync::Arc, time::Duration};

use catalog::delivery::{DeliveryCommit, DeliveryFile};
use integrity::digest::Stamp;
use jiff::Timestamp;
use log::Position;
use tokio::{
    sync::{broadcast, watch},
    task::{JoinSet, spawn_blocking},
};
use tracing::{error, warn};

use self::{cutting::CUT_MAX, reading::Reader, sending::Outcome};
use crate::{
    Components, Error, Settings, Signers, Statuses,
    backlog::{Backlog, Mark},
    digests,
    lanes::Lanes,
    spool::Spool,
    trail::TrailVersion,
};

/// Delivers what trails choose. One for each deployment.
#[derive(Debug)]
pub struct Deliverer {
    folder: PathBuf,
    settings: Settings,
    components: Components,
    /// Files that can be packed at once.
    cores: usize,
    versions: watch::Receiver<Arc<[Arc<TrailVersion>]>>,
    pub(crate) reader: Reader,
    pub(crate) backlog: Backlog,
    lanes: Lanes,
    spool: Spool,
    uploads: JoinSet<Outcome>,
    /// At what time, in which epoch and with how many streams digests were looked after.
    digests_seen: Option<(Stamp, u64, usize)>,
    statuses: watch::Sender<Arc<Statuses>>,
    committed: watch::Sender<Position>,
    /// When the cursor was kept last.
    committed_at: Timestamp,
    delivered: broadcast::Sender<Delivered>,
}

/// A log file that its bucket has taken, as notifications tell of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Delivered {
    /// ARN of the trail.
    pub trail_arn: String,
    /// `s3Bucket`.
    pub bucket: String,
    /// `s3ObjectKey`.
    pub key: String,
}

impl Deliverer {
    /// Takes up what was left. Finished files wait in `folder`, which is made when it is not there.
    ///
    /// # Errors
    /// [`Error::Catalog`], [`Error::Damaged`], [`Error::Spool`].
    pub async fn open(
        folder: PathBuf,
        settings: Settings,
        components: Components,
    ) -> Result<Self, Error> {
        let state = components.catalog.delivery_state().await?;
        let cursor = state.cursor.unwrap_or_default().max(components.log.first().0);
        let mut backlog = Backlog::load(state)?;
        let mut last = None;
        loop {
            let marks = components.catalog.delivery_marks(last).await?;
            let Some(end) = marks.last() else { break };
            last = Some(end.sequence);
            for mark in marks {
                backlog.add(mark);
            }
        }
        let waiting = backlog.waiting();
        let at = folder.clone();
        let files = waiting.clone();
        let spool = spawn_blocking(move || Spool::open(at, &files)).await;
        let spool = spool.map_err(|_| Error::Stopping)??;
        let mut lanes = Lanes::default();
        for file in waiting.iter().filter_map(|it| backlog.files.get(it)) {
            lanes.add(file);
        }
        let mut versions = components.trails.versions();
        let known = Arc::clone(&versions.borrow_and_update());
        let statuses = watch::Sender::new(Arc::new(backlog.statuses.clone()));
        Ok(Self {
            folder,
            settings,
            cores: std::thread::available_parallelism().map_or(1, usize::from).min(CUT_MAX),
            versions,
            reader: Reader::new(cursor, known, Arc::clone(&components.writers)),
            backlog,
            lanes,
            spool,
            uploads: JoinSet::new(),
            digests_seen: None,
            statuses,
            committed: watch::Sender::new(Position(cursor)),
            committed_at: components.ambient.clock.now(),
            delivered: broadcast::Sender::new(DELIVERED_MAX),
            components,
        })
    }

    /// How the deliveries of each trail go, and every change of it.
    #[must_use]
    pub fn statuses(&self) -> watch::Receiver<Arc<Statuses>> {
        self.statuses.subscribe()
    }

    /// The position before which deliveries need nothing of the log any more: whoever trims the log
    /// takes the lowest of all its consumers.
    #[must_use]
    pub fn committed(&self) -> watch::Receiver<Position> {
        self.committed.subscribe()
    }

    /// Every log file once its bucket has taken it. Whoever lags by more than 1024 files misses some.
    #[must_use]
    pub fn delivered(&self) -> broadcast::Receiver<Delivered> {
        self.delivered.subscribe()
    }

    /// Delivers until the log closes. Dropping the future at any point loses nothing.
    pub async fn run(mut self) {
        let mut durable = self.components.log.durable();
        let mut pause = RETRY;
        loop {
            let worked = match self.tick().await {
                Ok(()) => self.wait(&mut durable).await,
                Err(error) => Err(error),
            };
            match worked {
                Ok(()) => pause = RETRY,
                Err(Error::Log(log::Error::Closed) | Error::Stopping) => return,
                Err(error) => {
                    warn!(error = &error as &dyn std::error::Error, "cannot deliver, trying again");
                    self.reopen(&mut pause).await;
                }
            }
        }
    }

    /// Does all that can be done at this instant, without waiting for buckets: reads the log to its
    /// end, decides on files and digests, begins to send.
    ///
    /// # Errors
    /// When catalog, log or disk fail. What is in memory may then be ahead of what is durable: open
    /// anew, as [`Deliverer::run`] does.
    pub async fn tick(&mut self) -> Result<(), Error> {
        self.follow_trails();
        loop {
            let more = self.read().await?;
            self.cut(!more).await?;
            self.send();
            self.finish_ready().await?;
            if !more {
                break;
            }
        }
        if self.look_at_digests() {
            digests::plan(self).await?;
            self.send();
        }
        self.commit_cursor().await?;
        self.tell();
        Ok(())
    }

    /// Waits for the writes that are under way, and sends what follows them.
    ///
    /// # Errors
    /// As [`Deliverer::tick`].
    pub async fn settle(&mut self) -> Result<(), Error> {
        while let Some(outcome) = self.uploads.join_next().await {
            self.finish(vec![outcome.map_err(|_| Error::Stopping)?]).await?;
            self.send();
        }
        self.tell();
        Ok(())
    }

    /// Whether digests may be due: their times are whole seconds, and chains follow from trails and
    /// streams.
    fn look_at_digests(&mut self) -> bool {
        let seen = (Stamp::of(self.now()), self.reader.epoch.number, self.backlog.streams.len());
        self.digests_seen.replace(seen) != Some(seen)
    }

    /// Waits until there is something to do.
    async fn wait(&mut self, durable: &mut watch::Receiver<Position>) -> Result<(), Error> {
        let pause = self.due_in(self.now());
        let next = self.reader.next;
        // What `wait_for` gives borrows the channel, and must not be held while waiting for others.
        let appended = async { durable.wait_for(|it| it.0 > next).await.map(drop) };
        let outcome = tokio::select! {
            appended = appended => {
                appended.map_err(|_| Error::Stopping)?;
                // Records that come one by one are read some at a time.
                self.components.ambient.clock.sleep(GATHER).await;
                return Ok(());
            }
            changed = self.versions.changed() => return changed.map_err(|_| Error::Stopping),
            () = self.components.ambient.clock.sleep(pause) => return Ok(()),
            Some(outcome) = self.uploads.join_next() => outcome.map_err(|_| Error::Stopping)?,
        };
        self.finish(vec![outcome]).await
    }

    /// How long until something is due by time alone.
    fn due_in(&self, now: Timestamp) -> Duration {
        let open = self.backlog.streams.values().filter_map(|it| it.open.as_ref());
        let files = open.map(|it| it.due_in(true, &self.settings, now));
        let lanes = self.lanes.opens_in(&self.settings, now);
        let cursor = (self.behind() > 0).then(|| self.commits_in(now));
        files.chain(lanes).chain(cursor).min().unwrap_or(IDLE_MAX).min(IDLE_MAX)
    }

    /// Takes up again what is durable, after a failure; however long it takes, since what is in
    /// memory may have lost records that the log still has.
    async fn reopen(&mut self, pause: &mut Duration) {
        loop {
            self.components.ambient.clock.sleep(*pause).await;
            *pause = (*pause * 2).min(RETRY_MAX);
            let (folder, settings) = (self.folder.clone(), self.settings.clone());
            match Self::open(folder, settings, self.components.clone()).await {
                Ok(anew) => {
                    let none = watch::Sender::new(Arc::default());
                    let statuses = std::mem::replace(&mut self.statuses, none);
                    let none = watch::Sender::new(Position(0));
                    let committed = std::mem::replace(&mut self.committed, none);
                    committed.send_replace(*anew.committed.borrow());
                    let delivered = self.delivered.clone();
                    *self = Self { statuses, committed, delivered, ..anew };
                    return;
                }
                Err(error) => {
                    error!(error = &error as &dyn std::error::Error, "cannot take up deliveries");
                }
            }
        }
    }

    /// Keeps changes, and says how far the log may be trimmed.
    async fn commit(&mut self, mut commit: DeliveryCommit) -> Result<(), Error> {
        let cursor = self.cursor();
        // A trail that came late may move it back.
        let moved = cursor != self.committed.borrow().0;
        commit.cursor = moved.then_some(cursor);
        commit.judged_by = self.reader.newest();
        self.components.catalog.commit_delivery(&commit).await?;
        self.committed_at = self.now();
        if moved {
            self.committed.send_replace(Position(cursor));
        }
        Ok(())
    }

    /// Keeps the cursor when much was read that no trail has chosen, or a while ago: a log that is
    /// full must not wait for what nobody needs.
    async fn commit_cursor(&mut self) -> Result<(), Error> {
        let behind = self.behind();
        if behind >= UNCHOSEN_MAX || (behind > 0 && self.commits_in(self.now()).is_zero()) {
            self.commit(DeliveryCommit::default()).await?;
        }
        Ok(())
    }

    /// By how many frames the cursor that was kept differs from what is done.
    fn behind(&self) -> u64 {
        self.cursor().abs_diff(self.committed.borrow().0)
    }

    /// How long until the cursor is to be kept; a clock that was set back does not put it off.
    fn commits_in(&self, now: Timestamp) -> Duration {
        let passed = now.duration_since(self.committed_at).unsigned_abs();
        UNCHOSEN_AGE.saturating_sub(passed)
    }

    /// Before this position everything is decided on, or chosen by nobody.
    fn cursor(&self) -> u64 {
        let held = self.backlog.held_from().into_iter().chain(self.reader.stalled_from()).min();
        held.unwrap_or(self.reader.next).min(self.reader.next)
    }

    fn tell(&self) {
        let mut statuses = self.backlog.statuses.clone();
        for (trail, status) in &mut statuses {
            status.quota_exceeded = self.reader.is_stalled(trail);
        }
        self.statuses.send_if_modified(|told| {
            let changed = **told != statuses;
            if changed {
                *told = Arc::new(statuses);
            }
            changed
        });
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn signers(&self) -> &dyn Signers {
        self.components.signers.as_ref()
    }

    /// Whether another object stands in the place of the file, which waits aside.
    pub(crate) fn is_aside(&self, file: &Mark) -> bool {
        self.lanes.is_aside(file.sequence)
    }

    pub(crate) fn checkpoint(&self) -> Option<String> {
        self.components.checkpoints.as_ref()?.newest()
    }

    /// The whole of a file that is not settled.
    pub(crate) async fn file(&self, sequence: u64) -> Result<DeliveryFile, Error> {
        let found = self.components.catalog.delivery_file(sequence).await?;
        found.ok_or_else(|| Error::Damaged { what: "file", of: sequence.to_string() })
    }

    pub(crate) fn spool(&self) -> Spool {
        self.spool.clone()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.components.ambient.clock.now()
    }
}

/// How long records may gather before they are read; short beside the age of any file.
const GATHER: Duration = Duration::from_millis(50);
/// How long to wait after a failure; doubles up to the maximum.
const RETRY: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(30);
/// Digests are looked after at least this often.
const IDLE_MAX: Duration = Duration::from_secs(5);
/// Frames that may be read once more after a crash although no trail has chosen any.
const UNCHOSEN_MAX: u64 = 10_000;
/// How long the log may be held for them.
const UNCHOSEN_AGE: Duration = Duration::from_secs(1);
/// Files that a subscriber may lag behind.
const DELIVERED_MAX: usize = 1_024;
