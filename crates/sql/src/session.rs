//! One query: its tables, its text, its answer.

use std::{collections::BTreeMap, fmt, sync::Arc};

use ambient::Clock;
use datafusion::{
    arrow::{datatypes::DataType, record_batch::RecordBatch},
    catalog::{
        CatalogProvider as _, CatalogProviderList as _, MemoryCatalogProvider,
        MemoryCatalogProviderList, MemorySchemaProvider, SchemaProvider as _, TableProvider,
    },
    execution::{SessionState, SessionStateBuilder},
    logical_expr::LogicalPlan,
    physical_plan::{ExecutionPlan, displayable, execute_stream},
    sql::parser::Statement,
};
use futures::{TryStreamExt as _, stream::BoxStream};

use crate::{
    Course, Error, Limits,
    rewrite::{self, Label},
    source, stream, text,
};

/// Where sessions keep their tables. No query can name it.
pub(crate) const CATALOG: &str = "session";
/// See [`CATALOG`].
pub(crate) const SCHEMA: &str = "tables";

/// Finds a table by a name that was not registered. The name is in lower case, its parts are
/// joined by dots.
type Resolver = Arc<dyn Fn(&str) -> Option<Arc<dyn TableProvider>> + Send + Sync>;

/// One query's tables and limits.
///
/// Names of tables do not heed case. Columns and fields of rows must be spelt in lower case;
/// text is `Utf8` or `Utf8View`; `LargeUtf8` is read as JSON.
#[derive(Clone)]
pub struct Session {
    state: Arc<SessionState>,
    clock: Arc<dyn Clock>,
    tables: BTreeMap<String, Arc<dyn TableProvider>>,
    resolver: Option<Resolver>,
    limits: Limits,
}

/// A column of an answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Column {
    /// The label: the alias, the column or the last field as written in the query, else `_col<N>`.
    /// Labels may repeat.
    pub label: String,
    /// The type as Trino spells it: `varchar`, `map(varchar, varchar)`.
    pub kind: String,
    /// The type of the arrays.
    pub data_type: DataType,
}

/// Columns, and rows as they come.
pub struct Answer {
    /// The columns, in the order of the SELECT list.
    pub columns: Vec<Column>,
    /// What the query has done.
    pub course: Course,
    /// The rows. An error is the last item. Dropping the stream ends the query.
    pub stream: BoxStream<'static, Result<RecordBatch, Error>>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("columns", &self.columns).finish_non_exhaustive()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("tables", &self.tables.keys().collect::<Vec<_>>())
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Answer {
    /// All rows at once, in memory.
    ///
    /// # Errors
    ///
    /// The first error of the stream.
    pub async fn collect(self) -> Result<Vec<RecordBatch>, Error> {
        self.stream.try_collect().await
    }
}

impl Session {
    pub(crate) fn new(state: &Arc<SessionState>, clock: Arc<dyn Clock>) -> Self {
        Self {
            state: Arc::clone(state),
            clock,
            tables: BTreeMap::new(),
            resolver: None,
            limits: Limits::default(),
        }
    }

    /// Adds a table. A later one of the same name replaces it.
    pub fn table(&mut self, name: &str, provider: Arc<dyn TableProvider>) -> &mut Self {
        self.tables.insert(name.to_lowercase(), provider);
        self
    }

    /// Asks `find` for tables that were not added. It hears the whole name in lower case, then its
    /// last part.
    pub fn resolver(
        &mut self,
        find: impl Fn(&str) -> Option<Arc<dyn TableProvider>> + Send + Sync + 'static,
    ) -> &mut Self {
        self.resolver = Some(Arc::new(find));
        self
    }

    /// Replaces the limits, which are Lake's unless told otherwise.
    pub fn limits(&mut self, limits: Limits) -> &mut Self {
        self.limits = limits;
        self
    }

    /// The tables that a query names, in lower case, parts joined by dots; names of its own WITH
    /// clauses are left out. For callers who must fetch tables before they can offer them.
    ///
    /// # Errors
    ///
    /// What [`Session::query`] says of a text that it cannot parse.
    pub async fn tables_of(&self, sql: &str) -> Result<Vec<String>, Error> {
        let (text, limits) = (sql.to_owned(), self.limits.clone());
        deep(async move { rewrite::tables(&source::parse(&text, &limits)?, &limits) }).await
    }

