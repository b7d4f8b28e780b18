//! Running queries, within bounds.

use std::{collections::BTreeSet, fmt::Debug, path::PathBuf, sync::Arc, time::Duration};

use datafusion::{
    arrow::datatypes::SchemaRef,
    catalog::TableProvider,
    common::DataFusionError,
    execution::{
        SendableRecordBatchStream, SessionStateBuilder,
        context::SQLOptions,
        disk_manager::{DiskManagerBuilder, DiskManagerMode},
        memory_pool::FairSpillPool,
        runtime_env::{RuntimeEnv, RuntimeEnvBuilder},
    },
    logical_expr::LogicalPlan,
    physical_plan::{displayable, stream::RecordBatchStreamAdapter},
    prelude::{SessionConfig, SessionContext},
    sql::parser::{DFParserBuilder, Statement},
};
use futures::{StreamExt as _, stream};
use sqlparser::ast::Query;
use tokio::{sync::mpsc, time::timeout_at};

use crate::{Error, dialect::Trino, functions, labels, rewrite, text};

/// What one query may use.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Characters of a statement. CloudTrail Lake takes 10,000.
    pub characters: usize,
    /// How long it may take.
    pub time: Duration,
    /// Bytes of memory of all queries together.
    pub memory: usize,
    /// Where they may put what does not fit, if anywhere.
    pub spill: Option<PathBuf>,
    /// Tasks that read and compute at once, for each query.
    pub tasks: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            characters: 10_000,
            time: Duration::from_hours(1),
            memory: 384 << 20,
            spill: Some(std::env::temp_dir()),
            tasks: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// A table that a query names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Named {
    /// The last part of its name, in lower case.
    pub name: String,
    /// Every identifier of the query, in lower case: a table may have columns that it shows only to
    /// who asks for them.
    pub mentioned: Arc<BTreeSet<String>>,
}

/// Where tables come from.
pub trait Tables: Debug + Send + Sync {
    /// The table of that name; none when there is none.
    fn table(&self, named: &Named) -> Option<Arc<dyn TableProvider>>;

    /// What to say when there is none.
    fn hint(&self, named: &Named) -> String;
}

/// Runs queries. One for each process.
#[derive(Clone, Debug)]
pub struct Engine {
    limits: Limits,
    runtime: Arc<RuntimeEnv>,
}

/// The tables of one caller.
#[derive(Clone, Debug)]
pub struct Session {
    engine: Engine,
    tables: Arc<dyn Tables>,
}

/// What a query gives.
pub struct Answer {
    /// The columns' names as the user expects them; two may be the same.
    pub labels: Vec<String>,
    /// Their types.
    pub schema: SchemaRef,
    /// The rows.
    pub rows: SendableRecordBatchStream,
}

impl Engine {
    /// An engine.
    ///
    /// # Errors
    /// When the place to spill to cannot be used.
    pub fn new(limits: Limits) -> Result<Self, Error> {
        let disk = match &limits.spill {
            Some(folder) => DiskManagerMode::Directories(vec![folder.clone()]),
            None => DiskManagerMode::Disabled,
        };
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(limits.memory)))
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(disk))
            .build_arc()?;
        Ok(Self { limits, runtime })
    }

    /// A session over the tables of one caller.
    #[must_use]
    pub fn session(&self, tables: Arc<dyn Tables>) -> Session {
        Session { engine: self.clone(), tables }
    }

    fn context(&self) -> Result<SessionContext, Error> {
        let config = SessionConfig::new()
            .with_target_partitions(self.limits.tasks)
            .with_information_schema(false)
            .set_bool("datafusion.sql_parser.map_string_types_to_utf8view", false)
            .set_bool("datafusion.execution.parquet.schema_force_view_types", false)
            .set_str("datafusion.sql_parser.default_null_ordering", "nulls_last")
            .set_str("datafusion.execution.time_zone", "UTC");
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(Arc::clone(&self.runtime))
            .with_default_features()
            .build();
        let context = SessionContext::new_with_state(state);
        functions::register(&context);
        Ok(context)
    }
}

