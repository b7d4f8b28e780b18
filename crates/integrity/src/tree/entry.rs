//! The leaf of one frame of the log: 77 bytes that commit to it and say nothing of what is in it.
//!
//! A record has few unknown bits once its event id is known, so a bare hash could be guessed by
//! whoever holds the tree. The commitment is salted; the salt of one leaf says nothing about
//! another's, and destroying the key of a day makes all leaves of that day meaningless while the
//! tree and every proof between checkpoints stay valid.
//!
//! The salt is derived from the leaf's index, which is unique, and not from the event id: two
//! accounts may send records with the same event id, and a proof for one would reveal the salt of
//! the other.

use std::fmt;

use aws_lc_rs::{
    digest::{Context, SHA256},
    hmac, rand,
};
use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::tree::{error::Error, hash::Hash};

/// What one leaf says in the open, and the commitment to what it does not say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Entry {
    /// What the leaf stands for.
    pub kind: Kind,
    /// When it arrived, in whole microseconds since 1970.
    pub ingested: Timestamp,
    /// Which numbering `sequence` belongs to; zero is that of the event log itself.
    pub source: u16,
    /// The number within that source.
    pub sequence: u64,
    /// How many bytes were committed to; the largest number stands for itself and all above.
    pub length: u32,
    /// The salted hash of those bytes.
    pub commitment: Hash,
}

impl Entry {
    /// Bytes of an entry.
    pub const SIZE: usize = 77;

    /// Commits to `bytes`. A time before 1970 is written as 1970.
    #[must_use]
    pub fn new(kind: Kind, ingested: Timestamp, sequence: u64, bytes: &[u8], salt: &Salt) -> Self {
        let micros = ingested.as_microsecond().max(0);
        Self {
            kind,
            ingested: Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH),
            source: 0,
            sequence,
            length: length_of(bytes),
            commitment: commitment(bytes, salt),
        }
    }

    /// Whether `bytes` and `salt` are what the entry commits to.
    #[must_use]
    pub fn commits_to(&self, bytes: &[u8], salt: &Salt) -> bool {
        self.length == length_of(bytes) && self.commitment == commitment(bytes, salt)
    }

    /// The entry as it is hashed and stored.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        let micros = self.ingested.as_microsecond().max(0).unsigned_abs();
        let fields = [VERSION, self.kind as u8]
            .into_iter()
            .chain(micros.to_be_bytes())
            .chain(self.source.to_be_bytes())
            .chain(self.sequence.to_be_bytes())
            .chain([0])
            .chain(self.length.to_be_bytes())
            .chain([0; RESERVED])
            .chain(*self.commitment.as_bytes());
        bytes.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        bytes
    }

    /// Reads what [`Entry::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`Error::Malformed`] for another length, version or kind, and where reserved bytes are used.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let malformed = |why| Error::Malformed { what: "entry", why };
        if bytes.len() != Self::SIZE {
            return Err(malformed("has not 77 bytes"));
        }
        let mut fields = Fields(bytes);
        let [version, kind] = fields.next();
        let micros = u64::from_be_bytes(fields.next());
        let ingested =
            i64::try_from(micros).ok().and_then(|it| Timestamp::from_microsecond(it).ok());
        let source = u16::from_be_bytes(fields.next());
        let sequence = u64::from_be_bytes(fields.next());
        let reserved: [u8; 1] = fields.next();
        let length = u32::from_be_bytes(fields.next());
        let room: [u8; RESERVED] = fields.next();
        if version != VERSION {
            return Err(malformed("has an unknown version"));
        }
        if reserved != [0] || room != [0; RESERVED] {
            return Err(malformed("uses reserved bytes"));
        }
        Ok(Self {
            kind: Kind::from_number(kind).ok_or(malformed("has an unknown kind"))?,
            ingested: ingested.ok_or(malformed("has a time that no calendar reaches"))?,
            source,
            sequence,
            length,
            commitment: Hash::new(fields.next()),
        })
    }

    /// The hash of the entry as a leaf of the tree.
    #[must_use]
    pub fn leaf_hash(&self) -> Hash {
        Hash::leaf(&self.to_bytes())
    }
}

/// What a leaf stands for. Stored as one byte; the numbers never change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Kind {
    /// A record.
    Event = 1,
    /// A log file that was delivered.
    LogFile = 2,
    /// A digest file that was delivered.
    DigestFile = 3,
    /// A record that says what was lost.
    Gap = 4,
    /// A sign of life of a writer.
    Heartbeat = 5,
    /// A change of keys or policies.
    KeyChange = 6,
    /// A day's salt key was destroyed.
    Erasure = 7,
    /// A call is about to leave; the record of its outcome is a leaf of its own.
    Intent = 8,
    /// A log file that was imported into an event data store.
    ImportedFile = 9,
}

