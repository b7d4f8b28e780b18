//! A frame as bytes.
//!
//! Lives here: encoding, checking and decoding one frame. Lives elsewhere: where frames lie
//! (`segment`), finding them among damage (`scan`).
//!
//! ```text
//!  0  magic           4   bytes that no UTF-8 text holds: no record can imitate a frame
//!  4  checksum        4   CRC32C, begun from the log's identity, over all that follows
//!  8  body length     4
//! 12  version         1
//! 13  kind, evidence, category   1 each
//! 16  marks           2
//! 18  length of source, of region   1 each
//! 20  position        8
//! 28  preceding       4   frames before this one that were synced together with it
//! 32  following       4   frames behind this one of the same append
//! 36  arrival         8   microseconds since 1970
//! 44  source sequence 8
//! 52  answers         8   2^64-1: none
//! 60  account        12
//! 72  source, region, body
//! ```
//!
//! The checksum covers the position, so a frame that was copied to another place still says where
//! it belongs; it is begun from the log's identity, so a frame of another log is refused.
//! All frames before `position - preceding` were synced before this frame was written: whoever finds
//! this frame knows that they were acknowledged.

use bytes::Bytes;
use jiff::Timestamp;
use record::{AccountId, Category};

use crate::{
    Error,
    fields::Fields,
    frame::{Entry, Evidence, Frame, Kind, Marks, Position},
};

/// The largest body: a record of 1 MiB and some, since an intent may say a little more.
pub const MAX_BODY: usize = (1 << 20) + (64 << 10);

/// Bytes of the fixed part of a frame.
pub(crate) const HEADER: usize = 72;

/// What every frame begins with. None of the four bytes is ever part of UTF-8.
pub(crate) const MAGIC: [u8; 4] = [0xFF, 0xF9, 0xFE, 0xF8];

/// Positions there are. More than anyone will use, and few enough to reckon with.
pub(crate) const POSITIONS: u64 = 1 << 62;

const MAX_NAME: usize = 255;
const VERSION: u8 = 1;
const NO_ANSWER: u64 = u64::MAX;

/// Where a frame stands, beyond what its writer says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Place {
    pub(crate) position: u64,
    /// Frames before this one that were synced together with it.
    pub(crate) preceding: u32,
    /// Frames behind this one of the same append.
    pub(crate) following: u32,
}

/// The fixed part of a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Header {
    pub(crate) place: Place,
    pub(crate) kind: Kind,
    pub(crate) arrival_us: i64,
    pub(crate) source_sequence: u64,
    pub(crate) answers: Option<u64>,
    /// Bytes of the whole frame.
    pub(crate) length: usize,
    evidence: Evidence,
    category: Category,
    marks: Marks,
    source: usize,
    region: usize,
    account: AccountId,
}

/// Bytes that `frame` will take.
pub(crate) fn length(frame: &Frame) -> usize {
    HEADER + frame.source.len() + frame.region.len() + frame.body.len()
}

/// Refuses a frame that cannot be encoded.
pub(crate) fn check(frame: &Frame) -> Result<(), Error> {
    for (bytes, bound) in [
        (frame.source.len(), MAX_NAME),
        (frame.region.len(), MAX_NAME),
        (frame.body.len(), MAX_BODY),
    ] {
        if bytes > bound {
            return Err(Error::TooLarge { bytes, bound });
        }
    }
    Ok(())
}

/// Appends a frame that [`check`] has passed.
pub(crate) fn encode(out: &mut Vec<u8>, frame: &Frame, place: Place, seed: u32) {
    let start = out.len();
    let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    let short = |length: usize| u8::try_from(length).unwrap_or(u8::MAX);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&number(frame.body.len()).to_le_bytes());
    out.extend_from_slice(&[
        VERSION,
        frame.kind as u8,
        frame.evidence as u8,
        frame.category.number(),
    ]);
    out.extend_from_slice(&frame.marks.0.to_le_bytes());
    out.extend_from_slice(&[short(frame.source.len()), short(frame.region.len())]);
    out.extend_from_slice(&place.position.to_le_bytes());
    out.extend_from_slice(&place.preceding.to_le_bytes());
    out.extend_from_slice(&place.following.to_le_bytes());
    out.extend_from_slice(&frame.arrival.as_microsecond().to_le_bytes());
    out.extend_from_slice(&frame.source_sequence.to_le_bytes());
    out.extend_from_slice(&frame.answers.map_or(NO_ANSWER, |it| it.0).to_le_bytes());
    out.extend_from_slice(frame.account.as_bytes());
    out.extend_from_slice(frame.source.as_bytes());
    out.extend_from_slice(frame.region.as_bytes());
    out.extend_from_slice(&frame.body);
    if let Some(frame) = out.get_mut(start..) {
        mend(frame, seed);
    }
}

/// Makes right the checksum of a whole frame.
pub(crate) fn mend(frame: &mut [u8], seed: u32) {
    let sum = crc32c::crc32c_append(seed, frame.get(8..).unwrap_or_default());
    if let Some(field) = frame.get_mut(4..8) {
        field.copy_from_slice(&sum.to_le_bytes());
    }
}