impl Session {
    /// Plans and starts a query. Rows come as they are found; a fault among them ends the stream.
    ///
    /// # Errors
    /// When the query cannot be planned.
    pub async fn query(&self, query: &str) -> Result<Answer, Error> {
        let (context, plan, labels) = self.plan(query).await?;
        let limit = self.engine.limits.time;
        let deadline = tokio::time::Instant::now() + limit;
        let (sender, mut receiver) = mpsc::channel(2);
        // In a task of its own: a fault of a function must not end whoever asked.
        let run = async move {
            let started =
                async { context.execute_logical_plan(plan).await?.execute_stream().await };
            match started.await {
                Ok(mut rows) => {
                    if sender.send(Ok(None)).await.is_err() {
                        return;
                    }
                    while let Some(batch) = rows.next().await {
                        let ended = batch.is_err();
                        if sender.send(batch.map(Some)).await.is_err() || ended {
                            return;
                        }
                    }
                    drop(sender.send(Ok(None)).await);
                }
                // Nobody may listen any more.
                Err(error) => drop(sender.send(Err(error)).await),
            }
        };
        let (labels, schema) = labels;
        let task = tokio::spawn(run);
        let seconds = limit.as_secs();
        let late = move || DataFusionError::Execution(Error::TimedOut(seconds).to_string());
        match timeout_at(deadline, receiver.recv()).await {
            Ok(Some(Ok(_))) => {}
            Ok(Some(Err(error))) => return Err(error.into()),
            Ok(None) => return Err(Error::Internal("a function failed".to_owned())),
            Err(_) => {
                task.abort();
                return Err(Error::TimedOut(seconds));
            }
        }
        let guard = Abort(task);
        let rows = stream::unfold(
            (receiver, guard, false),
            move |(mut receiver, guard, ended)| async move {
                if ended {
                    return None;
                }
                match timeout_at(deadline, receiver.recv()).await {
                    Ok(Some(Ok(Some(batch)))) => Some((Ok(batch), (receiver, guard, false))),
                    Ok(Some(Ok(None))) => None,
                    Ok(Some(Err(error))) => Some((Err(error), (receiver, guard, true))),
                    Ok(None) => {
                        let words = "a part of the query failed".to_owned();
                        Some((Err(DataFusionError::Internal(words)), (receiver, guard, true)))
                    }
                    Err(_) => Some((Err(late()), (receiver, guard, true))),
                }
            },
        );
        let rows = RecordBatchStreamAdapter::new(Arc::clone(&schema), rows.boxed());
        Ok(Answer { labels, schema, rows: Box::pin(rows) })
    }

    /// How a query would be run.
    ///
    /// # Errors
    /// As [`Session::query`].
    pub async fn explain(&self, query: &str) -> Result<String, Error> {
        let (context, plan, _) = self.plan(query).await?;
        let plan = context.state().create_physical_plan(&plan).await?;
        Ok(displayable(plan.as_ref()).indent(false).to_string())
    }

    async fn plan(
        &self,
        query: &str,
    ) -> Result<(SessionContext, LogicalPlan, (Vec<String>, SchemaRef)), Error> {
        let limit = self.engine.limits.characters;
        if query.chars().count() > limit {
            return Err(Error::TooLarge(format!("it has more than {limit} characters")));
        }
        let mut parsed = parse(query)?;
        let mentioned = Arc::new(rewrite::identifiers(&parsed));
        let labels = labels::of(&parsed);
        rewrite::rewrite(&mut parsed)?;
        let context = self.engine.context()?;
        for name in rewrite::tables(&parsed) {
            let named = Named { name, mentioned: Arc::clone(&mentioned) };
            let Some(table) = self.tables.table(&named) else {
                let hint = self.tables.hint(&named);
                return Err(Error::NoTable { name: named.name, hint });
            };
            context.register_table(
                datafusion::common::TableReference::bare(named.name.as_str()),
                table,
            )?;
        }
        let statement = sqlparser::ast::Statement::Query(Box::new(parsed));
        let plan =
            context.state().statement_to_plan(Statement::Statement(Box::new(statement))).await?;
        SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false)
            .verify_plan(&plan)?;
        let plan = context.state().optimize(&plan)?;
        let schema = Arc::clone(plan.schema().inner());
        let names: Vec<_> = schema.fields().iter().map(|it| it.name().as_str()).collect();
        let labels = labels::for_columns(labels, &names);
        Ok((context, plan, (labels, schema)))
    }
}

/// The one query of a text.
fn parse(query: &str) -> Result<Query, Error> {
    let text = text::quoted(query);
    let mut parser = DFParserBuilder::new(text.as_str())
        .with_dialect(&Trino)
        .with_recursion_limit(DEPTH_MAX)
        .build()
        .map_err(Error::from)?;
    let mut statements = parser.parse_statements().map_err(Error::from)?;
    let (Some(Statement::Statement(statement)), true) =
        (statements.pop_front(), statements.is_empty())
    else {
        return Err(Error::NotSelect);
    };
    match *statement {
        sqlparser::ast::Statement::Query(query) => Ok(*query),
        _ => Err(Error::NotSelect),
    }
}

/// A task that ends when nobody wants its rows any more.
struct Abort(tokio::task::JoinHandle<()>);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How deep expressions may be nested.
const DEPTH_MAX: usize = 100;
