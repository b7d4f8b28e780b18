//! The text of a file: where records begin and end in it, and where it goes on after a fault.
//!
//! A file is `{"Records":[…]}`, one record, a list of records, or any number of these after each
//! other (NDJSON).

use memchr::memmem;

use crate::cursor::{Broken, Cursor};

/// The text of a file, and how far it has been read.
#[derive(Debug)]
pub struct Text<'a> {
    pub(crate) cursor: Cursor<'a>,
    whole: &'a str,
    place: Place,
    faults: Vec<Malformed>,
    faulty: u64,
}

/// A place in a text that is not what log files are.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{reason} at line {line} column {column}")]
pub struct Malformed {
    /// What is wrong.
    pub reason: &'static str,
    /// Line of the text, from 1 on.
    pub line: usize,
    /// Bytes of the line up to there, from 1 on.
    pub column: usize,
}

/// What a text is in the middle of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    /// Before a document, or at the end.
    Between,
    /// Before an element of a list, which may lie in an object.
    List { in_object: bool },
    /// After an element of a list.
    After { in_object: bool },
}

/// What comes next in a text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Next {
    /// A record begins.
    Record,
    /// A document begins that is a record, unless it is of another kind altogether.
    Alone,
    /// Nothing.
    End,
}

impl<'a> Text<'a> {
    /// A text from its begin.
    #[must_use]
    pub fn new(whole: &'a str) -> Self {
        let cursor = Cursor::new(whole);
        Self { cursor, whole, place: Place::Between, faults: Vec::new(), faulty: 0 }
    }

    /// The first faults that were found. What stands around them has been read.
    #[must_use]
    pub fn faults(&self) -> &[Malformed] {
        &self.faults
    }

    /// How many faults were found; each of them may have cost a record or more.
    #[must_use]
    pub fn faulty(&self) -> u64 {
        self.faulty
    }

    /// Goes to the next record.
    pub(crate) fn next(&mut self) -> Next {
        loop {
            let start = self.cursor.at();
            match self.step() {
                Ok(Some(next)) => return next,
                Ok(None) => {}
                Err(broken) => {
                    self.note(broken);
                    let is_between = self.place == Place::Between;
                    self.seek(if is_between { self.cursor.at() } else { start });
                }
            }
        }
    }

    fn step(&mut self) -> Result<Option<Next>, Broken> {
        match self.place {
            Place::Between => self.document(),
            Place::List { in_object } => {
                if self.cursor.peek() == Some(b']') {
                    self.cursor.take(b']', "")?;
                    self.end_list(in_object)?;
                    return Ok(None);
                }
                self.place = Place::After { in_object };
                Ok(Some(Next::Record))
            }
            Place::After { in_object } => {
                if self.cursor.goes_on(b']')? {
                    self.place = Place::List { in_object };
                } else {
                    self.end_list(in_object)?;
                }
                Ok(None)
            }
        }
    }

    fn document(&mut self) -> Result<Option<Next>, Broken> {
        match self.cursor.peek() {
            None => Ok(Some(Next::End)),
            Some(b'[') => {
                self.cursor.take(b'[', "")?;
                self.place = Place::List { in_object: false };
                Ok(None)
            }
            Some(b'{') => {
                let start = self.cursor.at();
                if self.begins_list()? {
                    return Ok(None);
                }
                self.cursor.go(start);
                Ok(Some(Next::Alone))
            }
            Some(_) => {
                Err(Broken { at: self.cursor.at(), reason: "it is neither a record nor a list" })
            }
        }
    }

    /// Whether the object ahead begins with the list of records, and then goes into it.
    fn begins_list(&mut self) -> Result<bool, Broken> {
        let is_list = !self.cursor.opens(b'{', b'}')?
            && self.cursor.name()?.text() == LIST
            && self.cursor.peek() == Some(b'[');
        if is_list {
            self.enter(self.cursor.at());
        }
        Ok(is_list)
    }

    /// Goes into the list of records, which begins there and lies in an object.
    pub(crate) fn enter(&mut self, list: usize) {
        self.cursor.go(list + 1);
        self.place = Place::List { in_object: true };
    }

    fn end_list(&mut self, in_object: bool) -> Result<(), Broken> {
        self.place = Place::Between;
        if in_object { self.cursor.close(false) } else { Ok(()) }
    }

    /// Takes note of a fault in the record that began at `start`, and goes to where the next one may
    /// begin.
    pub(crate) fn leave(&mut self, start: usize, broken: Broken) {
        self.note(broken);
        self.cursor.go(start);
        // An element that is wrong inside may be right outside.
        if self.place == Place::Between || self.cursor.value().is_err() {
            self.seek(start + 1);
        }
    }

    /// Goes to the first record or document at `from` or behind.
    fn seek(&mut self, from: usize) {
        let rest = self.whole.as_bytes().get(from..).unwrap_or_default();
        let found = match self.place {
            Place::Between => memmem::find(rest, b"\n{").map(|it| from + it + 1),
            Place::List { in_object } | Place::After { in_object } => {
                self.place = Place::List { in_object };
                memmem::find(rest, RECORD).map(|it| from + it)
            }
        };
        if found.is_none() {
            self.place = Place::Between;
        }
        self.cursor.go(found.unwrap_or(self.whole.len()));
    }

    /// Takes note of a fault.
    pub(crate) fn note(&mut self, broken: Broken) {
        self.faulty += 1;
        if self.faults.len() < FAULTS_MAX {
            let before = self.whole.as_bytes().get(..broken.at).unwrap_or_default();
            let line = memchr::memchr_iter(b'\n', before).count() + 1;
            let begin = memchr::memrchr(b'\n', before).map_or(0, |it| it + 1);
            let column = before.len() - begin + 1;
            self.faults.push(Malformed { reason: broken.reason, line, column });
        }
    }
}

/// Whether an object that stands alone is a record: what else lies in buckets has none of these.
pub(crate) fn is_record(json: &str) -> bool {
    MARKS.iter().any(|it| memmem::find(json.as_bytes(), it).is_some())
}

/// The member of a file that holds its records.
pub(crate) const LIST: &str = "Records";
/// How nearly every record begins.
const RECORD: &[u8] = b"{\"eventVersion\"";
/// Members that records have.
const MARKS: [&[u8]; 4] = [b"\"eventVersion\"", b"\"eventTime\"", b"\"eventID\"", b"\"eventName\""];
/// Faults of one text that are told one by one.
const FAULTS_MAX: usize = 8;
