//! `DeleteTrail`: in its home region. What was delivered stays, and what was recorded before is
//! still delivered, the record of this call included.

use wire::shapes::cloudtrail::{DeleteTrailRequest, DeleteTrailResponse};

use super::Asked;
use crate::fault::Fault;

/// Answers `DeleteTrail`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn delete_trail(
    asked: &Asked<'_>,
    request: DeleteTrailRequest,
) -> Result<DeleteTrailResponse, Fault> {
    let trail = asked.find_to_change(request.name.as_deref().unwrap_or_default()).await?;
    let deleted = asked.catalog().delete_trail(&trail.arn, asked.position_behind()).await;
    deleted.map(|()| DeleteTrailResponse {}).map_err(|it| asked.refused(it))
}
