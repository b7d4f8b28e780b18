//! Channels: the doors by which own applications send audit events into event data stores.
//!
//! Lives here: what a channel is now, where it leads, how its last events went.
//! Lives elsewhere: where it led at each position of the log ([`crate::StoreHistory`]), who may send
//! (`api`).
//!
//! Spec: CloudTrail API Reference, "CreateChannel" and "GetChannel".

use jiff::Timestamp;
use record::AccountId;
use serde::{Deserialize, Serialize};
use sqlx::{Any, Row as _, Transaction, any::AnyRow};
use tokio::sync::{RwLockReadGuard, RwLockWriteGuard};

use crate::{
    Catalog, ChannelArn, Error, LakeRefusal, StoreArn, Tag,
    account::time,
    store::next_change,
    trail::{add_tags, signed},
};

/// A channel as it is now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Channel {
    /// Region, owner and id.
    pub arn: ChannelArn,
    /// Unique in its account and region.
    pub name: String,
    /// Where its events come from; unique in its account and region, and never changed.
    pub source: String,
    /// The stores that take its events: 1 to 200.
    pub destinations: Vec<StoreArn>,
    /// How its last events went.
    pub ingestion: IngestionStatus,
    /// When it was created.
    pub created: Timestamp,
}

/// How the last events of a channel went. Serialised, it is what the catalog keeps.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct IngestionStatus {
    /// When an event was last accepted.
    pub success: Option<Timestamp>,
    /// Which.
    pub success_event: Option<String>,
    /// The code with which the last event was refused, if it was.
    pub error: Option<String>,
    /// When an event last came.
    pub attempt: Option<Timestamp>,
    /// Which.
    pub attempt_event: Option<String>,
}

/// A channel that is to be.
#[derive(Clone, Debug)]
pub struct NewChannel {
    /// Region, owner and id.
    pub arn: ChannelArn,
    /// Unique in its account and region.
    pub name: String,
    /// Unique in its account and region.
    pub source: String,
    /// 1 to 200.
    pub destinations: Vec<StoreArn>,
    /// At most [`crate::TAGS_MAX`].
    pub tags: Vec<Tag>,
}

/// How many channels an account may have in a region.
pub const CHANNELS_MAX: usize = 25;

const SELECT: &str = "SELECT c.arn, c.name, c.source, c.created, c.ingestion, v.destinations \
     FROM channels c JOIN channel_versions v \
     ON v.number = (SELECT max(number) FROM channel_versions WHERE channel = c.id)";

impl Catalog {
    /// The channels of `account` in `region`, oldest first.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Database`].
    pub async fn channels(&self, account: AccountId, region: &str) -> Result<Vec<Channel>, Error> {
        let query = format!(
            "{SELECT} WHERE c.account = $1 AND c.region = $2 AND c.gone IS NULL \
             ORDER BY c.created, c.id"
        );
        let rows = sqlx::query(&query).bind(account.as_str()).bind(region).fetch_all(&self.pool);
        rows.await?.iter().map(channel).collect()
    }

    /// The channel of that ARN, if there is one.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Database`].
    pub async fn channel(&self, arn: &ChannelArn) -> Result<Option<Channel>, Error> {
        let query = format!("{SELECT} WHERE c.arn = $1 AND c.gone IS NULL");
        let row = sqlx::query(&query).bind(arn.to_string()).fetch_optional(&self.pool).await?;
        row.as_ref().map(channel).transpose()
    }

