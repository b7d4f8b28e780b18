//! Reading frames back: from the segment's index to the frame, every checksum verified.
//!
//! Blocks; the async side calls it on the blocking pool. Reads what the page cache holds, so what was
//! written lately costs a copy. A sealed segment is opened for each call, hence no number of segments
//! holds descriptors or memory.

use std::{collections::BTreeSet, io, sync::Arc};

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::{
    Error,
    disk::File,
    encoding,
    frame::{Entry, Position},
    local::{
        io_error,
        queue::Command,
        table::{Segment, Shared},
    },
    segment::{self, Footer},
};

/// How often one read asks for repair before it gives up.
const REPAIRS: usize = 3;
/// Bytes read at once, at most, unless a frame is larger.
const CHUNK: u64 = 1 << 20;
/// Bytes of headers to read on top of the bodies that are wanted.
const SLACK: u64 = 4 << 10;

/// Reads frames from `from` on until about `bytes` of bodies are gathered, or the log ends.
pub(crate) fn read(shared: &Shared, from: u64, bytes: usize) -> Result<Vec<Entry>, Error> {
    let mut gathered = Gathered { entries: Vec::new(), next: from, wanted: bytes.max(1) as u64 };
    let end = shared.end();
    let mut repairs = 0;
    while gathered.next < end && gathered.wanted > 0 {
        let first = shared.first();
        if gathered.next < first {
            let (wanted, first) = (Position(gathered.next), Position(first));
            return gathered.or(Error::Trimmed { wanted, first });
        }
        let Some(segment) = shared.table().find(gathered.next) else { break };
        gathered.next = gathered.next.max(segment.first);
        match read_segment(shared, &segment, &mut gathered) {
            Ok(()) if gathered.wanted > 0 => gathered.next = segment.end,
            Ok(()) => {}
            Err(Trouble::Io(error)) => {
                let error = io_error("read", segment::name(segment.first))(error);
                return gathered.or(error);
            }
            Err(Trouble::Damage) if repairs < REPAIRS => {
                repairs += 1;
                if let Err(error) = repair(shared, segment.first) {
                    return gathered.or(error);
                }
            }
            Err(Trouble::Damage) => {
                let error = io::Error::from(io::ErrorKind::InvalidData);
                return gathered.or(io_error("read", segment::name(segment.first))(error));
            }
        }
    }
    Ok(gathered.entries)
}

/// Reads all intents that are open.
pub(crate) fn open_intents(shared: &Shared) -> Result<Vec<Entry>, Error> {
    let open: BTreeSet<u64> = shared.table().open.clone();
    let mut entries = Vec::with_capacity(open.len());
    for position in open {
        let Some(mut entry) = read(shared, position, 1)?.into_iter().next() else { continue };
        // It may have been lost, or answered in the meantime.
        if entry.position.0 == position && shared.table().open.contains(&position) {
            // These are kept for long, so they must not keep all that was read around them.
            entry.frame.body = Bytes::copy_from_slice(&entry.frame.body);
            entries.push(entry);
        }
    }
    Ok(entries)
}

/// What a read has so far.
struct Gathered {
    entries: Vec<Entry>,
    /// The next position to read.
    next: u64,
    /// Bytes of bodies still wanted.
    wanted: u64,
}

impl Gathered {
    /// What there is, or the error if there is nothing: the next read will meet it again.
    fn or(self, error: Error) -> Result<Vec<Entry>, Error> {
        if self.entries.is_empty() { Err(error) } else { Ok(self.entries) }
    }
}

/// Why a segment could not be read.
enum Trouble {
    /// The bytes are not what was written, or the file is gone.
    Damage,
    Io(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound { Self::Damage } else { Self::Io(error) }
    }
}

/// Has the writer thread look at a segment, and waits until it has.
fn repair(shared: &Shared, first: u64) -> Result<(), Error> {
    let (reply, answer) = oneshot::channel();
    shared.queue.push(Command::Repair(first, reply))?;
    answer.blocking_recv().map_err(|_| Error::Closed)?
}

