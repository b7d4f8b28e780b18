//! `ListChannels`: ARN and name of every channel of the account in the region.

use wire::shapes::cloudtrail::{Channel, ListChannelsRequest, ListChannelsResponse};

use crate::{
    fault::Fault,
    page::{self, page},
    trails::Asked,
};

/// Answers `ListChannels`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn list_channels(
    asked: &Asked<'_>,
    request: ListChannelsRequest,
) -> Result<ListChannelsResponse, Fault> {
    asked.stores()?;
    let channels = asked.catalog().channels(asked.account, asked.region).await;
    let mut channels = channels.map_err(|it| asked.refused(it))?;
    channels.sort_by_key(|it| it.arn.id);
    let scope = format!("channels {} {}", asked.account, asked.region);
    let token = request.next_token.as_deref();
    let size = page::size(request.max_results, page::SIZE_MAX);
    let (channels, next_token) = page(channels, |it| it.arn.id.to_string(), size, token, &scope)?;
    let shown = channels
        .into_iter()
        .map(|it| Channel { channel_arn: Some(it.arn.to_string()), name: Some(it.name) });
    Ok(ListChannelsResponse { channels: Some(shown.collect()), next_token })
}
