//! `DeleteEventDataStore`: a store that takes no events any more, and is gone in seven days.

use catalog::StoreStatus;
use wire::shapes::cloudtrail::{
    DeleteEventDataStoreRequest, DeleteEventDataStoreResponse, ErrorCode,
};

use super::Use;
use crate::{
    fault::{Fault, fault},
    trails::Asked,
};

/// Answers `DeleteEventDataStore`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn delete_event_data_store(
    asked: &Asked<'_>,
    request: DeleteEventDataStoreRequest,
) -> Result<DeleteEventDataStoreResponse, Fault> {
    asked.stores()?;
    let name = request.event_data_store.unwrap_or_default();
    let store = asked.find_active_store(&name, Use::Change).await?;
    if store.settings.is_termination_protected {
        return Err(fault(
            ErrorCode::EventDataStoreTerminationProtectedException,
            "The event data store has termination protection enabled.",
        ));
    }
    let (id, seen, status) = (store.arn.id, store.version, StoreStatus::PendingDeletion);
    let ended = asked.catalog().set_store_status(id, seen, status, asked.position_behind()).await;
    ended.map(|_| DeleteEventDataStoreResponse {}).map_err(|it| asked.refused(it))
}
