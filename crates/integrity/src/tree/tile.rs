//! Tiles: the tree cut into files that any object store or web server can serve.
//!
//! Lives here: which tile holds what, how its path is spelt, and hashes of the tree read from tiles
//! that the caller fetched ([`Tiles`]).
//! Lives elsewhere: making tiles ([`crate::tree::builder`]).
//!
//! Spec: C2SP tlog-tiles.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::Range,
    str::FromStr,
};

use crate::tree::{
    error::Error,
    hash::Hash,
    lines::decimal,
    node::{Node, complete_subtrees, consistency_ranges, inclusion_ranges},
};

/// One file of the tree. Shown and read as its path below the tree's prefix, such as
/// `tile/0/x001/234.p/5`.
///
/// A full tile never changes. A partial one may be deleted once a wider one exists.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Tile {
    /// What it holds.
    pub level: Level,
    /// How many tiles of the level stand to the left.
    pub number: u64,
    /// How many hashes or entries it holds, 1 to 256; below 256 it is partial.
    pub width: u16,
}

/// What a tile holds.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Level {
    /// Entries, each behind its length in two bytes, big-endian. For the operator only: they show
    /// the time and size of every record of every account.
    Entries,
    /// Hashes; those of level 0 are of leaves, those above of full tiles of the level below. At
    /// most 7, since a tree has fewer than 2^64 leaves.
    Hashes(u8),
}

impl Tile {
    /// Hashes or entries of a full tile.
    pub const FULL: u16 = 256;

    /// The tiles on the right edge of a tree of `size` leaves that are not full: what a builder
    /// needs to go on, together with the size. At most nine.
    #[must_use]
    pub fn partial(size: u64) -> Vec<Self> {
        let entries = Self::last_partial(Level::Entries, size);
        let hashes = (0..LEVELS).map(|level| Self::last_partial(Level::Hashes(level), size));
        [entries].into_iter().chain(hashes).flatten().collect()
    }

    /// The hash tiles that the root of a tree of `size` leaves is made from.
    #[must_use]
    pub fn of_root(size: u64) -> BTreeSet<Self> {
        Self::of_ranges(std::iter::once(0..size), size)
    }

    /// The hash tiles that hold the proof that leaf `index` is in a tree of `size` leaves.
    /// Empty when it is not.
    #[must_use]
    pub fn of_inclusion(index: u64, size: u64) -> BTreeSet<Self> {
        if index >= size {
            return BTreeSet::new();
        }
        let mut tiles = Self::of_ranges(inclusion_ranges(index, size), size);
        tiles.insert(Self::of_node(Node { level: 0, index }, size).0);
        tiles
    }

    /// The hash tiles that hold the proof that a tree of `old` leaves begins one of `new`.
    #[must_use]
    pub fn of_consistency(old: u64, new: u64) -> BTreeSet<Self> {
        Self::of_ranges(consistency_ranges(old, new), new)
    }

    /// The tile of entries that holds entry `index` of a tree of `size` leaves, and the entry's
    /// place in it.
    #[must_use]
    pub fn of_entry(index: u64, size: u64) -> Option<(Self, usize)> {
        let place = usize::try_from(index % 256).ok()?;
        let width = within_256(size.checked_sub(index / 256 * 256)?);
        (index < size)
            .then_some((Self { level: Level::Entries, number: index / 256, width }, place))
    }

    /// Whether the tile can still grow.
    #[must_use]
    pub const fn is_partial(&self) -> bool {
        self.width < Self::FULL
    }

    /// The same tile when it is full.
    #[must_use]
    pub const fn full(self) -> Self {
        Self { width: Self::FULL, ..self }
    }

    fn of_ranges(ranges: impl IntoIterator<Item = Range<u64>>, size: u64) -> BTreeSet<Self> {
        ranges
            .into_iter()
            .flat_map(complete_subtrees)
            .map(|node| Self::of_node(node, size).0)
            .collect()
    }

    /// The hash tile that holds the leaves of `node` as far down as tiles go, in a tree of `size`
    /// leaves, and their places in it.
    fn of_node(node: Node, size: u64) -> (Self, Range<usize>) {
        let (level, height) = (node.level / 8, node.level % 8);
        let first = node.index << height;
        let width = within_256((size >> (8 * level)).saturating_sub(first / 256 * 256));
        let begin = usize::from((first % 256) as u8);
        let tile = Self { level: Level::Hashes(level), number: first / 256, width };
        (tile, begin..begin + (1 << height))
    }

