//! `CreateTrail`: a trail whose home is the region of the call. It does not log yet.

use catalog::{NewTrail, TrailSettings};
use wire::shapes::cloudtrail::{CreateTrailRequest, CreateTrailResponse};

use super::{
    Asked,
    settings::{given, logs},
    shown, tagged,
};
use crate::fault::Fault;

/// Answers `CreateTrail`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn create_trail(
    asked: &Asked<'_>,
    request: CreateTrailRequest,
) -> Result<CreateTrailResponse, Fault> {
    let mut arn = asked.arn_of_new(request.name.as_deref().unwrap_or_default())?;
    let tags = tagged::tags(request.tags_list.unwrap_or_default())?;
    let mut settings = TrailSettings {
        s3_bucket_name: request.s3_bucket_name.unwrap_or_default(),
        s3_key_prefix: given(request.s3_key_prefix),
        sns_topic_name: given(request.sns_topic_name),
        include_global_service_events: request.include_global_service_events.unwrap_or(true),
        is_multi_region_trail: request.is_multi_region_trail.unwrap_or(false),
        log_file_validation_enabled: request.enable_log_file_validation.unwrap_or(false),
        cloud_watch_logs: logs(
            request.cloud_watch_logs_log_group_arn,
            request.cloud_watch_logs_role_arn,
        )?,
        kms_key_id: given(request.kms_key_id),
        organization: None,
        recursive_logging: request.recursive_logging.unwrap_or(true),
    };
    Asked::check_form(&settings, &arn)?;
    if request.is_organization_trail == Some(true) {
        let organization = asked.organization_to_act_for().await?;
        // Also when a delegated administrator makes it.
        arn.account = organization.management;
        settings.organization = Some(organization.id);
    }
    let mut new = NewTrail { arn, settings, tags };
    // Who cannot have the trail anyway shall not leave traces in the bucket.
    asked.catalog().check_new_trail(&new).await.map_err(|it| asked.refused(it))?;
    asked.check_destination(&mut new.settings, &new.arn).await?;
    let created = asked.catalog().create_trail(&new, asked.position()).await;
    created.map(shown::changed).map_err(|it| asked.refused(it))
}
