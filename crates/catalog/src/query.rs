//! Queries over event data stores: what was asked, and how each goes.
//!
//! Lives here: statements, states, statistics, aliases, and how many may run at once.
//! Lives elsewhere: running them and keeping their rows.
//!
//! Spec: CloudTrail API Reference, "StartQuery", "DescribeQuery" and "ListQueries".

use jiff::Timestamp;
use record::AccountId;
use serde::{Deserialize, Serialize};
use sqlx::{Row as _, any::AnyRow};
use uuid::Uuid;

use crate::{
    Catalog, Error, LakeRefusal,
    account::{account_id, time},
    store::lake_id,
    words::words,
};

/// A query.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Query {
    /// Its id.
    pub id: Uuid,
    /// Who started it.
    pub account: AccountId,
    /// Where.
    pub region: String,
    /// Whose stores it reads.
    pub owner: AccountId,
    /// What runs, every parameter filled in.
    pub statement: String,
    /// The stores that it reads.
    pub stores: Vec<Uuid>,
    /// The alias by which it was started.
    pub alias: Option<String>,
    /// Which refresh of a dashboard started it.
    pub refresh: Option<String>,
    /// The words from which the statement was made.
    pub prompt: Option<String>,
    /// Where the result goes besides: `s3://bucket[/prefix]`.
    pub delivery_uri: Option<String>,
    /// How that goes; `None` when there is nothing to deliver.
    pub delivery_status: Option<DeliveryState>,
    /// Where it stands.
    pub status: QueryStatus,
    /// What it has done.
    pub statistics: QueryStatistics,
    /// Why it failed.
    pub error: Option<String>,
    /// When it was started.
    pub created: Timestamp,
}

words! {
    /// Where a query stands.
    QueryStatus {
        /// Its owner cancelled it.
        Cancelled = "CANCELLED",
        /// It could not be answered.
        Failed = "FAILED",
        /// Its result is there.
        Finished = "FINISHED",
        /// It waits.
        Queued = "QUEUED",
        /// It runs.
        Running = "RUNNING",
        /// It ran longer than an hour; what it had found by then is there.
        TimedOut = "TIMED_OUT",
    }
}

words! {
    /// How the delivery of a result goes.
    DeliveryState {
        /// The bucket refused a file of the result.
        AccessDenied = "ACCESS_DENIED",
        /// The bucket refused the file that signs them.
        AccessDeniedSigningFile = "ACCESS_DENIED_SIGNING_FILE",
        /// The query was cancelled.
        Cancelled = "CANCELLED",
        /// A file could not be written.
        Failed = "FAILED",
        /// The file that signs them could not be written.
        FailedSigningFile = "FAILED_SIGNING_FILE",
        /// It waits for the query, or runs.
        Pending = "PENDING",
        /// The bucket is gone.
        ResourceNotFound = "RESOURCE_NOT_FOUND",
        /// Everything is there.
        Success = "SUCCESS",
        /// It is not known.
        Unknown = "UNKNOWN",
    }
}

/// What a query has done. Serialised, it is what the catalog keeps.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct QueryStatistics {
    /// Events that the conditions chose.
    pub events_matched: u64,
    /// Events that were looked at.
    pub events_scanned: u64,
    /// Bytes that were read for that.
    pub bytes_scanned: u64,
    /// How long it ran.
    pub execution_ms: u64,
    /// Rows of the result.
    pub rows: u64,
}

/// A query that is to be.
#[derive(Clone, Debug)]
pub struct NewQuery {
    /// Its id.
    pub id: Uuid,
    /// Who starts it.
    pub account: AccountId,
    /// Where.
    pub region: String,
    /// Whose stores it reads.
    pub owner: AccountId,
    /// What runs.
    pub statement: String,
    /// The stores that it reads.
    pub stores: Vec<Uuid>,
    /// The alias by which it is started.
    pub alias: Option<String>,
    /// Which refresh of a dashboard starts it: 10 to 20 digits.
    pub refresh: Option<String>,
    /// The words from which the statement was made.
    pub prompt: Option<String>,
    /// Where the result goes besides.
    pub delivery_uri: Option<String>,
}

/// How a query goes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct QueryReport {
    /// Where it stands.
    pub status: QueryStatus,
    /// What it has done, from the beginning.
    pub statistics: QueryStatistics,
    /// Why it failed.
    pub error: Option<String>,
    /// How the delivery of its result goes; `None` leaves that as it is.
    pub delivery_status: Option<DeliveryState>,
}

/// A statement under a name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct QueryAlias {
    /// Unique in its account.
    pub alias: String,
    /// The statement; each `?` of it waits for a parameter.
    pub statement: String,
    /// The words from which it was made.
    pub prompt: Option<String>,
}

/// How many queries of an account may run or wait at once, in a region.
pub const QUERIES_MAX: usize = 10;

