//! The service `cloudtrail`: which operation answers a call.
//!
//! Lives here: reading the call's JSON, finding the operation, writing its output or fault.
//! Lives elsewhere: each operation, in a file of its own.

use std::sync::Arc;

use futures::{FutureExt as _, future::BoxFuture};
use lake::Lake;
use serde::Serialize;
use serde_json::Value;
use wire::{
    answer::{Answer, BoxError, Call, Reply},
    catalogue::Protocol,
    reply,
    shapes::cloudtrail::{ErrorCode, Operation},
};

use crate::{
    body,
    channels::{create_channel, delete_channel, get_channel, list_channels, update_channel},
    fault::{Fault, common, fault, internal, refused},
    imports::{get_import, list_import_failures, list_imports, start_import, stop_import},
    lookup_events::lookup_events,
    policies::{delete_resource_policy, get_resource_policy, put_resource_policy},
    queries::{
        cancel_query, describe_query, generate_query, get_query_results, list_queries,
        search_sample_queries, start_query,
    },
    stores::{
        self, Stores, create_event_data_store, delete_event_data_store, disable_federation,
        enable_federation, get_event_configuration, get_event_data_store, list_event_data_stores,
        put_event_configuration, restore_event_data_store, start_event_data_store_ingestion,
        stop_event_data_store_ingestion, update_event_data_store,
    },
    trails::{
        Asked, Trails, add_tags, create_trail, delete_trail,
        deregister_organization_delegated_admin, describe_trails, get_event_selectors,
        get_insight_selectors, get_trail, get_trail_status, list_public_keys, list_tags,
        list_trails, put_event_selectors, put_insight_selectors,
        register_organization_delegated_admin, remove_tags, start_logging, stop_logging,
        update_trail,
    },
};

/// CloudTrail's control plane.
#[derive(Clone, Debug)]
pub struct CloudTrail {
    lake: Arc<Lake>,
    trails: Trails,
    stores: Option<Stores>,
}

impl CloudTrail {
    /// Answers from `lake` and from what `trails` keeps.
    #[must_use]
    pub fn new(lake: Arc<Lake>, trails: Trails) -> Self {
        Self { lake, trails, stores: None }
    }

    /// Answers for event data stores too. Without them their operations are refused as not available.
    #[must_use]
    pub fn with_stores(self, stores: Stores) -> Self {
        Self { stores: Some(stores), ..self }
    }

    /// Does what falls due without a call: removes event data stores that were deleted seven days
    /// ago, and forgets queries of seven days ago. To be called every few minutes; harmless to repeat.
    ///
    /// # Errors
    /// The first, when the catalog, a table or a result cannot be reached. What can be done is done
    /// all the same; the next call tries the rest again.
    pub async fn upkeep(&self) -> Result<(), BoxError> {
        match &self.stores {
            Some(stores) => stores::upkeep(&self.trails, stores).await,
            None => Ok(()),
        }
    }

    async fn run(&self, call: Call) -> Result<Value, Fault> {
        let operation = Operation::from_word(&call.operation)
            .ok_or_else(|| common("UnknownOperationException", "The operation is not known."))?;
        let Call { caller, region, arrival: now, request, .. } = call;
        let request = Value::Object(body::object(&body::whole(request).await?)?);
        let principal = caller.identity.arn.unwrap_or_default();
        let asked = Asked {
            trails: &self.trails,
            stores: self.stores.as_ref(),
            account: caller.account,
            principal: &principal,
            region: &region,
            now,
        };
        if is_of_stores(operation) {
            return self.operate_stores(operation, &asked, request).await;
        }
        self.operate(operation, &asked, request).await
    }

