//! Which segments there are, and what writer and readers share.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use crate::{
    Usage,
    disk::{Disk, File},
    frame::{Kind, Position},
    local::queue::Queue,
    segment::{self, Footer, Index, LogId},
};

/// What the writer thread and the readers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) id: LogId,
    pub(crate) table: Mutex<Table>,
    pub(crate) queue: Queue,
    pub(crate) durable: watch::Sender<Position>,
    /// Why the log stopped, once it has.
    pub(crate) failed: watch::Sender<Option<String>>,
    pub(crate) usage: Mutex<Usage>,
}

/// One segment, without its contents.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) first: u64,
    /// The position behind the last one.
    pub(crate) end: u64,
    pub(crate) frames_end: u64,
    /// Bytes of the file.
    pub(crate) size: u64,
    /// Positions without a frame.
    pub(crate) holes: Arc<[Range<u64>]>,
    pub(crate) is_sealed: bool,
    pub(crate) last_arrival_us: Option<i64>,
}

/// The segments by first position; at most the last one is not sealed.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) segments: BTreeMap<u64, Segment>,
    /// File and index of the segment that is not sealed.
    pub(crate) active: Option<(Arc<dyn File>, Index)>,
    /// Intents that nothing has answered.
    pub(crate) open: BTreeSet<u64>,
    /// Indexes of sealed segments that were read lately.
    indexes: VecDeque<(u64, Arc<Index>)>,
    /// Where readers stopped: the next position, its segment and its offset.
    stops: VecDeque<(u64, u64, u64)>,
}

impl Shared {
    pub(crate) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn usage(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn seed(&self) -> u32 {
        self.id.seed()
    }

    /// The position behind the last synced frame.
    pub(crate) fn end(&self) -> u64 {
        self.durable.borrow().0
    }

    /// The first position that is kept.
    pub(crate) fn first(&self) -> u64 {
        let first = self.table().segments.keys().next().copied();
        first.unwrap_or_else(|| self.end())
    }
}

impl Table {
    /// Indexes and stops to remember. Each index is about 16 KiB per 64 MiB of segment.
    const REMEMBERED: usize = 16;

    pub(crate) fn new(
        segments: BTreeMap<u64, Segment>,
        active: Option<(Arc<dyn File>, Index)>,
        open: BTreeSet<u64>,
    ) -> Self {
        Self { segments, active, open, ..Self::default() }
    }

    /// Bytes of all segments.
    pub(crate) fn bytes(&self) -> u64 {
        self.segments.values().map(|it| it.size).sum()
    }

    /// The segment that holds `position`, or else the next one behind it.
    pub(crate) fn find(&self, position: u64) -> Option<Segment> {
        let before = self.segments.range(..=position).next_back().map(|(_, it)| it);
        before
            .filter(|it| position < it.end)
            .or_else(|| self.segments.range(position..).next().map(|(_, it)| it))
            .cloned()
    }

    /// First positions of the sealed segments that end before a position.
    pub(crate) fn sealed_before(&self, position: u64) -> Vec<u64> {
        let is_before = |it: &&Segment| it.is_sealed && it.end <= position;
        self.segments.values().take_while(is_before).map(|it| it.first).collect()
    }

    /// Adds a segment that is sealed, or takes the place of one.
    pub(crate) fn seal(&mut self, footer: &Footer, size: u64) {
        self.forget(footer.first);
        self.remember(footer.first, Arc::clone(&footer.index));
        self.segments.insert(footer.first, Segment::sealed(footer, size));
    }

    /// Drops what is remembered of where frames lie in a segment.
    pub(crate) fn forget(&mut self, first: u64) {
        self.indexes.retain(|(it, _)| *it != first);
        self.stops.retain(|(_, it, _)| *it != first);
    }

    pub(crate) fn index(&self, first: u64) -> Option<Arc<Index>> {
        self.indexes.iter().find(|(it, _)| *it == first).map(|(_, index)| Arc::clone(index))
    }

    pub(crate) fn remember(&mut self, first: u64, index: Arc<Index>) {
        self.indexes.retain(|(it, _)| *it != first);
        self.indexes.truncate(Self::REMEMBERED - 1);
        self.indexes.push_front((first, index));
    }

    /// Takes note that a reader will go on with `position`.
    pub(crate) fn stop(&mut self, position: u64, first: u64, offset: u64) {
        self.stops.truncate(Self::REMEMBERED - 1);
        self.stops.push_front((position, first, offset));
    }

    /// Where `position` lies in the segment, if a reader has stopped there.
    pub(crate) fn resume(&mut self, position: u64, first: u64) -> Option<u64> {
        let at = self.stops.iter().position(|(it, of, _)| (*it, *of) == (position, first))?;
        self.stops.remove(at).map(|(_, _, offset)| offset)
    }

    /// Lets an intent be open, or an answer close one.
    pub(crate) fn follow(
        open: &mut BTreeSet<u64>,
        position: u64,
        kind: Kind,
        answers: Option<u64>,
    ) {
        if kind == Kind::Intent {
            open.insert(position);
        }
        if let Some(intent) = answers {
            open.remove(&intent);
        }
    }
}

impl Segment {
    /// A segment without frames yet.
    pub(crate) fn begun(first: u64) -> Self {
        Self {
            first,
            end: first,
            frames_end: segment::HEADER,
            size: segment::HEADER,
            holes: Arc::default(),
            is_sealed: false,
            last_arrival_us: None,
        }
    }

    /// Whether a frame at `position` may follow when `expected` should.
    pub(crate) fn may_skip(&self, expected: u64, position: u64) -> bool {
        expected == position
            || self.holes.iter().any(|it| it.contains(&expected) && it.end == position)
    }

    pub(crate) fn sealed(footer: &Footer, size: u64) -> Self {
        Self {
            first: footer.first,
            end: footer.end,
            frames_end: footer.frames_end,
            size,
            holes: Arc::clone(&footer.holes),
            is_sealed: true,
            last_arrival_us: footer.last_arrival_us,
        }
    }
}
