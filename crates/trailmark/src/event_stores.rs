//! Joins event data stores with what they need: their tables, queries over them, imports into them.
//!
//! Lives here: which crate does what `api` asks for, and where results and imports lie.
//! Lives elsewhere: tables, queries and imports themselves (`stores`), the operations (`api`).

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ambient::Ambient;
use anyhow::Context as _;
use api::{
    CloudTrail, Stores,
    stores::{EventStores, Importer, QueryRunner, ResultRow, StatementProblem, StoreTable},
    trails::DestinationProblem,
};
use catalog::{
    Catalog, DeliveryState, EventDataStore, FailureStatus, Import, ImportFailure, ImportReport,
    ImportSource, ImportStatistics, ImportStatus, Query, StoreArn,
};
use delivery::{Object, Signers};
use futures::{FutureExt as _, future::BoxFuture};
use integrity::{
    digest::Stamp,
    query_result::{FILE, ResultFile, ResultSign, result_file},
};
use jiff::{Timestamp, tz::TimeZone};
use log::EventLog;
use record::AccountId;
use stores::{
    Csv, FileNews, ImportJob, ImportProgress, Notes, Queries, QueryComponents, ResultPlace,
};
use tables::Cache;
use tokio::task::JoinHandle;
use tracing::{info, warn};
use uuid::Uuid;
use wire::answer::BoxError;

use crate::{config::Config, destinations::Places, signing::AllSigners};

/// Everything behind the operations on event data stores.
#[derive(Clone, Debug)]
pub(crate) struct Plane {
    pub(crate) tables: Arc<stores::EventStores>,
    queries: Arc<Queries>,
    catalog: Catalog,
    places: Arc<Places>,
    log: Arc<dyn EventLog>,
    ambient: Ambient,
    /// The last run of each import.
    imports: Arc<Mutex<BTreeMap<Uuid, JoinHandle<()>>>>,
}

/// Opens all tables, and goes on with imports that a restart has interrupted.
///
/// # Errors
/// When a table, the catalog, or a folder cannot be used.
pub(crate) async fn open(
    config: &Config,
    catalog: &Catalog,
    log: &Arc<dyn EventLog>,
    places: &Arc<Places>,
    ambient: &Ambient,
) -> anyhow::Result<Plane> {
    let folder = config.data_dir.join("stores");
    let database = config.data_dir.canonicalize()?.join("stores.sqlite");
    let components = stores::Components {
        store: tables::Store::local(folder.join("tables"))?,
        catalog_url: format!("sqlite://{}?mode=rwc", database.display()),
        ambient: ambient.clone(),
        cache: Arc::new(Cache::new(CACHE_BYTES)),
    };
    let settings = config.stores.clone();
    let tables = stores::EventStores::open(settings, components, catalog.clone(), Arc::clone(log));
    let tables = Arc::new(tables.await.context("cannot open the event data stores")?);
    let signers = AllSigners::new(&config.signing, catalog.clone())?;
    let place = DeliveredResults { places: Arc::clone(places), signers: Arc::new(signers) };
    let components = QueryComponents {
        stores: Arc::clone(&tables),
        catalog: catalog.clone(),
        results: tables::Store::local(folder.join("results"))?,
        place: Arc::new(place),
        ambient: ambient.clone(),
    };
    let settings = sql::Settings { memory_bytes: QUERY_BYTES, ..sql::Settings::default() };
    let queries = Queries::open(&settings, components).await.context("cannot run queries")?;
    let plane = Plane {
        tables,
        queries: Arc::new(queries),
        catalog: catalog.clone(),
        places: Arc::clone(places),
        log: Arc::clone(log),
        ambient: ambient.clone(),
        imports: Arc::default(),
    };
    for import in catalog.running_imports().await? {
        info!(import = %import.id, "going on with an import");
        plane.begin(import);
    }
    Ok(plane)
}

impl Plane {
    /// As the operations need it.
    pub(crate) fn stores(&self) -> Stores {
        let plane = Arc::new(self.clone());
        Stores {
            tables: Arc::clone(&plane) as _,
            queries: Some(Arc::clone(&plane) as _),
            importer: Some(plane as _),
            ambient: self.ambient.clone(),
        }
    }

