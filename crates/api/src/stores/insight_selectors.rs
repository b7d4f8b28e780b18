//! `PutInsightSelectors` and `GetInsightSelectors` of an event data store: which unusual activity is
//! looked for in it, and which store takes what is found.

use std::collections::BTreeSet;

use catalog::{EventDataStore, Insights, StoreSettings};
use record::Category;
use serde_json::json;
use wire::shapes::cloudtrail::{
    ErrorCode, GetInsightSelectorsRequest, GetInsightSelectorsResponse, InsightSelector,
    PutInsightSelectorsRequest,
};

use super::{Use, selectors};
use crate::{
    fault::{Fault, fault, internal},
    trails::Asked,
};

/// Answers `GetInsightSelectors` for a store. Not looking for any is an error.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn get_store_insight_selectors(
    asked: &Asked<'_>,
    request: GetInsightSelectorsRequest,
) -> Result<GetInsightSelectorsResponse, Fault> {
    asked.stores()?;
    let name = request.event_data_store.unwrap_or_default();
    let store = asked.find_active_store(&name, Use::Look).await?;
    shown(&store)?.ok_or_else(|| {
        let message = format!("The event data store {} does not have Insights enabled.", store.arn);
        fault(ErrorCode::InsightNotEnabledException, &message)
    })
}

/// Answers `PutInsightSelectors` for a store; an empty list ends it.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn put_store_insight_selectors(
    asked: &Asked<'_>,
    request: PutInsightSelectorsRequest,
) -> Result<GetInsightSelectorsResponse, Fault> {
    asked.stores()?;
    let name = request.event_data_store.unwrap_or_default();
    let store = asked.find_active_store(&name, Use::Change).await?;
    let wanted = request.insight_selectors.unwrap_or_default();
    let mut settings = store.settings.clone();
    settings.insights = if wanted.is_empty() {
        None
    } else {
        let destination = request.insights_destination.ok_or_else(|| {
            fault(ErrorCode::InvalidParameterException, "Specify InsightsDestination.")
        })?;
        let destination = asked.find_active_store(&destination, Use::Change).await?;
        check_destination(&store, &destination)?;
        check(&store.settings, &wanted)?;
        Some(Insights { selectors: json!(wanted).to_string(), destination: destination.arn })
    };
    let (id, seen) = (store.arn.id, store.version);
    let updated = asked.catalog().update_store(id, seen, &settings, asked.position()).await;
    let updated = updated.map_err(|it| asked.refused(it))?;
    Ok(shown(&updated)?.unwrap_or_else(|| GetInsightSelectorsResponse {
        event_data_store_arn: Some(updated.arn.to_string()),
        insight_selectors: Some(Vec::new()),
        ..GetInsightSelectorsResponse::default()
    }))
}

/// Checks that a store which looks for unusual activity still takes the events for it.
///
/// # Errors
/// `InvalidInsightSelectorsException`.
pub(super) fn check_kept(settings: &StoreSettings) -> Result<(), Fault> {
    match &settings.insights {
        Some(insights) => {
            check(settings, &serde_json::from_str::<Vec<_>>(&insights.selectors).map_err(internal)?)
        }
        None => Ok(()),
    }
}

fn check(settings: &StoreSettings, wanted: &[InsightSelector]) -> Result<(), Fault> {
    let mut seen = BTreeSet::new();
    for selector in wanted {
        let kind = selector.insight_type.as_deref().unwrap_or_default();
        if kind.is_empty() || !seen.insert(kind) {
            return Err(invalid("Specify each InsightType once."));
        }
        let categories = selector.event_categories.as_deref().unwrap_or_default();
        if categories.iter().any(|it| it != "Management") {
            return Err(invalid("An event data store has Insights on management events only."));
        }
        // How often calls are made is looked at for calls that write.
        if !selectors::takes_management(settings, kind == "ApiCallRateInsight")? {
            let message = format!("{kind} needs an event data store that takes management events.");
            return Err(invalid(&message));
        }
    }
    Ok(())
}

fn check_destination(store: &EventDataStore, to: &EventDataStore) -> Result<(), Fault> {
    if to.arn.account != store.arn.account
        || selectors::category(&to.settings)? != Category::Insight
    {
        let message = "InsightsDestination must be an event data store of Insights events of the \
                       same account.";
        return Err(fault(ErrorCode::InvalidParameterException, message));
    }
    Ok(())
}

fn shown(store: &EventDataStore) -> Result<Option<GetInsightSelectorsResponse>, Fault> {
    let Some(insights) = &store.settings.insights else { return Ok(None) };
    Ok(Some(GetInsightSelectorsResponse {
        trail_arn: None,
        insight_selectors: Some(serde_json::from_str(&insights.selectors).map_err(internal)?),
        event_data_store_arn: Some(store.arn.to_string()),
        insights_destination: Some(insights.destination.to_string()),
    }))
}

fn invalid(message: &str) -> Fault {
    fault(ErrorCode::InvalidInsightSelectorsException, message)
}
