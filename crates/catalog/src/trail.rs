//! Trails: what was asked for, version by version.
//!
//! Lives here: the rows, and that names are unique. Lives elsewhere: what a name may be and which
//! settings go together (`api`), what is done with a trail (`delivery`).

use jiff::Timestamp;
use record::AccountId;
use serde::{Deserialize, Serialize};
use sqlx::{Any, Row as _, Transaction, any::AnyRow};

use crate::{
    Catalog, Error,
    account::{account_id, time},
};

/// A trail as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Trail {
    /// Never used again, unlike the name.
    pub id: String,
    /// Whose it is.
    pub account: AccountId,
    /// The region in which it was created.
    pub home_region: String,
    /// Unique in account and region.
    pub name: String,
    /// When it was created.
    pub created: Timestamp,
    /// When logging was started last.
    pub started: Option<Timestamp>,
    /// When logging was stopped last.
    pub stopped: Option<Timestamp>,
    /// Its newest version.
    pub settings: TrailSettings,
}

/// What one version of a trail says. The members of `CreateTrail` that have a meaning here, with
/// its defaults filled in.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct TrailSettings {
    /// Where its files go.
    pub bucket: String,
    /// What their keys begin with; empty for nothing.
    pub prefix: String,
    /// Who is told of files.
    pub sns_topic_arn: Option<String>,
    /// Whether events of global services are in it.
    pub includes_global_events: bool,
    /// Whether every region's events are in it.
    pub is_multi_region: bool,
    /// Whether digests are delivered.
    pub validates_files: bool,
    /// Where events go beside the bucket.
    pub log_group_arn: Option<String>,
    /// As whom they go there.
    pub log_role_arn: Option<String>,
    /// The key that encrypts its files.
    pub kms_key_id: Option<String>,
    /// Whether every account of the organization is in it.
    pub is_organization: bool,
    /// Whether it records what its own delivery causes.
    pub is_recursive: bool,
    /// Whether it chooses anything now.
    pub is_logging: bool,
    /// `EventSelectors` or `AdvancedEventSelectors` as the API spells them; absent for the default.
    pub selectors: Option<serde_json::Value>,
    /// `InsightSelectors` as the API spells them; empty when there are none.
    pub insight_selectors: Vec<serde_json::Value>,
}

/// One version of a trail.
#[derive(Clone, Debug, PartialEq)]
pub struct TrailVersion {
    /// The trail's [`Trail::id`].
    pub trail: String,
    /// 0, 1, 2, …
    pub version: u64,
    /// It judges the records of the log from this position on, up to the next version's.
    pub from_position: u64,
    /// What it says. A deleted trail's last version does not log.
    pub settings: TrailSettings,
}

/// Where a trail of that name would be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TrailName<'a> {
    /// Whose it is.
    pub account: AccountId,
    /// Its home region.
    pub region: &'a str,
    /// Its name.
    pub name: &'a str,
}

/// What happens to `started` and `stopped` with a change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LoggingChange {
    /// Nothing.
    None,
    /// Logging starts.
    Starts,
    /// Logging stops.
    Stops,
}

impl Catalog {
    /// Keeps a new trail. `None` when there is one of that name.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Damaged`].
    pub async fn add_trail(
        &self,
        name: TrailName<'_>,
        settings: &TrailSettings,
        from_position: u64,
    ) -> Result<Option<Trail>, Error> {
        let id = self.ambient.random.uuid().to_string();
        let mut tx = self.pool.begin().await?;
        let added = sqlx::query(
            "INSERT INTO trails (id, account, region, name, created, is_deleted) \
             VALUES ($1, $2, $3, $4, $5, 0) ON CONFLICT DO NOTHING",
        )
        .bind(&id)
        .bind(name.account.as_str())
        .bind(name.region)
        .bind(name.name)
        .bind(self.now_ms())
        .execute(&mut *tx)
        .await?;
        if added.rows_affected() == 0 {
            return Ok(None);
        }
        add_version(&mut tx, &id, settings, from_position).await?;
        tx.commit().await?;
        self.trail(name).await
    }

