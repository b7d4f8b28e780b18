//! A trail as answers show it. A text that is not set is absent, a flag is always there.

use catalog::Trail;
use wire::shapes::cloudtrail as shape;

/// As `GetTrail` and `DescribeTrails` show it.
pub(super) fn whole(trail: Trail) -> shape::Trail {
    let arn = trail.arn.to_string();
    let sns_topic_arn = trail.sns_topic_arn();
    let settings = trail.settings;
    let (group, role) = settings.cloud_watch_logs.map(|it| (it.log_group_arn, it.role_arn)).unzip();
    shape::Trail {
        name: Some(trail.arn.name.to_string()),
        s3_bucket_name: Some(settings.s3_bucket_name),
        s3_key_prefix: settings.s3_key_prefix,
        sns_topic_name: settings.sns_topic_name,
        sns_topic_arn,
        include_global_service_events: Some(settings.include_global_service_events),
        is_multi_region_trail: Some(settings.is_multi_region_trail),
        home_region: Some(trail.arn.home_region),
        trail_arn: Some(arn),
        log_file_validation_enabled: Some(settings.log_file_validation_enabled),
        cloud_watch_logs_log_group_arn: group,
        cloud_watch_logs_role_arn: role,
        kms_key_id: settings.kms_key_id,
        has_custom_event_selectors: Some(trail.event_selectors.is_some()),
        has_insight_selectors: Some(trail.insight_selectors.is_some()),
        is_organization_trail: Some(settings.organization.is_some()),
        recursive_logging: Some(settings.recursive_logging),
    }
}

/// As `CreateTrail` and `UpdateTrail` answer it: without its home and without what selectors it has.
pub(super) fn changed(trail: Trail) -> shape::CreateTrailResponse {
    let trail = whole(trail);
    shape::CreateTrailResponse {
        name: trail.name,
        s3_bucket_name: trail.s3_bucket_name,
        s3_key_prefix: trail.s3_key_prefix,
        sns_topic_name: trail.sns_topic_name,
        sns_topic_arn: trail.sns_topic_arn,
        include_global_service_events: trail.include_global_service_events,
        is_multi_region_trail: trail.is_multi_region_trail,
        trail_arn: trail.trail_arn,
        log_file_validation_enabled: trail.log_file_validation_enabled,
        cloud_watch_logs_log_group_arn: trail.cloud_watch_logs_log_group_arn,
        cloud_watch_logs_role_arn: trail.cloud_watch_logs_role_arn,
        kms_key_id: trail.kms_key_id,
        is_organization_trail: trail.is_organization_trail,
        recursive_logging: trail.recursive_logging,
    }
}
