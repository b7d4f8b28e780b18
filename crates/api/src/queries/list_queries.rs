//! `ListQueries`: the queries of the last seven days over one store, newest first.

use catalog::QueryStatus;
use wire::shapes::{
    Request as _,
    cloudtrail::{ErrorCode, ListQueriesRequest, ListQueriesResponse, Query},
};

use super::RESULTS_KEPT;
use crate::{
    fault::{Fault, fault, internal, refused},
    page::{self, page},
    stores::Use,
    trails::Asked,
};

/// Answers `ListQueries`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn list_queries(
    asked: &Asked<'_>,
    request: ListQueriesRequest,
) -> Result<ListQueriesResponse, Fault> {
    asked.runner()?;
    page::check_size(request.max_results, page::SIZE_MAX)?;
    let status = match request.query_status.as_deref() {
        Some(word) => Some(QueryStatus::from_word(word).ok_or_else(|| {
            let message = format!("{word} is not a status of queries.");
            fault(ErrorCode::InvalidQueryStatusException, &message)
        })?),
        None => None,
    };
    request.validate().map_err(refused)?;
    let oldest = asked.now.checked_sub(RESULTS_KEPT).map_err(internal)?;
    let (from, until) =
        (request.start_time.unwrap_or(oldest), request.end_time.unwrap_or(asked.now));
    if from > until {
        let message = "The start time is later than the end time.";
        return Err(fault(ErrorCode::InvalidDateRangeException, message));
    }
    let name = request.event_data_store.as_deref().unwrap_or_default();
    let wanted = Use::Read("cloudtrail:ListQueries");
    let store = asked.find_active_store(name, wanted).await?;
    let found = asked.catalog().queries_of(store.arn.id, from.max(oldest), until).await;
    let mut queries = found.map_err(|it| asked.refused(it))?;
    // The owner of a store sees every query over it, another account its own.
    let sees_all = asked.account == store.arn.account;
    queries.retain(|it| {
        (sees_all || it.account == asked.account) && status.is_none_or(|wanted| it.status == wanted)
    });
    // Newest first is in the order of what is left to the end of time.
    let key = |it: &catalog::Query| {
        format!("{:020}{}", i64::MAX.saturating_sub(it.created.as_millisecond()), it.id)
    };
    queries.sort_by_cached_key(key);
    let scope = format!(
        "queries {} {} {:?} {:?} {:?}",
        asked.account, store.arn.id, request.start_time, request.end_time, request.query_status
    );
    let (token, size) =
        (request.next_token.as_deref(), page::size(request.max_results, page::SIZE_MAX));
    let (queries, next_token) = page(queries, key, size, token, &scope)?;
    let shown = queries.into_iter().map(|it| Query {
        query_id: Some(it.id.to_string()),
        query_status: Some(it.status.as_str().to_owned()),
        creation_time: Some(it.created),
    });
    Ok(ListQueriesResponse { queries: Some(shown.collect()), next_token })
}
