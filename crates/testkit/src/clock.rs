//! A clock that only the test moves.

use std::{sync::Arc, time::Duration};

use ambient::Clock;
use futures::{FutureExt as _, future::BoxFuture};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// Stands still until the test moves it. Clones are the same clock.
#[derive(Clone, Debug)]
pub struct ManualClock {
    now: Arc<watch::Sender<Timestamp>>,
}

impl ManualClock {
    /// A clock that stands at `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self { now: Arc::new(watch::Sender::new(now)) }
    }

    /// Moves the clock on; whoever sleeps until then or sooner wakes.
    pub fn advance(&self, by: Duration) {
        let by =
            SignedDuration::try_from(by).expect("a test moves the clock by less than 292 years");
        self.now.send_modify(|now| *now += by);
    }

    /// Sets the clock, also backwards.
    pub fn set(&self, to: Timestamp) {
        self.now.send_replace(to);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        let until = SignedDuration::try_from(duration)
            .ok()
            .and_then(|it| self.now().checked_add(it).ok())
            .unwrap_or(Timestamp::MAX);
        let mut watched = self.now.subscribe();
        async move {
            // The sender lives as long as this clock, which the future borrows.
            let _woken = watched.wait_for(|now| *now >= until).await;
        }
        .boxed()
    }
}
