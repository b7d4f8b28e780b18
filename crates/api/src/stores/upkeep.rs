//! What falls due without a call: stores whose wait has ended, queries that are seven days old.

use catalog::StoreStatus;
use wire::answer::BoxError;

use super::Stores;
use crate::{queries::RESULTS_KEPT, trails::Trails};

/// Drops the tables of stores that were deleted seven days ago, and forgets queries that were started
/// seven days ago with their results. Harmless to repeat; what fails is tried again by the next.
///
/// # Errors
/// When the catalog, a table or a result cannot be reached.
pub(crate) async fn upkeep(trails: &Trails, stores: &Stores) -> Result<(), BoxError> {
    let now = stores.ambient.clock.now();
    let catalog = &trails.catalog;
    for store in catalog.all_stores().await? {
        if store.purge_after.is_some_and(|it| it <= now) {
            // The table first: a store that is gone would leave a table that nobody drops.
            stores.tables.remove(&store.arn).await?;
            let position = trails.log.durable().borrow().0;
            let (id, seen) = (store.arn.id, store.version);
            catalog.set_store_status(id, seen, StoreStatus::Gone, position).await?;
            tracing::info!(store = %store.arn, "event data store dropped");
        }
    }
    let Some(queries) = &stores.queries else { return Ok(()) };
    for query in catalog.expired_queries(now.checked_sub(RESULTS_KEPT)?).await? {
        queries.forget(query).await?;
        catalog.forget_query(query).await?;
    }
    Ok(())
}
