//! A whole Merkle tree: which of its tiles are not what the signed checkpoint says.
//!
//! From the root down, so that each tile is judged by one that is known to be good; and the deepest
//! first, so that however large the tree is, little of it is held at once. What is found below a tile
//! that is changed or gone tells whether that one alone was touched.
//!
//! Lives here: what to look at next, and the judgement.
//! Lives elsewhere: fetching (`trailmark verify --tree`), what is signed
//! ([`crate::verify::statement`]), the report ([`crate::verify::TreeReport`]).
//!
//! Start at [`TreeAudit::new`]: check the tiles that it wants until it wants no more, then
//! [`TreeAudit::finish`]. [`check_tile`] needs nothing of the audit, so it runs in parallel.
//!
//! Spec: C2SP tlog-tiles.

mod lost;

use std::collections::BTreeMap;

use crate::{
    tree::{Hash, Level, Tile, Tiles, TreeHead, tile::hashes_of, tile::root_of_complete},
    verify::{Address, Count, Finding, Kind, tree::lost::Lost},
};

/// What came of fetching: bytes, none where there is nothing, or why nobody can tell.
pub type FetchedTile = Result<Option<Vec<u8>>, String>;

/// A hash tile that the audit wants to see; with it, for level 0, the tile of entries beside it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct WantedTile {
    /// Which one.
    pub tile: Tile,
    /// What it has to hash to; none where no good tile says so.
    expected: Option<Hash>,
}

impl WantedTile {
    /// The tile of entries whose leaves it holds; none above level 0.
    #[must_use]
    pub fn entries(&self) -> Option<Tile> {
        (self.tile.level == Level::Hashes(0)).then_some(Tile { level: Level::Entries, ..self.tile })
    }
}

/// What was found out about one tile.
#[derive(Clone, Debug)]
pub struct CheckedTile {
    wanted: WantedTile,
    /// Its hashes, as many as it should have.
    held: Result<Vec<Hash>, Fault>,
    /// What they hash to together.
    root: Option<Hash>,
    /// The leaves that the tile of entries beside it gives; none when nobody looked.
    leaves: Option<Result<Vec<Hash>, Fault>>,
}

/// Why there are no hashes.
#[derive(Clone, Debug)]
enum Fault {
    Malformed(usize),
    Missing,
    Unreadable(String),
}

/// Reads a tile, and the tile of entries beside it where `entries` were fetched.
#[must_use]
pub fn check_tile(
    wanted: WantedTile,
    tile: FetchedTile,
    entries: Option<FetchedTile>,
) -> CheckedTile {
    let width = usize::from(wanted.tile.width);
    let read = |fetched: FetchedTile, read: fn(&[u8]) -> Option<Vec<Hash>>| match fetched {
        Ok(Some(bytes)) => match read(&bytes).filter(|it| it.len() >= width) {
            Some(mut hashes) => {
                // A wider one begins as the narrower did whose place it took.
                hashes.truncate(width);
                Ok(hashes)
            }
            None => Err(Fault::Malformed(bytes.len())),
        },
        Ok(None) => Err(Fault::Missing),
        Err(why) => Err(Fault::Unreadable(why)),
    };
    let held = read(tile, hashes_of);
    let full = !wanted.tile.is_partial();
    let root = held.as_ref().ok().filter(|_| full).map(|it| root_of_complete(it));
    let leaves = entries.map(|it| read(it, leaves_of));
    CheckedTile { wanted, held, root, leaves }
}

/// The leaves of a tile of entries: what is in them does not matter here. None when it is not whole.
fn leaves_of(mut bundle: &[u8]) -> Option<Vec<Hash>> {
    let mut leaves = Vec::new();
    while !bundle.is_empty() {
        let (length, rest) = bundle.split_first_chunk::<2>()?;
        let (entry, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        leaves.push(Hash::leaf(entry));
        bundle = rest;
    }
    (leaves.len() <= Tile::FULL.into()).then_some(leaves)
}

/// One audit of one tree.
#[derive(Debug)]
pub struct TreeAudit {
    head: TreeHead,
    /// A stack: what lies deepest is looked at first.
    wanted: Vec<WantedTile>,
    /// The tiles that the root is made from, until all of them are there.
    edge: BTreeMap<Tile, Option<CheckedTile>>,
    /// Tiles that are not good, until what lies below them was seen.
    broken: BTreeMap<Tile, Broken>,
    /// Those of the edge, when what lies below them was seen.
    edge_broken: BTreeMap<Tile, Broken>,
    lost: Lost,
    counts: TreeCounts,
    findings: Vec<Finding>,
}

/// How many tiles were looked at.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct TreeCounts {
    /// Hash tiles.
    pub tiles: Count,
    /// Tiles of entries.
    pub bundles: Count,
}

