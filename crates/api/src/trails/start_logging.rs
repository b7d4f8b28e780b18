//! `StartLogging`: the trail delivers from now on. Starting it twice is no error.

use wire::shapes::cloudtrail::{StartLoggingRequest, StartLoggingResponse};

use super::Asked;
use crate::fault::Fault;

/// Answers `StartLogging`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn start_logging(
    asked: &Asked<'_>,
    request: StartLoggingRequest,
) -> Result<StartLoggingResponse, Fault> {
    let trail = asked.find_to_change(request.name.as_deref().unwrap_or_default()).await?;
    let started = asked.catalog().set_logging(&trail.arn, true, asked.position()).await;
    started.map(|_| StartLoggingResponse {}).map_err(|it| asked.refused(it))
}
