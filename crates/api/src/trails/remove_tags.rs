//! `RemoveTags`: by key; values are ignored, and so is a key that is not there.

use wire::shapes::cloudtrail::{RemoveTagsRequest, RemoveTagsResponse};

use super::Asked;
use crate::fault::Fault;

/// Answers `RemoveTags`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn remove_tags(
    asked: &Asked<'_>,
    request: RemoveTagsRequest,
) -> Result<RemoveTagsResponse, Fault> {
    let resource =
        asked.find_tagged_to_change(request.resource_id.as_deref().unwrap_or_default()).await?;
    let keys: Vec<_> =
        request.tags_list.unwrap_or_default().into_iter().filter_map(|it| it.key).collect();
    let removed = asked.catalog().remove_tags(resource.tagged(), &keys).await;
    removed.map(|()| RemoveTagsResponse {}).map_err(|it| asked.refused(it))
}
