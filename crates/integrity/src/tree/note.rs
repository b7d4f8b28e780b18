//! Signed notes: a text, and under it one line for each signature.
//!
//! Spec: C2SP signed-note.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;

use crate::tree::{
    error::Error,
    vkey::{KeyName, VerifierKey},
};

/// A text with its signatures. Shown as it is stored and sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// One signature line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NoteSignature {
    /// Name of the key.
    pub name: KeyName,
    /// The four bytes that tell keys of one name apart.
    pub id: [u8; 4],
    /// What the algorithm of the key makes of it.
    pub bytes: Vec<u8>,
}

/// A signature that was checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Checked {
    /// Whose it is.
    pub key: VerifierKey,
    /// The time that a cosignature states.
    pub time: Option<Timestamp>,
}

impl Note {
    /// The largest note that is read, in bytes.
    pub const MAX_BYTES: usize = 64 << 10;

    /// The most signature lines that are read.
    pub const MAX_SIGNATURES: usize = 64;

    /// A text without signatures yet.
    ///
    /// # Errors
    /// [`Error::Malformed`] unless the text is lines, without control characters.
    pub fn unsigned(text: String) -> Result<Self, Error> {
        check_text(&text)?;
        Ok(Self { text, signatures: Vec::new() })
    }

    /// Reads a note. Says nothing about whether its signatures are true.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::TooLong`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > Self::MAX_BYTES {
            return Err(Error::TooLong { what: "note", bound: Self::MAX_BYTES });
        }
        let note = str::from_utf8(bytes).map_err(|_| malformed("is not UTF-8"))?;
        check_text(note)?;
        // The text may have blank lines itself: the last one separates.
        let separator = note.rfind("\n\n").ok_or(malformed("has no blank line"))?;
        let (text, lines) = note.split_at_checked(separator + 1).unwrap_or((note, ""));
        let lines = signature_lines(lines.strip_prefix('\n').unwrap_or(lines))?;
        Ok(Self { text: text.to_owned(), signatures: lines })
    }

    /// The text that is signed, with its final newline.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines, in their order.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// The note with a signature more. A line of the same key is replaced.
    #[must_use]
    pub fn with(mut self, signature: NoteSignature) -> Self {
        self.signatures.retain(|it| (&it.name, it.id) != (&signature.name, signature.id));
        self.signatures.push(signature);
        self
    }

    /// The note without its last signature line; `None` when only one is left.
    #[must_use]
    pub fn without_last(mut self) -> Option<Self> {
        self.signatures.pop();
        (!self.signatures.is_empty()).then_some(self)
    }

    /// Checks every line of the keys that are given, and passes over the others.
    ///
    /// # Errors
    /// [`Error::Signature`] when a line of a known key is false, whatever the others are.
    pub fn check(&self, keys: &[VerifierKey]) -> Result<Vec<Checked>, Error> {
        let mut checked: Vec<Checked> = Vec::new();
        for signature in &self.signatures {
            for key in keys.iter().filter(|it| it.is_named_by(signature)) {
                let time = key.check(&self.text, signature)?;
                if checked.iter().all(|it| it.key != *key) {
                    checked.push(Checked { key: key.clone(), time });
                }
            }
        }
        Ok(checked)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|it| writeln!(f, "{it}"))
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [self.id.as_slice(), &self.bytes].concat();
        write!(f, "{DASH}{} {}", self.name, STANDARD.encode(bytes))
    }
}

impl FromStr for NoteSignature {
    type Err = Error;

    /// Reads a signature line, without its newline.
    fn from_str(line: &str) -> Result<Self, Error> {
        let not_a_signature = || malformed("has a line that is no signature");
        let (name, bytes) = line
            .strip_prefix(DASH)
            .and_then(|it| it.split_once(' '))
            .ok_or_else(not_a_signature)?;
        let bytes = STANDARD.decode(bytes).map_err(|_| not_a_signature())?;
        let (id, bytes) = bytes.split_first_chunk::<4>().ok_or_else(not_a_signature)?;
        if bytes.is_empty() {
            return Err(not_a_signature());
        }
        Ok(Self { name: name.parse()?, id: *id, bytes: bytes.to_vec() })
    }
}

