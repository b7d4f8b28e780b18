//! Time and randomness as values: everything that would differ between two runs comes in by here.
//!
//! Lives here: [`Clock`] with the system's clock, [`Random`] with the system's randomness.
//! Lives elsewhere: clocks that a test drives (`testkit`); keys, salts and nonces, which come from
//! the cryptographic library at the place that needs them.

use std::{fmt::Debug, sync::Arc, time::Duration};

use futures::{FutureExt as _, future::BoxFuture};
use jiff::Timestamp;
use uuid::Uuid;

/// Wall-clock time. Held by tasks; pure code takes `now: Timestamp` instead.
pub trait Clock: Debug + Send + Sync {
    /// The current instant. Not required to be monotonic.
    fn now(&self) -> Timestamp;
    /// Completes once `duration` has passed on this clock.
    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()>;
}

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where wall-clock time enters")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    #[expect(clippy::disallowed_methods, reason = "the one place where waiting enters")]
    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        tokio::time::sleep(duration).boxed()
    }
}

/// Identifiers and jitter. Not for keys, salts or nonces.
pub trait Random: Debug + Send + Sync {
    /// Fills `bytes` with random bytes.
    fn fill(&self, bytes: &mut [u8]);

    /// A random UUID of version 4, as event ids and request ids are.
    fn uuid(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}

/// The operating system's randomness, by way of the cryptographic library.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("the operating system has randomness");
    }
}

/// The two things that differ from run to run, handed to every component that needs them.
#[derive(Clone, Debug)]
pub struct Ambient {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where identifiers come from.
    pub random: Arc<dyn Random>,
}

impl Ambient {
    /// The operating system's clock and randomness.
    #[must_use]
    pub fn system() -> Self {
        Self { clock: Arc::new(SystemClock), random: Arc::new(SystemRandom) }
    }
}
