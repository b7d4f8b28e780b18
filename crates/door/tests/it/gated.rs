//! A log in memory: the test decides when what was appended is durable.

use std::{
    ops::Range,
    sync::{Arc, Mutex},
};

use futures::{FutureExt as _, future::BoxFuture};
use log::{Entry, Error, EventLog, Frame, Kind, Position, Usage};
use serde_json::Value;
use tokio::sync::watch;

/// A log whose syncs wait for the test while its gate is shut.
#[derive(Clone, Debug)]
pub(crate) struct GatedLog(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Frames that were handed over, durable or not.
    frames: Mutex<Vec<Frame>>,
    handed: watch::Sender<u64>,
    durable: watch::Sender<Position>,
    gate: watch::Sender<bool>,
    usage: Mutex<Usage>,
    /// How many more frames the reserve takes while the log is full.
    reserve: Mutex<usize>,
    broken: Mutex<bool>,
}

impl GatedLog {
    /// An empty log, its gate open.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner {
            frames: Mutex::default(),
            handed: watch::Sender::new(0),
            durable: watch::Sender::new(Position(0)),
            gate: watch::Sender::new(true),
            usage: Mutex::new(Usage { bound: u64::MAX, ..Usage::default() }),
            reserve: Mutex::new(0),
            broken: Mutex::new(false),
        }))
    }

    /// From now on nothing becomes durable.
    pub(crate) fn shut(&self) {
        self.0.gate.send_replace(false);
    }

    /// Lets everything become durable.
    pub(crate) fn open(&self) {
        self.0.gate.send_replace(true);
    }

    /// From now on there is no room, or there is again.
    pub(crate) fn set_full(&self, full: bool) {
        self.0.usage.lock().unwrap().full = full;
    }

    /// How many more frames the reserve takes while the log is full.
    pub(crate) fn set_reserve(&self, frames: usize) {
        *self.0.reserve.lock().unwrap() = frames;
    }

    /// From now on every append fails for good, also those that wait.
    pub(crate) fn break_down(&self) {
        *self.0.broken.lock().unwrap() = true;
        self.open();
    }

    /// Forgets every frame but the first ones, as a crash does to what was not synced.
    pub(crate) fn forget_after(&self, frames: usize) {
        self.0.frames.lock().unwrap().truncate(frames);
        self.0.durable.send_replace(Position(frames as u64));
    }

    /// Completes once so many frames were handed over, durable or not.
    pub(crate) async fn handed(&self, frames: u64) {
        self.0.handed.subscribe().wait_for(|it| *it >= frames).await.unwrap();
    }

    /// Frames that were handed over, durable or not.
    pub(crate) fn frames(&self) -> Vec<Frame> {
        self.0.frames.lock().unwrap().clone()
    }

    /// The durable records.
    pub(crate) fn records(&self) -> Vec<Value> {
        let durable = usize::try_from(self.0.durable.borrow().0).unwrap();
        self.frames()
            .iter()
            .take(durable)
            .filter(|it| it.kind.has_record())
            .map(|it| serde_json::from_slice(&it.body).unwrap())
            .collect()
    }

    /// The one durable record.
    #[track_caller]
    pub(crate) fn record(&self) -> Value {
        let mut records = self.records();
        assert_eq!(records.len(), 1, "{records:#?}");
        records.pop().unwrap()
    }

    /// Completes once so many records are durable; yields them.
    pub(crate) async fn wait_for_records(&self, number: usize) -> Vec<Value> {
        let mut durable = self.0.durable.subscribe();
        durable.wait_for(|_| self.records().len() >= number).await.unwrap();
        self.records()
    }
}

impl GatedLog {
    fn append_as(
        &self,
        frames: Vec<Frame>,
        is_reserved: bool,
    ) -> BoxFuture<'_, Result<Range<Position>, Error>> {
        async move {
            let range = {
                let usage = self.0.usage.lock().unwrap();
                if *self.0.broken.lock().unwrap() {
                    return Err(Error::Closed);
                }
                let mut reserve = self.0.reserve.lock().unwrap();
                if usage.full && is_reserved && *reserve >= frames.len() {
                    *reserve -= frames.len();
                } else if usage.full {
                    return Err(Error::Full { used: 1, bound: 1 });
                }
                let mut kept = self.0.frames.lock().unwrap();
                let start = kept.len() as u64;
                kept.extend(frames);
                Position(start)..Position(kept.len() as u64)
            };
            self.0.handed.send_replace(range.end.0);
            self.0.gate.subscribe().wait_for(|open| *open).await.unwrap();
            if *self.0.broken.lock().unwrap() {
                return Err(Error::Closed);
            }
            self.0.durable.send_modify(|it| *it = (*it).max(range.end));
            Ok(range)
        }
        .boxed()
    }
}

impl EventLog for GatedLog {
    fn append(&self, frames: Vec<Frame>) -> BoxFuture<'_, Result<Range<Position>, Error>> {
        self.append_as(frames, false)
    }

    fn append_reserved(&self, frames: Vec<Frame>) -> BoxFuture<'_, Result<Range<Position>, Error>> {
        self.append_as(frames, true)
    }

    fn read(&self, from: Position, _: usize) -> BoxFuture<'_, Result<Vec<Entry>, Error>> {
        let durable = usize::try_from(self.0.durable.borrow().0).unwrap();
        let entries = self.frames().into_iter().take(durable).zip(0..);
        let entries = entries.map(|(frame, at)| Entry { position: Position(at), frame });
        let entries = entries.skip_while(|it| it.position < from).take(100).collect();
        async move { Ok(entries) }.boxed()
    }

    fn durable(&self) -> watch::Receiver<Position> {
        self.0.durable.subscribe()
    }

    fn first(&self) -> Position {
        Position(0)
    }

    fn trim(&self, _: Position) -> BoxFuture<'_, Result<(), Error>> {
        async { Ok(()) }.boxed()
    }

    fn open_intents(&self) -> BoxFuture<'_, Result<Vec<Entry>, Error>> {
        let frames = self.frames();
        let answered: Vec<_> = frames.iter().filter_map(|it| it.answers).collect();
        let open = frames.into_iter().zip(0..).filter(|(it, _)| it.kind == Kind::Intent);
        let open = open.map(|(frame, at)| Entry { position: Position(at), frame });
        let open = open.filter(|it| !answered.contains(&it.position)).collect();
        async move { Ok(open) }.boxed()
    }

    fn usage(&self) -> Usage {
        *self.0.usage.lock().unwrap()
    }
}
