//! What event data stores and channels were at each position of the log.

use jiff::Timestamp;
use sqlx::{Any, Row as _, Transaction, any::AnyRow};
use tokio::sync::watch;

use super::{ChannelArn, StoreArn, StoreSettings, StoreStatus, kept_arn, settings, status};
use crate::{
    Catalog, Error,
    account::time,
    trail::{signed, unsigned},
};

/// What a store is from a position of the log on, until its next version begins.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoreVersion {
    /// Unique over all stores and channels and for ever; later is greater.
    pub number: u64,
    /// Which store.
    pub arn: StoreArn,
    /// The first position of the log that it judges. Two versions may begin at the same one: the
    /// greater number judges.
    pub from: u64,
    /// Only [`StoreStatus::Enabled`] takes events.
    pub status: StoreStatus,
    /// What its owner chose.
    pub settings: StoreSettings,
    /// When it was made.
    pub made: Timestamp,
}

/// Where the events of a channel go from a position of the log on, until its next version begins.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ChannelVersion {
    /// Unique over all stores and channels and for ever; later is greater.
    pub number: u64,
    /// Which channel.
    pub arn: ChannelArn,
    /// The first position of the log that it judges.
    pub from: u64,
    /// The stores that take them; none once the channel is gone.
    pub destinations: Vec<StoreArn>,
}

/// Every version of stores and channels that may judge records from a position on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoreHistory {
    /// How many changes there had been: for [`Catalog::judge_stores_until`].
    pub changes: u64,
    /// By id of the store, then in the order in which they begin.
    pub stores: Vec<StoreVersion>,
    /// By id of the channel, then in the order in which they begin.
    pub channels: Vec<ChannelVersion>,
}

/// The name under which it is kept how far records have been judged by stores.
pub const STORES_CURSOR: &str = "stores";

const STORES: &str = "SELECT s.arn, v.number, v.from_position, v.status, v.settings, v.made \
     FROM store_versions v JOIN stores s ON s.id = v.store";

const CHANNELS: &str = "SELECT c.arn, v.number, v.from_position, v.destinations \
     FROM channel_versions v JOIN channels c ON c.id = v.channel";

impl Catalog {
    /// The version of a store that judges the record at `position`; `None` before its first.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Database`].
    pub async fn store_version_at(
        &self,
        arn: &StoreArn,
        position: u64,
    ) -> Result<Option<StoreVersion>, Error> {
        let query = format!(
            "{STORES} WHERE v.store = $1 AND v.from_position <= $2 \
             ORDER BY v.from_position DESC, v.number DESC LIMIT 1"
        );
        let row = sqlx::query(&query)
            .bind(arn.id.to_string())
            .bind(signed(position)?)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(store_version).transpose()
    }

    /// Every version of every store and channel that judges a record at or behind `position`.
    ///
    /// For each that is the last version which begins at or before `position`, also of one that is
    /// gone, and all that begin behind it.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Database`].
    pub async fn store_history(&self, position: u64) -> Result<StoreHistory, Error> {
        let mut tx = self.pool.begin().await?;
        let changes = changes(&mut tx).await?;
        let position = signed(position)?;
        let versions = |select: &str, table: &str, of: &str| {
            format!(
                "{select} WHERE v.from_position > $1 OR v.number = (\
                     SELECT w.number FROM {table} w WHERE w.{of} = v.{of} AND w.from_position <= $1 \
                     ORDER BY w.from_position DESC, w.number DESC LIMIT 1) \
                 ORDER BY v.{of}, v.from_position, v.number"
            )
        };
        let query = versions(STORES, "store_versions", "store");
        let stores = sqlx::query(&query).bind(position).fetch_all(&mut *tx).await?;
        let query = versions(CHANNELS, "channel_versions", "channel");
        let channels = sqlx::query(&query).bind(position).fetch_all(&mut *tx).await?;
        tx.commit().await?;
        Ok(StoreHistory {
            changes,
            stores: stores.iter().map(store_version).collect::<Result<_, _>>()?,
            channels: channels.iter().map(channel_version).collect::<Result<_, _>>()?,
        })
    }

    /// Promises that the records before `position` are judged for good, by a history with that count
    /// of `changes`. Whether the promise is taken: when there were more changes meanwhile it is not,
    /// and the caller must judge anew before it commits anything.
    ///
    /// INVARIANT: a change never begins before a position that was promised, nor before an earlier
    /// change. So call this before the table's commit.
    ///
    /// # Errors
    /// [`Error::Damaged`] for a position beyond 2⁶³ − 1, [`Error::Database`].
    pub async fn judge_stores_until(&self, position: u64, changes: u64) -> Result<bool, Error> {
        let done = sqlx::query(
            "INSERT INTO cursors (name, position) \
             SELECT $1, $2 FROM store_changes WHERE count = $3 \
             ON CONFLICT (name) DO UPDATE SET position = CASE \
                 WHEN excluded.position > cursors.position THEN excluded.position \
                 ELSE cursors.position END",
        )
        .bind(STORES_CURSOR)
        .bind(signed(position)?)
        .bind(signed(changes)?)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Wakes up after every change of a store or channel by this process, before the change is
    /// answered. The value says nothing else.
    #[must_use]
    pub fn watch_stores(&self) -> watch::Receiver<u64> {
        self.store_changes.subscribe()
    }

    /// How many changes of stores and channels there have been, also by other processes. Cheap to
    /// ask.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn store_changes(&self) -> Result<u64, Error> {
        let row = sqlx::query("SELECT count FROM store_changes").fetch_one(&self.pool).await?;
        unsigned(&row, "count", "store_changes")
    }
}

async fn changes(tx: &mut Transaction<'_, Any>) -> Result<u64, Error> {
    let row = sqlx::query("SELECT count FROM store_changes").fetch_one(&mut **tx).await?;
    unsigned(&row, "count", "store_changes")
}

fn store_version(row: &AnyRow) -> Result<StoreVersion, Error> {
    let arn: String = row.try_get("arn")?;
    Ok(StoreVersion {
        number: unsigned(row, "number", &arn)?,
        from: unsigned(row, "from_position", &arn)?,
        status: status(row, &arn)?,
        settings: settings(row, &arn)?,
        made: time(row.try_get("made")?, &arn)?,
        arn: kept_arn(&arn)?,
    })
}

fn channel_version(row: &AnyRow) -> Result<ChannelVersion, Error> {
    let arn: String = row.try_get("arn")?;
    let text: String = row.try_get("destinations")?;
    let damaged = |what| Error::Damaged { what, of: arn.clone() };
    Ok(ChannelVersion {
        number: unsigned(row, "number", &arn)?,
        from: unsigned(row, "from_position", &arn)?,
        destinations: serde_json::from_str(&text).map_err(|_| damaged("destinations"))?,
        arn: ChannelArn::parse(&arn).map_err(|_| damaged("ARN of a channel"))?,
    })
}
