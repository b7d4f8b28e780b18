//! Files of a day sorted into one, in bounded memory: the query engine sorts, and puts on the disk
//! what does not fit.

use std::sync::Arc;

use datafusion::{
    common::Column,
    execution::{
        SessionStateBuilder, disk_manager::DiskManagerBuilder, memory_pool::FairSpillPool,
        runtime_env::RuntimeEnvBuilder,
    },
    logical_expr::{Expr, SortExpr},
    prelude::{DataFrame, SessionConfig, SessionContext},
};
use futures::TryStreamExt as _;
use iceberg::spec::DataFile;

use crate::{
    Error, EventTable, Settings,
    day_file::RowOrder,
    file::{SORTED_BY, StoreFile},
    provider::Provider,
};

/// Writes the rows of `files`, which are of one day, to a new one in the table's order.
///
/// # Errors
/// When a file cannot be read or written. The files are not part of the table.
pub(crate) async fn sorted(
    table: &Arc<EventTable>,
    files: Vec<Arc<StoreFile>>,
    settings: &Settings,
) -> Result<Vec<DataFile>, Error> {
    let Some(first) = files.first() else { return Ok(Vec::new()) };
    let day = first.day;
    let order = RowOrder::Sorted { rows: files.iter().map(|it| it.rows).sum() };
    let context = context(settings.sort_bytes)?;
    let rows: DataFrame = context.read_table(Arc::new(Provider::of(table, files)))?;
    let rows = rows.sort(SORTED_BY.iter().map(|path| ascending(path)).collect())?;
    let mut rows = rows.execute_stream().await?;
    let target = table.target.clone();
    let work = move |begun: &mut Vec<String>| {
        let runtime = tokio::runtime::Handle::current();
        let mut file = target.create(day, order)?;
        begun.push(file.url().to_owned());
        while let Some(batch) = runtime.block_on(rows.try_next())? {
            file.write(&batch)?;
        }
        Ok(vec![file.finish()?])
    };
    table.write(work).await
}

fn ascending(path: &str) -> SortExpr {
    let mut names = path.split('.');
    let column = Expr::Column(Column::from_name(names.next().unwrap_or_default()));
    let value = names.fold(column, |row, name| {
        datafusion::functions::core::expr_ext::FieldAccessor::field(row, name)
    });
    value.sort(true, false)
}

fn context(memory: usize) -> Result<SessionContext, Error> {
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(memory)))
        .with_disk_manager_builder(DiskManagerBuilder::default())
        .build_arc()?;
    // Small batches: a row of a store is wide.
    let config = SessionConfig::new().with_target_partitions(1).with_batch_size(BATCH_ROWS);
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_default_features()
        .build();
    Ok(SessionContext::new_with_state(state))
}

/// Rows that are handled at once.
const BATCH_ROWS: usize = 1 << 10;
