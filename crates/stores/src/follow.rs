//! From the log into stores: records are found as soon as they are durable.
//!
//! One task reads, judges, and writes tails to files. A record is judged by what stores were at its
//! position; a change that is heard of late has everything judged anew that is not in files yet.
//!
//! INVARIANT: before tails go to files, the catalog is promised that what is before the position is
//! judged for good. It does not take the promise when it knows of a change that we do not.

use std::{
    collections::{BTreeMap, HashMap, btree_map::Entry},
    sync::Arc,
    time::Duration,
};

use catalog::StoreHistory;
use jiff::SignedDuration;
use log::Position;
use tables::chain;
use tokio::sync::watch;
use tracing::{error, warn};
use uuid::Uuid;
use views::{Decoder, View};

use crate::{
    Error, EventTable,
    event_stores::Shared,
    judge::{Epoch, Members},
};

/// Bytes of bodies that are read from the log at once.
const READ_BYTES: usize = 4 << 20;

/// How long to wait after a failure; doubles up to the maximum.
const RETRY: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// How often changes by other processes, and of organizations, are looked for.
const OTHERS_SEEN: Duration = Duration::from_secs(5);

/// Follows the log.
#[derive(Debug)]
pub(crate) struct Follower {
    shared: Arc<Shared>,
    changed: watch::Receiver<u64>,
    /// Wakes up when somebody joins or leaves an organization, and when trails change.
    joined: watch::Receiver<u64>,
    durable: watch::Receiver<Position>,
    history: StoreHistory,
    members: Members,
    epoch: Epoch,
    /// The next position to read.
    next: u64,
    /// How far each table holds the log in files.
    committed: HashMap<Uuid, u64>,
}

impl Follower {
    /// Starts where the files of the stores end, as far as the log goes back.
    pub(crate) async fn new(shared: Arc<Shared>) -> Result<Self, Error> {
        let (changed, durable) = (shared.catalog.watch_stores(), shared.log.durable());
        let joined = shared.catalog.watch_trails();
        let first = shared.log.first().0;
        let history = shared.catalog.store_history(first).await?;
        let epoch = Epoch::at(&history, first);
        let members = Members::new();
        let committed = HashMap::new();
        let mut follower = Self {
            shared,
            changed,
            joined,
            durable,
            history,
            members,
            epoch,
            next: first,
            committed,
        };
        follower.begin(first).await?;
        Ok(follower)
    }

    /// Reads on for ever.
    pub(crate) async fn run(mut self) {
        let mut pause = RETRY;
        loop {
            match self.step().await {
                Ok(()) => pause = RETRY,
                Err(Error::Log(log::Error::Closed)) => return,
                Err(Error::Log(log::Error::Trimmed { wanted, first })) => {
                    error!(%wanted, %first, "the log was trimmed before its records were in stores");
                    self.next = first.0;
                }
                Err(error) => {
                    warn!(error = chain(&error), "cannot fill event data stores, trying again");
                    self.shared.components.ambient.clock.sleep(pause).await;
                    pause = (pause * 2).min(RETRY_MAX);
                }
            }
        }
    }

    /// Does what is next: takes up a change, writes tails, reads a piece of the log, or waits.
    pub(crate) async fn step(&mut self) -> Result<(), Error> {
        if self.changed.has_changed().unwrap_or(false) {
            self.changed.mark_unchanged();
            return self.take_up().await;
        }
        if self.joined.has_changed().unwrap_or(false) {
            self.joined.mark_unchanged();
            self.follow_members().await?;
        }
        if self.is_due() {
            return self.flush().await;
        }
        let end = self.durable.borrow_and_update().0;
        if self.next < end {
            return self.read(end).await;
        }
        let clock = Arc::clone(&self.shared.components.ambient.clock);
        let wait = self.until_due().unwrap_or(OTHERS_SEEN).min(OTHERS_SEEN);
        tokio::select! {
            durable = self.durable.changed() => {
                durable.map_err(|_| Error::Log(log::Error::Closed))?;
            }
            _ = self.changed.changed() => self.changed.mark_changed(),
            _ = self.joined.changed() => self.joined.mark_changed(),
            () = clock.sleep(wait) => {
                if self.shared.catalog.store_changes().await? != self.history.changes {
                    return self.take_up().await;
                }
                self.follow_members().await?;
                self.settle().await?;
            }
        }
        Ok(())
    }

    /// Takes up who is in organizations now. What was read is kept as it was judged.
    async fn follow_members(&mut self) -> Result<(), Error> {
        for (id, known) in &self.members {
            let members = self.shared.catalog.members(id).await?;
            if members.len() != known.len() || members.iter().any(|it| !known.contains(&it.account))
            {
                self.flush().await?;
                return self.take_up().await;
            }
        }
        Ok(())
    }

    /// Takes up what stores and channels now are. What is not in files is judged anew.
    async fn take_up(&mut self) -> Result<(), Error> {
        let settled = self.shared.settled.borrow().0;
        for table in self.shared.all() {
            table.forget_tail().await;
        }
        self.history = self.shared.catalog.store_history(settled).await?;
        self.begin(settled).await
    }

