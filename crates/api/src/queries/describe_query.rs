//! `DescribeQuery`: how a query goes, found by its id, or by the alias under which it was last
//! started.

use catalog::QueryStatistics;
use wire::shapes::cloudtrail::{
    DescribeQueryRequest, DescribeQueryResponse, QueryStatisticsForDescribeQuery,
};

use super::{invalid, shown_owner, unknown};
use crate::{fault::Fault, trails::Asked};

/// Answers `DescribeQuery`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn describe_query(
    asked: &Asked<'_>,
    request: DescribeQueryRequest,
) -> Result<DescribeQueryResponse, Fault> {
    asked.runner()?;
    let owner = request.event_data_store_owner_account_id.as_deref();
    let query = match (request.query_id.as_deref(), request.query_alias.as_deref()) {
        (id @ Some(_), None) => asked.find_query(id, owner, ACTION).await?,
        (None, Some(alias)) => {
            let (account, refresh) = (asked.account, request.refresh_id.as_deref());
            let found = asked.catalog().query_by_alias(account, asked.region, alias, refresh).await;
            let found = found.map_err(|it| asked.refused(it))?.ok_or_else(|| unknown(alias))?;
            asked.check_query(found, alias, owner, ACTION).await?
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(invalid("Specify either QueryId or QueryAlias."));
        }
    };
    asked.check_named(request.event_data_store.as_deref(), &query)?;
    let QueryStatistics { events_matched, events_scanned, bytes_scanned, execution_ms, .. } =
        query.statistics;
    Ok(DescribeQueryResponse {
        event_data_store_owner_account_id: shown_owner(&query, asked.account),
        query_id: Some(query.id.to_string()),
        query_string: Some(query.statement),
        query_status: Some(query.status.as_str().to_owned()),
        query_statistics: Some(QueryStatisticsForDescribeQuery {
            events_matched: i64::try_from(events_matched).ok(),
            events_scanned: i64::try_from(events_scanned).ok(),
            bytes_scanned: i64::try_from(bytes_scanned).ok(),
            execution_time_in_millis: Some(i32::try_from(execution_ms).unwrap_or(i32::MAX)),
            creation_time: Some(query.created),
        }),
        error_message: query.error,
        delivery_s3_uri: query.delivery_uri,
        delivery_status: query.delivery_status.map(|it| it.as_str().to_owned()),
        prompt: query.prompt,
    })
}

const ACTION: &str = "cloudtrail:DescribeQuery";
