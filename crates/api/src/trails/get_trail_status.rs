//! `GetTrailStatus`: whether a trail logs, and how its deliveries go.
//!
//! Each region that sees the trail tells of the deliveries of what was recorded in it. A member of an
//! organization learns of its own part of the organization's trail, the management account and
//! delegated administrators of theirs.
//!
//! What is older than the trail is of one that had its name before, and is not told.
//!
//! The members that are texts are no longer in use; AWS still sends them, empty when there is
//! nothing to tell.

use catalog::DeliveryStatus;
use jiff::Timestamp;
use wire::shapes::cloudtrail::{GetTrailStatusRequest, GetTrailStatusResponse};

use super::Asked;
use crate::fault::Fault;

/// Answers `GetTrailStatus`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn get_trail_status(
    asked: &Asked<'_>,
    request: GetTrailStatusRequest,
) -> Result<GetTrailStatusResponse, Fault> {
    let trail = asked.find(request.name.as_deref().unwrap_or_default()).await?;
    let is_shared = trail.settings.organization.is_some();
    let of = if is_shared { asked.account } else { trail.arn.account };
    let status = asked.catalog().delivery_status_in(&trail.arn, of, asked.region).await;
    let status = since(trail.created, status.map_err(|it| asked.refused(it))?);
    let has_digests = trail.settings.log_file_validation_enabled;
    Ok(GetTrailStatusResponse {
        is_logging: Some(trail.is_logging),
        latest_delivery_error: status.latest_delivery_error,
        latest_notification_error: status.latest_notification_error,
        latest_delivery_time: status.latest_delivery,
        latest_notification_time: status.latest_notification,
        start_logging_time: trail.started,
        stop_logging_time: trail.stopped,
        latest_cloud_watch_logs_delivery_error: status.latest_cloud_watch_logs_delivery_error,
        latest_cloud_watch_logs_delivery_time: status.latest_cloud_watch_logs_delivery,
        latest_digest_delivery_time: status.latest_digest_delivery.filter(|_| has_digests),
        latest_digest_delivery_error: status.latest_digest_delivery_error.filter(|_| has_digests),
        latest_delivery_attempt_time: Some(text(status.latest_delivery_attempt)),
        latest_notification_attempt_time: Some(text(status.latest_notification_attempt)),
        latest_notification_attempt_succeeded: Some(text(
            status.latest_notification_attempt_succeeded,
        )),
        latest_delivery_attempt_succeeded: Some(text(status.latest_delivery_attempt_succeeded)),
        time_logging_started: Some(text(trail.started)),
        time_logging_stopped: Some(text(trail.stopped)),
    })
}

/// The status without what is older than `created`.
fn since(created: Timestamp, status: DeliveryStatus) -> DeliveryStatus {
    let own = |time: Option<Timestamp>| time.filter(|it| *it >= created);
    let tried = |time: Option<Timestamp>| time.is_none_or(|it| it >= created);
    let files = tried(status.latest_delivery_attempt);
    let digests = tried(status.latest_digest_delivery);
    let messages = tried(status.latest_notification_attempt);
    DeliveryStatus {
        latest_delivery: own(status.latest_delivery),
        latest_delivery_error: status.latest_delivery_error.filter(|_| files),
        latest_delivery_attempt: own(status.latest_delivery_attempt),
        latest_delivery_attempt_succeeded: own(status.latest_delivery_attempt_succeeded),
        latest_digest_delivery: own(status.latest_digest_delivery),
        latest_digest_delivery_error: status.latest_digest_delivery_error.filter(|_| digests),
        latest_notification: own(status.latest_notification),
        latest_notification_error: status.latest_notification_error.filter(|_| messages),
        latest_notification_attempt: own(status.latest_notification_attempt),
        latest_notification_attempt_succeeded: own(status.latest_notification_attempt_succeeded),
        ..status
    }
}

fn text(time: Option<Timestamp>) -> String {
    time.map(|it| it.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default()
}
