//! Where a hash stands in the tree, and which complete subtrees make up a range of leaves.

use std::ops::Range;

/// The root of a complete subtree: of the 2^level leaves from `index * 2^level` on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Node {
    /// Height above the leaves, at most 63.
    pub(crate) level: u8,
    /// How many subtrees of this height stand to the left.
    pub(crate) index: u64,
}

/// The complete subtrees that make up the leaves of `range`, from left to right, largest first.
///
/// `range` must begin where the recursion of RFC 6962 lets a subtree begin: at a multiple of a power
/// of two that is not below its length. Empty for an empty range.
pub(crate) fn complete_subtrees(range: Range<u64>) -> impl DoubleEndedIterator<Item = Node> {
    let length = range.end.saturating_sub(range.start);
    (0..64_u8).rev().filter(move |level| (length >> level) & 1 == 1).map(move |level| {
        // What the higher bits of the length cover lies to the left.
        let before = if level == 63 { 0 } else { (length >> (level + 1)) << (level + 1) };
        Node { level, index: (range.start + before) >> level }
    })
}

/// Where RFC 6962 splits a tree of `size` leaves: the largest power of two below it.
/// `size` is at least two.
pub(crate) const fn split(size: u64) -> u64 {
    1 << (63 - (size - 1).leading_zeros())
}

/// The ranges of leaves whose hashes prove that leaf `index` is in a tree of `size`, from the leaf
/// upwards. Spec: `PATH` of RFC 6962 section 2.1.1.
pub(crate) fn inclusion_ranges(index: u64, size: u64) -> Vec<Range<u64>> {
    let mut ranges = Vec::new();
    let (mut begin, mut end) = (0, size);
    while end - begin > 1 {
        let middle = begin + split(end - begin);
        if index < middle {
            ranges.push(middle..end);
            end = middle;
        } else {
            ranges.push(begin..middle);
            begin = middle;
        }
    }
    ranges.reverse();
    ranges
}

/// The ranges of leaves whose hashes prove that a tree of `old` leaves begins a tree of `new`.
/// Empty when either is empty or both are equal. Spec: `PROOF` of RFC 6962 section 2.1.2.
pub(crate) fn consistency_ranges(old: u64, new: u64) -> Vec<Range<u64>> {
    let mut ranges = Vec::new();
    if old == 0 || old >= new {
        return ranges;
    }
    let (mut begin, mut end) = (0, new);
    while end != old {
        let middle = begin + split(end - begin);
        if old <= middle {
            ranges.push(middle..end);
            end = middle;
        } else {
            ranges.push(begin..middle);
            begin = middle;
        }
    }
    // The old tree's own root is known to whoever asks; any other subtree is not.
    if begin != 0 {
        ranges.push(begin..end);
    }
    ranges.reverse();
    ranges
}
