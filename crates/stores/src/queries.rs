//! Queries over stores, in the background: run, kept for seven days, delivered.
//!
//! Lives here: running one statement with Lake's limits, pages of its result.
//! Lives elsewhere: who may ask, and states of queries (`api`, `catalog`); where delivered results go
//! ([`ResultPlace`] is implemented where buckets are known).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ambient::Ambient;
use arrow_array::{Array, RecordBatch};
use catalog::{Catalog, DeliveryState, Query, QueryReport, QueryStatistics, QueryStatus, lake_id};
use datafusion::{catalog::TableProvider, datasource::empty::EmptyTable};
use futures::TryStreamExt as _;
use sql::{Answer, Engine, Limits, Session, text};
use tokio::task::AbortHandle;
use tracing::warn;
use uuid::Uuid;

use crate::{
    Error, EventStores, columns,
    delivered::{Csv, ResultPlace},
    results::Results,
};

/// Runs queries over the stores of a deployment.
#[derive(Debug)]
pub struct Queries {
    stores: Arc<EventStores>,
    engine: Engine,
    catalog: Catalog,
    results: Results,
    place: Arc<dyn ResultPlace>,
    ambient: Ambient,
    running: Mutex<BTreeMap<Uuid, AbortHandle>>,
}

/// What queries stand on.
#[derive(Debug)]
pub struct QueryComponents {
    /// The stores that are read.
    pub stores: Arc<EventStores>,
    /// Where queries and their states are kept.
    pub catalog: Catalog,
    /// Where results are kept.
    pub results: tables::Store,
    /// Where results are delivered.
    pub place: Arc<dyn ResultPlace>,
    /// Time.
    pub ambient: Ambient,
}

/// How a query goes that is running.
#[derive(Debug, Default)]
pub(crate) struct Course {
    pub(crate) events: AtomicU64,
    pub(crate) bytes: AtomicU64,
}

impl Queries {
    /// Runs queries with these bounds. Those that ran when the process ended before have failed.
    ///
    /// # Errors
    /// When the folder for what does not fit into memory, or the catalog, cannot be used.
    pub async fn open(
        settings: &sql::Settings,
        components: QueryComponents,
    ) -> Result<Self, Error> {
        let QueryComponents { stores, catalog, results, place, ambient } = components;
        let engine = Engine::new(settings, Arc::clone(&ambient.clock))?;
        catalog.fail_lost_queries("The query was lost by a restart. Start it again.").await?;
        let results = Results::new(results);
        Ok(Self { stores, engine, catalog, results, place, ambient, running: Mutex::default() })
    }

    /// The ids of the stores that a statement reads, each once, after it was planned with all that
    /// it names.
    ///
    /// # Errors
    /// Why it cannot run, as a sentence.
    pub async fn check(&self, statement: &str) -> Result<Vec<Uuid>, sql::Error> {
        let mut session = self.engine.session();
        let nothing: Arc<dyn TableProvider> = Arc::new(EmptyTable::new(columns::viewed()));
        session.resolver(move |name| lake_id(name).map(|_| Arc::clone(&nothing)));
        session.explain(statement).await?;
        let named = session.tables_of(statement).await?;
        let ids: BTreeSet<Uuid> = named.iter().filter_map(|it| lake_id(it)).collect();
        Ok(ids.into_iter().collect())
    }

    /// Takes a query that the catalog keeps as queued, and runs it in the background.
    pub fn start(self: &Arc<Self>, query: Query) {
        let id = query.id;
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let queries = Arc::clone(self);
        let task = tokio::spawn(async move {
            queries.run(&query).await;
            queries.running().remove(&query.id);
        });
        running.insert(id, task.abort_handle());
    }

    /// Stops a query. The catalog knows it already.
    pub async fn cancel(&self, id: Uuid) {
        let task = self.running().remove(&id);
        if let Some(task) = task {
            task.abort();
        }
        self.discard(id).await;
    }

    async fn discard(&self, id: Uuid) {
        self.forget(id).await.unwrap_or_else(|error| {
            warn!(query = %id, error = tables::chain(&error), "a result could not be deleted");
        });
    }