    /// Does what falls due without a call, for ever.
    pub(crate) async fn look_after(self, cloudtrail: CloudTrail) {
        loop {
            if let Err(error) = cloudtrail.upkeep().await {
                warn!(error, "event data stores cannot be looked after, trying again later");
            }
            self.ambient.clock.sleep(UPKEEP).await;
        }
    }

    /// Runs an import in the background, once a run of it that was stopped has ended.
    fn begin(&self, import: Import) {
        let (plane, id) = (self.clone(), import.id);
        let mut imports = self.imports.lock().unwrap_or_else(PoisonError::into_inner);
        imports.retain(|of, run| *of == id || !run.is_finished());
        let before = imports.remove(&id);
        let run = tokio::spawn(async move {
            if let Some(before) = before {
                // However it ended: the table says how far it came.
                let _ended = before.await;
            }
            plane.run_import(&import).await;
        });
        imports.insert(id, run);
    }

    async fn run_import(&self, import: &Import) {
        let outcome = self.try_import(import).await;
        let status = match &outcome {
            Ok(Some(progress)) if progress.failed == 0 => ImportStatus::Completed,
            Ok(Some(_)) => ImportStatus::Failed,
            // It was stopped, and the catalog knows.
            Ok(None) => return,
            Err(error) => {
                warn!(import = %import.id, error = tables::chain(error.as_ref()), "an import failed");
                ImportStatus::Failed
            }
        };
        let (statistics, place) = match outcome {
            Ok(Some(progress)) => (statistics(&progress), place(&progress)),
            _ => (import.statistics, import.place.clone()),
        };
        let mut report = ImportReport { status, statistics, place, failures: Vec::new() };
        if let Ok(Some(now)) = self.catalog.import(import.id).await
            && report.place == import.place
        {
            (report.statistics, report.place) = (now.statistics, now.place);
        }
        if let Err(error) = self.catalog.report_import(import.id, &report).await {
            warn!(import = %import.id, error = tables::chain(&error), "an import's state was not kept");
        }
    }

    /// Imports what is left. None when it was stopped.
    async fn try_import(&self, import: &Import) -> Result<Option<ImportProgress>, BoxError> {
        let table = self.tables.table(import.store.id).ok_or("the event data store is gone")?;
        let source = self.places.source(&import.source.uri, import.account)?;
        let mut retried = std::collections::BTreeSet::new();
        let mut after = 0;
        loop {
            let failures = self.catalog.import_failures(import.id, after, 1_000).await?;
            let Some(last) = failures.last() else { break };
            after = last.sequence;
            let again = failures.into_iter().filter(|it| it.status == FailureStatus::Retry);
            retried.extend(again.map(|it| it.location));
        }
        let day = |time: Timestamp| time.to_zoned(TimeZone::UTC).date().to_string();
        let job = ImportJob {
            id: import.id,
            source,
            from: import.start_event.map(day),
            until: import.end_event.map(day),
            retried,
            tasks: std::thread::available_parallelism().map_or(1, Into::into),
            notes: Notes { log: Arc::clone(&self.log), store: import.store.clone() },
        };
        let begun = ImportReport {
            status: ImportStatus::InProgress,
            statistics: import.statistics,
            place: import.place.clone(),
            failures: Vec::new(),
        };
        if !self.catalog.report_import(import.id, &begun).await? {
            return Ok(None);
        }
        let last = Mutex::new(None);
        let hear = |progress: ImportProgress, news: Vec<FileNews>| {
            let report = ImportReport {
                status: ImportStatus::InProgress,
                statistics: statistics(&progress),
                place: place(&progress),
                failures: news.into_iter().map(|it| self.failure(it)).collect(),
            };
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress);
            let reported = async move { Ok(self.catalog.report_import(import.id, &report).await?) };
            reported.boxed() as BoxFuture<'_, Result<bool, stores::Error>>
        };
        let is_done = stores::import(&table, &job, &hear).await?;
        let last = last.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(is_done.then(|| last.unwrap_or_default()))
    }

    fn failure(&self, news: FileNews) -> ImportFailure {
        let (status, code, reason) = match news.failure {
            Some(it) => (FailureStatus::Failed, it.code, it.reason),
            None => (FailureStatus::Succeeded, String::new(), String::new()),
        };
        ImportFailure {
            sequence: 0,
            location: news.name,
            status,
            error_type: code,
            error_message: reason,
            updated: self.ambient.clock.now(),
        }
    }
}

