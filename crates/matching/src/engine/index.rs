//! All tests of all rules on one field.

use std::collections::BTreeMap;

use record::Record;

use crate::{
    Field, Predicate, Test,
    bits::{Bits, Sparse},
    trie::{Direction, Trie},
};

/// All tests of all rules on one field.
#[derive(Clone, Debug)]
pub(super) struct Index {
    /// Rules with a condition on the field.
    concerned: Bits,
    /// Rules that ask for no test to pass.
    unasked: Bits,
    forward: Trie<Effect>,
    /// Suffixes; `None` when no rule asks for any.
    backward: Option<Trie<Effect>>,
}

/// What a value that passes a test means for the rules.
#[derive(Clone, Debug)]
struct Effect {
    /// Rules that asked for it.
    passed: Sparse,
    /// Rules that forbade it.
    failed: Sparse,
}

impl Index {
    pub(super) fn of(field: Field, rules: &[Predicate]) -> Self {
        let conditions: Vec<_> = rules
            .iter()
            .map(|rule| rule.conditions().iter().find(|it| it.field == field))
            .collect();
        let at = |rule: usize| conditions.get(rule).copied().flatten();
        let mut effects = BTreeMap::<&Test, (Vec<u32>, Vec<u32>)>::new();
        for (rule, condition) in (0u32..).zip(&conditions) {
            for test in condition.iter().flat_map(|it| &it.any_of) {
                effects.entry(test).or_default().0.push(rule);
            }
            for test in condition.iter().flat_map(|it| &it.none_of) {
                effects.entry(test).or_default().1.push(rule);
            }
        }
        let (mut forward, mut backward) =
            (Trie::new(Direction::Forward), Trie::new(Direction::Backward));
        for (test, (passed, failed)) in effects {
            let effect = Effect {
                passed: passed.into_iter().collect(),
                failed: failed.into_iter().collect(),
            };
            match test {
                Test::EndsWith(text) => backward.at_through(text, effect),
                Test::Equals(text) => forward.at_equal(text, effect),
                Test::StartsWith(text) => forward.at_through(text, effect),
            }
        }
        Self {
            concerned: Bits::of(rules.len(), |rule| at(rule).is_some()),
            unasked: Bits::of(rules.len(), |rule| at(rule).is_none_or(|it| it.any_of.is_empty())),
            forward,
            backward: Some(backward).filter(|it| !it.is_empty()),
        }
    }

    pub(super) fn concerns_any(&self) -> bool {
        !self.concerned.is_empty()
    }

    /// Whether the field can make a difference for some of the rules.
    pub(super) fn concerns(&self, rules: &Bits) -> bool {
        self.concerned.meets(rules)
    }

    /// Rules that ask for no test to pass: they hold, unless a value fails them.
    pub(super) fn unasked(&self) -> &Bits {
        &self.unasked
    }

    /// Adds the rules that a value lets pass, and those that it fails.
    pub(super) fn weigh(&self, value: &str, passed: &mut Bits, failed: &mut Bits) {
        let mut tell = |effect: &Effect| {
            passed.add_all(&effect.passed);
            failed.add_all(&effect.failed);
        };
        self.forward.walk(value, &mut tell);
        if let Some(backward) = &self.backward {
            backward.walk(value, &mut tell);
        }
    }
}

/// The tests on the resources of a record.
///
/// A record may name several: an object and its bucket, a table and its stream, the tables of a
/// batch. A rule asks whether some resource is of its type, and looks at the ARNs of those alone:
/// a bucket must neither satisfy nor spoil what is said about objects. Of several resources of the
/// type, one that fits is enough to choose the record, one that is excluded is enough to exclude
/// it. CloudTrail documents this by example (table and stream) only; what it does with several
/// resources of one type of which some are excluded is unverified.
#[derive(Clone, Debug)]
pub(super) struct Resources {
    types: Index,
    arns: Index,
}

impl Resources {
    pub(super) fn new(types: Index, arns: Index) -> Self {
        Self { types, arns }
    }

    /// Whether resources can make a difference for some of the rules.
    pub(super) fn concern(&self, rules: &Bits) -> bool {
        self.types.concerns(rules) || self.arns.concerns(rules)
    }

    /// Keeps the rules that the resources of the record satisfy.
    pub(super) fn judge(&self, record: &Record<'_>, alive: &mut Bits) {
        let mut empty = alive.clone();
        empty.clear();
        let (mut failed, mut refused) = (empty.clone(), empty.clone());
        let (mut has_type, mut has_arn) = (self.types.unasked.clone(), self.arns.unasked.clone());
        let (mut of_type, mut fits) = (empty.clone(), empty.clone());
        for resource in record.resources() {
            of_type.copy(&self.types.unasked);
            if let Some(kind) = &resource.kind {
                self.types.weigh(kind, &mut of_type, &mut failed);
            }
            // Nothing that is still asked for has this type.
            if !of_type.meets(alive) {
                continue;
            }
            has_type.add_common(&of_type, alive);
            if let Some(arn) = &resource.name {
                fits.clear();
                refused.clear();
                self.arns.weigh(arn, &mut fits, &mut refused);
                has_arn.add_common(&fits, &of_type);
                failed.add_common(&refused, &of_type);
            }
        }
        alive.keep(&has_type);
        alive.keep(&has_arn);
        alive.drop_all(&failed);
    }
}
