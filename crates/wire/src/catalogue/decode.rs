//! Reads `services.bin`.
//!
//! Lives here: the binary form that `tools/generate/catalogue.py` writes, described there. The
//! decompressed bytes are kept for the life of the process and names point into them.

use std::{io::Read, sync::OnceLock};

use record::redact::Decision;
use zstd::dict::DecoderDictionary;

use super::{
    Service,
    model::{
        Kind, Location, Member, Method, Model, Operation, Protocol, Shape, ShapeId, TimestampFormat,
    },
};

pub(super) const FILE: &[u8] = include_bytes!("services.bin");
const MAGIC: &[u8] = b"TMS1";

/// Reads the index: every service, its operations not yet decoded.
pub(super) fn index() -> Box<[Service]> {
    read_index().expect("services.bin is written by tools/generate and read whole in the tests")
}

/// Decodes the block of one service.
pub(super) fn model(block: &'static [u8]) -> Model {
    read_model(block)
        .expect("services.bin is written by tools/generate and read whole in the tests")
}

fn read_index() -> Option<Box<[Service]>> {
    let File { index, blocks, .. } = file()?;
    let mut index = Reader { bytes: inflate(zstd::Decoder::new(index).ok()?)? };
    (0..index.number()?).map(|_| service(&mut index, blocks)).collect()
}

struct File {
    index: &'static [u8],
    dictionary: &'static [u8],
    blocks: &'static [u8],
}

fn file() -> Option<File> {
    let mut file = Reader { bytes: FILE.strip_prefix(MAGIC)? };
    let size = file.number()?;
    let index = file.take(size)?;
    let size = file.number()?;
    let dictionary = file.take(size)?;
    Some(File { index, dictionary, blocks: file.bytes })
}

fn service(index: &mut Reader, blocks: &'static [u8]) -> Option<Service> {
    Some(Service {
        name: index.text()?,
        service_id: index.text()?,
        signing_name: index.text()?,
        endpoint_prefix: index.text()?,
        event_source: index.text()?,
        api_version: index.text()?,
        protocols: protocols(index.byte()?)?,
        target_prefix: index.some_text()?,
        xml_namespace: index.some_text()?,
        block: {
            let from = index.number()?;
            blocks.get(from..from.checked_add(index.number()?)?)?
        },
        model: OnceLock::new(),
    })
}

/// The lists of protocols that occur, by number.
fn protocols(number: u8) -> Option<&'static [Protocol]> {
    use Protocol::{Ec2, Json10, Json11, Query, RestJson, RestXml, RpcV2Cbor};
    Some(match number {
        0 => &[Json10],
        1 => &[Json11],
        2 => &[Query],
        3 => &[Ec2],
        4 => &[RestJson],
        5 => &[RestXml],
        6 => &[RpcV2Cbor],
        7 => &[RpcV2Cbor, Json10],
        8 => &[RpcV2Cbor, Json11],
        9 => &[RpcV2Cbor, Json10, Query],
        10 => &[Json10, Query],
        11 => &[Json11, Query],
        12 => &[RpcV2Cbor, Json11, Query],
        _ => return None,
    })
}

fn read_model(block: &'static [u8]) -> Option<Model> {
    let block = zstd::Decoder::with_prepared_dictionary(block, dictionary()?).ok()?;
    let mut block = Reader { bytes: inflate(block)? };
    let mut names = Vec::new();
    for _ in 0..block.number()? {
        names.push(block.text()?);
    }
    let mut it = Decoder { block, names };
    let shapes = (0..it.block.number()?).map(|_| it.shape()).collect::<Option<_>>()?;
    let operations = (0..it.block.number()?).map(|_| it.operation()).collect::<Option<_>>()?;
    Some(Model { operations, shapes, routes: OnceLock::new() })
}

/// The words that the services share, digested once.
fn dictionary() -> Option<&'static DecoderDictionary<'static>> {
    static DICTIONARY: OnceLock<Option<DecoderDictionary<'static>>> = OnceLock::new();
    DICTIONARY
        .get_or_init(|| {
            let bytes = zstd::decode_all(file()?.dictionary).ok()?;
            Some(DecoderDictionary::copy(&bytes))
        })
        .as_ref()
}

/// Decompresses, and keeps the result for ever: the callers keep theirs for ever too.
fn inflate(mut from: impl Read) -> Option<&'static [u8]> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).ok()?;
    Some(Box::leak(bytes.into_boxed_slice()))
}

struct Decoder {
    block: Reader,
    names: Vec<&'static str>,
}

