//! `GetTrailStatus`.

use jiff::Timestamp;
use serde_json::Value;
use wire::shapes::cloudtrail::{GetTrailStatusRequest, GetTrailStatusResponse};

use super::{Asker, Trails, read, written};
use crate::fault::Fault;

impl Trails {
    pub(super) async fn status(&self, asker: Asker<'_>, request: Value) -> Result<Value, Fault> {
        let request: GetTrailStatusRequest = read(request)?;
        let trail = self.find(asker, request.name.as_deref()).await?;
        // Members that are no longer in use are still given, empty when nothing has happened.
        let text = |at: Option<Timestamp>| {
            Some(at.map_or_else(String::new, |it| it.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()))
        };
        written(&GetTrailStatusResponse {
            is_logging: Some(trail.settings.is_logging),
            start_logging_time: trail.started,
            stop_logging_time: trail.stopped,
            latest_delivery_attempt_time: text(None),
            latest_notification_attempt_time: text(None),
            latest_notification_attempt_succeeded: text(None),
            latest_delivery_attempt_succeeded: text(None),
            time_logging_started: text(trail.started),
            time_logging_stopped: text(trail.stopped),
            ..GetTrailStatusResponse::default()
        })
    }
}
