//! Why an advanced event selector is refused.

use record::Category;

use super::{NAME_MAX, VALUE_MAX, rules};
use crate::{Field, ResourceType, Target};

/// Which rule an advanced event selector breaks. Reads on from its index; AWS's texts for these are
/// not published.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum AdvancedReason {
    #[error(
        "Value {value} for resources.ARN is not an ARN of {kind}; Equals and NotEquals take one of \
         the form {form}."
    )]
    Arn { value: String, kind: &'static str, form: &'static str },
    #[error("Value {word} for eventCategory is invalid; specify {}.", categories(*.target))]
    Category { word: String, target: Target },
    #[error("{operator} of {field} is an empty list; leave it out or specify a value.")]
    Empty { field: Field, operator: &'static str },
    #[error("Field {word} is unknown{}.", suggestion(.nearest))]
    Field { word: String, nearest: Option<&'static str> },
    #[error("A value of {0} must have 1 to {VALUE_MAX} characters.")]
    Length(Field),
    #[error("Name has more than {NAME_MAX} characters.")]
    Name,
    #[error("FieldSelectors must include eventCategory with Equals.")]
    NoCategory,
    #[error("Field {0} has no operator; specify one, such as Equals.")]
    NoOperator(Field),
    #[error("Field {field} cannot be used for {category} events{}.", of(*.target))]
    NotAllowed { field: Field, category: Category, target: Target },
    #[error("Field {0} takes Equals with exactly one value, and no other operator.")]
    NotOneEquals(Field),
    #[error("Field {field} does not take {operator} here; use {}.", .allowed.join(", "))]
    Operator { field: Field, operator: &'static str, allowed: &'static [&'static str] },
    #[error("Field {0} stands in more than one of the FieldSelectors; put its values into one.")]
    Repeated(Field),
    #[error("FieldSelectors for {category} events must include {field}.")]
    Required { field: Field, category: Category },
    #[error("Value {word} for resources.type is unknown{}.", suggestion(.nearest))]
    Type { word: String, nearest: Option<&'static str> },
    #[error("Value {value} for {field} is invalid; specify {allowed}.")]
    Value { field: Field, value: String, allowed: &'static str },
}

impl AdvancedReason {
    pub(super) fn arn(value: &str, kind: &ResourceType) -> Self {
        let form = kind.arn_forms().next();
        let form = form.unwrap_or("arn:<partition>:<service>:<region>:<account_ID>:<resource>");
        Self::Arn { value: value.to_owned(), kind: kind.name(), form }
    }

    pub(super) fn unknown_field(word: &str) -> Self {
        let near = |it: &&str| strsim::damerau_levenshtein(&it.to_lowercase(), &shortened(word));
        let names = Field::ALL.map(Field::as_str);
        let nearest = names.into_iter().min_by_key(near).filter(|it| near(it) <= it.len() / 2);
        Self::Field { word: word.to_owned(), nearest }
    }

    pub(super) fn unknown_type(word: &str) -> Self {
        let nearest = ResourceType::nearest(word).map(ResourceType::name);
        Self::Type { word: word.to_owned(), nearest }
    }
}

/// Comparing costs the product of the lengths, and a stranger may send thousands of letters.
fn shortened(word: &str) -> String {
    word.chars().take(80).collect::<String>().to_lowercase()
}

fn suggestion(nearest: &Option<&'static str>) -> String {
    nearest.map(|it| format!("; did you mean {it}?")).unwrap_or_default()
}

fn categories(target: Target) -> String {
    rules::categories(target).iter().map(|it| it.as_str()).collect::<Vec<_>>().join(", ")
}

const fn of(target: Target) -> &'static str {
    match target {
        Target::EventDataStore => " of an event data store",
        Target::Trail => " of a trail",
    }
}
