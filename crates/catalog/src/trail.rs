//! Trails: what they are now, and what they were at each position of the log.
//!
//! Lives here: names and ARNs, settings, selectors and tags as they are kept, versions, status.
//! Lives elsewhere: who may change them and what AWS answers (`api`), what selectors mean
//! (`matching`), the files (`delivery`).
//!
//! Every change of a trail makes a [`TrailVersion`] that holds from a position of the log on. Old
//! versions stay: a record is judged by the version of its own position, however late.
//!
//! Start at [`Trail`], then [`Catalog::create_trail`] and [`Catalog::trail_history`].

mod change;
mod name;
mod status;
mod tag;
#[cfg(test)]
mod tests;
mod version;

use jiff::Timestamp;
use record::AccountId;
use serde::{Deserialize, Serialize};
use sqlx::{Row as _, any::AnyRow};

pub use self::{
    change::{NewTrail, TRAILS_MAX},
    name::{InvalidTrailArn, InvalidTrailName, TrailArn, TrailName, partition},
    status::DeliveryStatus,
    tag::{TAGS_MAX, Tag, Tagged},
    version::{DELIVERY_CURSOR, Stage, TrailHistory, TrailVersion},
};
pub(crate) use self::{
    change::{next as next_change, renew as renew_trails},
    name::is_region,
    status::{keep as keep_status, keep_in as keep_status_in},
    tag::add as add_tags,
    version::{signed, unsigned},
};
use crate::{Catalog, Error, account::time};

/// A trail as it is now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Trail {
    /// Home region, owner and name.
    pub arn: TrailArn,
    /// The number of its newest [`TrailVersion`]; greater after every change.
    pub version: u64,
    /// What its owner chose.
    pub settings: TrailSettings,
    /// Event selectors as JSON of the API, one member `EventSelectors` or `AdvancedEventSelectors`;
    /// `None` while it has those that a trail has by default.
    pub event_selectors: Option<String>,
    /// Insight selectors as a JSON list of the API; `None` when there are none.
    pub insight_selectors: Option<String>,
    /// Whether it delivers.
    pub is_logging: bool,
    /// When it was created.
    pub created: Timestamp,
    /// When logging was last started.
    pub started: Option<Timestamp>,
    /// When logging was last stopped.
    pub stopped: Option<Timestamp>,
}

/// What the owner of a trail chooses, apart from its name and its selectors.
///
/// Serialised, it is what the catalog keeps.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TrailSettings {
    /// Where log files go.
    pub s3_bucket_name: String,
    /// In front of their keys, without the `/` that follows it.
    pub s3_key_prefix: Option<String>,
    /// The topic to notify, by name or by ARN, as it was given.
    pub sns_topic_name: Option<String>,
    /// Whether events of services without regions are delivered.
    pub include_global_service_events: bool,
    /// Whether events of every region are delivered.
    pub is_multi_region_trail: bool,
    /// Whether digest files are made.
    pub log_file_validation_enabled: bool,
    /// Where records go besides.
    pub cloud_watch_logs: Option<CloudWatchLogs>,
    /// ARN of the key that encrypts what is delivered.
    pub kms_key_id: Option<String>,
    /// The id of the organization, such as `o-exampleorgid`, for an organization trail.
    pub organization: Option<String>,
    /// Whether events that deliveries into the trail's bucket cause are delivered too.
    pub recursive_logging: bool,
}

/// The log group that a trail sends records to.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CloudWatchLogs {
    /// ARN of the group, ending in `:*`.
    pub log_group_arn: String,
    /// ARN of the role that may write there.
    pub role_arn: String,
}

impl TrailSettings {
    /// Those of a trail for which only a bucket was chosen.
    #[must_use]
    pub fn new(s3_bucket_name: impl Into<String>) -> Self {
        Self {
            s3_bucket_name: s3_bucket_name.into(),
            s3_key_prefix: None,
            sns_topic_name: None,
            include_global_service_events: true,
            is_multi_region_trail: false,
            log_file_validation_enabled: false,
            cloud_watch_logs: None,
            kms_key_id: None,
            organization: None,
            recursive_logging: true,
        }
    }