fn statistics(progress: &ImportProgress) -> ImportStatistics {
    ImportStatistics {
        prefixes_found: progress.folders_found,
        prefixes_completed: progress.folders_done,
        files_completed: progress.files,
        events_completed: progress.events,
        failed_entries: progress.failed,
    }
}

fn place(progress: &ImportProgress) -> Option<String> {
    progress.place.as_ref().map(|(_, name)| name.clone())
}

impl EventStores for Plane {
    fn create<'a>(&'a self, store: &'a StoreArn) -> BoxFuture<'a, Result<(), BoxError>> {
        async move { Ok(self.tables.create(store.id).await?) }.boxed()
    }

    fn remove<'a>(&'a self, store: &'a StoreArn) -> BoxFuture<'a, Result<(), BoxError>> {
        async move { Ok(self.tables.remove(store.id).await?) }.boxed()
    }

    fn describe<'a>(
        &'a self,
        store: &'a EventDataStore,
    ) -> BoxFuture<'a, Result<StoreTable, BoxError>> {
        async move {
            let table = self.tables.table(store.arn.id).ok_or("there is no such table")?;
            let stats = table.stats();
            let key = ("eventtime_day".to_owned(), "date".to_owned());
            Ok(StoreTable { bytes: stats.bytes, events: stats.rows, partition_keys: vec![key] })
        }
        .boxed()
    }

    /// Tables are not encrypted by keys: every key is refused.
    fn key_arn<'a>(
        &'a self,
        _: &'a str,
        _: &'a StoreArn,
    ) -> BoxFuture<'a, Result<String, DestinationProblem>> {
        async { Err(DestinationProblem::KeyMissing) }.boxed()
    }
}

impl QueryRunner for Plane {
    fn stores_named<'a>(
        &'a self,
        statement: &'a str,
    ) -> BoxFuture<'a, Result<Vec<Uuid>, StatementProblem>> {
        async move {
            // A statement may fail as early as it is planned, by a division by zero or the like; only
            // what is a fault of ours is none of it.
            self.queries.check(statement).await.map_err(|error| {
                if matches!(error, sql::Error::Internal(_)) {
                    StatementProblem::Failed(error.into())
                } else {
                    StatementProblem::Refused(error.to_string())
                }
            })
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
        async move {
            let day = self.ambient.clock.now();
            let key = format!("{}{FILE}", folder(prefix, account, day, Uuid::nil()));
            self.places.check_result(bucket, &key, account, &stores_of(account, region))
        }
        .boxed()
    }

    fn start(&self, query: Query) -> BoxFuture<'_, Result<(), BoxError>> {
        self.queries.start(query);
        async { Ok(()) }.boxed()
    }

    fn rows(
        &self,
        query: Uuid,
        from: u64,
        max: usize,
    ) -> BoxFuture<'_, Result<Vec<ResultRow>, BoxError>> {
        async move { Ok(self.queries.rows(query, from, max).await?) }.boxed()
    }

    fn cancel(&self, query: Uuid) -> BoxFuture<'_, Result<(), BoxError>> {
        async move {
            self.queries.cancel(query).await;
            Ok(())
        }
        .boxed()
    }

    fn forget(&self, query: Uuid) -> BoxFuture<'_, Result<(), BoxError>> {
        async move { Ok(self.queries.forget(query).await?) }.boxed()
    }
}

