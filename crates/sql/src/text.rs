//! What is changed in the text of a query before it is parsed: names and types that no parser takes.
//!
//! A bare UUID after `FROM` is the id of an event data store. `$EDS_ID`, `<EDS ID>` and the like stand
//! for one in published queries. Both become quoted names, and so do types such as
//! `map(varchar, json)` after `AS`; the text keeps its lines.

/// The query with such names quoted.
pub(crate) fn quoted(query: &str) -> String {
    let (bytes, mut text, mut at) = (query.as_bytes(), String::with_capacity(query.len() + 8), 0);
    // The last word, in lower case, to tell what is due.
    let mut before = String::new();
    while let Some(byte) = bytes.get(at) {
        let rest = bytes.get(at..).unwrap_or_default();
        let is_space = byte.is_ascii_whitespace();
        let length = match byte {
            b'\'' | b'"' | b'`' => 1 + until(rest.get(1..).unwrap_or_default(), &[*byte]),
            b'-' if rest.starts_with(b"--") => until(rest, b"\n"),
            b'/' if rest.starts_with(b"/*") => 2 + until(rest.get(2..).unwrap_or_default(), b"*/"),
            b'<' if matches!(before.as_str(), "from" | "join") => {
                if let Some(length) = placeholder(rest) {
                    quote(&mut text, query.get(at + 1..at + length - 1));
                    at += length;
                    before.clear();
                    continue;
                }
                1
            }
            _ if is_word(*byte) || *byte == b'$' => {
                let mut length = word(rest);
                let mut name = query.get(at..at + length).unwrap_or_default();
                if before == "as" && COMPOSED.iter().any(|it| name.eq_ignore_ascii_case(it)) {
                    length += parenthesised(rest.get(length..).unwrap_or_default());
                    name = query.get(at..at + length).unwrap_or_default();
                }
                if is_id(name) || name.starts_with('$') || name.ends_with(')') {
                    quote(&mut text, Some(name));
                } else {
                    text.push_str(name);
                }
                before = name.to_lowercase();
                at += length;
                continue;
            }
            _ => 1,
        };
        let is_comment = matches!(byte, b'-' | b'/') && length > 1;
        if !is_space && !is_comment {
            before.clear();
        }
        let mut end = (at + length).min(bytes.len());
        while !query.is_char_boundary(end) {
            end += 1;
        }
        text.push_str(query.get(at..end).unwrap_or_default());
        at = end;
    }
    text
}

fn quote(text: &mut String, name: Option<&str>) {
    text.push('"');
    text.push_str(&name.unwrap_or_default().replace('"', ""));
    text.push('"');
}

/// Bytes up to and with `end`, or all.
fn until(bytes: &[u8], end: &[u8]) -> usize {
    bytes.windows(end.len()).position(|it| it == end).map_or(bytes.len(), |it| it + end.len())
}

/// Bytes of `<some name>`.
fn placeholder(bytes: &[u8]) -> Option<usize> {
    let end = bytes.iter().position(|it| *it == b'>')?;
    let name = bytes.get(1..end)?;
    let is_name = |it: &u8| is_word(*it) || matches!(it, b' ' | b'-');
    (!name.is_empty() && name.iter().all(is_name)).then_some(end + 1)
}

/// Bytes of what stands in parentheses here, with these and the space before; 0 if nothing does.
fn parenthesised(bytes: &[u8]) -> usize {
    let spaces = bytes.iter().take_while(|it| it.is_ascii_whitespace()).count();
    let mut depth = 0_usize;
    for (at, byte) in bytes.iter().enumerate().skip(spaces) {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return if *byte == b')' { at + 1 } else { 0 };
        }
    }
    0
}

/// Bytes of the word that begins here; an id is one word, with its hyphens.
fn word(bytes: &[u8]) -> usize {
    let id = bytes.get(..ID).and_then(|it| str::from_utf8(it).ok());
    if id.is_some_and(is_id) && bytes.get(ID).is_none_or(|it| !is_word(*it) && *it != b'-') {
        return ID;
    }
    let end = bytes.iter().position(|it| !is_word(*it) && *it != b'$');
    end.unwrap_or(bytes.len()).max(1)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Whether a word has the form of an event data store's id: eight, four, four, four and twelve letters
/// or digits. Ids of documentation have letters that no
/// UUID has.
#[must_use]
pub fn is_id(word: &str) -> bool {
    word.len() == ID
        && word.bytes().enumerate().all(|(at, it)| match at {
            8 | 13 | 18 | 23 => it == b'-',
            _ => it.is_ascii_alphanumeric(),
        })
}

/// Types that have others within.
const COMPOSED: [&str; 3] = ["array", "map", "row"];
/// Length of a UUID.
const ID: usize = 36;

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn ids_placeholders_and_types_are_quoted_and_nothing_else_is() {
        let id = "0e1c5e1c-4b1a-4a2b-9c3d-1234567890ab";
        for (query, expected) in [
            (format!("SELECT 1 FROM {id} t"), format!("SELECT 1 FROM \"{id}\" t")),
            (format!("SELECT '{id}' FROM x --{id}"), format!("SELECT '{id}' FROM x --{id}")),
            (
                "FROM <EDS ID> WHERE a <b AND c> d".into(),
                "FROM \"EDS ID\" WHERE a <b AND c> d".into(),
            ),
            ("from $EDS_ID".into(), "from \"$EDS_ID\"".into()),
            (
                "cast(x as map(varchar, array(json)))".into(),
                "cast(x as \"map(varchar, array(json))\")".into(),
            ),
            ("cast(x AS ARRAY (json))".into(), "cast(x AS \"ARRAY (json)\")".into()),
            ("SELECT row(1) AS row, 'ü' \"a\"".into(), "SELECT row(1) AS row, 'ü' \"a\"".into()),
            ("/* <a> ' */ FROM /* x */ <b>".into(), "/* <a> ' */ FROM /* x */ \"b\"".into()),
        ] {
            assert_eq!(quoted(&query), expected, "{query}");
        }
    }
}
