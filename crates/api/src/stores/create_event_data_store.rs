//! `CreateEventDataStore`: a store that takes events from the end of the log on.

use catalog::{BillingMode, EventConfiguration, NewStore, StoreArn, StoreSettings, StoreStatus};
use serde_json::Value;
use wire::shapes::{
    Request as _,
    cloudtrail::{CreateEventDataStoreRequest, CreateEventDataStoreResponse, ErrorCode},
};

use super::{selectors, settings, shown};
use crate::{
    fault::{Fault, fault, internal, refused},
    trails::{Asked, tagged},
};

/// Answers `CreateEventDataStore`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn create_event_data_store(
    asked: &Asked<'_>,
    request: Value,
) -> Result<CreateEventDataStoreResponse, Fault> {
    let stores = asked.stores()?;
    // What has an error of its own comes before what is merely not valid.
    let selectors = selectors::given(&request)?.unwrap_or_else(selectors::default);
    let request = CreateEventDataStoreRequest::read(request).map_err(refused)?;
    let tags = tagged::tags(request.tags_list.clone().unwrap_or_default())?;
    let billing_mode =
        settings::billing_mode(request.billing_mode.as_deref()).unwrap_or(BillingMode::Extendable);
    let mut account = asked.account;
    let mut settings = StoreSettings {
        name: request.name.unwrap_or_default(),
        selectors,
        is_multi_region: request.multi_region_enabled.unwrap_or(true),
        organization: None,
        retention_days: settings::days(request.retention_period)
            .unwrap_or(billing_mode.retention_default()),
        billing_mode,
        is_termination_protected: request.termination_protection_enabled.unwrap_or(true),
        kms_key_id: None,
        events: EventConfiguration::default(),
        insights: None,
    };
    settings::check_retention(&settings)?;
    let starts = request.start_ingestion.unwrap_or(true);
    let category = selectors::category(&settings)?;
    if !starts && !super::ingestion::can_stop(category) {
        let message = format!("A store of {category} events takes them from the beginning.");
        return Err(fault(ErrorCode::InvalidParameterException, &message));
    }
    if request.organization_enabled == Some(true) {
        let organization = asked.organization_to_act_for().await?;
        // Also when a delegated administrator makes it.
        account = organization.management;
        settings.organization = Some(organization.id);
    }
    let id = stores.ambient.random.uuid();
    let arn = StoreArn { region: asked.region.to_owned(), account, id };
    if let Some(key) = &request.kms_key_id {
        settings.kms_key_id = Some(settings::key_arn(&*stores.tables, key, &arn).await?);
    }
    let status = if starts { StoreStatus::Enabled } else { StoreStatus::StoppedIngestion };
    let new = NewStore { arn, settings, status, tags };
    // Who cannot have the store anyway shall not leave a table.
    asked.catalog().check_new_store(&new).await.map_err(|it| asked.refused(it))?;
    stores.tables.create(&new.arn).await.map_err(|it| internal(TableFailed(it)))?;
    match asked.catalog().create_store(&new, asked.position()).await {
        Ok(store) => shown::created(&store, request.tags_list),
        Err(error) => {
            let fault = asked.refused(error);
            stores.tables.remove(&new.arn).await.map_err(|it| internal(TableFailed(it)))?;
            Err(fault)
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the table of an event data store failed")]
pub(super) struct TableFailed(#[source] pub(super) wire::answer::BoxError);
