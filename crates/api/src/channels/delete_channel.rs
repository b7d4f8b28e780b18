//! `DeleteChannel`: what it has accepted before still goes where it led.

use wire::shapes::cloudtrail::{DeleteChannelRequest, DeleteChannelResponse};

use crate::{fault::Fault, trails::Asked};

/// Answers `DeleteChannel`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn delete_channel(
    asked: &Asked<'_>,
    request: DeleteChannelRequest,
) -> Result<DeleteChannelResponse, Fault> {
    let channel = asked.find_channel(request.channel.as_deref().unwrap_or_default()).await?;
    let _turning = asked.catalog().turn_channels().await;
    let deleted = asked.catalog().delete_channel(&channel.arn, asked.position()).await;
    deleted.map(|()| DeleteChannelResponse {}).map_err(|it| asked.refused(it))
}
