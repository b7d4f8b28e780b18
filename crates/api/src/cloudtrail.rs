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
    answer::{Answer, Call, Reply},
    catalogue::Protocol,
    reply,
    shapes::cloudtrail::{ErrorCode, Operation},
};

use crate::{
    body,
    fault::{Fault, common, fault, internal, refused},
    lookup_events::lookup_events,
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
}

impl CloudTrail {
    /// Answers from `lake` and from what `trails` keeps.
    #[must_use]
    pub fn new(lake: Arc<Lake>, trails: Trails) -> Self {
        Self { lake, trails }
    }

    async fn run(&self, call: Call) -> Result<Value, Fault> {
        let operation = Operation::from_word(&call.operation)
            .ok_or_else(|| common("UnknownOperationException", "The operation is not known."))?;
        let Call { caller, region, arrival: now, request, .. } = call;
        let request = Value::Object(body::object(&body::whole(request).await?)?);
        let asked = Asked { trails: &self.trails, account: caller.account, region: &region, now };
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
