//! A data plane in memory: tables that are only there or not, queries that answer what a test has put
//! in, imports that a test drives.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use catalog::{
    Catalog, EventDataStore, Import, ImportSource, Query, QueryReport, QueryStatistics,
    QueryStatus, StoreArn, lake_id, partition,
};
use futures::{FutureExt as _, future::BoxFuture};
use record::AccountId;
use trailmark_api::{
    stores::{EventStores, Importer, QueryRunner, ResultRow, StatementProblem, StoreTable},
    trails::DestinationProblem,
};
use uuid::Uuid;
use wire::answer::BoxError;

#[derive(Debug)]
pub(crate) struct Plane {
    catalog: Catalog,
    /// The tables that are there.
    pub(crate) tables: Mutex<BTreeSet<StoreArn>>,
    /// What is wrong with the next key, bucket or import source.
    pub(crate) problem: Mutex<Option<DestinationProblem>>,
    /// What every query answers.
    pub(crate) rows: Mutex<Vec<ResultRow>>,
    /// Whether queries stay running until the test says what becomes of them.
    pub(crate) holds: AtomicBool,
    /// Whether nothing can be started, removed or forgotten.
    pub(crate) fails: AtomicBool,
    /// Results, by query.
    results: Mutex<BTreeMap<Uuid, Vec<ResultRow>>>,
    /// What was asked of the plane, most recent last.
    pub(crate) heard: Mutex<Vec<String>>,
}

impl Plane {
    pub(crate) fn new(catalog: Catalog) -> Self {
        Self {
            catalog,
            tables: Mutex::default(),
            problem: Mutex::default(),
            rows: Mutex::default(),
            holds: AtomicBool::default(),
            fails: AtomicBool::default(),
            results: Mutex::default(),
            heard: Mutex::default(),
        }
    }

    fn hear(&self, what: String) {
        self.heard.lock().unwrap().push(what);
    }

    fn works(&self) -> Result<(), BoxError> {
        if self.fails.load(Ordering::SeqCst) { Err("out of order".into()) } else { Ok(()) }
    }

    fn tried(&self) -> Result<(), DestinationProblem> {
        self.problem.lock().unwrap().take().map_or(Ok(()), Err)
    }
}

impl EventStores for Plane {
    fn create<'a>(&'a self, store: &'a StoreArn) -> BoxFuture<'a, Result<(), BoxError>> {
        self.tables.lock().unwrap().insert(store.clone());
        async { Ok(()) }.boxed()
    }

    fn remove<'a>(&'a self, store: &'a StoreArn) -> BoxFuture<'a, Result<(), BoxError>> {
        async move {
            self.works()?;
            self.tables.lock().unwrap().remove(store);
            Ok(())
        }
        .boxed()
    }

    fn describe<'a>(
        &'a self,
        store: &'a EventDataStore,
    ) -> BoxFuture<'a, Result<StoreTable, BoxError>> {
        assert!(self.tables.lock().unwrap().contains(&store.arn), "{}", store.arn);
        let keys = ["calendarday", "eventname", "a third"].map(|it| (it.into(), "string".into()));
        let table = StoreTable { bytes: 7, events: 1, partition_keys: keys.to_vec() };
        async { Ok(table) }.boxed()
    }

    /// An alias leads to the key of that name.
    fn key_arn<'a>(
        &'a self,
        key: &'a str,
        store: &'a StoreArn,
    ) -> BoxFuture<'a, Result<String, DestinationProblem>> {
        async move {
            self.tried()?;
            let StoreArn { region, account, .. } = store;
            let id = key.trim_start_matches("alias/");
            Ok(format!("arn:{}:kms:{region}:{account}:key/{id}", partition(region)))
        }
        .boxed()
    }
}

impl QueryRunner for Plane {
    fn stores_named<'a>(
        &'a self,
        statement: &'a str,
    ) -> BoxFuture<'a, Result<Vec<Uuid>, StatementProblem>> {
        async move {
            if !statement.starts_with("SELECT ") {
                let message = "Only SELECT statements can run.".to_owned();
                return Err(StatementProblem::Refused(message));
            }
            let words = statement.split_whitespace();
            let named: BTreeSet<_> = words.filter_map(|it| lake_id(it.trim_matches('"'))).collect();
            Ok(named.into_iter().collect())
        }
        .boxed()
    }

    fn check_delivery<'a>(
        &'a self,
        account: AccountId,
        region: &'a str,
        bucket: &'a str,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<(), DestinationProblem>> {
        self.hear(format!("deliver {account} {region} {bucket} {prefix}"));
        async { self.tried() }.boxed()
    }

    fn start(&self, query: Query) -> BoxFuture<'_, Result<(), BoxError>> {
        async move {
            self.works()?;
            self.hear(format!("run {}", query.statement));
            if self.holds.load(Ordering::SeqCst) {
                return Ok(());
            }
            let rows = self.rows.lock().unwrap().clone();
            let statistics = QueryStatistics {
                events_matched: 3,
                events_scanned: 40,
                bytes_scanned: 500,
                execution_ms: 6,
                rows: rows.len() as u64,
            };
            self.results.lock().unwrap().insert(query.id, rows);
            let report = QueryReport {
                status: QueryStatus::Finished,
                statistics,
                error: None,
                delivery_status: None,
            };
            self.catalog.report_query(query.id, &report).await?;
            Ok(())
        }
        .boxed()
    }

    fn rows(
        &self,
        query: Uuid,
        from: u64,
        max: usize,
    ) -> BoxFuture<'_, Result<Vec<ResultRow>, BoxError>> {
        let results = self.results.lock().unwrap();
        let rows = results[&query].iter().skip(usize::try_from(from).unwrap()).take(max);
        let rows = rows.cloned().collect();
        async { Ok(rows) }.boxed()
    }

    fn cancel(&self, query: Uuid) -> BoxFuture<'_, Result<(), BoxError>> {
        self.hear(format!("cancel {query}"));
        async { Ok(()) }.boxed()
    }

    fn forget(&self, query: Uuid) -> BoxFuture<'_, Result<(), BoxError>> {
        async move {
            self.works()?;
            self.hear(format!("forget {query}"));
            self.results.lock().unwrap().remove(&query);
            Ok(())
        }
        .boxed()
    }
}

impl Importer for Plane {
    fn check<'a>(
        &'a self,
        _: AccountId,
        _: &'a ImportSource,
    ) -> BoxFuture<'a, Result<(), DestinationProblem>> {
        async { self.tried() }.boxed()
    }

    fn start(&self, import: Import) -> BoxFuture<'_, Result<(), BoxError>> {
        async move {
            self.works()?;
            self.hear(format!("import {} from {:?}", import.id, import.place));
            Ok(())
        }
        .boxed()
    }

    fn stop(&self, import: Uuid) -> BoxFuture<'_, Result<(), BoxError>> {
        self.hear(format!("stop {import}"));
        async { Ok(()) }.boxed()
    }
}
