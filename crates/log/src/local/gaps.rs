//! Lost frames that must be told of, kept on disk until the log itself tells of them.
//!
//! Repairing a segment takes several steps. This file is written before the first that cannot be
//! taken back, and removed once the gap frames are synced; a crash in between repeats the rest.

use std::io;

use crate::{
    disk::Disk,
    fields::{Fields, seal, unseal},
    frame::Position,
    local::{Gap, replace},
};

/// The source of the log's own frames.
pub(crate) const SOURCE: &str = "log";

/// The file's name.
pub(crate) const NAME: &str = "gaps";
const MAGIC: [u8; 8] = *b"TRLMGAP\xFF";

/// What a repair has still to do.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Pending {
    /// No gap frame of this repair lies before this position.
    pub(crate) since: u64,
    /// Segments that a salvaged one replaces.
    pub(crate) swaps: Vec<u64>,
    /// What was lost.
    pub(crate) gaps: Vec<Gap>,
}

impl Pending {
    pub(crate) fn is_nothing(&self) -> bool {
        self.gaps.is_empty() && self.swaps.is_empty()
    }

    pub(crate) fn load(disk: &dyn Disk, seed: u32) -> io::Result<Option<Self>> {
        let file = match disk.open(NAME) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = vec![0; usize::try_from(file.size()?).unwrap_or(usize::MAX).min(1 << 24)];
        let read = file.read_at(&mut bytes, 0)?;
        Ok(Self::decode(bytes.get(..read).unwrap_or_default(), seed))
    }

    pub(crate) fn save(&self, disk: &dyn Disk, seed: u32) -> io::Result<()> {
        replace(disk, NAME, &self.encode(seed))
    }

    /// All swaps are done; what was lost may still have to be told.
    pub(crate) fn finish_swaps(&mut self, disk: &dyn Disk, seed: u32) -> io::Result<()> {
        self.swaps.clear();
        if self.gaps.is_empty() { Self::remove(disk) } else { self.save(disk, seed) }
    }

    /// Nothing is left to do.
    pub(crate) fn remove(disk: &dyn Disk) -> io::Result<()> {
        match disk.remove(NAME) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => disk.sync_dir(""),
        }
    }

    fn encode(&self, seed: u32) -> Vec<u8> {
        let time =
            |at: Option<jiff::Timestamp>| at.map_or(i64::MIN, jiff::Timestamp::as_microsecond);
        let mut numbers = vec![self.since, self.swaps.len() as u64];
        numbers.extend(&self.swaps);
        for gap in &self.gaps {
            let times = [gap.after, gap.before].map(|it| time(it).cast_unsigned());
            numbers.extend([gap.from.0, gap.to.0]);
            numbers.extend(times);
        }
        let mut out = MAGIC.to_vec();
        out.extend(numbers.into_iter().flat_map(u64::to_le_bytes));
        seal(&mut out, seed);
        out
    }

    fn decode(bytes: &[u8], seed: u32) -> Option<Self> {
        let mut fields = Fields(unseal(bytes, seed)?);
        (fields.array()? == MAGIC).then_some(())?;
        let (since, swaps) = (fields.u64()?, fields.u64()?);
        let swaps = (0..swaps).map(|_| fields.u64()).collect::<Option<_>>()?;
        let mut gaps = Vec::new();
        while !fields.0.is_empty() {
            let (from, to) = (Position(fields.u64()?), Position(fields.u64()?));
            let time = |at: i64| jiff::Timestamp::from_microsecond(at).ok();
            let (after, before) = (time(fields.i64()?), time(fields.i64()?));
            gaps.push(Gap { from, to, after, before });
        }
        Some(Self { since, swaps, gaps })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_to_do_is_read_as_it_was_written() {
        let gap = Gap {
            from: Position(3),
            to: Position(9),
            after: Some(jiff::Timestamp::UNIX_EPOCH),
            before: None,
        };
        let pending = Pending { since: 12, swaps: vec![0, 5], gaps: vec![gap, gap] };
        let bytes = pending.encode(4);
        assert_eq!(Pending::decode(&bytes, 4), Some(pending));
        assert_eq!(Pending::decode(&bytes[1..], 4), None);
    }
}
