//! The mode `buffered`: records that wait in memory, and a lease that says how many at most.
//!
//! Before the first record waits, a note in the log says how many may be waiting. A crash loses
//! them, and the note is what tells the next start how many that can have been. A note that none
//! wait is written when all has been quiet for a while, and when the process stops.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use jiff::Timestamp;
use log::{Evidence, Frame, Kind, Marks};
use record::Category;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::{Capture, SOURCE, Unrecorded, recovery};

/// Records that wait for the log.
pub(crate) struct Buffer {
    /// One permit for each record that may wait; a call takes its own before it leaves.
    permits: Arc<Semaphore>,
    max: u32,
    sender: mpsc::Sender<Waiting>,
    /// Taken by the task.
    receiver: Mutex<Option<mpsc::Receiver<Waiting>>>,
    /// Whether the log holds a note that records may be waiting.
    is_noted: AtomicBool,
    noting: tokio::sync::Mutex<()>,
}

/// The right to let one record wait.
pub(crate) struct Lease {
    _permit: OwnedSemaphorePermit,
}

struct Waiting {
    frames: Vec<Frame>,
    _lease: Lease,
}

/// The body of a note.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Note {
    /// How many records may be lost if the process ends now.
    pub(crate) lease: u32,
    /// Since when.
    pub(crate) from: Timestamp,
}

impl Buffer {
    pub(crate) fn new(max: u32) -> Self {
        let max = max.max(1);
        let (sender, receiver) = mpsc::channel(max as usize);
        Self {
            permits: Arc::new(Semaphore::new(max as usize)),
            max,
            sender,
            receiver: Mutex::new(Some(receiver)),
            is_noted: AtomicBool::new(false),
            noting: tokio::sync::Mutex::new(()),
        }
    }

    /// The right to let one record wait. Completes once the log says that it may be lost; waits
    /// while as many wait already.
    pub(super) async fn lease(&self, capture: &Capture) -> Result<Lease, Unrecorded> {
        let permit = tokio::select! {
            permit = Arc::clone(&self.permits).acquire_owned() => permit,
            () = capture.failed.cancelled() => return Err(Unrecorded::Failed),
        };
        let permit = permit.map_err(|_| Unrecorded::Failed)?;
        if !self.is_noted.load(Ordering::Acquire) {
            let _one_at_a_time = self.noting.lock().await;
            if !self.is_noted.load(Ordering::Acquire) {
                self.note(capture, Note { lease: self.max, from: capture.clock.now() }).await?;
                self.is_noted.store(true, Ordering::Release);
            }
        }
        Ok(Lease { _permit: permit })
    }

    /// Lets a record wait.
    pub(super) fn push(&self, capture: &Capture, frames: Vec<Frame>, lease: Lease) {
        capture.metrics.buffered.add(1);
        if self.sender.try_send(Waiting { frames, _lease: lease }).is_err() {
            // The task has ended because the log has failed: nothing can be recorded any more.
            capture.metrics.buffered.sub(1);
            capture.metrics.buffered_lost.add(1);
            error!("a record is lost because the log has failed");
        }
    }

    /// Brings records to the log until `stop`, then those that are left.
    pub(crate) async fn run(&self, capture: &Capture, stop: CancellationToken) {
        let receiver = self.receiver.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut receiver) = receiver else { return };
        let mut noted_at = capture.clock.now();
        let mut batch = Vec::new();
        loop {
            let stopping = stop.is_cancelled();
            let came = if stopping {
                batch.extend(std::iter::from_fn(|| receiver.try_recv().ok()).take(BATCH));
                batch.len()
            } else {
                tokio::select! {
                    came = receiver.recv_many(&mut batch, BATCH) => came,
                    () = capture.clock.sleep(QUIET) => 0,
                    () = stop.cancelled() => 0,
                }
            };
            if came > 0 {
                if self.keep(capture, &mut batch).await.is_err() {
                    return;
                }
                continue;
            }
            if self.is_noted.load(Ordering::Acquire) {
                // All permits are back: nothing waits, and nothing may come to wait meanwhile.
                if let Ok(_all) = Arc::clone(&self.permits).try_acquire_many_owned(self.max) {
                    let note = Note { lease: 0, from: capture.clock.now() };
                    if self.note(capture, note).await.is_ok() {
                        self.is_noted.store(false, Ordering::Release);
                    }
                }
            } else if !stopping {
                noted_at = self.look_through(capture, noted_at).await;
            }
            if stopping {
                return;
            }
        }
    }

    /// Appends the records of a batch, however long it takes to find room for them.
    async fn keep(&self, capture: &Capture, batch: &mut Vec<Waiting>) -> Result<(), Unrecorded> {
        let records = batch.len() as u64;
        loop {
            let frames: Vec<Frame> = batch.iter().flat_map(|it| it.frames.clone()).collect();
            match capture.append(frames).await {
                Ok(_) => break,
                Err(Unrecorded::NoRoom) => {
                    warn!(records, "buffered records wait for room in the log");
                    tokio::select! {
                        () = capture.clock.sleep(RETRY) => {}
                        () = capture.failed.cancelled() => {}
                    }
                }
                Err(Unrecorded::Failed) => {
                    capture.metrics.buffered.sub(records);
                    capture.metrics.buffered_lost.add(records);
                    return Err(Unrecorded::Failed);
                }
            }
        }
        capture.metrics.buffered.sub(records);
        batch.clear();
        Ok(())
    }

    async fn note(&self, capture: &Capture, note: Note) -> Result<(), Unrecorded> {
        let body = serde_json::to_vec(&note).expect("a note has a number and a time");
        let positions = capture.append(vec![heartbeat(capture, body.into())]).await?;
        recovery::remember(capture, positions.start).await;
        Ok(())
    }

    /// Remembers from time to time that there is no note up to here, so that the next start has
    /// little to read.
    async fn look_through(&self, capture: &Capture, before: Timestamp) -> Timestamp {
        let now = capture.clock.now();
        if now.duration_since(before).unsigned_abs() < LOOK {
            return before;
        }
        let _no_note_meanwhile = self.noting.lock().await;
        if !self.is_noted.load(Ordering::Acquire) {
            let durable = *capture.log.durable().borrow();
            recovery::remember(capture, durable).await;
        }
        now
    }
}

/// A note of ours in the log. Not a record.
pub(super) fn heartbeat(capture: &Capture, body: Bytes) -> Frame {
    Frame {
        kind: Kind::Heartbeat,
        evidence: Evidence::Server,
        marks: Marks::NONE,
        category: Category::Management,
        arrival: capture.clock.now(),
        source: SOURCE.to_owned(),
        source_sequence: 0,
        account: capture.account,
        region: String::new(),
        answers: None,
        body,
    }
}

/// Records that are appended together.
const BATCH: usize = 1024;
/// How long nothing has to come before the note is taken back.
const QUIET: Duration = Duration::from_secs(1);
/// How often a full log is tried.
const RETRY: Duration = Duration::from_millis(100);
/// How often it is remembered that there is no note.
const LOOK: Duration = Duration::from_mins(1);