impl Decoder {
    fn name(&mut self) -> Option<&'static str> {
        let at = self.block.number()?;
        self.names.get(at).copied()
    }

    fn some_name(&mut self) -> Option<Option<&'static str>> {
        match self.block.number()?.checked_sub(1) {
            None => Some(None),
            Some(at) => self.names.get(at).map(|it| Some(*it)),
        }
    }

    fn some_shape(&mut self) -> Option<Option<ShapeId>> {
        Some(match self.block.number()?.checked_sub(1) {
            None => None,
            Some(at) => Some(ShapeId(u32::try_from(at).ok()?)),
        })
    }

    fn shape(&mut self) -> Option<Shape> {
        let head = self.block.byte()?;
        let flattened = head & 0x20 != 0;
        let mut timestamp = None;
        let kind = match head & 0x0f {
            0 => Kind::Structure {
                payload: self.some_name()?,
                members: (0..self.block.number()?).map(|_| self.member()).collect::<Option<_>>()?,
            },
            1 => Kind::List { element: Box::new(self.member()?), flattened },
            2 => Kind::Map {
                key: Box::new(self.member()?),
                value: Box::new(self.member()?),
                flattened,
            },
            3 => Kind::String,
            4 => Kind::Boolean,
            5 => Kind::Integer,
            6 => Kind::Float,
            7 => {
                timestamp = timestamp_format(usize::from(self.block.byte()?))?;
                Kind::Timestamp
            }
            8 => Kind::Blob,
            9 => Kind::Document,
            _ => return None,
        };
        Some(Shape { kind, sensitive: head & 0x10 != 0, timestamp })
    }

    fn member(&mut self) -> Option<Member> {
        let flags = self.block.number()?;
        let is = |bit: usize| flags & bit != 0;
        Some(Member {
            name: self.name()?,
            shape: ShapeId(u32::try_from(self.block.number()?).ok()?),
            wire_name: if is(8) { Some(self.name()?) } else { None },
            query_name: if is(1 << 9) { Some(self.name()?) } else { None },
            location: match flags & 7 {
                0 => Location::Body,
                1 => Location::Uri,
                2 => Location::Query,
                3 => Location::Header,
                4 => Location::Headers,
                5 => Location::StatusCode,
                _ => return None,
            },
            required: is(16),
            flattened: is(32),
            streaming: is(1 << 7),
            xml_attribute: is(1 << 8),
            json_text: is(1 << 10),
            timestamp: timestamp_format((flags >> 11) & 3)?,
            decision: match (flags >> 13) & 7 {
                0 => None,
                1 => Some(Decision::Deny),
                2 => Some(Decision::Drop),
                3 => Some(Decision::Empty),
                4 => Some(Decision::Show),
                _ => return None,
            },
        })
    }

    fn operation(&mut self) -> Option<Operation> {
        let name = self.name()?;
        let event_name = self.some_name()?.unwrap_or(name);
        let head = self.block.byte()?;
        Some(Operation {
            name,
            event_name,
            method: match head & 0x0f {
                0 => Method::Get,
                1 => Method::Put,
                2 => Method::Post,
                3 => Method::Delete,
                4 => Method::Head,
                5 => Method::Patch,
                6 => Method::Options,
                _ => return None,
            },
            uri: self.name()?,
            read_only: head & 0x10 != 0,
            deprecated: head & 0x40 != 0,
            category: if head & 0x20 != 0 {
                record::Category::Data
            } else {
                record::Category::Management
            },
            resource_type: self.some_name()?,
            input: self.some_shape()?,
            output: self.some_shape()?,
            result_wrapper: self.some_name()?,
        })
    }
}

fn timestamp_format(number: usize) -> Option<Option<TimestampFormat>> {
    Some(match number {
        0 => None,
        1 => Some(TimestampFormat::Iso8601),
        2 => Some(TimestampFormat::Unix),
        3 => Some(TimestampFormat::Rfc822),
        _ => return None,
    })
}

/// What is left to read.
struct Reader {
    bytes: &'static [u8],
}

impl Reader {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    /// Seven bits a byte, the low ones first.
    fn number(&mut self) -> Option<usize> {
        let mut number = 0_usize;
        for shift in (0..28).step_by(7) {
            let byte = self.byte()?;
            number |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn take(&mut self, size: usize) -> Option<&'static [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(size)?;
        self.bytes = rest;
        Some(taken)
    }

    fn text(&mut self) -> Option<&'static str> {
        let size = self.number()?;
        std::str::from_utf8(self.take(size)?).ok()
    }

    /// A text whose length is one more than it is; nothing where it is zero.
    fn some_text(&mut self) -> Option<Option<&'static str>> {
        match self.number()?.checked_sub(1) {
            None => Some(None),
            Some(size) => Some(Some(std::str::from_utf8(self.take(size)?).ok()?)),
        }
    }
}
