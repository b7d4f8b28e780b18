//! The one form that every language of choosing becomes: conditions on fields that must all hold.
//!
//! Lives here: what a predicate says. Lives elsewhere: how many are judged at once (`engine`).
//! Or-ing predicates is the business of who holds several: a set chooses a record when one of its
//! predicates does.

use crate::Field;

/// Conditions on fields of a record, which must all hold. Without conditions it holds always.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Predicate {
    conditions: Vec<Condition>,
}

/// What the values of a field must be.
///
/// It holds when some value of the field passes some test of `any_of` (or there are none), and no
/// value passes any test of `none_of`. So a field that is absent fails the former and passes the
/// latter.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Condition {
    /// Where the values come from.
    pub field: Field,
    /// Tests of which one must pass.
    pub any_of: Vec<Test>,
    /// Tests of which none may pass.
    pub none_of: Vec<Test>,
}

/// What is asked of one value. Letters are compared as they are.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Test {
    /// The value ends with the text.
    EndsWith(String),
    /// The value is the text.
    Equals(String),
    /// The value starts with the text.
    StartsWith(String),
}

impl Predicate {
    /// This predicate with one more condition.
    ///
    /// Conditions on the same field are one: the tests that must not pass add up, and so do those
    /// of which one must. (No language of ours asks for two alternatives of one field at once.)
    #[must_use]
    pub fn with(mut self, condition: Condition) -> Self {
        match self.conditions.iter_mut().find(|it| it.field == condition.field) {
            Some(known) => {
                known.any_of.extend(condition.any_of);
                known.none_of.extend(condition.none_of);
            }
            None => self.conditions.push(condition),
        }
        self
    }

    /// This predicate, and the field must equal `text`.
    #[must_use]
    pub fn with_equals(self, field: Field, text: &str) -> Self {
        let any_of = vec![Test::Equals(text.to_owned())];
        self.with(Condition { field, any_of, none_of: Vec::new() })
    }

    /// The conditions, at most one for each field.
    #[must_use]
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }
}
