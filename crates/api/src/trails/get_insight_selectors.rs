//! `GetInsightSelectors`: which unusual activity a trail or an event data store looks
//! for. Not looking for any is an error.

use wire::shapes::cloudtrail::{
    ErrorCode, GetInsightSelectorsRequest, GetInsightSelectorsResponse,
};

use super::Asked;
use crate::{
    fault::{Fault, fault, internal},
    stores::get_store_insight_selectors,
};

/// Answers `GetInsightSelectors`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn get_insight_selectors(
    asked: &Asked<'_>,
    request: GetInsightSelectorsRequest,
) -> Result<GetInsightSelectorsResponse, Fault> {
    if request.trail_name.is_none() && request.event_data_store.is_some() {
        return get_store_insight_selectors(asked, request).await;
    }
    let name = trail_name(request.trail_name, request.event_data_store.is_some())?;
    let trail = asked.find(&name).await?;
    let arn = trail.arn.to_string();
    let text = trail.insight_selectors.ok_or_else(|| {
        let message = format!(
            "Trail {arn} does not have Insights enabled. Edit the trail settings to enable \
             Insights, and then try the operation again."
        );
        fault(ErrorCode::InsightNotEnabledException, &message)
    })?;
    Ok(GetInsightSelectorsResponse {
        trail_arn: Some(arn),
        insight_selectors: serde_json::from_str(&text).map_err(internal)?,
        ..GetInsightSelectorsResponse::default()
    })
}

/// The trail that a request names, which names a trail or an event data store.
pub(super) fn trail_name(name: Option<String>, has_store: bool) -> Result<String, Fault> {
    let (code, message) = match (name, has_store) {
        (Some(name), false) => return Ok(name),
        (Some(_), true) => (
            ErrorCode::InvalidParameterCombinationException,
            "Specify either TrailName, or EventDataStore and InsightsDestination.",
        ),
        (None, true | false) => {
            (ErrorCode::InvalidParameterException, "Specify TrailName or EventDataStore.")
        }
    };
    Err(fault(code, message))
}
