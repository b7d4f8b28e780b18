//! The stored tree as it grows: a batch of frames becomes tiles, then the state that names them.
//!
//! Blocks; [`crate::TreeKeeper`] calls it on the blocking pool.

use std::fs::File;

use integrity::tree::{Builder, Entry, Kind, Level, Note, Piece, Salt, Tile, Tiles, TreeHead};
use jiff::{Timestamp, civil::Date};
use log::Position;
use tracing::info;

use crate::{
    erasure,
    error::Error,
    folder::Folder,
    ids::{self, Mark},
    keys::{Salts, day_of, salt_key},
    state::State,
};

/// The stored tree, and what is needed to make it grow.
#[derive(Debug)]
pub(crate) struct Tree {
    folder: Folder,
    builder: Builder,
    salts: Salts,
    state: State,
    /// Held as long as anybody may write.
    _lock: File,
}

impl Tree {
    /// Takes the tree up where its state says, and checks that the tiles say the same and that all
    /// that `signed` covers is still there.
    pub(crate) fn open(folder: Folder, signed: Option<TreeHead>) -> Result<Self, Error> {
        let lock = folder.lock()?;
        let state = State::read(&folder)?;
        let mut pieces = Vec::new();
        for tile in Tile::partial(state.head.size) {
            let bytes = folder.tile(tile)?;
            pieces.extend(bytes.map(|bytes| Piece { tile, bytes }));
        }
        let builder = Builder::resume(state.head, &pieces)?;
        if let Some(signed) = signed {
            check_covers(&folder, state.head, signed)?;
        }
        let salts = Salts::new(folder.clone());
        Ok(Self { folder, builder, salts, state, _lock: lock })
    }

    pub(crate) const fn state(&self) -> State {
        self.state
    }

    /// Appends the records among `frames` and makes the tree durable, then the state that goes on
    /// behind `next`. After an error what is in memory is not to be used any more.
    pub(crate) fn grow(&mut self, frames: &[log::Entry], next: Position) -> Result<(), Error> {
        let mut marks = Vec::with_capacity(frames.len());
        for log::Entry { position, frame } in frames {
            let Some(kind) = kind_of(frame.kind) else { continue };
            let arrival = whole_microseconds(frame.arrival);
            let salt = self.salts.of(day_of(arrival))?.salt(self.builder.size());
            self.builder.append(&Entry::new(kind, arrival, position.0, &frame.body, &salt));
            marks.push(ids::mark(&ids::name(kind, &frame.body).unwrap_or_default()));
        }
        self.store(&marks, next)
    }

    /// Destroys the salt key of a day, once the tree durably says so. After a crash in between the
    /// notice may come twice.
    pub(crate) fn erase(&mut self, day: Date, now: Timestamp) -> Result<(), Error> {
        if salt_key(&self.folder, day)?.is_some() {
            let State { next, .. } = self.state;
            let text = day.to_string();
            let now = whole_microseconds(now);
            let notice = Entry::new(Kind::Erasure, now, next.0, text.as_bytes(), &Salt::PUBLIC);
            self.builder.append(&notice);
            self.store(&[ids::mark("")], next)?;
            self.salts.destroy(day)?;
            info!(%day, "the day is erased from the tree");
        }
        erasure::done(&self.folder, day)
    }

    /// Makes the leaves that were appended durable, each with its mark, then the state that goes on
    /// behind `next`.
    fn store(&mut self, marks: &[Mark], next: Position) -> Result<(), Error> {
        let before = self.state.head.size;
        let mut full = Vec::new();
        if !marks.is_empty() {
            // Those that the state names must not be touched: a crash could tear them.
            let named = Tile::partial(before);
            for Piece { tile, bytes } in self.builder.take() {
                if !named.contains(&tile) {
                    self.folder.write(&tile.to_string(), &bytes)?;
                }
                if !tile.is_partial() {
                    full.push(tile);
                }
            }
            ids::write(&self.folder, before, marks)?;
            self.folder.sync()?;
        }
        let state = State { next, head: self.builder.head() };
        state.write(&self.folder)?;
        self.state = state;
        full.into_iter().for_each(|it| self.folder.remove_partial(it));
        Ok(())
    }

    /// Keeps a checkpoint over what the state says.
    pub(crate) fn publish(&self, note: &Note) -> Result<(), Error> {
        self.folder.replace(CHECKPOINT, note.to_string().as_bytes(), 0o600)
    }
}

/// The last signed checkpoint.
pub(crate) fn last_checkpoint(folder: &Folder) -> Result<Option<Note>, Error> {
    Ok(folder.read(CHECKPOINT)?.map(|it| Note::parse(&it)).transpose()?)
}

/// The last checkpoint that witnesses have cosigned.
pub(crate) fn last_cosigned(folder: &Folder) -> Result<Option<Note>, Error> {
    Ok(folder.read(COSIGNED)?.map(|it| Note::parse(&it)).transpose()?)
}

/// Checks that the stored tree begins with what was signed.
fn check_covers(folder: &Folder, stored: TreeHead, signed: TreeHead) -> Result<(), Error> {
    if signed.size > stored.size {
        return Err(Error::Behind { stored, signed });
    }
    let mut tiles = Tiles::new(signed.size);
    for tile in Tile::of_root(signed.size) {
        if let Some(bytes) = folder.tile(tile)? {
            tiles.insert(tile, &bytes)?;
        }
    }
    let computed = tiles.root()?;
    if computed != signed.root {
        return Err(integrity::tree::Error::Diverged { head: signed, computed }.into());
    }
    Ok(())
}

/// What a frame's leaf stands for; `None` for frames that have none.
const fn kind_of(kind: log::Kind) -> Option<Kind> {
    match kind {
        log::Kind::Record | log::Kind::Outcome => Some(Kind::Event),
        log::Kind::Gap => Some(Kind::Gap),
        log::Kind::ImportedFile => Some(Kind::ImportedFile),
        log::Kind::Intent | log::Kind::Heartbeat => None,
    }
}

/// As entries keep times, so that the day is that of the entry.
fn whole_microseconds(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}

/// Whether a tile lies within a tree of `size` leaves, as wide as it says.
pub(crate) fn holds(size: u64, tile: Tile) -> bool {
    let hashes = match tile.level {
        Level::Entries => size,
        Level::Hashes(level) => size.checked_shr(8 * u32::from(level)).unwrap_or(0),
    };
    let first = tile.number.checked_mul(u64::from(Tile::FULL));
    first.is_some_and(|it| it.saturating_add(u64::from(tile.width)) <= hashes)
}

const CHECKPOINT: &str = "checkpoint";
pub(crate) const COSIGNED: &str = "cosigned";
