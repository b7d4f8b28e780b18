//! The frames of `aws-chunked`, read and verified piece by piece.

use aws_lc_rs::digest;
use bytes::{Buf as _, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue};
use subtle::ConstantTimeEq as _;

use super::{
    checksum::Checksum,
    plan::{Chain, Plan, TRAILER_SIGNATURE},
};
use crate::{auth::BodyFault, sigv4::hex32};

/// Reads the frames of one body.
pub struct Decoder {
    plan: Plan,
    state: State,
    /// The line being read, without its end.
    line: Vec<u8>,
    /// Of the announced length, what no chunk has claimed yet.
    unclaimed: u64,
    /// Of the current chunk's data.
    hash: Option<digest::Context>,
    checksums: Vec<(HeaderName, Checksum)>,
    trailers: HeaderMap,
    /// What the signature of the trailers covers.
    trailer_text: Vec<u8>,
}

enum State {
    /// In the line that begins a chunk.
    Size,
    /// In a chunk's data, of which so much is left.
    Data { left: u64, signature: Option<[u8; 32]> },
    /// In the line end after a chunk's data.
    DataEnd { signature: Option<[u8; 32]> },
    /// After the last chunk.
    Trailer,
    /// After the trailers' signature: an empty line is left.
    SignedTrailer,
    /// All is read and verified.
    Done,
    /// Something was wrong. It stays so.
    Failed,
}

/// What [`Decoder::feed`] took from its input.
#[derive(Debug)]
pub enum Piece {
    /// Data. Its chunk's signature is verified only when the chunk is complete.
    Data(Bytes),
    /// All is read and verified.
    Done,
    /// The input is used up.
    Hungry,
}

