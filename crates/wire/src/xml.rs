//! XML documents as trees, within bounds.
//!
//! Lives here: reading what callers and services send. No document types, no entities but the five
//! that XML has, namespaces dropped from names.
//! Lives elsewhere: what the elements mean (`parameters`, `outcome`), writing (`reply`).
//!
//! Start at [`parse`].

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

/// One element with all that is in it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Element {
    /// The name without its prefix.
    pub name: String,
    /// Attributes with the names as written, namespaces included.
    pub attributes: Vec<(String, String)>,
    /// Elements in it, in order.
    pub children: Vec<Element>,
    /// Text in it, joined.
    pub text: String,
}

/// Why a text is not an XML document that we read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// Not well formed, or with a document type.
    #[error("is not an XML document")]
    Malformed,
    /// Deeper than [`MAX_DEPTH`] or of more elements than [`MAX_ELEMENTS`].
    #[error("has too many elements")]
    TooLarge,
}

/// The deepest nesting that is read.
pub const MAX_DEPTH: usize = 64;

/// The most elements that are read.
pub const MAX_ELEMENTS: usize = 50_000;

/// Reads a document. Linear in its length.
///
/// # Errors
/// When it is no XML document or beyond the bounds.
pub fn parse(bytes: &[u8]) -> Result<Element, Error> {
    let mut reader = Reader::from_reader(bytes);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    let mut count = 0;
    loop {
        let event = reader.read_event().map_err(|_| Error::Malformed)?;
        match event {
            Event::Start(start) => {
                count += 1;
                if open.len() >= MAX_DEPTH || count > MAX_ELEMENTS {
                    return Err(Error::TooLarge);
                }
                open.push(element(&start)?);
            }
            Event::Empty(start) => {
                count += 1;
                if count > MAX_ELEMENTS {
                    return Err(Error::TooLarge);
                }
                close(element(&start)?, &mut open, &mut root)?;
            }
            Event::End(_) => {
                let element = open.pop().ok_or(Error::Malformed)?;
                close(element, &mut open, &mut root)?;
            }
            Event::Text(text) => add(&mut open, &text.decode().map_err(|_| Error::Malformed)?),
            Event::CData(text) => add(&mut open, &text.decode().map_err(|_| Error::Malformed)?),
            Event::GeneralRef(reference) => {
                if let Some(character) =
                    reference.resolve_char_ref().map_err(|_| Error::Malformed)?
                {
                    add(&mut open, character.encode_utf8(&mut [0; 4]));
                } else {
                    let name = reference.decode().map_err(|_| Error::Malformed)?;
                    let text = quick_xml::escape::resolve_xml_entity(&name);
                    add(&mut open, text.ok_or(Error::Malformed)?);
                }
            }
            Event::DocType(_) => return Err(Error::Malformed),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => break,
        }
    }
    root.filter(|_| open.is_empty()).ok_or(Error::Malformed)
}

impl Element {
    /// The first child of that name.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|it| it.name == name)
    }

    /// The text of the first child of that name.
    #[must_use]
    pub fn child_text(&self, name: &str) -> Option<&str> {
        self.child(name).map(|it| it.text.trim())
    }

    /// The first element of that name here or below, outer ones first.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Self> {
        if self.name == name {
            return Some(self);
        }
        self.children.iter().find_map(|it| it.find(name))
    }
}

fn element(start: &BytesStart<'_>) -> Result<Element, Error> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| Error::Malformed);
    let mut element = Element { name: text(start.local_name().as_ref())?, ..Element::default() };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_| Error::Malformed)?;
        let value = attribute
            .normalized_value(quick_xml::XmlVersion::default())
            .map_err(|_| Error::Malformed)?;
        element.attributes.push((text(attribute.key.as_ref())?, value.into_owned()));
    }
    Ok(element)
}

fn close(element: Element, open: &mut [Element], root: &mut Option<Element>) -> Result<(), Error> {
    match open.last_mut() {
        Some(parent) => parent.children.push(element),
        None if root.is_none() => *root = Some(element),
        None => return Err(Error::Malformed),
    }
    Ok(())
}

/// Text outside the root is white space or wrong; either way nobody reads it.
fn add(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, Error>) {
        let found = parse(text.as_bytes()).map(|it| it.text);
        assert_eq!(found.as_deref().map_err(|it| *it), expected);
    }

    #[test]
    fn text_is_joined_from_its_parts() {
        check("<?xml version='1.0'?><a>x&amp;y&#65;<![CDATA[<z>]]></a>", Ok("x&yA<z>"));
    }

    #[test]
    fn document_types_and_unknown_entities_are_refused() {
        check("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", Err(Error::Malformed));
        check("<a>&b;</a>", Err(Error::Malformed));
        check("<a/><b/>", Err(Error::Malformed));
        check("<a><b></a>", Err(Error::Malformed));
        check("", Err(Error::Malformed));
    }

    #[test]
    fn deep_documents_are_refused() {
        check(&"<a>".repeat(MAX_DEPTH + 1), Err(Error::TooLarge));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn no_text_like_xml_makes_it_panic(text in "[<>/a&;#! \"'=x0-9\\[\\]?-]{0,64}") {
            let _ = parse(text.as_bytes());
        }
    }
}
