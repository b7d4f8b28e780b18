//! The `Condition` element: operators, quantifiers and what they compare.

use super::{Context, document::InvalidPolicy, policy::Effect, test::Test};

/// One operator on one key.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    quantifier: Quantifier,
    /// Whether an absent key satisfies the condition.
    if_exists: bool,
    /// Whether the operator is a `Not`.
    negated: bool,
    /// In lower case.
    key: String,
    test: Test,
}

/// How many of a key's values have to satisfy the operator.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Quantifier {
    /// Without a prefix: one; for a `Not`, all.
    None,
    /// `ForAllValues:`, which an absent key satisfies.
    All,
    /// `ForAnyValue:`
    Any,
}

/// Reads one entry of the element.
pub(super) fn read(
    operator: &str,
    key: &str,
    values: &[String],
    variables: bool,
) -> Result<Condition, InvalidPolicy> {
    let unknown = || InvalidPolicy::Operator(operator.to_owned());
    let (quantifier, name) = match operator.split_once(':') {
        None => (Quantifier::None, operator),
        Some(("ForAllValues", name)) => (Quantifier::All, name),
        Some(("ForAnyValue", name)) => (Quantifier::Any, name),
        Some(_) => return Err(unknown()),
    };
    let (name, if_exists) = match name.strip_suffix("IfExists") {
        Some(name) => (name, true),
        None => (name, false),
    };
    if key.is_empty() || (name == "Null" && (if_exists || quantifier != Quantifier::None)) {
        return Err(unknown());
    }
    let (test, negated) = Test::parse(name, values, variables)?.ok_or_else(unknown)?;
    Ok(Condition { quantifier, if_exists, negated, key: key.to_ascii_lowercase(), test })
}

impl Condition {
    /// Whether it is on a key, in any case.
    pub(super) fn is_on(&self, key: &str) -> bool {
        self.key.eq_ignore_ascii_case(key)
    }

    pub(super) fn holds(&self, context: &Context, effect: Effect) -> bool {
        let values = context.of(&self.key);
        if let Test::Null(absent) = &self.test {
            return absent.contains(&values.is_empty());
        }
        let unresolved = effect.unresolved(self.negated);
        let satisfies =
            |value: &String| self.test.matches(value, context, unresolved) != self.negated;
        match (values, self.quantifier) {
            ([], Quantifier::None) => self.if_exists || self.negated,
            ([], Quantifier::All) => true,
            ([], Quantifier::Any) => self.if_exists,
            (values, Quantifier::None) if self.negated => values.iter().all(satisfies),
            (values, Quantifier::None | Quantifier::Any) => values.iter().any(satisfies),
            (values, Quantifier::All) => values.iter().all(satisfies),
        }
    }
}
