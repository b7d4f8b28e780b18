//! One page of a list. The token is the key of the last item given, so that a list which changes
//! between two pages neither repeats nor skips what stayed.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use wire::shapes::organizations::ErrorCode;

use super::faults::because;
use crate::fault::Fault;

/// The items behind `token`, and the token of the next page if there is one.
///
/// `items` are in the order of `key`, which tells them apart. `max` is at most [`PAGE_MAX`], by the
/// model.
///
/// # Errors
/// `InvalidInputException` for a token that was not given out here.
pub(super) fn page<T, K: AsRef<str>>(
    mut items: Vec<T>,
    key: impl Fn(&T) -> K,
    max: Option<i32>,
    token: Option<&str>,
) -> Result<(Vec<T>, Option<String>), Fault> {
    if let Some(token) = token {
        let last = BASE64_URL_SAFE_NO_PAD.decode(token).ok();
        let last = last.and_then(|it| String::from_utf8(it).ok()).ok_or_else(invalid)?;
        items.retain(|it| key(it).as_ref() > last.as_str());
    }
    let size = max.and_then(|it| usize::try_from(it).ok()).unwrap_or(PAGE_MAX);
    let has_more = items.len() > size;
    items.truncate(size);
    let last = items.last().filter(|_| has_more);
    let next = last.map(|it| BASE64_URL_SAFE_NO_PAD.encode(key(it).as_ref()));
    Ok((items, next))
}

fn invalid() -> Fault {
    because(
        ErrorCode::InvalidInputException,
        "INVALID_NEXT_TOKEN",
        "You specified an invalid value for nextToken. You must get the value from the response \
         to a previous call to the API.",
    )
}

/// How many items a page has unless the caller wants fewer.
const PAGE_MAX: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_together_are_the_list() {
        let items: Vec<_> = (10..57).map(|it| it.to_string()).collect();
        for max in [None, Some(1), Some(7), Some(20)] {
            let (mut seen, mut token) = (Vec::new(), None);
            loop {
                let given = page(items.clone(), Clone::clone, max, token.as_deref()).unwrap();
                assert!(!given.0.is_empty() && given.0.len() <= 20);
                seen.extend(given.0);
                token = given.1;
                if token.is_none() {
                    break;
                }
            }
            assert_eq!(seen, items);
        }
        let refused = page(items, Clone::clone, None, Some("*")).unwrap_err();
        assert_eq!(refused.code, "InvalidInputException");
    }
}
