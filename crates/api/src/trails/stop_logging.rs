//! `StopLogging`: the trail delivers what was recorded until now, the record of this call included,
//! and nothing after it. Stopping it twice is no error.

use wire::shapes::cloudtrail::{StopLoggingRequest, StopLoggingResponse};

use super::Asked;
use crate::fault::Fault;

/// Answers `StopLogging`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn stop_logging(
    asked: &Asked<'_>,
    request: StopLoggingRequest,
) -> Result<StopLoggingResponse, Fault> {
    let trail = asked.find_to_change(request.name.as_deref().unwrap_or_default()).await?;
    let stopped = asked.catalog().set_logging(&trail.arn, false, asked.position_behind()).await;
    stopped.map(|_| StopLoggingResponse {}).map_err(|it| asked.refused(it))
}