    /// Keeps every channel leading where it leads, for as long as the guard is held: from before the
    /// channel is read until its events are durable. So what is acknowledged goes where the channel
    /// led when it was accepted. Many may hold it at once.
    pub async fn hold_channels(&self) -> RwLockReadGuard<'_, ()> {
        self.channels_lead.read().await
    }

    /// Waits until nobody holds the channels, and keeps others from it: from before the end of the
    /// log is asked for until a channel leads elsewhere.
    pub async fn turn_channels(&self) -> RwLockWriteGuard<'_, ()> {
        self.channels_lead.write().await
    }

    /// Creates a channel. `position` is the end of the log.
    ///
    /// # Errors
    /// [`LakeRefusal::ChannelExists`] for a name or a source that another has,
    /// [`LakeRefusal::ChannelLimit`], [`LakeRefusal::StoreUnknown`], [`LakeRefusal::StoreInactive`];
    /// [`Error::TagLimit`], [`Error::Damaged`], [`Error::Database`].
    pub async fn create_channel(&self, new: &NewChannel, position: u64) -> Result<Channel, Error> {
        let mut tx = self.pool.begin().await?;
        let (number, from) = next_change(&mut tx, position).await?;
        let others = others(&mut tx, &new.arn).await?;
        if others.len() >= CHANNELS_MAX {
            return Err(LakeRefusal::ChannelLimit { max: CHANNELS_MAX }.into());
        }
        if others.iter().any(|it| it.name == new.name) {
            return Err(LakeRefusal::ChannelExists(new.name.clone()).into());
        }
        if others.iter().any(|it| it.source == new.source) {
            return Err(LakeRefusal::ChannelExists(new.source.clone()).into());
        }
        sqlx::query(
            "INSERT INTO channels (id, arn, account, region, name, source, created) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(new.arn.id.to_string())
        .bind(new.arn.to_string())
        .bind(new.arn.account.as_str())
        .bind(&new.arn.region)
        .bind(&new.name)
        .bind(&new.source)
        .bind(self.now_ms())
        .execute(&mut *tx)
        .await?;
        lead(&mut tx, number, from, &new.arn, &new.destinations).await?;
        add_tags(&mut tx, &new.arn.to_string(), &new.tags).await?;
        let created = current(&mut tx, &new.arn).await?;
        tx.commit().await?;
        self.store_changes.send_replace(number);
        Ok(created)
    }

    /// Gives a channel another name, other destinations, or both. To be called within
    /// [`Catalog::turn_channels`].
    ///
    /// # Errors
    /// [`LakeRefusal::ChannelExists`], [`LakeRefusal::ChannelUnknown`],
    /// [`LakeRefusal::StoreUnknown`], [`LakeRefusal::StoreInactive`]; [`Error::Damaged`],
    /// [`Error::Database`].
    pub async fn update_channel(
        &self,
        arn: &ChannelArn,
        name: Option<&str>,
        destinations: Option<&[StoreArn]>,
        position: u64,
    ) -> Result<Channel, Error> {
        let mut tx = self.pool.begin().await?;
        let (number, from) = next_change(&mut tx, position).await?;
        let before = current(&mut tx, arn).await?;
        if let Some(name) = name {
            let others = others(&mut tx, arn).await?;
            if others.iter().any(|it| it.arn != *arn && it.name == name) {
                return Err(LakeRefusal::ChannelExists(name.to_owned()).into());
            }
            sqlx::query("UPDATE channels SET name = $1 WHERE id = $2")
                .bind(name)
                .bind(arn.id.to_string())
                .execute(&mut *tx)
                .await?;
        }
        if let Some(destinations) = destinations.filter(|it| **it != before.destinations) {
            lead(&mut tx, number, from, arn, destinations).await?;
        }
        let after = current(&mut tx, arn).await?;
        tx.commit().await?;
        self.store_changes.send_replace(number);
        Ok(after)
    }

    /// Deletes a channel, its tags and its policy. What it accepted before still goes where it led.
    /// To be called within [`Catalog::turn_channels`].
    ///
    /// # Errors
    /// [`LakeRefusal::ChannelUnknown`], [`Error::Damaged`], [`Error::Database`].
    pub async fn delete_channel(&self, arn: &ChannelArn, position: u64) -> Result<(), Error> {
        let mut tx = self.pool.begin().await?;
        let (number, from) = next_change(&mut tx, position).await?;
        current(&mut tx, arn).await?;
        lead(&mut tx, number, from, arn, &[]).await?;
        sqlx::query("UPDATE channels SET gone = $1 WHERE id = $2")
            .bind(self.now_ms())
            .bind(arn.id.to_string())
            .execute(&mut *tx)
            .await?;
        for query in [
            "DELETE FROM tags WHERE resource = $1",
            "DELETE FROM resource_policies WHERE resource = $1",
        ] {
            sqlx::query(query).bind(arn.to_string()).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        self.store_changes.send_replace(number);
        Ok(())
    }

    /// Keeps how the last events of a channel went. Nothing happens when it is gone.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Database`].
    pub async fn note_ingestion(
        &self,
        arn: &ChannelArn,
        status: &IngestionStatus,
    ) -> Result<(), Error> {
        let text = serde_json::to_string(status)
            .map_err(|_| Error::Damaged { what: "ingestion", of: arn.to_string() })?;
        sqlx::query("UPDATE channels SET ingestion = $1 WHERE id = $2 AND gone IS NULL")
            .bind(text)
            .bind(arn.id.to_string())
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

async fn current(tx: &mut Transaction<'_, Any>, arn: &ChannelArn) -> Result<Channel, Error> {
    let query = format!("{SELECT} WHERE c.arn = $1 AND c.gone IS NULL");
    let row = sqlx::query(&query).bind(arn.to_string()).fetch_optional(&mut **tx).await?;
    channel(&row.ok_or_else(|| LakeRefusal::ChannelUnknown(arn.to_string()))?)
}

/// Every channel of the account and region of `arn`.
async fn others(tx: &mut Transaction<'_, Any>, arn: &ChannelArn) -> Result<Vec<Channel>, Error> {
    let query = format!("{SELECT} WHERE c.account = $1 AND c.region = $2 AND c.gone IS NULL");
    let rows = sqlx::query(&query).bind(arn.account.as_str()).bind(&arn.region);
    rows.fetch_all(&mut **tx).await?.iter().map(channel).collect()
}

/// Leads a channel to stores that are there.
async fn lead(
    tx: &mut Transaction<'_, Any>,
    number: u64,
    from: u64,
    arn: &ChannelArn,
    destinations: &[StoreArn],
) -> Result<(), Error> {
    for store in destinations {
        let row = sqlx::query("SELECT purge_after FROM stores WHERE arn = $1 AND gone IS NULL")
            .bind(store.to_string())
            .fetch_optional(&mut **tx)
            .await?
            .ok_or_else(|| LakeRefusal::StoreUnknown(store.to_string()))?;
        let purge_after: Option<i64> = row.try_get("purge_after")?;
        if purge_after.is_some() {
            return Err(LakeRefusal::StoreInactive(store.to_string()).into());
        }
    }
    let text = serde_json::to_string(destinations)
        .map_err(|_| Error::Damaged { what: "destinations", of: arn.to_string() })?;
    sqlx::query(
        "INSERT INTO channel_versions (number, channel, from_position, destinations) \
         VALUES ($1, $2, $3, $4)",
    )
    .bind(signed(number)?)
    .bind(arn.id.to_string())
    .bind(signed(from)?)
    .bind(text)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn channel(row: &AnyRow) -> Result<Channel, Error> {
    let arn: String = row.try_get("arn")?;
    let damaged = |what| Error::Damaged { what, of: arn.clone() };
    let destinations: String = row.try_get("destinations")?;
    let ingestion: Option<String> = row.try_get("ingestion")?;
    let ingestion = ingestion.map(|it| serde_json::from_str(&it)).transpose();
    Ok(Channel {
        name: row.try_get("name")?,
        source: row.try_get("source")?,
        destinations: serde_json::from_str(&destinations).map_err(|_| damaged("destinations"))?,
        ingestion: ingestion.map_err(|_| damaged("ingestion"))?.unwrap_or_default(),
        created: time(row.try_get("created")?, &arn)?,
        arn: ChannelArn::parse(&arn).map_err(|_| damaged("ARN of a channel"))?,
    })
}
