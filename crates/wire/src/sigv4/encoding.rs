//! Percent-encoding by SigV4's rules.
//!
//! `A-Z a-z 0-9 - . _ ~` stay, everything else becomes `%` and two upper-case digits.

use std::borrow::Cow;

/// Decodes `%xx`. A `+` is a plus.
///
/// `None` when a `%` is not followed by two hexadecimal digits, or when a NUL appears: what reads
/// strings of C would see another path than we.
pub(super) fn decode(text: &str) -> Option<Cow<'_, [u8]>> {
    let bytes = text.as_bytes();
    if !bytes.iter().any(|byte| matches!(byte, b'%' | 0)) {
        return Some(Cow::Borrowed(bytes));
    }
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter();
    while let Some(&byte) = rest.next() {
        let byte =
            if byte == b'%' { nibble(rest.next())? << 4 | nibble(rest.next())? } else { byte };
        if byte == 0 {
            return None;
        }
        decoded.push(byte);
    }
    Some(Cow::Owned(decoded))
}

/// Appends `bytes` encoded; `/` stays when `keep_slash`.
pub(super) fn encode(bytes: &[u8], keep_slash: bool, into: &mut Vec<u8>) {
    for &byte in bytes {
        if is_unreserved(byte) || (keep_slash && byte == b'/') {
            into.push(byte);
        } else {
            into.extend([b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

/// The 32 bytes that 64 lower-case hexadecimal digits spell.
pub(crate) fn hex32(text: &str) -> Option<[u8; 32]> {
    let lower = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let mut bytes = [0; 32];
    (lower && hex::decode_to_slice(text, &mut bytes).is_ok()).then_some(bytes)
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn nibble(digit: Option<&u8>) -> Option<u8> {
    match *digit? {
        digit @ b'0'..=b'9' => Some(digit - b'0'),
        digit @ b'a'..=b'f' => Some(digit - b'a' + 10),
        digit @ b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

fn digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'A' + nibble - 10 }
}
