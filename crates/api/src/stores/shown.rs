//! An event data store as answers show it. A text that is not set is absent, a flag is always there.

use catalog::EventDataStore;
use wire::shapes::cloudtrail as shape;

use super::{plane::StoreTable, selectors};
use crate::fault::Fault;

/// As `GetEventDataStore` shows it.
pub(super) fn whole(
    store: &EventDataStore,
    table: Option<StoreTable>,
) -> Result<shape::GetEventDataStoreResponse, Fault> {
    let settings = &store.settings;
    let keys = table.map(|it| {
        let keys = it.partition_keys.into_iter().take(PARTITION_KEYS_MAX);
        keys.map(|(name, kind)| shape::PartitionKey { name: Some(name), r#type: Some(kind) })
            .collect::<Vec<_>>()
    });
    Ok(shape::GetEventDataStoreResponse {
        event_data_store_arn: Some(store.arn.to_string()),
        name: Some(settings.name.clone()),
        status: Some(store.status.as_str().to_owned()),
        advanced_event_selectors: Some(selectors::shown(&settings.selectors)?),
        multi_region_enabled: Some(settings.is_multi_region),
        organization_enabled: Some(settings.organization.is_some()),
        retention_period: i32::try_from(settings.retention_days).ok(),
        termination_protection_enabled: Some(settings.is_termination_protected),
        created_timestamp: Some(store.created),
        updated_timestamp: Some(store.updated),
        kms_key_id: settings.kms_key_id.clone(),
        billing_mode: Some(settings.billing_mode.as_str().to_owned()),
        federation_status: Some(FEDERATION_STATUS.to_owned()),
        federation_role_arn: None,
        partition_keys: keys.filter(|it| !it.is_empty()),
    })
}

/// As `UpdateEventDataStore` answers it.
pub(super) fn updated(
    store: &EventDataStore,
) -> Result<shape::UpdateEventDataStoreResponse, Fault> {
    let store = whole(store, None)?;
    Ok(shape::UpdateEventDataStoreResponse {
        event_data_store_arn: store.event_data_store_arn,
        name: store.name,
        status: store.status,
        advanced_event_selectors: store.advanced_event_selectors,
        multi_region_enabled: store.multi_region_enabled,
        organization_enabled: store.organization_enabled,
        retention_period: store.retention_period,
        termination_protection_enabled: store.termination_protection_enabled,
        created_timestamp: store.created_timestamp,
        updated_timestamp: store.updated_timestamp,
        kms_key_id: store.kms_key_id,
        billing_mode: store.billing_mode,
        federation_status: store.federation_status,
        federation_role_arn: store.federation_role_arn,
    })
}

/// As `CreateEventDataStore` answers it.
pub(super) fn created(
    store: &EventDataStore,
    tags: Option<Vec<shape::Tag>>,
) -> Result<shape::CreateEventDataStoreResponse, Fault> {
    let store = whole(store, None)?;
    Ok(shape::CreateEventDataStoreResponse {
        event_data_store_arn: store.event_data_store_arn,
        name: store.name,
        status: store.status,
        advanced_event_selectors: store.advanced_event_selectors,
        multi_region_enabled: store.multi_region_enabled,
        organization_enabled: store.organization_enabled,
        retention_period: store.retention_period,
        termination_protection_enabled: store.termination_protection_enabled,
        tags_list: tags,
        created_timestamp: store.created_timestamp,
        updated_timestamp: store.updated_timestamp,
        kms_key_id: store.kms_key_id,
        billing_mode: store.billing_mode,
    })
}

/// As `RestoreEventDataStore` answers it.
pub(super) fn restored(
    store: &EventDataStore,
) -> Result<shape::RestoreEventDataStoreResponse, Fault> {
    let store = whole(store, None)?;
    Ok(shape::RestoreEventDataStoreResponse {
        event_data_store_arn: store.event_data_store_arn,
        name: store.name,
        status: store.status,
        advanced_event_selectors: store.advanced_event_selectors,
        multi_region_enabled: store.multi_region_enabled,
        organization_enabled: store.organization_enabled,
        retention_period: store.retention_period,
        termination_protection_enabled: store.termination_protection_enabled,
        created_timestamp: store.created_timestamp,
        updated_timestamp: store.updated_timestamp,
        kms_key_id: store.kms_key_id,
        billing_mode: store.billing_mode,
    })
}

/// No store is ever federated: see `enable_federation`.
pub(super) const FEDERATION_STATUS: &str = "DISABLED";
/// How many partition keys AWS shows.
const PARTITION_KEYS_MAX: usize = 2;
