//! `CreateTrail`. A new trail does not log yet.

use catalog::{TrailName, TrailSettings};
use serde_json::Value;
use wire::shapes::cloudtrail::{CreateTrailRequest, ErrorCode};

use super::{
    Asker, Trails,
    name::{arn, check},
    read,
    settings::{members, topic_arn},
    tags,
};
use crate::fault::{Fault, fault, internal};

impl Trails {
    pub(super) async fn create(&self, asker: Asker<'_>, request: Value) -> Result<Value, Fault> {
        let request: CreateTrailRequest = read(request)?;
        let name = request.name.unwrap_or_default();
        check(&name)?;
        let tags = tags::read(request.tags_list.unwrap_or_default())?;
        let topic = request.sns_topic_name.filter(|it| !it.is_empty());
        let given = |text: Option<String>| text.filter(|it| !it.is_empty());
        let settings = TrailSettings {
            bucket: request.s3_bucket_name.unwrap_or_default(),
            prefix: request.s3_key_prefix.unwrap_or_default(),
            sns_topic_arn: topic.map(|it| topic_arn(&it, asker)).transpose()?,
            includes_global_events: request.include_global_service_events.unwrap_or(true),
            is_multi_region: request.is_multi_region_trail.unwrap_or(false),
            validates_files: request.enable_log_file_validation.unwrap_or(false),
            log_group_arn: given(request.cloud_watch_logs_log_group_arn),
            log_role_arn: given(request.cloud_watch_logs_role_arn),
            kms_key_id: given(request.kms_key_id),
            is_organization: request.is_organization_trail.unwrap_or(false),
            is_recursive: request.recursive_logging.unwrap_or(true),
            ..TrailSettings::default()
        };
        self.check(asker, &settings).await?;
        let exists = || {
            let arn = arn(asker.region, asker.account, &name);
            let message =
                format!("Trail {arn} already exists for customer: {}", asker.account.as_str());
            fault(ErrorCode::TrailAlreadyExistsException, &message)
        };
        let visible = self.visible(asker, true).await?;
        // A trail in every region takes its name in every region.
        let takes_name = if settings.is_multi_region {
            self.catalog.trails(asker.account).await.map_err(internal)?
        } else {
            visible.clone()
        };
        if takes_name.iter().any(|it| it.name == name) {
            return Err(exists());
        }
        if visible.len() >= TRAILS_MAX {
            return Err(fault(
                ErrorCode::MaximumNumberOfTrailsExceededException,
                &format!(
                    "User: {} already has {TRAILS_MAX} trails in {}.",
                    asker.account.as_str(),
                    asker.region
                ),
            ));
        }
        let place = TrailName { account: asker.account, region: asker.region, name: &name };
        let position = self.position();
        let added = self.catalog.add_trail(place, &settings, position).await.map_err(internal)?;
        added.ok_or_else(exists)?;
        let arn = arn(asker.region, asker.account, &name);
        self.catalog.add_tags(&arn, &tags, tags::TAGS_MAX).await.map_err(internal)?;
        Ok(Value::Object(members(&name, &arn, &settings)))
    }
}

/// Trails that a region shows, shadows included. Spec: "Quotas in AWS CloudTrail".
const TRAILS_MAX: usize = 5;
