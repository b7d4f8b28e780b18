//! Changing event data stores. Each change is one transaction that makes one version.

use jiff::SignedDuration;
use sqlx::{Any, Row as _, Transaction};
use uuid::Uuid;

use super::{
    EventDataStore, SELECT, StoreArn, StoreSettings, StoreStatus, store, version::STORES_CURSOR,
};
use crate::{
    Catalog, Error, LakeRefusal, Tag,
    trail::{add_tags, signed, unsigned},
};

/// An event data store that is to be.
#[derive(Clone, Debug)]
pub struct NewStore {
    /// Region, owner and id.
    pub arn: StoreArn,
    /// What its owner chooses.
    pub settings: StoreSettings,
    /// Whether it takes events from the beginning: `ENABLED` or `STOPPED_INGESTION`.
    pub status: StoreStatus,
    /// At most [`crate::TAGS_MAX`].
    pub tags: Vec<Tag>,
}

/// How many event data stores an account may have in a region, those that wait for their end
/// included.
pub const STORES_MAX: usize = 10;

/// How long a store that was deleted can be restored.
pub const RESTORABLE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What is different in the next version.
enum Change<'a> {
    Settings(&'a StoreSettings),
    Status(StoreStatus),
}

impl Catalog {
    /// Whether [`Catalog::create_store`] would find room, as things are now. Keeps nothing.
    ///
    /// # Errors
    /// Those of [`Catalog::create_store`].
    pub async fn check_new_store(&self, new: &NewStore) -> Result<(), Error> {
        check_room(&mut self.pool.begin().await?, new).await
    }

