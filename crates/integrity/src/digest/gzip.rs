//! Gzip of exactly one member: verifiers refuse a second one, and bytes after it.

use std::io::Write as _;

use flate2::{Compression, Decompress, FlushDecompress, Status, write::GzEncoder};

/// One gzip member of `bytes`, without name and time: equal bytes give equal files.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::default());
    encoder.write_all(bytes).expect("a vector takes every write");
    encoder.finish().expect("a vector takes every write")
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

const BUFFER: usize = 64 << 10;
