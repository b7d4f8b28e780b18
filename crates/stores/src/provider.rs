//! A store's table as a query reads it: files that may hold what is wanted, and the tail.

use std::sync::{Arc, LazyLock, atomic::Ordering};

use async_trait::async_trait;
use datafusion::{
    arrow::{array::RecordBatch, datatypes::SchemaRef},
    catalog::{Session, TableProvider, memory::MemorySourceConfig},
    common::{DataFusionError, Result},
    datasource::{
        TableType,
        listing::PartitionedFile,
        object_store::ObjectStoreUrl,
        physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource},
        source::DataSourceExec,
    },
    logical_expr::{Expr, TableProviderFilterPushDown},
    physical_plan::{ExecutionPlan, union::UnionExec},
};
use logfiles::conditions;
use tokio::task;
use url::Url;
use views::View;

use crate::{
    columns,
    event_table::{EventTable, Piece, Seen},
    file::StoreFile,
    prune::{Reading, prune},
    queries::Course,
    reading::{Files, Held},
};

/// Under this name the query engine knows where files of stores lie. Not an address.
static LOCATION: LazyLock<Option<(Url, ObjectStoreUrl)>> = LazyLock::new(|| {
    let name = "trailmark-stores://tables/";
    Some((Url::parse(name).ok()?, ObjectStoreUrl::parse(name).ok()?))
});

/// Reads one table.
#[derive(Debug)]
pub(crate) struct Provider {
    table: Arc<EventTable>,
    schema: SchemaRef,
    /// The files that are meant, where it is not all of them and the tail.
    only: Option<Arc<[Arc<StoreFile>]>>,
    course: Arc<Course>,
}

impl Provider {
    pub(crate) fn new(table: Arc<EventTable>) -> Self {
        let schema = columns::viewed();
        Self { table, schema, only: None, course: Arc::default() }
    }

    /// Reads some files of the table, as they are to be written again.
    pub(crate) fn of(table: &Arc<EventTable>, files: Vec<Arc<StoreFile>>) -> Self {
        let schema = columns::arrow().unwrap_or_else(|_| View::Lake.schema());
        Self { schema, only: Some(files.into()), ..Self::new(Arc::clone(table)) }
    }

    /// Counts what is read into `course`.
    pub(crate) fn counting(self, course: Arc<Course>) -> Self {
        Self { course, ..self }
    }

    async fn files(
        &self,
        session: &dyn Session,
        files: Vec<Reading>,
        projection: Option<&Vec<usize>>,
        limit: Option<usize>,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        if files.is_empty() {
            return Ok(None);
        }
        let (url, location) = LOCATION
            .as_ref()
            .ok_or_else(|| DataFusionError::Internal("no location of stores".to_owned()))?;
        let runtime = session.runtime_env();
        let (store, cache) = (self.table.target.store.clone(), Arc::clone(self.table.cache()));
        runtime.register_object_store(url, store.objects());
        let source = ParquetSource::new(Arc::clone(&self.schema))
            .with_parquet_file_reader_factory(Arc::new(Files { store, cache }))
            .with_enable_page_index(true)
            // We have asked the Bloom filters that we keep.
            .with_bloom_filter_on_read(false)
            .with_pushdown_filters(true);
        let mut groups: Vec<(u64, FileGroup)> = Vec::new();
        groups.resize_with(session.config().target_partitions().max(1), Default::default);
        // Large files first, each to the group that has least.
        let mut files = files;
        files.sort_by_key(|it| std::cmp::Reverse(it.file.bytes));
        for reading in files {
            let file = self.partitioned(reading)?;
            if let Some((bytes, group)) = groups.iter_mut().min_by_key(|it| it.0) {
                *bytes += file.object_meta.size;
                group.push(file);
            }
        }
        let groups = groups.into_iter().map(|it| it.1).filter(|it| !it.is_empty()).collect();
        let config = FileScanConfigBuilder::new(location.clone(), Arc::new(source))
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(Some(DataSourceExec::from_data_source(config)))
    }

    fn partitioned(&self, reading: Reading) -> Result<PartitionedFile> {
        let Reading { file, access, .. } = reading;
        let key = self.table.target.store.key(&file.url);
        let key = key.map_err(|it| DataFusionError::External(it.into()))?;
        let mut partitioned = PartitionedFile::new(key.to_string(), file.bytes);
        partitioned.object_meta.location = key;
        if let Some(access) = access {
            partitioned.extensions.insert(access);
        }
        partitioned.extensions.insert(Held(file));
        Ok(partitioned)
    }

    fn tail(
        &self,
        tail: &[Arc<Piece>],
        projection: Option<&Vec<usize>>,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        if tail.is_empty() {
            return Ok(None);
        }
        let schema = match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => Arc::clone(&self.schema),
        };
        let rows = tail.iter().map(|it| {
            let rows = match projection {
                Some(columns) => it.rows.project(columns)?,
                None => it.rows.clone(),
            };
            columns::as_viewed(&rows).map_err(|it| DataFusionError::External(it.into()))
        });
        let rows: Vec<RecordBatch> = rows.collect::<Result<_>>()?;
        Ok(Some(MemorySourceConfig::try_new_exec(&[rows], schema, None)?))
    }
}

#[async_trait]
impl TableProvider for Provider {
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
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let seen = match &self.only {
            Some(files) => Arc::new(Seen { files: Arc::clone(files), tail: Vec::new() }),
            None => self.table.seen(),
        };
        let wanted = conditions(filters, View::Lake);
        let (files, store) = (Arc::clone(&seen.files), self.table.target.store.clone());
        let cache = Arc::clone(self.table.cache());
        let pruned = task::spawn_blocking(move || prune(&files, &wanted, &store, &cache)).await;
        let pruned = pruned.map_err(|it| DataFusionError::External(it.into()))?;
        let files = pruned.map_err(|it| DataFusionError::External(it.into()))?;
        let in_tail: usize = seen.tail.iter().map(|it| it.rows.num_rows()).sum();
        let events = files.iter().map(|it| it.rows).sum::<u64>() + in_tail as u64;
        self.course.events.fetch_add(events, Ordering::Relaxed);
        let bytes = files.iter().map(|it| it.bytes).sum();
        self.course.bytes.fetch_add(bytes, Ordering::Relaxed);
        let files = self.files(session, files, projection, limit).await?;
        let mut plans: Vec<_> =
            files.into_iter().chain(self.tail(&seen.tail, projection)?).collect();
        match plans.len() {
            0 => {
                let schema = Arc::clone(&self.schema);
                let none =
                    MemorySourceConfig::try_new_exec(&[vec![]], schema, projection.cloned())?;
                Ok(none)
            }
            1 => Ok(plans.remove(0)),
            _ => UnionExec::try_new(plans),
        }
    }
}
