//! From the log into the tail: frames become visible as soon as they are durable.
//!
//! One task reads; another writes the tail to the table when it is large or old. Neither waits for
//! the other until the tail is at its bound: then nothing more is read, and the log holds what comes.

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use iceberg::spec::DataFile;
use jiff::SignedDuration;
use log::Position;
use tables::chain;
use tokio::{sync::watch, task::spawn_blocking};
use tracing::{debug, error, warn};

use crate::{
    Error,
    chunk::Chunk,
    flush,
    shared::Shared,
    table::{Change, Operation, position},
};

/// Bytes of bodies that are read from the log at once.
const READ_BYTES: usize = 4 << 20;

/// How long to wait after a failure; doubles up to the maximum.
const RETRY: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// Reads the log from the table's position on, until the log closes.
pub(crate) async fn consume(shared: Arc<Shared>) {
    let mut view = shared.view.subscribe();
    let mut durable = shared.log.durable();
    let mut next = shared.view().visible();
    let mut pause = RETRY;
    loop {
        let has_room = |it: &Arc<crate::view::View>| it.tail_bytes() < shared.settings.tail_bytes;
        if view.wait_for(has_room).await.is_err() {
            return;
        }
        if durable.wait_for(|it| *it > next).await.is_err() {
            return;
        }
        match read(&shared, next).await {
            Ok(until) => {
                next = until;
                pause = RETRY;
            }
            Err(Error::Log(log::Error::Closed) | Error::Closed) => return,
            Err(Error::Log(log::Error::Trimmed { wanted, first })) => {
                error!(%wanted, %first, "the log was trimmed before its records were in the table");
                next = first;
            }
            Err(error) => {
                warn!(error = chain(&error), "cannot read the log, trying again");
                shared.ambient.clock.sleep(pause).await;
                pause = (pause * 2).min(RETRY_MAX);
            }
        }
    }
}

/// Reads some frames from `next` on and makes them visible. Returns how far it came.
pub(crate) async fn read(shared: &Shared, next: Position) -> Result<Position, Error> {
    let entries = shared.log.read(next, READ_BYTES).await?;
    if entries.is_empty() {
        return Ok(next);
    }
    let now = shared.ambient.clock.now();
    let read = move || Chunk::read(entries, now);
    let chunk = spawn_blocking(read).await.map_err(|_| Error::Closed)??;
    let until = chunk.until;
    shared.counters.unreadable.fetch_add(chunk.unreadable, Ordering::Relaxed);
    shared.change(|view| view.push(chunk))?;
    shared.visible.send_replace(until);
    Ok(until)
}

/// Writes the tail to the table whenever it is large or old enough.
pub(crate) async fn flush_when_due(shared: Arc<Shared>) {
    let mut view = shared.view.subscribe();
    let mut pause = RETRY;
    loop {
        if due(&shared, &mut view).await.is_err() {
            return;
        }
        match flush(&shared).await {
            Ok(()) => pause = RETRY,
            Err(error) => {
                shared.counters.flush_failures.fetch_add(1, Ordering::Relaxed);
                warn!(error = chain(&error), "cannot write the tail to the table, trying again");
                shared.ambient.clock.sleep(pause).await;
                pause = (pause * 2).min(RETRY_MAX);
            }
        }
    }
}

/// Completes when the tail should be flushed.
async fn due(
    shared: &Shared,
    view: &mut watch::Receiver<Arc<crate::view::View>>,
) -> Result<(), watch::error::RecvError> {
    let age = SignedDuration::from_secs(shared.settings.flush_age_seconds.cast_signed());
    loop {
        let (bytes, since) = {
            let view = view.borrow_and_update();
            // A tail without rows is flushed for its size alone: only the position would move.
            let first = view.tail.iter().find(|it| it.rows() > 0);
            (view.tail_bytes(), first.map(|it| it.since))
        };
        if bytes >= shared.settings.flush_bytes {
            return Ok(());
        }
        let Some(since) = since else {
            view.changed().await?;
            continue;
        };
        let left = age - shared.ambient.clock.now().duration_since(since);
        let Ok(left) = Duration::try_from(left) else { return Ok(()) };
        if left.is_zero() {
            return Ok(());
        }
        tokio::select! {
            changed = view.changed() => changed?,
            () = shared.ambient.clock.sleep(left) => return Ok(()),
        }
    }
}

/// Writes what the tail holds now to the table, and lets the log drop it.
///
/// # Errors
/// When store, catalog or log fail. Nothing is lost: what is not in the table stays in the tail.
pub(crate) async fn flush(shared: &Shared) -> Result<(), Error> {
    let _alone = shared.flushing.lock().await;
    // A commit before may have been made although it seemed to fail.
    let mut table = shared.table.lock().await;
    table.refresh().await?;
    shared.adopt(&table);
    drop(table);
    let tail = shared.change(|view| {
        view.seal();
        view.tail.clone()
    });
    let Some(until) = tail.last().map(|it| it.until) else { return trim(shared).await };
    let chunks = tail.clone();
    let write = move |target: &_, begun: &mut _| flush::write(&chunks, target, begun);
    let files = shared.write_files(write).await?;
    drop(tail);
    let (count, rows) = (files.len(), files.iter().map(DataFile::record_count).sum::<u64>());
    let change = Change {
        operation: Operation::Append,
        add: files,
        drop: HashSet::new(),
        marks: position(until),
    };
    shared.commit(&change).await?;
    debug!(files = count, rows, %until, "tail written to the table");
    trim(shared).await
}

async fn trim(shared: &Shared) -> Result<(), Error> {
    let committed = shared.view().committed;
    Ok(shared.log.trim(committed).await?)
}
