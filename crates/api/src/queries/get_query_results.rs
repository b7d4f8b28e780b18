//! `GetQueryResults`: a page of rows, each column a map of its own from its label to its text.
//!
//! While the query runs there are no rows, and no token. What a query that timed out had found can
//! be read.

use std::collections::BTreeMap;

use catalog::QueryStatus;
use wire::shapes::{
    Request as _,
    cloudtrail::{GetQueryResultsRequest, GetQueryResultsResponse, QueryStatistics},
};

use super::start_query::RunnerFailed;
use crate::{
    fault::{Fault, internal, refused},
    page,
    stores::ResultRow,
    trails::Asked,
};

/// Answers `GetQueryResults`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn get_query_results(
    asked: &Asked<'_>,
    request: GetQueryResultsRequest,
) -> Result<GetQueryResultsResponse, Fault> {
    let runner = asked.runner()?;
    page::check_size(request.max_query_results, page::SIZE_MAX)?;
    request.validate().map_err(refused)?;
    let owner = request.event_data_store_owner_account_id.as_deref();
    let query = asked.find_query(request.query_id.as_deref(), owner, ACTION).await?;
    asked.check_named(request.event_data_store.as_deref(), &query)?;
    let scope = format!("rows {}", query.id);
    let from: u64 = match request.next_token.as_deref() {
        Some(token) => page::decode(token, &scope)?.parse().map_err(internal)?,
        None => 0,
    };
    let total = query.statistics.rows;
    let size = page::size(request.max_query_results, page::SIZE_MAX);
    let rows = match query.status {
        QueryStatus::Finished | QueryStatus::TimedOut if from < total => {
            let rows = runner.rows(query.id, from, size).await;
            rows.map_err(|it| internal(RunnerFailed(it)))?
        }
        QueryStatus::Cancelled
        | QueryStatus::Failed
        | QueryStatus::Finished
        | QueryStatus::Queued
        | QueryStatus::Running
        | QueryStatus::TimedOut => Vec::new(),
    };
    let count = rows.len();
    let next = from.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
    let has_more = count > 0 && next < total;
    Ok(GetQueryResultsResponse {
        query_status: Some(query.status.as_str().to_owned()),
        query_statistics: Some(QueryStatistics {
            results_count: i32::try_from(count).ok(),
            total_results_count: Some(i32::try_from(total).unwrap_or(i32::MAX)),
            bytes_scanned: i64::try_from(query.statistics.bytes_scanned).ok(),
        }),
        query_result_rows: Some(rows.into_iter().map(shown).collect()),
        next_token: has_more.then(|| page::encode(&next.to_string(), &scope)),
        error_message: query.error,
    })
}

/// A column without a value says `null`, so that every row has every column.
fn shown(row: ResultRow) -> Vec<BTreeMap<String, String>> {
    row.into_iter()
        .map(|(label, text)| BTreeMap::from([(label, text.unwrap_or_else(|| NULL.to_owned()))]))
        .collect()
}

const ACTION: &str = "cloudtrail:GetQueryResults";
const NULL: &str = "null";