    /// Up to `max` rows of a result from row `from` on.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn rows(
        &self,
        id: Uuid,
        from: u64,
        max: usize,
    ) -> Result<Vec<Vec<(String, Option<String>)>>, Error> {
        self.results.rows(id, from, max).await
    }

    /// Deletes a result.
    ///
    /// # Errors
    /// When it cannot be deleted.
    pub async fn forget(&self, id: Uuid) -> Result<(), Error> {
        self.results.forget(id).await
    }

    fn running(&self) -> std::sync::MutexGuard<'_, BTreeMap<Uuid, AbortHandle>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(&self, query: &Query) {
        let began = self.ambient.clock.now();
        let mut report = QueryReport {
            status: QueryStatus::Running,
            statistics: QueryStatistics::default(),
            error: None,
            delivery_status: None,
        };
        let course = Arc::new(Course::default());
        let mut statistics = QueryStatistics::default();
        let answer = self.answer(query, &course, &mut statistics);
        // What it takes to write down that it runs is not lost time.
        let (goes_on, answered) = tokio::join!(self.report(query, &report), answer);
        if !goes_on {
            self.discard(query.id).await;
            return;
        }
        report.statistics = statistics;
        report.statistics.events_scanned = course.events.load(Ordering::Relaxed);
        report.statistics.bytes_scanned = course.bytes.load(Ordering::Relaxed);
        let took = self.ambient.clock.now().duration_since(began).as_millis();
        report.statistics.execution_ms = u64::try_from(took).unwrap_or_default();
        report.status = match &answered {
            Ok(_) => QueryStatus::Finished,
            Err(Error::Sql(sql::Error::TimedOut { .. })) => QueryStatus::TimedOut,
            Err(_) => QueryStatus::Failed,
        };
        report.error = answered.as_ref().err().map(tables_chain);
        report.delivery_status = match answered {
            Ok(None) => None,
            Ok(Some(csv)) => Some(self.deliver(query, csv).await),
            Err(_) => query.delivery_uri.as_ref().map(|_| DeliveryState::Failed),
        };
        self.report(query, &report).await;
    }

    /// Runs the statement and keeps its rows; yields them once more when they are to be delivered.
    async fn answer(
        &self,
        query: &Query,
        course: &Arc<Course>,
        statistics: &mut QueryStatistics,
    ) -> Result<Option<Csv>, Error> {
        let session = self.session(query, course);
        let Answer { columns, mut stream, course: plan } = session.query(&query.statement).await?;
        let labels: Vec<String> = columns.into_iter().map(|it| it.label).collect();
        let mut csv = query.delivery_uri.as_ref().map(|_| Csv::new(&labels)).transpose()?;
        let mut writer = self.results.begin(query.id, labels);
        loop {
            let batch = match stream.try_next().await {
                Ok(Some(batch)) => batch,
                Ok(None) => break,
                Err(error) => {
                    // What was found in time is there.
                    if matches!(error, sql::Error::TimedOut { .. }) {
                        writer.finish().await?;
                    }
                    return Err(error.into());
                }
            };
            for row in rows(&batch) {
                if let Some(csv) = &mut csv {
                    csv.add(&row)?;
                }
                statistics.rows += 1;
                writer.add(row).await?;
            }
        }
        writer.finish().await?;
        statistics.events_matched = plan.matched();
        Ok(csv)
    }

    fn session(&self, query: &Query, course: &Arc<Course>) -> Session {
        let mut session = self.engine.session();
        session.limits(Limits { time: LONGEST, ..Limits::default() });
        let (stores, allowed) = (Arc::clone(&self.stores), query.stores.clone());
        let course = Arc::clone(course);
        session.resolver(move |name| {
            let id = lake_id(name).filter(|it| allowed.contains(it))?;
            Some(stores.table(id)?.provider_counting(Arc::clone(&course)))
        });
        session
    }

    async fn deliver(&self, query: &Query, csv: Csv) -> DeliveryState {
        let complete = self.ambient.clock.now();
        match self.place.deliver(query, csv, complete).await {
            Ok(()) => DeliveryState::Success,
            Err(state) => state,
        }
    }

    /// Says how it goes. False when it is not to go on.
    async fn report(&self, query: &Query, report: &QueryReport) -> bool {
        match self.catalog.report_query(query.id, report).await {
            Ok(goes_on) => goes_on || !report.status.is_running(),
            Err(error) => {
                warn!(query = %query.id, error = tables::chain(&error), "a query's state was not kept");
                false
            }
        }
    }
}

fn tables_chain(error: &Error) -> String {
    match error {
        Error::Sql(error) => error.to_string(),
        other => tables::chain(other),
    }
}

fn rows(batch: &RecordBatch) -> impl Iterator<Item = Vec<Option<String>>> + '_ {
    (0..batch.num_rows()).map(move |row| {
        let cell = |it: &Arc<dyn Array>| {
            if it.is_null(row) { None } else { Some(text::value(it, row, "null")) }
        };
        batch.columns().iter().map(cell).collect()
    })
}

/// How long a query may run.
const LONGEST: Duration = Duration::from_secs(3_600);
