//! What is still there of a segment, and what follows from it. Pure, but for the reading.
//!
//! Two rules decide between a torn tail, which is cut, and lost frames, which are told of:
//! everything before `proven` was acknowledged, since the state file or a later commit says so;
//! everything else may have been, and is kept when it is whole.

use std::{io, ops::Range};

use jiff::Timestamp;

use crate::{
    disk::File,
    encoding,
    frame::{Kind, Position},
    local::{Gap, gaps},
    scan::{Found, scan},
    segment,
};

/// An intact frame, and where it lies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Seen {
    pub(crate) position: u64,
    pub(crate) offset: u64,
    pub(crate) length: u64,
    pub(crate) kind: Kind,
    pub(crate) answers: Option<u64>,
    pub(crate) arrival_us: i64,
    /// Of a gap frame of the log's own, the first lost position.
    pub(crate) tells_of: Option<u64>,
    /// Everything before this position was acknowledged when the frame was written.
    proves: u64,
    following: u32,
}

/// What a scan of one segment has found, in the order of the file.
#[derive(Debug)]
pub(crate) struct Survey {
    pub(crate) frames: Vec<Seen>,
    damage: Vec<Range<u64>>,
    header_is_intact: bool,
}

/// What to do with the last segment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// It holds nothing that was ever acknowledged: remove it. Also when it is sound: if the sync of
    /// its name had failed, no later one would make the name safe.
    Remove,
    /// It is whole up to `end`: cut it at `frames_end`, and go on writing there.
    Resume { end: u64, frames_end: u64 },
    /// It is damaged: quarantine it, and keep what can be read of the positions before `end`.
    Salvage { end: u64 },
}

impl Survey {
    /// Scans `range` of a file.
    pub(crate) fn of(
        file: &dyn File,
        range: Range<u64>,
        seed: u32,
        header_is_intact: bool,
    ) -> io::Result<Self> {
        // Without a header, nothing says where the frames begin.
        let start = if header_is_intact { range.start } else { 0 };
        let mut it = Self { frames: Vec::new(), damage: Vec::new(), header_is_intact };
        scan(file, start..range.end, seed, &mut |found| {
            match found {
                Found::Damage(range) => it.damage.push(range),
                Found::Frame(header, offset, bytes) => {
                    it.frames.push(Seen::new(&header, offset, bytes))
                }
            }
            Ok(())
        })?;
        Ok(it)
    }

    /// Everything before this position was acknowledged: some later frame proves it.
    pub(crate) fn proven(&self) -> u64 {
        self.frames.iter().map(|it| it.proves).max().unwrap_or(0)
    }

    /// The frames that belong to `positions`, in order, each once.
    pub(crate) fn survivors(&self, positions: Range<u64>) -> Vec<Seen> {
        let mut frames: Vec<_> =
            self.frames.iter().filter(|it| positions.contains(&it.position)).copied().collect();
        frames.sort_by_key(|it| it.position);
        frames.dedup_by_key(|it| it.position);
        frames
    }

    /// Where the frames end, if they are exactly those of `positions` without `holes`, undamaged and
    /// in order.
    pub(crate) fn whole(&self, positions: Range<u64>, holes: &[Range<u64>]) -> Option<u64> {
        let mut frames = self.frames.iter();
        let mut end = segment::HEADER;
        let mut expected = positions.start;
        while expected < positions.end {
            if let Some(hole) = holes.iter().find(|it| it.contains(&expected)) {
                expected = hole.end;
                continue;
            }
            end = frames.next().filter(|it| it.position == expected)?.end();
            expected += 1;
        }
        let undamaged = self.damage.first().is_none_or(|it| it.start >= end);
        (self.header_is_intact && undamaged).then_some(end)
    }

    /// Decides about the last segment, which begins with `first`; everything before `proven` was
    /// acknowledged, whatever the segment says.
    pub(crate) fn judge_last(&self, first: u64, proven: u64) -> Verdict {
        let proven = proven.max(self.proven());
        let mut kept = self.survivors(first..u64::MAX);
        cut_incomplete(&mut kept, proven);
        let end = kept.last().map_or(first, |it| it.position.saturating_add(1)).max(proven);
        if end == first {
            return Verdict::Remove;
        }
        match self.whole(first..end, &[]) {
            Some(frames_end) => Verdict::Resume { end, frames_end },
            None => Verdict::Salvage { end },
        }
    }
}

/// Drops the beginning of an append whose end is missing at the end of the log, unless it was
/// acknowledged: an append is there wholly or not at all.
fn cut_incomplete(kept: &mut Vec<Seen>, proven: u64) {
    let end = |it: &Seen| it.position.saturating_add(u64::from(it.following));
    while let Some(last) = kept.last().copied().filter(|it| it.following > 0) {
        let count = kept.iter().rev().take_while(|it| end(it) == end(&last)).count();
        let start = kept.len() - count;
        if kept.get(start).is_none_or(|it| it.position < proven) {
            return;
        }
        kept.truncate(start);
    }
}

impl Seen {
    fn new(header: &encoding::Header, offset: u64, bytes: &[u8]) -> Self {
        let place = header.place;
        let own_gap =
            header.kind == Kind::Gap && encoding::source(bytes, header) == gaps::SOURCE.as_bytes();
        Self {
            position: place.position,
            offset,
            length: header.length as u64,
            kind: header.kind,
            answers: header.answers,
            arrival_us: header.arrival_us,
            tells_of: own_gap.then_some(header.source_sequence),
            proves: place.position.saturating_sub(u64::from(place.preceding)),
            following: place.following,
        }
    }

    /// The offset behind the frame.
    pub(crate) const fn end(&self) -> u64 {
        self.offset + self.length
    }
}

/// The positions that `kept` lacks.
pub(crate) fn missing(
    kept: &[Seen],
    positions: Range<u64>,
    before: Option<i64>,
    behind: Option<i64>,
) -> Vec<Gap> {
    let time = |us: Option<i64>| us.and_then(|it| Timestamp::from_microsecond(it).ok());
    let mut gaps = Vec::new();
    let (mut expected, mut arrival) = (positions.start, before);
    let rest = [(positions.end, behind)];
    for (position, at) in kept.iter().map(|it| (it.position, Some(it.arrival_us))).chain(rest) {
        if expected < position {
            gaps.push(Gap {
                from: Position(expected),
                to: Position(position),
                after: time(arrival),
                before: time(at),
            });
        }
        (expected, arrival) = (position.saturating_add(1), at);
    }
    gaps
}