impl Kind {
    /// Reads the number that stands for the kind.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Event,
            2 => Self::LogFile,
            3 => Self::DigestFile,
            4 => Self::Gap,
            5 => Self::Heartbeat,
            6 => Self::KeyChange,
            7 => Self::Erasure,
            8 => Self::Intent,
            9 => Self::ImportedFile,
            _ => return None,
        })
    }

    /// The kind in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::LogFile => "log file",
            Self::DigestFile => "digest file",
            Self::Gap => "gap",
            Self::Heartbeat => "heartbeat",
            Self::KeyChange => "key change",
            Self::Erasure => "erasure",
            Self::Intent => "intent",
            Self::ImportedFile => "imported file",
        }
    }
}

/// What makes a commitment unguessable. Revealed only in the proof of its own leaf.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Salt(pub [u8; 32]);

impl Salt {
    /// The salt of leaves that hide nothing, such as the notice of an erasure.
    pub const PUBLIC: Self = Self([0; 32]);
}

/// The key from which the salts of one UTC day of ingest are derived.
///
/// Keep it as long as any bucket may hold the day's records: without it nothing of that day can be
/// proven any more.
#[derive(Clone)]
pub struct SaltKey {
    secret: Zeroizing<[u8; 32]>,
    key: hmac::Key,
}

impl SaltKey {
    /// Bytes of the secret.
    pub const SIZE: usize = 32;

    /// A new key, from the cryptographic library's randomness.
    #[must_use]
    pub fn generate() -> Self {
        let mut secret = [0; 32];
        rand::fill(&mut secret).expect("the operating system has randomness");
        Self::from_secret(secret)
    }

    /// The key that was kept.
    #[must_use]
    pub fn from_secret(secret: [u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &secret), secret: Zeroizing::new(secret) }
    }

    /// What to keep, sealed.
    #[must_use]
    pub fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// The salt of the leaf `index`: HMAC-SHA256 over the index, eight bytes big-endian.
    #[must_use]
    pub fn salt(&self, index: u64) -> Salt {
        let tag = hmac::sign(&self.key, &index.to_be_bytes());
        Salt(tag.as_ref().try_into().expect("HMAC-SHA256 gives 32 bytes"))
    }
}

impl fmt::Debug for SaltKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SaltKey(…)")
    }
}

fn commitment(bytes: &[u8], salt: &Salt) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(b"event-commit/v1\n");
    context.update(&salt.0);
    context.update(Hash::of(bytes).as_bytes());
    Hash::new(context.finish().as_ref().try_into().expect("SHA-256 gives 32 bytes"))
}

fn length_of(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// Takes the fields of an entry off its front.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn next<const N: usize>(&mut self) -> [u8; N] {
        let (head, rest) =
            self.0.split_first_chunk::<N>().expect("the fields of an entry make 77 bytes");
        self.0 = rest;
        *head
    }
}

const VERSION: u8 = 1;
const RESERVED: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commitment_is_that_of_the_published_check_value() {
        let salted = commitment(br#"{"eventID":"x"}"#, &Salt([0; 32]));
        assert_eq!(
            format!("{salted:?}"),
            "1e2a721151e27d14680d53718980bb3f4d7e1bc6d5748c2c0e2cee59582c2c80"
        );
    }

    #[test]
    fn an_entry_reads_back_as_it_was_written_and_commits_to_one_record_and_salt_only() {
        let key = SaltKey::from_secret([7; 32]);
        let now = "2026-03-04T05:06:07.000008Z".parse().unwrap();
        let entry = Entry::new(Kind::Event, now, 9, b"record", &key.salt(9));
        assert_eq!(Entry::parse(&entry.to_bytes()), Ok(entry));
        assert!(entry.commits_to(b"record", &key.salt(9)));
        assert!(!entry.commits_to(b"recorD", &key.salt(9)));
        assert!(!entry.commits_to(b"record", &key.salt(8)));
        assert_eq!(key.salt(9), SaltKey::from_secret(*key.secret()).salt(9));
    }

    #[test]
    fn an_entry_of_another_length_version_or_kind_is_refused_and_so_are_reserved_bytes() {
        let entry = Entry::new(Kind::Gap, Timestamp::UNIX_EPOCH, 0, b"", &Salt([1; 32]));
        let good = entry.to_bytes();
        assert!(Entry::parse(&good[..76]).is_err());
        assert!(Entry::parse(&[&good[..], &[0]].concat()).is_err());
        for (at, value) in [(0, 2), (1, 0), (1, 10), (2, 0xff), (20, 1), (25, 1), (44, 1)] {
            let mut bad = good;
            bad[at] = value;
            assert!(Entry::parse(&bad).is_err(), "byte {at} as {value}");
        }
    }

    #[test]
    fn a_salt_key_does_not_show_itself() {
        assert_eq!(format!("{:?}", SaltKey::from_secret([3; 32])), "SaltKey(…)");
    }
}
