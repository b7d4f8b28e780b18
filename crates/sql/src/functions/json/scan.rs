//! JSON text walked where it lies: nothing is built that nobody asked for.
//!
//! Depth costs a counter, not stack. What follows the value that was looked for is not read, so
//! text that is broken only there counts as JSON.

use std::borrow::Cow;

/// How deep JSON may nest where it is read whole. Walking past a value has no such bound.
pub(super) const DEPTH_MAX: usize = 128;

/// A place in JSON text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let mut it = Self { text, at: 0 };
        it.space();
        it
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Takes `c` and the space after it.
    pub(super) fn eat(&mut self, c: u8) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.at += 1;
            self.space();
        }
        found
    }

    /// Whether only space is left.
    pub(super) fn at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    /// Takes a string and returns it with its quotes, escapes as they are.
    pub(super) fn string(&mut self) -> Option<&'a str> {
        let from = self.at;
        if self.peek() != Some(b'"') {
            return None;
        }
        let bytes = self.text.as_bytes();
        let mut at = from + 1;
        loop {
            match bytes.get(at)? {
                b'"' => break,
                b'\\' => at += 2,
                c if *c < 0x20 => return None,
                _ => at += 1,
            }
        }
        self.at = at + 1;
        let found = self.text.get(from..=at);
        self.space();
        found
    }

    /// Takes a whole value of any depth and returns its text.
    pub(super) fn value(&mut self) -> Option<&'a str> {
        let from = self.at;
        let mut depth = 0_usize;
        let mut end;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                    end = self.at;
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                    end = self.at;
                    self.space();
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                    end = self.at;
                    self.space();
                }
                b',' | b':' if depth > 0 => {
                    self.at += 1;
                    end = self.at;
                    self.space();
                }
                _ => {
                    self.word()?;
                    end = self.at;
                    self.space();
                }
            }
            if depth == 0 {
                break;
            }
        }
        self.text.get(from..end).map(str::trim_end)
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Option<&'a str> {
        let rest = self.text.get(self.at..)?;
        let length = rest
            .bytes()
            .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'+' | b'.'))
            .count();
        let word = rest.get(..length)?;
        let known = matches!(word, "true" | "false" | "null") || is_number(word);
        if !known {
            return None;
        }
        self.at += length;
        Some(word)
    }

    /// Goes to the member `key` of the object here.
    fn member(&mut self, key: &str) -> Option<()> {
        if !self.eat(b'{') {
            return None;
        }
        loop {
            let name = self.string()?;
            if !self.eat(b':') {
                return None;
            }
            if is_named(name, key) {
                return Some(());
            }
            self.value()?;
            if !self.eat(b',') {
                return None;
            }
        }
    }

    /// Goes to the element `index` of the array here, from zero.
    fn element(&mut self, index: usize) -> Option<()> {
        if !self.eat(b'[') || self.peek() == Some(b']') {
            return None;
        }
        for _ in 0..index {
            self.value()?;
            if !self.eat(b',') {
                return None;
            }
        }
        Some(())
    }
}

fn is_number(word: &str) -> bool {
    let unsigned = word.strip_prefix('-').unwrap_or(word);
    unsigned.bytes().next().is_some_and(|c| c.is_ascii_digit())
        && unsigned
            .bytes()
            .all(|c| c.is_ascii_digit() || matches!(c, b'-' | b'+' | b'.' | b'e' | b'E'))
}

fn is_named(quoted: &str, key: &str) -> bool {
    let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    if inner.contains('\\') { unquote(quoted).as_deref() == Some(key) } else { inner == key }
}

/// What a JSON string says; `None` if it is none.
pub(super) fn unquote(quoted: &str) -> Option<Cow<'_, str>> {
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str::<String>(quoted).ok().map(Cow::Owned)
}

/// One step of a path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// All members or elements.
    All,
    /// An element, from zero.
    Index(usize),
    /// A member.
    Key(String),
}

