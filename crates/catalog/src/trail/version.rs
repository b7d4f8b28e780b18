//! What a trail was at each position of the log.

use jiff::Timestamp;
use sqlx::{Any, Row as _, Transaction, any::AnyRow};
use tokio::sync::watch;

use super::{TrailArn, TrailSettings, kept_arn, settings};
use crate::{Catalog, Error, account::time};

/// What a trail is from a position of the log on, until its next version begins.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TrailVersion {
    /// Unique over all trails and for ever; later is greater.
    pub number: u64,
    /// Which trail. One that was deleted and made anew has the same ARN; its versions go on.
    pub arn: TrailArn,
    /// The first position of the log that it judges. Two versions may begin at the same one: the
    /// greater number judges.
    pub from: u64,
    /// Whether it delivers.
    pub stage: Stage,
    /// What its owner chose.
    pub settings: TrailSettings,
    /// Event selectors as JSON of the API, one member `EventSelectors` or `AdvancedEventSelectors`;
    /// `None` for those that a trail has by default.
    pub event_selectors: Option<String>,
    /// When it was made.
    pub made: Timestamp,
    /// Since when the trail has been logging and validating without a break, up to this version; none
    /// when this one does not.
    pub validated_since: Option<Timestamp>,
}

/// Whether a version of a trail delivers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stage {
    /// There is no trail any more.
    Deleted,
    /// It delivers.
    Logging,
    /// It waits for `StartLogging`.
    Stopped,
}

/// Every version of trails that may judge records from a position on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TrailHistory {
    /// How many changes of trails there had been: compare by [`Catalog::trail_changes`].
    pub changes: u64,
    /// By ARN, then in the order in which they begin.
    pub versions: Vec<TrailVersion>,
}

/// The name under which `delivery` keeps how far it has judged the log.
pub const DELIVERY_CURSOR: &str = "delivery";

impl Stage {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Logging => "logging",
            Self::Stopped => "stopped",
        }
    }

    pub(crate) fn read(row: &AnyRow, arn: &str) -> Result<Self, Error> {
        let word: String = row.try_get("stage")?;
        [Self::Deleted, Self::Logging, Self::Stopped]
            .into_iter()
            .find(|it| it.as_str() == word)
            .ok_or_else(|| Error::Damaged { what: "stage", of: arn.to_owned() })
    }
}

const SELECT: &str = "SELECT t.arn, v.number, v.from_position, v.stage, v.settings, \
     v.event_selectors, v.made, v.validated_since FROM trail_versions v JOIN trails t ON t.id = v.trail";

impl Catalog {
    /// The version of a trail that judges the record at `position`; `None` before its first.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Database`].
    pub async fn trail_version_at(
        &self,
        arn: &TrailArn,
        position: u64,
    ) -> Result<Option<TrailVersion>, Error> {
        let query = format!(
            "{SELECT} WHERE t.arn = $1 AND v.from_position <= $2 \
             ORDER BY v.from_position DESC, v.number DESC LIMIT 1"
        );
        let row = sqlx::query(&query)
            .bind(arn.to_string())
            .bind(signed(position)?)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(version).transpose()
    }

    /// The version of that number, for a file that was planned under it.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Database`].
    pub async fn trail_version(&self, number: u64) -> Result<Option<TrailVersion>, Error> {
        let query = format!("{SELECT} WHERE v.number = $1");
        let row = sqlx::query(&query).bind(signed(number)?).fetch_optional(&self.pool).await?;
        row.as_ref().map(version).transpose()
    }

    /// Every version of every trail that judges a record at or behind `position`.
    ///
    /// For each ARN that is the last version which begins at or before `position`, also of a trail
    /// that is deleted, and all that begin behind it.
    ///
    /// INVARIANT: a change never begins before [`DELIVERY_CURSOR`], nor before an earlier change. It may
    /// begin before records that were read already and are not decided on: judge those anew.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Database`].
    pub async fn trail_history(&self, position: u64) -> Result<TrailHistory, Error> {
        let mut tx = self.pool.begin().await?;
        let changes = changes(&mut tx).await?;
        let query = format!(
            "{SELECT} WHERE v.from_position > $1 \
             OR v.number = (\
                 SELECT w.number FROM trail_versions w JOIN trails u ON u.id = w.trail \
                 WHERE u.arn = t.arn AND w.from_position <= $1 \
                 ORDER BY w.from_position DESC, w.number DESC LIMIT 1) \
             ORDER BY t.arn, v.from_position, v.number"
        );
        let rows = sqlx::query(&query).bind(signed(position)?).fetch_all(&mut *tx).await?;
        tx.commit().await?;
        let versions = rows.iter().map(version).collect::<Result<_, _>>()?;
        Ok(TrailHistory { changes, versions })
    }

    /// Wakes up after every change of a trail by this process, before the change is answered. The
    /// value says nothing else.
    #[must_use]
    pub fn watch_trails(&self) -> watch::Receiver<u64> {
        self.trail_changes.subscribe()
    }

    /// How many changes of trails there have been, also by other processes. Cheap to ask.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn trail_changes(&self) -> Result<u64, Error> {
        let row = sqlx::query("SELECT count FROM trail_changes").fetch_one(&self.pool).await?;
        unsigned(&row, "count", "trail_changes")
    }
}

async fn changes(tx: &mut Transaction<'_, Any>) -> Result<u64, Error> {
    let row = sqlx::query("SELECT count FROM trail_changes").fetch_one(&mut **tx).await?;
    unsigned(&row, "count", "trail_changes")
}

fn version(row: &AnyRow) -> Result<TrailVersion, Error> {
    let arn: String = row.try_get("arn")?;
    Ok(TrailVersion {
        number: unsigned(row, "number", &arn)?,
        from: unsigned(row, "from_position", &arn)?,
        stage: Stage::read(row, &arn)?,
        settings: settings(row, &arn)?,
        event_selectors: row.try_get("event_selectors")?,
        made: time(row.try_get("made")?, &arn)?,
        validated_since: row
            .try_get::<Option<i64>, _>("validated_since")?
            .map(|ms| time(ms, &arn))
            .transpose()?,
        arn: kept_arn(&arn)?,
    })
}

pub(crate) fn unsigned(row: &AnyRow, what: &'static str, of: &str) -> Result<u64, Error> {
    let value: i64 = row.try_get(what)?;
    u64::try_from(value).map_err(|_| Error::Damaged { what, of: of.to_owned() })
}

pub(crate) fn signed(value: u64) -> Result<i64, Error> {
    i64::try_from(value).map_err(|_| Error::Damaged { what: "number", of: value.to_string() })
}
