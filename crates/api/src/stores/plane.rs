//! What event data stores need of the data plane: tables, queries, imports.
//!
//! Each trait is implemented where the tables are; here they are only called.

use std::fmt::Debug;

use catalog::{EventDataStore, Import, ImportSource, Query, StoreArn};
use futures::future::BoxFuture;
use record::AccountId;
use uuid::Uuid;
use wire::answer::BoxError;

use crate::trails::DestinationProblem;

/// Keeps the tables of event data stores.
pub trait EventStores: Debug + Send + Sync {
    /// Makes the table of a store. Making one that is there is no error. A table whose store is not
    /// in the catalog is of a creation that was cut off, and may be removed.
    fn create<'a>(&'a self, store: &'a StoreArn) -> BoxFuture<'a, Result<(), BoxError>>;

    /// Removes the table of a store with all that it holds. Removing one that is not there is no error.
    fn remove<'a>(&'a self, store: &'a StoreArn) -> BoxFuture<'a, Result<(), BoxError>>;

    /// What the table of a store holds.
    fn describe<'a>(
        &'a self,
        store: &'a EventDataStore,
    ) -> BoxFuture<'a, Result<StoreTable, BoxError>>;

    /// Finds the ARN of the key that shall encrypt a store: `key` is an id, an alias as `alias/…`, or
    /// the ARN of either. Where tables cannot be encrypted by keys this refuses every key.
    fn key_arn<'a>(
        &'a self,
        key: &'a str,
        store: &'a StoreArn,
    ) -> BoxFuture<'a, Result<String, DestinationProblem>>;
}

/// What the table of a store holds.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StoreTable {
    /// Bytes in the object store.
    pub bytes: u64,
    /// Events, those that only the hot tail has included.
    pub events: u64,
    /// Name and type of each column that the table is partitioned by; AWS shows up to two.
    pub partition_keys: Vec<(String, String)>,
}

/// Runs queries over event data stores, in the background.
///
/// It tells how a query goes by [`catalog::Catalog::report_query`], and stops when that answers
/// `false`. The rows of a query are there before it is reported as `FINISHED` or `TIMED_OUT`, and
/// [`catalog::QueryStatistics::rows`] says how many. After a restart nobody runs the queries of
/// before, which is said by [`catalog::Catalog::fail_lost_queries`].
pub trait QueryRunner: Debug + Send + Sync {
    /// The ids of the stores that a statement reads, each once. At least one, for a statement that is
    /// good.
    ///
    /// # Errors
    /// When the statement is not one that can run, or that cannot be found out.
    fn stores_named<'a>(
        &'a self,
        statement: &'a str,
    ) -> BoxFuture<'a, Result<Vec<Uuid>, StatementProblem>>;

    /// Tries whether a result can be written to `prefix` of `bucket` for an account.
    fn check_delivery<'a>(
        &'a self,
        account: AccountId,
        region: &'a str,
        bucket: &'a str,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<(), DestinationProblem>>;

    /// Takes a query that is kept in the catalog as `QUEUED`; runs it after this has returned. When
    /// this fails the query is kept as `FAILED`.
    fn start(&self, query: Query) -> BoxFuture<'_, Result<(), BoxError>>;

    /// Up to `max` rows of a result, from row `from` on. Fewer only at the end of what is there.
    fn rows(
        &self,
        query: Uuid,
        from: u64,
        max: usize,
    ) -> BoxFuture<'_, Result<Vec<ResultRow>, BoxError>>;

    /// Says that a query was cancelled, so that it stops soon. The catalog knows it already.
    fn cancel(&self, query: Uuid) -> BoxFuture<'_, Result<(), BoxError>>;

    /// Forgets the rows of a result, seven days after the query was started.
    fn forget(&self, query: Uuid) -> BoxFuture<'_, Result<(), BoxError>>;
}

/// A row of a result: label and text of each column, in the order of the statement. Labels may occur
/// twice; a column without a value has none here.
pub type ResultRow = Vec<(String, Option<String>)>;

/// Why it is not known which stores a statement reads.
#[derive(Debug, thiserror::Error)]
pub enum StatementProblem {
    /// It could not be found out.
    #[error("the statement could not be read")]
    Failed(#[source] BoxError),
    /// It cannot run. The message is for who sent it, a sentence.
    #[error("{0}")]
    Refused(String),
}

/// Imports old log files into the tables of event data stores, in the background.
///
/// It tells how an import goes by [`catalog::Catalog::report_import`], and stops when that answers
/// `false`. After a restart it goes on with [`catalog::Catalog::running_imports`] by itself.
pub trait Importer: Debug + Send + Sync {
    /// Tries whether the files of an account can be read.
    fn check<'a>(
        &'a self,
        account: AccountId,
        source: &'a ImportSource,
    ) -> BoxFuture<'a, Result<(), DestinationProblem>>;

    /// Takes an import that is kept in the catalog as `INITIALIZING`, from its `place` on; runs it
    /// after this has returned. One that was stopped a moment ago may not have ended yet: then this
    /// goes on once it has, from the place that the catalog knows by then. When this fails the import
    /// is kept as `FAILED`.
    fn start(&self, import: Import) -> BoxFuture<'_, Result<(), BoxError>>;

    /// Says that an import was stopped, so that it stops soon. The catalog knows it already.
    fn stop(&self, import: Uuid) -> BoxFuture<'_, Result<(), BoxError>>;
}
