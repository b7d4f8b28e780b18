//! Event data stores: what they are now, and what they were at each position of the log.
//!
//! Lives here: ARNs, settings, status, versions, and the positions from which they hold.
//! Lives elsewhere: who may change them and what AWS answers (`api`), what selectors mean
//! (`matching`), the tables that hold the events (`lake`).
//!
//! Every change of a store makes a [`StoreVersion`] that holds from a position of the log on. Old
//! versions stay: a record is judged by the version of its own position, however late.
//!
//! Start at [`EventDataStore`], then [`Catalog::create_store`] and [`Catalog::store_history`].

mod arn;
mod change;
#[cfg(test)]
mod tests;
mod version;

use jiff::Timestamp;
use record::AccountId;
use serde::{Deserialize, Serialize};
use sqlx::{Row as _, any::AnyRow};
use uuid::Uuid;

pub(crate) use self::change::next as next_change;
pub use self::{
    arn::{ChannelArn, InvalidLakeArn, StoreArn, lake_id},
    change::{NewStore, RESTORABLE, STORES_MAX},
    version::{ChannelVersion, STORES_CURSOR, StoreHistory, StoreVersion},
};
use crate::{Catalog, Error, account::time, trail::partition, trail::unsigned, words::words};

/// An event data store as it is now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EventDataStore {
    /// Region, owner and id.
    pub arn: StoreArn,
    /// The number of its newest [`StoreVersion`]; greater after every change.
    pub version: u64,
    /// Where it stands.
    pub status: StoreStatus,
    /// What its owner chose.
    pub settings: StoreSettings,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
    /// When it will be gone, while it waits for that.
    pub purge_after: Option<Timestamp>,
}

words! {
    /// Where an event data store stands. Only one that is [`Enabled`](Self::Enabled) takes events.
    StoreStatus {
        /// Its table is being made. Not used here: a store comes to be once its table is there.
        Created = "CREATED",
        /// It takes events.
        Enabled = "ENABLED",
        /// There is no such store any more. AWS shows nothing of it.
        Gone = "GONE",
        /// It was deleted and can be restored.
        PendingDeletion = "PENDING_DELETION",
        /// It will take events.
        StartingIngestion = "STARTING_INGESTION",
        /// It takes no events, and can be queried.
        StoppedIngestion = "STOPPED_INGESTION",
        /// It will take none.
        StoppingIngestion = "STOPPING_INGESTION",
    }
}

/// What the owner of an event data store chooses. Serialised, it is what the catalog keeps.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct StoreSettings {
    /// Unique in its account and region.
    pub name: String,
    /// What it takes: JSON of the API, one member `AdvancedEventSelectors`.
    pub selectors: String,
    /// Whether it takes events of every region.
    pub is_multi_region: bool,
    /// The id of the organization whose accounts' events it takes, if it is an organization's.
    pub organization: Option<String>,
    /// Days that an event is kept, by its own time.
    pub retention_days: u32,
    /// What the days may be.
    pub billing_mode: BillingMode,
    /// Whether it must not be deleted.
    pub is_termination_protected: bool,
    /// ARN of the key that encrypts it. Once set it stays.
    pub kms_key_id: Option<String>,
    /// How large an event may be, and what is added to it.
    #[serde(default)]
    pub events: EventConfiguration,
    /// What unusual activity is looked for in it.
    #[serde(default)]
    pub insights: Option<Insights>,
}

/// How a store is paid for in AWS. Here it says only how long events may be kept.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum BillingMode {
    /// 7 to 3,653 days, 366 unless told otherwise.
    #[default]
    #[serde(rename = "EXTENDABLE_RETENTION_PRICING")]
    Extendable,
    /// 7 to 2,557 days, 2,557 unless told otherwise.
    #[serde(rename = "FIXED_RETENTION_PRICING")]
    Fixed,
}

/// `PutEventConfiguration` of a store. The default is AWS's.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct EventConfiguration {
    /// Whether events of up to 1 MB are taken whole; 256 KB otherwise.
    pub is_large: bool,
    /// What is added to an event where its record carries it.
    pub context_keys: Vec<ContextKeys>,
}

