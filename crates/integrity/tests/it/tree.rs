//! A whole tree, tile by tile: each tile that is touched is named, and no other.

use std::{collections::BTreeMap, sync::LazyLock};

use integrity::{
    tree::{Builder, Checkpoint, Hash, Level, Policy, Tile, Tiles, TreeHead},
    verify::{
        Compared, Count, Finding, Kind, Statement, TreeAudit, TreeCounts, check_tile, compare,
        statement,
    },
};
use proptest::prelude::*;

use crate::{
    bucket::stamp,
    merkle::{entry, log},
};

/// A tree of three levels, which takes long to make.
static LARGE: LazyLock<Stored> = LazyLock::new(|| Stored::of(70_000));

/// A stored tree.
#[derive(Clone)]
struct Stored {
    head: TreeHead,
    tiles: BTreeMap<Tile, Vec<u8>>,
}

impl Stored {
    fn of(leaves: u64) -> Self {
        let (mut builder, mut tiles) = (Builder::new(), BTreeMap::new());
        for index in 0..leaves {
            builder.append(&entry(index));
        }
        tiles.extend(builder.take().into_iter().map(|it| (it.tile, it.bytes)));
        Self { head: builder.head(), tiles }
    }

    fn audit(&self, with_entries: bool) -> (TreeCounts, Vec<Finding>) {
        let fetch = |tile: Tile| {
            let full = || self.tiles.get(&tile.full());
            Ok(self.tiles.get(&tile).or_else(full).cloned())
        };
        let mut audit = TreeAudit::new(self.head);
        while let Some(wanted) = audit.wanted() {
            let entries = wanted.entries().filter(|_| with_entries).map(fetch);
            audit.take(check_tile(wanted, fetch(wanted.tile), entries));
        }
        assert_eq!(audit.seen(), audit.total());
        audit.finish()
    }

    /// What is wrong: kind and place, and the words.
    fn wrong(&self, with_entries: bool) -> Vec<(Kind, String, String)> {
        let told =
            |it: Finding| (it.kind, it.object.map(|it| it.key).unwrap_or_default(), it.detail);
        self.audit(with_entries).1.into_iter().map(told).collect()
    }

    fn flip(&mut self, path: &str, byte: usize) {
        let tile: Tile = path.parse().unwrap();
        self.tiles.get_mut(&tile).unwrap()[byte] ^= 1;
    }

    fn remove(&mut self, path: &str) {
        self.tiles.remove(&path.parse().unwrap()).unwrap();
    }
}

#[track_caller]
fn check(wrong: &[(Kind, String, String)], expected: &[(Kind, &str, &str)]) {
    assert_eq!(wrong.len(), expected.len(), "{wrong:#?}");
    for ((kind, at, detail), (expected_kind, expected_at, words)) in wrong.iter().zip(expected) {
        assert_eq!((kind, at.as_str()), (expected_kind, *expected_at), "{detail}");
        assert!(detail.contains(words), "{detail}");
    }
}

#[test]
fn a_good_tree_of_any_size_is_valid_to_its_last_tile() {
    for size in [0, 1, 2, 255, 256, 257, 511, 512, 65_536] {
        check_good(&Stored::of(size));
    }
    check_good(&LARGE);
}

fn check_good(stored: &Stored) {
    let size = stored.head.size;
    let hashes = stored.tiles.keys().filter(|it| it.level != Level::Entries).count() as u64;
    let bundles = stored.tiles.len() as u64 - hashes;
    let (counts, findings) = stored.audit(true);
    assert_eq!(findings, [], "{size}");
    assert_eq!(counts.tiles, Count { valid: hashes, total: hashes }, "{size}");
    assert_eq!(counts.bundles, Count { valid: bundles, total: bundles }, "{size}");
    assert_eq!(stored.audit(false).1, []);
}

#[test]
fn a_changed_tile_is_named_wherever_it_lies_and_what_was_changed_in_it() {
    let good = LARGE.clone();
    for (path, byte, words) in [
        ("tile/0/005", 32 * 7, "only its hashes of leaf 1287 were changed"),
        ("tile/0/273.p/112", 0, "only its hashes of leaf 69888 were changed"),
        ("tile/1/000", 32 * 9, "only its hashes of tile 9 were changed"),
        ("tile/1/001.p/17", 32 * 16, "only its hashes of tile 272 were changed"),
        ("tile/2/000.p/1", 31, "only its hashes of tile 0 were changed"),
    ] {
        let mut bad = good.clone();
        bad.flip(path, byte);
        check(&bad.wrong(true), &[(Kind::ChangedTile, path, words)]);
    }
    // Without entries nothing below tells which leaf it is.
    let mut bad = good.clone();
    bad.flip("tile/0/005", 0);
    check(&bad.wrong(false), &[(Kind::ChangedTile, "tile/0/005", "the tile above says")]);
    let mut bad = good;
    bad.flip("tile/0/273.p/112", 0);
    let words = "if one tile was changed, it is tile/0/273.p/112";
    check(&bad.wrong(false), &[(Kind::ChangedTile, "tile/0/273.p/112", words)]);
}