/// A tile that is not good.
#[derive(Debug)]
struct Broken {
    expected: Option<Hash>,
    held: Option<Vec<Hash>>,
    /// What lies below it hashes to this.
    below: Vec<Option<Hash>>,
    waits_for: usize,
}

impl Broken {
    /// Its hashes, made anew from what lies below.
    fn remade(&self) -> Option<Vec<Hash>> {
        self.below.iter().copied().collect()
    }
}

impl TreeAudit {
    /// Begins, with the head that the log signed.
    #[must_use]
    pub fn new(head: TreeHead) -> Self {
        let edge: BTreeMap<_, _> =
            Tile::of_root(head.size).into_iter().map(|it| (it, None)).collect();
        let mut audit = Self {
            head,
            wanted: edge.keys().map(|tile| WantedTile { tile: *tile, expected: None }).collect(),
            edge,
            broken: BTreeMap::new(),
            edge_broken: BTreeMap::new(),
            lost: Lost::default(),
            counts: TreeCounts::default(),
            findings: Vec::new(),
        };
        if head.size == 0 && head.root != Hash::empty() {
            audit.another_root(Hash::empty(), None);
        }
        audit
    }

    /// How many hash tiles the tree has.
    #[must_use]
    pub fn total(&self) -> u64 {
        (0..8_u32).map(|level| (self.head.size >> (8 * level)).div_ceil(256)).sum()
    }

    /// How many of them were looked at.
    #[must_use]
    pub const fn seen(&self) -> u64 {
        self.counts.tiles.total
    }

    /// The tile to fetch next. Ask again after handing some in: each may lead to others. None when
    /// there is nothing to fetch but what was handed out.
    pub fn wanted(&mut self) -> Option<WantedTile> {
        self.wanted.pop()
    }

    /// Takes what was found out about a tile.
    pub fn take(&mut self, checked: CheckedTile) {
        self.counts.tiles.add(false);
        let tile = checked.wanted.tile;
        if let Some(place) = self.edge.get_mut(&tile) {
            *place = Some(checked);
            if self.edge.values().all(Option::is_some) {
                self.judge_edge();
            }
            return;
        }
        let expected = checked.wanted.expected;
        match checked.root {
            Some(root) if expected.is_none_or(|it| it == root) => {
                self.good(checked);
                if expected.is_none() {
                    self.report(tile, Some(root));
                }
            }
            Some(_) | None => self.broken(checked),
        }
    }

    /// What is wrong, and how much was looked at. Once, when nothing is wanted any more.
    #[must_use]
    pub fn finish(mut self) -> (TreeCounts, Vec<Finding>) {
        self.findings.extend(self.lost.findings(self.head.size));
        self.findings.sort();
        (self.counts, self.findings)
    }

    fn judge_edge(&mut self) {
        let edge: Vec<_> = self.edge.values_mut().filter_map(Option::take).collect();
        let mut tiles = Tiles::new(self.head.size);
        for checked in &edge {
            if let Ok(held) = &checked.held {
                tiles.hold(checked.wanted.tile, held.clone());
            }
        }
        let is_good = tiles.root().is_ok_and(|root| root == self.head.root);
        // The lowest is taken up last, so that the deepest is looked at first.
        for checked in edge.into_iter().rev() {
            if is_good { self.good(checked) } else { self.broken(checked) }
        }
    }

    /// A tile that is what a good one says it is.
    fn good(&mut self, checked: CheckedTile) {
        let CheckedTile { wanted: WantedTile { tile, .. }, held: Ok(held), leaves, .. } = checked
        else {
            return;
        };
        self.counts.tiles.valid += 1;
        if let Level::Hashes(0) = tile.level {
            self.judge_entries(tile, Some(&held), leaves);
        }
        let expected: Vec<_> = held.into_iter().map(Some).collect();
        self.look_below(tile, &expected);
    }

