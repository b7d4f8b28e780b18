//! What falls due without a call: stores whose wait has ended, queries that are seven days old.

use catalog::{Catalog, EventDataStore, StoreStatus};
use uuid::Uuid;
use wire::answer::BoxError;

use super::{QueryRunner, Stores};
use crate::{queries::RESULTS_KEPT, trails::Trails};

/// Removes the tables of stores that were deleted seven days ago, and forgets queries that were
/// started seven days ago with their results, and statements that were generated as long ago.
/// Harmless to repeat; what fails is tried again by the next, and keeps nothing else from being done.
///
/// # Errors
/// The first, when the catalog, a table or a result cannot be reached.
pub(crate) async fn upkeep(trails: &Trails, stores: &Stores) -> Result<(), BoxError> {
    let now = stores.ambient.clock.now();
    let catalog = &trails.catalog;
    let mut done = Ok(());
    for store in catalog.all_stores().await? {
        if store.purge_after.is_some_and(|it| it <= now) {
            done = done.and(end(trails, stores, &store).await);
        }
    }
    let Some(runner) = &stores.queries else { return done };
    let oldest = now.checked_sub(RESULTS_KEPT)?;
    for query in catalog.expired_queries(oldest).await? {
        done = done.and(forget(catalog, &**runner, query).await);
    }
    catalog.forget_generated_queries(oldest).await?;
    done
}

async fn end(trails: &Trails, stores: &Stores, store: &EventDataStore) -> Result<(), BoxError> {
    // The table first: a store that is gone would leave a table that nobody removes.
    stores.tables.remove(&store.arn).await?;
    let position = trails.log.durable().borrow().0;
    let (id, seen) = (store.arn.id, store.version);
    trails.catalog.set_store_status(id, seen, StoreStatus::Gone, position).await?;
    tracing::info!(store = %store.arn, "event data store removed");
    Ok(())
}

async fn forget(catalog: &Catalog, runner: &dyn QueryRunner, query: Uuid) -> Result<(), BoxError> {
    // The rows first, as above.
    runner.forget(query).await?;
    Ok(catalog.forget_query(query).await?)
}
