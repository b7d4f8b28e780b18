//! `PutInsightSelectors`: which unusual activity a trail looks for; an empty list ends it.
//!
//! A trail that does not choose the events cannot look for what is unusual in them.

use std::collections::BTreeSet;

use catalog::Trail;
use matching::{AdvancedEventSelector, Field, ReadWriteType, Selectors};
use serde_json::json;
use wire::shapes::cloudtrail::{
    ErrorCode, GetInsightSelectorsResponse, InsightSelector, PutInsightSelectorsRequest,
};

use super::{Asked, get_insight_selectors};
use crate::{
    fault::{Fault, fault, internal},
    stores::put_store_insight_selectors,
};

/// Answers `PutInsightSelectors`, with what `GetInsightSelectors` will answer.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn put_insight_selectors(
    asked: &Asked<'_>,
    request: PutInsightSelectorsRequest,
) -> Result<GetInsightSelectorsResponse, Fault> {
    if request.trail_name.is_none() && request.event_data_store.is_some() {
        return put_store_insight_selectors(asked, request).await;
    }
    let name = get_insight_selectors::trail_name(
        request.trail_name,
        request.event_data_store.is_some() || request.insights_destination.is_some(),
    )?;
    let trail = asked.find_to_change(&name).await?;
    let selectors = request.insight_selectors.unwrap_or_default();
    check(&trail, &selectors)?;
    let text = (!selectors.is_empty()).then(|| json!(selectors).to_string());
    let kept = asked.catalog().set_insight_selectors(&trail.arn, text.as_deref()).await;
    kept.map_err(|it| asked.refused(it))?;
    Ok(GetInsightSelectorsResponse {
        trail_arn: Some(trail.arn.to_string()),
        insight_selectors: Some(selectors),
        ..GetInsightSelectorsResponse::default()
    })
}

fn check(trail: &Trail, wanted: &[InsightSelector]) -> Result<(), Fault> {
    let chosen = match &trail.event_selectors {
        Some(text) => serde_json::from_str(text).map_err(internal)?,
        None => Selectors::default(),
    };
    let mut seen = BTreeSet::new();
    for selector in wanted {
        let kind = selector.insight_type.as_deref().unwrap_or_default();
        if kind.is_empty() || !seen.insert(kind) {
            return Err(invalid("Specify each InsightType once."));
        }
        let categories = selector.event_categories.as_deref().unwrap_or_default();
        let default = ["Management".to_owned()];
        for category in if categories.is_empty() { &default } else { categories } {
            // How often calls are made is looked at for calls that write.
            let writes_only = kind == "ApiCallRateInsight" && category == "Management";
            if !chooses(&chosen, category, writes_only) {
                let of = if writes_only { "write-only or all" } else { "read-only or write-only" };
                return Err(invalid(&format!(
                    "{kind} needs a trail that logs {of} {} events.",
                    category.to_lowercase()
                )));
            }
        }
    }
    Ok(())
}

/// Whether any events of a category are chosen, or any of those that write.
fn chooses(selectors: &Selectors, category: &str, writes_only: bool) -> bool {
    match selectors {
        Selectors::Advanced(list) => list.iter().any(|it| advanced(it, category, writes_only)),
        Selectors::Basic(list) => list.iter().any(|it| {
            let has = match category {
                "Management" => it.include_management_events,
                _ => !it.data_resources.is_empty(),
            };
            has && !(writes_only && it.read_write_type == ReadWriteType::ReadOnly)
        }),
    }
}

fn advanced(selector: &AdvancedEventSelector, category: &str, writes_only: bool) -> bool {
    let says = |field, value: &str| {
        let of_field = selector.field_selectors.iter().filter(|it| it.field == field);
        of_field.flat_map(|it| &it.equals).any(|it| it == value)
    };
    let reads_only = says(Field::ReadOnly, "true") && !says(Field::ReadOnly, "false");
    says(Field::EventCategory, category) && !(writes_only && reads_only)
}

fn invalid(message: &str) -> Fault {
    fault(ErrorCode::InvalidInsightSelectorsException, message)
}
