//! `UpdateChannel`: another name, other destinations. The source stays.

use wire::shapes::cloudtrail::{ErrorCode, UpdateChannelRequest, UpdateChannelResponse};

use super::shown;
use crate::{
    fault::{Fault, fault},
    trails::Asked,
};

/// Answers `UpdateChannel`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn update_channel(
    asked: &Asked<'_>,
    request: UpdateChannelRequest,
) -> Result<UpdateChannelResponse, Fault> {
    let channel = asked.find_channel(request.channel.as_deref().unwrap_or_default()).await?;
    if request.name.is_none() && request.destinations.is_none() {
        let message = "Specify Name or Destinations.";
        return Err(fault(ErrorCode::InvalidParameterException, message));
    }
    let destinations = match &request.destinations {
        Some(given) => Some(asked.destinations(given).await?),
        None => None,
    };
    let _turning = asked.catalog().turn_channels().await;
    let (arn, name) = (&channel.arn, request.name.as_deref());
    let position = asked.position();
    let updated =
        asked.catalog().update_channel(arn, name, destinations.as_deref(), position).await;
    let channel = updated.map_err(|it| asked.refused(it))?;
    Ok(UpdateChannelResponse {
        channel_arn: Some(channel.arn.to_string()),
        name: Some(channel.name),
        source: Some(channel.source),
        destinations: Some(shown::destinations(&channel.destinations)),
    })
}
