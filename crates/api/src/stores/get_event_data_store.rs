//! `GetEventDataStore`: one store, by ARN or id; also one that waits for its end.

use wire::shapes::cloudtrail::{GetEventDataStoreRequest, GetEventDataStoreResponse};

use super::{Use, create_event_data_store::TableFailed, shown};
use crate::{
    fault::{Fault, internal},
    trails::Asked,
};

/// Answers `GetEventDataStore`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn get_event_data_store(
    asked: &Asked<'_>,
    request: GetEventDataStoreRequest,
) -> Result<GetEventDataStoreResponse, Fault> {
    let tables = &asked.stores()?.tables;
    let store = asked
        .find_store(request.event_data_store.as_deref().unwrap_or_default(), Use::Look)
        .await?;
    let table = tables.describe(&store).await.map_err(|it| internal(TableFailed(it)))?;
    shown::whole(&store, Some(table))
}
