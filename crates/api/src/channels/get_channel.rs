//! `GetChannel`: one channel, with how its last events went.

use wire::shapes::cloudtrail::{GetChannelRequest, GetChannelResponse};

use super::shown;
use crate::{fault::Fault, trails::Asked};

/// Answers `GetChannel`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn get_channel(
    asked: &Asked<'_>,
    request: GetChannelRequest,
) -> Result<GetChannelResponse, Fault> {
    asked.find_channel(request.channel.as_deref().unwrap_or_default()).await.map(shown::whole)
}
