//! Finding frames in the bytes of a segment, damage or not.
//!
//! Lives here: walking over frames, and finding the next one behind damage. Lives elsewhere: what
//! follows from damage (`local::survey`).

use std::{io, ops::Range};

use memchr::memmem;

use crate::{
    disk::File,
    encoding::{self, Header},
};

/// Something found in a segment.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    /// Bytes that are no frame of this log.
    Damage(Range<u64>),
    /// An intact frame, with its offset and its bytes.
    Frame(Header, u64, &'a [u8]),
}

/// Tells `visit` of everything between two offsets, in order, without holes. Holds a few MiB.
pub(crate) fn scan(
    file: &dyn File,
    range: Range<u64>,
    seed: u32,
    visit: &mut dyn FnMut(Found<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let mut window = Window { file, end: range.end, start: 0, bytes: Vec::new() };
    let mut at = range.start;
    let mut damaged_from = None;
    while at < range.end {
        let header = encoding::header(window.view(at, encoding::HEADER)?);
        let frame = match header {
            Some(header) => {
                let bytes = window.view(at, header.length)?;
                let intact =
                    bytes.len() == header.length && encoding::is_intact(bytes, &header, seed);
                intact.then_some((header, bytes))
            }
            None => None,
        };
        if let Some((header, bytes)) = frame {
            if let Some(from) = damaged_from.take() {
                visit(Found::Damage(from..at))?;
            }
            visit(Found::Frame(header, at, bytes))?;
            at += header.length as u64;
        } else {
            damaged_from.get_or_insert(at);
            at = window.find(&encoding::MAGIC, at + 1)?;
        }
    }
    match damaged_from {
        Some(from) => visit(Found::Damage(from..range.end)),
        None => Ok(()),
    }
}

/// A part of a file, in memory.
struct Window<'a> {
    file: &'a dyn File,
    end: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl Window<'_> {
    const STEP: usize = 1 << 20;

    /// `length` bytes from `at` on; fewer where the range ends.
    fn view(&mut self, at: u64, length: usize) -> io::Result<&[u8]> {
        let length = length.min(usize::try_from(self.end.saturating_sub(at)).unwrap_or(usize::MAX));
        let held = self.start..self.start + self.bytes.len() as u64;
        if !(held.contains(&at) && at + length as u64 <= held.end) {
            let rest = usize::try_from(self.end.saturating_sub(at)).unwrap_or(usize::MAX);
            self.bytes.resize(length.max(Self::STEP).min(rest), 0);
            self.start = at;
            let read = self.file.read_at(&mut self.bytes, at)?;
            self.bytes.truncate(read);
        }
        let from = usize::try_from(at - self.start).unwrap_or(usize::MAX);
        let rest = self.bytes.get(from..).unwrap_or_default();
        Ok(rest.get(..length).unwrap_or(rest))
    }

    /// Where `wanted` is found next, at `at` or behind; the end of the range if nowhere.
    fn find(&mut self, wanted: &[u8], mut at: u64) -> io::Result<u64> {
        while at < self.end {
            let end = self.end;
            let view = self.view(at, 64 << 10)?;
            if view.len() < wanted.len() {
                return Ok(end);
            }
            if let Some(offset) = memmem::find(view, wanted) {
                return Ok(at + offset as u64);
            }
            at += (view.len() - wanted.len() + 1) as u64;
        }
        Ok(self.end)
    }
}
