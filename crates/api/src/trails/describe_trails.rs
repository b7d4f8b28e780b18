//! `DescribeTrails`: the trails that a region sees, or those that are named.
//!
//! A shadow is another region's multi-region trail, or in a member account the organization's.
//! Names are of trails at home here, ARNs of trails anywhere; what does not exist is left out
//! without an error.

use catalog::{Trail, TrailArn};
use wire::shapes::cloudtrail::{DescribeTrailsRequest, DescribeTrailsResponse};

use super::{Asked, shown};
use crate::fault::Fault;

/// Answers `DescribeTrails`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn describe_trails(
    asked: &Asked<'_>,
    request: DescribeTrailsRequest,
) -> Result<DescribeTrailsResponse, Fault> {
    let names = request.trail_name_list.unwrap_or_default();
    let wanted: Vec<TrailArn> = names.iter().map(|it| asked.arn(it)).collect::<Result<_, _>>()?;
    let with_shadows = request.include_shadow_trails.unwrap_or(true);
    let is_home =
        |it: &Trail| it.arn.home_region == asked.region && it.arn.account == asked.account;
    let is_wanted = |it: &Trail| {
        let is_named =
            if wanted.is_empty() { it.is_in(asked.region) } else { wanted.contains(&it.arn) };
        is_named && (with_shadows || is_home(it))
    };
    let trails = asked.all_visible().await?;
    let found = trails.into_iter().filter(is_wanted).map(shown::whole).collect();
    Ok(DescribeTrailsResponse { trail_list: Some(found) })
}
