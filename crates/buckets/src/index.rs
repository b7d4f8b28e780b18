//! The index: which buckets, objects and uploads there are, in an SQLite file of its own.
//!
//! A change is one transaction, synced before it is answered. There is one writer; readers do not
//! wait for it. Objects are kept with their metadata in one row, so an object is there with all of
//! it or not at all.
//! Lives elsewhere: the bytes (`disk`), S3's words (`service`).

mod buckets;
mod objects;
mod uploads;

use std::{collections::HashSet, path::Path};

use futures::{FutureExt as _, future::BoxFuture};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{
    Connection as _, Row as _, Sqlite, SqliteConnection, SqlitePool, Transaction,
    TransactionManager as _,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

pub(crate) use self::{
    buckets::{Bucket, Create, Remove},
    objects::{Delete, Listed, Meta, Object, PartMeta, Properties, Put, Relock, WhenEtag},
    uploads::{Complete, Part, PartFile, Upload, UploadMeta},
};
use crate::Error;

/// The statements that bring an index from version `n` to `n + 1`, by `n`. Append only.
const MIGRATIONS: &[&str] =
    &[include_str!("../migrations/1_buckets.sql"), include_str!("../migrations/2_guards.sql")];

/// How many reads run at once.
const READERS: u32 = 4;

/// The index.
#[derive(Debug)]
pub(crate) struct Index {
    readers: SqlitePool,
    /// One connection: whoever has it is the writer.
    writer: SqlitePool,
}

impl Index {
    /// Opens the index, and creates it when it is not there.
    pub(crate) async fn open(file: &Path) -> Result<Self, Error> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .statement_cache_capacity(64);
        // With a limit of time, a task looks after idle connections, which in sqlx 0.8 can come to spin
        // for ever: <https://github.com/launchbadge/sqlx/issues/3645>.
        let pool = || SqlitePoolOptions::new().idle_timeout(None).max_lifetime(None);
        let writer = pool()
            .max_connections(1)
            .after_release(|connection, _| leave_transaction(connection))
            .connect_with(options.clone())
            .await?;
        let readers = pool().max_connections(READERS).connect_lazy_with(options);
        let index = Self { readers, writer };
        index.migrate().await?;
        Ok(index)
    }

    async fn migrate(&self) -> Result<(), Error> {
        let version: i64 =
            sqlx::query_scalar("PRAGMA user_version").fetch_one(&self.writer).await?;
        let done = usize::try_from(version).unwrap_or(usize::MAX);
        if done > MIGRATIONS.len() {
            return Err(Error::Newer(version));
        }
        for (n, step) in MIGRATIONS.iter().enumerate().skip(done) {
            let mut tx = self.write().await?;
            sqlx::raw_sql(step).execute(&mut *tx).await?;
            sqlx::raw_sql(&format!("PRAGMA user_version = {}", n + 1)).execute(&mut *tx).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// The names of all files that are needed.
    pub(crate) async fn blobs(&self) -> Result<HashSet<String>, Error> {
        Ok(sqlx::query_scalar("SELECT id FROM blobs")
            .fetch_all(&self.readers)
            .await?
            .into_iter()
            .collect())
    }

    async fn write(&self) -> Result<Transaction<'static, Sqlite>, Error> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }
}

/// Makes the writer fit for its next transaction.
///
/// On a full disk SQLite rolls back by itself, and what `sqlx` counts as open stays so for good:
/// its own ROLLBACK finds nothing to roll back. A new connection would need room to be opened.
fn leave_transaction(writer: &mut SqliteConnection) -> BoxFuture<'_, Result<bool, sqlx::Error>> {
    async move {
        // Waits for the rollback of a transaction that was dropped.
        writer.ping().await?;
        if writer.is_in_transaction() {
            sqlx::query("BEGIN").execute(&mut *writer).await?;
            <Sqlite as sqlx::Database>::TransactionManager::rollback(writer).await?;
        }
        Ok(true)
    }
    .boxed()
}

/// Notes that files are needed from now on.
async fn keep_blobs(
    tx: &mut Transaction<'_, Sqlite>,
    ids: impl IntoIterator<Item = &str> + Send,
) -> Result<(), Error> {
    let ids: Vec<&str> = ids.into_iter().collect();
    for id in ids {
        sqlx::query("INSERT INTO blobs (id) VALUES ($1)").bind(id).execute(&mut **tx).await?;
    }
    Ok(())
}

/// Notes that files are not needed any more.
async fn drop_blobs(tx: &mut Transaction<'_, Sqlite>, ids: &[String]) -> Result<(), Error> {
    for id in ids {
        sqlx::query("DELETE FROM blobs WHERE id = $1").bind(id).execute(&mut **tx).await?;
    }
    Ok(())
}

fn to_json(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|_| Error::Damaged("a value cannot be written"))
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|_| Error::Damaged("a value cannot be read"))
}

/// A key or a bound of keys, as the index keeps it.
fn key_of(row: &sqlx::sqlite::SqliteRow) -> Result<String, Error> {
    String::from_utf8(row.try_get("key")?).map_err(|_| Error::Damaged("a key is not UTF-8"))
}

/// A number that is never negative.
fn unsigned(number: i64) -> Result<u64, Error> {
    u64::try_from(number).map_err(|_| Error::Damaged("a number is negative"))
}

/// The first bytes that sort behind everything that begins with `prefix`; `None` when nothing does.
pub(crate) fn behind(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut bound = prefix.to_vec();
    while let Some(last) = bound.pop() {
        if last < u8::MAX {
            bound.push(last + 1);
            return Some(bound);
        }
    }
    None
}
