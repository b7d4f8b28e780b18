//! Who follows the log, and how far it may be trimmed: behind the slowest of them.

use std::{ops::Range, sync::Arc};

use futures::future::BoxFuture;
use log::{Entry, Error, EventLog, Frame, Position, Usage};
use tokio::sync::watch;

/// A log that is trimmed only behind what others have done with it.
#[derive(Clone, Debug)]
pub(crate) struct BehindFollowers {
    log: Arc<dyn EventLog>,
    committed: Vec<watch::Receiver<Position>>,
}

impl BehindFollowers {
    /// Trims `log` only before every position of `committed`. A follower that is gone holds it where
    /// it was last.
    pub(crate) fn new(log: Arc<dyn EventLog>, committed: Vec<watch::Receiver<Position>>) -> Self {
        Self { log, committed }
    }
}

impl EventLog for BehindFollowers {
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
        let slowest = self.committed.iter().map(|it| *it.borrow()).min();
        self.log.trim(slowest.map_or(before, |it| it.min(before)))
    }

    fn open_intents(&self) -> BoxFuture<'_, Result<Vec<Entry>, Error>> {
        self.log.open_intents()
    }

    fn usage(&self) -> Usage {
        self.log.usage()
    }
}
