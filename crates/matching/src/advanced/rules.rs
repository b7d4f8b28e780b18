//! Which fields an advanced event selector may be about, and by which operators.
//!
//! The table of the API Reference, `AdvancedFieldSelector`, member `Field`.

use record::Category;

use crate::{Field, Target};

/// The operators that a field allows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operators {
    /// All six.
    Any,
    /// `Equals` alone.
    Equals,
    /// `Equals` and `NotEquals`.
    EqualsAndNot,
    /// `NotEquals` alone.
    NotEquals,
}

impl Operators {
    /// Their names, as the API spells them.
    pub(super) const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Any => {
                &["Equals", "StartsWith", "EndsWith", "NotEquals", "NotStartsWith", "NotEndsWith"]
            }
            Self::Equals => &["Equals"],
            Self::EqualsAndNot => &["Equals", "NotEquals"],
            Self::NotEquals => &["NotEquals"],
        }
    }
}

/// The categories that a selector may choose.
pub(super) const fn categories(target: Target) -> &'static [Category] {
    use Category::{ActivityAuditLog, ConfigurationItem, Data, Evidence, Insight};
    use Category::{Management, NetworkActivity};
    match target {
        // Insight events reach a trail by its insight selectors, never by these.
        Target::Trail => &[Management, Data, NetworkActivity],
        Target::EventDataStore => &[
            Management,
            Data,
            NetworkActivity,
            Insight,
            ConfigurationItem,
            Evidence,
            ActivityAuditLog,
        ],
    }
}

/// The fields without which a selector of the category says too little.
pub(super) const fn required(category: Category) -> &'static [Field] {
    match category {
        Category::Data => &[Field::ResourceType],
        Category::NetworkActivity => &[Field::EventSource],
        Category::ActivityAuditLog
        | Category::Aggregated
        | Category::ConfigurationItem
        | Category::Evidence
        | Category::Insight
        | Category::Management
        | Category::Other => &[],
    }
}

/// What a field allows in a selector of the category; `None` when it may not stand there.
pub(super) fn permitted(target: Target, category: Category, field: Field) -> Option<Operators> {
    use Operators::{Any, Equals, EqualsAndNot, NotEquals};
    let management_on_a_trail = target == Target::Trail && category == Category::Management;
    let of_calls = matches!(category, Category::Management | Category::Data);
    match (field, category) {
        (Field::EventCategory, _) => Some(Equals),
        (Field::EventSource, _) if management_on_a_trail => Some(NotEquals),
        (Field::EventSource, Category::NetworkActivity) => Some(Equals),
        (Field::ReadOnly, _) if of_calls => Some(Equals),
        (Field::EventName | Field::VpcEndpointId, Category::NetworkActivity) => Some(Any),
        (Field::ErrorCode, Category::NetworkActivity) => Some(Equals),
        (Field::ResourceType, Category::Data) => Some(Equals),
        (Field::ResourceArn, Category::Data) => Some(Any),
        (Field::SessionCredentialFromConsole, _) if of_calls && !management_on_a_trail => {
            Some(EqualsAndNot)
        }
        (
            Field::EventName | Field::EventSource | Field::EventType | Field::UserIdentityArn,
            Category::Management | Category::Data,
        ) if !management_on_a_trail => Some(Any),
        _ => None,
    }
}