    /// One line for each operation.
    async fn operate(
        &self,
        operation: Operation,
        asked: &Asked<'_>,
        request: Value,
    ) -> Result<Value, Fault> {
        let promises_insights =
            matches!(operation, Operation::GetInsightSelectors | Operation::PutInsightSelectors);
        if promises_insights && !asked.trails.have_insights {
            return Err(unsupported(operation, request));
        }
        match operation {
            Operation::AddTags => shown(add_tags(asked, loosely(request)?).await?),
            Operation::CreateTrail => shown(create_trail(asked, read(request)?).await?),
            Operation::DeleteTrail => shown(delete_trail(asked, read(request)?).await?),
            Operation::DeregisterOrganizationDelegatedAdmin => {
                shown(deregister_organization_delegated_admin(asked, read(request)?).await?)
            }
            Operation::DescribeTrails => shown(describe_trails(asked, read(request)?).await?),
            Operation::GetEventSelectors => {
                shown(get_event_selectors(asked, read(request)?).await?)
            }
            Operation::GetInsightSelectors => {
                shown(get_insight_selectors(asked, read(request)?).await?)
            }
            Operation::GetTrail => shown(get_trail(asked, read(request)?).await?),
            Operation::GetTrailStatus => shown(get_trail_status(asked, read(request)?).await?),
            Operation::ListPublicKeys => shown(list_public_keys(asked, read(request)?).await?),
            Operation::ListTags => shown(list_tags(asked, read(request)?).await?),
            Operation::ListTrails => shown(list_trails(asked, read(request)?).await?),
            Operation::LookupEvents => {
                let request = loosely(request)?;
                lookup_events(&self.lake, asked.account, asked.region, request).await
            }
            Operation::PutEventSelectors => shown(put_event_selectors(asked, request).await?),
            Operation::PutInsightSelectors => {
                shown(put_insight_selectors(asked, read(request)?).await?)
            }
            Operation::RegisterOrganizationDelegatedAdmin => {
                shown(register_organization_delegated_admin(asked, read(request)?).await?)
            }
            Operation::RemoveTags => shown(remove_tags(asked, read(request)?).await?),
            Operation::StartLogging => shown(start_logging(asked, read(request)?).await?),
            Operation::StopLogging => shown(stop_logging(asked, read(request)?).await?),
            Operation::UpdateTrail => shown(update_trail(asked, read(request)?).await?),
            Operation::CancelQuery
            | Operation::CreateChannel
            | Operation::CreateDashboard
            | Operation::CreateEventDataStore
            | Operation::DeleteChannel
            | Operation::DeleteDashboard
            | Operation::DeleteEventDataStore
            | Operation::DeleteResourcePolicy
            | Operation::DescribeQuery
            | Operation::DisableFederation
            | Operation::EnableFederation
            | Operation::GenerateQuery
            | Operation::GetChannel
            | Operation::GetDashboard
            | Operation::GetEventConfiguration
            | Operation::GetEventDataStore
            | Operation::GetImport
            | Operation::GetQueryResults
            | Operation::GetResourcePolicy
            | Operation::ListChannels
            | Operation::ListDashboards
            | Operation::ListEventDataStores
            | Operation::ListImportFailures
            | Operation::ListImports
            | Operation::ListInsightsData
            | Operation::ListInsightsMetricData
            | Operation::ListQueries
            | Operation::PutEventConfiguration
            | Operation::PutResourcePolicy
            | Operation::RestoreEventDataStore
            | Operation::SearchSampleQueries
            | Operation::StartDashboardRefresh
            | Operation::StartEventDataStoreIngestion
            | Operation::StartImport
            | Operation::StartQuery
            | Operation::StopEventDataStoreIngestion
            | Operation::StopImport
            | Operation::UpdateChannel
            | Operation::UpdateDashboard
            | Operation::UpdateEventDataStore => Err(unsupported(operation, request)),
        }
    }

    /// One line for each operation on event data stores, channels, queries, imports and policies.
    async fn operate_stores(
        &self,
        operation: Operation,
        asked: &Asked<'_>,
        request: Value,
    ) -> Result<Value, Fault> {
        if asked.stores.is_none() {
            return Err(unsupported(operation, request));
        }
        match operation {
            Operation::CancelQuery => shown(cancel_query(asked, read(request)?).await?),
            Operation::CreateChannel => shown(create_channel(asked, loosely(request)?).await?),
            Operation::CreateEventDataStore => {
                shown(create_event_data_store(asked, request).await?)
            }
            Operation::DeleteChannel => shown(delete_channel(asked, read(request)?).await?),
            Operation::DeleteEventDataStore => {
                shown(delete_event_data_store(asked, read(request)?).await?)
            }
            Operation::DeleteResourcePolicy => {
                shown(delete_resource_policy(asked, read(request)?).await?)
            }
            Operation::DescribeQuery => shown(describe_query(asked, read(request)?).await?),
            Operation::DisableFederation => shown(disable_federation(asked, read(request)?).await?),
            Operation::EnableFederation => shown(enable_federation(asked, read(request)?).await?),
            Operation::GenerateQuery => shown(generate_query(asked, read(request)?).await?),
            Operation::GetChannel => shown(get_channel(asked, read(request)?).await?),
            Operation::GetEventConfiguration => {
                shown(get_event_configuration(asked, read(request)?).await?)
            }
            Operation::GetEventDataStore => {
                shown(get_event_data_store(asked, read(request)?).await?)
            }
            Operation::GetImport => shown(get_import(asked, read(request)?).await?),
            Operation::GetQueryResults => shown(get_query_results(asked, loosely(request)?).await?),
            Operation::GetResourcePolicy => {
                shown(get_resource_policy(asked, read(request)?).await?)
            }
            Operation::ListChannels => shown(list_channels(asked, read(request)?).await?),
            Operation::ListEventDataStores => {
                shown(list_event_data_stores(asked, loosely(request)?).await?)
            }
            Operation::ListImportFailures => {
                shown(list_import_failures(asked, read(request)?).await?)
            }
            Operation::ListImports => shown(list_imports(asked, read(request)?).await?),
            Operation::ListQueries => shown(list_queries(asked, loosely(request)?).await?),
            Operation::PutEventConfiguration => {
                shown(put_event_configuration(asked, read(request)?).await?)
            }
            Operation::PutResourcePolicy => {
                shown(put_resource_policy(asked, read(request)?).await?)
            }
            Operation::RestoreEventDataStore => {
                shown(restore_event_data_store(asked, read(request)?).await?)
            }
            Operation::SearchSampleQueries => shown(search_sample_queries(asked, read(request)?)?),
            Operation::StartEventDataStoreIngestion => {
                shown(start_event_data_store_ingestion(asked, read(request)?).await?)
            }
            Operation::StartImport => shown(start_import(asked, read(request)?).await?),
            Operation::StartQuery => shown(start_query(asked, read(request)?).await?),
            Operation::StopEventDataStoreIngestion => {
                shown(stop_event_data_store_ingestion(asked, read(request)?).await?)
            }
            Operation::StopImport => shown(stop_import(asked, read(request)?).await?),
            Operation::UpdateChannel => shown(update_channel(asked, read(request)?).await?),
            Operation::UpdateEventDataStore => {
                shown(update_event_data_store(asked, request).await?)
            }
            Operation::AddTags
            | Operation::CreateDashboard
            | Operation::CreateTrail
            | Operation::DeleteDashboard
            | Operation::DeleteTrail
            | Operation::DeregisterOrganizationDelegatedAdmin
            | Operation::DescribeTrails
            | Operation::GetDashboard
            | Operation::GetEventSelectors
            | Operation::GetInsightSelectors
            | Operation::GetTrail
            | Operation::GetTrailStatus
            | Operation::ListDashboards
            | Operation::ListInsightsData
            | Operation::ListInsightsMetricData
            | Operation::ListPublicKeys
            | Operation::ListTags
            | Operation::ListTrails
            | Operation::LookupEvents
            | Operation::PutEventSelectors
            | Operation::PutInsightSelectors
            | Operation::RegisterOrganizationDelegatedAdmin
            | Operation::RemoveTags
            | Operation::StartDashboardRefresh
            | Operation::StartLogging
            | Operation::StopLogging
            | Operation::UpdateDashboard
            | Operation::UpdateTrail => Err(unsupported(operation, request)),
        }
    }
}

