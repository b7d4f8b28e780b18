//! `ListTags`: of up to 20 trails, event data stores and channels; one without tags has an empty list.

use wire::shapes::cloudtrail::{ErrorCode, ListTagsRequest, ListTagsResponse, ResourceTag, Tag};

use super::Asked;
use crate::fault::{Fault, common, fault};

/// Answers `ListTags`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn list_tags(
    asked: &Asked<'_>,
    request: ListTagsRequest,
) -> Result<ListTagsResponse, Fault> {
    if request.next_token.is_some() {
        return Err(fault(ErrorCode::InvalidTokenException, "The token is not valid."));
    }
    let wanted = request.resource_id_list.unwrap_or_default();
    if wanted.len() > RESOURCES_MAX {
        let message = format!("At most {RESOURCES_MAX} resources can be listed at a time.");
        return Err(common("ValidationException", &message));
    }
    let mut list = Vec::with_capacity(wanted.len());
    for id in wanted {
        let resource = asked.find_tagged(&id).await?;
        let tags = asked.catalog().tags(resource.tagged()).await.map_err(|it| asked.refused(it))?;
        let tags = tags.into_iter().map(|it| Tag { key: Some(it.key), value: it.value }).collect();
        list.push(ResourceTag { resource_id: Some(id), tags_list: Some(tags) });
    }
    Ok(ListTagsResponse { resource_tag_list: Some(list), next_token: None })
}

/// Resources of one request.
const RESOURCES_MAX: usize = 20;
