//! Many records in one body: NDJSON, or a log file's `{"Records": [ … ]}`.
//!
//! Lives here: finding where each record begins and ends, so that it can be kept verbatim. Nothing
//! is copied.
//!
//! Start at [`split`].

use crate::{
    Invalid, Reason,
    json::Scanner,
    parse::{Record, parse},
};

/// A record of a body, or why there is none at that place.
#[derive(Clone, Debug)]
pub struct Item<'a> {
    /// Byte in the body at which the record begins.
    pub position: usize,
    /// The record. Positions inside [`Invalid`] count from `position`.
    pub record: Result<Record<'a>, Invalid>,
}

/// Splits a body into its records.
///
/// A body that begins with `{"Records"` is a log file, everything else is NDJSON. In NDJSON a bad
/// line spoils no other line, and blank lines count for nothing. In a log file a syntax error ends
/// the list, since nobody can tell where the next record begins, and what came before it stands; a
/// record that is JSON but no good record spoils no other.
#[must_use]
pub fn split(body: &[u8]) -> Items<'_> {
    let mut scanner = Scanner::new(body, 0);
    scanner.skip_blanks();
    let start = scanner.at();
    let form = if opens_log_file(&mut scanner) {
        scanner.skip_blanks();
        if scanner.take(b']') { Form::Closed } else { Form::List }
    } else {
        scanner = Scanner::new(body, start);
        Form::Lines
    };
    Items { body, at: scanner.at(), form }
}

/// The records of a body, in their order. See [`split`].
#[derive(Clone, Debug)]
pub struct Items<'a> {
    body: &'a [u8],
    at: usize,
    form: Form,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    /// Behind the list's `]`.
    Closed,
    /// In a list, where neither a comma nor the end follows.
    Cut,
    Ended,
    Lines,
    List,
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        match self.form {
            Form::Closed => self.close(),
            Form::Cut => Some(self.cut()),
            Form::Ended => None,
            Form::Lines => self.line(),
            Form::List => Some(self.element()),
        }
    }
}

impl<'a> Items<'a> {
    fn line(&mut self) -> Option<Item<'a>> {
        loop {
            let rest = self.body.get(self.at..).filter(|rest| !rest.is_empty())?;
            let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let position = self.at;
            self.at += length + 1;
            let line = rest.get(..length).unwrap_or_default();
            let trimmed = line.trim_ascii_start();
            let position = position + (line.len() - trimmed.len());
            let trimmed = trimmed.trim_ascii_end();
            if !trimmed.is_empty() {
                return Some(Item { position, record: parse(trimmed) });
            }
        }
    }

    fn element(&mut self) -> Item<'a> {
        let mut scanner = Scanner::new(self.body, self.at);
        scanner.skip_blanks();
        let position = scanner.at();
        let span = match scanner.value(0) {
            Ok(span) => span,
            Err(mut invalid) => {
                self.form = Form::Ended;
                invalid.position = invalid.position.saturating_sub(position);
                return Item { position, record: Err(invalid) };
            }
        };
        scanner.skip_blanks();
        self.form = if scanner.take(b',') {
            Form::List
        } else if scanner.take(b']') {
            Form::Closed
        } else {
            // What was read is whole; what is wrong comes behind it.
            Form::Cut
        };
        self.at = scanner.at();
        let bytes = span.of(self.body);
        Item { position, record: parse(bytes) }
    }

    /// Behind the list only `}` may follow: a body that was cut off there is told from a whole one.
    fn close(&mut self) -> Option<Item<'a>> {
        self.form = Form::Ended;
        let mut scanner = Scanner::new(self.body, self.at);
        scanner.skip_blanks();
        let is_closed = scanner.take(b'}');
        scanner.skip_blanks();
        let reason = match (is_closed, scanner.peek()) {
            (true, None) => return None,
            (true, Some(_)) => Reason::Trailing,
            (false, None) => Reason::Ends,
            (false, Some(_)) => Reason::Syntax,
        };
        Some(Item { position: scanner.at(), record: Err(Invalid { position: 0, reason }) })
    }

    fn cut(&mut self) -> Item<'a> {
        self.form = Form::Ended;
        let is_end = self.at >= self.body.len();
        let reason = if is_end { Reason::Ends } else { Reason::Syntax };
        Item { position: self.at, record: Err(Invalid { position: 0, reason }) }
    }
}

fn opens_log_file(scanner: &mut Scanner<'_>) -> bool {
    scanner.take(b'{')
        && {
            scanner.skip_blanks();
            b"\"Records\"".iter().all(|byte| scanner.take(*byte))
        }
        && {
            scanner.skip_blanks();
            scanner.take(b':')
        }
        && {
            scanner.skip_blanks();
            scanner.take(b'[')
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"eventTime":"2026-01-01T00:00:00Z","eventSource":"s3.amazonaws.com","eventName":"GetObject"}"#;

    #[track_caller]
    fn check(body: &str, expected: &[(usize, bool)]) {
        let found: Vec<_> =
            split(body.as_bytes()).map(|item| (item.position, item.record.is_ok())).collect();
        assert_eq!(found, expected, "{body}");
    }

    #[test]
    fn a_bad_line_spoils_no_other() {
        check(&format!("{GOOD}\n\nnonsense\r\n {GOOD}"), &[(0, true), (95, false), (106, true)]);
    }

    #[test]
    fn a_log_file_is_split_into_its_records() {
        check(
            &format!("{{ \"Records\" : [{GOOD}, {{}},{GOOD}]}}\n"),
            &[(15, true), (110, false), (113, true)],
        );
        check("{\"Records\":[]}", &[]);
        check("", &[]);
    }

    #[test]
    fn a_syntax_error_in_a_log_file_ends_it() {
        check(&format!("{{\"Records\":[{GOOD},{{\"a\":]}}"), &[(12, true), (106, false)]);
        check(&format!("{{\"Records\":[{GOOD}"), &[(12, true), (105, false)]);
        check(&format!("{{\"Records\":[{GOOD} {GOOD}]}}"), &[(12, true), (106, false)]);
        check(&format!("{{\"Records\":[{GOOD},]}}"), &[(12, true), (106, false)]);
        check(&format!("{{\"Records\":[{GOOD}]"), &[(12, true), (106, false)]);
        check(&format!("{{\"Records\":[{GOOD}]}} x"), &[(12, true), (108, false)]);
    }
}
