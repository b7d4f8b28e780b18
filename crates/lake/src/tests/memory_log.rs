//! A log in memory: durable at once, trimmed for real.

use std::{
    ops::Range,
    sync::{Arc, Mutex},
};

use futures::{FutureExt as _, future::BoxFuture};
use log::{Entry, Error, EventLog, Frame, Position, Usage};
use tables::simulated::Fate;
use tokio::sync::watch;

#[derive(Debug)]
pub(super) struct MemoryLog {
    state: Mutex<(Position, Vec<Entry>)>,
    durable: watch::Sender<Position>,
    fate: Arc<Fate>,
}

impl MemoryLog {
    pub(super) fn new(fate: Arc<Fate>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), durable: watch::Sender::default(), fate })
    }

    pub(super) fn add(&self, frames: Vec<Frame>) -> Range<Position> {
        let mut state = self.state.lock().unwrap();
        let from = *self.durable.borrow();
        let mut next = from;
        for frame in frames {
            state.1.push(Entry { position: next, frame });
            next = next.next();
        }
        drop(state);
        self.durable.send_replace(next);
        from..next
    }
}

impl EventLog for MemoryLog {
    fn append(&self, frames: Vec<Frame>) -> BoxFuture<'_, Result<Range<Position>, Error>> {
        let range = self.add(frames);
        async move { Ok(range) }.boxed()
    }

    fn append_reserved(&self, frames: Vec<Frame>) -> BoxFuture<'_, Result<Range<Position>, Error>> {
        self.append(frames)
    }

    fn read(&self, from: Position, bytes: usize) -> BoxFuture<'_, Result<Vec<Entry>, Error>> {
        let state = self.state.lock().unwrap();
        let first = state.0;
        if from < first {
            return async move { Err(Error::Trimmed { wanted: from, first }) }.boxed();
        }
        let mut left = bytes;
        let mut found = Vec::new();
        for entry in state.1.iter().skip_while(|it| it.position < from) {
            if left == 0 {
                break;
            }
            left = left.saturating_sub(entry.frame.body.len().max(1));
            found.push(entry.clone());
        }
        async move { Ok(found) }.boxed()
    }

    fn durable(&self) -> watch::Receiver<Position> {
        self.durable.subscribe()
    }

    fn first(&self) -> Position {
        self.state.lock().unwrap().0
    }

    fn trim(&self, before: Position) -> BoxFuture<'_, Result<(), Error>> {
        let trimmed = self.fate.step("trim").map(|()| {
            let mut state = self.state.lock().unwrap();
            state.0 = state.0.max(before);
            state.1.retain(|it| it.position >= before);
        });
        async move { trimmed.map_err(|_| Error::Closed) }.boxed()
    }

    fn open_intents(&self) -> BoxFuture<'_, Result<Vec<Entry>, Error>> {
        async { Ok(Vec::new()) }.boxed()
    }

    fn usage(&self) -> Usage {
        Usage::default()
    }
}
