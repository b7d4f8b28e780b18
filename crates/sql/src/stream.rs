//! Rows under guard: a time limit, a row limit, and a task of their own whose panic is an error.

use std::{sync::Arc, time::Duration};

use ambient::Clock;
use datafusion::{
    arrow::record_batch::RecordBatch, error::DataFusionError, execution::SendableRecordBatchStream,
};
use futures::{
    FutureExt as _, StreamExt as _,
    future::{BoxFuture, Fuse},
    stream::BoxStream,
};
use tokio::{sync::mpsc, task::JoinHandle};

use crate::Error;

/// What ends a stream early.
pub(crate) struct Bounds {
    /// How long the rest may take.
    pub(crate) remaining: Duration,
    /// The whole limit, for the error's text.
    pub(crate) limit: Duration,
    /// Rows at most.
    pub(crate) rows: Option<usize>,
}

/// Batches that may wait for their reader.
const WAITING: usize = 2;

/// Runs `inner` in a task of its own. Dropping what is returned ends the task, at the latest when it
/// next gives way; the time limit is kept whether it does or not.
pub(crate) fn guarded(
    mut inner: SendableRecordBatchStream,
    bounds: Bounds,
    clock: Arc<dyn Clock>,
) -> BoxStream<'static, Result<RecordBatch, Error>> {
    let (send, receive) = mpsc::channel(WAITING);
    let work = tokio::spawn(async move {
        let mut rows = 0_usize;
        while let Some(next) = inner.next().await {
            let next = next.map_err(Error::from);
            rows += next.as_ref().map_or(0, RecordBatch::num_rows);
            if let Some(limit) = bounds.rows.filter(|limit| rows > *limit) {
                let _ = send.send(Err(Error::TooManyRows { limit })).await;
                return;
            }
            let ended = next.is_err();
            if send.send(next).await.is_err() || ended {
                return;
            }
        }
    });
    let seconds = bounds.limit.as_secs();
    let deadline = async move { clock.sleep(bounds.remaining).await }.boxed().fuse();
    let state = State { receive, work: Work(Some(work)), deadline };
    futures::stream::unfold(state, move |mut state| async move {
        state.work.0.as_ref()?;
        let next = tokio::select! {
            biased;
            () = &mut state.deadline => {
                state.work = Work(None);
                return Some((Err(Error::TimedOut { seconds }), state));
            }
            next = state.receive.recv() => next,
        };
        if let Some(next) = next {
            return Some((next, state));
        }
        // The task is over. If it ended by a panic, that is the answer's last word.
        let ended = state.work.0.take()?.await;
        let error = ended.err().filter(tokio::task::JoinError::is_panic)?;
        Some((Err(panicked(error.into_panic().as_ref())), state))
    })
    .boxed()
}

struct State {
    receive: mpsc::Receiver<Result<RecordBatch, Error>>,
    work: Work,
    deadline: Fuse<BoxFuture<'static, ()>>,
}

/// A task that ends with its owner.
struct Work(Option<JoinHandle<()>>);

impl Drop for Work {
    fn drop(&mut self) {
        if let Some(work) = &self.0 {
            work.abort();
        }
    }
}

/// What a panic said, as an error.
pub(crate) fn panicked(cause: &(dyn std::any::Any + Send)) -> Error {
    let text = cause
        .downcast_ref::<&str>()
        .map(|it| (*it).to_owned())
        .or_else(|| cause.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".to_owned());
    tracing::error!(cause = text, "a query panicked");
    Error::Internal(text)
}

/// An error of DataFusion that carries one of ours through its layers.
pub(crate) fn carried(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
