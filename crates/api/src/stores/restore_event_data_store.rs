//! `RestoreEventDataStore`: a store that was deleted less than seven days ago takes events again.

use catalog::StoreStatus;
use wire::shapes::cloudtrail::{
    ErrorCode, RestoreEventDataStoreRequest, RestoreEventDataStoreResponse,
};

use super::{Use, shown};
use crate::{
    fault::{Fault, fault},
    trails::Asked,
};

/// Answers `RestoreEventDataStore`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn restore_event_data_store(
    asked: &Asked<'_>,
    request: RestoreEventDataStoreRequest,
) -> Result<RestoreEventDataStoreResponse, Fault> {
    asked.stores()?;
    let name = request.event_data_store.unwrap_or_default();
    let store = asked.find_store(&name, Use::Change).await?;
    if store.status != StoreStatus::PendingDeletion {
        let message = format!("The event data store is {}.", store.status.as_str());
        return Err(fault(ErrorCode::InvalidEventDataStoreStatusException, &message));
    }
    let (id, seen, status) = (store.arn.id, store.version, StoreStatus::Enabled);
    let restored = asked.catalog().set_store_status(id, seen, status, asked.position()).await;
    shown::restored(&restored.map_err(|it| asked.refused(it))?)
}