/// Whether an operation is one on event data stores, channels, queries, imports or policies.
const fn is_of_stores(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::CancelQuery
            | Operation::CreateChannel
            | Operation::CreateEventDataStore
            | Operation::DeleteChannel
            | Operation::DeleteEventDataStore
            | Operation::DeleteResourcePolicy
            | Operation::DescribeQuery
            | Operation::DisableFederation
            | Operation::EnableFederation
            | Operation::GenerateQuery
            | Operation::GetChannel
            | Operation::GetEventConfiguration
            | Operation::GetEventDataStore
            | Operation::GetImport
            | Operation::GetQueryResults
            | Operation::GetResourcePolicy
            | Operation::ListChannels
            | Operation::ListEventDataStores
            | Operation::ListImportFailures
            | Operation::ListImports
            | Operation::ListQueries
            | Operation::PutEventConfiguration
            | Operation::PutResourcePolicy
            | Operation::RestoreEventDataStore
            | Operation::SearchSampleQueries
            | Operation::StartEventDataStoreIngestion
            | Operation::StartImport
            | Operation::StartQuery
            | Operation::StopEventDataStoreIngestion
            | Operation::StopImport
            | Operation::UpdateChannel
            | Operation::UpdateEventDataStore
    )
}

/// What is wrong with the request; if nothing is, that the operation is not there.
fn unsupported(operation: Operation, request: Value) -> Fault {
    match operation.check(request) {
        Err(wrong) => refused(wrong),
        Ok(()) => fault(
            ErrorCode::UnsupportedOperationException,
            &format!("{} is not available in this version of Trailmark.", operation.as_str()),
        ),
    }
}

impl Answer for CloudTrail {
    fn answer(&self, call: Call) -> BoxFuture<'_, Reply> {
        async move {
            let (id, operation) = (call.request_id.clone(), call.operation.clone());
            let response = match self.run(call).await {
                Ok(output) => reply::output(Protocol::Json11, &operation, None, &output, &id),
                Err(fault) => reply::error(Protocol::Json11, &fault, &id),
            };
            Reply { response }
        }
        .boxed()
    }
}

/// Reads a request and checks what the model demands of it.
fn read<R: wire::shapes::Request>(request: Value) -> Result<R, Fault> {
    R::read(request).map_err(refused)
}

/// Reads a request for an operation that has errors of its own for some of what the model demands.
fn loosely<R: wire::shapes::Request>(request: Value) -> Result<R, Fault> {
    serde_json::from_value(request).map_err(body::not_of_its_type)
}

fn shown(response: impl Serialize) -> Result<Value, Fault> {
    serde_json::to_value(response).map_err(internal)
}
