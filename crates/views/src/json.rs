//! Looking into JSON without building it: members of an object, elements of a list, texts.

use std::{borrow::Cow, fmt};

use serde::{
    Deserializer,
    de::{DeserializeSeed, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// A member's name, borrowed unless it has escapes.
pub(crate) struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

/// Calls `take` with each member of an object; of what is none, with nothing.
pub(crate) fn members<'a>(json: &'a str, take: impl FnMut(Cow<'a, str>, &'a str)) {
    struct Members<F>(F);
    impl<'de, F: FnMut(Cow<'de, str>, &'de str)> Visitor<'de> for Members<F> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
            while let Some(name) = map.next_key_seed(Name)? {
                (self.0)(name, map.next_value::<&RawValue>()?.get());
            }
            Ok(())
        }
    }
    // It was read as JSON before: what is no object has no members.
    let _no_object = serde_json::Deserializer::from_str(json).deserialize_map(Members(take));
}

/// Calls `take` with each element of a list; of what is none, with nothing.
pub(crate) fn elements<'a>(json: &'a str, take: impl FnMut(&'a str)) {
    struct Elements<F>(F);
    impl<'de, F: FnMut(&'de str)> Visitor<'de> for Elements<F> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
            while let Some(element) = list.next_element::<&RawValue>()? {
                (self.0)(element.get());
            }
            Ok(())
        }
    }
    let _no_list = serde_json::Deserializer::from_str(json).deserialize_seq(Elements(take));
}

/// A value as text: a string's content, anything else as its JSON without spaces. None of null.
pub(crate) fn text(json: &str) -> Option<Cow<'_, str>> {
    match json.as_bytes() {
        [] | [b'n', ..] => None,
        [b'"', inside @ .., b'"'] if memchr::memchr(b'\\', inside).is_none() => {
            json.get(1..json.len() - 1).map(Cow::Borrowed)
        }
        [b'"', ..] => serde_json::from_str(json).ok().map(Cow::Owned),
        [b'{' | b'[', ..] => Some(compact(json)),
        _ => Some(Cow::Borrowed(json)),
    }
}

/// JSON without spaces between its parts.
fn compact(json: &str) -> Cow<'_, str> {
    let (mut inside, mut escaped, mut kept) = (false, false, String::new());
    let mut from = 0;
    for (at, byte) in json.bytes().enumerate() {
        if inside {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => inside = false,
                _ => {}
            }
        } else if byte == b'"' {
            inside = true;
        } else if byte.is_ascii_whitespace() {
            kept.push_str(json.get(from..at).unwrap_or_default());
            from = at + 1;
        }
    }
    if from == 0 {
        return Cow::Borrowed(json);
    }
    kept.push_str(json.get(from..).unwrap_or_default());
    Cow::Owned(kept)
}
