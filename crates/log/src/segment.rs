//! What a segment file holds besides frames: its name, its header, its footer.
//!
//! A segment is a header, frames, and once it is sealed a footer. It is named by the first position
//! that belongs to it, in hexadecimal, so that names sort as positions do. It is not allocated in
//! advance: its end is where writing stopped, a full disk shows when writing and not later, and one
//! journal commit per sync is what that costs.
//!
//! The footer lets a segment be opened without reading it: which positions it stands for, where
//! frames lie, which intents were open when it was sealed.

use std::{io, ops::Range, sync::Arc};

use crate::{
    disk::File,
    encoding::POSITIONS,
    fields::{Fields, seal, unseal},
};

/// Bytes of a segment's header.
pub(crate) const HEADER: u64 = 38;

const FORMAT: u16 = 1;
const HEADER_MAGIC: [u8; 8] = *b"TRLMSEG\xFF";
const FOOTER_MAGIC: [u8; 8] = *b"TRLMEND\xFF";
/// Length and magic behind the footer's checksum.
const TRAILER: u64 = 12;
/// Frames between two points of the index, in bytes.
pub(crate) const INDEX_STEP: u64 = 64 << 10;

/// What tells one log's files from another's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct LogId(pub(crate) [u8; 16]);

impl LogId {
    /// Where every checksum of the log begins.
    pub(crate) fn seed(self) -> u32 {
        crc32c::crc32c(&self.0)
    }
}

/// The file name of the segment that begins with `first`.
pub(crate) fn name(first: u64) -> String {
    format!("{first:016x}.segment")
}

/// Reads what [`name`] wrote.
pub(crate) fn first_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".segment").filter(|it| it.len() == 16)?;
    let first = u64::from_str_radix(digits, 16).ok()?;
    (first < POSITIONS && self::name(first) == name).then_some(first)
}

/// What the header of a segment says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Header {
    pub(crate) id: LogId,
    pub(crate) first: u64,
    pub(crate) version: u16,
}

impl Header {
    pub(crate) fn encode(id: LogId, first: u64) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        out.extend_from_slice(&HEADER_MAGIC);
        out.extend_from_slice(&FORMAT.to_le_bytes());
        out.extend_from_slice(&first.to_le_bytes());
        out.extend_from_slice(&id.0);
        seal(&mut out, 0);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(unseal(bytes, 0)?);
        (fields.array()? == HEADER_MAGIC).then_some(())?;
        let version = fields.u16()?;
        let first = fields.u64()?;
        Some(Self { id: LogId(fields.array()?), first, version })
    }

    pub(crate) fn read(file: &dyn File) -> io::Result<Option<Self>> {
        let mut bytes = [0; HEADER as usize];
        let read = file.read_at(&mut bytes, 0)?;
        Ok(Self::decode(bytes.get(..read).unwrap_or_default()))
    }

    /// Whether this version of Trailmark can read the segment.
    pub(crate) const fn is_known(&self) -> bool {
        self.version == FORMAT
    }
}

/// Where frames lie in a segment: now and then a position with its offset, in order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Index(Vec<(u64, u64)>);

impl Index {
    /// Takes note of a frame, if the last one noted is far enough away.
    pub(crate) fn note(&mut self, position: u64, offset: u64) {
        if self.0.last().is_none_or(|(_, last)| last + INDEX_STEP <= offset) {
            self.0.push((position, offset));
        }
    }

    /// Where to begin looking for `position`.
    pub(crate) fn before(&self, position: u64) -> u64 {
        let behind = self.0.partition_point(|(it, _)| *it <= position);
        behind.checked_sub(1).and_then(|at| self.0.get(at)).map_or(HEADER, |(_, offset)| *offset)
    }
}

/// What the footer of a sealed segment says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Footer {
    pub(crate) first: u64,
    /// The position behind the last one that the segment stands for, lost ones included.
    pub(crate) end: u64,
    /// Positions that have no frame, since they were lost before the segment was written anew.
    pub(crate) holes: Arc<[Range<u64>]>,
    /// Where the frames end and the footer begins, in bytes.
    pub(crate) frames_end: u64,
    /// Arrival of the last frame, in microseconds.
    pub(crate) last_arrival_us: Option<i64>,
    pub(crate) index: Arc<Index>,
    /// Intents of the whole log that were open when the segment was sealed.
    pub(crate) open: Vec<u64>,
}

