//! Walking over JSON without building it: where a value ends, which members an object has.
//!
//! What nobody asks for is passed over by its brackets and quotation marks alone, eight bytes at a
//! time where it can be. It is therefore not checked any further than that. Nothing here recurses:
//! the depth of a text costs no stack, and has a bound.

use std::borrow::Cow;

/// A place in a text.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

/// What is no JSON, and where it is found out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Broken {
    /// In bytes from the begin of the text.
    pub(crate) at: usize,
    pub(crate) reason: &'static str,
}

/// A member's name as it is written, without quotation marks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Name<'a> {
    raw: &'a str,
    escaped: bool,
}

impl<'a> Name<'a> {
    /// The name itself.
    pub(crate) fn text(self) -> Cow<'a, str> {
        if self.escaped { Cow::Owned(unescaped(self.raw)) } else { Cow::Borrowed(self.raw) }
    }
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Where it stands, in bytes.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn go(&mut self, at: usize) {
        self.at = at;
    }

    /// The text from a place to where it stands.
    pub(crate) fn since(&self, at: usize) -> &'a str {
        self.text.get(at..self.at).unwrap_or_default()
    }

    /// The next byte that is no space, which stays ahead.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.as_bytes().get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    /// Passes over this byte.
    pub(crate) fn take(&mut self, byte: u8, reason: &'static str) -> Result<(), Broken> {
        if self.peek() != Some(byte) {
            return Err(self.broken(reason));
        }
        self.at += 1;
        Ok(())
    }

    /// After a member or an element: whether another one follows, or the end.
    pub(crate) fn goes_on(&mut self, end: u8) -> Result<bool, Broken> {
        let byte = self.peek();
        if byte != Some(b',') && byte != Some(end) {
            return Err(self.broken("neither another one follows nor the end"));
        }
        self.at += 1;
        Ok(byte == Some(b','))
    }

    /// Passes over `{` or `[`; true when nothing is in it, and then over its end too.
    pub(crate) fn opens(&mut self, begin: u8, end: u8) -> Result<bool, Broken> {
        self.take(begin, "another bracket is expected")?;
        let is_empty = self.peek() == Some(end);
        self.at += usize::from(is_empty);
        Ok(is_empty)
    }

    /// A member's name, and the colon after it.
    pub(crate) fn name(&mut self) -> Result<Name<'a>, Broken> {
        self.take(b'"', "a member has no name")?;
        let start = self.at;
        let escaped = self.string()?;
        let raw = self.text.get(start..self.at - 1).unwrap_or_default();
        self.take(b':', "no colon follows the name")?;
        Ok(Name { raw, escaped })
    }

    /// A value, as it is written.
    pub(crate) fn value(&mut self) -> Result<&'a str, Broken> {
        let byte = self.peek();
        let start = self.at;
        match byte {
            Some(b'"') => {
                self.at += 1;
                self.string()?;
            }
            Some(byte @ (b'{' | b'[')) => {
                self.at += 1;
                self.close(byte == b'[')?;
            }
            Some(_) => self.scalar()?,
            None => return Err(self.broken("the text ends where a value is expected")),
        }
        Ok(self.since(start))
    }

    /// Passes over what is left of a string; true when there are escapes in it.
    fn string(&mut self) -> Result<bool, Broken> {
        let bytes = self.text.as_bytes();
        let (mut at, mut escaped) = (self.at, false);
        loop {
            while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
                let word = u64::from_le_bytes(*chunk);
                let hits = holds(word, b'"') | holds(word, b'\\');
                if hits != 0 {
                    at += hits.trailing_zeros() as usize / 8;
                    break;
                }
                at += 8;
            }
            match bytes.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    at += 2;
                }
                Some(_) => at += 1,
                None => return Err(Broken { at: self.at, reason: "a string does not end" }),
            }
        }
    }

    /// Passes over what is left of an object, or of a list.
    pub(crate) fn close(&mut self, is_list: bool) -> Result<(), Broken> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        // One bit for each bracket that is open: whether it is that of a list.
        let (mut open, mut depth) = (u128::from(is_list), 1_u32);
        while let Some(byte) = bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'"' => {
                    self.string()?;
                }
                b'{' | b'[' => {
                    if depth == DEPTH_MAX {
                        return Err(self.broken("objects and lists lie too deep in each other"));
                    }
                    open = (open << 1) | u128::from(*byte == b'[');
                    depth += 1;
                }
                b'}' | b']' => {
                    if (open & 1 == 1) != (*byte == b']') {
                        return Err(Broken { at: self.at - 1, reason: "it is the wrong bracket" });
                    }
                    open >>= 1;
                    depth -= 1;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
        Err(Broken { at: start, reason: "an object or a list does not end" })
    }

    /// Passes over a number, `true`, `false` or `null`.
    fn scalar(&mut self) -> Result<(), Broken> {
        let start = self.at;
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        let is_part = |it: &u8| it.is_ascii_alphanumeric() || matches!(it, b'+' | b'-' | b'.');
        self.at += rest.iter().position(|it| !is_part(it)).unwrap_or(rest.len());
        let text = self.since(start);
        let is_number = text.starts_with(|it: char| it == '-' || it.is_ascii_digit())
            && text.bytes().all(|it| matches!(it, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
        if is_number || matches!(text, "true" | "false" | "null") {
            return Ok(());
        }
        self.at = start;
        Err(self.broken("it is no value"))
    }

    fn broken(&self, reason: &'static str) -> Broken {
        Broken { at: self.at, reason }
    }
}

/// A bit set for each byte of a word that is this one, and perhaps some above the first of them.
const fn holds(word: u64, byte: u8) -> u64 {
    const EACH: u64 = u64::MAX / 0xff;
    let differing = word ^ (EACH * byte as u64);
    differing.wrapping_sub(EACH) & !differing & (EACH << 7)
}

/// Calls `take` with each member of an object; of what is none, with nothing.
///
/// False when it is no well-formed object. The members before that place have been taken.
pub(crate) fn members<'a>(json: &'a str, mut take: impl FnMut(&str, &'a str)) -> bool {
    let mut cursor = Cursor::new(json);
    let mut all = || -> Result<(), Broken> {
        if cursor.opens(b'{', b'}')? {
            return Ok(());
        }
        loop {
            let name = cursor.name()?;
            take(&name.text(), cursor.value()?);
            if !cursor.goes_on(b'}')? {
                return Ok(());
            }
        }
    };
    all().is_ok()
}

/// Calls `take` with each element of a list; of what is none, with nothing.
///
/// False when it is no well-formed list. The elements before that place have been taken.
pub(crate) fn elements<'a>(json: &'a str, mut take: impl FnMut(&'a str)) -> bool {
    let mut cursor = Cursor::new(json);
    let mut all = || -> Result<(), Broken> {
        if cursor.opens(b'[', b']')? {
            return Ok(());
        }
        loop {
            take(cursor.value()?);
            if !cursor.goes_on(b']')? {
                return Ok(());
            }
        }
    };
    all().is_ok()
}

/// The value at a path of members, whose names may be spelt in any case.
pub(crate) fn within<'a>(json: Option<&'a str>, path: &[&str]) -> Option<&'a str> {
    path.iter().try_fold(json?, |json, name| {
        let mut found = None;
        members(json, |it, value| {
            if found.is_none() && it.eq_ignore_ascii_case(name) {
                found = Some(value);
            }
        });
        found
    })
}

