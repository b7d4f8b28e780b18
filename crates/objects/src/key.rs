//! Keys as paths and back.
//!
//! A part that no path may have is written as [`MARK`] and the part, in which control characters and
//! `%` are escaped as in URLs. So is a part that begins with the mark already: nothing is ambiguous.

use std::borrow::Cow;

use object_store::path::Path;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// Begins a part in a spelling of its own: a character for private use, which no key is likely to have.
pub(crate) const MARK: char = '\u{e000}';
/// The mark in a URL.
pub(crate) const MARK_IN_URLS: &str = "%EE%80%80";
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%');

/// The path of a key.
#[must_use]
pub fn path_of(key: &str) -> Path {
    if key.is_empty() {
        return Path::default();
    }
    // INVARIANT: every part is one that paths may have.
    Path::parse(tamed(key).as_ref()).unwrap_or_default()
}

/// The path of the folder that a prefix names, with or without the slash at its end. The prefix `/`
/// is a folder too, and none is the whole bucket.
#[must_use]
pub fn prefix_of(prefix: &str) -> Path {
    match prefix.strip_suffix('/') {
        Some(folder) => Path::parse(tamed(folder).as_ref()).unwrap_or_default(),
        None => path_of(prefix),
    }
}

/// The key of a path.
#[must_use]
pub fn key_of(path: &Path) -> String {
    let raw = path.as_ref();
    if !raw.contains(MARK) {
        return raw.to_owned();
    }
    let parts: Vec<Cow<'_, str>> = raw.split('/').map(key_part).collect();
    parts.join("/")
}

/// A key, or what stands in one before a slash, with every part as paths may have it: an empty text
/// is an empty part.
pub(crate) fn tamed(key: &str) -> Cow<'_, str> {
    if !key.split('/').any(is_odd) {
        return Cow::Borrowed(key);
    }
    let parts: Vec<Cow<'_, str>> = key.split('/').map(path_part).collect();
    Cow::Owned(parts.join("/"))
}

fn path_part(part: &str) -> Cow<'_, str> {
    if !is_odd(part) {
        return Cow::Borrowed(part);
    }
    Cow::Owned(format!("{MARK}{}", utf8_percent_encode(part, ESCAPED)))
}

fn key_part(part: &str) -> Cow<'_, str> {
    match part.strip_prefix(MARK) {
        Some(odd) => percent_decode_str(odd).decode_utf8_lossy(),
        None => Cow::Borrowed(part),
    }
}

fn is_odd(part: &str) -> bool {
    let has_control = || part.bytes().any(|it| it.is_ascii_control());
    matches!(part, "" | "." | "..") || part.starts_with(MARK) || has_control()
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, string::string_regex};

    use super::*;

    #[test]
    fn plain_keys_are_paths_as_they_are() {
        for key in ["", "a", "AWSLogs/1/x~y [z]%2F+é.json.gz", "a b/.hidden/..."] {
            assert_eq!(path_of(key).as_ref(), key);
        }
        assert_eq!(prefix_of("a/b/").as_ref(), "a/b");
        assert_ne!(prefix_of("a/b//"), prefix_of("a/b/"));
        assert_eq!(prefix_of("").as_ref(), "");
        assert_eq!(key_of(&prefix_of("/").join("x")), "/x");
    }

    proptest! {
        #[test]
        fn every_key_is_the_key_of_its_path_and_of_no_other(
            keys in prop::collection::hash_set(
                string_regex("([ab./%\u{e000}\n\t]|//){0,8}").unwrap(), 2,
            )
        ) {
            let mut paths = Vec::new();
            for key in &keys {
                let path = path_of(key);
                prop_assert_eq!(&key_of(&path), key);
                paths.push(path);
            }
            prop_assert_ne!(&paths[0], &paths[1]);
        }
    }
}
