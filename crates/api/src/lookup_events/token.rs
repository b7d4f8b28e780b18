//! The token of a page: where the listing began and how far it has come.
//!
//! Opaque to callers. It holds nothing secret and grants nothing: account and region always come from
//! the call. A checksum tells a token of ours from anything else, and a hash of the other parameters
//! ties it to them, as AWS demands.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use lake::Place;
use log::Position;

/// Where a listing stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Token {
    /// Records from here on came after the listing began, and are not part of it.
    pub(super) began: Position,
    /// The last event of the page before.
    pub(super) after: Place,
}

impl Token {
    /// The token as text, good only together with `parameters`.
    pub(super) fn encode(self, parameters: &[u8]) -> String {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.began.0.to_be_bytes());
        bytes.extend_from_slice(&self.after.event_time_us.to_be_bytes());
        bytes.extend_from_slice(&self.after.position.0.to_be_bytes());
        let sum = checksum(&bytes, parameters);
        bytes.extend_from_slice(&sum);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a token that was made for `parameters`; `None` for anything else.
    pub(super) fn decode(text: &str, parameters: &[u8]) -> Option<Self> {
        if text.len() > 2 * LENGTH {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (content, sum) = bytes.split_at_checked(25)?;
        if checksum(content, parameters) != sum || content.first() != Some(&VERSION) {
            return None;
        }
        let number = |at: usize| {
            content.get(at..at + 8)?.first_chunk::<8>().map(|it| u64::from_be_bytes(*it))
        };
        Some(Self {
            began: Position(number(1)?),
            after: Place {
                event_time_us: number(9)?.cast_signed(),
                position: Position(number(17)?),
            },
        })
    }
}

fn checksum(content: &[u8], parameters: &[u8]) -> [u8; 16] {
    let sum = digest(&SHA256, &[content, parameters].concat());
    sum.as_ref().first_chunk::<16>().copied().unwrap_or_default()
}

const VERSION: u8 = 1;
/// Bytes of a token before it is text.
const LENGTH: usize = 41;

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: Token =
        Token { began: Position(42), after: Place { event_time_us: -7, position: Position(3) } };

    #[test]
    fn a_token_is_good_for_its_own_parameters_only() {
        let text = TOKEN.encode(b"a");
        assert_eq!(Token::decode(&text, b"a"), Some(TOKEN));
        assert_eq!(Token::decode(&text, b"b"), None);
        assert_eq!(Token::decode("", b"a"), None);
        assert_eq!(Token::decode("not a token", b"a"), None);
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(Token::decode(&String::from_utf8(changed).unwrap(), b"a"), None);
        }
    }
}
