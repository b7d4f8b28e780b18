//! Where a body ends.
//!
//! Lives here: taking the bytes of a body off a connection, by length, by chunks or until it closes.
//! Lives elsewhere: what the headers say of it (`head`), `aws-chunked`, which is an encoding of the
//! content and not of the transfer (`wire::chunked`).

use bytes::{Buf as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

/// How a body is framed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Framing {
    /// There is none.
    Empty,
    /// So many bytes, at least one.
    Length(u64),
    /// In chunks.
    Chunked,
    /// As long as the connection is open. Of answers only.
    UntilClose,
}

/// Takes a body off the bytes of a connection.
#[derive(Clone, Debug)]
pub struct Decoder {
    state: State,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum State {
    /// So many bytes are missing.
    Data(u64),
    /// A line with the size of the next chunk is missing.
    Size,
    /// So many bytes of a chunk are missing.
    Chunk(u64),
    /// The line's end behind a chunk's data is missing.
    ChunkEnd,
    /// The lines behind the last chunk are missing.
    Trailers,
    UntilClose,
    Done,
}

/// What was taken off.
#[derive(Debug, PartialEq)]
pub enum Piece {
    /// Bytes of the body.
    Data(Bytes),
    /// Headers behind the last chunk. Nothing follows.
    Trailers(HeaderMap),
    /// The body has ended.
    End,
    /// More bytes are needed.
    Hungry,
}

/// The chunks are not what they have to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the chunks of the body are malformed")]
pub struct Malformed;

impl Decoder {
    /// A decoder at the beginning of a body.
    #[must_use]
    pub fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::Empty => State::Done,
            Framing::Length(length) => State::Data(length),
            Framing::Chunked => State::Size,
            Framing::UntilClose => State::UntilClose,
        };
        Self { state }
    }

    /// Whether the body has ended.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Bytes that are missing, when their number is known.
    #[must_use]
    pub fn missing(&self) -> Option<u64> {
        match self.state {
            State::Data(missing) => Some(missing),
            State::Done => Some(0),
            State::Size
            | State::Chunk(_)
            | State::ChunkEnd
            | State::Trailers
            | State::UntilClose => None,
        }
    }

    /// Whether the body may end where the connection does.
    #[must_use]
    pub fn may_end(&self) -> bool {
        matches!(self.state, State::Done | State::UntilClose)
    }

    /// Takes the next piece off `input`. Never panics, whatever the bytes.
    ///
    /// # Errors
    /// When chunks cannot be read in one way only.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Piece, Malformed> {
        loop {
            match &mut self.state {
                State::Done => return Ok(Piece::End),
                State::UntilClose if input.is_empty() => return Ok(Piece::Hungry),
                State::UntilClose => return Ok(Piece::Data(input.split().freeze())),
                State::Data(missing) => {
                    let Some(data) = take(input, missing) else { return Ok(Piece::Hungry) };
                    if *missing == 0 {
                        self.state = State::Done;
                    }
                    return Ok(Piece::Data(data));
                }
                State::Chunk(missing) => {
                    let Some(data) = take(input, missing) else { return Ok(Piece::Hungry) };
                    if *missing == 0 {
                        self.state = State::ChunkEnd;
                    }
                    return Ok(Piece::Data(data));
                }
                State::Size => match line(input, SIZE_LINE_MAX)? {
                    None => return Ok(Piece::Hungry),
                    Some(line) => {
                        let size = size(&line)?;
                        self.state = if size == 0 { State::Trailers } else { State::Chunk(size) };
                    }
                },
                State::ChunkEnd => {
                    let begun = b"\r\n".get(..input.len().min(2)).unwrap_or_default();
                    if !input.starts_with(begun) {
                        return Err(Malformed);
                    }
                    if begun.len() < 2 {
                        return Ok(Piece::Hungry);
                    }
                    input.advance(2);
                    self.state = State::Size;
                }
                State::Trailers => {
                    let Some(trailers) = trailers(input)? else { return Ok(Piece::Hungry) };
                    self.state = State::Done;
                    return Ok(if trailers.is_empty() {
                        Piece::End
                    } else {
                        Piece::Trailers(trailers)
                    });
                }
            }
        }
    }
}

/// Up to `missing` bytes, taken off both; `None` when there is none.
fn take(input: &mut BytesMut, missing: &mut u64) -> Option<Bytes> {
    let some = usize::try_from(*missing).unwrap_or(usize::MAX).min(input.len());
    if some == 0 {
        return None;
    }
    *missing -= some as u64;
    Some(input.split_to(some).freeze())
}

/// A line without its end; `None` while it is not complete.
fn line(input: &mut BytesMut, max: usize) -> Result<Option<Bytes>, Malformed> {
    let Some(at) = memchr::memchr2(b'\r', b'\n', input) else {
        return if input.len() > max { Err(Malformed) } else { Ok(None) };
    };
    match input.get(at..at + 2) {
        None if input.get(at) == Some(&b'\r') => Ok(None),
        Some(b"\r\n") if at <= max => {
            let line = input.split_to(at).freeze();
            input.advance(2);
            Ok(Some(line))
        }
        Some(_) | None => Err(Malformed),
    }
}

/// The size of a chunk: hexadecimal digits and nothing else, but for extensions, which are dropped.
fn size(line: &[u8]) -> Result<u64, Malformed> {
    let digits = line.split(|it| *it == b';').next().unwrap_or_default();
    if digits.is_empty() || digits.len() > 16 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(Malformed);
    }
    let text = str::from_utf8(digits).map_err(|_| Malformed)?;
    u64::from_str_radix(text, 16).map_err(|_| Malformed)
}

