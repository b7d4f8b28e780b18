//! Log files as a table.

use std::{
    fmt,
    sync::{Arc, Mutex, atomic::AtomicUsize},
};

use async_trait::async_trait;
use datafusion::{
    arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit},
    catalog::{Session, TableProvider},
    common::Result,
    datasource::TableType,
    logical_expr::{Expr, TableProviderFilterPushDown},
    physical_plan::{
        ExecutionPlan,
        streaming::{PartitionStream, StreamingTableExec},
    },
};
use views::View;

use crate::{
    key::HIDDEN,
    scan::{Fault, OnFault, Partition, Progress, Scan},
    source::Source,
    wanted::Wanted,
};

/// The log files of some sources, as one table.
#[derive(Clone)]
pub struct LogFiles {
    sources: Arc<[Source]>,
    view: View,
    hidden: Vec<&'static str>,
    schema: SchemaRef,
    progress: Arc<Progress>,
    on_fault: OnFault,
}

impl fmt::Debug for LogFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogFiles")
            .field("view", &self.view)
            .field("sources", &self.sources)
            .finish_non_exhaustive()
    }
}

impl LogFiles {
    /// The records of `sources` as `view` shows them, and of the [`HIDDEN`] columns those that
    /// `mentioned` says the query speaks of (see [`crate::mentions`]): in a table they stand behind
    /// all others and would show up in `*`. CloudTrail Lake has no partition columns.
    #[must_use]
    pub fn new(sources: Arc<[Source]>, view: View, mentioned: impl Fn(&str) -> bool) -> Self {
        let hidden: Vec<_> = HIDDEN
            .into_iter()
            .filter(|it| (view == View::Athena || it.starts_with('$')) && mentioned(it))
            .collect();
        let mut fields: Vec<_> =
            view.schema().fields().iter().map(|it| it.as_ref().clone()).collect();
        fields.extend(hidden.iter().map(|it| field(it)));
        let schema = Arc::new(Schema::new(fields));
        let on_fault: OnFault = Arc::new(|_| true);
        Self { sources, view, hidden, schema, progress: Arc::default(), on_fault }
    }

    /// Tells `on_fault` of each file that cannot be read, or only in part; when it says false, the
    /// query fails.
    #[must_use]
    pub fn telling(mut self, on_fault: impl Fn(Fault) -> bool + Send + Sync + 'static) -> Self {
        self.on_fault = Arc::new(on_fault);
        self
    }

    /// Counts into `progress`.
    #[must_use]
    pub fn counting(mut self, progress: Arc<Progress>) -> Self {
        self.progress = progress;
        self
    }
}

fn field(hidden: &str) -> Field {
    let kind = match hidden {
        "$file_size" => DataType::Int64,
        "$file_modified_time" => DataType::Timestamp(TimeUnit::Microsecond, None),
        _ => DataType::Utf8,
    };
    Field::new(hidden, kind, true)
}

#[async_trait]
impl TableProvider for LogFiles {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let told = |it: &&Expr| {
            if Wanted::helps(it, self.view) {
                TableProviderFilterPushDown::Inexact
            } else {
                TableProviderFilterPushDown::Unsupported
            }
        };
        Ok(filters.iter().map(told).collect())
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let wanted = Arc::new(Wanted::of(filters, self.view));
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let projection = projection.unwrap_or(&all);
        let shown = self.view.columns().len();
        let columns: Vec<usize> = projection.iter().copied().filter(|it| *it < shown).collect();
        let hidden: Vec<usize> = projection.iter().copied().filter(|it| *it >= shown).collect();
        let place = |wanted: &usize| columns.iter().chain(&hidden).position(|it| it == wanted);
        let order = projection.iter().filter_map(place).collect();
        let hidden = hidden.iter().filter_map(|it| self.hidden.get(it - shown).copied()).collect();
        let tasks = session.config().target_partitions().max(1);
        let schema = Arc::new(self.schema.project(projection)?);
        let scan = Arc::new(Scan {
            sources: Arc::clone(&self.sources),
            view: self.view,
            columns,
            hidden,
            order,
            schema: Arc::clone(&schema),
            wanted,
            limit,
            runs: Mutex::default(),
            progress: Arc::clone(&self.progress),
            on_fault: Arc::clone(&self.on_fault),
        });
        let partition = || Partition { scan: Arc::clone(&scan), runs: AtomicUsize::new(0) };
        let partitions = (0..tasks).map(|_| Arc::new(partition()) as Arc<dyn PartitionStream>);
        let plan =
            StreamingTableExec::try_new(schema, partitions.collect(), None, [], false, None)?;
        Ok(Arc::new(plan))
    }
}
