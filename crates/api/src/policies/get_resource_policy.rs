//! `GetResourcePolicy`: as it was put. Having none is an error.

use wire::shapes::cloudtrail::{GetResourcePolicyRequest, GetResourcePolicyResponse};

use super::not_found;
use crate::{fault::Fault, trails::Asked};

/// Answers `GetResourcePolicy`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn get_resource_policy(
    asked: &Asked<'_>,
    request: GetResourcePolicyRequest,
) -> Result<GetResourcePolicyResponse, Fault> {
    let resource = asked.find_resource(&request.resource_arn.unwrap_or_default()).await?;
    let policy = asked.catalog().resource_policy(&resource.arn).await;
    let policy = policy.map_err(|it| asked.refused(it))?;
    if policy.is_none() && resource.delegated.is_none() {
        return Err(not_found(&resource.arn));
    }
    Ok(GetResourcePolicyResponse {
        resource_arn: Some(resource.arn),
        resource_policy: policy,
        delegated_admin_resource_policy: resource.delegated,
    })
}
