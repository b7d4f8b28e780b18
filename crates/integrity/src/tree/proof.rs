//! Inclusion and consistency: made from tiles, checked by anyone.
//!
//! Spec: RFC 9162 sections 2.1.3 and 2.1.4. The check, not the making, is the product: it takes
//! hashes from strangers.

use crate::tree::{
    checkpoint::TreeHead,
    error::Error,
    hash::Hash,
    node::{consistency_ranges, inclusion_ranges},
    tile::Tiles,
};

/// The most hashes that a proof about a tree of fewer than 2^63 leaves can have.
pub const MAX_HASHES: usize = 63;

/// Proves that leaf `index` is in the tree of these tiles: the hashes from the leaf upwards.
///
/// # Errors
/// [`Error::Index`] when there is no such leaf, [`Error::MissingTile`] when one of
/// [`crate::tree::Tile::of_inclusion`] was not given.
pub fn prove_inclusion(tiles: &Tiles, index: u64) -> Result<Vec<Hash>, Error> {
    if index >= tiles.size() {
        return Err(Error::Index { index, size: tiles.size() });
    }
    inclusion_ranges(index, tiles.size()).into_iter().map(|range| tiles.range(range)).collect()
}

/// Proves that a tree of `old` leaves begins the tree of these tiles. Empty when `old` is zero or
/// the same size.
///
/// # Errors
/// [`Error::Inconsistent`] when `old` is larger, [`Error::MissingTile`] when one of
/// [`crate::tree::Tile::of_consistency`] was not given.
pub fn prove_consistency(tiles: &Tiles, old: u64) -> Result<Vec<Hash>, Error> {
    if old > tiles.size() {
        return Err(Error::Inconsistent { old, new: tiles.size() });
    }
    consistency_ranges(old, tiles.size()).into_iter().map(|range| tiles.range(range)).collect()
}

/// Checks that `leaf` is leaf `index` of the tree of `head`.
///
/// # Errors
/// [`Error::Index`] when the tree has no such leaf, [`Error::Inclusion`] when it is another one.
pub fn check_inclusion(
    leaf: Hash,
    index: u64,
    proof: &[Hash],
    head: &TreeHead,
) -> Result<(), Error> {
    if index >= head.size {
        return Err(Error::Index { index, size: head.size });
    }
    let mut path = Path { node: index, last: head.size - 1 };
    let mut root = leaf;
    for sibling in proof.iter().take(MAX_HASHES + 1) {
        root = match path.climb().ok_or(Error::Inclusion)? {
            Side::Left => Hash::node(sibling, &root),
            Side::Right => Hash::node(&root, sibling),
        };
    }
    if path.last != 0 || root != head.root || proof.len() > MAX_HASHES {
        return Err(Error::Inclusion);
    }
    Ok(())
}

/// Checks that the tree of `new` begins with that of `old`.
///
/// Every tree begins with the empty one, whose root must then be that of the empty tree.
///
/// # Errors
/// [`Error::Inconsistent`] when it does not, or when the proof is too short or too long.
pub fn check_consistency(old: &TreeHead, new: &TreeHead, proof: &[Hash]) -> Result<(), Error> {
    if is_consistent(old, new, proof) {
        Ok(())
    } else {
        Err(Error::Inconsistent { old: old.size, new: new.size })
    }
}

fn is_consistent(old: &TreeHead, new: &TreeHead, proof: &[Hash]) -> bool {
    if old.size > new.size || proof.len() > MAX_HASHES {
        return false;
    }
    if old.size == new.size {
        return proof.is_empty() && old.root == new.root;
    }
    if old.size == 0 {
        return proof.is_empty() && old.root == Hash::empty();
    }
    let mut path = Path { node: old.size - 1, last: new.size - 1 };
    while path.node & 1 == 1 {
        path.up();
    }
    // A complete old tree is a subtree of the new one, and whoever checks knows its root.
    let (first, rest) = match (old.size.is_power_of_two(), proof.split_first()) {
        (_, None) => return false,
        (true, Some(_)) => (&old.root, proof),
        (false, Some((first, rest))) => (first, rest),
    };
    let (mut old_root, mut new_root) = (*first, *first);
    for sibling in rest {
        match path.climb() {
            None => return false,
            Some(Side::Left) => {
                old_root = Hash::node(sibling, &old_root);
                new_root = Hash::node(sibling, &new_root);
            }
            Some(Side::Right) => new_root = Hash::node(&new_root, sibling),
        }
    }
    path.last == 0 && old_root == old.root && new_root == new.root
}

/// The way from a node to the root; RFC 9162 calls its members `fn` and `sn`.
struct Path {
    node: u64,
    last: u64,
}

/// On which side of the way the next sibling stands.
enum Side {
    Left,
    Right,
}

impl Path {
    /// Goes up to where the next sibling is used; `None` at the root.
    fn climb(&mut self) -> Option<Side> {
        if self.last == 0 {
            return None;
        }
        let side = if self.node & 1 == 1 || self.node == self.last {
            // A node on the right edge without a sibling stands for its parent.
            while self.node != 0 && self.node & 1 == 0 {
                self.up();
            }
            Side::Left
        } else {
            Side::Right
        };
        self.up();
        Some(side)
    }

    fn up(&mut self) {
        self.node >>= 1;
        self.last >>= 1;
    }
}