fn read_segment(shared: &Shared, segment: &Segment, to: &mut Gathered) -> Result<(), Trouble> {
    let (file, mut offset, mut distance) = locate(shared, segment, to.next)?;
    let mut least = 0;
    while offset < segment.frames_end && to.wanted > 0 {
        let length = to.wanted.saturating_add(distance + SLACK).clamp(SLACK, CHUNK).max(least);
        let length = length.min(segment.frames_end - offset);
        let mut bytes = at_hand(usize::try_from(length).unwrap_or(usize::MAX));
        if file.read_at(&mut bytes, offset)? < bytes.len() {
            return Err(Trouble::Damage);
        }
        let (used, needed) = take(shared, segment, &Bytes::from(bytes), to)?;
        let is_last = offset + length == segment.frames_end;
        if used == 0 && (is_last || needed <= length) {
            return Err(Trouble::Damage);
        }
        (least, distance) = (needed, 0);
        offset += used;
    }
    if to.wanted > 0 && !segment.may_skip(to.next, segment.end) {
        return Err(Trouble::Damage);
    }
    if to.next < segment.end || !segment.is_sealed {
        shared.table().stop(to.next, segment.first, offset);
    }
    Ok(())
}

/// Room for `length` bytes, in memory that the allocator has at hand: asked for zeroes it returns
/// pages to the system and takes them again one by one, which costs more than the read.
#[allow(clippy::slow_vector_initialization, reason = "it is the faster one here")]
fn at_hand(length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length);
    bytes.resize(length, 0);
    bytes
}

/// The file of a segment, an offset at or before `position`, and how many bytes before at most.
fn locate(
    shared: &Shared,
    segment: &Segment,
    position: u64,
) -> Result<(Arc<dyn File>, u64, u64), Trouble> {
    let mut table = shared.table();
    let stopped = table.resume(position, segment.first);
    let known = table.index(segment.first);
    // It may have been sealed since it was found.
    let is_active = table.segments.get(&segment.first).is_some_and(|it| !it.is_sealed);
    if let Some((file, index)) = table.active.as_ref().filter(|_| is_active) {
        let offset = stopped.unwrap_or_else(|| index.before(position));
        return Ok((Arc::clone(file), offset, distance(stopped)));
    }
    drop(table);
    let file = shared.disk.open(&segment::name(segment.first))?;
    if let Some(offset) = stopped {
        return Ok((file, offset, 0));
    }
    let index = match known {
        Some(index) => index,
        None => {
            let footer = Footer::read(file.as_ref(), file.size()?, shared.seed())?;
            let index = footer.ok_or(Trouble::Damage)?.index;
            shared.table().remember(segment.first, Arc::clone(&index));
            index
        }
    };
    Ok((file, index.before(position), distance(None)))
}

/// How far the wanted position may lie behind the offset where reading begins.
const fn distance(stopped: Option<u64>) -> u64 {
    if stopped.is_some() { 0 } else { segment::INDEX_STEP }
}

/// Takes frames off the front of `bytes`. Says how many bytes they were, and how many bytes must be
/// at hand to go on.
fn take(
    shared: &Shared,
    segment: &Segment,
    bytes: &Bytes,
    to: &mut Gathered,
) -> Result<(u64, u64), Trouble> {
    let mut at = 0;
    while to.wanted > 0 {
        let rest = bytes.get(at..).unwrap_or_default();
        if rest.len() < encoding::HEADER {
            return Ok((at as u64, encoding::HEADER as u64));
        }
        let header = encoding::header(rest).ok_or(Trouble::Damage)?;
        let Some(frame) = rest.get(..header.length) else {
            return Ok((at as u64, header.length as u64));
        };
        let position = header.place.position;
        if position >= to.next {
            // A frame of elsewhere has a right checksum too, but not the right position.
            let sound = segment.may_skip(to.next, position) && position < segment.end;
            if !sound || !encoding::is_intact(frame, &header, shared.seed()) {
                return Err(Trouble::Damage);
            }
            let entry = encoding::decode(bytes, at, &header).ok_or(Trouble::Damage)?;
            to.wanted = to.wanted.saturating_sub((entry.frame.body.len() as u64).max(1));
            to.next = position + 1;
            to.entries.push(entry);
        }
        at += header.length;
    }
    Ok((at as u64, 0))
}
