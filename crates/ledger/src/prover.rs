//! Proving one record: from the folder alone, while the server runs or not.
//!
//! Blocks.

use std::path::PathBuf;

use integrity::tree::{
    Checkpoint, Entry, Note, Policy, RecordProof, Tile, Tiles, VerifierKey, builder::entries_of,
    proof::prove_inclusion,
};

use crate::{
    error::Error,
    folder::Folder,
    ids,
    keys::{self, day_of, salt_key},
    tree::{last_checkpoint, last_cosigned},
};

/// Makes proofs from the folder of a tree. Writes nothing.
#[derive(Debug)]
pub struct Prover {
    folder: Folder,
    key: VerifierKey,
}

/// Gives the record of a leaf; `None` when it has it not.
pub type BytesOf<'a> = dyn Fn(&Entry) -> Result<Option<Vec<u8>>, Error> + 'a;

/// A record and the proof that it is in the log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Proof {
    /// The record, byte for byte.
    pub record: Vec<u8>,
    /// What to hand on beside it.
    pub proof: RecordProof,
}

impl Prover {
    /// Looks into the folder of a tree.
    ///
    /// # Errors
    /// [`Error::Damaged`] when there is no tree, [`Error::Io`].
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, Error> {
        let folder = Folder::new(folder);
        let key = keys::verifier_key(&folder)?;
        Ok(Self { folder, key })
    }

    /// The key that the proofs are checked with.
    #[must_use]
    pub const fn verifier(&self) -> &VerifierKey {
        &self.key
    }

    /// Proves the record of `event_id`, or the statement of the imported file that lay there, against the newest cosigned checkpoint, or the newest at all
    /// where that does not cover it. `bytes_of` gives the record of
    /// a leaf, whose [`Entry::sequence`] is its position in the log; `None` when it has it not.
    /// Of several records with this id the first is proven whose bytes are what its leaf commits to.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NoRecord`], [`Error::SaltMissing`]; [`Error::Tree`] and
    /// [`Error::Damaged`] when the folder contradicts itself; what `bytes_of` says.
    pub fn prove(&self, event_id: &str, bytes_of: &BytesOf<'_>) -> Result<Proof, Error> {
        let mut tries = TRIES;
        loop {
            tries -= 1;
            match self.prove_once(event_id, bytes_of) {
                // The tree has grown meanwhile, and a partial tile was taken away.
                Err(Error::Tree(integrity::tree::Error::MissingTile(_))) if tries > 0 => {}
                outcome => return outcome,
            }
        }
    }

    fn prove_once(&self, event_id: &str, bytes_of: &BytesOf<'_>) -> Result<Proof, Error> {
        if let Some(cosigned) = last_cosigned(&self.folder)?
            && let Ok(proof) = self.prove_by(cosigned, event_id, bytes_of)
        {
            return Ok(proof);
        }
        let last = last_checkpoint(&self.folder)?;
        let last = last.ok_or_else(|| Error::NotFound(event_id.to_owned()))?;
        self.prove_by(last, event_id, bytes_of)
    }

    fn prove_by(
        &self,
        checkpoint: Note,
        event_id: &str,
        bytes_of: &BytesOf<'_>,
    ) -> Result<Proof, Error> {
        let not_found = || Error::NotFound(event_id.to_owned());
        let size = Checkpoint::open(&checkpoint, &self.key)?.head.size;
        let mut failure = not_found();
        for index in ids::find(&self.folder, event_id, size)? {
            let entry = self.entry(index, size)?;
            let record = bytes_of(&entry)?;
            let is_wanted =
                |bytes: &Vec<u8>| ids::name(entry.kind, bytes).is_some_and(|it| it == event_id);
            let Some(record) = record.filter(is_wanted) else {
                failure = Error::NoRecord(entry.sequence);
                continue;
            };
            let day = day_of(entry.ingested);
            let salt_key = salt_key(&self.folder, day)?.ok_or(Error::SaltMissing(day))?;
            let salt = salt_key.salt(index);
            if !entry.commits_to(&record, &salt) {
                failure = Error::NoRecord(entry.sequence);
                continue;
            }
            let hashes = prove_inclusion(&self.tiles(index, size)?, index)?;
            let proof = RecordProof { entry, salt, index, hashes, checkpoint };
            // What does not convince ourselves must not leave the house.
            proof.check(&record, &Policy::of_log(self.key.clone()))?;
            return Ok(Proof { record, proof });
        }
        Err(failure)
    }

    fn entry(&self, index: u64, size: u64) -> Result<Entry, Error> {
        let missing = integrity::tree::Error::Index { index, size };
        let (tile, place) = Tile::of_entry(index, size).ok_or(missing.clone())?;
        let bundle = self.stored(tile)?;
        Ok(entries_of(&bundle)?.get(place).copied().ok_or(missing)?)
    }

    fn tiles(&self, index: u64, size: u64) -> Result<Tiles, Error> {
        let mut tiles = Tiles::new(size);
        for tile in Tile::of_inclusion(index, size) {
            tiles.insert(tile, &self.stored(tile)?)?;
        }
        Ok(tiles)
    }

    fn stored(&self, tile: Tile) -> Result<Vec<u8>, Error> {
        let missing = integrity::tree::Error::MissingTile(tile);
        Ok(self.folder.tile(tile)?.ok_or(missing)?)
    }
}

/// How often a tree that grows meanwhile is looked at anew.
const TRIES: u32 = 3;
