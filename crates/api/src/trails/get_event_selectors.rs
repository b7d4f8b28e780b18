//! `GetEventSelectors`: what a trail chooses, in the form in which it was told to.

use catalog::Trail;
use matching::Selectors;
use serde_json::json;
use wire::shapes::cloudtrail::{GetEventSelectorsRequest, GetEventSelectorsResponse};

use super::Asked;
use crate::fault::{Fault, internal};

/// Answers `GetEventSelectors`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn get_event_selectors(
    asked: &Asked<'_>,
    request: GetEventSelectorsRequest,
) -> Result<GetEventSelectorsResponse, Fault> {
    let trail = asked.find(request.trail_name.as_deref().unwrap_or_default()).await?;
    shown(&trail)
}

/// The text that the catalog keeps, which is also what the answer shows.
pub(super) fn kept(selectors: &Selectors) -> String {
    json!(selectors).to_string()
}

/// The selectors of a trail as answers show them.
pub(super) fn shown(trail: &Trail) -> Result<GetEventSelectorsResponse, Fault> {
    let text = trail.event_selectors.clone().unwrap_or_else(|| kept(&Selectors::default()));
    let selectors: GetEventSelectorsResponse = serde_json::from_str(&text).map_err(internal)?;
    Ok(GetEventSelectorsResponse { trail_arn: Some(trail.arn.to_string()), ..selectors })
}
