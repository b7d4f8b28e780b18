//! Imports of old log files into event data stores: what was asked for, and how far each has come.
//!
//! Lives here: states, statistics, failures, and that an account has one running at most.
//! Lives elsewhere: reading the files and writing the tables, file by file, each exactly once.
//!
//! Spec: CloudTrail API Reference, "StartImport", "GetImport" and "ListImportFailures".

use jiff::Timestamp;
use record::AccountId;
use serde::{Deserialize, Serialize};
use sqlx::{Any, Row as _, Transaction, any::AnyRow};
use uuid::Uuid;

use crate::{
    Catalog, Error, LakeRefusal, StoreArn,
    account::{account_id, time},
    store::{kept_arn, lake_id},
    words::words,
};

/// An import.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Import {
    /// Its id.
    pub id: Uuid,
    /// Who started it.
    pub account: AccountId,
    /// Where.
    pub region: String,
    /// The store that takes the events.
    pub store: StoreArn,
    /// Where the files lie.
    pub source: ImportSource,
    /// Files of days before this one are left out.
    pub start_event: Option<Timestamp>,
    /// Files of days after this one are left out.
    pub end_event: Option<Timestamp>,
    /// Where it stands.
    pub status: ImportStatus,
    /// What it has done.
    pub statistics: ImportStatistics,
    /// Where to go on, in the words of whoever imports.
    pub place: Option<String>,
    /// When it was started.
    pub created: Timestamp,
    /// When it was last heard of.
    pub updated: Timestamp,
}

/// Where the files of an import lie. Serialised, it is what the catalog keeps.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ImportSource {
    /// `s3://bucket[/prefix]`.
    pub uri: String,
    /// Region of the bucket.
    pub region: String,
    /// ARN of the role that may read it.
    pub role_arn: String,
}

words! {
    /// Where an import stands.
    ImportStatus {
        /// All that was found is there.
        Completed = "COMPLETED",
        /// It has ended, and some files could not be imported.
        Failed = "FAILED",
        /// It runs.
        InProgress = "IN_PROGRESS",
        /// It is about to run.
        Initializing = "INITIALIZING",
        /// Its owner stopped it.
        Stopped = "STOPPED",
    }
}

words! {
    /// Where a file stands that could not be imported.
    FailureStatus {
        /// It could not be imported.
        Failed = "FAILED",
        /// It will be tried again.
        Retry = "RETRY",
        /// It was imported later.
        Succeeded = "SUCCEEDED",
    }
}

/// What an import has done. Serialised, it is what the catalog keeps.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct ImportStatistics {
    /// Prefixes that hold files to import.
    pub prefixes_found: u64,
    /// Prefixes that are done with.
    pub prefixes_completed: u64,
    /// Files that are done with.
    pub files_completed: u64,
    /// Events that were written.
    pub events_completed: u64,
    /// Files that could not be imported.
    pub failed_entries: u64,
}

/// A file that could not be imported.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ImportFailure {
    /// Counts up for each import. Not looked at when it is reported.
    pub sequence: u64,
    /// `s3://bucket/key`; unique in its import.
    pub location: String,
    /// Where it stands.
    pub status: FailureStatus,
    /// A code, such as `AccessDenied`.
    pub error_type: String,
    /// Why, in a sentence.
    pub error_message: String,
    /// When it was last heard of.
    pub updated: Timestamp,
}

/// An import that is to be.
#[derive(Clone, Debug)]
pub struct NewImport {
    /// Its id.
    pub id: Uuid,
    /// Who starts it.
    pub account: AccountId,
    /// Where.
    pub region: String,
    /// The store that takes the events.
    pub store: StoreArn,
    /// Where the files lie.
    pub source: ImportSource,
    /// Files of days before this one are left out.
    pub start_event: Option<Timestamp>,
    /// Files of days after this one are left out.
    pub end_event: Option<Timestamp>,
}

/// How far an import has come since it was last heard of.
#[derive(Clone, Debug)]
pub struct ImportReport {
    /// Where it stands: [`ImportStatus::Stopped`] once it has heeded that, also when it had been
    /// stopped before.
    pub status: ImportStatus,
    /// What it has done, from the beginning.
    pub statistics: ImportStatistics,
    /// Where to go on.
    pub place: Option<String>,
    /// Files of which there is news: each takes the place of an older one of its location.
    pub failures: Vec<ImportFailure>,
}

const SELECT: &str = "SELECT id, account, region, store, source, start_event, end_event, status, \
     statistics, place, created, updated FROM imports";

