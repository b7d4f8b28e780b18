//! For tests only: clocks that a test drives, randomness with a seed, generators of realistic
//! records, a bucket for verifiers to read.

mod bucket_server;
mod clock;
mod log_files;
mod random;
pub mod records;

pub use bucket_server::{BucketServer, ServedObject};
pub use clock::ManualClock;
pub use log_files::{Delivered, Written};
pub use random::SeededRandom;

use std::sync::Arc;

use ambient::Ambient;
use jiff::Timestamp;

/// A clock that stands at `now` until the test moves it, and randomness from `seed`.
#[must_use]
pub fn ambient(now: Timestamp, seed: u64) -> (Ambient, ManualClock) {
    let clock = ManualClock::new(now);
    let random = Arc::new(SeededRandom::new(seed));
    (Ambient { clock: Arc::new(clock.clone()), random }, clock)
}
