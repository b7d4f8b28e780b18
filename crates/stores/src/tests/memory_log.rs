//! A log in memory, durable at once.

use std::{
    ops::Range,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use futures::{FutureExt as _, future::BoxFuture};
use jiff::Timestamp;
use log::{Entry, Error, EventLog, Evidence, Frame, Kind, Marks, Position, Usage};
use record::{AccountId, Category};
use tokio::sync::watch;

#[derive(Debug, Default)]
pub(crate) struct MemoryLog {
    entries: Mutex<Vec<Entry>>,
    durable: watch::Sender<Position>,
    /// Appends that are still to be refused for want of room.
    refusals: AtomicUsize,
}

impl MemoryLog {
    /// Refuses the next appends, as a log does that is full.
    pub(crate) fn refuse(&self, appends: usize) {
        self.refusals.store(appends, Ordering::SeqCst);
    }

    /// Appends that are still to be refused.
    pub(crate) fn refusals(&self) -> usize {
        self.refusals.load(Ordering::SeqCst)
    }

    /// All that was appended.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.entries.lock().unwrap().clone()
    }

    /// Adds records of an account in `us-east-1`.
    pub(crate) fn add(&self, account: &str, records: &[String]) {
        let frame = |body: &String| Frame {
            kind: Kind::Record,
            evidence: Evidence::Server,
            marks: Marks::NONE,
            category: Category::Management,
            arrival: Timestamp::UNIX_EPOCH,
            source: "test".to_owned(),
            source_sequence: 0,
            account: AccountId::parse(account).unwrap(),
            region: "us-east-1".to_owned(),
            answers: None,
            body: Bytes::from(body.clone()),
        };
        drop(self.append(records.iter().map(frame).collect()));
    }
}

impl EventLog for MemoryLog {
    fn append(&self, frames: Vec<Frame>) -> BoxFuture<'_, Result<Range<Position>, Error>> {
        let one_less = |it: usize| it.checked_sub(1);
        if self.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
            return async { Err(Error::Full { used: 1, bound: 1 }) }.boxed();
        }
        let from = *self.durable.borrow();
        let mut next = from;
        let mut entries = self.entries.lock().unwrap();
        for frame in frames {
            entries.push(Entry { position: next, frame });
            next = next.next();
        }
        drop(entries);
        self.durable.send_replace(next);
        async move { Ok(from..next) }.boxed()
    }

    fn append_reserved(&self, frames: Vec<Frame>) -> BoxFuture<'_, Result<Range<Position>, Error>> {
        self.append(frames)
    }

    fn read(&self, from: Position, _: usize) -> BoxFuture<'_, Result<Vec<Entry>, Error>> {
        let entries = self.entries.lock().unwrap();
        let found = entries.iter().filter(|it| it.position >= from).take(20).cloned().collect();
        async move { Ok(found) }.boxed()
    }

    fn durable(&self) -> watch::Receiver<Position> {
        self.durable.subscribe()
    }

    fn first(&self) -> Position {
        Position::default()
    }

    fn trim(&self, _: Position) -> BoxFuture<'_, Result<(), Error>> {
        async { Ok(()) }.boxed()
    }

    fn open_intents(&self) -> BoxFuture<'_, Result<Vec<Entry>, Error>> {
        async { Ok(Vec::new()) }.boxed()
    }

    fn usage(&self) -> Usage {
        Usage::default()
    }
}
