//! `PutEventConfiguration` and `GetEventConfiguration`: how large an event of a store may be, and
//! what is added to it where its record carries it.
//!
//! The summaries of a trail's data events, which the same operations are about, are not available.

use std::collections::BTreeSet;

use catalog::{ContextKeys, EventConfiguration, EventDataStore, StoreStatus};
use wire::shapes::cloudtrail::{
    ContextKeySelector, ErrorCode, GetEventConfigurationRequest, GetEventConfigurationResponse,
    PutEventConfigurationRequest, PutEventConfigurationResponse,
};

use super::{Use, selectors};
use crate::{
    fault::{Fault, fault},
    trails::Asked,
};

/// Answers `GetEventConfiguration`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn get_event_configuration(
    asked: &Asked<'_>,
    request: GetEventConfigurationRequest,
) -> Result<GetEventConfigurationResponse, Fault> {
    asked.stores()?;
    let name = one(request.trail_name, request.event_data_store)?;
    let store = asked.find_store(&name, Use::Look).await?;
    check(&store)?;
    Ok(shown(&store))
}

/// Answers `PutEventConfiguration`, with what `GetEventConfiguration` will answer.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn put_event_configuration(
    asked: &Asked<'_>,
    request: PutEventConfigurationRequest,
) -> Result<PutEventConfigurationResponse, Fault> {
    asked.stores()?;
    let name = one(request.trail_name, request.event_data_store)?;
    let store = asked.find_active_store(&name, Use::Change).await?;
    check(&store)?;
    if request.aggregation_configurations.is_some_and(|it| !it.is_empty()) {
        return Err(fault(
            ErrorCode::InvalidParameterCombinationException,
            "AggregationConfigurations are for trails only.",
        ));
    }
    let mut settings = store.settings.clone();
    settings.events = merged(
        &store.settings.events,
        request.max_event_size.as_deref(),
        request.context_key_selectors,
    )?;
    let (id, seen) = (store.arn.id, store.version);
    let updated = asked.catalog().update_store(id, seen, &settings, asked.position()).await;
    let shown = shown(&updated.map_err(|it| asked.refused(it))?);
    Ok(PutEventConfigurationResponse {
        trail_arn: None,
        event_data_store_arn: shown.event_data_store_arn,
        max_event_size: shown.max_event_size,
        context_key_selectors: shown.context_key_selectors,
        aggregation_configurations: None,
    })
}

/// The store that a request names, which names a trail or a store.
fn one(trail: Option<String>, store: Option<String>) -> Result<String, Fault> {
    match (trail, store) {
        (None, Some(store)) => Ok(store),
        (Some(_), None) => Err(fault(
            ErrorCode::UnsupportedOperationException,
            "Event configurations of trails are not available in this version of Trailmark.",
        )),
        (Some(_), Some(_)) | (None, None) => Err(fault(
            ErrorCode::InvalidParameterCombinationException,
            "Specify either TrailName or EventDataStore.",
        )),
    }
}

/// Only a store of CloudTrail events has an event configuration.
fn check(store: &EventDataStore) -> Result<(), Fault> {
    if store.status == StoreStatus::PendingDeletion {
        let message = format!("The event data store is {}.", store.status.as_str());
        return Err(fault(ErrorCode::InvalidEventDataStoreStatusException, &message));
    }
    if selectors::is_of_calls(&store.settings)? {
        return Ok(());
    }
    Err(fault(
        ErrorCode::InvalidEventDataStoreCategoryException,
        "The event data store must be one of CloudTrail events.",
    ))
}

fn merged(
    before: &EventConfiguration,
    size: Option<&str>,
    selectors: Option<Vec<ContextKeySelector>>,
) -> Result<EventConfiguration, Fault> {
    let is_large = match size {
        Some(size) => size == LARGE,
        None => before.is_large,
    };
    let context_keys = match selectors {
        Some(selectors) => context_keys(selectors)?,
        None => before.context_keys.clone(),
    };
    if !context_keys.is_empty() && !is_large {
        return Err(invalid("ContextKeySelectors need a MaxEventSize of Large."));
    }
    Ok(EventConfiguration { is_large, context_keys })
}

fn context_keys(selectors: Vec<ContextKeySelector>) -> Result<Vec<ContextKeys>, Fault> {
    let mut kinds = BTreeSet::new();
    let mut all = Vec::with_capacity(selectors.len());
    for ContextKeySelector { r#type, equals } in selectors {
        let (kind, keys) = (r#type.unwrap_or_default(), equals.unwrap_or_default());
        if !kinds.insert(kind.clone()) {
            return Err(invalid(&format!("Specify {kind} once.")));
        }
        let unknown =
            keys.iter().find(|it| kind == "RequestContext" && !REQUEST_KEYS.contains(&it.as_str()));
        if let Some(unknown) = unknown {
            return Err(invalid(&format!("{unknown} is not a supported key of RequestContext.")));
        }
        all.push(ContextKeys { kind, keys });
    }
    Ok(all)
}

fn invalid(message: &str) -> Fault {
    fault(ErrorCode::InvalidParameterException, message)
}

fn shown(store: &EventDataStore) -> GetEventConfigurationResponse {
    let EventConfiguration { is_large, context_keys } = &store.settings.events;
    let keys = context_keys.iter().map(|it| ContextKeySelector {
        r#type: Some(it.kind.clone()),
        equals: Some(it.keys.clone()),
    });
    GetEventConfigurationResponse {
        trail_arn: None,
        event_data_store_arn: Some(store.arn.to_string()),
        max_event_size: Some(if *is_large { LARGE } else { STANDARD }.to_owned()),
        context_key_selectors: Some(keys.collect()),
        aggregation_configurations: None,
    }
}

const LARGE: &str = "Large";
const STANDARD: &str = "Standard";

/// The global condition keys that a record can be enriched with.
const REQUEST_KEYS: [&str; 22] = [
    "aws:CurrentTime",
    "aws:EpochTime",
    "aws:FederatedProvider",
    "aws:MultiFactorAuthAge",
    "aws:MultiFactorAuthPresent",
    "aws:PrincipalAccount",
    "aws:PrincipalArn",
    "aws:PrincipalIsAWSService",
    "aws:PrincipalOrgID",
    "aws:PrincipalOrgPaths",
    "aws:PrincipalServiceName",
    "aws:PrincipalServiceNamesList",
    "aws:PrincipalType",
    "aws:RequestedRegion",
    "aws:SecureTransport",
    "aws:SourceAccount",
    "aws:SourceIdentity",
    "aws:SourceOrgID",
    "aws:TokenIssueTime",
    "aws:ViaAWSService",
    "aws:userid",
    "aws:username",
];
