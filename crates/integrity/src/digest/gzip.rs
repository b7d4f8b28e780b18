//! Gzip of exactly one member: verifiers refuse a second one, and bytes after it.

use std::{cell::RefCell, ops::Range};

use flate2::{Decompress, FlushDecompress, Status};
use libdeflater::{CompressionLvl, Compressor, Decompressor};
use memchr::memmem;

/// One gzip member of `bytes`, without name and time: equal bytes give equal files.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    pack(bytes, CompressionLvl::default())
}

/// As [`gzip`], in half the time and a quarter larger: for when much waits.
pub fn gzip_fast(bytes: &[u8]) -> Vec<u8> {
    // The library's "fastest" does not compress at all.
    pack(bytes, CompressionLvl::new(1).expect("it knows levels from 0 to 12"))
}

fn pack(bytes: &[u8], level: CompressionLvl) -> Vec<u8> {
    let mut compressor = Compressor::new(level);
    let mut packed = vec![0; compressor.gzip_compress_bound(bytes.len())];
    let length = compressor.gzip_compress(bytes, &mut packed).expect("the bound is enough");
    packed.truncate(length);
    packed.shrink_to_fit();
    packed
}

/// Inflates a whole object of at most `limit` inflated bytes.
///
/// # Errors
/// When it is not exactly one gzip member, or larger.
pub fn gunzip(object: &[u8], limit: u64) -> Result<Vec<u8>, NotOneMember> {
    let mut inflated = Vec::new();
    let mut gunzip = Gunzip::new(limit);
    gunzip.push(object, |bytes| inflated.extend_from_slice(bytes))?;
    gunzip.finish()?;
    Ok(inflated)
}

/// Inflates whole objects at twice the speed of [`Gunzip`], into memory that is used again and again,
/// and gives what they inflate to to `take`, as many at once as that memory holds. None for an object
/// of which only [`Gunzip`] can tell: one that is no single member, is damaged or large, and one of
/// ten thousand good ones.
pub(crate) fn gunzip_together<T>(
    objects: &[impl AsRef<[u8]>],
    mut take: impl FnMut(&[&[u8]]) -> Vec<T>,
) -> Vec<Option<T>> {
    thread_local! {
        static INFLATED: RefCell<(Decompressor, Vec<u8>)> =
            RefCell::new((Decompressor::new(), Vec::new()));
    }
    let mut taken: Vec<Option<T>> = objects.iter().map(|_| None).collect();
    INFLATED.with_borrow_mut(|(decompressor, memory)| {
        let mut give = |memory: &[u8], inflated: &mut Vec<(usize, Range<usize>)>| {
            let texts: Vec<_> =
                inflated.iter().filter_map(|(_, at)| memory.get(at.clone())).collect();
            for ((n, _), answer) in inflated.drain(..).zip(take(&texts)) {
                if let Some(slot) = taken.get_mut(n) {
                    *slot = Some(answer);
                }
            }
        };
        let (mut inflated, mut end) = (Vec::new(), 0);
        for (n, object) in objects.iter().enumerate() {
            let object = object.as_ref();
            let Some(length) = length_at_once(object) else { continue };
            if end + length > AT_ONCE_MAX {
                give(memory, &mut inflated);
                end = 0;
            }
            if memory.len() < end + length {
                memory.resize(end + length, 0);
            }
            let Some(room) = memory.get_mut(end..end + length) else { continue };
            if decompressor.gzip_decompress(object, room) == Ok(length) {
                inflated.push((n, end..end + length));
                end += length;
            }
        }
        give(memory, &mut inflated);
    });
    taken
}

/// What the object says that it inflates to, if that can be believed.
fn length_at_once(object: &[u8]) -> Option<usize> {
    let (before, size) = object.split_last_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*size)).ok().filter(|it| *it <= AT_ONCE_MAX)?;
    // The library stops at the end of the first member and does not say where that is. But there it
    // has found the member's length: if these four bytes are nowhere else, that is the object's end.
    // One byte of them may lie in the tail, so that those that begin before are all looked at.
    let others = object.get(..before.len() + size.len() - 1)?;
    memmem::find(others, size).is_none().then_some(length)
}

/// Why bytes are not one gzip member.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotOneMember {
    /// Not gzip, or damaged: its checksum or its length is wrong.
    #[error("the gzip stream is damaged")]
    Damaged,
    /// It inflates to more than it may.
    #[error("the gzip stream inflates to more than {0} bytes")]
    TooLarge(u64),
    /// Bytes follow the member, perhaps a second member that other readers would read.
    #[error("data follows the end of the gzip stream")]
    Trailing,
    /// It ends in the middle.
    #[error("the gzip stream ends early")]
    Truncated,
}

/// Inflates one gzip member as its bytes arrive, in constant memory.
pub struct Gunzip {
    inflate: Decompress,
    buffer: Vec<u8>,
    limit: u64,
    ended: bool,
}

impl Gunzip {
    /// Begins. `limit` bounds the inflated bytes: a small object may inflate to a thousand times.
    pub fn new(limit: u64) -> Self {
        let inflate = Decompress::new_gzip(15);
        Self { inflate, buffer: vec![0; BUFFER], limit, ended: false }
    }

    /// Takes the next bytes of the object and gives what they inflate to, in pieces, to `sink`.
    ///
    /// # Errors
    /// When the stream is damaged, too large, or has ended before.
    pub fn push(
        &mut self,
        mut compressed: &[u8],
        mut sink: impl FnMut(&[u8]),
    ) -> Result<(), NotOneMember> {
        loop {
            if self.ended {
                return if compressed.is_empty() { Ok(()) } else { Err(NotOneMember::Trailing) };
            }
            let (in_before, out_before) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self
                .inflate
                .decompress(compressed, &mut self.buffer, FlushDecompress::None)
                .map_err(|_| NotOneMember::Damaged)?;
            let taken = usize::try_from(self.inflate.total_in() - in_before).unwrap_or(0);
            let given = usize::try_from(self.inflate.total_out() - out_before).unwrap_or(0);
            if self.inflate.total_out() > self.limit {
                return Err(NotOneMember::TooLarge(self.limit));
            }
            sink(self.buffer.get(..given).unwrap_or_default());
            compressed = compressed.get(taken..).unwrap_or_default();
            self.ended = status == Status::StreamEnd;
            // No input left and room to spare in the buffer: nothing more can come out.
            if !self.ended && compressed.is_empty() && given < self.buffer.len() {
                return Ok(());
            }
            if !self.ended && taken == 0 && given == 0 {
                return Err(NotOneMember::Damaged);
            }
        }
    }

    /// Ends. The checksum of the member has then been checked.
    ///
    /// # Errors
    /// When the member is not complete.
    pub fn finish(self) -> Result<(), NotOneMember> {
        if self.ended { Ok(()) } else { Err(NotOneMember::Truncated) }
    }
}

impl std::fmt::Debug for Gunzip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gunzip").field("ended", &self.ended).finish_non_exhaustive()
    }
}

/// How many inflated bytes are held at once. CloudTrail's files hold at most 50 MB.
const AT_ONCE_MAX: usize = 64 << 20;
/// Inflated bytes that are handed on at once: few enough for a core's cache, many enough that the
/// window is seldom copied.
const BUFFER: usize = 256 << 10;