const SELECT: &str = "SELECT q.id, q.account, q.region, q.owner, q.statement, q.alias, q.refresh, \
     q.prompt, q.delivery_uri, q.delivery_status, q.status, q.statistics, q.error, q.created, \
     q.stores FROM queries q";

impl Catalog {
    /// Keeps a new query, in the status `QUEUED`.
    ///
    /// # Errors
    /// [`LakeRefusal::QueryLimit`] when [`QUERIES_MAX`] run or wait; [`Error::Damaged`],
    /// [`Error::Database`].
    pub async fn create_query(&self, new: &NewQuery) -> Result<(), Error> {
        let statistics = statistics_text(&QueryStatistics::default(), new.id)?;
        let mut tx = self.pool.begin().await?;
        // One statement counts and inserts, so that of two at once only one takes the last place.
        let done = sqlx::query(
            "INSERT INTO queries (id, account, region, owner, statement, alias, refresh, prompt, \
             delivery_uri, delivery_status, status, statistics, created, stores) \
             SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14 WHERE (\
                 SELECT count(*) FROM queries WHERE account = $2 AND region = $3 \
                 AND status IN ('QUEUED', 'RUNNING')) < $15",
        )
        .bind(new.id.to_string())
        .bind(new.account.as_str())
        .bind(&new.region)
        .bind(new.owner.as_str())
        .bind(&new.statement)
        .bind(&new.alias)
        .bind(&new.refresh)
        .bind(&new.prompt)
        .bind(&new.delivery_uri)
        .bind(new.delivery_uri.is_some().then_some(DeliveryState::Pending.as_str()))
        .bind(QueryStatus::Queued.as_str())
        .bind(statistics)
        .bind(self.now_ms())
        .bind(new.stores.iter().map(Uuid::to_string).collect::<Vec<_>>().join(","))
        .bind(i64::try_from(QUERIES_MAX).unwrap_or(i64::MAX))
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Err(LakeRefusal::QueryLimit { max: QUERIES_MAX }.into());
        }
        for store in &new.stores {
            sqlx::query(
                "INSERT INTO query_stores (query, store) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            )
            .bind(new.id.to_string())
            .bind(store.to_string())
            .execute(&mut *tx)
            .await?;
        }
        Ok(tx.commit().await?)
    }

    /// Keeps how a query goes. Whether it shall go on: not once it was cancelled. A query that has
    /// ended keeps its status; only its delivery may still have news.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Database`].
    pub async fn report_query(&self, id: Uuid, report: &QueryReport) -> Result<bool, Error> {
        let done = sqlx::query(
            "UPDATE queries SET status = $1, statistics = $2, error = $3, \
             delivery_status = coalesce($4, delivery_status) \
             WHERE id = $5 AND (status IN ('QUEUED', 'RUNNING') OR status = $1)",
        )
        .bind(report.status.as_str())
        .bind(statistics_text(&report.statistics, id)?)
        .bind(&report.error)
        .bind(report.delivery_status.map(DeliveryState::as_str))
        .bind(id.to_string())
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Cancels a query that runs or waits.
    ///
    /// # Errors
    /// [`LakeRefusal::QueryEnded`] when it does neither; [`Error::Database`].
    pub async fn cancel_query(&self, id: Uuid) -> Result<(), Error> {
        let done = sqlx::query(
            "UPDATE queries SET status = 'CANCELLED', delivery_status = CASE \
                 WHEN delivery_status IS NULL THEN NULL ELSE 'CANCELLED' END \
             WHERE id = $1 AND status IN ('QUEUED', 'RUNNING')",
        )
        .bind(id.to_string())
        .execute(&self.pool)
        .await?;
        if done.rows_affected() == 1 {
            return Ok(());
        }
        Err(LakeRefusal::QueryEnded(id.to_string()).into())
    }

    /// The query of that id, if there is one.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Database`].
    pub async fn query(&self, id: Uuid) -> Result<Option<Query>, Error> {
        let query = format!("{SELECT} WHERE q.id = $1");
        let row = sqlx::query(&query).bind(id.to_string()).fetch_optional(&self.pool).await?;
        row.as_ref().map(read).transpose()
    }

    /// The newest query that `account` started by an alias in `region`; of that refresh, when one is
    /// given.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Database`].
    pub async fn query_by_alias(
        &self,
        account: AccountId,
        region: &str,
        alias: &str,
        refresh: Option<&str>,
    ) -> Result<Option<Query>, Error> {
        let query = format!(
            "{SELECT} WHERE q.account = $1 AND q.region = $2 AND q.alias = $3 \
             AND (CAST($4 AS TEXT) IS NULL OR q.refresh = $5) ORDER BY q.created DESC, q.id DESC LIMIT 1"
        );
        let row = sqlx::query(&query)
            .bind(account.as_str())
            .bind(region)
            .bind(alias)
            .bind(refresh)
            .bind(refresh)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// The queries over a store that were started in a span of time, both ends included, newest
    /// first.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Database`].
    pub async fn queries_of(
        &self,
        store: Uuid,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Query>, Error> {
        let query = format!(
            "{SELECT} JOIN query_stores s ON s.query = q.id \
             WHERE s.store = $1 AND q.created >= $2 AND q.created <= $3 \
             ORDER BY q.created DESC, q.id DESC"
        );
        let rows = sqlx::query(&query)
            .bind(store.to_string())
            .bind(from.as_millisecond())
            .bind(until.as_millisecond())
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(read).collect()
    }

    /// Says of every query that runs or waits that it failed: after a restart nobody runs it.
    /// How many there were.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn fail_lost_queries(&self, why: &str) -> Result<u64, Error> {
        let done = sqlx::query(
            "UPDATE queries SET status = 'FAILED', error = $1, delivery_status = CASE \
                 WHEN delivery_status IS NULL THEN NULL ELSE 'FAILED' END \
             WHERE status IN ('QUEUED', 'RUNNING')",
        )
        .bind(why)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected())
    }

    /// The queries that were started before a moment and do not run any more.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Database`].
    pub async fn expired_queries(&self, before: Timestamp) -> Result<Vec<Uuid>, Error> {
        let rows = sqlx::query(
            "SELECT id FROM queries WHERE created < $1 AND status NOT IN ('QUEUED', 'RUNNING')",
        )
        .bind(before.as_millisecond())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| id(row.try_get("id")?)).collect()
    }