/// The lines behind the last chunk, with the empty one; `None` while they are not complete.
fn trailers(input: &mut BytesMut) -> Result<Option<HeaderMap>, Malformed> {
    if input.starts_with(b"\r\n") {
        input.advance(2);
        return Ok(Some(HeaderMap::new()));
    }
    let Some(at) = memchr::memmem::find(input, b"\r\n\r\n") else {
        return if input.len() > TRAILERS_MAX { Err(Malformed) } else { Ok(None) };
    };
    let mut lines = input.split_to(at + 4);
    let mut trailers = HeaderMap::new();
    while let Some(line) = line(&mut lines, TRAILERS_MAX)?.filter(|it| !it.is_empty()) {
        let colon = memchr::memchr(b':', &line).ok_or(Malformed)?;
        let (name, value) = line.split_at_checked(colon).ok_or(Malformed)?;
        let name = HeaderName::from_bytes(name).map_err(|_| Malformed)?;
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        let value = HeaderValue::from_bytes(value).map_err(|_| Malformed)?;
        // What frames or routes a message cannot be said after it.
        if matches!(
            name.as_str(),
            "content-length" | "transfer-encoding" | "host" | "authorization"
        ) {
            return Err(Malformed);
        }
        trailers.append(name, value);
    }
    Ok(Some(trailers))
}

const SIZE_LINE_MAX: usize = 256;
const TRAILERS_MAX: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Decodes `text` piece by piece, as it would come in packets of `step` bytes.
    fn decode(
        framing: Framing,
        text: &[u8],
        step: usize,
    ) -> Result<(Vec<u8>, HeaderMap, Vec<u8>), Malformed> {
        let mut decoder = Decoder::new(framing);
        let (mut input, mut data, mut trailers) = (BytesMut::new(), Vec::new(), HeaderMap::new());
        let mut packets = text.chunks(step.max(1));
        loop {
            match decoder.decode(&mut input)? {
                Piece::Data(more) => data.extend_from_slice(&more),
                Piece::Trailers(more) => trailers = more,
                Piece::End => break,
                Piece::Hungry => match packets.next() {
                    Some(packet) => input.extend_from_slice(packet),
                    None => return Err(Malformed),
                },
            }
        }
        packets.for_each(|it| input.extend_from_slice(it));
        Ok((data, trailers, input.to_vec()))
    }

    #[track_caller]
    fn check(text: &str, expected: Result<&str, Malformed>) {
        for step in [1, 2, 3, 7, text.len()] {
            let read = decode(Framing::Chunked, text.as_bytes(), step).map(|(data, ..)| data);
            assert_eq!(read, expected.map(|it| it.as_bytes().to_vec()), "{text:?} by {step}");
        }
    }

    #[test]
    fn chunks_are_put_together() {
        check("5\r\nhello\r\n1;a=b\r\n!\r\n0\r\n\r\n", Ok("hello!"));
        check("0\r\n\r\n", Ok(""));
        check("00a\r\n0123456789\r\n0\r\nx-checksum: abc\r\n\r\n", Ok("0123456789"));
    }

    #[test]
    fn chunks_that_can_be_read_in_two_ways_are_refused() {
        for text in [
            "+5\r\nhello\r\n0\r\n\r\n",
            "0x5\r\nhello\r\n0\r\n\r\n",
            " 5\r\nhello\r\n0\r\n\r\n",
            "5 \r\nhello\r\n0\r\n\r\n",
            "\r\nhello\r\n0\r\n\r\n",
            "5\nhello\r\n0\r\n\r\n",
            "5\r\nhello0\r\n\r\n",
            "5\r\nhello\n0\r\n\r\n",
            "5;a\nb\r\nhello\r\n0\r\n\r\n",
            "10000000000000000\r\n",
            "0\r\ncontent-length: 5\r\n\r\n",
            "0\r\nno colon\r\n\r\n",
            "5\r\nhel",
        ] {
            check(text, Err(Malformed));
        }
    }

    #[test]
    fn bytes_behind_a_body_are_left_for_the_next_request() {
        let (data, trailers, rest) =
            decode(Framing::Chunked, b"1\r\na\r\n0\r\nx-t: 1\r\n\r\nGET /", 4).unwrap();
        assert_eq!((data, rest), (b"a".to_vec(), b"GET /".to_vec()));
        assert_eq!(trailers["x-t"], "1");
        let (data, _, rest) = decode(Framing::Length(3), b"abcGET /", 2).unwrap();
        assert_eq!((data, rest), (b"abc".to_vec(), b"GET /".to_vec()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused(text: Vec<u8>, step in 1_usize..64) {
            let _ = decode(Framing::Chunked, &text, step);
        }

        #[test]
        fn how_a_body_comes_in_packets_does_not_matter(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..8),
            step in 1_usize..64,
        ) {
            let mut text = Vec::new();
            for chunk in &chunks {
                text.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                text.extend_from_slice(chunk);
                text.extend_from_slice(b"\r\n");
            }
            text.extend_from_slice(b"0\r\n\r\n");
            let (data, _, rest) = decode(Framing::Chunked, &text, step).unwrap();
            prop_assert_eq!(data, chunks.concat());
            prop_assert!(rest.is_empty());
        }
    }
}
