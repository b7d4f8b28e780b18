//! `UpdateEventDataStore`: everything but the id and the region of a store.
//!
//! A member that is absent keeps its value. What results is checked as a whole.

use catalog::{BillingMode, EventDataStore, LakeRefusal, StoreSettings};
use serde_json::Value;
use wire::shapes::{
    Request as _,
    cloudtrail::{ErrorCode, UpdateEventDataStoreRequest, UpdateEventDataStoreResponse},
};

use super::{Use, insight_selectors, selectors, settings, shown};
use crate::{
    fault::{Fault, fault, refused},
    trails::{Asked, organizations::not_management},
};

/// Answers `UpdateEventDataStore`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn update_event_data_store(
    asked: &Asked<'_>,
    request: Value,
) -> Result<UpdateEventDataStoreResponse, Fault> {
    let stores = asked.stores()?;
    let chosen = selectors::given(&request)?;
    let request = UpdateEventDataStoreRequest::read(request).map_err(refused)?;
    let name = request.event_data_store.clone().unwrap_or_default();
    let store = asked.find_active_store(&name, Use::Change).await?;
    if is_empty(&request) {
        let message = "Specify at least one member to change.";
        return Err(fault(ErrorCode::InvalidParameterException, message));
    }
    check_imports(asked, &store).await?;
    let organization = organization(asked, &store, request.organization_enabled).await?;
    let key = request.kms_key_id.clone();
    let mut wanted = merged(&store.settings, request, chosen)?;
    wanted.organization = organization;
    if let Some(key) = key {
        let arn = settings::key_arn(&*stores.tables, &key, &store.arn).await?;
        if store.settings.kms_key_id.as_ref().is_some_and(|it| *it != arn) {
            let message = "The KMS key of an event data store cannot be changed.";
            return Err(fault(ErrorCode::InvalidParameterException, message));
        }
        wanted.kms_key_id = Some(arn);
    }
    if wanted == store.settings {
        return shown::updated(&store);
    }
    let (id, seen) = (store.arn.id, store.version);
    let updated = asked.catalog().update_store(id, seen, &wanted, asked.position()).await;
    shown::updated(&updated.map_err(|it| asked.refused(it))?)
}

fn is_empty(request: &UpdateEventDataStoreRequest) -> bool {
    let nothing = UpdateEventDataStoreRequest {
        event_data_store: request.event_data_store.clone(),
        ..UpdateEventDataStoreRequest::default()
    };
    *request == nothing
}

/// A store that an import writes to stays as it is.
async fn check_imports(asked: &Asked<'_>, store: &EventDataStore) -> Result<(), Fault> {
    let running = asked.catalog().running_imports().await.map_err(|it| asked.refused(it))?;
    if running.iter().all(|it| it.store != store.arn) {
        return Ok(());
    }
    Err(super::refused(&LakeRefusal::StoreHasImport(store.arn.to_string())))
}

/// The organization of the store as it is to be. Only the management account converts a store.
async fn organization(
    asked: &Asked<'_>,
    store: &EventDataStore,
    wanted: Option<bool>,
) -> Result<Option<String>, Fault> {
    let before = store.settings.organization.clone();
    match wanted {
        Some(true) if before.is_none() => {
            let organization = asked.organization_to_act_for().await?;
            if organization.management != asked.account {
                return Err(not_management());
            }
            Ok(Some(organization.id))
        }
        Some(false) if before.is_some() => {
            if store.arn.account == asked.account {
                Ok(None)
            } else {
                Err(not_management())
            }
        }
        Some(_) | None => Ok(before),
    }
}

fn merged(
    before: &StoreSettings,
    request: UpdateEventDataStoreRequest,
    selectors: Option<String>,
) -> Result<StoreSettings, Fault> {
    let billing_mode =
        settings::billing_mode(request.billing_mode.as_deref()).unwrap_or(before.billing_mode);
    if (before.billing_mode, billing_mode) == (BillingMode::Extendable, BillingMode::Fixed) {
        let message = "An event data store with EXTENDABLE_RETENTION_PRICING cannot be changed to \
                       FIXED_RETENTION_PRICING.";
        return Err(fault(ErrorCode::InvalidParameterException, message));
    }
    let wanted = StoreSettings {
        name: request.name.unwrap_or_else(|| before.name.clone()),
        selectors: selectors.unwrap_or_else(|| before.selectors.clone()),
        is_multi_region: request.multi_region_enabled.unwrap_or(before.is_multi_region),
        retention_days: settings::days(request.retention_period).unwrap_or(before.retention_days),
        billing_mode,
        is_termination_protected: request
            .termination_protection_enabled
            .unwrap_or(before.is_termination_protected),
        ..before.clone()
    };
    settings::check_retention(&wanted)?;
    let (was, is) = (selectors::category(before)?, selectors::category(&wanted)?);
    if was != is && !(selectors::of_calls(was) && selectors::of_calls(is)) {
        let message = format!("An event data store of {was} events cannot take {is} events.");
        return Err(fault(ErrorCode::InvalidEventSelectorsException, &message));
    }
    insight_selectors::check_kept(&wanted)?;
    Ok(wanted)
}