    /// A tile that is not: what is below it may tell more.
    fn broken(&mut self, checked: CheckedTile) {
        let CheckedTile { wanted: WantedTile { tile, expected }, held, leaves, .. } = checked;
        match &held {
            Ok(_) => {}
            Err(Fault::Missing) => self.lost.hash_tile(tile),
            Err(Fault::Malformed(bytes)) => {
                let detail = format!(
                    "it holds {bytes} bytes; {} hashes have {}",
                    tile.width,
                    usize::from(tile.width) * Hash::SIZE
                );
                self.find(Kind::ChangedTile, tile, detail);
            }
            Err(Fault::Unreadable(why)) => self.find(Kind::Unreadable, tile, why.clone()),
        }
        let none = vec![None; tile.width.into()];
        let mut broken =
            Broken { expected, held: held.ok(), below: none.clone(), waits_for: tile.width.into() };
        if let Level::Hashes(0) = tile.level {
            if let Some(Ok(leaves)) = &leaves {
                broken.below = leaves.iter().copied().map(Some).collect();
            }
            self.judge_entries(tile, None, leaves);
            self.complete(tile, broken);
        } else {
            self.broken.insert(tile, broken);
            self.look_below(tile, &none);
        }
    }

    fn look_below(&mut self, tile: Tile, expected: &[Option<Hash>]) {
        let Level::Hashes(level @ 1..) = tile.level else { return };
        let first = tile.number * u64::from(Tile::FULL);
        let below = (first..).zip(expected).map(|(number, expected)| WantedTile {
            tile: Tile { level: Level::Hashes(level - 1), number, width: Tile::FULL },
            expected: *expected,
        });
        // What is pushed last is looked at first.
        self.wanted.extend(below.collect::<Vec<_>>().into_iter().rev());
    }

    /// Tells the broken tile above what `tile` hashes to.
    fn report(&mut self, tile: Tile, root: Option<Hash>) {
        let Some((above, place)) = self.above(tile) else { return };
        let Some(broken) = self.broken.get_mut(&above) else { return };
        if let Some(below) = broken.below.get_mut(place) {
            *below = root;
        }
        broken.waits_for -= 1;
        if broken.waits_for == 0
            && let Some(broken) = self.broken.remove(&above)
        {
            self.complete(above, broken);
        }
    }

    /// The tile that says what a full tile hashes to, and where.
    fn above(&self, tile: Tile) -> Option<(Tile, usize)> {
        let Level::Hashes(level) = tile.level else { return None };
        let full = Tile::FULL;
        let number = tile.number / u64::from(full);
        let rest = (self.head.size >> (8 * (u32::from(level) + 1))) - number * u64::from(full);
        let width = u16::try_from(rest).unwrap_or(full).min(full);
        let place = usize::try_from(tile.number % u64::from(full)).ok()?;
        Some((Tile { level: Level::Hashes(level + 1), number, width }, place))
    }

    /// A broken tile below which everything was seen.
    fn complete(&mut self, tile: Tile, broken: Broken) {
        if self.edge.contains_key(&tile) {
            self.edge_broken.insert(tile, broken);
            if self.edge_broken.len() == self.edge.len() {
                self.complete_edge();
            }
            return;
        }
        let remade = broken.remade().map(|it| root_of_complete(&it));
        let is_remade = remade.is_some() && remade == broken.expected;
        if is_remade {
            self.lost.can_be_remade(tile);
        }
        if let (Some(held), Some(expected)) = (&broken.held, broken.expected) {
            let root = root_of_complete(held);
            let mut detail = format!("it hashes to {root}, the tile above says {expected}");
            detail.push_str(&differing(tile, held, &broken.below, is_remade));
            self.find(Kind::ChangedTile, tile, detail);
        }
        if broken.expected.is_none() {
            self.report(tile, remade);
        }
    }

