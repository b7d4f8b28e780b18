//! Sets of small numbers: those of rules, and of sets of rules.

use smallvec::SmallVec;

/// A set of numbers below a bound that it was made for. Small ones need no allocation.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Bits(SmallVec<[u64; 8]>);

/// A set of numbers of which few words are not zero, for adding to [`Bits`].
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Sparse(Box<[(u32, u64)]>);

impl Bits {
    /// The empty set, for numbers below `bound`.
    pub(crate) fn none(bound: usize) -> Self {
        Self(SmallVec::from_elem(0, bound.div_ceil(64)))
    }

    /// All numbers below `bound` that `keep` keeps.
    pub(crate) fn of(bound: usize, keep: impl Fn(usize) -> bool) -> Self {
        let mut bits = Self::none(bound);
        (0..bound).filter(|it| keep(*it)).for_each(|it| bits.add(it));
        bits
    }

    /// Adds a number; one that is out of bounds is not added.
    pub(crate) fn add(&mut self, number: usize) {
        if let Some(word) = self.0.get_mut(number / 64) {
            *word |= 1 << (number % 64);
        }
    }

    pub(crate) fn has(&self, number: usize) -> bool {
        self.0.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Takes all numbers out.
    pub(crate) fn clear(&mut self) {
        self.0.fill(0);
    }

    /// Becomes what `other` is.
    pub(crate) fn copy(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word = *other);
    }

    pub(crate) fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(word, other)| word & other != 0)
    }

    /// Keeps the numbers that `within` has.
    pub(crate) fn keep(&mut self, within: &Self) {
        self.0.iter_mut().zip(&within.0).for_each(|(word, it)| *word &= it);
    }

    /// Keeps the numbers that `without` does not have.
    pub(crate) fn drop_all(&mut self, without: &Self) {
        self.0.iter_mut().zip(&without.0).for_each(|(word, it)| *word &= !it);
    }

    /// Adds the numbers that both sets have.
    pub(crate) fn add_common(&mut self, one: &Self, other: &Self) {
        let common = one.0.iter().zip(&other.0);
        self.0.iter_mut().zip(common).for_each(|(word, (one, other))| *word |= one & other);
    }

    pub(crate) fn add_all(&mut self, sparse: &Sparse) {
        for (at, bits) in &sparse.0 {
            if let Some(word) = self.0.get_mut(*at as usize) {
                *word |= bits;
            }
        }
    }

    /// The numbers, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(at, word)| {
            let after = |word: &u64| Some(word & (word - 1)).filter(|it| *it != 0);
            let rest = std::iter::successors(Some(*word).filter(|it| *it != 0), after);
            rest.map(move |word| at * 64 + word.trailing_zeros() as usize)
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }
}

impl FromIterator<u32> for Sparse {
    /// From numbers that come in order.
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        let mut words = Vec::<(u32, u64)>::new();
        for number in numbers {
            let (at, bit) = (number / 64, 1 << (number % 64));
            match words.last_mut() {
                Some((last, bits)) if *last == at => *bits |= bit,
                _ => words.push((at, bit)),
            }
        }
        Self(words.into())
    }
}