/// Reads a path: `$.a.b`, `$['a']["b"]`, `$[0]`, `$.*`, `$[*]`; bare names may hold `:` and `-`.
///
/// # Errors
///
/// The path, if it is none.
pub(super) fn path(text: &str) -> Result<Vec<Step>, String> {
    let refuse = || Err(format!("invalid JSON path: '{text}'"));
    if text.len() > PATH_MAX {
        return refuse();
    }
    let trimmed = text.trim();
    // Without `$` a path begins at the root all the same.
    let mut rest = trimmed.strip_prefix('$').unwrap_or(trimmed);
    let mut bare_start = !trimmed.starts_with('$') && !trimmed.starts_with(['.', '[']);
    let mut steps = Vec::new();
    while !rest.is_empty() || bare_start {
        if let Some(after) = rest.strip_prefix('[') {
            let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
            if let Some(quote) = quote {
                let Some((key, after)) = quoted_key(after.get(1..).unwrap_or_default(), quote)
                else {
                    return refuse();
                };
                let Some(after) = after.trim_start().strip_prefix(']') else { return refuse() };
                steps.push(Step::Key(key));
                rest = after;
            } else {
                let Some((inside, after)) = after.split_once(']') else { return refuse() };
                let inside = inside.trim();
                steps.push(if inside == "*" {
                    Step::All
                } else if let Ok(index) = inside.parse() {
                    Step::Index(index)
                } else if !inside.is_empty() && inside.chars().all(in_name) {
                    Step::Key(inside.to_owned())
                } else {
                    return refuse();
                });
                rest = after;
            }
            continue;
        }
        let after = match rest.strip_prefix('.') {
            Some(after) => after,
            None if bare_start => rest,
            None => return refuse(),
        };
        bare_start = false;
        if let Some(after) = after.strip_prefix('*') {
            steps.push(Step::All);
            rest = after;
            continue;
        }
        if let Some(quoted) = after.strip_prefix('"') {
            let Some((key, after)) = quoted_key(quoted, '"') else { return refuse() };
            steps.push(Step::Key(key));
            rest = after;
            continue;
        }
        let end = after.find(|c| !in_name(c)).unwrap_or(after.len());
        let Some((key, after)) = after.split_at_checked(end).filter(|(key, _)| !key.is_empty())
        else {
            return refuse();
        };
        steps.push(Step::Key(key.to_owned()));
        rest = after;
    }
    Ok(steps)
}

/// Characters that a path may have.
const PATH_MAX: usize = 4_096;

fn in_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | ':' | '-' | '@' | '/' | '$' | '#' | ' ' | '\\')
}

/// The key before the closing quote, and what follows. A backslash keeps the quote.
fn quoted_key(text: &str, quote: char) -> Option<(String, &str)> {
    let mut key = String::new();
    let mut letters = text.char_indices();
    while let Some((at, c)) = letters.next() {
        if c == quote {
            return Some((key, text.get(at + c.len_utf8()..)?));
        }
        if c == '\\' {
            key.push(letters.next()?.1);
        } else {
            key.push(c);
        }
    }
    None
}

/// The text of the value at `steps`; an array of all values where a step takes all.
pub(super) fn find<'a>(text: &'a str, steps: &[Step]) -> Option<Cow<'a, str>> {
    if steps.contains(&Step::All) {
        let mut found = Vec::new();
        Scan::new(text).peek()?;
        gather(text, steps, &mut found)?;
        return Some(Cow::Owned(format!("[{}]", found.join(","))));
    }
    let mut scan = Scan::new(text);
    for step in steps {
        match step {
            Step::Key(key) => scan.member(key)?,
            Step::Index(index) => scan.element(*index)?,
            Step::All => return None,
        }
    }
    scan.value().map(Cow::Borrowed)
}

/// All values at `steps`. Recursion is as deep as the path takes all, no deeper.
fn gather<'a>(text: &'a str, steps: &[Step], found: &mut Vec<&'a str>) -> Option<()> {
    let at = steps.iter().position(|it| *it == Step::All);
    let Some((before, after)) = at.and_then(|at| Some((steps.get(..at)?, steps.get(at + 1..)?)))
    else {
        if let Some(Cow::Borrowed(value)) = find(text, steps) {
            found.push(value);
        }
        return Some(());
    };
    let Some(Cow::Borrowed(whole)) = find(text, before) else { return Some(()) };
    let parts = elements(whole)
        .or_else(|| members(whole).map(|it| it.into_iter().map(|(_, value)| value).collect()));
    for part in parts.unwrap_or_default() {
        gather(part, after, found)?;
    }
    Some(())
}

/// The elements of an array; `None` if it is none.
pub(super) fn elements(text: &str) -> Option<Vec<&str>> {
    let mut scan = Scan::new(text);
    if !scan.eat(b'[') {
        return None;
    }
    let mut out = Vec::new();
    if scan.eat(b']') {
        return Some(out);
    }
    loop {
        out.push(scan.value()?);
        if scan.eat(b']') {
            return Some(out);
        }
        if !scan.eat(b',') {
            return None;
        }
    }
}

/// The members of an object; `None` if it is none.
pub(super) fn members(text: &str) -> Option<Vec<(Cow<'_, str>, &str)>> {
    let mut scan = Scan::new(text);
    if !scan.eat(b'{') {
        return None;
    }
    let mut out = Vec::new();
    if scan.eat(b'}') {
        return Some(out);
    }
    loop {
        let name = unquote(scan.string()?)?;
        if !scan.eat(b':') {
            return None;
        }
        out.push((name, scan.value()?));
        if scan.eat(b'}') {
            return Some(out);
        }
        if !scan.eat(b',') {
            return None;
        }
    }
}

/// A scalar as varchar; `None` for null, objects, arrays and what is no JSON.
pub(super) fn scalar(text: &str) -> Option<Cow<'_, str>> {
    match text.as_bytes().first()? {
        b'"' => unquote(text),
        b'{' | b'[' => None,
        _ if text == "null" => None,
        _ => Some(Cow::Borrowed(text)),
    }
}