    /// Creates an event data store, whose table is there. `position` is the end of the log.
    ///
    /// # Errors
    /// [`LakeRefusal::StoreExists`], [`LakeRefusal::StoreLimit`]; [`Error::TagLimit`],
    /// [`Error::Damaged`], [`Error::Database`].
    pub async fn create_store(
        &self,
        new: &NewStore,
        position: u64,
    ) -> Result<EventDataStore, Error> {
        let NewStore { arn, settings, status, tags } = new;
        let mut tx = self.pool.begin().await?;
        let (number, from) = next(&mut tx, position).await?;
        check_room(&mut tx, new).await?;
        let now = self.now_ms();
        sqlx::query(
            "INSERT INTO stores (id, arn, account, region, name, created, updated) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(arn.id.to_string())
        .bind(arn.to_string())
        .bind(arn.account.as_str())
        .bind(&arn.region)
        .bind(&settings.name)
        .bind(now)
        .bind(now)
        .execute(&mut *tx)
        .await?;
        insert(&mut tx, number, from, arn.id, *status, settings, now).await?;
        add_tags(&mut tx, &arn.to_string(), tags).await?;
        let created = current(&mut tx, arn.id).await?;
        tx.commit().await?;
        self.store_changes.send_replace(number);
        Ok(created)
    }

    /// Gives a store other settings. `seen` is the version on which they are founded.
    ///
    /// # Errors
    /// [`LakeRefusal::StoreChanged`] when another has changed the store since `seen`;
    /// [`LakeRefusal::StoreExists`] for a name that another has; [`LakeRefusal::StoreUnknown`],
    /// [`Error::Damaged`], [`Error::Database`].
    pub async fn update_store(
        &self,
        id: Uuid,
        seen: u64,
        settings: &StoreSettings,
        position: u64,
    ) -> Result<EventDataStore, Error> {
        self.change_store(id, seen, &Change::Settings(settings), position).await
    }

    /// Brings a store into another status. `seen` is the version on which that is founded.
    ///
    /// Into `PENDING_DELETION`, it can be restored for [`RESTORABLE`] from now; out of it, it stays.
    /// `GONE` forgets its tags and its policy, and ends it for ever.
    ///
    /// # Errors
    /// [`LakeRefusal::StoreChanged`]; [`LakeRefusal::StoreHasChannel`] and
    /// [`LakeRefusal::StoreHasImport`] for what would lose it; [`LakeRefusal::StoreUnknown`],
    /// [`Error::Damaged`], [`Error::Database`].
    pub async fn set_store_status(
        &self,
        id: Uuid,
        seen: u64,
        status: StoreStatus,
        position: u64,
    ) -> Result<EventDataStore, Error> {
        self.change_store(id, seen, &Change::Status(status), position).await
    }

    async fn change_store(
        &self,
        id: Uuid,
        seen: u64,
        change: &Change<'_>,
        position: u64,
    ) -> Result<EventDataStore, Error> {
        let mut tx = self.pool.begin().await?;
        let (number, from) = next(&mut tx, position).await?;
        let before = current(&mut tx, id).await?;
        if before.version != seen {
            return Err(LakeRefusal::StoreChanged(id.to_string()).into());
        }
        let now = self.now_ms();
        let (status, settings) = match change {
            Change::Settings(settings) => {
                if settings.name != before.settings.name {
                    check_name(&mut tx, &before.arn, &settings.name).await?;
                }
                (before.status, *settings)
            }
            Change::Status(status) => (*status, &before.settings),
        };
        insert(&mut tx, number, from, id, status, settings, now).await?;
        let purge_after = match (status, before.purge_after) {
            (StoreStatus::PendingDeletion, Some(kept)) => Some(kept.as_millisecond()),
            (StoreStatus::PendingDeletion, None) => {
                check_unused(&mut tx, &before.arn).await?;
                i64::try_from(RESTORABLE.as_millis()).ok().and_then(|it| now.checked_add(it))
            }
            (
                StoreStatus::Created
                | StoreStatus::Enabled
                | StoreStatus::Gone
                | StoreStatus::StartingIngestion
                | StoreStatus::StoppedIngestion
                | StoreStatus::StoppingIngestion,
                _,
            ) => None,
        };
        let query = "UPDATE stores SET name = $1, updated = $2, purge_after = $3 WHERE id = $4";
        sqlx::query(query)
            .bind(&settings.name)
            .bind(now)
            .bind(purge_after)
            .bind(id.to_string())
            .execute(&mut *tx)
            .await?;
        let after = current(&mut tx, id).await?;
        if status == StoreStatus::Gone {
            forget(&mut tx, &before.arn, now).await?;
        }
        tx.commit().await?;
        self.store_changes.send_replace(number);
        Ok(after)
    }
}

/// Whether there is room for a store beside the others of its account and region.
async fn check_room(tx: &mut Transaction<'_, Any>, new: &NewStore) -> Result<(), Error> {
    let StoreArn { region, account, .. } = &new.arn;
    let rows =
        sqlx::query("SELECT name FROM stores WHERE account = $1 AND region = $2 AND gone IS NULL")
            .bind(account.as_str())
            .bind(region)
            .fetch_all(&mut **tx)
            .await?;
    for row in &rows {
        let name: String = row.try_get("name")?;
        if name == new.settings.name {
            return Err(LakeRefusal::StoreExists(name).into());
        }
    }
    if rows.len() >= STORES_MAX {
        return Err(LakeRefusal::StoreLimit { region: region.clone(), max: STORES_MAX }.into());
    }
    Ok(())
}

/// Counts a change, which takes the write lock, and says from where on it holds.
///
/// Not before what was judged already, and not before an earlier change: the position that the caller
/// read may have been overtaken by both.
pub(crate) async fn next(
    tx: &mut Transaction<'_, Any>,
    position: u64,
) -> Result<(u64, u64), Error> {
    let row = sqlx::query("UPDATE store_changes SET count = count + 1 RETURNING count")
        .fetch_one(&mut **tx)
        .await?;
    let number = unsigned(&row, "count", "store_changes")?;
    let row = sqlx::query(
        "SELECT max(position) AS position FROM (\
             SELECT $1 AS position \
             UNION ALL SELECT position FROM cursors WHERE name = $2 \
             UNION ALL SELECT max(from_position) FROM channel_versions \
             UNION ALL SELECT max(from_position) FROM store_versions) AS positions",
    )
    .bind(signed(position)?)
    .bind(STORES_CURSOR)
    .fetch_one(&mut **tx)
    .await?;
    Ok((number, unsigned(&row, "position", "store_changes")?))
}

async fn current(tx: &mut Transaction<'_, Any>, id: Uuid) -> Result<EventDataStore, Error> {
    let query = format!("{SELECT} WHERE s.id = $1 AND s.gone IS NULL");
    let row = sqlx::query(&query).bind(id.to_string()).fetch_optional(&mut **tx).await?;
    store(&row.ok_or_else(|| LakeRefusal::StoreUnknown(id.to_string()))?)
}

async fn insert(
    tx: &mut Transaction<'_, Any>,
    number: u64,
    from: u64,
    id: Uuid,
    status: StoreStatus,
    settings: &StoreSettings,
    now_ms: i64,
) -> Result<(), Error> {
    let settings = serde_json::to_string(settings)
        .map_err(|_| Error::Damaged { what: "settings", of: id.to_string() })?;
    sqlx::query(
        "INSERT INTO store_versions (number, store, from_position, status, settings, made) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(signed(number)?)
    .bind(id.to_string())
    .bind(signed(from)?)
    .bind(status.as_str())
    .bind(settings)
    .bind(now_ms)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Whether a store may take a name that it does not have yet.
async fn check_name(
    tx: &mut Transaction<'_, Any>,
    arn: &StoreArn,
    name: &str,
) -> Result<(), Error> {
    let taken = sqlx::query(
        "SELECT id FROM stores WHERE account = $1 AND region = $2 AND name = $3 AND gone IS NULL",
    )
    .bind(arn.account.as_str())
    .bind(&arn.region)
    .bind(name)
    .fetch_optional(&mut **tx)
    .await?;
    match taken {
        Some(_) => Err(LakeRefusal::StoreExists(name.to_owned()).into()),
        None => Ok(()),
    }
}

/// Whether nothing would lose the store.
async fn check_unused(tx: &mut Transaction<'_, Any>, arn: &StoreArn) -> Result<(), Error> {
    let arn = arn.to_string();
    let rows = sqlx::query(
        "SELECT v.destinations FROM channels c JOIN channel_versions v \
         ON v.number = (SELECT max(number) FROM channel_versions WHERE channel = c.id) \
         WHERE c.gone IS NULL",
    )
    .fetch_all(&mut **tx)
    .await?;
    for row in rows {
        let text: String = row.try_get("destinations")?;
        let destinations: Vec<String> = serde_json::from_str(&text)
            .map_err(|_| Error::Damaged { what: "destinations", of: arn.clone() })?;
        if destinations.contains(&arn) {
            return Err(LakeRefusal::StoreHasChannel(arn).into());
        }
    }
    let running = sqlx::query(
        "SELECT id FROM imports WHERE store = $1 AND status IN ('INITIALIZING', 'IN_PROGRESS')",
    )
    .bind(&arn)
    .fetch_optional(&mut **tx)
    .await?;
    match running {
        Some(_) => Err(LakeRefusal::StoreHasImport(arn).into()),
        None => Ok(()),
    }
}

/// Ends a store. What is named after it goes; its versions stay.
async fn forget(tx: &mut Transaction<'_, Any>, arn: &StoreArn, now_ms: i64) -> Result<(), Error> {
    sqlx::query("UPDATE stores SET gone = $1 WHERE id = $2")
        .bind(now_ms)
        .bind(arn.id.to_string())
        .execute(&mut **tx)
        .await?;
    for query in [
        "DELETE FROM tags WHERE resource = $1",
        "DELETE FROM resource_policies WHERE resource = $1",
    ] {
        sqlx::query(query).bind(arn.to_string()).execute(&mut **tx).await?;
    }
    Ok(())
}
