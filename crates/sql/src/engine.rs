//! One engine per process: the memory that queries share, their threads and limits.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use ambient::Clock;
use datafusion::{
    execution::{
        SessionState, SessionStateBuilder,
        disk_manager::{DiskManagerBuilder, DiskManagerMode},
        memory_pool::{FairSpillPool, TrackConsumersPool},
        runtime_env::RuntimeEnvBuilder,
    },
    prelude::SessionConfig,
};

use crate::{Error, Session, functions, plan};

/// What all queries of a process share.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Memory for all running queries together, in bytes. More lets larger sorts and groups stay
    /// in memory; less protects the rest of the process, and spills to disk sooner.
    pub memory_bytes: usize,
    /// How many parts of one query run at once. More is faster while cores are idle.
    pub partitions: NonZeroUsize,
    /// Space on disk for what does not fit into memory, in bytes; zero forbids it. It lies in the
    /// folder for temporary files.
    pub spill_bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            memory_bytes: 512 << 20,
            partitions: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            spill_bytes: 10 << 30,
        }
    }
}

/// What one query may ask for and take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Characters of the text. Lake takes 10,000.
    pub characters: usize,
    /// How deep expressions, parentheses and subqueries may lie in each other.
    pub depth: usize,
    /// Expressions, list items and tables together.
    pub nodes: usize,
    /// Rows of the answer, where there is a bound.
    pub rows: Option<usize>,
    /// How long the query may run, from its start to its last row.
    pub time: Duration,
}

impl Default for Limits {
    /// What Lake promises: 10,000 characters and one hour.
    fn default() -> Self {
        Self {
            characters: 10_000,
            depth: 100,
            nodes: 20_000,
            rows: None,
            time: Duration::from_secs(3_600),
        }
    }
}

/// Runs queries. One per process; sessions share its memory.
#[derive(Clone, Debug)]
pub struct Engine {
    state: Arc<SessionState>,
    clock: Arc<dyn Clock>,
}

impl Engine {
    /// An engine with no tables: those belong to sessions.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if the folder for temporary files cannot be used.
    pub fn new(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let pool =
            TrackConsumersPool::new(FairSpillPool::new(settings.memory_bytes), NAMED_CONSUMERS);
        let mode = if settings.spill_bytes == 0 {
            DiskManagerMode::Disabled
        } else {
            DiskManagerMode::OsTmpDirectory
        };
        let disk = DiskManagerBuilder::default()
            .with_mode(mode)
            .with_max_temp_directory_size(settings.spill_bytes.max(1));
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(pool))
            .with_disk_manager_builder(disk)
            .build_arc()
            .map_err(|error| Error::Internal(error.strip_backtrace()))?;
        let mut config = SessionConfig::new()
            .with_target_partitions(settings.partitions.get())
            .with_information_schema(false)
            .with_create_default_catalog_and_schema(false)
            .with_default_catalog_and_schema(crate::session::CATALOG, crate::session::SCHEMA);
        let options = config.options_mut();
        options.sql_parser.map_string_types_to_utf8view = false;
        // Trino sorts nulls last in either direction.
        options.sql_parser.default_null_ordering = "nulls_last".to_owned();
        options.execution.time_zone = Some("UTC".to_owned());
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(runtime)
            .with_expr_planners(plan::expression_planners())
            .with_relation_planners(plan::relation_planners())
            .with_scalar_functions(functions::scalars())
            .with_higher_order_functions(functions::higher_order())
            .with_aggregate_functions(functions::aggregates())
            .with_window_functions(functions::windows())
            .build();
        Ok(Self { state: Arc::new(state), clock })
    }

    /// A session for one query. What `now()` means is read from the clock when the query starts.
    #[must_use]
    pub fn session(&self) -> Session {
        Session::new(&self.state, Arc::clone(&self.clock))
    }
}

/// How many of those that hold most memory an error names.
const NAMED_CONSUMERS: NonZeroUsize = NonZeroUsize::new(3).expect("three is not zero");
