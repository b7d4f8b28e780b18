//! Documents inside texts: JSON, forms, and JSON in base64.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::{Exhausted, HIDDEN, names::is_secret_name, values::redact_text};

/// Redacts the document that `text` is. `None` when it is none, or holds nothing to hide: the text
/// then stays as it was written.
///
/// # Errors
/// What `inner` fails with.
pub(super) fn redact(
    text: &str,
    mut inner: impl FnMut(&mut Value) -> Result<(), Exhausted>,
) -> Result<Option<String>, Exhausted> {
    let mut redacted = |mut document: Value| {
        let before = document.clone();
        inner(&mut document)?;
        Ok((document != before).then(|| document.to_string()))
    };
    match text.trim_ascii_start().as_bytes().first() {
        Some(b'{' | b'[') => match serde_json::from_str(text) {
            Ok(document) => redacted(document),
            Err(_) => Ok(None),
        },
        // How `{` and `[` begin in base64, and white space before them.
        Some(b'e' | b'W' | b'I' | b'C' | b'D') if is_base64(text) => match decode(text) {
            Some(document) => Ok(redacted(document)?.map(|shown| STANDARD.encode(shown))),
            None => Ok(form(text)),
        },
        _ => Ok(form(text)),
    }
}

fn is_base64(text: &str) -> bool {
    let belongs =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=');
    text.len() >= BASE64_MIN && text.bytes().all(belongs)
}

fn decode(text: &str) -> Option<Value> {
    let bare = text.trim_end_matches('=');
    let alphabet = if text.contains(['-', '_']) { &URL_SAFE_NO_PAD } else { &STANDARD_NO_PAD };
    let bytes = alphabet.decode(bare).ok()?;
    let first = bytes.trim_ascii_start().first()?;
    matches!(first, b'{' | b'[').then(|| serde_json::from_slice(&bytes).ok()).flatten()
}

/// `name=value&name=value`, where at least one name is that of a secret.
fn form(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    // A single `name=value` in free text is found by its value's rule.
    memchr::memchr2(b'=', b'&', bytes).filter(|at| bytes.get(*at) == Some(&b'='))?;
    if text.contains("://") || !bytes.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    let pairs = || text.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let is_secret = |name: &str| is_secret_name(&percent_decode_str(name).decode_utf8_lossy());
    if !pairs().any(|(name, value)| !value.is_empty() && is_secret(name)) {
        return None;
    }
    let mut shown = String::with_capacity(text.len());
    for (pair, (name, value)) in text.split('&').zip(pairs()) {
        if !value.is_empty() && is_secret(name) {
            shown.extend([name, "=", HIDDEN, "&"]);
        } else {
            shown.extend([redact_text(pair).as_ref(), "&"]);
        }
    }
    shown.pop();
    Some(shown)
}

/// Shorter texts are words, not base64.
const BASE64_MIN: usize = 16;