/// A value as text: a string's content, anything else as its JSON without spaces. None of null.
pub(crate) fn text(json: &str) -> Option<Cow<'_, str>> {
    match json.as_bytes() {
        [] | [b'n', ..] => None,
        [b'"', inside @ .., b'"'] => {
            let content = json.get(1..json.len() - 1).unwrap_or_default();
            match memchr::memchr(b'\\', inside) {
                None => Some(Cow::Borrowed(content)),
                Some(_) => Some(Cow::Owned(unescaped(content))),
            }
        }
        [b'{' | b'[', ..] => Some(compact(json)),
        _ => Some(Cow::Borrowed(json)),
    }
}

/// What a string says. Half a surrogate pair, and what is no escape, is replaced: nothing that was
/// recorded makes the rest of it vanish.
fn unescaped(content: &str) -> String {
    let mut said = String::with_capacity(content.len());
    let mut rest = content;
    while let Some((before, after)) = rest.split_once('\\') {
        said.push_str(before);
        let mut chars = after.chars();
        let escape = chars.next();
        rest = chars.as_str();
        said.push(match escape {
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => unit(&mut rest),
            Some(it @ ('"' | '\\' | '/')) => it,
            Some(_) | None => char::REPLACEMENT_CHARACTER,
        });
    }
    said.push_str(rest);
    said
}

/// The character of `\uXXXX`, of which `rest` begins with the digits, or of two of them.
fn unit(rest: &mut &str) -> char {
    let digits = |text: &str| u32::from_str_radix(text.get(..4)?, 16).ok();
    let Some(first) = digits(rest) else { return char::REPLACEMENT_CHARACTER };
    *rest = rest.get(4..).unwrap_or_default();
    if let Some(character) = char::from_u32(first) {
        return character;
    }
    let second = rest.strip_prefix("\\u").and_then(digits);
    let pair = second.filter(|it| first < 0xdc00 && (0xdc00..0xe000).contains(it));
    let Some(second) = pair else { return char::REPLACEMENT_CHARACTER };
    *rest = rest.get(6..).unwrap_or_default();
    let point = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// JSON without spaces between its parts.
fn compact(json: &str) -> Cow<'_, str> {
    let mut kept = String::new();
    let (mut from, mut cursor) = (0, Cursor::new(json));
    while let Some(byte) = json.as_bytes().get(cursor.at) {
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => {
                kept.push_str(cursor.since(from));
                cursor.peek();
                from = cursor.at;
            }
            b'"' => {
                cursor.at += 1;
                if cursor.string().is_err() {
                    cursor.at = json.len();
                }
            }
            _ => cursor.at += 1,
        }
    }
    if from == 0 {
        return Cow::Borrowed(json);
    }
    kept.push_str(cursor.since(from));
    Cow::Owned(kept)
}

/// How deep objects and lists may lie in each other.
const DEPTH_MAX: u32 = 128;