/// The text without space between its parts.
pub(super) fn compact(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.bytes().any(|c| matches!(c, b' ' | b'\t' | b'\n' | b'\r')) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let (mut quoted, mut escaped) = (false, false);
    for c in text.chars() {
        if quoted {
            out.push(c);
            if escaped {
                escaped = false;
            } else if c == '\\' {
                escaped = true;
            } else if c == '"' {
                quoted = false;
            }
        } else if !matches!(c, ' ' | '\t' | '\n' | '\r') {
            quoted = c == '"';
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// The text checked whole, without space, the keys of objects in order: what `json_parse` returns.
pub(super) fn canonical(text: &str) -> Option<String> {
    let mut scan = Scan::new(text);
    let mut out = String::with_capacity(text.len());
    write_canonical(&mut scan, &mut out, 0)?;
    scan.at_end().then_some(out)
}

fn write_canonical(scan: &mut Scan<'_>, out: &mut String, depth: usize) -> Option<()> {
    if depth > DEPTH_MAX {
        return None;
    }
    match scan.peek()? {
        b'{' => {
            scan.eat(b'{');
            let mut all: Vec<(&str, String)> = Vec::new();
            if !scan.eat(b'}') {
                loop {
                    let name = scan.string()?;
                    unquote(name)?;
                    if !scan.eat(b':') {
                        return None;
                    }
                    let mut value = String::new();
                    write_canonical(scan, &mut value, depth + 1)?;
                    all.push((name, value));
                    if scan.eat(b'}') {
                        break;
                    }
                    if !scan.eat(b',') {
                        return None;
                    }
                }
            }
            all.sort_by(|a, b| a.0.cmp(b.0));
            out.push('{');
            for (at, (name, value)) in all.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                out.push_str(name);
                out.push(':');
                out.push_str(value);
            }
            out.push('}');
        }
        b'[' => {
            scan.eat(b'[');
            out.push('[');
            if !scan.eat(b']') {
                loop {
                    write_canonical(scan, out, depth + 1)?;
                    if scan.eat(b']') {
                        break;
                    }
                    if !scan.eat(b',') {
                        return None;
                    }
                    out.push(',');
                }
            }
            out.push(']');
        }
        b'"' => {
            let text = scan.string()?;
            unquote(text)?;
            out.push_str(text);
        }
        _ => {
            let word = scan.value()?;
            if !matches!(word, "true" | "false" | "null") {
                serde_json::from_str::<serde_json::Number>(word).ok()?;
            }
            out.push_str(word);
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, at: &str, expected: Option<&str>) {
        let steps = path(at).unwrap();
        assert_eq!(find(text, &steps).as_deref(), expected, "{at}");
    }

    #[test]
    fn a_path_leads_to_a_value() {
        let text = r#"{"a": {"b": [1, {"c": "x"}]}, "AWS:Item": {"d-e": null}, "k\"q": 7}"#;
        check(text, "$.a.b[0]", Some("1"));
        check(text, "$.a.b[1].c", Some("\"x\""));
        check(text, "$['a'][\"b\"][1]", Some(r#"{"c": "x"}"#));
        check(text, "$.AWS:Item.d-e", Some("null"));
        check(text, "$.a.b[2]", None);
        check(text, "$.a.x", None);
        check(text, r#"$["k\"q"]"#, Some("7"));
        check(text, "a.b[0]", Some("1"));
        check(text, "$.a.b[*]", Some(r#"[1,{"c": "x"}]"#));
        check(text, "$", Some(text));
    }

    #[test]
    fn a_path_that_is_none_is_refused() {
        for it in ["$.", "$[", "$['a'", "$.a[", "$.a..b", "$[1"] {
            assert!(path(it).is_err(), "{it}");
        }
    }

    #[test]
    fn broken_json_yields_nothing() {
        let steps = path("$.a").unwrap();
        for text in ["", "{", "{\"a\"", "{\"a\":", "nope", "{'a': 1}", "{\"a\": tru}"] {
            assert_eq!(find(text, &steps), None, "{text}");
        }
    }

    #[test]
    fn depth_is_bounded_where_it_costs_stack() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(canonical(&deep), None);
        assert_eq!(find(&deep, &[]).map(|it| it.len()), Some(deep.len()));
        assert_eq!(find(&deep, &[Step::Index(0)]).map(|it| it.len()), Some(deep.len() - 2));
    }

    #[test]
    fn keys_come_in_order() {
        assert_eq!(
            canonical(r#" {"b" : 1, "a": [ 1.50 , "x y"]} "#).as_deref(),
            Some(r#"{"a":[1.50,"x y"],"b":1}"#)
        );
        assert_eq!(canonical("{\"a\":1} x"), None);
        assert_eq!(canonical("01a"), None);
    }
}
