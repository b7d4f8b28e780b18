//! One page of a list. The token is the key of the last item given, so that a list which changes
//! between two pages neither repeats nor skips what stayed.
//!
//! A token grants nothing: whose list it is always comes from the call. A checksum ties it to the
//! list and to the other parameters, as AWS demands.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use wire::shapes::cloudtrail::ErrorCode;

use crate::fault::{Fault, fault};

/// The items behind `token`, and the token of the next page if there is one.
///
/// `items` are in the order of `key`, which tells them apart; `scope` says which list it is.
///
/// # Errors
/// `InvalidNextTokenException` for a token that was not given out for this list.
pub(crate) fn page<T>(
    mut items: Vec<T>,
    key: impl Fn(&T) -> String,
    size: usize,
    token: Option<&str>,
    scope: &str,
) -> Result<(Vec<T>, Option<String>), Fault> {
    if let Some(token) = token {
        let last = decode(token, scope)?;
        items.retain(|it| key(it) > last);
    }
    let has_more = items.len() > size;
    items.truncate(size);
    let last = items.last().filter(|_| has_more);
    let next = last.map(|it| encode(&key(it), scope));
    Ok((items, next))
}

/// The token behind an item.
pub(crate) fn encode(key: &str, scope: &str) -> String {
    let mut bytes = checksum(key.as_bytes(), scope).to_vec();
    bytes.extend_from_slice(key.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The key of the item that a token is behind.
///
/// # Errors
/// `InvalidNextTokenException`.
pub(crate) fn decode(token: &str, scope: &str) -> Result<String, Fault> {
    let read = || {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (sum, key) = bytes.split_at_checked(SUM)?;
        (checksum(key, scope) == sum).then(|| String::from_utf8(key.to_vec()).ok())?
    };
    read().ok_or_else(|| fault(ErrorCode::InvalidNextTokenException, "The token is not valid."))
}

/// Items of a page.
pub(crate) fn size(wanted: Option<i32>, default: usize) -> usize {
    wanted.and_then(|it| usize::try_from(it).ok()).unwrap_or(default)
}

/// Checks how many items a caller wants, for operations that have an error of their own for it.
///
/// # Errors
/// `InvalidMaxResultsException`.
pub(crate) fn check_size(wanted: Option<i32>, max: usize) -> Result<(), Fault> {
    if wanted.is_none() || (1..=max).contains(&size(wanted, 0)) {
        return Ok(());
    }
    let message = format!("MaxResults must be 1 to {max}.");
    Err(fault(ErrorCode::InvalidMaxResultsException, &message))
}

fn checksum(key: &[u8], scope: &str) -> [u8; SUM] {
    let text = [scope.as_bytes(), b"\0", key].concat();
    digest(&SHA256, &text).as_ref().first_chunk::<SUM>().copied().unwrap_or_default()
}

/// The most items of a page of most operations, and how many there are unless the caller wants fewer.
pub(crate) const SIZE_MAX: usize = 1000;
/// Bytes of the checksum.
const SUM: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_together_are_the_list() {
        let items: Vec<_> = (10..57).map(|it| it.to_string()).collect();
        for size in [1, 7, 46, 47, 1000] {
            let (mut seen, mut token) = (Vec::new(), None);
            loop {
                let given =
                    page(items.clone(), Clone::clone, size, token.as_deref(), "list").unwrap();
                assert!(!given.0.is_empty() && given.0.len() <= size);
                seen.extend(given.0);
                token = given.1;
                if token.is_none() {
                    break;
                }
            }
            assert_eq!(seen, items);
        }
    }

    #[test]
    fn a_token_is_good_for_its_own_list_only() {
        let token = encode("key", "list");
        assert_eq!(decode(&token, "list").unwrap(), "key");
        for (token, scope) in
            [(token.as_str(), "other"), ("", "list"), ("*", "list"), ("AAAA", "list")]
        {
            assert_eq!(decode(token, scope).unwrap_err().code, "InvalidNextTokenException");
        }
    }
}
