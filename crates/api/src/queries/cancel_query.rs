//! `CancelQuery`: a query that runs or waits ends, and keeps no rows.

use catalog::QueryStatus;
use wire::shapes::cloudtrail::{CancelQueryRequest, CancelQueryResponse};

use super::{shown_owner, start_query::RunnerFailed};
use crate::{
    fault::{Fault, internal},
    trails::Asked,
};

/// Answers `CancelQuery`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn cancel_query(
    asked: &Asked<'_>,
    request: CancelQueryRequest,
) -> Result<CancelQueryResponse, Fault> {
    let runner = asked.runner()?;
    let owner = request.event_data_store_owner_account_id.as_deref();
    let query = asked.find_query(request.query_id.as_deref(), owner, ACTION).await?;
    asked.check_named(request.event_data_store.as_deref(), &query)?;
    asked.catalog().cancel_query(query.id).await.map_err(|it| asked.refused(it))?;
    runner.cancel(query.id).await.map_err(|it| internal(RunnerFailed(it)))?;
    Ok(CancelQueryResponse {
        event_data_store_owner_account_id: shown_owner(&query, asked.account),
        query_id: Some(query.id.to_string()),
        query_status: Some(QueryStatus::Cancelled.as_str().to_owned()),
    })
}

const ACTION: &str = "cloudtrail:CancelQuery";
