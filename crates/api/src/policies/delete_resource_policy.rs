//! `DeleteResourcePolicy`: from now on only its owner uses the resource.

use wire::shapes::cloudtrail::{DeleteResourcePolicyRequest, DeleteResourcePolicyResponse};

use super::not_found;
use crate::{fault::Fault, trails::Asked};

/// Answers `DeleteResourcePolicy`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn delete_resource_policy(
    asked: &Asked<'_>,
    request: DeleteResourcePolicyRequest,
) -> Result<DeleteResourcePolicyResponse, Fault> {
    let resource = asked.find_resource(&request.resource_arn.unwrap_or_default()).await?;
    let deleted = asked.catalog().delete_resource_policy(&resource.arn).await;
    if deleted.map_err(|it| asked.refused(it))? {
        return Ok(DeleteResourcePolicyResponse {});
    }
    Err(not_found(&resource.arn))
}
