//! `UpdateTrail`: what is not given stays, what is given empty is removed.

use catalog::{LoggingChange, TrailSettings};
use serde_json::Value;
use wire::shapes::cloudtrail::UpdateTrailRequest;

use super::{
    Asker, Trails, arn_of, read,
    settings::{members, topic_arn},
};
use crate::fault::{Fault, internal};

impl Trails {
    pub(super) async fn update(&self, asker: Asker<'_>, request: Value) -> Result<Value, Fault> {
        let request: UpdateTrailRequest = read(request)?;
        let trail = self.find_to_change(asker, request.name.as_deref()).await?;
        let old = &trail.settings;
        let text = |new: Option<String>, old: &Option<String>| match new {
            None => old.clone(),
            Some(new) => Some(new).filter(|it| !it.is_empty()),
        };
        let sns_topic_arn = match request.sns_topic_name {
            Some(topic) if topic.is_empty() => None,
            Some(topic) => Some(topic_arn(&topic, asker)?),
            None => old.sns_topic_arn.clone(),
        };
        let is_multi_region = request.is_multi_region_trail.unwrap_or(old.is_multi_region);
        // A trail that comes into every region takes global events in; one that leaves loses them.
        let global = match (old.is_multi_region, is_multi_region) {
            (false, true) => true,
            (true, false) => false,
            _ => old.includes_global_events,
        };
        let settings = TrailSettings {
            bucket: request.s3_bucket_name.unwrap_or_else(|| old.bucket.clone()),
            prefix: request.s3_key_prefix.unwrap_or_else(|| old.prefix.clone()),
            sns_topic_arn,
            includes_global_events: request.include_global_service_events.unwrap_or(global),
            is_multi_region,
            validates_files: request.enable_log_file_validation.unwrap_or(old.validates_files),
            log_group_arn: text(request.cloud_watch_logs_log_group_arn, &old.log_group_arn),
            log_role_arn: text(request.cloud_watch_logs_role_arn, &old.log_role_arn),
            kms_key_id: text(request.kms_key_id, &old.kms_key_id),
            is_organization: request.is_organization_trail.unwrap_or(old.is_organization),
            is_recursive: request.recursive_logging.unwrap_or(old.is_recursive),
            ..old.clone()
        };
        self.check(asker, &settings).await?;
        if settings != *old {
            self.catalog
                .change_trail(&trail.id, &settings, self.position(), LoggingChange::None)
                .await
                .map_err(internal)?;
        }
        Ok(Value::Object(members(&trail.name, &arn_of(&trail), &settings)))
    }
}
