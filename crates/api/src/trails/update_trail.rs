//! `UpdateTrail`: everything but the name and the home of a trail.
//!
//! A member that is absent keeps its value, an empty text clears it. What results is checked as a
//! whole, also what did not change. A trail that becomes multi-region includes global service events
//! from then on; one that becomes single-region keeps the flag, as in the samples of AWS's
//! documentation and against its prose, so that what Terraform wrote is what it reads.

use catalog::{Trail, TrailSettings};
use wire::shapes::cloudtrail::{CreateTrailResponse, UpdateTrailRequest};

use super::{
    Asked,
    organizations::not_management,
    settings::{given, logs},
    shown,
};
use crate::fault::Fault;

/// Answers `UpdateTrail`, whose members are those of `CreateTrail`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn update_trail(
    asked: &Asked<'_>,
    request: UpdateTrailRequest,
) -> Result<CreateTrailResponse, Fault> {
    let trail = asked.find_to_change(request.name.as_deref().unwrap_or_default()).await?;
    let organization = organization(asked, &trail, request.is_organization_trail).await?;
    let mut settings = merged(trail.settings.clone(), request)?;
    settings.organization = organization;
    Asked::check_form(&settings, &trail.arn)?;
    asked.check_destination(&mut settings, &trail.arn).await?;
    if settings == trail.settings {
        return Ok(shown::changed(trail));
    }
    let (arn, seen) = (&trail.arn, trail.version);
    let updated = asked.catalog().update_trail(arn, seen, &settings, asked.position()).await;
    updated.map(shown::changed).map_err(|it| asked.refused(it))
}

/// The organization of the trail as it is to be. Only the management account converts a trail.
async fn organization(
    asked: &Asked<'_>,
    trail: &Trail,
    wanted: Option<bool>,
) -> Result<Option<String>, Fault> {
    let is = trail.settings.organization.is_some();
    match wanted.filter(|wanted| *wanted != is) {
        None => Ok(trail.settings.organization.clone()),
        Some(false) if trail.arn.account == asked.account => Ok(None),
        Some(false) => Err(not_management()),
        Some(true) => {
            let organization = asked.organization_to_act_for().await?;
            if organization.management != asked.account {
                return Err(not_management());
            }
            Ok(Some(organization.id))
        }
    }
}

fn merged(before: TrailSettings, request: UpdateTrailRequest) -> Result<TrailSettings, Fault> {
    let kept = |wanted: Option<String>, before| match wanted {
        Some(text) => given(Some(text)),
        None => before,
    };
    let (group, role) = (request.cloud_watch_logs_log_group_arn, request.cloud_watch_logs_role_arn);
    let is_multi_region_trail =
        request.is_multi_region_trail.unwrap_or(before.is_multi_region_trail);
    let becomes_multi_region = is_multi_region_trail && !before.is_multi_region_trail;
    Ok(TrailSettings {
        s3_bucket_name: request.s3_bucket_name.unwrap_or(before.s3_bucket_name),
        s3_key_prefix: kept(request.s3_key_prefix, before.s3_key_prefix),
        sns_topic_name: kept(request.sns_topic_name, before.sns_topic_name),
        include_global_service_events: request
            .include_global_service_events
            .unwrap_or(before.include_global_service_events || becomes_multi_region),
        is_multi_region_trail,
        log_file_validation_enabled: request
            .enable_log_file_validation
            .unwrap_or(before.log_file_validation_enabled),
        cloud_watch_logs: if group.is_none() && role.is_none() {
            before.cloud_watch_logs
        } else {
            logs(group, role)?
        },
        kms_key_id: kept(request.kms_key_id, before.kms_key_id),
        organization: before.organization,
        recursive_logging: request.recursive_logging.unwrap_or(before.recursive_logging),
    })
}
