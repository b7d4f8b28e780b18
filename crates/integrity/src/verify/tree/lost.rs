//! Tiles that are not there: at the end of the tree, or in the midst of it.

use std::collections::BTreeMap;

use crate::{
    tree::{Level, Tile},
    verify::{Finding, Kind, tree::at},
};

/// What is not there.
#[derive(Debug, Default)]
pub(super) struct Lost {
    /// Hash tiles, and whether what is below can make them anew.
    hashes: BTreeMap<Tile, bool>,
    entries: BTreeMap<Tile, bool>,
}

impl Lost {
    pub(super) fn hash_tile(&mut self, tile: Tile) {
        self.hashes.insert(tile, false);
    }

    pub(super) fn entries(&mut self, tile: Tile) {
        self.entries.insert(tile, false);
    }

    pub(super) fn can_be_remade(&mut self, tile: Tile) {
        self.hashes.entry(tile).and_modify(|it| *it = true);
    }

    /// What that means for a tree of so many leaves.
    pub(super) fn findings(mut self, size: u64) -> Vec<Finding> {
        let mut findings: Vec<_> = self.truncated(size).into_iter().collect();
        findings.extend(runs(Kind::MissingTile, &self.hashes));
        findings.extend(runs(Kind::MissingEntryBundle, &self.entries));
        findings
    }

    /// Whether the end of the tree is gone. What is said so is taken away.
    fn truncated(&mut self, size: u64) -> Option<Finding> {
        let tiles = size.div_ceil(FULL);
        let is_lost = |number: &u64| {
            let width = u16::try_from((size - number * FULL).min(FULL)).unwrap_or(Tile::FULL);
            self.hashes.contains_key(&Tile { level: Level::Hashes(0), number: *number, width })
        };
        let lost = (0..tiles).rev().take_while(is_lost).count() as u64;
        if lost == 0 {
            return None;
        }
        let end = (tiles - lost) * FULL;
        let until = |tile: &Tile| match tile.level {
            Level::Entries => tile.number * FULL + u64::from(tile.width),
            Level::Hashes(level) => {
                (tile.number * FULL + u64::from(tile.width)) << (8 * u32::from(level))
            }
        };
        self.hashes.retain(|tile, _| until(tile) <= end);
        self.entries.retain(|tile, _| until(tile) <= end);
        let detail = format!(
            "the checkpoint covers {size} leaves; the tiles end at {end}: {} leaves are gone",
            size - end
        );
        Some(Finding { kind: Kind::TruncatedTree, object: None, detail })
    }
}

/// One finding for tiles that stood side by side.
fn runs(kind: Kind, lost: &BTreeMap<Tile, bool>) -> Vec<Finding> {
    let mut runs: Vec<(Tile, Tile, bool)> = Vec::new();
    for (tile, remade) in lost {
        match runs.last_mut() {
            Some((_, last, same))
                if same == remade && last.level == tile.level && last.number + 1 == tile.number =>
            {
                *last = *tile;
            }
            Some(_) | None => runs.push((*tile, *tile, *remade)),
        }
    }
    let finding = |(first, last, remade): (Tile, Tile, bool)| {
        let mut detail = match last.number - first.number {
            0 => "it is not there".to_owned(),
            more => format!("it and those up to {last} are not there: {} tiles", more + 1),
        };
        if remade {
            detail.push_str("; what lies below is good, and can make it anew");
        }
        Finding::at(kind, &at(first), detail)
    };
    runs.into_iter().map(finding).collect()
}

const FULL: u64 = Tile::FULL as u64;
