//! `ListTrails`: every trail that the caller's account sees from the region, shadows included, on one
//! page.

use catalog::Trail;
use wire::shapes::cloudtrail::{ListTrailsRequest, ListTrailsResponse, TrailInfo};

use super::Asked;
use crate::fault::Fault;

/// Answers `ListTrails`. There is never a second page, so any token is as good as none.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn list_trails(
    asked: &Asked<'_>,
    _: ListTrailsRequest,
) -> Result<ListTrailsResponse, Fault> {
    let trails = asked.all_visible().await?;
    let here = trails.into_iter().filter(|it| it.is_in(asked.region)).map(info).collect();
    Ok(ListTrailsResponse { trails: Some(here), next_token: None })
}

fn info(trail: Trail) -> TrailInfo {
    TrailInfo {
        trail_arn: Some(trail.arn.to_string()),
        name: Some(trail.arn.name.to_string()),
        home_region: Some(trail.arn.home_region),
    }
}
