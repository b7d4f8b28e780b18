//! `StartEventDataStoreIngestion` and `StopEventDataStoreIngestion`: from now on a store takes
//! events, or none; it can be queried all the same.

use catalog::{EventDataStore, StoreStatus};
use record::Category;
use wire::shapes::cloudtrail::{
    ErrorCode, StartEventDataStoreIngestionRequest, StartEventDataStoreIngestionResponse,
    StopEventDataStoreIngestionRequest, StopEventDataStoreIngestionResponse,
};

use super::{Use, selectors};
use crate::{
    fault::{Fault, fault},
    trails::Asked,
};

/// Answers `StartEventDataStoreIngestion`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn start_event_data_store_ingestion(
    asked: &Asked<'_>,
    request: StartEventDataStoreIngestionRequest,
) -> Result<StartEventDataStoreIngestionResponse, Fault> {
    let name = request.event_data_store.unwrap_or_default();
    let store = find(asked, &name, StoreStatus::StoppedIngestion).await?;
    let (id, seen, status) = (store.arn.id, store.version, StoreStatus::Enabled);
    let started = asked.catalog().set_store_status(id, seen, status, asked.position()).await;
    started.map(|_| StartEventDataStoreIngestionResponse {}).map_err(|it| asked.refused(it))
}

/// Answers `StopEventDataStoreIngestion`. The record of the call itself still goes into the store.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn stop_event_data_store_ingestion(
    asked: &Asked<'_>,
    request: StopEventDataStoreIngestionRequest,
) -> Result<StopEventDataStoreIngestionResponse, Fault> {
    let name = request.event_data_store.unwrap_or_default();
    let store = find(asked, &name, StoreStatus::Enabled).await?;
    let (id, seen, status) = (store.arn.id, store.version, StoreStatus::StoppedIngestion);
    let stopped = asked.catalog().set_store_status(id, seen, status, asked.position_behind()).await;
    stopped.map(|_| StopEventDataStoreIngestionResponse {}).map_err(|it| asked.refused(it))
}

/// Whether events of a category can be stopped.
pub(super) const fn can_stop(category: Category) -> bool {
    selectors::of_calls(category) || matches!(category, Category::ConfigurationItem)
}

/// The store, which must be in a status to leave it.
async fn find(asked: &Asked<'_>, name: &str, status: StoreStatus) -> Result<EventDataStore, Fault> {
    asked.stores()?;
    let store = asked.find_store(name, Use::Change).await?;
    let category = selectors::category(&store.settings)?;
    if !can_stop(category) {
        let message = format!("The ingestion of {category} events cannot be started or stopped.");
        return Err(fault(ErrorCode::InvalidEventDataStoreCategoryException, &message));
    }
    if store.status != status {
        let message = format!(
            "The event data store is {}; it must be {}.",
            store.status.as_str(),
            status.as_str()
        );
        return Err(fault(ErrorCode::InvalidEventDataStoreStatusException, &message));
    }
    Ok(store)
}