impl Footer {
    pub(crate) fn encode(&self, seed: u32) -> Vec<u8> {
        let mut out = Vec::new();
        let mut numbers = vec![
            self.first,
            self.end,
            self.frames_end,
            u64::from(self.last_arrival_us.is_some()),
            self.last_arrival_us.unwrap_or_default().cast_unsigned(),
            self.index.0.len() as u64,
            self.open.len() as u64,
            self.holes.len() as u64,
        ];
        numbers.extend(self.index.0.iter().flat_map(|(position, offset)| [*position, *offset]));
        numbers.extend(&self.open);
        numbers.extend(self.holes.iter().flat_map(|it| [it.start, it.end]));
        out.extend_from_slice(&FOOTER_MAGIC);
        for number in numbers {
            out.extend_from_slice(&number.to_le_bytes());
        }
        seal(&mut out, seed);
        let length = u32::try_from(out.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&FOOTER_MAGIC);
        out
    }

    pub(crate) fn decode(bytes: &[u8], seed: u32) -> Option<Self> {
        let mut fields = Fields(unseal(bytes, seed)?);
        (fields.array()? == FOOTER_MAGIC).then_some(())?;
        let (first, end, frames_end) = (fields.u64()?, fields.u64()?, fields.u64()?);
        let (has_arrival, arrival) = (fields.u64()? == 1, fields.i64()?);
        (first <= end && end <= POSITIONS).then_some(())?;
        let (points, open, holes) = (fields.u64()?, fields.u64()?, fields.u64()?);
        // The counts need no bound of their own: the checksum is right, and bytes run out.
        let index =
            (0..points).map(|_| Some((fields.u64()?, fields.u64()?))).collect::<Option<_>>();
        let index = Arc::new(Index(index?));
        let open = (0..open).map(|_| fields.u64()).collect::<Option<_>>()?;
        let holes =
            (0..holes).map(|_| Some(fields.u64()?..fields.u64()?)).collect::<Option<_>>()?;
        let last_arrival_us = has_arrival.then_some(arrival);
        Some(Self { first, end, holes, frames_end, last_arrival_us, index, open })
    }

    /// Reads the footer at the end of a file, if there is an intact one.
    pub(crate) fn read(file: &dyn File, size: u64, seed: u32) -> io::Result<Option<Self>> {
        let mut trailer = [0; TRAILER as usize];
        let Some(at) = size.checked_sub(TRAILER) else { return Ok(None) };
        file.read_at(&mut trailer, at)?;
        let mut fields = Fields(&trailer);
        let (length, magic) = (fields.u32().unwrap_or_default(), fields.array());
        let Some(start) = at.checked_sub(u64::from(length)) else { return Ok(None) };
        if magic != Some(FOOTER_MAGIC) || length == 0 || start < HEADER {
            return Ok(None);
        }
        let mut bytes = vec![0; length as usize];
        file.read_at(&mut bytes, start)?;
        Ok(Self::decode(&bytes, seed).filter(|it| it.frames_end == start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_as_positions_do() {
        assert_eq!(name(0x1_0000), "0000000000010000.segment");
        assert_eq!(first_of(&name(POSITIONS - 1)), Some(POSITIONS - 1));
        for foreign in
            ["state", "10.segment", "000000000001000G.segment", "0000000000ABCDEF.segment"]
        {
            assert_eq!(first_of(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_header_and_a_footer_are_read_as_they_were_written() {
        let id = LogId([7; 16]);
        let header = Header::encode(id, 5);
        assert_eq!(header.len() as u64, HEADER);
        assert_eq!(Header::decode(&header), Some(Header { id, first: 5, version: FORMAT }));

        let mut index = Index::default();
        index.note(5, HEADER);
        index.note(6, HEADER + 10);
        index.note(900, HEADER + INDEX_STEP);
        let footer = Footer {
            first: 5,
            end: 1_000,
            holes: Arc::new([7..9, 11..12]),
            frames_end: 70_000,
            last_arrival_us: Some(-3),
            index: Arc::new(index),
            open: vec![6, 8],
        };
        let bytes = footer.encode(9);
        let body = &bytes[..bytes.len() - TRAILER as usize];
        assert_eq!(Footer::decode(body, 9), Some(footer.clone()));
        assert_eq!(Footer::decode(body, 8), None);
        assert_eq!([899, 900].map(|it| footer.index.before(it)), [HEADER, HEADER + INDEX_STEP]);
    }
}
