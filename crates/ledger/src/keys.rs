//! The key that signs checkpoints and the salt keys of days: made once, kept for ever.
//!
//! They lie in files that only their owner can read, beside the tree that is worth nothing without
//! them; whoever copies the folder copies both.

use std::collections::BTreeMap;

use integrity::tree::{Algorithm, KeyName, SaltKey, SigningKey, VerifierKey};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use zeroize::Zeroizing;

use crate::{error::Error, folder::Folder};

/// The log's key; made under `name` when there is none and the tree has no leaves.
pub(crate) fn signing_key(
    folder: &Folder,
    name: &KeyName,
    is_empty: bool,
) -> Result<SigningKey, Error> {
    let key = match folder.read(SECRET)?.map(Zeroizing::new) {
        Some(bytes) => {
            let text = str::from_utf8(&bytes).map_err(|_| damaged(SECRET, "is not UTF-8"))?;
            SigningKey::from_secret_text(text.trim_ascii_end())?
        }
        None if is_empty => {
            let key = SigningKey::generate(name.clone(), Algorithm::Ed25519);
            let text = Zeroizing::new(format!("{}\n", *key.secret_text()));
            folder.replace(SECRET, text.as_bytes(), 0o600)?;
            key
        }
        None => return Err(Error::KeyMissing),
    };
    let public = format!("{}\n", key.verifier());
    if folder.read(PUBLIC)?.as_deref() != Some(public.as_bytes()) {
        folder.replace(PUBLIC, public.as_bytes(), 0o644)?;
    }
    Ok(key)
}

/// The key that others check with.
pub(crate) fn verifier_key(folder: &Folder) -> Result<VerifierKey, Error> {
    let bytes = folder.read(PUBLIC)?.ok_or_else(|| damaged(PUBLIC, "there is none"))?;
    let text = str::from_utf8(&bytes).map_err(|_| damaged(PUBLIC, "is not UTF-8"))?;
    Ok(text.trim_ascii_end().parse()?)
}

/// The salt keys of the days at hand.
#[derive(Debug)]
pub(crate) struct Salts {
    folder: Folder,
    known: BTreeMap<Date, SaltKey>,
}

impl Salts {
    pub(crate) const fn new(folder: Folder) -> Self {
        Self { folder, known: BTreeMap::new() }
    }

    /// The key of a day; one that is new is durable before anybody uses it.
    pub(crate) fn of(&mut self, day: Date) -> Result<&SaltKey, Error> {
        if !self.known.contains_key(&day) {
            if self.known.len() >= KNOWN_MAX {
                self.known.clear();
            }
            let key = match salt_key(&self.folder, day)? {
                Some(key) => key,
                None => {
                    let key = SaltKey::generate();
                    let text = Zeroizing::new(hex::encode(key.secret()));
                    self.folder.replace(&file_of(day), text.as_bytes(), 0o600)?;
                    key
                }
            };
            self.known.insert(day, key);
        }
        self.known.get(&day).ok_or(Error::SaltMissing(day))
    }

    /// Destroys the key of a day, as well as a file system lets itself be told to.
    pub(crate) fn destroy(&mut self, day: Date) -> Result<(), Error> {
        self.known.remove(&day);
        let file = file_of(day);
        if self.folder.read(&file)?.is_some() {
            self.folder.overwrite(&file, &[b'0'; 2 * SaltKey::SIZE])?;
        }
        self.folder.remove(&file)
    }
}

/// The salt key of a day, when there is one.
pub(crate) fn salt_key(folder: &Folder, day: Date) -> Result<Option<SaltKey>, Error> {
    let file = file_of(day);
    let Some(text) = folder.read(&file)?.map(Zeroizing::new) else { return Ok(None) };
    let mut secret = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text.trim_ascii_end(), secret.as_mut())
        .map_err(|_| damaged(&file, "is not 64 hexadecimal digits"))?;
    Ok(Some(SaltKey::from_secret(*secret)))
}

/// The UTC day to whose key a time of arrival belongs. Times before 1970 count as 1970, as they do
/// in entries.
pub(crate) fn day_of(arrival: Timestamp) -> Date {
    arrival.max(Timestamp::UNIX_EPOCH).to_zoned(TimeZone::UTC).date()
}

fn file_of(day: Date) -> String {
    format!("salts/{day}")
}

fn damaged(file: &str, why: &str) -> Error {
    Error::Damaged { file: file.to_owned(), why: why.to_owned() }
}

const SECRET: &str = "log.key";
const PUBLIC: &str = "log.vkey";
/// Days whose keys are held in memory.
const KNOWN_MAX: usize = 16;
