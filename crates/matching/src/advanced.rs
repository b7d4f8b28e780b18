//! Advanced event selectors: conditions on fields, by category of event.
//!
//! Spec: CloudTrail API Reference, `AdvancedEventSelector` and `AdvancedFieldSelector`.

use record::Category;
use serde::{Deserialize, Serialize};

use crate::{
    Condition, Error, Field, Predicate, ResourceType, Target, Test, basic::EXCLUDABLE, given,
};

mod reason;
mod rules;

pub use reason::AdvancedReason;
use rules::{Operators, permitted};

/// How many values all conditions of all advanced event selectors may hold.
const MAX_VALUES: usize = 500;

/// The longest name, in characters.
const NAME_MAX: usize = 1000;

/// The longest value of a condition, in characters.
const VALUE_MAX: usize = 2048;

/// An advanced event selector: chooses a record for which all its field selectors hold.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdvancedEventSelector {
    /// What people call it; may be empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// At least one, at most one for each field.
    pub field_selectors: Vec<FieldSelector>,
}

/// What a field must be: some value of the first three lists (unless they are empty) must fit, and
/// no value of the last three may.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the operators say what they do")]
pub struct FieldSelector {
    pub field: Field,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub equals: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub starts_with: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ends_with: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_equals: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_starts_with: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_ends_with: Vec<String>,
}

/// Checks the advanced event selectors of a trail or an event data store.
pub(crate) fn parse(
    given: Vec<given::AdvancedEventSelector>,
    target: Target,
) -> Result<Vec<AdvancedEventSelector>, Error> {
    let mut first = None;
    let mut selectors = Vec::with_capacity(given.len());
    for (index, selector) in given.into_iter().enumerate() {
        let (category, selector) = AdvancedEventSelector::parse(selector, target)
            .map_err(|reason| Error::Advanced { index, reason })?;
        let first = *first.get_or_insert(category);
        if first != category && !(is_of_calls(first) && is_of_calls(category)) {
            return Err(Error::MixedCategories {
                first: first.as_str(),
                second: category.as_str(),
            });
        }
        selectors.push(selector);
    }
    let fields = selectors.iter().flat_map(|it| &it.field_selectors);
    let values = fields.map(|it| it.values().count()).sum();
    if values > MAX_VALUES {
        return Err(Error::Conditions { given: values });
    }
    Ok(selectors)
}

/// Whether a category is of calls of AWS services, which one event data store may hold together.
fn is_of_calls(category: Category) -> bool {
    matches!(category, Category::Data | Category::Management | Category::NetworkActivity)
}

impl AdvancedEventSelector {
    /// Chooses all management events; what an event data store has unless told otherwise.
    pub(crate) fn all_management_events() -> Self {
        let category = FieldSelector {
            equals: vec![Category::Management.as_str().to_owned()],
            ..FieldSelector::on(Field::EventCategory)
        };
        let name = Some("Default management events".to_owned());
        Self { name, field_selectors: vec![category] }
    }

    fn parse(
        given: given::AdvancedEventSelector,
        target: Target,
    ) -> Result<(Category, Self), AdvancedReason> {
        if given.name.as_ref().is_some_and(|it| it.chars().count() > NAME_MAX) {
            return Err(AdvancedReason::Name);
        }
        let mut selectors = Vec::<FieldSelector>::new();
        for field in given.field_selectors.unwrap_or_default() {
            let field = FieldSelector::parse(field)?;
            if selectors.iter().any(|it| it.field == field.field) {
                return Err(AdvancedReason::Repeated(field.field));
            }
            selectors.push(field);
        }
        let selector = Self { name: given.name, field_selectors: selectors };
        Ok((selector.check(target)?, selector))
    }

    fn check(&self, target: Target) -> Result<Category, AdvancedReason> {
        let category = self.category(target)?;
        for required in rules::required(category) {
            if self.on(*required).is_none() {
                return Err(AdvancedReason::Required { field: *required, category });
            }
        }
        let kind = match self.on(Field::ResourceType) {
            Some(it) if category == Category::Data => {
                let name = it.only_equals()?;
                let unknown = || AdvancedReason::unknown_type(name);
                Some(ResourceType::named(name).ok_or_else(unknown)?)
            }
            Some(_) | None => None,
        };
        for selector in &self.field_selectors {
            let operators = permitted(target, category, selector.field)
                .ok_or(AdvancedReason::NotAllowed { field: selector.field, category, target })?;
            selector.check(operators, kind)?;
        }
        Ok(category)
    }

    fn category(&self, target: Target) -> Result<Category, AdvancedReason> {
        let selector = self.on(Field::EventCategory).ok_or(AdvancedReason::NoCategory)?;
        let word = selector.only_equals()?;
        let category = Category::from_word(word);
        match rules::categories(target).contains(&category) {
            true => Ok(category),
            false => Err(AdvancedReason::Category { word: word.to_owned(), target }),
        }
    }

    fn on(&self, field: Field) -> Option<&FieldSelector> {
        self.field_selectors.iter().find(|it| it.field == field)
    }

    /// What it says.
    #[must_use]
    pub fn predicate(&self) -> Predicate {
        let conditions = self.field_selectors.iter().map(FieldSelector::condition);
        conditions.fold(Predicate::default(), Predicate::with)
    }
}