    fn last_partial(level: Level, size: u64) -> Option<Self> {
        let hashes = match level {
            Level::Entries => size,
            Level::Hashes(level) => size.checked_shr(8 * u32::from(level)).unwrap_or(0),
        };
        let width = (hashes % 256) as u16;
        (width > 0).then_some(Self { level, number: hashes / 256, width })
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level {
            Level::Entries => f.write_str("tile/entries/")?,
            Level::Hashes(level) => write!(f, "tile/{level}/")?,
        }
        let mut groups = vec![self.number % 1000];
        let mut rest = self.number / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        for (left, group) in groups.iter().enumerate().rev() {
            match left {
                0 => write!(f, "{group:03}")?,
                _ => write!(f, "x{group:03}/")?,
            }
        }
        if self.is_partial() {
            write!(f, ".p/{}", self.width)?;
        }
        Ok(())
    }
}

impl FromStr for Tile {
    type Err = Error;

    /// Reads a path in its one canonical spelling.
    fn from_str(path: &str) -> Result<Self, Error> {
        let malformed = || Error::Malformed { what: "tile path", why: "is not that of a tile" };
        let parse = || {
            let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
            let level = match level {
                "entries" => Level::Entries,
                number => Level::Hashes(u8::try_from(decimal(number)?).ok()?),
            };
            let (digits, width) = match rest.split_once(".p/") {
                Some((digits, width)) => (digits, u16::try_from(decimal(width)?).ok()?),
                None => (rest, Self::FULL),
            };
            let number = digits.split('/').try_fold(0_u64, |number, group| {
                let group = group.trim_start_matches('x').parse::<u16>().ok()?;
                number.checked_mul(1000)?.checked_add(group.into())
            })?;
            Some(Self { level, number, width })
        };
        let is_real = |tile: &Self| {
            let in_tree = match tile.level {
                Level::Entries => true,
                Level::Hashes(level) => level < LEVELS,
            };
            in_tree && (1..=Self::FULL).contains(&tile.width) && tile.to_string() == path
        };
        // No path of a tile is longer; what is need not be looked at.
        Some(path)
            .filter(|it| it.len() <= 64)
            .and_then(|_| parse())
            .filter(is_real)
            .ok_or_else(malformed)
    }
}

/// Hash tiles of one tree that the caller has read, and the hashes that they give.
///
/// What is computed from tiles is as true as the tiles are: check it against a signed checkpoint.
#[derive(Clone, Debug)]
pub struct Tiles {
    size: u64,
    tiles: BTreeMap<(u8, u64), Vec<Hash>>,
}

impl Tiles {
    /// No tiles yet, of a tree of `size` leaves.
    #[must_use]
    pub const fn new(size: u64) -> Self {
        Self { size, tiles: BTreeMap::new() }
    }

    /// Leaves of the tree.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a tile. A wider one, made for a later size, serves as well. Tiles of entries are passed
    /// over: they hold no hashes.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the bytes hold fewer hashes than the tile says, more than a full
    /// one has, or part of one.
    pub fn insert(&mut self, tile: Tile, bytes: &[u8]) -> Result<(), Error> {
        let Level::Hashes(level) = tile.level else { return Ok(()) };
        let hashes = hashes_of(bytes).filter(|it| it.len() >= tile.width.into()).ok_or(
            Error::Malformed { what: "hash tile", why: "has not as many hashes as it should" },
        )?;
        self.tiles.insert((level, tile.number), hashes);
        Ok(())
    }

    /// Adds the hashes of a hash tile.
    pub(crate) fn hold(&mut self, tile: Tile, hashes: Vec<Hash>) {
        if let Level::Hashes(level) = tile.level {
            self.tiles.insert((level, tile.number), hashes);
        }
    }

    /// The hash of one leaf.
    ///
    /// # Errors
    /// [`Error::MissingTile`], and [`Error::Index`] when there is no such leaf.
    pub fn leaf(&self, index: u64) -> Result<Hash, Error> {
        if index >= self.size {
            return Err(Error::Index { index, size: self.size });
        }
        self.node(Node { level: 0, index })
    }

    /// The root of the tree.
    ///
    /// # Errors
    /// [`Error::MissingTile`]: [`Tile::of_root`] says what is needed.
    pub fn root(&self) -> Result<Hash, Error> {
        self.range(0..self.size)
    }

