//! Checkpoints: what a log signs about its tree.
//!
//! A log never signs two checkpoints that contradict each other: two of one size with different
//! roots are evidence against it.
//!
//! Spec: C2SP tlog-checkpoint.

use jiff::Timestamp;

use crate::tree::{
    error::Error,
    hash::Hash,
    lines::decimal,
    note::Note,
    vkey::{SigningKey, VerifierKey},
};

/// How large a tree is, and what it holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TreeHead {
    /// Leaves of the tree.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

impl TreeHead {
    /// The head of the tree without leaves.
    #[must_use]
    pub fn empty() -> Self {
        Self { size: 0, root: Hash::empty() }
    }
}

/// What the text of a checkpoint says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Checkpoint {
    /// The log, by the name of its key.
    pub origin: String,
    /// The log's tree.
    pub head: TreeHead,
    /// Further lines, which we never write.
    pub extensions: Vec<String>,
}

impl Checkpoint {
    /// The checkpoint of a tree of the log whose key signs, as a note.
    #[must_use]
    pub fn sign(head: TreeHead, key: &SigningKey, now: Timestamp) -> Note {
        let origin = key.verifier().name().to_string();
        let text = Self { origin, head, extensions: Vec::new() }.to_text();
        let signature = key.sign(&text, now);
        Note::unsigned(text).expect("a key name has no control characters").with(signature)
    }

    /// Reads a checkpoint and checks that the log signed it.
    ///
    /// # Errors
    /// [`Error::Signature`] when the log's line is false, [`Error::Unsigned`] when there is none,
    /// [`Error::Origin`] when it is of another log, [`Error::Malformed`].
    pub fn open(note: &Note, key: &VerifierKey) -> Result<Self, Error> {
        let checkpoint = Self::parse(note.text())?;
        if checkpoint.origin != key.name().as_str() {
            let expected = key.name().to_string();
            return Err(Error::Origin { expected, found: checkpoint.origin });
        }
        if note.check(std::slice::from_ref(key))?.is_empty() {
            return Err(Error::Unsigned { name: key.name().to_string() });
        }
        Ok(checkpoint)
    }

    /// Reads the text of a checkpoint, whoever signed it.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let malformed = |why| Error::Malformed { what: "checkpoint", why };
        let text = text.strip_suffix('\n').ok_or(malformed("does not end with a newline"))?;
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next())
        else {
            return Err(malformed("has fewer than three lines"));
        };
        let extensions: Vec<String> = lines.map(str::to_owned).collect();
        if origin.is_empty() || extensions.iter().any(String::is_empty) {
            return Err(malformed("has an empty line"));
        }
        Ok(Self {
            origin: origin.to_owned(),
            head: TreeHead {
                size: decimal(size).ok_or(malformed("has a size that is no number"))?,
                root: Hash::from_base64(root).ok_or(malformed("has a root that is no hash"))?,
            },
            extensions,
        })
    }

    /// The text that is signed.
    #[must_use]
    pub fn to_text(&self) -> String {
        let Self { origin, head, extensions } = self;
        let mut text = format!("{origin}\n{}\n{}\n", head.size, head.root);
        for line in extensions {
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_reads_back_as_it_was_written_with_its_extensions() {
        let text = "log.example/1\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nmore\n";
        let checkpoint = Checkpoint::parse(text).unwrap();
        assert_eq!(checkpoint.head, TreeHead::empty());
        assert_eq!(checkpoint.to_text(), text);
    }

    #[test]
    fn a_text_that_is_no_checkpoint_is_refused() {
        let root = Hash::empty();
        for text in [
            "".to_owned(),
            format!("o\n1\n{root}"),
            format!("\n1\n{root}\n"),
            format!("o\n01\n{root}\n"),
            format!("o\n-1\n{root}\n"),
            format!("o\n+1\n{root}\n"),
            format!("o\n\n{root}\n"),
            format!("o\n18446744073709551616\n{root}\n"),
            "o\n1\nAAAA\n".to_owned(),
            format!("o\n1\n{root}\n\nx\n"),
            format!("o\n1\n{root} \n"),
            format!("o\n1\n{}\n", root.to_string().replace("U=", "V=")),
        ] {
            assert!(Checkpoint::parse(&text).is_err(), "{text:?}");
        }
    }
}
