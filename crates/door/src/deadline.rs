//! How long someone else may be silent.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use ambient::Clock;
use futures::future::BoxFuture;
use jiff::Timestamp;

/// Measures silence: only time that was spent waiting counts, not what we took ourselves.
pub(crate) struct Deadline {
    clock: Arc<dyn Clock>,
    limit: Duration,
    since: Option<Timestamp>,
    sleep: Option<BoxFuture<'static, ()>>,
}

impl Deadline {
    pub(crate) fn new(clock: Arc<dyn Clock>, limit: Duration) -> Self {
        Self { clock, limit, since: None, sleep: None }
    }

    /// Something came, or we turned away: what was waited so far does not count.
    pub(crate) fn moved(&mut self) {
        self.since = None;
    }

    /// Completes when the limit is passed. To be asked when nothing came.
    pub(crate) fn poll_passed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = self.clock.now();
        let mut since = *self.since.get_or_insert(now);
        loop {
            if let Some(sleep) = &mut self.sleep {
                if sleep.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                self.sleep = None;
            }
            let now = self.clock.now();
            // A clock that was set back must not make anyone wait for ever.
            since = since.min(now);
            let waited = now.duration_since(since).unsigned_abs();
            if waited >= self.limit {
                return Poll::Ready(());
            }
            let clock = Arc::clone(&self.clock);
            // Milliseconds: a timer may fire a little early against the other clock.
            let rest = (self.limit - waited).max(Duration::from_millis(1));
            self.sleep = Some(Box::pin(async move { clock.sleep(rest).await }));
        }
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deadline").field("limit", &self.limit).finish_non_exhaustive()
    }
}