    /// The edge does not give the signed root, and everything below it was seen.
    fn complete_edge(&mut self) {
        let edge = std::mem::take(&mut self.edge_broken);
        let mut tiles = Tiles::new(self.head.size);
        for (tile, broken) in &edge {
            if let Some(hashes) = broken.remade().or_else(|| broken.held.clone()) {
                tiles.hold(*tile, hashes);
            }
        }
        let root = tiles.root();
        let is_remade = root.as_ref().is_ok_and(|it| *it == self.head.root);
        let mut unseen = Vec::new();
        for (tile, broken) in edge {
            if is_remade {
                self.lost.can_be_remade(tile);
            }
            let remade = broken.remade();
            let Some(held) = broken.held else { continue };
            match remade {
                Some(remade) if remade != held => {
                    let words = differing(tile, &held, &broken.below, is_remade);
                    self.find(
                        Kind::ChangedTile,
                        tile,
                        format!("it is not what is below it{words}"),
                    );
                }
                Some(_) if is_remade => self.counts.tiles.valid += 1,
                Some(_) => {}
                None => unseen.push(tile),
            }
        }
        if let Ok(root) = root
            && !is_remade
        {
            self.another_root(root, unseen.first().copied());
        }
    }

    /// The signed root is not that of the tiles. A `suspect` has nothing below it that would speak
    /// for it.
    fn another_root(&mut self, root: Hash, suspect: Option<Tile>) {
        let TreeHead { size, root: signed } = self.head;
        let why = match suspect {
            Some(tile) => format!("if one tile was changed, it is {tile}: all others agree"),
            None => {
                "they are those of another tree, or one was changed with all above it".to_owned()
            }
        };
        let detail = format!(
            "the tiles of {size} leaves have the root {root}, the checkpoint says {signed}; {why}"
        );
        self.findings.push(Finding { kind: Kind::ChangedTile, object: suspect.map(at), detail });
    }

    /// The tile of entries beside a tile of level 0, whose hashes are given when they are good.
    fn judge_entries(
        &mut self,
        tile: Tile,
        held: Option<&[Hash]>,
        leaves: Option<Result<Vec<Hash>, Fault>>,
    ) {
        let Some(leaves) = leaves else { return };
        let tile = Tile { level: Level::Entries, ..tile };
        let mut valid = false;
        match (leaves, held) {
            (Ok(leaves), Some(held)) => {
                let first = tile.number * u64::from(Tile::FULL);
                let pairs = (first..).zip(leaves.iter().zip(held));
                let changed: Vec<_> =
                    pairs.filter(|(_, (leaf, held))| leaf != held).map(|(it, _)| it).collect();
                valid = changed.is_empty();
                if !valid {
                    let detail =
                        format!("entries {} are not the leaves of the tree", few(&changed));
                    self.find(Kind::ChangedEntryBundle, tile, detail);
                }
            }
            // Nothing that is good tells what they should be.
            (Ok(_), None) => {}
            (Err(Fault::Missing), _) => self.lost.entries(tile),
            (Err(Fault::Malformed(bytes)), _) => {
                let detail = format!("its {bytes} bytes are not {} whole entries", tile.width);
                self.find(Kind::ChangedEntryBundle, tile, detail);
            }
            (Err(Fault::Unreadable(why)), _) => self.find(Kind::Unreadable, tile, why),
        }
        self.counts.bundles.add(valid);
    }

    fn find(&mut self, kind: Kind, tile: Tile, detail: impl Into<String>) {
        self.findings.push(Finding::at(kind, &at(tile), detail));
    }
}

fn at(tile: Tile) -> Address {
    Address { bucket: String::new(), key: tile.to_string() }
}

/// Which hashes of a tile are not those of what lies below it, and what follows.
fn differing(tile: Tile, held: &[Hash], below: &[Option<Hash>], is_remade: bool) -> String {
    let first = tile.number * u64::from(Tile::FULL);
    let pairs = (first..).zip(held.iter().zip(below));
    let places: Vec<_> = pairs
        .filter(|(_, (held, it))| it.is_some_and(|it| it != **held))
        .map(|(at, _)| at)
        .collect();
    let (one, many) = match tile.level {
        Level::Hashes(0) => ("leaf", "leaves"),
        Level::Entries | Level::Hashes(_) => ("tile", "tiles"),
    };
    let what = if places.len() == 1 { one } else { many };
    match (places.is_empty(), is_remade) {
        (true, _) => String::new(),
        (false, true) => {
            format!(
                "; what lies below is good: only its hashes of {what} {} were changed",
                few(&places)
            )
        }
        (false, false) => format!("; below it, {what} {} do not agree with it", few(&places)),
    }
}

/// The first of many numbers.
fn few(numbers: &[u64]) -> String {
    let shown: Vec<_> = numbers.iter().take(FEW).map(u64::to_string).collect();
    let more = numbers.len().saturating_sub(FEW);
    let shown = shown.join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

const FEW: usize = 8;
