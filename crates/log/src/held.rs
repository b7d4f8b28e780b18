//! A log that lets go of frames only when all who read it are done with them.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use futures::{
    FutureExt as _,
    future::{BoxFuture, select_all},
};
use tokio::sync::watch;

use crate::{Entry, Error, EventLog, Frame, Position, Usage};

/// A log whose trimming waits for consumers, each with the position before which it needs nothing.
#[derive(Debug)]
pub struct HeldLog {
    log: Arc<dyn EventLog>,
    consumers: Vec<watch::Receiver<Position>>,
    /// How far somebody wanted to trim.
    wanted: AtomicU64,
}

impl HeldLog {
    /// Trims `log` only behind all of `consumers`.
    #[must_use]
    pub fn new(log: Arc<dyn EventLog>, consumers: Vec<watch::Receiver<Position>>) -> Self {
        Self { log, consumers, wanted: AtomicU64::new(0) }
    }

    /// Trims what was held up, as consumers go on; until they all are gone. Without it a trim that
    /// was held up waits for the next one.
    pub async fn follow(self: Arc<Self>) {
        let mut consumers = self.consumers.clone();
        while !consumers.is_empty() {
            let changes = consumers.iter_mut().map(|it| it.changed().boxed());
            let (changed, index, _) = select_all(changes).await;
            if changed.is_err() {
                consumers.swap_remove(index);
            }
            let first = self.log.first();
            let until = self.allowed(Position(self.wanted.load(Ordering::Relaxed)));
            if until > first
                && let Err(error) = self.log.trim(until).await
            {
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot trim the log");
            }
        }
    }

    fn allowed(&self, before: Position) -> Position {
        self.consumers.iter().map(|it| *it.borrow()).fold(before, Position::min)
    }
}

impl EventLog for HeldLog {
    fn append(&self, frames: Vec<Frame>) -> BoxFuture<'_, Result<Range<Position>, Error>> {
        self.log.append(frames)
    }

    fn append_reserved(&self, frames: Vec<Frame>) -> BoxFuture<'_, Result<Range<Position>, Error>> {
        self.log.append_reserved(frames)
    }

    fn read(&self, from: Position, bytes: usize) -> BoxFuture<'_, Result<Vec<Entry>, Error>> {
        self.log.read(from, bytes)
    }

    fn durable(&self) -> watch::Receiver<Position> {
        self.log.durable()
    }

    fn first(&self) -> Position {
        self.log.first()
    }

    fn trim(&self, before: Position) -> BoxFuture<'_, Result<(), Error>> {
        self.wanted.fetch_max(before.0, Ordering::Relaxed);
        self.log.trim(self.allowed(before))
    }

    fn open_intents(&self) -> BoxFuture<'_, Result<Vec<Entry>, Error>> {
        self.log.open_intents()
    }

    fn usage(&self) -> Usage {
        self.log.usage()
    }
}
