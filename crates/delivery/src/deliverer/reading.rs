//! Reading the log: each record into the open files of the trails that choose it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures::future::try_join;
use log::{Entry, EventLog, Position};
use tokio::{
    spawn,
    task::{JoinHandle, spawn_blocking},
};
use tracing::{error, warn};

use super::Deliverer;
use crate::{
    Error,
    choose::{Batch, choose},
    log_file::Open,
    trail::{Epoch, TrailVersion},
};

/// How far the log was read, and by which trails it is judged there.
#[derive(Debug)]
pub(crate) struct Reader {
    /// The next position to read.
    pub(crate) next: u64,
    known: Arc<[Arc<TrailVersion>]>,
    /// Access keys that deliveries write with.
    writers: Arc<BTreeSet<String>>,
    pub(crate) epoch: Arc<Epoch>,
    /// Trails whose quota is used up, each with its first record that is left in the log.
    stalled: BTreeMap<String, u64>,
    ahead: Option<Ahead>,
}

/// A piece of the log that is being read and judged.
#[derive(Debug)]
struct Ahead {
    from: u64,
    /// Number of the epoch whose trails judge it.
    epoch: u64,
    judged: JoinHandle<Result<Judged, Error>>,
}

#[derive(Debug)]
struct Judged {
    /// In the order of the log.
    batches: Vec<Batch>,
    /// The position behind the piece; none when nothing of the epoch is there.
    next: Option<u64>,
}

impl Ahead {
    fn begin(log: &Arc<dyn EventLog>, epoch: &Arc<Epoch>, from: u64) -> Self {
        let judged = judge(Arc::clone(log), Arc::clone(epoch), from);
        Self { from, epoch: epoch.number, judged: spawn(judged) }
    }
}

/// Reads a piece of the log, and judges each half on a core.
async fn judge(log: Arc<dyn EventLog>, epoch: Arc<Epoch>, from: u64) -> Result<Judged, Error> {
    let mut entries = log.read(Position(from), READ_BYTES).await?;
    entries.retain(|it| epoch.contains(it.position.0));
    let next = entries.last().map(|it| it.position.0 + 1);
    let later = entries.split_off(entries.len() / 2);
    let judge = |entries: Vec<Entry>| {
        let epoch = Arc::clone(&epoch);
        spawn_blocking(move || choose(&epoch, &entries))
    };
    let (mut batches, later) =
        try_join(judge(entries), judge(later)).await.map_err(|_| Error::Stopping)?;
    batches.extend(later);
    Ok(Judged { batches, next })
}

impl Reader {
    pub(crate) fn new(
        next: u64,
        known: Arc<[Arc<TrailVersion>]>,
        writers: Arc<BTreeSet<String>>,
    ) -> Self {
        let epoch = Arc::new(Epoch::at(&known, next, 0, &writers));
        Self { next, known, writers, epoch, stalled: BTreeMap::new(), ahead: None }
    }

    pub(crate) fn versions(&self) -> &[Arc<TrailVersion>] {
        &self.known
    }

    /// The newest version of any trail that is known.
    pub(crate) fn newest(&self) -> u64 {
        self.known.iter().map(|it| it.version).max().unwrap_or_default()
    }

    pub(crate) fn stalled_from(&self) -> Option<u64> {
        self.stalled.values().min().copied()
    }

    pub(crate) fn is_stalled(&self, trail: &str) -> bool {
        self.stalled.contains_key(trail)
    }

    /// Goes on at `next`, which may lie before.
    fn go_to(&mut self, next: u64) {
        self.next = next;
        let number = self.epoch.number + 1;
        self.epoch = Arc::new(Epoch::at(&self.known, next, number, &self.writers));
    }
}

impl Deliverer {
    /// Takes up changes of trails. One whose position was passed makes the reader go back there: what
    /// was not decided on is judged anew.
    pub(super) fn follow_trails(&mut self) {
        // Whoever waited for the change has marked it as seen: what is known tells.
        let versions = Arc::clone(&self.versions.borrow_and_update());
        if Arc::ptr_eq(&versions, &self.reader.known) {
            return;
        }
        let passed = self.reader.next;
        let mut next = passed;
        let known = std::mem::replace(&mut self.reader.known, versions);
        let versions = Arc::clone(&self.reader.known);
        for version in versions.iter().filter(|it| it.from.0 < passed && !known.contains(it)) {
            let mut back = version.from.0;
            for (id, stream) in &mut self.backlog.streams {
                if id.trail == version.trail_arn
                    && let Some(held) = stream.held_from()
                {
                    back = back.min(held);
                    stream.forget_open();
                }
            }
            next = next.min(back);
        }
        self.reader.go_to(next.max(self.components.log.first().0));
    }