/// Reads signature lines, each with its newline: the end of a note, or what a witness answers.
///
/// # Errors
/// [`Error::Malformed`] when one is no signature, there is none, or there are more than
/// [`Note::MAX_SIGNATURES`].
pub fn signature_lines(text: &str) -> Result<Vec<NoteSignature>, Error> {
    let lines = text.strip_suffix('\n').ok_or(malformed("has no signature"))?;
    if lines.split('\n').count() > Note::MAX_SIGNATURES {
        return Err(malformed("has more signatures than are read"));
    }
    lines.split('\n').map(str::parse).collect()
}

fn check_text(text: &str) -> Result<(), Error> {
    if text.chars().any(|it| it < ' ' && it != '\n') {
        return Err(malformed("has control characters"));
    }
    if !text.ends_with('\n') {
        return Err(malformed("does not end with a newline"));
    }
    Ok(())
}

const fn malformed(why: &'static str) -> Error {
    Error::Malformed { what: "note", why }
}

/// What a signature line begins with: U+2014, not a hyphen.
const DASH: &str = "— ";

#[cfg(test)]
mod tests {
    use super::*;

    const VKEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    const NOTE: &str = "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

    fn key() -> VerifierKey {
        VKEY.parse().unwrap()
    }

    #[track_caller]
    fn check(note: &str, expected: Result<usize, Error>) {
        let found = Note::parse(note.as_bytes()).and_then(|it| it.check(&[key()]));
        assert_eq!(found.map(|it| it.len()), expected);
    }

    #[test]
    fn the_specifications_example_is_verified() {
        check(NOTE, Ok(1));
        assert_eq!(Note::parse(NOTE.as_bytes()).unwrap().to_string(), NOTE);
        assert_eq!(key().to_string(), VKEY);
    }

    #[test]
    fn a_changed_text_is_noticed() {
        check(
            &NOTE.replace("example message", "changed message"),
            Err(Error::Signature { name: "example.com/foo".to_owned() }),
        );
    }

    #[test]
    fn a_line_of_an_unknown_key_is_passed_over_and_a_false_one_of_a_known_key_is_not() {
        check(&format!("{NOTE}— other.example/key AAAAAAAA\n"), Ok(1));
        check(
            &format!("{NOTE}— example.com/foo Uw2QOgAA\n"),
            Err(Error::Signature { name: "example.com/foo".to_owned() }),
        );
        check(&NOTE.replace("example.com/foo U", "example.com/bar U"), Ok(0));
    }

    #[test]
    fn the_last_blank_line_separates_text_and_signatures() {
        let note = Note::parse("a\n\nb\n\n— k AAAAAAAA\n".as_bytes()).unwrap();
        assert_eq!(note.text(), "a\n\nb\n");
    }

    #[test]
    fn what_is_no_note_is_refused() {
        for note in [
            "",
            "\n",
            "\n\n",
            "text\n",
            "text\n\n",
            "text\n\n- k AAAAAAAA\n",
            "text\n\n— k AAAAAAAA",
            "text\n\n— k AAAAAA==\n",
            "text\n\n— k\n",
            "text\n\n—  AAAAAAAA\n",
            "te\rxt\n\n— k AAAAAAAA\n",
            "text\n\n— k AAAAAAA\n",
            "text\n\n— k+l AAAAAAAA\n",
            "text\n\n— k AAAAAAAA\n— \n",
            "text\n\n— k AAAAAAAA \n",
            "text\n\n— k\u{2003}l AAAAAAAA\n",
            "text\n\n— k AAAAAAB=\n",
        ] {
            assert!(Note::parse(note.as_bytes()).is_err(), "{note:?}");
        }
        let many = "— k AAAAAAAA\n".repeat(Note::MAX_SIGNATURES + 1);
        assert!(Note::parse(format!("text\n\n{many}").as_bytes()).is_err());
        assert!(
            Note::parse(format!("{}\n\n— k AAAAAAAA\n", "x".repeat(64 << 10)).as_bytes()).is_err()
        );
        assert!(Note::parse(b"\xff\n\n\xe2\x80\x94 k AAAAAAAA\n").is_err());
    }

    #[test]
    fn a_signature_of_the_same_key_replaces_the_older_one() {
        let line: NoteSignature = "— k AAAAAAAA".parse().unwrap();
        let newer = NoteSignature { bytes: vec![1], ..line.clone() };
        let note = Note::unsigned("text\n".to_owned()).unwrap().with(line).with(newer.clone());
        assert_eq!(note.signatures(), [newer]);
    }
}