    /// ARN of the topic that a trail with these settings notifies: a bare name means one of the
    /// owner's in the home region.
    #[must_use]
    pub fn sns_topic_arn(&self, of: &TrailArn) -> Option<String> {
        let name = self.sns_topic_name.as_deref()?;
        if name.starts_with("arn:") {
            return Some(name.to_owned());
        }
        let TrailArn { home_region, account, .. } = of;
        Some(format!("arn:{}:sns:{home_region}:{account}:{name}", partition(home_region)))
    }

    fn cover(&self, of: &TrailArn, region: &str) -> bool {
        of.home_region == region
            || self.is_multi_region_trail && partition(region) == partition(&of.home_region)
    }
}

impl Trail {
    /// ARN of the topic to notify: a bare name means one of the owner's in the home region.
    #[must_use]
    pub fn sns_topic_arn(&self) -> Option<String> {
        self.settings.sns_topic_arn(&self.arn)
    }

    /// Whether `region` sees the trail: its home, and for a multi-region trail every other of the
    /// same partition.
    #[must_use]
    pub fn is_in(&self, region: &str) -> bool {
        self.settings.cover(&self.arn, region)
    }
}

impl TrailVersion {
    /// ARN of the topic to notify: a bare name means one of the owner's in the home region.
    #[must_use]
    pub fn sns_topic_arn(&self) -> Option<String> {
        self.settings.sns_topic_arn(&self.arn)
    }

    /// Whether the trail delivers what was recorded in `region`.
    #[must_use]
    pub fn is_in(&self, region: &str) -> bool {
        self.settings.cover(&self.arn, region)
    }
}

/// A trail with its newest version, before `WHERE`.
const SELECT: &str = "SELECT t.arn, t.insight_selectors, t.created, t.started, t.stopped, \
     v.number, v.stage, v.settings, v.event_selectors FROM trails t JOIN trail_versions v \
     ON v.number = (SELECT max(number) FROM trail_versions WHERE trail = t.id)";

impl Catalog {
    /// The trails of `account`, by name, then by home region.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Database`].
    pub async fn trails(&self, account: AccountId) -> Result<Vec<Trail>, Error> {
        let query =
            format!("{SELECT} WHERE t.account = $1 AND t.deleted IS NULL ORDER BY t.name, t.arn");
        let rows = sqlx::query(&query).bind(account.as_str()).fetch_all(&self.pool).await?;
        rows.iter().map(trail).collect()
    }

    /// Every trail of every account, by ARN.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Database`].
    pub async fn all_trails(&self) -> Result<Vec<Trail>, Error> {
        let query = format!("{SELECT} WHERE t.deleted IS NULL ORDER BY t.arn");
        sqlx::query(&query).fetch_all(&self.pool).await?.iter().map(trail).collect()
    }

    /// The trail of that ARN, if there is one.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Database`].
    pub async fn trail(&self, arn: &TrailArn) -> Result<Option<Trail>, Error> {
        let query = format!("{SELECT} WHERE t.arn = $1 AND t.deleted IS NULL");
        let row = sqlx::query(&query).bind(arn.to_string()).fetch_optional(&self.pool).await?;
        row.as_ref().map(trail).transpose()
    }
}

fn trail(row: &AnyRow) -> Result<Trail, Error> {
    let arn: String = row.try_get("arn")?;
    let moment = |ms: Option<i64>| ms.map(|ms| time(ms, &arn)).transpose();
    Ok(Trail {
        version: unsigned(row, "number", &arn)?,
        settings: settings(row, &arn)?,
        event_selectors: row.try_get("event_selectors")?,
        insight_selectors: row.try_get("insight_selectors")?,
        is_logging: Stage::read(row, &arn)? == Stage::Logging,
        created: time(row.try_get("created")?, &arn)?,
        started: moment(row.try_get("started")?)?,
        stopped: moment(row.try_get("stopped")?)?,
        arn: kept_arn(&arn)?,
    })
}

fn settings(row: &AnyRow, arn: &str) -> Result<TrailSettings, Error> {
    let text: String = row.try_get("settings")?;
    serde_json::from_str(&text).map_err(|_| Error::Damaged { what: "settings", of: arn.to_owned() })
}

/// Reads an ARN as the tables keep it.
fn kept_arn(text: &str) -> Result<TrailArn, Error> {
    TrailArn::parse(text)
        .map_err(|_| Error::Damaged { what: "ARN of a trail", of: text.to_owned() })
}
