//! Redaction: what must never be stored, removed before the first write.
//!
//! Three layers, in this order: what a caller never hands over at all (bodies, signatures: the door's
//! part), rules by path on the model's member names (given by a [`Rules`]), and rules by name and
//! value for everything that nobody knows, inside JSON, forms and base64 too.
//! Everything is linear in its input; what exceeds the budget is an error, on which the caller stores
//! that the value was left out, never the value and never nothing.
//!
//! Start at [`redact`], and [`redact_text`] for free texts.

mod embedded;
mod names;
mod values;

use std::borrow::Cow;

use serde_json::{Map, Value};
use smallvec::SmallVec;

pub use names::is_secret_name;
pub use values::redact_text;

/// What stands where a secret stood, as CloudTrail writes it.
pub const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// What becomes of a value and of everything below it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Decision {
    /// [`HIDDEN`] takes its place, whatever its type.
    Deny,
    /// The member is left out. An element of a list becomes [`HIDDEN`].
    Drop,
    /// The container stays, empty; a scalar becomes [`HIDDEN`].
    Empty,
    /// It stays whatever its name is, with everything below it. Values that give themselves away,
    /// such as private keys, are hidden all the same.
    Show,
}

/// A step on the way to a value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step<'a> {
    /// A member of a structure, or a key of a map.
    Name(&'a str),
    /// An element of a list.
    Element,
}

/// Rules by path, on the model's member names.
pub trait Rules {
    /// What becomes of the value at `path`, seen from the top; `None` when nobody decided.
    fn decide(&self, path: &[Step<'_>]) -> Option<Decision>;
}

/// Nothing is known: only the rules by name and value hold.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRules;

impl Rules for NoRules {
    fn decide(&self, _: &[Step<'_>]) -> Option<Decision> {
        None
    }
}

/// The value has too many members, or nests too deep, to be redacted within the budget.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the value exceeds the budget of redaction")]
pub struct Exhausted;

/// Removes what is secret from `value`, whose members have the model's names.
///
/// # Errors
/// [`Exhausted`] beyond 100,000 values or a depth of 64. `value` is then half redacted and must not
/// be kept.
pub fn redact(value: &mut Value, rules: &dyn Rules) -> Result<(), Exhausted> {
    let mut walk = Walk { rules, left: VALUES_MAX, embedded: 0 };
    let decided = rules.decide(&[]);
    walk.decided(value, decided, false, &Path::Top)
}

struct Walk<'a> {
    rules: &'a dyn Rules,
    left: usize,
    /// How many texts deep we are: JSON inside JSON inside …
    embedded: usize,
}

/// The way from the top to a value, as a chain of what lies above it.
#[derive(Clone, Copy)]
enum Path<'a> {
    Top,
    Below(&'a Path<'a>, Step<'a>, usize),
}

impl<'a> Path<'a> {
    fn below(&'a self, step: Step<'a>) -> Self {
        Path::Below(self, step, self.depth() + 1)
    }

    fn depth(&self) -> usize {
        match self {
            Path::Top => 0,
            Path::Below(_, _, depth) => *depth,
        }
    }

    fn steps(&self) -> SmallVec<[Step<'_>; 16]> {
        let mut steps = SmallVec::new();
        let mut at = self;
        while let Path::Below(above, step, _) = at {
            steps.push(*step);
            at = above;
        }
        steps.reverse();
        steps
    }
}

impl Walk<'_> {
    fn value(&mut self, value: &mut Value, path: &Path<'_>) -> Result<(), Exhausted> {
        self.left = self.left.checked_sub(1).ok_or(Exhausted)?;
        if path.depth() > DEPTH_MAX {
            return Err(Exhausted);
        }
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
            Value::String(text) => self.text(text),
            Value::Array(elements) => elements.iter_mut().try_for_each(|element| {
                let path = path.below(Step::Element);
                let decided = self.rules.decide(&path.steps());
                self.decided(element, decided, false, &path)
            }),
            Value::Object(members) => self.members(members, path),
        }
    }

    fn members(
        &mut self,
        members: &mut Map<String, Value>,
        path: &Path<'_>,
    ) -> Result<(), Exhausted> {
        let mut done = Ok(());
        members.retain(|name, value| {
            let path = path.below(Step::Name(name));
            let decided = self.rules.decide(&path.steps());
            if decided == Some(Decision::Drop) {
                return false;
            }
            if done.is_ok() {
                done = self.decided(value, decided, is_secret_name(name), &path);
            }
            true
        });
        done
    }

    fn decided(
        &mut self,
        value: &mut Value,
        decided: Option<Decision>,
        by_name: bool,
        path: &Path<'_>,
    ) -> Result<(), Exhausted> {
        match decided {
            Some(Decision::Show) => self.shown(value, path.depth()),
            Some(decision) => {
                apply(value, decision);
                Ok(())
            }
            None if by_name && !matches!(value, Value::Null | Value::Bool(_)) => {
                apply(value, Decision::Deny);
                Ok(())
            }
            None => self.value(value, path),
        }
    }

    /// Only the value rule, for what a rule wants shown.
    fn shown(&mut self, value: &mut Value, depth: usize) -> Result<(), Exhausted> {
        self.left = self.left.checked_sub(1).ok_or(Exhausted)?;
        if depth > DEPTH_MAX {
            return Err(Exhausted);
        }
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
            Value::String(text) => {
                hide_in(text);
                Ok(())
            }
            Value::Array(elements) => {
                elements.iter_mut().try_for_each(|element| self.shown(element, depth + 1))
            }
            Value::Object(members) => {
                members.values_mut().try_for_each(|member| self.shown(member, depth + 1))
            }
        }
    }

    fn text(&mut self, text: &mut String) -> Result<(), Exhausted> {
        if self.embedded < EMBEDDED_MAX
            && let Some(replaced) = embedded::redact(text, |inner| {
                let mut walk =
                    Walk { rules: &NoRules, left: self.left, embedded: self.embedded + 1 };
                let done = walk.value(inner, &Path::Top);
                self.left = walk.left;
                done
            })?
        {
            *text = replaced;
        }
        // Once more on the whole: JSON that names a member twice shows a reader the last alone.
        hide_in(text);
        Ok(())
    }
}

fn hide_in(text: &mut String) {
    if let Cow::Owned(replaced) = redact_text(text) {
        *text = replaced;
    }
}

fn apply(value: &mut Value, decision: Decision) {
    match (decision, &mut *value) {
        (Decision::Show, _) => {}
        (Decision::Empty, Value::Object(members)) => members.clear(),
        (Decision::Empty, Value::Array(elements)) => elements.clear(),
        (Decision::Deny | Decision::Drop | Decision::Empty, _) => *value = Value::from(HIDDEN),
    }
}

/// Values of one document.
const VALUES_MAX: usize = 100_000;
/// Levels of nesting.
const DEPTH_MAX: usize = 64;
/// How many times a text is read as a document of its own.
const EMBEDDED_MAX: usize = 2;