    /// The hash of the subtree over a range of leaves that RFC 6962's recursion reaches.
    pub(crate) fn range(&self, range: Range<u64>) -> Result<Hash, Error> {
        let mut root = None;
        for node in complete_subtrees(range).rev() {
            let left = self.node(node)?;
            root = Some(root.map_or(left, |right| Hash::node(&left, &right)));
        }
        Ok(root.unwrap_or_else(Hash::empty))
    }

    fn node(&self, node: Node) -> Result<Hash, Error> {
        let (tile, places) = Tile::of_node(node, self.size);
        let level = node.level / 8;
        self.tiles
            .get(&(level, tile.number))
            .and_then(|hashes| hashes.get(places))
            .map(root_of_complete)
            .ok_or(Error::MissingTile(tile))
    }
}

/// The root over hashes whose number is a power of two.
pub(crate) fn root_of_complete(hashes: &[Hash]) -> Hash {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row
            .chunks_exact(2)
            .filter_map(|pair| Some(Hash::node(pair.first()?, pair.last()?)))
            .collect();
    }
    row.first().copied().unwrap_or_else(Hash::empty)
}

/// The hashes of a tile's bytes, at most 256; `None` for part of a hash.
pub(crate) fn hashes_of(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<{ Hash::SIZE }>();
    let fits = rest.is_empty() && hashes.len() <= Tile::FULL.into();
    fits.then(|| hashes.iter().copied().map(Hash::new).collect())
}

fn within_256(count: u64) -> u16 {
    u16::try_from(count).unwrap_or(Tile::FULL).min(Tile::FULL)
}

/// Levels of hash tiles that a tree of fewer than 2^64 leaves can have.
pub(crate) const LEVELS: u8 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(tile: Tile, path: &str) {
        assert_eq!(tile.to_string(), path);
        assert_eq!(path.parse(), Ok(tile));
    }

    #[test]
    fn a_tile_is_found_by_its_path() {
        let tile = |level, number, width| Tile { level, number, width };
        check(tile(Level::Hashes(0), 5, 256), "tile/0/005");
        check(tile(Level::Hashes(1), 1000, 256), "tile/1/x001/000");
        check(tile(Level::Entries, 1_234_067, 256), "tile/entries/x001/x234/067");
        check(tile(Level::Hashes(2), 0, 1), "tile/2/000.p/1");
        check(
            tile(Level::Hashes(0), u64::MAX, 255),
            "tile/0/x018/x446/x744/x073/x709/x551/615.p/255",
        );
    }

    #[test]
    fn a_path_in_another_spelling_is_refused() {
        for path in [
            "tile/0/5",
            "tile/0/0005",
            "tile/8/000",
            "tile/00/000",
            "tile/0/x000/005",
            "tile/0/005.p/0",
            "tile/0/005.p/256",
            "tile/0/005.p/05",
            "tile/0/xx001/005",
            "tile/0/../005",
            "tile/0/",
            "tile/entries/",
            "checkpoint",
            "",
            "tile/-1/000",
            "tile/0/x018/x446/x744/x073/x709/x551/616",
            "tile/0/+05",
            "/tile/0/005",
        ] {
            assert!(path.parse::<Tile>().is_err(), "`{path}`");
        }
    }

    #[test]
    fn the_partial_tiles_of_a_size_are_those_of_the_specifications_example() {
        let paths = |size| Tile::partial(size).iter().map(Tile::to_string).collect::<Vec<_>>();
        assert_eq!(
            paths(70_000),
            ["tile/entries/273.p/112", "tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]
        );
        assert_eq!(paths(256), ["tile/1/000.p/1"]);
        assert_eq!(paths(0), [""; 0]);
        assert_eq!(paths(u64::MAX).len(), 9);
    }

    #[test]
    fn tiles_with_too_few_or_too_many_hashes_are_refused() {
        let tile = Tile { level: Level::Hashes(0), number: 0, width: 2 };
        let mut tiles = Tiles::new(2);
        assert!(tiles.insert(tile, &[0; 32]).is_err());
        assert!(tiles.insert(tile, &[0; 65]).is_err());
        assert!(tiles.insert(tile, &[0; 257 * 32]).is_err());
        assert_eq!(tiles.root(), Err(Error::MissingTile(tile)));
        tiles.insert(tile, &[0; 64]).unwrap();
        assert!(tiles.root().is_ok());
        assert_eq!(tiles.leaf(2), Err(Error::Index { index: 2, size: 2 }));
    }
}
