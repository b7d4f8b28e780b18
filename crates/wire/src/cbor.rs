//! CBOR as Smithy's RPC v2 uses it, read into and written from JSON values, within bounds.
//!
//! Lives here: reading maps with text keys, definite and indefinite lengths, tag 1 for timestamps;
//! writing with a tag for timestamps that the caller names. Byte strings become `null`: blobs are
//! never kept.
//! Lives elsewhere: what the members mean (`parameters`).
//!
//! Start at [`parse`].
//! Spec: RFC 8949; Smithy RPC v2 CBOR protocol.

use serde_json::{Map, Number, Value};

/// Why bytes are not CBOR that we read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// Not well formed, a key that is no text, or bytes after the end.
    #[error("is not CBOR")]
    Malformed,
    /// Deeper than [`MAX_DEPTH`] or of more items than [`MAX_ITEMS`].
    #[error("has too many items")]
    TooLarge,
}

/// The deepest nesting that is read.
pub const MAX_DEPTH: usize = 64;

/// The most items that are read.
pub const MAX_ITEMS: usize = 100_000;

/// Reads one item that takes all bytes. Linear in their number.
///
/// # Errors
/// When the bytes are no CBOR or beyond the bounds.
pub fn parse(bytes: &[u8]) -> Result<Value, Error> {
    let mut reader = Reader { bytes, items: 0 };
    let value = reader.value(0)?;
    if reader.bytes.is_empty() { Ok(value) } else { Err(Error::Malformed) }
}

/// Writes a value. Whole numbers as integers, other numbers as doubles.
#[must_use]
pub fn write(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    put(value, &mut out);
    out
}

struct Reader<'a> {
    bytes: &'a [u8],
    items: usize,
}

/// The first byte of an item and its argument.
enum Head {
    Sized(u8, u64),
    Simple(u8),
    Float(f64),
    Indefinite(u8),
    Break,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, Error> {
        let head = self.head()?;
        self.item(head, depth)
    }

    fn item(&mut self, head: Head, depth: usize) -> Result<Value, Error> {
        self.items += 1;
        if depth > MAX_DEPTH || self.items > MAX_ITEMS {
            return Err(Error::TooLarge);
        }
        Ok(match head {
            Head::Sized(0, number) => Value::from(number),
            Head::Sized(1, number) => negative(number),
            Head::Sized(2, size) => {
                self.take(size)?;
                Value::Null
            }
            Head::Sized(3, size) => Value::String(text(self.take(size)?)?),
            Head::Indefinite(kind @ (2 | 3)) => self.pieces(kind)?,
            Head::Sized(4, size) => {
                let mut list = Vec::new();
                for _ in 0..size {
                    list.push(self.value(depth + 1)?);
                }
                Value::Array(list)
            }
            Head::Indefinite(4) => {
                let mut list = Vec::new();
                while let Some(head) = self.unless_break()? {
                    list.push(self.item(head, depth + 1)?);
                }
                Value::Array(list)
            }
            Head::Sized(5, size) => {
                let mut map = Map::new();
                for _ in 0..size {
                    let head = self.head()?;
                    self.entry(head, &mut map, depth)?;
                }
                Value::Object(map)
            }
            Head::Indefinite(5) => {
                let mut map = Map::new();
                while let Some(head) = self.unless_break()? {
                    self.entry(head, &mut map, depth)?;
                }
                Value::Object(map)
            }
            // Tags say how to look at what follows; the model knows that too.
            Head::Sized(6, _) => self.value(depth + 1)?,
            Head::Simple(20) => Value::Bool(false),
            Head::Simple(21) => Value::Bool(true),
            // `null`, `undefined`, and what nobody has defined.
            Head::Simple(_) => Value::Null,
            // Infinity and NaN have no number in JSON.
            Head::Float(number) => Number::from_f64(number).map_or(Value::Null, Value::Number),
            Head::Sized(..) | Head::Indefinite(_) | Head::Break => return Err(Error::Malformed),
        })
    }

    fn entry(
        &mut self,
        key: Head,
        map: &mut Map<String, Value>,
        depth: usize,
    ) -> Result<(), Error> {
        let Value::String(key) = self.item(key, depth + 1)? else { return Err(Error::Malformed) };
        let value = self.value(depth + 1)?;
        map.insert(key, value);
        Ok(())
    }

    /// A string in pieces: all of its own kind, none of them in pieces.
    fn pieces(&mut self, kind: u8) -> Result<Value, Error> {
        let mut bytes = Vec::new();
        while let Some(head) = self.unless_break()? {
            let Head::Sized(it, size) = head else { return Err(Error::Malformed) };
            if it != kind {
                return Err(Error::Malformed);
            }
            bytes.extend_from_slice(self.take(size)?);
        }
        Ok(if kind == 3 { Value::String(text(&bytes)?) } else { Value::Null })
    }

    /// The head of the next item, or nothing where one of indefinite length ends.
    fn unless_break(&mut self) -> Result<Option<Head>, Error> {
        let head = self.head()?;
        Ok(if matches!(head, Head::Break) { None } else { Some(head) })
    }

