//! Many sets of predicates, judged together.
//!
//! Every predicate of every set is a rule with a number. For each field, all tests of all rules on
//! it lie in one index: a value is walked through once, and whatever texts it fits say which rules
//! it lets pass and which it fails. What rules are left after a field is a bitset; the next field
//! is read only if it can still make a difference. So a record costs one look at each field that
//! matters, plus a 64th of a step per rule.

use record::Record;

use crate::{Field, Predicate, Selectors, bits::Bits};

mod index;

use index::{Index, Resources};

/// Sets of predicates (the selectors of one trail are a set), compiled to be judged together.
///
/// Made once for each change of the sets; costs time and memory in proportion to their tests.
#[derive(Clone, Debug)]
pub struct Selection {
    /// How many sets there are.
    sets: usize,
    /// The set of each rule.
    owners: Vec<usize>,
    /// All rules.
    rules: Bits,
    /// The fields of one value that rules are about, in the order of [`Field`].
    fields: Vec<(Field, Index)>,
    resources: Resources,
}

/// Which sets of a [`Selection`] choose a record.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Chosen(Bits);

impl Selection {
    /// Compiles the selectors of many trails or event data stores; each is known by its place.
    pub fn compile<'a>(sets: impl IntoIterator<Item = &'a Selectors>) -> Self {
        Self::of_predicates(sets.into_iter().map(Selectors::predicates))
    }

    /// Compiles sets of predicates. A set chooses a record when one of its predicates holds.
    pub fn of_predicates(sets: impl IntoIterator<Item = Vec<Predicate>>) -> Self {
        let (mut owners, mut predicates, mut count) = (Vec::new(), Vec::new(), 0);
        for set in sets {
            owners.extend(std::iter::repeat_n(count, set.len()));
            predicates.extend(set);
            count += 1;
        }
        let index = |field| Index::of(field, &predicates);
        let single = Field::ALL.into_iter().filter(|it| !it.is_of_resources());
        let fields = single.map(|field| (field, index(field))).filter(|it| it.1.concerns_any());
        Self {
            sets: count,
            rules: Bits::of(owners.len(), |_| true),
            fields: fields.collect(),
            resources: Resources::new(index(Field::ResourceType), index(Field::ResourceArn)),
            owners,
        }
    }

    /// How many sets there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sets
    }

    /// Whether there are no sets.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sets == 0
    }

    /// Which sets choose the record. Never fails; reads the record's members as lazily as it can.
    #[must_use]
    pub fn judge(&self, record: &Record<'_>) -> Chosen {
        let mut alive = self.rules.clone();
        let (mut passed, mut failed) = (alive.clone(), alive.clone());
        for (field, index) in &self.fields {
            if !index.concerns(&alive) {
                continue;
            }
            passed.copy(index.unasked());
            failed.clear();
            if let Some(value) = field.of(record) {
                index.weigh(&value, &mut passed, &mut failed);
            }
            alive.keep(&passed);
            alive.drop_all(&failed);
            if alive.is_empty() {
                break;
            }
        }
        if self.resources.concern(&alive) {
            self.resources.judge(record, &mut alive);
        }
        let mut chosen = Bits::none(self.sets);
        for rule in alive.iter() {
            chosen.add(self.owners.get(rule).copied().unwrap_or(usize::MAX));
        }
        Chosen(chosen)
    }
}

impl Chosen {
    /// Whether the set in this place chooses the record.
    #[must_use]
    pub fn contains(&self, set: usize) -> bool {
        self.0.has(set)
    }

    /// Whether no set does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The places of the sets that do, in order.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter()
    }

    /// How many sets do.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests;
