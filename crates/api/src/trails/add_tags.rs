//! `AddTags`: up to 50 on a trail; a key that is there takes the new value.

use wire::shapes::{
    Request as _,
    cloudtrail::{AddTagsRequest, AddTagsResponse},
};

use super::{Asked, tagged};
use crate::fault::{Fault, refused};

/// Answers `AddTags`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn add_tags(
    asked: &Asked<'_>,
    request: AddTagsRequest,
) -> Result<AddTagsResponse, Fault> {
    let resource =
        asked.find_tagged_to_change(request.resource_id.as_deref().unwrap_or_default()).await?;
    let tags = tagged::tags(request.tags_list.clone().unwrap_or_default())?;
    // What has an error of its own comes before what is merely not valid.
    request.validate().map_err(refused)?;
    let added = asked.catalog().add_tags(resource.tagged(), &tags).await;
    added.map(|()| AddTagsResponse {}).map_err(|it| asked.refused(it))
}