    /// Plans the query and starts it.
    ///
    /// # Errors
    ///
    /// Every [`Error`] but [`Error::TimedOut`] and [`Error::TooManyRows`], which the stream tells,
    /// like all that comes up while rows are read.
    pub async fn query(&self, sql: &str) -> Result<Answer, Error> {
        let limit = self.limits.time;
        let started = self.clock.now();
        let planned = self.planned(sql.to_owned());
        let (labels, plan, state) = tokio::select! {
            biased;
            it = planned => it?,
            () = self.clock.sleep(limit) => {
                return Err(Error::TimedOut { seconds: limit.as_secs() });
            }
        };
        let columns = plan
            .schema()
            .fields()
            .iter()
            .zip(labels)
            .map(|(field, label)| Column {
                label,
                kind: text::type_name(field.data_type()),
                data_type: field.data_type().clone(),
            })
            .collect();
        let course = Course(Arc::clone(&plan));
        let inner = execute_stream(plan, state.task_ctx())?;
        let spent = self.clock.now().duration_since(started).unsigned_abs();
        let bounds = stream::Bounds {
            remaining: limit.saturating_sub(spent),
            limit,
            rows: self.limits.rows,
        };
        let stream = stream::guarded(inner, bounds, Arc::clone(&self.clock));
        Ok(Answer { columns, course, stream })
    }

    /// The plan of the query as text, in the words of the engine below; not for machines.
    ///
    /// # Errors
    ///
    /// As [`Session::query`].
    pub async fn explain(&self, sql: &str) -> Result<String, Error> {
        let (_, plan, _) = self.planned(sql.to_owned()).await?;
        Ok(displayable(plan.as_ref()).indent(false).to_string())
    }

    async fn planned(
        &self,
        sql: String,
    ) -> Result<(Vec<String>, Arc<dyn ExecutionPlan>, SessionState), Error> {
        let session = self.clone();
        deep(async move {
            let statement = source::parse(&sql, &session.limits)?;
            let known = |name: &str| session.find(name).is_some();
            let now = session.clock.now();
            let rewritten = rewrite::rewrite(statement, &session.limits, now, &known)?;
            let state = session.state_with(&rewritten.tables)?;
            rewrite::check_functions(&rewritten, &state)?;
            let statement = Statement::Statement(Box::new(rewritten.statement));
            let logical = state.statement_to_plan(statement).await?;
            let labels = labels(&rewritten.labels, &logical);
            let plan = crate::plan::cooperative(state.create_physical_plan(&logical).await?)?;
            Ok((labels, plan, state))
        })
        .await
    }

    fn find(&self, name: &str) -> Option<Arc<dyn TableProvider>> {
        self.tables.get(name).cloned().or_else(|| self.resolver.as_ref().and_then(|it| it(name)))
    }

    /// The state with the tables that the query names. `names` are as the rewritten query spells
    /// them, with what each stands for.
    fn state_with(&self, names: &BTreeMap<String, String>) -> Result<SessionState, Error> {
        let schema = MemorySchemaProvider::new();
        for (spelt, name) in names {
            let provider = self.find(name).ok_or_else(|| self.unknown_table(spelt))?;
            schema.register_table(spelt.clone(), provider)?;
        }
        let catalog = MemoryCatalogProvider::new();
        catalog.register_schema(SCHEMA, Arc::new(schema))?;
        let catalogs = MemoryCatalogProviderList::new();
        catalogs.register_catalog(CATALOG.to_owned(), Arc::new(catalog));
        Ok(SessionStateBuilder::new_from_existing(self.state.as_ref().clone())
            .with_catalog_list(Arc::new(catalogs))
            .build())
    }

    fn unknown_table(&self, name: &str) -> Error {
        let mut near = crate::error::nearest(name, self.tables.keys().map(String::as_str));
        if near.is_empty() {
            near = self.tables.keys().take(3).cloned().collect();
        }
        Error::UnknownTable { name: name.to_owned(), near }
    }
}

/// The labels of the answer: those of the text, and for `*` the names of the columns.
fn labels(wanted: &[Label], plan: &LogicalPlan) -> Vec<String> {
    let names: Vec<&str> = plan.schema().fields().iter().map(|it| it.name().as_str()).collect();
    Label::resolve(wanted, &names)
}

/// Stack for parsing and planning. Only what is touched is ever taken from the system.
const STACK_BYTES: usize = 64 << 20;

/// Runs `work` on a thread with much stack, since texts may be deep; a panic becomes an error.
async fn deep<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    let (send, receive) = tokio::sync::oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    std::thread::Builder::new()
        .name("sql-planner".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || {
            let run = std::panic::AssertUnwindSafe(|| runtime.block_on(work));
            let outcome = std::panic::catch_unwind(run)
                .unwrap_or_else(|cause| Err(stream::panicked(cause.as_ref())));
            // The caller may have gone; then nobody wants to know.
            let _ = send.send(outcome);
        })
        .map_err(|error| Error::Internal(format!("cannot start a thread: {error}")))?;
    receive.await.unwrap_or_else(|_| Err(Error::Internal("the planner ended early".to_owned())))
}