    /// The trail of that name.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Damaged`].
    pub async fn trail(&self, name: TrailName<'_>) -> Result<Option<Trail>, Error> {
        let text =
            format!("{TRAILS} WHERE is_deleted = 0 AND account = $1 AND region = $2 AND name = $3");
        let row = sqlx::query(&text)
            .bind(name.account.as_str())
            .bind(name.region)
            .bind(name.name)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// All trails of an account, by name.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Damaged`].
    pub async fn trails(&self, account: AccountId) -> Result<Vec<Trail>, Error> {
        let text = format!("{TRAILS} WHERE is_deleted = 0 AND account = $1 ORDER BY name, region");
        let rows = sqlx::query(&text).bind(account.as_str()).fetch_all(&self.pool).await?;
        rows.iter().map(read).collect()
    }

    /// Gives a trail a new version. Nothing happens when it was deleted meanwhile.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn change_trail(
        &self,
        id: &str,
        settings: &TrailSettings,
        from_position: u64,
        logging: LoggingChange,
    ) -> Result<(), Error> {
        let column = match logging {
            LoggingChange::None => "created = created",
            LoggingChange::Starts => "started = $2",
            LoggingChange::Stops => "stopped = $2",
        };
        let mut tx = self.pool.begin().await?;
        let text = format!("UPDATE trails SET {column} WHERE id = $1 AND is_deleted = 0");
        let mut update = sqlx::query(&text).bind(id);
        if logging != LoggingChange::None {
            update = update.bind(self.now_ms());
        }
        if update.execute(&mut *tx).await?.rows_affected() > 0 {
            add_version(&mut tx, id, settings, from_position).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Deletes a trail and its tags. Its versions stay: what they chose may still be on its way.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn delete_trail(
        &self,
        trail: &Trail,
        arn: &str,
        from_position: u64,
    ) -> Result<(), Error> {
        let ended = TrailSettings { is_logging: false, ..trail.settings.clone() };
        let mut tx = self.pool.begin().await?;
        let deleted =
            sqlx::query("UPDATE trails SET is_deleted = 1 WHERE id = $1 AND is_deleted = 0")
                .bind(&trail.id)
                .execute(&mut *tx)
                .await?;
        if deleted.rows_affected() > 0 {
            add_version(&mut tx, &trail.id, &ended, from_position).await?;
            sqlx::query("DELETE FROM tags WHERE resource = $1").bind(arn).execute(&mut *tx).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Every version of a trail, oldest first.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Damaged`].
    pub async fn trail_versions(&self, id: &str) -> Result<Vec<TrailVersion>, Error> {
        let rows = sqlx::query(
            "SELECT version, from_position, settings FROM trail_versions WHERE trail = $1 \
             ORDER BY version",
        )
        .bind(id)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(TrailVersion {
                    trail: id.to_owned(),
                    version: row.try_get::<i64, _>("version")?.cast_unsigned(),
                    from_position: row.try_get::<i64, _>("from_position")?.cast_unsigned(),
                    settings: settings(id, &row.try_get::<String, _>("settings")?)?,
                })
            })
            .collect()
    }
}

/// Trails with their newest version.
const TRAILS: &str = "SELECT id, account, region, name, created, started, stopped, \
    (SELECT settings FROM trail_versions WHERE trail = trails.id ORDER BY version DESC LIMIT 1) \
    AS settings FROM trails";

async fn add_version(
    tx: &mut Transaction<'_, Any>,
    id: &str,
    settings: &TrailSettings,
    from_position: u64,
) -> Result<(), Error> {
    let damaged = || Error::Damaged { what: "settings", of: id.to_owned() };
    let text = serde_json::to_string(settings).map_err(|_| damaged())?;
    sqlx::query(
        "INSERT INTO trail_versions (trail, version, from_position, settings) \
         VALUES ($1, (SELECT COUNT(*) FROM trail_versions WHERE trail = $1), $2, $3)",
    )
    .bind(id)
    .bind(i64::try_from(from_position).map_err(|_| damaged())?)
    .bind(text)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn read(row: &AnyRow) -> Result<Trail, Error> {
    let id: String = row.try_get("id")?;
    let at = |column| -> Result<Option<Timestamp>, Error> {
        row.try_get::<Option<i64>, _>(column)?.map(|it| time(it, &id)).transpose()
    };
    Ok(Trail {
        account: account_id(&row.try_get::<String, _>("account")?)?,
        home_region: row.try_get("region")?,
        name: row.try_get("name")?,
        created: time(row.try_get("created")?, &id)?,
        started: at("started")?,
        stopped: at("stopped")?,
        settings: settings(&id, &row.try_get::<String, _>("settings")?)?,
        id,
    })
}

fn settings(id: &str, text: &str) -> Result<TrailSettings, Error> {
    serde_json::from_str(text).map_err(|_| Error::Damaged { what: "settings", of: id.to_owned() })
}