impl Decoder {
    /// Reads a body that has to be as `plan` says.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        let checksums = plan
            .trailers
            .iter()
            .filter_map(|name| Some((name.clone(), Checksum::of(name.as_str())?)))
            .collect();
        Self {
            unclaimed: plan.decoded_length,
            plan,
            state: State::Size,
            line: Vec::new(),
            hash: None,
            checksums,
            trailers: HeaderMap::new(),
            trailer_text: Vec::new(),
        }
    }

    /// Takes the next piece from `input`. Call it again until it is [`Piece::Hungry`], or
    /// [`Piece::Done`], after which `input` is empty.
    ///
    /// # Errors
    /// When the frames are malformed, a signature or a checksum does not match, lengths or trailers
    /// are not those announced, or bytes follow the end. The decoder then fails for good.
    pub fn feed(&mut self, input: &mut Bytes) -> Result<Piece, BodyFault> {
        let piece = self.advance(input);
        if piece.is_err() {
            self.state = State::Failed;
        }
        piece
    }

    /// Whether all is read and verified.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// How many bytes of data are still to come, if the body is as announced.
    #[must_use]
    pub fn undelivered(&self) -> u64 {
        match self.state {
            State::Data { left, .. } => self.unclaimed + left,
            State::Size
            | State::DataEnd { .. }
            | State::Trailer
            | State::SignedTrailer
            | State::Done
            | State::Failed => self.unclaimed,
        }
    }

    /// The trailers, once all is verified; without their signature.
    #[must_use]
    pub fn trailers(&self) -> &HeaderMap {
        &self.trailers
    }

    fn advance(&mut self, input: &mut Bytes) -> Result<Piece, BodyFault> {
        loop {
            if input.is_empty() {
                return Ok(if self.is_done() { Piece::Done } else { Piece::Hungry });
            }
            match &mut self.state {
                State::Size => {
                    if self.read_line(input, SIZE_LINE_MAX)? {
                        self.state = self.begin_chunk()?;
                    }
                }
                State::Data { left, signature } => {
                    let take = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                    let data = input.split_to(take);
                    *left -= data.len() as u64;
                    if *left == 0 {
                        self.state = State::DataEnd { signature: *signature };
                    }
                    self.absorb(&data);
                    return Ok(Piece::Data(data));
                }
                State::DataEnd { signature } => {
                    let signature = *signature;
                    if self.read_line(input, LINE_END)? {
                        self.end_chunk(signature)?;
                        self.state = State::Size;
                    }
                }
                State::Trailer => {
                    if self.read_line(input, TRAILER_LINE_MAX)? {
                        self.state = self.read_trailer()?;
                    }
                }
                State::SignedTrailer => {
                    if self.read_line(input, LINE_END)? {
                        self.state = self.end()?;
                    }
                }
                State::Done => return Err(BodyFault::Excess),
                State::Failed => return Err(BodyFault::Malformed),
            }
        }
    }

    /// Moves bytes into the line; true once its CR and LF have been seen (and removed).
    fn read_line(&mut self, input: &mut Bytes, max: usize) -> Result<bool, BodyFault> {
        let end = input.iter().position(|byte| *byte == b'\n');
        let part = input.get(..end.unwrap_or(input.len())).unwrap_or_default();
        if self.line.len() + part.len() > max {
            return Err(BodyFault::Malformed);
        }
        self.line.extend_from_slice(part);
        input.advance(part.len() + usize::from(end.is_some()));
        if end.is_none() {
            return Ok(false);
        }
        match self.line.pop() {
            Some(b'\r') if !self.line.contains(&b'\r') => Ok(true),
            _ => Err(BodyFault::Malformed),
        }
    }

    /// From the line that begins a chunk.
    fn begin_chunk(&mut self) -> Result<State, BodyFault> {
        let line = std::mem::take(&mut self.line);
        let line = str::from_utf8(&line).map_err(|_| BodyFault::Malformed)?;
        let (size, extension) = match line.split_once(';') {
            Some((size, extension)) => (size, Some(extension)),
            None => (line, None),
        };
        let signature = match (&self.plan.chain, extension) {
            (Some(_), Some(extension)) => {
                let hexadecimal = extension.strip_prefix("chunk-signature=");
                Some(hexadecimal.and_then(hex32).ok_or(BodyFault::Malformed)?)
            }
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err(BodyFault::Malformed),
        };
        let size = chunk_size(size).ok_or(BodyFault::ChunkSize)?;
        self.unclaimed = self.unclaimed.checked_sub(size).ok_or(BodyFault::ChunkSize)?;
        if size > 0 {
            return Ok(State::Data { left: size, signature });
        }
        if self.unclaimed > 0 {
            return Err(BodyFault::Incomplete);
        }
        self.end_chunk(signature)?;
        Ok(State::Trailer)
    }

    fn absorb(&mut self, data: &[u8]) {
        if self.plan.chain.is_some() {
            self.hash.get_or_insert_with(|| digest::Context::new(&digest::SHA256)).update(data);
        }
        for (_, checksum) in &mut self.checksums {
            checksum.update(data);
        }
    }

    /// Verifies a chunk's signature, where there is one.
    fn end_chunk(&mut self, signature: Option<[u8; 32]>) -> Result<(), BodyFault> {
        self.line.clear();
        let hash = self.hash.take();
        let (Some(chain), Some(signature)) = (&mut self.plan.chain, signature) else {
            return Ok(());
        };
        let hash = match hash {
            Some(context) => hex::encode(context.finish()),
            None => SHA256_OF_NOTHING.to_owned(),
        };
        let rest = format!("{SHA256_OF_NOTHING}\n{hash}");
        chain.follow("AWS4-HMAC-SHA256-PAYLOAD", &rest, signature)
    }

    /// From a line after the last chunk: a trailer, the trailers' signature, or the end.
    fn read_trailer(&mut self) -> Result<State, BodyFault> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let signature_is_due = self.plan.chain.as_ref().is_some_and(|chain| chain.trailer);
            return if signature_is_due { Err(BodyFault::Trailer) } else { self.end() };
        }
        let colon = line.iter().position(|byte| *byte == b':').ok_or(BodyFault::Trailer)?;
        let (name, value) = (line.get(..colon), line.get(colon + 1..));
        let (Some(name), Some(value)) = (name, value) else { return Err(BodyFault::Trailer) };
        let name = HeaderName::from_bytes(name).map_err(|_| BodyFault::Trailer)?;
        let value = value.trim_ascii();
        if name == TRAILER_SIGNATURE {
            self.check_trailer_signature(value)?;
            return Ok(State::SignedTrailer);
        }
        if !self.plan.trailers.contains(&name) || self.trailers.contains_key(&name) {
            return Err(BodyFault::Trailer);
        }
        self.trailer_text.extend_from_slice(name.as_str().as_bytes());
        self.trailer_text.push(b':');
        self.trailer_text.extend_from_slice(value);
        self.trailer_text.push(b'\n');
        let value = HeaderValue::from_bytes(value).map_err(|_| BodyFault::Trailer)?;
        self.trailers.insert(name, value);
        Ok(State::Trailer)
    }

    fn check_trailer_signature(&mut self, value: &[u8]) -> Result<(), BodyFault> {
        let chain = self.plan.chain.as_mut().filter(|chain| chain.trailer);
        let chain = chain.ok_or(BodyFault::Trailer)?;
        let signature = str::from_utf8(value).ok().and_then(hex32).ok_or(BodyFault::Trailer)?;
        let hash = hex::encode(digest::digest(&digest::SHA256, &self.trailer_text));
        chain.follow("AWS4-HMAC-SHA256-TRAILER", &hash, signature)
    }

    /// Everything is read: compares the trailers with what was announced and with the data.
    fn end(&mut self) -> Result<State, BodyFault> {
        self.line.clear();
        if self.trailers.len() != self.plan.trailers.len() {
            return Err(BodyFault::Trailer);
        }
        for (trailer, checksum) in std::mem::take(&mut self.checksums) {
            let name = checksum.name();
            let computed = checksum.finish();
            let announced = self.trailers.get(&trailer);
            if announced.is_none_or(|it| it.as_bytes() != computed.as_bytes()) {
                return Err(BodyFault::Checksum(name));
            }
        }
        Ok(State::Done)
    }
}

impl Chain {
    /// Verifies the next signature of the chain.
    fn follow(&mut self, what: &str, rest: &str, signature: [u8; 32]) -> Result<(), BodyFault> {
        let previous = hex::encode(self.previous);
        let string_to_sign = format!("{what}\n{}\n{previous}\n{rest}", self.context);
        let computed = self.key.sign(string_to_sign.as_bytes());
        if !bool::from(computed.ct_eq(&signature)) {
            return Err(BodyFault::ChunkSignature { access_key_id: self.access_key_id.clone() });
        }
        self.previous = signature;
        Ok(())
    }
}

/// One to sixteen hexadecimal digits and nothing else.
fn chunk_size(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    ((1..=16).contains(&text.len()) && digits).then(|| u64::from_str_radix(text, 16).ok())?
}

/// Sixteen digits, `;chunk-signature=`, 64 digits, CR.
const SIZE_LINE_MAX: usize = 16 + 17 + 64 + 1;
/// CR alone.
const LINE_END: usize = 1;
/// The longest checksum is a quarter of it.
const TRAILER_LINE_MAX: usize = 1024;

const SHA256_OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
