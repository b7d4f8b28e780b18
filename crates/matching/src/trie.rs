//! A tree of texts that finds, in one walk along a value, the text that equals it and all texts
//! that it starts with (or, walked backwards, ends with).
//!
//! A path compressed trie over bytes. A walk costs at most the length of the value, however many
//! texts there are, and allocates nothing.

/// The end of a value from which a trie is walked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Direction {
    /// From the end; texts are suffixes.
    Backward,
    /// From the beginning; texts are prefixes.
    Forward,
}

#[derive(Clone, Debug)]
pub(crate) struct Trie<T> {
    direction: Direction,
    nodes: Vec<Node<T>>,
}

#[derive(Clone, Debug)]
struct Node<T> {
    /// The bytes between the parent and here, in the order of the value.
    label: Box<[u8]>,
    /// Of each child, the byte of its label that is walked first.
    firsts: Vec<u8>,
    /// The children, in the order of `firsts`.
    children: Vec<usize>,
    /// For values that end here.
    equal: Option<T>,
    /// For values that come through here.
    through: Option<T>,
}

impl<T> Trie<T> {
    pub(crate) fn new(direction: Direction) -> Self {
        Self { direction, nodes: vec![Node::new(&[])] }
    }

    /// Whether walks can find anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.nodes.iter().all(|it| it.equal.is_none() && it.through.is_none())
    }

    /// Sets what values that equal `text` find.
    pub(crate) fn at_equal(&mut self, text: &str, found: T) {
        if let Some(node) = self.node_of(text.as_bytes()) {
            node.equal = Some(found);
        }
    }

    /// Sets what values that start (or, backwards, end) with `text` find.
    pub(crate) fn at_through(&mut self, text: &str, found: T) {
        if let Some(node) = self.node_of(text.as_bytes()) {
            node.through = Some(found);
        }
    }

    /// Calls `found` with everything that the value finds, the shortest text first.
    pub(crate) fn walk<'a>(&'a self, value: &str, mut found: impl FnMut(&'a T)) {
        let direction = self.direction;
        let mut rest = value.as_bytes();
        let mut next = self.nodes.first();
        while let Some(node) = next {
            let Some(after) = direction.strip(rest, &node.label) else { return };
            rest = after;
            node.through.iter().for_each(&mut found);
            let Some(first) = direction.first(rest) else {
                node.equal.iter().for_each(&mut found);
                return;
            };
            next = node.child(first).and_then(|it| self.nodes.get(it));
        }
    }

    /// The node of a text, made if it is not there.
    fn node_of(&mut self, text: &[u8]) -> Option<&mut Node<T>> {
        let direction = self.direction;
        let (mut at, mut rest) = (0, text);
        while let Some(first) = direction.first(rest) {
            let known = self.nodes.get(at)?.child(first);
            let Some(child) = known else {
                let added = self.nodes.len();
                self.nodes.push(Node::new(rest));
                self.nodes.get_mut(at)?.adopt(first, added);
                at = added;
                break;
            };
            let label = &self.nodes.get(child)?.label;
            let common = direction.common(label, rest);
            if common < label.len() {
                self.split(child, common)?;
            }
            rest = direction.cut(rest, common)?.1;
            at = child;
        }
        self.nodes.get_mut(at)
    }

    /// Parts a node in two: it keeps the first `at` bytes of its label, a new child the rest.
    fn split(&mut self, node: usize, at: usize) -> Option<()> {
        let added = self.nodes.len();
        let upper = self.nodes.get_mut(node)?;
        let (kept, rest) = self.direction.cut(&upper.label, at)?;
        let first = self.direction.first(rest)?;
        let mut lower = Node::new(rest);
        let kept = kept.into();
        lower.firsts = std::mem::replace(&mut upper.firsts, vec![first]);
        lower.children = std::mem::replace(&mut upper.children, vec![added]);
        lower.equal = upper.equal.take();
        lower.through = upper.through.take();
        upper.label = kept;
        self.nodes.push(lower);
        Some(())
    }
}

impl<T> Node<T> {
    fn new(label: &[u8]) -> Self {
        Self {
            label: label.into(),
            firsts: Vec::new(),
            children: Vec::new(),
            equal: None,
            through: None,
        }
    }

    fn child(&self, first: u8) -> Option<usize> {
        self.children.get(memchr::memchr(first, &self.firsts)?).copied()
    }

    fn adopt(&mut self, first: u8, child: usize) {
        self.firsts.push(first);
        self.children.push(child);
    }
}

impl Direction {
    /// The byte that is walked first.
    fn first(self, bytes: &[u8]) -> Option<u8> {
        match self {
            Self::Backward => bytes.last().copied(),
            Self::Forward => bytes.first().copied(),
        }
    }

    /// What is left of `bytes` once `label` has been walked, if it can be.
    fn strip<'a>(self, bytes: &'a [u8], label: &[u8]) -> Option<&'a [u8]> {
        match self {
            Self::Backward => bytes.strip_suffix(label),
            Self::Forward => bytes.strip_prefix(label),
        }
    }

    /// The part of `bytes` that is walked in the first `at` steps, and the rest.
    fn cut(self, bytes: &[u8], at: usize) -> Option<(&[u8], &[u8])> {
        match self {
            Self::Backward => {
                let (rest, walked) = bytes.split_at_checked(bytes.len().checked_sub(at)?)?;
                Some((walked, rest))
            }
            Self::Forward => bytes.split_at_checked(at),
        }
    }

    /// How many steps two texts have in common.
    fn common(self, one: &[u8], other: &[u8]) -> usize {
        match self {
            Self::Backward => {
                let pairs = one.iter().rev().zip(other.iter().rev());
                pairs.take_while(|(one, other)| one == other).count()
            }
            Self::Forward => one.iter().zip(other).take_while(|(one, other)| one == other).count(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn found(direction: Direction, texts: &[String], value: &str) -> Vec<(bool, usize)> {
        let mut trie = Trie::new(direction);
        for (index, text) in texts.iter().enumerate() {
            trie.at_through(text, (true, index));
            trie.at_equal(text, (false, index));
        }
        let mut found = Vec::new();
        trie.walk(value, |it| found.push(*it));
        found.sort_unstable();
        found
    }

    proptest! {
        #[test]
        fn a_walk_finds_exactly_the_texts_that_fit(
            texts in vec("[ab]{0,6}|[aäb]{1,3}", 0..24),
            value in "[abä]{0,8}",
        ) {
            let mut texts = texts;
            texts.sort();
            texts.dedup();
            for direction in [Direction::Backward, Direction::Forward] {
                let fits = |text: &String| match direction {
                    Direction::Backward => value.ends_with(text.as_str()),
                    Direction::Forward => value.starts_with(text.as_str()),
                };
                let equal = texts.iter().position(|it| *it == value).map(|it| (false, it));
                let through = texts.iter().enumerate().filter(|it| fits(it.1));
                let expected: Vec<_> =
                    equal.into_iter().chain(through.map(|it| (true, it.0))).collect();
                prop_assert_eq!(found(direction, &texts, &value), expected);
            }
        }
    }
}