    /// Goes on at a position, with tails that are empty.
    async fn begin(&mut self, from: u64) -> Result<(), Error> {
        self.committed.clear();
        for table in self.shared.all() {
            self.committed.insert(table.id(), table.committed().await.unwrap_or(0));
        }
        self.members.clear();
        let organizations =
            self.history.stores.iter().filter_map(|it| it.settings.organization.as_ref());
        for id in organizations {
            if !self.members.contains_key(id) {
                let members = self.shared.catalog.members(id).await?;
                let accounts = members.into_iter().map(|it| it.account).collect();
                self.members.insert(id.clone(), accounts);
            }
        }
        self.next = from;
        self.epoch = Epoch::at(&self.history, from);
        Ok(())
    }

    /// Reads a piece of the log into tails.
    async fn read(&mut self, end: u64) -> Result<(), Error> {
        if !self.epoch.contains(self.next) {
            self.epoch = Epoch::at(&self.history, self.next);
        }
        if self.epoch.is_idle() {
            self.next = self.epoch.until.map_or(end, |it| it.min(end));
            self.shared.visible.send_replace(Position(self.next));
            return Ok(());
        }
        let entries = self.shared.log.read(Position(self.next), READ_BYTES).await?;
        let entries: Vec<log::Entry> =
            entries.into_iter().filter(|it| self.epoch.contains(it.position.0)).collect();
        let Some(last) = entries.last() else {
            self.next = self.epoch.until.map_or(end, |it| it.min(end));
            return Ok(());
        };
        let next = last.position.0 + 1;
        let mut decoders: BTreeMap<Uuid, (Arc<EventTable>, Decoder)> = BTreeMap::new();
        for entry in entries.iter().filter(|it| it.frame.kind.has_record()) {
            let Ok(record) = record::parse(&entry.frame.body) else { continue };
            for id in self.epoch.choose(entry, &record, &self.members) {
                if self.committed.get(&id).is_some_and(|it| entry.position.0 < *it) {
                    continue;
                }
                let (_, decoder) = match decoders.entry(id) {
                    Entry::Occupied(found) => found.into_mut(),
                    Entry::Vacant(place) => {
                        // A store may be gone while its records are still in the log.
                        let Some(table) = self.shared.table(id) else { continue };
                        place.insert((table, decoder()))
                    }
                };
                let text = str::from_utf8(&entry.frame.body).unwrap_or_default();
                let enriched = self.epoch.enrichment(id).and_then(|it| it.enrich(&record, text));
                if let Err(malformed) = decoder.read(enriched.as_deref().unwrap_or(text)) {
                    // What can be shown of it is; the whole is in `eventjson`.
                    warn!(position = %entry.position, %malformed, "a record is not all columns");
                }
            }
        }
        for (table, mut decoder) in decoders.into_values() {
            table.push(&decoder.take()?)?;
        }
        self.next = next;
        self.shared.visible.send_replace(Position(next));
        Ok(())
    }

    fn is_due(&self) -> bool {
        let tails = self.shared.all().iter().map(|it| it.stats().tail_bytes).sum::<usize>();
        tails >= self.shared.settings.flush_bytes || self.until_due().is_some_and(|it| it.is_zero())
    }

    /// How long until the oldest tail is to be written; none while all are empty.
    fn until_due(&self) -> Option<Duration> {
        let since = self.shared.all().iter().filter_map(|it| it.stats().tail_since).min()?;
        let age = SignedDuration::from_secs(self.shared.settings.flush_age_seconds.cast_signed());
        let left = age - self.shared.components.ambient.clock.now().duration_since(since);
        Some(Duration::try_from(left).unwrap_or_default())
    }

    /// Writes all tails to files.
    pub(crate) async fn flush(&mut self) -> Result<(), Error> {
        if !self.promise().await? {
            return self.take_up().await;
        }
        for table in self.shared.all() {
            table.flush(self.next).await?;
            if let Some(committed) = table.committed().await {
                self.committed.insert(table.id(), committed);
            }
        }
        self.shared.settled.send_replace(Position(self.next));
        Ok(())
    }

    /// Lets the log go of what no store takes, while no tail waits.
    async fn settle(&mut self) -> Result<(), Error> {
        let is_behind = self.shared.settled.borrow().0 < self.next;
        if is_behind && self.until_due().is_none() {
            if !self.promise().await? {
                return self.take_up().await;
            }
            self.shared.settled.send_replace(Position(self.next));
        }
        Ok(())
    }

    async fn promise(&self) -> Result<bool, Error> {
        Ok(self.shared.catalog.judge_stores_until(self.next, self.history.changes).await?)
    }
}

/// A decoder of all columns of a store.
pub(crate) fn decoder() -> Decoder {
    let all: Vec<usize> = (0..View::Lake.columns().len()).collect();
    Decoder::new(View::Lake, &all, Vec::new())
}
