//! `GetTrail`: one trail, by name or ARN.

use wire::shapes::cloudtrail::{GetTrailRequest, GetTrailResponse};

use super::{Asked, shown};
use crate::fault::Fault;

/// Answers `GetTrail`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn get_trail(
    asked: &Asked<'_>,
    request: GetTrailRequest,
) -> Result<GetTrailResponse, Fault> {
    let trail = asked.find(request.name.as_deref().unwrap_or_default()).await?;
    Ok(GetTrailResponse { trail: Some(shown::whole(trail)) })
}