    /// Reads a piece of the log into open files. Whether there may be more.
    pub(super) async fn read(&mut self) -> Result<bool, Error> {
        self.resume_stalled();
        let end = self.components.log.durable().borrow().0;
        if !self.reader.epoch.contains(self.reader.next) {
            self.reader.go_to(self.reader.next);
        }
        let epoch = Arc::clone(&self.reader.epoch);
        if epoch.is_idle() {
            // Nobody wants these: they need not be read.
            let until = epoch.until.map_or(end, |it| it.min(end));
            let more = self.reader.next < until && until < end;
            self.reader.next = self.reader.next.max(until);
            return Ok(more);
        }
        if self.reader.next >= end {
            return Ok(false);
        }
        let judged = match self.judged(&epoch).await {
            Ok(judged) => judged,
            Err(Error::Log(log::Error::Trimmed { wanted, first })) => {
                error!(%wanted, %first, "the log was trimmed before its records were delivered");
                self.reader.go_to(first.0);
                return Ok(true);
            }
            Err(error) => return Err(error),
        };
        // Positions of an epoch may all be gone.
        let Some(next) = judged.next else {
            self.reader.next = epoch.until.map_or(end, |it| it.min(end));
            return Ok(self.reader.next < end);
        };
        if next < end && epoch.contains(next) {
            // Read and judged while these are gathered and packed.
            self.reader.ahead = Some(Ahead::begin(&self.components.log, &epoch, next));
        }
        for batch in judged.batches {
            self.gather(batch);
        }
        self.reader.next = next;
        Ok(next < end)
    }

    /// The next piece of the log, judged: most often it was begun before.
    async fn judged(&mut self, epoch: &Arc<Epoch>) -> Result<Judged, Error> {
        let from = self.reader.next;
        let ahead = match self.reader.ahead.take() {
            Some(ahead) if ahead.from == from && ahead.epoch == epoch.number => ahead,
            Some(_) | None => Ahead::begin(&self.components.log, epoch, from),
        };
        ahead.judged.await.map_err(|_| Error::Stopping)?
    }

    fn gather(&mut self, batch: Batch) {
        let Batch { stream: id, version, records } = batch;
        let Some(first) = records.first() else { return };
        if self.reader.is_stalled(&id.trail) {
            return;
        }
        if self.backlog.waiting_bytes(&id.trail) >= self.settings.spool_bytes {
            warn!(trail = %id.trail, "the quota of waiting files is used up, the log holds the rest");
            // The streams of the trail share the batch's piece of the log: none may be left out.
            let from = first.position.min(self.reader.next);
            self.reader.stalled.insert(id.trail, from);
            return;
        }
        let now = self.now();
        let stream = self.backlog.streams.entry(id).or_default();
        for record in records {
            if record.position < stream.next {
                continue;
            }
            let is_other =
                |it: &Open| !Arc::ptr_eq(&it.version, &version) && *it.version != *version;
            let is_full = |it: &Open| it.is_full(record.body.len(), &self.settings);
            let mut bytes = 0;
            if let Some(open) = stream.open.take_if(|it| is_other(it) || is_full(it)) {
                // Where one was filled, the next one most often is too.
                bytes = open.bytes();
                stream.closed.push(open);
            }
            let open = stream.open.get_or_insert_with(|| {
                Open::new(Arc::clone(&version), record.position, record.arrival, now, bytes)
            });
            open.push(record.position, &record.body, record.time);
            stream.next = record.position + 1;
        }
    }

    /// Goes back to what the log holds for trails that have room again.
    fn resume_stalled(&mut self) {
        let room = self.settings.spool_bytes - self.settings.spool_bytes / 8;
        let (backlog, mut back) = (&self.backlog, None);
        self.reader.stalled.retain(|trail, from| {
            let stays = backlog.waiting_bytes(trail) >= room;
            if !stays {
                back = back.into_iter().chain([*from]).min();
            }
            stays
        });
        if let Some(back) = back {
            self.reader.go_to(back.min(self.reader.next));
        }
    }
}

/// Bytes of bodies that are read from the log at once.
const READ_BYTES: usize = 4 << 20;
