//! `AddTags`, `RemoveTags` and `ListTags`, of trails.
//!
//! Spec: CloudTrail API Reference, `Tag`; "Tagging your AWS resources" for what a key may be.

use std::collections::BTreeSet;

use catalog::{Tag, Trail};
use serde_json::{Map, Value, json};
use wire::shapes::cloudtrail::{
    self as shapes, AddTagsRequest, ErrorCode, ListTagsRequest, RemoveTagsRequest,
};

use super::{Asker, Trails, arn_of};
use crate::fault::{Fault, fault, internal};

/// Tags of one resource.
pub(super) const TAGS_MAX: usize = 50;

/// Resources of one `ListTags`.
const RESOURCES_MAX: usize = 20;

impl Trails {
    pub(super) async fn add_tags(&self, asker: Asker<'_>, request: Value) -> Result<Value, Fault> {
        let request: AddTagsRequest = super::read(request)?;
        let trail = self.tagged(asker, request.resource_id.as_deref()).await?;
        let tags = read(request.tags_list.unwrap_or_default())?;
        let added = self.catalog.add_tags(&arn_of(&trail), &tags, TAGS_MAX).await;
        if added.map_err(internal)? { Ok(Value::Object(Map::new())) } else { Err(too_many()) }
    }

    pub(super) async fn remove_tags(
        &self,
        asker: Asker<'_>,
        request: Value,
    ) -> Result<Value, Fault> {
        let request: RemoveTagsRequest = super::read(request)?;
        let trail = self.tagged(asker, request.resource_id.as_deref()).await?;
        let keys: Vec<String> =
            request.tags_list.into_iter().flatten().filter_map(|it| it.key).collect();
        self.catalog.remove_tags(&arn_of(&trail), &keys).await.map_err(internal)?;
        Ok(Value::Object(Map::new()))
    }

    pub(super) async fn list_tags(&self, asker: Asker<'_>, request: Value) -> Result<Value, Fault> {
        let request: ListTagsRequest = super::read(request)?;
        let resources = request.resource_id_list.unwrap_or_default();
        if resources.len() > RESOURCES_MAX {
            return Err(fault(
                ErrorCode::InvalidParameterException,
                &format!("At most {RESOURCES_MAX} resources can be listed at once."),
            ));
        }
        let mut listed = Vec::new();
        for resource in &resources {
            let trail = self.tagged(asker, Some(resource)).await?;
            let tags = self.catalog.tags(&arn_of(&trail)).await.map_err(internal)?;
            let tags: Vec<Value> = tags.iter().map(shown).collect();
            listed.push(json!({"ResourceId": resource, "TagsList": tags}));
        }
        Ok(json!({"ResourceTagList": listed}))
    }

    /// The trail whose tags are meant: by ARN alone. One that is in every region is tagged at home.
    async fn tagged(&self, asker: Asker<'_>, resource: Option<&str>) -> Result<Trail, Fault> {
        let resource = resource.unwrap_or_default();
        if !resource.starts_with("arn:") {
            return Err(fault(
                ErrorCode::CloudTrailARNInvalidException,
                &format!("`{resource}` is not an ARN."),
            ));
        }
        let kind = resource.splitn(6, ':').nth(5).and_then(|it| it.split_once('/'));
        if let Some(("eventdatastore" | "channel" | "dashboard", _)) = kind {
            return Err(fault(
                ErrorCode::UnsupportedOperationException,
                "Tags of anything but trails are not available in this version of Trailmark.",
            ));
        }
        self.find(asker, Some(resource)).await.map_err(|error| {
            if error.code == ErrorCode::TrailNotFoundException.as_str() {
                let message = format!("The resource {resource} does not exist.");
                return fault(ErrorCode::ResourceNotFoundException, &message);
            }
            error
        })
    }
}

/// Checks the tags of a request.
///
/// # Errors
/// `InvalidTagParameterException` for a key that is empty, reserved, malformed or given twice;
/// `TagsLimitExceededException` for more than a resource may have.
pub(super) fn read(tags: Vec<shapes::Tag>) -> Result<Vec<Tag>, Fault> {
    if tags.len() > TAGS_MAX {
        return Err(too_many());
    }
    let mut keys = BTreeSet::new();
    tags.into_iter()
        .map(|it| {
            let key = it.key.unwrap_or_default();
            let is_allowed =
                |it: char| it.is_alphanumeric() || it.is_whitespace() || "_.:/=+-@".contains(it);
            let problem = if key.is_empty() {
                "is empty"
            } else if key.to_ascii_lowercase().starts_with("aws:") {
                "begins with aws:, which is reserved"
            } else if !key.chars().chain(it.value.iter().flat_map(|it| it.chars())).all(is_allowed)
            {
                "or its value holds a character that is not allowed"
            } else if !keys.insert(key.clone()) {
                "is given twice"
            } else {
                return Ok(Tag { key, value: it.value });
            };
            let message = format!("The tag key `{key}` {problem}.");
            Err(fault(ErrorCode::InvalidTagParameterException, &message))
        })
        .collect()
}

fn too_many() -> Fault {
    let message = format!("A resource can have at most {TAGS_MAX} tags.");
    fault(ErrorCode::TagsLimitExceededException, &message)
}

fn shown(tag: &Tag) -> Value {
    match &tag.value {
        Some(value) => json!({"Key": tag.key, "Value": value}),
        None => json!({"Key": tag.key}),
    }
}