/// Keys of one kind that are added to an event.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ContextKeys {
    /// `TagContext` or `RequestContext`.
    pub kind: String,
    /// 1 to 50 keys of tags, or global condition keys.
    pub keys: Vec<String>,
}

/// `PutInsightSelectors` of a store.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Insights {
    /// Insight selectors as a JSON list of the API.
    pub selectors: String,
    /// The store that takes what is found.
    pub destination: StoreArn,
}

impl BillingMode {
    /// The word as AWS spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Extendable => "EXTENDABLE_RETENTION_PRICING",
            Self::Fixed => "FIXED_RETENTION_PRICING",
        }
    }

    /// The most days that an event may be kept. The least is 7.
    #[must_use]
    pub const fn retention_max(self) -> u32 {
        match self {
            Self::Extendable => 3653,
            Self::Fixed => 2557,
        }
    }

    /// The days that an event is kept unless told otherwise.
    #[must_use]
    pub const fn retention_default(self) -> u32 {
        match self {
            Self::Extendable => 366,
            Self::Fixed => 2557,
        }
    }
}

impl StoreSettings {
    /// Whether a store of `arn` with these settings takes what was recorded in `region`.
    #[must_use]
    pub fn cover(&self, arn: &StoreArn, region: &str) -> bool {
        arn.region == region || self.is_multi_region && partition(&arn.region) == partition(region)
    }
}

const SELECT: &str = "SELECT s.id, s.arn, s.created, s.updated, s.purge_after, v.number, v.status, \
     v.settings FROM stores s JOIN store_versions v \
     ON v.number = (SELECT max(number) FROM store_versions WHERE store = s.id)";

impl Catalog {
    /// The event data stores of `account` in every region, oldest first, also those that wait for
    /// their end.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Database`].
    pub async fn stores(&self, account: AccountId) -> Result<Vec<EventDataStore>, Error> {
        let query =
            format!("{SELECT} WHERE s.account = $1 AND s.gone IS NULL ORDER BY s.created, s.id");
        let rows = sqlx::query(&query).bind(account.as_str()).fetch_all(&self.pool).await?;
        rows.iter().map(store).collect()
    }

    /// Every event data store of every account, by id.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Database`].
    pub async fn all_stores(&self) -> Result<Vec<EventDataStore>, Error> {
        let query = format!("{SELECT} WHERE s.gone IS NULL ORDER BY s.id");
        sqlx::query(&query).fetch_all(&self.pool).await?.iter().map(store).collect()
    }

    /// The event data store of that id, if there is one.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Database`].
    pub async fn store(&self, id: Uuid) -> Result<Option<EventDataStore>, Error> {
        let query = format!("{SELECT} WHERE s.id = $1 AND s.gone IS NULL");
        let row = sqlx::query(&query).bind(id.to_string()).fetch_optional(&self.pool).await?;
        row.as_ref().map(store).transpose()
    }
}

fn store(row: &AnyRow) -> Result<EventDataStore, Error> {
    let arn: String = row.try_get("arn")?;
    let purge_after: Option<i64> = row.try_get("purge_after")?;
    Ok(EventDataStore {
        version: unsigned(row, "number", &arn)?,
        status: status(row, &arn)?,
        settings: settings(row, &arn)?,
        created: time(row.try_get("created")?, &arn)?,
        updated: time(row.try_get("updated")?, &arn)?,
        purge_after: purge_after.map(|ms| time(ms, &arn)).transpose()?,
        arn: kept_arn(&arn)?,
    })
}

fn status(row: &AnyRow, arn: &str) -> Result<StoreStatus, Error> {
    StoreStatus::from_word(row.try_get("status")?)
        .ok_or_else(|| Error::Damaged { what: "status", of: arn.to_owned() })
}

fn settings(row: &AnyRow, arn: &str) -> Result<StoreSettings, Error> {
    let text: String = row.try_get("settings")?;
    serde_json::from_str(&text).map_err(|_| Error::Damaged { what: "settings", of: arn.to_owned() })
}

/// Reads the ARN of a store as the tables keep it.
pub(crate) fn kept_arn(text: &str) -> Result<StoreArn, Error> {
    StoreArn::parse(text)
        .map_err(|_| Error::Damaged { what: "ARN of an event data store", of: text.to_owned() })
}
