//! Changing trails. Each change is one transaction that makes one version.

use sqlx::{Any, Transaction};

use super::{
    SELECT, Stage, Tag, Trail, TrailArn, TrailSettings, tag, trail,
    version::{DELIVERY_CURSOR, signed, unsigned},
};
use crate::{Catalog, Error};

/// A trail that is to be.
#[derive(Clone, Debug)]
pub struct NewTrail {
    /// Home region, owner and name.
    pub arn: TrailArn,
    /// What its owner chooses.
    pub settings: TrailSettings,
    /// At most [`super::TAGS_MAX`].
    pub tags: Vec<Tag>,
}

/// How many trails an account may have in a region. A multi-region trail counts in every one.
pub const TRAILS_MAX: usize = 5;

/// What is different in the next version.
enum Change<'a> {
    Deleted,
    EventSelectors(Option<&'a str>),
    Logging(bool),
    Settings(&'a TrailSettings),
}

impl Catalog {
    /// Whether [`Catalog::create_trail`] would find room, as things are now. Keeps nothing.
    ///
    /// # Errors
    /// Those of [`Catalog::create_trail`].
    pub async fn check_new_trail(&self, new: &NewTrail) -> Result<(), Error> {
        check_room(new, &self.trails(new.arn.account).await?)
    }

    /// Creates a trail that does not log yet. `position` is the end of the log.
    ///
    /// # Errors
    /// [`Error::TrailExists`] when the account has one of that name there, or a multi-region one
    /// anywhere; [`Error::TrailLimit`], [`Error::TagLimit`], [`Error::Damaged`], [`Error::Database`].
    pub async fn create_trail(&self, new: &NewTrail, position: u64) -> Result<Trail, Error> {
        let mut tx = self.pool.begin().await?;
        let (number, from) = next(&mut tx, position).await?;
        let others = format!("{SELECT} WHERE t.account = $1 AND t.deleted IS NULL");
        let rows = sqlx::query(&others).bind(new.arn.account.as_str()).fetch_all(&mut *tx).await?;
        let others = rows.iter().map(trail).collect::<Result<Vec<_>, _>>()?;
        check_room(new, &others)?;
        let arn = new.arn.to_string();
        sqlx::query(
            "INSERT INTO trails (id, arn, account, name, home_region, created) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(signed(number)?)
        .bind(&arn)
        .bind(new.arn.account.as_str())
        .bind(new.arn.name.as_str())
        .bind(&new.arn.home_region)
        .bind(self.now_ms())
        .execute(&mut *tx)
        .await?;
        let version = Version {
            number,
            from,
            stage: Stage::Stopped,
            settings: new.settings.clone(),
            event_selectors: None,
        };
        version.insert(&mut tx, &arn, self.now_ms()).await?;
        tag::add(&mut tx, &arn, &new.tags).await?;
        let created = current(&mut tx, &arn).await?;
        tx.commit().await?;
        self.trail_changes.send_replace(number);
        Ok(created)
    }

    /// Gives a trail other settings. `seen` is the version on which they are founded.
    ///
    /// # Errors
    /// [`Error::TrailChanged`] when another has changed the trail since `seen`;
    /// [`Error::TrailUnknown`], [`Error::Damaged`], [`Error::Database`].
    pub async fn update_trail(
        &self,
        arn: &TrailArn,
        seen: u64,
        settings: &TrailSettings,
        position: u64,
    ) -> Result<Trail, Error> {
        self.change_trail(arn, Some(seen), &Change::Settings(settings), position).await
    }

    /// Starts or stops logging. When it is so already, nothing changes.
    ///
    /// # Errors
    /// [`Error::TrailUnknown`], [`Error::Damaged`], [`Error::Database`].
    pub async fn set_logging(
        &self,
        arn: &TrailArn,
        is_logging: bool,
        position: u64,
    ) -> Result<Trail, Error> {
        self.change_trail(arn, None, &Change::Logging(is_logging), position).await
    }

    /// Gives a trail other event selectors: JSON of the API, or `None` for the default ones.
    ///
    /// # Errors
    /// [`Error::TrailUnknown`], [`Error::Damaged`], [`Error::Database`].
    pub async fn set_event_selectors(
        &self,
        arn: &TrailArn,
        selectors: Option<&str>,
        position: u64,
    ) -> Result<Trail, Error> {
        self.change_trail(arn, None, &Change::EventSelectors(selectors), position).await
    }

    /// Gives a trail other insight selectors: a JSON list of the API, or `None` for none.
    ///
    /// # Errors
    /// [`Error::TrailUnknown`], [`Error::Database`].
    pub async fn set_insight_selectors(
        &self,
        arn: &TrailArn,
        selectors: Option<&str>,
    ) -> Result<(), Error> {
        let arn = arn.to_string();
        let done = sqlx::query(
            "UPDATE trails SET insight_selectors = $1 WHERE arn = $2 AND deleted IS NULL",
        )
        .bind(selectors)
        .bind(&arn)
        .execute(&self.pool)
        .await?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(Error::TrailUnknown(arn)) }
    }

    /// Deletes a trail, its tags and its status. Its versions stay; the last says so.
    ///
    /// # Errors
    /// [`Error::TrailUnknown`], [`Error::Damaged`], [`Error::Database`].
    pub async fn delete_trail(&self, arn: &TrailArn, position: u64) -> Result<(), Error> {
        self.change_trail(arn, None, &Change::Deleted, position).await.map(drop)
    }

    async fn change_trail(
        &self,
        arn: &TrailArn,
        seen: Option<u64>,
        change: &Change<'_>,
        position: u64,
    ) -> Result<Trail, Error> {
        let arn = arn.to_string();
        let mut tx = self.pool.begin().await?;
        let (number, from) = next(&mut tx, position).await?;
        let before = current(&mut tx, &arn).await?;
        if seen.is_some_and(|seen| seen != before.version) {
            return Err(Error::TrailChanged(arn));
        }
        if matches!(change, Change::Logging(wanted) if *wanted == before.is_logging) {
            // Dropping the transaction takes the count back.
            return Ok(before);
        }
        let mut version = Version {
            number,
            from,
            stage: if before.is_logging { Stage::Logging } else { Stage::Stopped },
            settings: before.settings,
            event_selectors: before.event_selectors,
        };
        let now = self.now_ms();
        match change {
            Change::Deleted => version.stage = Stage::Deleted,
            Change::EventSelectors(selectors) => {
                version.event_selectors = selectors.map(str::to_owned);
            }
            Change::Logging(true) => {
                version.stage = Stage::Logging;
                mark(&mut tx, "started", &arn, now).await?;
            }
            Change::Logging(false) => {
                version.stage = Stage::Stopped;
                mark(&mut tx, "stopped", &arn, now).await?;
            }
            Change::Settings(wanted) => version.settings = (*wanted).clone(),
        }
        version.insert(&mut tx, &arn, now).await?;
        let after = current(&mut tx, &arn).await?;
        if version.stage == Stage::Deleted {
            forget(&mut tx, &arn, now).await?;
        }
        tx.commit().await?;
        self.trail_changes.send_replace(number);
        Ok(after)
    }
}

/// Whether there is room for a trail beside the `others` of its account.
fn check_room(new: &NewTrail, others: &[Trail]) -> Result<(), Error> {
    let NewTrail { arn, settings, .. } = new;
    let everywhere = settings.is_multi_region_trail;
    let shares_a_region = |it: &&Trail| everywhere || it.is_in(&arn.home_region);
    if others.iter().filter(shares_a_region).any(|it| it.arn.name == arn.name) {
        return Err(Error::TrailExists(arn.to_string()));
    }
    let mut regions = vec![arn.home_region.as_str()];
    if everywhere {
        regions.extend(others.iter().map(|it| it.arn.home_region.as_str()));
    }
    let is_full = |region: &&str| others.iter().filter(|it| it.is_in(region)).count() >= TRAILS_MAX;
    match regions.into_iter().find(is_full) {
        Some(region) => Err(Error::TrailLimit { region: region.to_owned(), max: TRAILS_MAX }),
        None => Ok(()),
    }
}

/// Counts a change, which takes the write lock, and says from where on it holds.
///
/// Not before what `delivery` has decided on already, and not before an earlier change: the position that
/// the caller read may have been overtaken by both.
pub(crate) async fn next(
    tx: &mut Transaction<'_, Any>,
    position: u64,
) -> Result<(u64, u64), Error> {
    let row = sqlx::query("UPDATE trail_changes SET count = count + 1 RETURNING count")
        .fetch_one(&mut **tx)
        .await?;
    let number = unsigned(&row, "count", "trail_changes")?;
    let row = sqlx::query(
        "SELECT max(position) AS position FROM (\
             SELECT $1 AS position \
             UNION ALL SELECT position FROM cursors WHERE name = $2 \
             UNION ALL SELECT max(until) FROM delivery_streams \
             UNION ALL SELECT max(from_position) FROM trail_versions) AS positions",
    )
    .bind(signed(position)?)
    .bind(DELIVERY_CURSOR)
    .fetch_one(&mut **tx)
    .await?;
    Ok((number, unsigned(&row, "position", "trail_changes")?))
}

/// Gives each trail of the organization a new version that is as the one before: what it is of has
/// changed. The number of the last, if there is any.
pub(crate) async fn renew(
    tx: &mut Transaction<'_, Any>,
    organization: &str,
    position: u64,
    now_ms: i64,
) -> Result<Option<u64>, Error> {
    let all = format!("{SELECT} WHERE t.deleted IS NULL ORDER BY t.arn");
    let rows = sqlx::query(&all).fetch_all(&mut **tx).await?;
    let mut last = None;
    for row in &rows {
        let trail = trail(row)?;
        if trail.settings.organization.as_deref() != Some(organization) {
            continue;
        }
        let (number, from) = next(tx, position).await?;
        let version = Version {
            number,
            from,
            stage: if trail.is_logging { Stage::Logging } else { Stage::Stopped },
            settings: trail.settings,
            event_selectors: trail.event_selectors,
        };
        version.insert(tx, &trail.arn.to_string(), now_ms).await?;
        last = Some(number);
    }
    Ok(last)
}

async fn current(tx: &mut Transaction<'_, Any>, arn: &str) -> Result<Trail, Error> {
    let query = format!("{SELECT} WHERE t.arn = $1 AND t.deleted IS NULL");
    let row = sqlx::query(&query).bind(arn).fetch_optional(&mut **tx).await?;
    trail(&row.ok_or_else(|| Error::TrailUnknown(arn.to_owned()))?)
}

/// A row of `trail_versions`.
struct Version {
    number: u64,
    from: u64,
    stage: Stage,
    settings: TrailSettings,
    event_selectors: Option<String>,
}

impl Version {
    async fn insert(
        &self,
        tx: &mut Transaction<'_, Any>,
        arn: &str,
        now_ms: i64,
    ) -> Result<(), Error> {
        let settings = serde_json::to_string(&self.settings)
            .map_err(|_| Error::Damaged { what: "settings", of: arn.to_owned() })?;
        let is_validated =
            self.stage == Stage::Logging && self.settings.log_file_validation_enabled;
        sqlx::query(
            "INSERT INTO trail_versions \
             (number, trail, from_position, stage, settings, event_selectors, made, validated_since) \
             SELECT $1, t.id, $2, $3, $4, $5, $6, CASE WHEN $8 = 1 THEN coalesce((\
                 SELECT v.validated_since FROM trail_versions v WHERE v.trail = t.id \
                 ORDER BY v.number DESC LIMIT 1), $6) END \
             FROM trails t WHERE t.arn = $7 AND t.deleted IS NULL",
        )
        .bind(signed(self.number)?)
        .bind(signed(self.from)?)
        .bind(self.stage.as_str())
        .bind(settings)
        .bind(&self.event_selectors)
        .bind(now_ms)
        .bind(arn)
        .bind(i64::from(is_validated))
        .execute(&mut **tx)
        .await?;
        Ok(())
    }
}

/// Notes when a trail was started or stopped.
async fn mark(
    tx: &mut Transaction<'_, Any>,
    column: &'static str,
    arn: &str,
    now_ms: i64,
) -> Result<(), Error> {
    let query = format!("UPDATE trails SET {column} = $1 WHERE arn = $2 AND deleted IS NULL");
    sqlx::query(&query).bind(now_ms).bind(arn).execute(&mut **tx).await?;
    Ok(())
}

/// Ends a trail. What is named after it goes; its versions stay.
async fn forget(tx: &mut Transaction<'_, Any>, arn: &str, now_ms: i64) -> Result<(), Error> {
    mark(tx, "deleted", arn, now_ms).await?;
    for query in [
        "DELETE FROM tags WHERE resource = $1",
        "DELETE FROM delivery_status WHERE trail = $1",
        "DELETE FROM delivery_region_status WHERE trail = $1",
    ] {
        sqlx::query(query).bind(arn).execute(&mut **tx).await?;
    }
    Ok(())
}
