//! How deliveries of a trail go, as `GetTrailStatus` tells it.

use jiff::Timestamp;
use record::AccountId;
use serde::{Deserialize, Serialize};
use sqlx::{Any, Row as _, Transaction};

use super::TrailArn;
use crate::{Catalog, Error};

/// How the deliveries of one trail go: of one account and region, or of all together. Times of the clock, error codes bare
/// as the destination has them.
///
/// An error stays until the next success; a time-out sets none. Serialised, it is what the catalog
/// keeps. Spec: CloudTrail API Reference, `GetTrailStatus`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct DeliveryStatus {
    /// `LatestDeliveryTime`: when the last log file was taken.
    pub latest_delivery: Option<Timestamp>,
    /// `LatestDeliveryError`.
    pub latest_delivery_error: Option<String>,
    /// `LatestDeliveryAttemptTime`.
    pub latest_delivery_attempt: Option<Timestamp>,
    /// `LatestDeliveryAttemptSucceeded`: when an attempt last succeeded.
    pub latest_delivery_attempt_succeeded: Option<Timestamp>,
    /// `LatestDigestDeliveryTime`.
    pub latest_digest_delivery: Option<Timestamp>,
    /// `LatestDigestDeliveryError`.
    pub latest_digest_delivery_error: Option<String>,
    /// `LatestNotificationTime`: when the topic last took a notification.
    pub latest_notification: Option<Timestamp>,
    /// `LatestNotificationError`.
    pub latest_notification_error: Option<String>,
    /// `LatestNotificationAttemptTime`.
    pub latest_notification_attempt: Option<Timestamp>,
    /// `LatestNotificationAttemptSucceeded`: when an attempt last succeeded.
    pub latest_notification_attempt_succeeded: Option<Timestamp>,
    /// `LatestCloudWatchLogsDeliveryTime`.
    pub latest_cloud_watch_logs_delivery: Option<Timestamp>,
    /// `LatestCloudWatchLogsDeliveryError`.
    pub latest_cloud_watch_logs_delivery_error: Option<String>,
    /// Files that wait for the bucket. Not kept.
    #[serde(skip)]
    pub waiting_files: u64,
    /// Bytes of them, compressed, on our own disk. Not kept.
    #[serde(skip)]
    pub waiting_bytes: u64,
    /// Whether the account's quota of waiting bytes is used up: the log holds what comes. Not kept.
    #[serde(skip)]
    pub quota_exceeded: bool,
}

impl DeliveryStatus {
    /// Reads a status as the table keeps it.
    pub(crate) fn read(text: &str, arn: &str) -> Result<Self, Error> {
        serde_json::from_str(text)
            .map_err(|_| Error::Damaged { what: "status", of: arn.to_owned() })
    }
}

impl DeliveryStatus {
    fn text(&self, arn: &str) -> Result<String, Error> {
        serde_json::to_string(self)
            .map_err(|_| Error::Damaged { what: "status", of: arn.to_owned() })
    }
}

impl Catalog {
    /// How the deliveries of what was recorded of an account in a region go. The default before the
    /// first.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Database`].
    pub async fn delivery_status_in(
        &self,
        arn: &TrailArn,
        account: AccountId,
        region: &str,
    ) -> Result<DeliveryStatus, Error> {
        let arn = arn.to_string();
        let row = sqlx::query(
            "SELECT status FROM delivery_region_status \
             WHERE trail = $1 AND account = $2 AND region = $3",
        )
        .bind(&arn)
        .bind(account.as_str())
        .bind(region)
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(DeliveryStatus::default()) };
        DeliveryStatus::read(row.try_get("status")?, &arn)
    }

    /// How the deliveries of a trail go, all together. The default before the first.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Database`].
    pub async fn delivery_status(&self, arn: &TrailArn) -> Result<DeliveryStatus, Error> {
        let arn = arn.to_string();
        let row = sqlx::query("SELECT status FROM delivery_status WHERE trail = $1")
            .bind(&arn)
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(DeliveryStatus::default()) };
        DeliveryStatus::read(row.try_get("status")?, &arn)
    }
}

/// Keeps how the deliveries of one account and region of a trail go.
pub(crate) async fn keep_in(
    tx: &mut Transaction<'_, Any>,
    (arn, account, region): &(String, String, String),
    status: &DeliveryStatus,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO delivery_region_status (trail, account, region, status) \
         VALUES ($1, $2, $3, $4) \
         ON CONFLICT (trail, account, region) DO UPDATE SET status = excluded.status",
    )
    .bind(arn)
    .bind(account)
    .bind(region)
    .bind(status.text(arn)?)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Keeps how the deliveries of a trail go.
pub(crate) async fn keep(
    tx: &mut Transaction<'_, Any>,
    arn: &str,
    status: &DeliveryStatus,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO delivery_status (trail, status) VALUES ($1, $2) \
         ON CONFLICT (trail) DO UPDATE SET status = excluded.status",
    )
    .bind(arn)
    .bind(status.text(arn)?)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