impl Catalog {
    /// Keeps a new import, in the status `INITIALIZING`.
    ///
    /// # Errors
    /// [`LakeRefusal::ImportOngoing`], [`Error::Damaged`], [`Error::Database`].
    pub async fn create_import(&self, new: &NewImport) -> Result<Import, Error> {
        let source = serde_json::to_string(&new.source)
            .map_err(|_| Error::Damaged { what: "source", of: new.id.to_string() })?;
        let statistics = statistics_text(&ImportStatistics::default(), new.id)?;
        let now = self.now_ms();
        let mut tx = self.pool.begin().await?;
        lock(&mut tx).await?;
        check_idle(&mut tx, new.account).await?;
        sqlx::query(
            "INSERT INTO imports (id, account, region, store, source, start_event, end_event, \
             status, statistics, created, updated) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(new.id.to_string())
        .bind(new.account.as_str())
        .bind(&new.region)
        .bind(new.store.to_string())
        .bind(source)
        .bind(new.start_event.map(Timestamp::as_millisecond))
        .bind(new.end_event.map(Timestamp::as_millisecond))
        .bind(ImportStatus::Initializing.as_str())
        .bind(statistics)
        .bind(now)
        .bind(now)
        .execute(&mut *tx)
        .await?;
        let created = current(&mut tx, new.id).await?;
        tx.commit().await?;
        Ok(created)
    }

    /// Goes on with an import that was stopped or has failed. Its failed files will be tried again.
    ///
    /// # Errors
    /// [`LakeRefusal::ImportUnknown`], [`LakeRefusal::ImportNotResumable`],
    /// [`LakeRefusal::ImportOngoing`]; [`Error::Damaged`], [`Error::Database`].
    pub async fn resume_import(&self, id: Uuid) -> Result<Import, Error> {
        let mut tx = self.pool.begin().await?;
        lock(&mut tx).await?;
        let before = current(&mut tx, id).await?;
        match before.status {
            ImportStatus::Failed | ImportStatus::Stopped => {}
            ImportStatus::InProgress | ImportStatus::Initializing => {
                return Err(LakeRefusal::ImportOngoing(before.account.to_string()).into());
            }
            ImportStatus::Completed => {
                return Err(LakeRefusal::ImportNotResumable(id.to_string()).into());
            }
        }
        check_idle(&mut tx, before.account).await?;
        set_status(&mut tx, id, ImportStatus::Initializing, self.now_ms()).await?;
        sqlx::query("UPDATE import_failures SET status = $1 WHERE import = $2 AND status = $3")
            .bind(FailureStatus::Retry.as_str())
            .bind(id.to_string())
            .bind(FailureStatus::Failed.as_str())
            .execute(&mut *tx)
            .await?;
        let resumed = current(&mut tx, id).await?;
        tx.commit().await?;
        Ok(resumed)
    }

    /// Says that an import shall stop. One that has ended stays as it is.
    ///
    /// # Errors
    /// [`LakeRefusal::ImportUnknown`], [`Error::Damaged`], [`Error::Database`].
    pub async fn stop_import(&self, id: Uuid) -> Result<Import, Error> {
        let mut tx = self.pool.begin().await?;
        lock(&mut tx).await?;
        if current(&mut tx, id).await?.status.is_running() {
            set_status(&mut tx, id, ImportStatus::Stopped, self.now_ms()).await?;
        }
        let stopped = current(&mut tx, id).await?;
        tx.commit().await?;
        Ok(stopped)
    }

    /// Keeps how far an import has come. Whether it shall go on: not once it was stopped or has
    /// ended. What was done until then is kept all the same; the status stays.
    ///
    /// # Errors
    /// [`LakeRefusal::ImportUnknown`], [`Error::Damaged`], [`Error::Database`].
    pub async fn report_import(&self, id: Uuid, report: &ImportReport) -> Result<bool, Error> {
        let now = self.now_ms();
        let mut tx = self.pool.begin().await?;
        lock(&mut tx).await?;
        let before = current(&mut tx, id).await?;
        if before.status.is_running() {
            set_status(&mut tx, id, report.status, now).await?;
        }
        sqlx::query("UPDATE imports SET statistics = $1, place = $2, updated = $3 WHERE id = $4")
            .bind(statistics_text(&report.statistics, id)?)
            .bind(&report.place)
            .bind(now)
            .bind(id.to_string())
            .execute(&mut *tx)
            .await?;
        for failure in &report.failures {
            sqlx::query(
                "INSERT INTO import_failures \
                 (import, sequence, location, status, error_type, error_message, updated) \
                 SELECT $1, coalesce(max(sequence), 0) + 1, $2, $3, $4, $5, $6 \
                 FROM import_failures WHERE import = $1 \
                 ON CONFLICT (import, location) DO UPDATE SET status = excluded.status, \
                     error_type = excluded.error_type, error_message = excluded.error_message, \
                     updated = excluded.updated",
            )
            .bind(id.to_string())
            .bind(&failure.location)
            .bind(failure.status.as_str())
            .bind(&failure.error_type)
            .bind(&failure.error_message)
            .bind(failure.updated.as_millisecond())
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(before.status.is_running() && report.status.is_running())
    }

    /// The import of that id, if there is one.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Database`].
    pub async fn import(&self, id: Uuid) -> Result<Option<Import>, Error> {
        let query = format!("{SELECT} WHERE id = $1");
        let row = sqlx::query(&query).bind(id.to_string()).fetch_optional(&self.pool).await?;
        row.as_ref().map(import).transpose()
    }

    /// The imports of `account` in `region`, newest first.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Database`].
    pub async fn imports(&self, account: AccountId, region: &str) -> Result<Vec<Import>, Error> {
        let query =
            format!("{SELECT} WHERE account = $1 AND region = $2 ORDER BY created DESC, id");
        let rows = sqlx::query(&query).bind(account.as_str()).bind(region).fetch_all(&self.pool);
        rows.await?.iter().map(import).collect()
    }

    /// The imports of every account that run or are about to: to be gone on with after a restart.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Database`].
    pub async fn running_imports(&self) -> Result<Vec<Import>, Error> {
        let query = format!(
            "{SELECT} WHERE status IN ('INITIALIZING', 'IN_PROGRESS') ORDER BY created, id"
        );
        sqlx::query(&query).fetch_all(&self.pool).await?.iter().map(import).collect()
    }

    /// Up to `max` files of an import that could not be imported, in the order in which they were
    /// first reported, from behind `after`.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Database`].
    pub async fn import_failures(
        &self,
        id: Uuid,
        after: u64,
        max: u32,
    ) -> Result<Vec<ImportFailure>, Error> {
        let rows = sqlx::query(
            "SELECT sequence, location, status, error_type, error_message, updated \
             FROM import_failures WHERE import = $1 AND sequence > $2 ORDER BY sequence LIMIT $3",
        )
        .bind(id.to_string())
        .bind(crate::trail::signed(after)?)
        .bind(i64::from(max))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| failure(row, id)).collect()
    }
}

impl ImportStatus {
    /// Whether it runs or is about to.
    #[must_use]
    pub const fn is_running(self) -> bool {
        matches!(self, Self::InProgress | Self::Initializing)
    }
}

/// Takes the write lock, so that what is read next stays true.
async fn lock(tx: &mut Transaction<'_, Any>) -> Result<(), Error> {
    sqlx::query("UPDATE store_changes SET count = count").execute(&mut **tx).await?;
    Ok(())
}

async fn check_idle(tx: &mut Transaction<'_, Any>, account: AccountId) -> Result<(), Error> {
    let running = sqlx::query(
        "SELECT id FROM imports WHERE account = $1 AND status IN ('INITIALIZING', 'IN_PROGRESS')",
    )
    .bind(account.as_str())
    .fetch_optional(&mut **tx)
    .await?;
    match running {
        Some(_) => Err(LakeRefusal::ImportOngoing(account.to_string()).into()),
        None => Ok(()),
    }
}

async fn set_status(
    tx: &mut Transaction<'_, Any>,
    id: Uuid,
    status: ImportStatus,
    now_ms: i64,
) -> Result<(), Error> {
    sqlx::query("UPDATE imports SET status = $1, updated = $2 WHERE id = $3")
        .bind(status.as_str())
        .bind(now_ms)
        .bind(id.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn current(tx: &mut Transaction<'_, Any>, id: Uuid) -> Result<Import, Error> {
    let query = format!("{SELECT} WHERE id = $1");
    let row = sqlx::query(&query).bind(id.to_string()).fetch_optional(&mut **tx).await?;
    import(&row.ok_or_else(|| LakeRefusal::ImportUnknown(id.to_string()))?)
}

fn statistics_text(statistics: &ImportStatistics, id: Uuid) -> Result<String, Error> {
    serde_json::to_string(statistics)
        .map_err(|_| Error::Damaged { what: "statistics", of: id.to_string() })
}

fn import(row: &AnyRow) -> Result<Import, Error> {
    let id: String = row.try_get("id")?;
    let damaged = |what| Error::Damaged { what, of: id.clone() };
    let moment = |ms: Option<i64>| ms.map(|ms| time(ms, &id)).transpose();
    let source: String = row.try_get("source")?;
    let statistics: String = row.try_get("statistics")?;
    Ok(Import {
        account: account_id(row.try_get("account")?)?,
        region: row.try_get("region")?,
        store: kept_arn(row.try_get("store")?)?,
        source: serde_json::from_str(&source).map_err(|_| damaged("source"))?,
        start_event: moment(row.try_get("start_event")?)?,
        end_event: moment(row.try_get("end_event")?)?,
        status: ImportStatus::from_word(row.try_get("status")?).ok_or_else(|| damaged("status"))?,
        statistics: serde_json::from_str(&statistics).map_err(|_| damaged("statistics"))?,
        place: row.try_get("place")?,
        created: time(row.try_get("created")?, &id)?,
        updated: time(row.try_get("updated")?, &id)?,
        id: lake_id(&id).ok_or_else(|| damaged("id"))?,
    })
}

fn failure(row: &AnyRow, id: Uuid) -> Result<ImportFailure, Error> {
    let of = id.to_string();
    Ok(ImportFailure {
        sequence: crate::trail::unsigned(row, "sequence", &of)?,
        location: row.try_get("location")?,
        status: FailureStatus::from_word(row.try_get("status")?)
            .ok_or_else(|| Error::Damaged { what: "status", of: of.clone() })?,
        error_type: row.try_get("error_type")?,
        error_message: row.try_get("error_message")?,
        updated: time(row.try_get("updated")?, &of)?,
    })
}
