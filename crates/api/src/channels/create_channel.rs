//! `CreateChannel`: one for each source.
//!
//! Any source of up to 256 printable characters will do: `Custom`, a partner's name as in AWS, or
//! the name of an own application.

use catalog::{ChannelArn, NewChannel};
use wire::shapes::{
    Request as _,
    cloudtrail::{CreateChannelRequest, CreateChannelResponse, ErrorCode},
};

use super::shown;
use crate::{
    fault::{Fault, fault, refused},
    trails::{Asked, tagged},
};

/// Answers `CreateChannel`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn create_channel(
    asked: &Asked<'_>,
    request: CreateChannelRequest,
) -> Result<CreateChannelResponse, Fault> {
    let stores = asked.stores()?;
    // What has an error of its own comes before what is merely not valid.
    let tags = tagged::tags(request.tags.clone().unwrap_or_default())?;
    request.validate().map_err(refused)?;
    let (name, source) = (request.name.unwrap_or_default(), request.source.unwrap_or_default());
    // Records of AWS's own calls come from CloudTrail itself, by channels that only services make.
    if source.trim().is_empty() || source.chars().any(char::is_control) || source == "CloudTrail" {
        let message = format!("The source {source} is not valid.");
        return Err(fault(ErrorCode::InvalidSourceException, &message));
    }
    let destinations = asked.destinations(&request.destinations.unwrap_or_default()).await?;
    let id = stores.ambient.random.uuid();
    let arn = ChannelArn { region: asked.region.to_owned(), account: asked.account, id };
    let new = NewChannel { arn, name, source, destinations, tags };
    let created = asked.catalog().create_channel(&new, asked.position()).await;
    let channel = created.map_err(|it| asked.refused(it))?;
    Ok(CreateChannelResponse {
        channel_arn: Some(channel.arn.to_string()),
        name: Some(channel.name),
        source: Some(channel.source),
        destinations: Some(shown::destinations(&channel.destinations)),
        tags: request.tags,
    })
}