    fn head(&mut self) -> Result<Head, Error> {
        let (first, rest) = self.bytes.split_first().ok_or(Error::Malformed)?;
        self.bytes = rest;
        let kind = first >> 5;
        Ok(match (kind, first & 0x1f) {
            (7, small @ 0..=23) => Head::Simple(small),
            (7, 24) => Head::Simple(u8::try_from(self.argument(1)?).unwrap_or(u8::MAX)),
            (7, 25) => Head::Float(half(self.argument(2)?)),
            (7, 26) => {
                let bits = u32::try_from(self.argument(4)?).unwrap_or(0);
                Head::Float(f64::from(f32::from_bits(bits)))
            }
            (7, 27) => Head::Float(f64::from_bits(self.argument(8)?)),
            (7, 31) => Head::Break,
            (_, small @ 0..=23) => Head::Sized(kind, u64::from(small)),
            (_, width @ 24..=27) => Head::Sized(kind, self.argument(1 << (width - 24))?),
            (2..=5, 31) => Head::Indefinite(kind),
            _ => return Err(Error::Malformed),
        })
    }

    fn argument(&mut self, width: u64) -> Result<u64, Error> {
        let bytes = self.take(width)?;
        Ok(bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }

    fn take(&mut self, size: u64) -> Result<&[u8], Error> {
        let size = usize::try_from(size).map_err(|_| Error::Malformed)?;
        let (taken, rest) = self.bytes.split_at_checked(size).ok_or(Error::Malformed)?;
        self.bytes = rest;
        Ok(taken)
    }
}

fn text(bytes: &[u8]) -> Result<String, Error> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| Error::Malformed)
}

/// The number that stands `number` below minus one; a float where it is below every `i64`.
fn negative(number: u64) -> Value {
    match i64::try_from(number) {
        Ok(number) => Value::from(-1 - number),
        Err(_) => Value::from(-1.0 - number as f64),
    }
}

/// A number of half the usual width: one bit of sign, five of exponent, ten of fraction.
fn half(bits: u64) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from((bits >> 10) as u8 & 0x1f);
    let fraction = (bits & 0x3ff) as f64;
    sign * match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction / 1024.0) * 2_f64.powi(exponent - 15),
    }
}

fn put(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0xf6),
        Value::Bool(false) => out.push(0xf4),
        Value::Bool(true) => out.push(0xf5),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => put_head(0, number, out),
            (None, Some(number)) => put_head(1, number.unsigned_abs() - 1, out),
            (None, None) => {
                out.push(0xfb);
                out.extend_from_slice(&number.as_f64().unwrap_or(f64::NAN).to_be_bytes());
            }
        },
        Value::String(text) => put_text(text, out),
        Value::Array(list) => {
            put_head(4, list.len() as u64, out);
            list.iter().for_each(|it| put(it, out));
        }
        Value::Object(map) => {
            put_head(5, map.len() as u64, out);
            for (key, value) in map {
                put_text(key, out);
                put(value, out);
            }
        }
    }
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    put_head(3, text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

/// The shortest head for an argument.
fn put_head(kind: u8, argument: u64, out: &mut Vec<u8>) {
    let bytes = argument.to_be_bytes();
    let (small, skip) = match argument {
        0..=23 => (bytes[7], 8),
        24..=0xff => (24, 7),
        0x100..=0xffff => (25, 6),
        0x1_0000..=0xffff_ffff => (26, 4),
        _ => (27, 0),
    };
    out.push(kind << 5 | small);
    out.extend(bytes.iter().skip(skip));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(hex: &str, expected: Result<Value, Error>) {
        assert_eq!(parse(&hex::decode(hex).unwrap()), expected);
    }

    #[test]
    fn items_of_every_kind_are_read() {
        check("a26161016162820203", Ok(json!({"a": 1, "b": [2, 3]})));
        check("bf6161f563626172f6ff", Ok(json!({"a": true, "bar": null})));
        check("7f6161626263ff", Ok(json!("abc")));
        check("c11a514b67b0", Ok(json!(1363896240)));
        check("f93c00", Ok(json!(1.0)));
        check("f97e00", Ok(Value::Null));
        check("fa47c35000", Ok(json!(100000.0)));
        check("3903e7", Ok(json!(-1000)));
        check("4401020304", Ok(Value::Null));
    }

    #[test]
    fn what_is_cut_off_or_goes_on_is_refused() {
        check("", Err(Error::Malformed));
        check("0000", Err(Error::Malformed));
        check("82", Err(Error::Malformed));
        check("a10101", Err(Error::Malformed));
        check("9bffffffffffffffff", Err(Error::Malformed));
        check(&"81".repeat(MAX_DEPTH + 2), Err(Error::TooLarge));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn numbers_and_texts_come_back_as_they_were_written(
            number in any::<i64>(),
            float in -1e300..1e300_f64,
            text in ".{0,40}",
        ) {
            let value = json!({ "number": number, "float": float, "list": [text] });
            prop_assert_eq!(parse(&write(&value)), Ok(value));
        }
    }
}