#[test]
fn a_missing_tile_is_named_and_whether_it_can_be_made_anew() {
    let good = LARGE.clone();
    for path in ["tile/0/005", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"] {
        let mut bad = good.clone();
        bad.remove(path);
        check(&bad.wrong(true), &[(Kind::MissingTile, path, "can make it anew")]);
    }
    let mut bad = good;
    for path in ["tile/0/005", "tile/0/006", "tile/0/007"] {
        bad.remove(path);
    }
    check(&bad.wrong(false), &[(Kind::MissingTile, "tile/0/005", "up to tile/0/007")]);
}

#[test]
fn a_tree_that_ends_before_its_checkpoint_is_truncated() {
    let good = LARGE.clone();
    let mut bad = Stored::of(66_000);
    bad.head = good.head;
    let wrong = bad.wrong(true);
    let words = "covers 70000 leaves; the tiles end at 65792: 4208 leaves are gone";
    check(&wrong, &[(Kind::TruncatedTree, "", words)]);
    bad.tiles.clear();
    check(&bad.wrong(true), &[(Kind::TruncatedTree, "", "the tiles end at 0")]);
}

#[test]
fn a_changed_or_missing_tile_of_entries_is_named_with_the_entry() {
    let good = LARGE.clone();
    let mut bad = good.clone();
    bad.flip("tile/entries/100", 79 * 3 + 2 + 70);
    bad.remove("tile/entries/200");
    check(
        &bad.wrong(true),
        &[
            (Kind::ChangedEntryBundle, "tile/entries/100", "entries 25603 are not"),
            (Kind::MissingEntryBundle, "tile/entries/200", "it is not there"),
        ],
    );
    let mut bad = good;
    bad.tiles.get_mut(&"tile/entries/100".parse().unwrap()).unwrap().pop();
    let words = "its 20223 bytes are not 256 whole entries";
    check(&bad.wrong(true), &[(Kind::ChangedEntryBundle, "tile/entries/100", words)]);
}

#[test]
fn the_tiles_of_another_tree_are_not_those_of_the_checkpoint() {
    let mut bad = LARGE.clone();
    bad.head.root = Hash::of(b"another");
    check(&bad.wrong(true), &[(Kind::ChangedTile, "", "those of another tree")]);
    let mut bad = Stored::of(0);
    bad.head.root = Hash::of(b"another");
    check(&bad.wrong(true), &[(Kind::ChangedTile, "", "the tiles of 0 leaves")]);
}

fn signed(head: TreeHead) -> Statement {
    let note = Checkpoint::sign(head, &log(), stamp("2026-03-01T00:00:00Z").timestamp());
    let policy = Policy::of_log(log().verifier().clone());
    statement("a checkpoint", note.to_string().as_bytes(), &policy).unwrap()
}

#[test]
fn older_checkpoints_are_continued_or_convict_the_log() {
    let new = LARGE.clone();
    let newest = signed(new.head);
    let compared = |older: TreeHead, drop_tiles: bool| {
        let mut tiles = Tiles::new(new.head.size);
        for tile in Tile::of_consistency(older.size, new.head.size) {
            if !drop_tiles {
                tiles.insert(tile, &new.tiles[&tile]).unwrap();
            }
        }
        compare(&signed(older), &newest, &tiles, true)
    };
    for older in
        [0, 1, 256, 300, 65_536].map(|it| Stored::of(it).head).into_iter().chain([new.head])
    {
        let size = older.size;
        assert_eq!(compared(older, false), Compared::Continued, "{size}");
        let forked = TreeHead { root: Hash::of(b"another"), ..older };
        let Compared::Contradicted(finding) = compared(forked, false) else { panic!("{size}") };
        assert_eq!(finding.kind, Kind::Equivocation);
        // Both notes are evidence.
        assert!(finding.detail.matches("audit.example/t1\n").count() == 2, "{}", finding.detail);
    }
    let Compared::Contradicted(finding) = compared(Stored::of(70_001).head, false) else {
        panic!()
    };
    assert_eq!(finding.kind, Kind::OldCheckpoint);
    let Compared::Unknown(words) = compared(Stored::of(300).head, true) else { panic!() };
    assert!(words.contains("cannot be told"), "{words}");
}

proptest! {
    #[test]
    fn any_byte_that_is_changed_in_any_tile_is_found_there(
        size in 1_u64..1_500,
        tile in any::<proptest::sample::Index>(),
        byte in any::<proptest::sample::Index>(),
    ) {
        let mut stored = Stored::of(size);
        let tile = *stored.tiles.keys().nth(tile.index(stored.tiles.len())).unwrap();
        let bytes = stored.tiles.get_mut(&tile).unwrap();
        let byte = byte.index(bytes.len());
        bytes[byte] ^= 1;
        let wrong = stored.wrong(true);
        prop_assert_eq!(wrong.len(), 1, "{:?}", wrong);
        prop_assert_eq!(&wrong[0].1, &tile.to_string());
    }
}