    /// Forgets a query. Forgetting one that is not there is no error.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn forget_query(&self, id: Uuid) -> Result<(), Error> {
        let mut tx = self.pool.begin().await?;
        for query in
            ["DELETE FROM query_stores WHERE query = $1", "DELETE FROM queries WHERE id = $1"]
        {
            sqlx::query(query).bind(id.to_string()).execute(&mut *tx).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Forgets the statements that were made from words before a moment.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn forget_generated_queries(&self, before: Timestamp) -> Result<(), Error> {
        sqlx::query("DELETE FROM query_aliases WHERE prompt IS NOT NULL AND created < $1")
            .bind(before.as_millisecond())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Keeps a statement under a name, in place of one of that name.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn put_query_alias(
        &self,
        account: AccountId,
        alias: &QueryAlias,
    ) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO query_aliases (account, alias, statement, prompt, created) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account, alias) DO UPDATE SET \
             statement = excluded.statement, prompt = excluded.prompt, created = excluded.created",
        )
        .bind(account.as_str())
        .bind(&alias.alias)
        .bind(&alias.statement)
        .bind(&alias.prompt)
        .bind(self.now_ms())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The statement of that name.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn query_alias(
        &self,
        account: AccountId,
        alias: &str,
    ) -> Result<Option<QueryAlias>, Error> {
        let row = sqlx::query(
            "SELECT alias, statement, prompt FROM query_aliases WHERE account = $1 AND alias = $2",
        )
        .bind(account.as_str())
        .bind(alias)
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(QueryAlias {
            alias: row.try_get("alias")?,
            statement: row.try_get("statement")?,
            prompt: row.try_get("prompt")?,
        }))
    }
}

impl QueryStatus {
    /// Whether it runs or waits.
    #[must_use]
    pub const fn is_running(self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }
}

fn statistics_text(statistics: &QueryStatistics, id: Uuid) -> Result<String, Error> {
    serde_json::to_string(statistics)
        .map_err(|_| Error::Damaged { what: "statistics", of: id.to_string() })
}

fn id(text: &str) -> Result<Uuid, Error> {
    lake_id(text).ok_or_else(|| Error::Damaged { what: "id", of: text.to_owned() })
}

fn read(row: &AnyRow) -> Result<Query, Error> {
    let text: String = row.try_get("id")?;
    let damaged = |what| Error::Damaged { what, of: text.clone() };
    let stores: String = row.try_get("stores")?;
    let delivery: Option<String> = row.try_get("delivery_status")?;
    let delivery =
        delivery.map(|it| DeliveryState::from_word(&it).ok_or_else(|| damaged("delivery status")));
    let statistics: String = row.try_get("statistics")?;
    Ok(Query {
        account: account_id(row.try_get("account")?)?,
        region: row.try_get("region")?,
        owner: account_id(row.try_get("owner")?)?,
        statement: row.try_get("statement")?,
        stores: stores.split(',').filter(|it| !it.is_empty()).map(id).collect::<Result<_, _>>()?,
        alias: row.try_get("alias")?,
        refresh: row.try_get("refresh")?,
        prompt: row.try_get("prompt")?,
        delivery_uri: row.try_get("delivery_uri")?,
        delivery_status: delivery.transpose()?,
        status: QueryStatus::from_word(row.try_get("status")?).ok_or_else(|| damaged("status"))?,
        statistics: serde_json::from_str(&statistics).map_err(|_| damaged("statistics"))?,
        error: row.try_get("error")?,
        created: time(row.try_get("created")?, &text)?,
        id: id(&text)?,
    })
}
