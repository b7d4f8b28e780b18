//! What an event data store takes: its advanced event selectors, and the category that they are of.

use catalog::StoreSettings;
use matching::{AdvancedEventSelector, Field, Given, Selectors, Target};
use record::Category;
use serde::Deserialize;
use serde_json::{Value, json};
use wire::shapes::cloudtrail::{self as shape, ErrorCode};

use crate::{
    body,
    fault::{Fault, fault, internal},
};

/// The selectors of a request as the catalog keeps them; `None` when it gives none.
///
/// # Errors
/// `InvalidEventSelectorsException`.
pub(super) fn given(request: &Value) -> Result<Option<String>, Fault> {
    let given: Given = serde_json::from_value(request.clone()).map_err(body::not_of_its_type)?;
    let Some(list) = given.advanced_event_selectors.filter(|it| !it.is_empty()) else {
        return Ok(None);
    };
    let given = Given { advanced_event_selectors: Some(list), event_selectors: None };
    let selectors = Selectors::parse(given, Target::EventDataStore)
        .map_err(|it| fault(ErrorCode::InvalidEventSelectorsException, &it.to_string()))?;
    Ok(Some(kept(&selectors)))
}

/// Those of a store that is created without any.
pub(super) fn default() -> String {
    kept(&Selectors::of_new_event_data_store())
}

fn kept(selectors: &Selectors) -> String {
    json!(selectors).to_string()
}

/// As answers show them.
pub(super) fn shown(kept: &str) -> Result<Vec<shape::AdvancedEventSelector>, Fault> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Kept {
        advanced_event_selectors: Vec<shape::AdvancedEventSelector>,
    }
    let kept: Kept = serde_json::from_str(kept).map_err(internal)?;
    Ok(kept.advanced_event_selectors)
}

/// The category of what a store takes. CloudTrail events of every kind are one, named by the first of
/// its selectors.
pub(crate) fn category(settings: &StoreSettings) -> Result<Category, Fault> {
    let word = advanced(settings)?.iter().find_map(|it| {
        let field = it.field_selectors.iter().find(|it| it.field == Field::EventCategory)?;
        field.equals.first().map(|it| Category::from_word(it))
    });
    Ok(word.unwrap_or(Category::Other))
}

/// Whether a store takes events of AWS calls, the only ones that can be imported, enriched, or asked
/// about in words.
pub(crate) fn is_of_calls(settings: &StoreSettings) -> Result<bool, Fault> {
    Ok(of_calls(category(settings)?))
}

/// Whether a category is one of AWS calls, which one store may hold together.
pub(super) const fn of_calls(category: Category) -> bool {
    matches!(category, Category::Management | Category::Data | Category::NetworkActivity)
}

/// Whether a store takes management events: all, or those that write.
pub(super) fn takes_management(settings: &StoreSettings, writes: bool) -> Result<bool, Fault> {
    Ok(advanced(settings)?.iter().any(|it| {
        let says = |field, value: &str| {
            let of_field = it.field_selectors.iter().filter(|it| it.field == field);
            of_field.flat_map(|it| &it.equals).any(|it| it == value)
        };
        says(Field::EventCategory, "Management") && !(writes && says(Field::ReadOnly, "true"))
    }))
}

fn advanced(settings: &StoreSettings) -> Result<Vec<AdvancedEventSelector>, Fault> {
    match serde_json::from_str(&settings.selectors).map_err(internal)? {
        Selectors::Advanced(list) => Ok(list),
        Selectors::Basic(_) => Ok(Vec::new()),
    }
}
