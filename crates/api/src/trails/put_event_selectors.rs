//! `PutEventSelectors`: what a trail chooses from now on, in place of what it chose.

use matching::{Given, Selectors, Target};
use serde_json::Value;
use wire::shapes::{
    Request as _,
    cloudtrail::{ErrorCode, GetEventSelectorsResponse, PutEventSelectorsRequest},
};

use super::{Asked, get_event_selectors};
use crate::{
    body,
    fault::{Fault, fault, refused},
};

/// Answers `PutEventSelectors`, with what `GetEventSelectors` will answer.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn put_event_selectors(
    asked: &Asked<'_>,
    request: Value,
) -> Result<GetEventSelectorsResponse, Fault> {
    let given: Given = serde_json::from_value(request.clone()).map_err(body::not_of_its_type)?;
    let request: PutEventSelectorsRequest =
        serde_json::from_value(request).map_err(body::not_of_its_type)?;
    let trail = asked.find_to_change(request.trail_name.as_deref().unwrap_or_default()).await?;
    // What has an error of its own comes before what is merely not valid.
    let selectors = Selectors::parse(given, Target::Trail)
        .map_err(|it| fault(ErrorCode::InvalidEventSelectorsException, &it.to_string()))?;
    request.validate().map_err(refused)?;
    let custom = selectors.is_custom().then(|| get_event_selectors::kept(&selectors));
    let (arn, custom) = (&trail.arn, custom.as_deref());
    let changed = asked.catalog().set_event_selectors(arn, custom, asked.position()).await;
    get_event_selectors::shown(&changed.map_err(|it| asked.refused(it))?)
}