/// Reads the fixed part. `None` when no frame begins with `bytes`; `Some` is not yet a promise,
/// since only [`is_intact`] looks at the checksum.
pub(crate) fn header(bytes: &[u8]) -> Option<Header> {
    let mut fields = Fields(bytes);
    if fields.array()? != MAGIC {
        return None;
    }
    fields.u32()?;
    let body = usize::try_from(fields.u32()?).ok().filter(|it| *it <= MAX_BODY)?;
    if fields.u8()? != VERSION {
        return None;
    }
    let kind = Kind::from_number(fields.u8()?)?;
    let evidence = Evidence::from_number(fields.u8()?)?;
    let category = Category::from_number(fields.u8()?)?;
    let marks = Marks(fields.u16()?);
    let source = usize::from(fields.u8()?);
    let region = usize::from(fields.u8()?);
    let place = Place {
        position: fields.u64().filter(|it| *it < POSITIONS)?,
        preceding: fields.u32()?,
        following: fields.u32()?,
    };
    Some(Header {
        place,
        kind,
        arrival_us: fields.i64().filter(|it| Timestamp::from_microsecond(*it).is_ok())?,
        source_sequence: fields.u64()?,
        answers: Some(fields.u64()?).filter(|it| *it != NO_ANSWER),
        length: HEADER + source + region + body,
        evidence,
        category,
        marks,
        source,
        region,
        account: AccountId::parse(str::from_utf8(fields.bytes(12)?).ok()?).ok()?,
    })
}

/// Whether `bytes`, exactly the frame of this header, are what was written in the log of this `seed`.
pub(crate) fn is_intact(bytes: &[u8], header: &Header, seed: u32) -> bool {
    let mut fields = Fields(bytes);
    let sum = fields.u32().and_then(|_magic| fields.u32());
    let region = HEADER + header.source;
    let is_text = |range| bytes.get(range).is_some_and(|it| str::from_utf8(it).is_ok());
    sum == Some(crc32c::crc32c_append(seed, fields.0))
        && is_text(HEADER..region)
        && is_text(region..region + header.region)
}

/// Who sent the frame that begins `bytes`.
pub(crate) fn source<'a>(bytes: &'a [u8], header: &Header) -> &'a [u8] {
    bytes.get(HEADER..HEADER + header.source).unwrap_or_default()
}

/// Decodes the frame at `offset` of `bytes`, whose header and checksum are known to be right. The
/// body shares the memory of `bytes`.
pub(crate) fn decode(bytes: &Bytes, offset: usize, header: &Header) -> Option<Entry> {
    let source = offset + HEADER;
    let region = source + header.source;
    let body = region + header.region;
    let text = |from, to| str::from_utf8(bytes.get(from..to)?).ok().map(str::to_owned);
    let end = offset + header.length;
    Some(Entry {
        position: Position(header.place.position),
        frame: Frame {
            kind: header.kind,
            evidence: header.evidence,
            marks: header.marks,
            category: header.category,
            arrival: Timestamp::from_microsecond(header.arrival_us).ok()?,
            source: text(source, region)?,
            source_sequence: header.source_sequence,
            account: header.account,
            region: text(region, body)?,
            answers: header.answers.map(Position),
            body: (body <= end && end <= bytes.len()).then(|| bytes.slice(body..end))?,
        },
    })
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::Index};

    use super::*;

    fn frames() -> impl Strategy<Value = Frame> {
        let names = ("[ -~]{0,255}", "[a-z0-9-]{0,30}");
        let numbers = (any::<u64>(), proptest::option::of(0..u64::MAX), any::<u16>());
        (1..=5_u8, 1..=4_u8, 0..9_usize, names, numbers, vec(any::<u8>(), 0..2_000), any::<i32>())
            .prop_map(|(kind, evidence, category, (source, region), numbers, body, second)| Frame {
                kind: Kind::from_number(kind).unwrap(),
                evidence: Evidence::from_number(evidence).unwrap(),
                marks: Marks(numbers.2),
                category: Category::ALL[category],
                arrival: Timestamp::from_microsecond(i64::from(second) * 1_000_001).unwrap(),
                source,
                source_sequence: numbers.0,
                account: AccountId::parse("123456789012").unwrap(),
                region,
                answers: numbers.1.map(Position),
                body: body.into(),
            })
    }

    fn decoded(bytes: Vec<u8>, seed: u32) -> Option<Entry> {
        let header = header(&bytes).filter(|it| it.length == bytes.len())?;
        is_intact(&bytes, &header, seed).then(|| decode(&Bytes::from(bytes), 0, &header)).flatten()
    }

    proptest! {
        #[test]
        fn a_frame_is_read_as_it_was_written(frame in frames(), position in 0..POSITIONS, seed in any::<u32>()) {
            let mut bytes = Vec::new();
            encode(&mut bytes, &frame, Place { position, preceding: 3, following: 4 }, seed);
            prop_assert_eq!(bytes.len(), length(&frame));
            let header = header(&bytes).unwrap();
            prop_assert_eq!(header.place, Place { position, preceding: 3, following: 4 });
            prop_assert_eq!(decoded(bytes, seed), Some(Entry { position: Position(position), frame }));
        }

        #[test]
        fn a_frame_with_a_changed_byte_is_refused(frame in frames(), at in any::<Index>(), by in 1..=255_u8) {
            let mut bytes = Vec::new();
            encode(&mut bytes, &frame, Place { position: 7, preceding: 0, following: 0 }, 1);
            let at = at.index(bytes.len());
            bytes[at] ^= by;
            prop_assert_eq!(decoded(bytes, 1), None);
        }

        #[test]
        fn a_frame_of_another_log_is_refused(frame in frames(), seed in 2..u32::MAX) {
            let mut bytes = Vec::new();
            encode(&mut bytes, &frame, Place { position: 7, preceding: 0, following: 0 }, seed);
            prop_assert_eq!(decoded(bytes, 1), None);
        }
    }
}
