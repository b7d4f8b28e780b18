//! `ListEventDataStores`: ARN and name of every store of the account and its organization in the
//! region.

use wire::shapes::{
    Request as _,
    cloudtrail::{EventDataStore, ListEventDataStoresRequest, ListEventDataStoresResponse},
};

use crate::{
    fault::{Fault, refused},
    page::{self, page},
    trails::Asked,
};

/// Answers `ListEventDataStores`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn list_event_data_stores(
    asked: &Asked<'_>,
    request: ListEventDataStoresRequest,
) -> Result<ListEventDataStoresResponse, Fault> {
    asked.stores()?;
    page::check_size(request.max_results, page::SIZE_MAX)?;
    request.validate().map_err(refused)?;
    let own = asked.catalog().stores(asked.account).await;
    let mut stores = own.map_err(|it| asked.refused(it))?;
    if let Some(organization) = asked.organization().await?
        && organization.management != asked.account
    {
        let theirs = asked.catalog().stores(organization.management).await;
        let theirs = theirs.map_err(|it| asked.refused(it))?.into_iter();
        stores.extend(
            theirs.filter(|it| it.settings.organization.as_ref() == Some(&organization.id)),
        );
    }
    stores.retain(|it| {
        it.arn.region == asked.region && it.purge_after.is_none_or(|it| it > asked.now)
    });
    stores.sort_by_key(|it| it.arn.id);
    let scope = format!("stores {} {}", asked.account, asked.region);
    let token = request.next_token.as_deref();
    let size = page::size(request.max_results, page::SIZE_MAX);
    let (stores, next_token) = page(stores, |it| it.arn.id.to_string(), size, token, &scope)?;
    let shown = stores.into_iter().map(|it| EventDataStore {
        event_data_store_arn: Some(it.arn.to_string()),
        name: Some(it.settings.name),
        ..EventDataStore::default()
    });
    Ok(ListEventDataStoresResponse { event_data_stores: Some(shown.collect()), next_token })
}
