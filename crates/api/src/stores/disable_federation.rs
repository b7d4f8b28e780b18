//! `DisableFederation`: no store is federated, so that it is done before it is asked for.

use wire::shapes::cloudtrail::{DisableFederationRequest, DisableFederationResponse};

use super::{Use, shown};
use crate::{fault::Fault, trails::Asked};

/// Answers `DisableFederation`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn disable_federation(
    asked: &Asked<'_>,
    request: DisableFederationRequest,
) -> Result<DisableFederationResponse, Fault> {
    asked.stores()?;
    let name = request.event_data_store.unwrap_or_default();
    let store = asked.find_active_store(&name, Use::Change).await?;
    Ok(DisableFederationResponse {
        event_data_store_arn: Some(store.arn.to_string()),
        federation_status: Some(shown::FEDERATION_STATUS.to_owned()),
    })
}
