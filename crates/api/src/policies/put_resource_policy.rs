//! `PutResourcePolicy`: in place of the policy that the resource has.

use wire::{
    iam::{Attached, ResourcePolicy},
    shapes::cloudtrail::{ErrorCode, PutResourcePolicyRequest, PutResourcePolicyResponse},
};

use crate::{
    fault::{Fault, fault},
    trails::Asked,
};

/// Answers `PutResourcePolicy`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn put_resource_policy(
    asked: &Asked<'_>,
    request: PutResourcePolicyRequest,
) -> Result<PutResourcePolicyResponse, Fault> {
    let resource = asked.find_resource(&request.resource_arn.unwrap_or_default()).await?;
    let text = request.resource_policy.unwrap_or_default();
    let of = Attached { arn: &resource.arn, actions: resource.actions, bytes_max: BYTES_MAX };
    ResourcePolicy::parse(&text, of)
        .map_err(|it| fault(ErrorCode::ResourcePolicyNotValidException, &it.to_string()))?;
    let put = asked.catalog().put_resource_policy(&resource.arn, &text).await;
    put.map_err(|it| asked.refused(it))?;
    Ok(PutResourcePolicyResponse {
        resource_arn: Some(resource.arn),
        resource_policy: Some(text),
        delegated_admin_resource_policy: resource.delegated,
    })
}

/// AWS's limit is 8,192 characters, which the model has checked; none needs more bytes than this.
const BYTES_MAX: usize = 4 * 8192;
