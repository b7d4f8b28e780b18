//! The log is trimmed only after the window of bulk records is on disk.

use std::{ops::Range, sync::Arc};

use futures::{FutureExt as _, future::BoxFuture};
use log::{Entry, Error, EventLog, Frame, Position, Usage};
use tokio::sync::watch;

use super::window::Window;

/// A log that writes the window of bulk records to its file before it lets go of frames, so that the
/// window and what is left of the log always know all that came last.
#[derive(Clone, Debug)]
pub struct KeepBeforeTrim {
    log: Arc<dyn EventLog>,
    window: Arc<Window>,
}

impl KeepBeforeTrim {
    /// Trims `log` behind `window`.
    #[must_use]
    pub fn new(log: Arc<dyn EventLog>, window: Arc<Window>) -> Self {
        Self { log, window }
    }
}

impl EventLog for KeepBeforeTrim {
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
        async move {
            let window = Arc::clone(&self.window);
            // The window may know a little more than the log up to here, never less: what is
            // appended but not yet settled lies behind `before`, which was visible long ago.
            let kept = tokio::task::spawn_blocking(move || window.keep(before)).await;
            match kept {
                Ok(Ok(())) => self.log.trim(before).await,
                Ok(Err(error)) => {
                    tracing::warn!(error = %error, "the window of bulk records was not written; the log is not trimmed");
                    Ok(())
                }
                Err(_) => Ok(()),
            }
        }
        .boxed()
    }

    fn open_intents(&self) -> BoxFuture<'_, Result<Vec<Entry>, Error>> {
        self.log.open_intents()
    }

    fn usage(&self) -> Usage {
        self.log.usage()
    }
}