impl FieldSelector {
    /// One without conditions, to be filled.
    pub(crate) const fn on(field: Field) -> Self {
        Self {
            field,
            equals: Vec::new(),
            starts_with: Vec::new(),
            ends_with: Vec::new(),
            not_equals: Vec::new(),
            not_starts_with: Vec::new(),
            not_ends_with: Vec::new(),
        }
    }

    fn parse(given: given::AdvancedFieldSelector) -> Result<Self, AdvancedReason> {
        let word = given.field.unwrap_or_default();
        let field = Field::from_word(&word).ok_or_else(|| AdvancedReason::unknown_field(&word))?;
        let list = |list: Option<Vec<String>>, operator| match list {
            None => Ok(Vec::new()),
            Some(list) if list.is_empty() => Err(AdvancedReason::Empty { field, operator }),
            Some(list) => Ok(list),
        };
        let selector = Self {
            field,
            equals: list(given.equals, "Equals")?,
            starts_with: list(given.starts_with, "StartsWith")?,
            ends_with: list(given.ends_with, "EndsWith")?,
            not_equals: list(given.not_equals, "NotEquals")?,
            not_starts_with: list(given.not_starts_with, "NotStartsWith")?,
            not_ends_with: list(given.not_ends_with, "NotEndsWith")?,
        };
        if selector.values().next().is_none() {
            return Err(AdvancedReason::NoOperator(field));
        }
        if selector.values().any(|it| it.is_empty() || it.chars().count() > VALUE_MAX) {
            return Err(AdvancedReason::Length(field));
        }
        Ok(selector)
    }

    /// Checks operators and values; `kind` is the type of resource that the selector is about.
    fn check(
        &self,
        operators: Operators,
        kind: Option<&ResourceType>,
    ) -> Result<(), AdvancedReason> {
        let field = self.field;
        let allowed = operators.names();
        let mut used = self.operators().filter(|(_, values)| !values.is_empty());
        if let Some((operator, _)) = used.find(|(operator, _)| !allowed.contains(operator)) {
            return Err(AdvancedReason::Operator { field, operator, allowed });
        }
        let values = self.equals.iter().chain(&self.not_equals);
        let refuse = |value: Option<&String>, allowed: &'static str| match value {
            Some(value) => Err(AdvancedReason::Value { field, value: value.clone(), allowed }),
            None => Ok(()),
        };
        let outside = |allowed: &[&str]| values.clone().find(|it| !allowed.contains(&it.as_str()));
        match field {
            Field::ReadOnly => {
                self.only_equals()?;
                refuse(outside(&["false", "true"]), "`true` or `false`")
            }
            Field::SessionCredentialFromConsole => {
                refuse(outside(&["false", "true"]), "`true` or `false`")
            }
            Field::ErrorCode => refuse(outside(&["VpceAccessDenied"]), "`VpceAccessDenied`"),
            Field::EventSource if operators == Operators::NotEquals => {
                refuse(outside(&EXCLUDABLE), "`kms.amazonaws.com` or `rdsdata.amazonaws.com`")
            }
            Field::EventSource if operators == Operators::Equals => {
                // The list of services with network activity events grows; any service will do.
                let source = self.only_equals()?;
                let is_service = source.strip_suffix(".amazonaws.com").is_some_and(|it| {
                    !it.is_empty() && it.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                });
                let other = self.equals.first().filter(|_| !is_service);
                refuse(other, "an event source such as `s3.amazonaws.com`")
            }
            Field::ResourceArn => {
                let other = |kind: &ResourceType| {
                    let value = values.clone().find(|it| !kind.is_arn(it))?;
                    Some(AdvancedReason::arn(value, kind))
                };
                kind.and_then(other).map_or(Ok(()), Err)
            }
            Field::EventCategory
            | Field::EventName
            | Field::EventSource
            | Field::EventType
            | Field::ResourceType
            | Field::UserIdentityArn
            | Field::VpcEndpointId => Ok(()),
        }
    }

    /// The one value of `Equals`, where nothing else may be.
    fn only_equals(&self) -> Result<&str, AdvancedReason> {
        match self.equals.as_slice() {
            [only] if self.values().count() == 1 => Ok(only),
            _ => Err(AdvancedReason::NotOneEquals(self.field)),
        }
    }

    fn condition(&self) -> Condition {
        let tests = |equals: &[String], starts_with: &[String], ends_with: &[String]| {
            let equals = equals.iter().cloned().map(Test::Equals);
            let starts_with = starts_with.iter().cloned().map(Test::StartsWith);
            let ends_with = ends_with.iter().cloned().map(Test::EndsWith);
            equals.chain(starts_with).chain(ends_with).collect()
        };
        Condition {
            field: self.field,
            any_of: tests(&self.equals, &self.starts_with, &self.ends_with),
            none_of: tests(&self.not_equals, &self.not_starts_with, &self.not_ends_with),
        }
    }

    fn values(&self) -> impl Iterator<Item = &String> {
        self.operators().flat_map(|(_, values)| values)
    }

    fn operators(&self) -> impl Iterator<Item = (&'static str, &[String])> {
        [
            ("Equals", self.equals.as_slice()),
            ("StartsWith", &self.starts_with),
            ("EndsWith", &self.ends_with),
            ("NotEquals", &self.not_equals),
            ("NotStartsWith", &self.not_starts_with),
            ("NotEndsWith", &self.not_ends_with),
        ]
        .into_iter()
    }
}

#[cfg(test)]
mod tests;
