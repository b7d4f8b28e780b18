//! Growing the tree: leaves go in, in the order of the log; tiles and roots come out.
//!
//! Spec: C2SP tlog-tiles. The order in which to write what comes out: entries, level 0, the levels
//! above (as [`Builder::take`] hands them out); all durable; read back and resumed from
//! ([`Builder::resume`]), so that a flipped bit is caught before a signature covers it; only then the
//! checkpoint.

use std::mem;

use crate::tree::{
    checkpoint::TreeHead,
    entry::Entry,
    error::Error,
    hash::Hash,
    node::complete_subtrees,
    tile::{LEVELS, Level, Tile, hashes_of, root_of_complete},
};

/// A tree that grows. Holds only its right edge: at most 256 entries and 256 hashes of each level.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    size: u64,
    /// The entries of the last bundle, as it is stored.
    entries: Vec<u8>,
    /// The hashes of the last tile of each level, from level 0 upwards; none is full.
    edge: Vec<Vec<Hash>>,
    /// Full tiles that nobody has taken yet.
    full: Vec<Piece>,
}

/// A tile and its bytes, to be stored under the tile's path.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Piece {
    /// Which tile.
    pub tile: Tile,
    /// What it holds.
    pub bytes: Vec<u8>,
}

impl Builder {
    /// The tree without leaves.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on where a stored tree of this head ended. `pieces` are the stored tiles that
    /// [`Tile::partial`] names for its size, in any order; of wider ones the beginning is used.
    ///
    /// # Errors
    /// [`Error::MissingTile`] when one was not given, [`Error::Malformed`] when one is too short,
    /// [`Error::Diverged`] when they do not give the root of the head or when the entries are not
    /// those of the leaves: then nothing may be signed on top.
    pub fn resume(head: TreeHead, pieces: &[Piece]) -> Result<Self, Error> {
        let mut builder = Self { size: head.size, ..Self::default() };
        for tile in Tile::partial(head.size) {
            let piece = pieces
                .iter()
                .find(|it| (it.tile.level, it.tile.number) == (tile.level, tile.number))
                .ok_or(Error::MissingTile(tile))?;
            let width = usize::from(tile.width);
            match tile.level {
                Level::Entries => {
                    builder.entries = bundle_prefix(&piece.bytes, width)?.to_vec();
                }
                Level::Hashes(level) => {
                    let mut hashes = hashes_of(&piece.bytes).filter(|it| it.len() >= width).ok_or(
                        Error::Malformed { what: "hash tile", why: "is shorter than its width" },
                    )?;
                    hashes.truncate(width);
                    *builder.level(level.into()) = hashes;
                }
            }
        }
        let computed = builder.root();
        let leaves: Vec<Hash> =
            entries_of(&builder.entries)?.iter().map(Entry::leaf_hash).collect();
        if computed != head.root || leaves != *builder.level(0) {
            return Err(Error::Diverged { head, computed });
        }
        Ok(builder)
    }

    /// Appends one leaf; its index is the size before.
    pub fn append(&mut self, entry: &Entry) {
        let bytes = entry.to_bytes();
        self.entries.extend_from_slice(&ENTRY_LENGTH.to_be_bytes());
        self.entries.extend_from_slice(&bytes);
        if self.size % 256 == 255 {
            let entries =
                mem::replace(&mut self.entries, Vec::with_capacity(256 * (2 + bytes.len())));
            let tile = Tile { level: Level::Entries, number: self.size / 256, width: Tile::FULL };
            self.full.push(Piece { tile, bytes: entries });
        }
        self.push(Hash::leaf(&bytes));
        self.size += 1;
    }

    /// How many leaves there are.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Size and root of the tree as it stands.
    #[must_use]
    pub fn head(&self) -> TreeHead {
        TreeHead { size: self.size, root: self.root() }
    }

    /// The root of the tree as it stands.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut root = None;
        // From the right: the lowest level holds the smallest subtrees.
        for hashes in &self.edge {
            for node in complete_subtrees(0..hashes.len() as u64).rev() {
                let begin = usize::try_from(node.index << node.level).unwrap_or(usize::MAX);
                let Some(subtree) = hashes.get(begin..begin + (1 << node.level)) else { continue };
                let left = root_of_complete(subtree);
                root = Some(root.map_or(left, |right| Hash::node(&left, &right)));
            }
        }
        root.unwrap_or_else(Hash::empty)
    }

    /// What must be stored before this size may be signed: tiles that have become full since the
    /// last call, then the partial ones of this size, entries before hashes.
    #[must_use]
    pub fn take(&mut self) -> Vec<Piece> {
        let mut pieces = mem::take(&mut self.full);
        pieces.sort_by_key(|it| it.tile);
        pieces.extend(Tile::partial(self.size).into_iter().map(|tile| self.piece(tile)));
        pieces
    }

    /// Full tiles that wait to be taken: about 28 KiB each 256 leaves. Take them in time.
    #[must_use]
    pub const fn waiting(&self) -> usize {
        self.full.len()
    }

    fn piece(&self, tile: Tile) -> Piece {
        let bytes = match tile.level {
            Level::Entries => self.entries.clone(),
            Level::Hashes(level) => {
                bytes_of(self.edge.get(usize::from(level)).map_or(&[], Vec::as_slice))
            }
        };
        Piece { tile, bytes }
    }

    fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        let mut tiles = self.size / 256;
        for level in 0..LEVELS {
            let hashes = self.level(level.into());
            hashes.push(hash);
            if hashes.len() < Tile::FULL.into() {
                return;
            }
            hash = root_of_complete(hashes);
            let bytes = bytes_of(hashes);
            hashes.clear();
            let tile = Tile { level: Level::Hashes(level), number: tiles, width: Tile::FULL };
            self.full.push(Piece { tile, bytes });
            tiles /= 256;
        }
    }

    fn level(&mut self, level: usize) -> &mut Vec<Hash> {
        if self.edge.len() <= level {
            self.edge.resize_with(level + 1, Vec::new);
        }
        self.edge.get_mut(level).expect("the edge was just made long enough")
    }
}

/// The entries of a tile of entries.
///
/// # Errors
/// [`Error::Malformed`] where it does not hold whole entries of ours, or more than 256.
pub fn entries_of(bundle: &[u8]) -> Result<Vec<Entry>, Error> {
    let (entries, rest) = bundle.as_chunks::<{ 2 + Entry::SIZE }>();
    if !rest.is_empty() || entries.len() > Tile::FULL.into() {
        return Err(BUNDLE);
    }
    let each = |bytes: &[u8; 2 + Entry::SIZE]| match bytes.split_first_chunk::<2>() {
        Some((length, entry)) if u16::from_be_bytes(*length) == ENTRY_LENGTH => Entry::parse(entry),
        _ => Err(BUNDLE),
    };
    entries.iter().map(each).collect()
}

fn bundle_prefix(bundle: &[u8], width: usize) -> Result<&[u8], Error> {
    bundle.get(..width * (2 + Entry::SIZE)).ok_or(BUNDLE)
}

fn bytes_of(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|it| *it.as_bytes()).collect()
}

const ENTRY_LENGTH: u16 = Entry::SIZE as u16;
const BUNDLE: Error = Error::Malformed { what: "tile of entries", why: "has not whole entries" };