impl Importer for Plane {
    fn check<'a>(
        &'a self,
        account: AccountId,
        source: &'a ImportSource,
    ) -> BoxFuture<'a, Result<(), DestinationProblem>> {
        async move { self.places.source(&source.uri, account).map(|_| ()) }.boxed()
    }

    fn start(&self, import: Import) -> BoxFuture<'_, Result<(), BoxError>> {
        self.begin(import);
        async { Ok(()) }.boxed()
    }

    fn stop(&self, _: Uuid) -> BoxFuture<'_, Result<(), BoxError>> {
        // It hears of it when it next says how far it came: a lot of files is in the table wholly.
        async { Ok(()) }.boxed()
    }
}

/// Writes results where their owners want them, signed as digests are.
#[derive(Debug)]
struct DeliveredResults {
    places: Arc<Places>,
    signers: Arc<dyn Signers>,
}

impl ResultPlace for DeliveredResults {
    fn deliver<'a>(
        &'a self,
        query: &'a Query,
        result: Csv,
        complete: Timestamp,
    ) -> BoxFuture<'a, Result<(), DeliveryState>> {
        self.write(query, result, complete).boxed()
    }
}

impl DeliveredResults {
    async fn write(
        &self,
        query: &Query,
        result: Csv,
        complete: Timestamp,
    ) -> Result<(), DeliveryState> {
        let uri = query.delivery_uri.as_deref().unwrap_or_default();
        let rest = uri.strip_prefix("s3://").unwrap_or_default();
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let folder = folder(prefix, query.account, query.created, query.id);
        let source = stores_of(query.account, &query.region);
        let files = result.files().map_err(|_| DeliveryState::Failed)?;
        let mut signed = Vec::with_capacity(files.len());
        for (number, body) in (1..).zip(files) {
            let name = result_file(number);
            signed.push(ResultFile::of(&name, &body));
            let object = Object { key: format!("{folder}{name}"), body, metadata: Vec::new() };
            let put = self.places.put_result(bucket, object, query.account, &source).await;
            put.map_err(|refusal| {
                warn!(query = %query.id, %refusal, "a result could not be delivered");
                state(refusal.code.as_deref(), false)
            })?;
        }
        let complete = Stamp::of(complete);
        let signer = self.signers.signer(&query.region, complete).await;
        let signer = signer.map_err(|_| DeliveryState::FailedSigningFile)?;
        let sign = ResultSign::seal(&query.region, signed, complete, signer.as_ref()).await;
        let sign = sign.map_err(|_| DeliveryState::FailedSigningFile)?;
        let body = sign.to_bytes().into();
        let object = Object { key: format!("{folder}{FILE}"), body, metadata: Vec::new() };
        let put = self.places.put_result(bucket, object, query.account, &source).await;
        put.map_err(|refusal| state(refusal.code.as_deref(), true))
    }
}

fn state(code: Option<&str>, is_sign: bool) -> DeliveryState {
    match (code, is_sign) {
        (Some("NoSuchBucket"), _) => DeliveryState::ResourceNotFound,
        (Some("AccessDenied"), false) => DeliveryState::AccessDenied,
        (Some("AccessDenied"), true) => DeliveryState::AccessDeniedSigningFile,
        (_, false) => DeliveryState::Failed,
        (_, true) => DeliveryState::FailedSigningFile,
    }
}

/// The folder of a result.
///
/// Spec: CloudTrail User Guide, "Finding your CloudTrail Lake saved query results".
fn folder(prefix: &str, account: AccountId, day: Timestamp, query: Uuid) -> String {
    let prefix = prefix.trim_matches('/');
    let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
    let day = day.to_zoned(TimeZone::UTC).strftime("%Y/%m/%d").to_string();
    format!("{prefix}AWSLogs/{account}/CloudTrail-Lake/Query/{day}/{query}/")
}

/// For whom results are written, as bucket policies name it.
fn stores_of(account: AccountId, region: &str) -> String {
    let partition = catalog::partition(region);
    format!("arn:{partition}:cloudtrail:{region}:{account}:eventdatastore/*")
}

/// Memory for footers and Bloom filters of stores.
const CACHE_BYTES: usize = 32 << 20;
/// Memory for all queries that run at once; what does not fit goes to the disk.
const QUERY_BYTES: usize = 256 << 20;
/// Between looks for what falls due.
const UPKEEP: Duration = Duration::from_secs(60);
