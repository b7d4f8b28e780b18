//! Files on their way: for each trail and bucket one lane of log files and one of digests, so that one
//! that fails holds up no other.
//!
//! Log files go in any order, several at a time, and one that is not taken lets the others go first. Digests of one chain go one after the other: whoever
//! finds one in the bucket finds those before it there too.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::Arc,
    time::Duration,
};

use ambient::Random;
use catalog::delivery::FileKind;
use jiff::Timestamp;

use crate::{Settings, backlog::Mark};

#[derive(Debug, Default)]
struct Lane {
    /// Files that may be sent, oldest first.
    waiting: BTreeSet<u64>,
    /// Chains with a digest that may be sent or is on its way, and those that come after it, oldest
    /// first.
    chains: BTreeMap<Chain, BTreeSet<u64>>,
    running: usize,
    failures: u32,
    /// Not before this.
    retry: Option<Timestamp>,
    /// The last file that was not taken: those behind it go first, since they may be.
    refused: Option<u64>,
}

/// What tells a chain of digests of one trail from others.
type Chain = (String, String, FileKind);

impl Lane {
    fn add(&mut self, file: &Mark) {
        let Some(chain) = chain(file) else {
            self.waiting.insert(file.sequence);
            return;
        };
        // INVARIANT: of each chain in `chains`, one digest is in `waiting` or on its way.
        match self.chains.entry(chain) {
            Entry::Occupied(mut before) => {
                before.get_mut().insert(file.sequence);
            }
            Entry::Vacant(first) => {
                first.insert(BTreeSet::new());
                self.waiting.insert(file.sequence);
            }
        }
    }

    /// Takes out the file to send next.
    fn next(&mut self) -> Option<u64> {
        let behind = |it: u64| self.waiting.range(it + 1..).next().copied();
        let next = self.refused.and_then(behind).or_else(|| self.waiting.first().copied())?;
        self.waiting.remove(&next).then_some(next)
    }

    /// The file needs no sending any more: the digest that comes after it may go.
    fn let_next(&mut self, file: &Mark) {
        let Some(chain) = chain(file) else { return };
        let Some(after) = self.chains.get_mut(&chain) else { return };
        match after.pop_first() {
            Some(next) => {
                self.waiting.insert(next);
            }
            None => {
                self.chains.remove(&chain);
            }
        }
    }

    /// How long until a file may be sent; none while nothing waits or enough are under way.
    fn opens_in(&self, settings: &Settings, now: Timestamp) -> Option<Duration> {
        // A bucket that failed is tried with one file, not with many.
        let limit =
            if self.failures > 0 { 1 } else { usize::from(settings.puts_per_bucket.max(1)) };
        if self.waiting.is_empty() || self.running >= limit {
            return None;
        }
        let left = self.retry.map(|it| it.duration_since(now)).unwrap_or_default();
        // A clock that was put back must not stretch a pause.
        Some(Duration::try_from(left).unwrap_or_default().min(PAUSE_MAX))
    }
}

/// All lanes.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    lanes: BTreeMap<Id, Lane>,
    running: usize,
    /// Trails with files whose places are taken by others.
    contradicted: BTreeSet<String>,
    /// Those files.
    aside: BTreeSet<u64>,
}

impl Lanes {
    /// Lines up a file. Those of one chain come in its order.
    pub(crate) fn add(&mut self, file: &Mark) {
        self.lane(file).add(file);
    }

    /// The next file to send, if any may be sent.
    pub(crate) fn start(&mut self, settings: &Settings, now: Timestamp) -> Option<u64> {
        if self.running >= RUNNING_MAX {
            return None;
        }
        let is_open = |it: &&mut Lane| it.opens_in(settings, now).is_some_and(|it| it.is_zero());
        // The oldest first, whichever lane it is in.
        let lane =
            self.lanes.values_mut().filter(is_open).min_by_key(|it| it.waiting.first().copied())?;
        let sequence = lane.next()?;
        lane.running += 1;
        self.running += 1;
        Some(sequence)
    }

    /// A file was taken, so that its bucket is well.
    pub(crate) fn succeed(&mut self, file: &Mark) {
        self.running = self.running.saturating_sub(1);
        let lane = self.lane(file);
        lane.running = lane.running.saturating_sub(1);
        (lane.failures, lane.retry) = (0, None);
        lane.let_next(file);
        if lane.waiting.is_empty() && lane.running == 0 {
            self.lanes.remove(&id(file));
        }
    }

    /// Another object stands in the file's place. Until the next start the file waits aside, for it
    /// must not hold up those that can be delivered.
    pub(crate) fn set_aside(&mut self, file: &Mark) {
        self.succeed(file);
        self.contradicted.insert(file.place.0.clone());
        self.aside.insert(file.sequence);
    }

    /// Whether the file waits aside.
    pub(crate) fn is_aside(&self, sequence: u64) -> bool {
        self.aside.contains(&sequence)
    }

    /// Whether a file of the trail waits aside.
    pub(crate) fn is_contradicted(&self, trail: &str) -> bool {
        self.contradicted.contains(trail)
    }

    /// A file was not taken, and waits again. Each failure in a row doubles the pause.
    pub(crate) fn fail(&mut self, file: &Mark, now: Timestamp, random: &dyn Random) {
        self.running = self.running.saturating_sub(1);
        let lane = self.lane(file);
        lane.running = lane.running.saturating_sub(1);
        lane.waiting.insert(file.sequence);
        lane.refused = Some(file.sequence);
        // Of several that were under way together, only the first counts.
        if lane.retry.is_none_or(|it| it <= now) {
            let pause = (PAUSE * 2_u32.saturating_pow(lane.failures.min(16))).min(PAUSE_MAX);
            lane.failures = lane.failures.saturating_add(1);
            lane.retry = now.checked_add(jitter(pause, random)).ok();
        }
    }

    /// How long until a file may be sent.
    pub(crate) fn opens_in(&self, settings: &Settings, now: Timestamp) -> Option<Duration> {
        if self.running >= RUNNING_MAX {
            return None;
        }
        self.lanes.values().filter_map(|it| it.opens_in(settings, now)).min()
    }

    fn lane(&mut self, file: &Mark) -> &mut Lane {
        self.lanes.entry(id(file)).or_default()
    }
}

/// The chain that a digest stands in; none of a log file.
fn chain(file: &Mark) -> Option<Chain> {
    let kind = file.kind;
    (kind != FileKind::Log).then(|| (file.place.1.clone(), file.place.2.clone(), kind))
}

fn id(file: &Mark) -> Id {
    (file.place.0.clone(), Arc::clone(&file.bucket), file.kind == FileKind::Log)
}

/// A lane's trail and bucket, and whether it is that of log files.
type Id = (String, Arc<str>, bool);

/// Between three quarters of the pause and all of it, so that lanes do not march in step.
fn jitter(pause: Duration, random: &dyn Random) -> Duration {
    let mut byte = [0];
    random.fill(&mut byte);
    let [byte] = byte;
    pause - pause / 4 * u32::from(byte) / 255
}

/// Writes at once, all together.
const RUNNING_MAX: usize = 64;
const PAUSE: Duration = Duration::from_secs(1);
/// How long a bucket that fails is left alone at most, so that a drain begins soon after it is back.
const PAUSE_MAX: Duration = Duration::from_secs(60);
