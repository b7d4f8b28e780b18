//! LIKE patterns that are no literals, in the spelling of the engine below.
//!
//! There a backslash escapes; in Trino it means itself, and ESCAPE names the escape.

use std::borrow::Cow;

use super::scalar::{self, Kind, Scalar, optional};

pub(super) const LIKE_PATTERN: Scalar =
    optional(super::internal::LIKE_PATTERN, &[Kind::Text, Kind::Text], 1, scalar::text, |call| {
        let pattern = call.text(0)?;
        let escape = if call.has(1) { Some(call.text(1)?) } else { None };
        call.strings(|row| {
            let Some(pattern) = pattern.get(row) else { return Ok(None) };
            let escape = match &escape {
                None => None,
                Some(column) => {
                    let Some(text) = column.get(row) else { return Ok(None) };
                    let mut letters = text.chars();
                    match (letters.next(), letters.next()) {
                        (Some(one), None) => Some(one),
                        _ => return Err(call.fail("escape string must be a single character")),
                    }
                }
            };
            if escape.is_none() && !pattern.contains('\\') {
                return Ok(Some(Cow::Borrowed(pattern)));
            }
            Ok(Some(Cow::Owned(translated(pattern, escape))))
        })
    });

fn translated(pattern: &str, escape: Option<char>) -> String {
    let mut out = String::with_capacity(pattern.len() + 4);
    let mut letters = pattern.chars();
    while let Some(c) = letters.next() {
        if Some(c) == escape {
            out.push('\\');
            out.extend(letters.next());
        } else if c == '\\' {
            out.push_str("\\\\");
        } else {
            out.push(c);
        }
    }
    out
}
