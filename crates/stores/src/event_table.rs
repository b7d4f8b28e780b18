//! One store's table: its files, and the tail of rows that are not in files yet.
//!
//! INVARIANT: a row is in exactly one of the two. A flush swaps both at once, in one step that a
//! reader sees whole or not at all.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex as StdMutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use ambient::Ambient;
use arrow_array::RecordBatch;
use datafusion::catalog::TableProvider;
use iceberg::spec::{
    DataFile, NullOrder, Operation, SortDirection, SortField, SortOrder, Transform,
    UnboundPartitionSpec,
};
use jiff::{SignedDuration, Timestamp};
use tables::{Cache, Change, Layout, Store, Table, background, chain};
use tokio::sync::Mutex;
use tracing::warn;
use uuid::Uuid;

use crate::{
    Error, columns,
    day_file::{RowOrder, Target},
    file::{SORT_ORDER_ID, SORTED_BY, StoreFile},
    minutes::Turn,
    order::order,
    provider::Provider,
};

/// The namespace of stores' tables; the name of each is the store's id.
pub(crate) const NAMESPACE: &str = "stores";

/// The mark that says how far a table holds the log.
pub(crate) const POSITION: &str = "position";

/// What the tables of stores stand on.
#[derive(Clone, Debug)]
pub struct Components {
    /// Where files go.
    pub store: Store,
    /// The database of the Iceberg catalog, as `sqlite:///folder/file.db?mode=rwc`.
    pub catalog_url: String,
    /// Time and names of files.
    pub ambient: Ambient,
    /// Footers and Bloom filters, of all tables together.
    pub cache: Arc<Cache>,
}

/// The table of one store.
#[derive(Debug)]
pub struct EventTable {
    id: Uuid,
    pub(crate) target: Target,
    components: Components,
    /// Held while the table is changed, not while files are written.
    table: Mutex<Table<StoreFile>>,
    /// Held by the one flush, or commit of an import, that may run at a time.
    flushing: Mutex<()>,
    seen: StdMutex<Arc<Seen>>,
    /// Held by whoever notes which files an import took.
    pub(crate) noting: Turn,
    /// Imports that run.
    imports: AtomicUsize,
}

/// Says as long as it is there that an import into the table runs.
#[derive(Debug)]
pub(crate) struct Importing<'a>(&'a AtomicUsize);

impl Drop for Importing<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a reader sees at one moment. Never changes; the next moment is another.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) files: Arc<[Arc<StoreFile>]>,
    /// Rows that are in none of the files, in the order of the log.
    pub(crate) tail: Vec<Arc<Piece>>,
}

/// Rows that came together.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) rows: RecordBatch,
    /// Memory, in bytes.
    bytes: usize,
    since: Timestamp,
}

/// What a store's table holds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Stats {
    /// Rows, those of the tail included.
    pub rows: u64,
    /// Bytes of its files.
    pub bytes: u64,
    /// Files.
    pub files: u64,
    /// Memory of the tail, in bytes.
    pub tail_bytes: usize,
    /// When the oldest rows of the tail came.
    pub tail_since: Option<Timestamp>,
}

impl EventTable {
    /// Opens the table of a store; creates it when there is none. Files that a crash left are
    /// deleted.
    ///
    /// # Errors
    /// When catalog or store fail, or the table is none of a store.
    pub async fn open(components: Components, id: Uuid) -> Result<Self, Error> {
        let Components { store, catalog_url, ambient, .. } = &components;
        let table = Table::open(store.clone(), catalog_url, ambient.clone(), layout(id)?).await?;
        let store = table.store().clone();
        for url in table.orphans().await? {
            delete(&store, &url).await;
        }
        let target =
            Target { store, table: table.location().into(), random: Arc::clone(&ambient.random) };
        let seen = Seen { files: table.files(), tail: Vec::new() };
        Ok(Self {
            id,
            target,
            components,
            table: Mutex::new(table),
            flushing: Mutex::default(),
            seen: StdMutex::new(Arc::new(seen)),
            noting: Turn::default(),
            imports: AtomicUsize::new(0),
        })
    }

    /// Notes that an import begins.
    pub(crate) fn importing(&self) -> Importing<'_> {
        self.imports.fetch_add(1, Ordering::Relaxed);
        Importing(&self.imports)
    }

    /// Whether an import runs.
    pub(crate) fn is_importing(&self) -> bool {
        self.imports.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.components.ambient.clock.now()
    }

    pub(crate) async fn pause(&self, time: Duration) {
        self.components.ambient.clock.sleep(time).await;
    }

    /// The store's id.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// The position of the log up to which the files hold what the store takes; none before the
    /// first flush.
    pub async fn committed(&self) -> Option<u64> {
        self.mark(POSITION).await?.parse().ok()
    }

    /// A mark of the table; see [`EventTable::commit`].
    pub async fn mark(&self, name: &str) -> Option<String> {
        self.table.lock().await.mark(name).map(str::to_owned)
    }

    /// What follows `start` in the names of the marks that begin so.
    pub(crate) async fn marks_called(&self, start: &str) -> Vec<String> {
        let table = self.table.lock().await;
        table.marks().keys().filter_map(|it| Some(it.strip_prefix(start)?.to_owned())).collect()
    }

    /// Its columns, as other engines see them.
    #[cfg(test)]
    pub(crate) async fn schema(&self) -> iceberg::spec::Schema {
        self.table.lock().await.schema().clone()
    }

    /// What it holds.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let seen = self.seen();
        let in_tail: usize = seen.tail.iter().map(|it| it.rows.num_rows()).sum();
        Stats {
            rows: seen.files.iter().map(|it| it.rows).sum::<u64>() + in_tail as u64,
            bytes: seen.files.iter().map(|it| it.bytes).sum(),
            files: seen.files.len() as u64,
            tail_bytes: seen.tail.iter().map(|it| it.bytes).sum(),
            tail_since: seen.tail.first().map(|it| it.since),
        }
    }

    /// The table as a query reads it. Each scan sees one moment of it.
    #[must_use]
    pub fn provider(self: &Arc<Self>) -> Arc<dyn TableProvider> {
        Arc::new(Provider::new(Arc::clone(self)))
    }

    /// As [`EventTable::provider`], counting what is read.
    pub(crate) fn provider_counting(
        self: &Arc<Self>,
        course: Arc<crate::queries::Course>,
    ) -> Arc<dyn TableProvider> {
        Arc::new(Provider::new(Arc::clone(self)).counting(course))
    }

    /// Adds rows of the view [`views::View::Lake`], with all its columns, behind the tail: a query
    /// sees them from now on.
    ///
    /// # Errors
    /// When they are not rows of the view.
    pub fn push(&self, rows: &RecordBatch) -> Result<(), Error> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let rows = columns::labelled(rows)?;
        let bytes = rows.get_array_memory_size();
        let since = self.components.ambient.clock.now();
        let piece = Arc::new(Piece { rows, bytes, since });
        self.change(|seen| seen.tail.push(piece));
        Ok(())
    }

    /// Forgets the tail: its rows will be pushed again. Waits for a flush that runs.
    pub async fn forget_tail(&self) {
        let _alone = self.flushing.lock().await;
        self.change(|seen| seen.tail.clear());
    }

    /// Writes the tail to files, and says that the table holds the log up to `until`: everything
    /// before it that the store takes must have been pushed.
    ///
    /// # Errors
    /// When store or catalog fail. Nothing is lost: what is not in the table stays in the tail.
    pub async fn flush(&self, until: u64) -> Result<(), Error> {
        let _alone = self.flushing.lock().await;
        // A commit before may have been made although it seemed to fail.
        self.read_newest().await?;
        let tail = self.seen().tail.clone();
        if tail.is_empty() {
            return Ok(());
        }
        let count = tail.len();
        let target = self.target.clone();
        let add = self
            .write(move |begun| {
                let batches: Vec<RecordBatch> = tail.iter().map(|it| it.rows.clone()).collect();
                write_sorted(&batches, &target, begun)
            })
            .await?;
        let change = Change {
            operation: Operation::Append,
            add,
            drop: HashSet::new(),
            marks: vec![(POSITION.to_owned(), Some(until.to_string()))],
        };
        self.swap(&change, count, None).await?;
        Ok(())
    }

    /// Looks whether a commit that seemed to fail was made.
    ///
    /// # Errors
    /// When store or catalog fail.
    pub(crate) async fn refresh(&self) -> Result<(), Error> {
        let _alone = self.flushing.lock().await;
        self.read_newest().await
    }

    async fn read_newest(&self) -> Result<(), Error> {
        let mut table = self.table.lock().await;
        let before = table.mark(POSITION).map(str::to_owned);
        table.refresh().await?;
        let (files, is_flushed) = (table.files(), table.mark(POSITION) != before.as_deref());
        self.change(|seen| {
            seen.files = files;
            if is_flushed {
                seen.tail.clear();
            }
        });
        Ok(())
    }

    /// Adds files that [`EventTable::write`] has made, drops others and sets marks, all at once.
    /// Returns false when a file to drop is not there any more; the files to add are then deleted.
    ///
    /// # Errors
    /// When store or catalog fail. The files to add are deleted later, should the change turn out not
    /// to have been made.
    pub async fn commit(&self, change: &Change) -> Result<bool, Error> {
        self.swap(change, 0, None).await
    }

    /// Commits if the mark `name` is still `before`. Returns false when it is not; the files to add
    /// are then deleted.
    ///
    /// # Errors
    /// Those of [`EventTable::commit`].
    pub(crate) async fn commit_after(
        &self,
        change: &Change,
        name: &str,
        before: Option<&str>,
    ) -> Result<bool, Error> {
        let _alone = self.flushing.lock().await;
        self.swap(change, 0, Some((name, before))).await
    }

    /// Commits; what was the first `flushed` pieces of the tail is in the files from then on.
    /// Not when a mark that is given with its value has another by then.
    async fn swap(
        &self,
        change: &Change,
        flushed: usize,
        after: Option<(&str, Option<&str>)>,
    ) -> Result<bool, Error> {
        let mut table = self.table.lock().await;
        let made = match after {
            Some((name, before)) => table.commit_after(change, name, before).await,
            None => table.commit(change).await,
        };
        let is_made = match made {
            Ok(is_made) => is_made,
            Err(error) => {
                table.abandon(&change.add);
                return Err(error.into());
            }
        };
        let files = table.files();
        self.change(|seen| {
            seen.files = files;
            if is_made {
                seen.tail.drain(..flushed.min(seen.tail.len()));
            }
        });
        drop(table);
        if !is_made {
            self.discard(&change.add).await;
        }
        Ok(is_made)
    }

    /// Runs `work`, which writes files, in the background. Files of a failed attempt are deleted: a
    /// full disk must not fill up with what nobody names.
    ///
    /// # Errors
    /// Those of `work`.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Vec<String>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let work = move || {
            let mut begun = Vec::new();
            (work(&mut begun), begun)
        };
        let (written, begun) = background::run(work).await?;
        if written.is_err() {
            for url in begun {
                delete(&self.target.store, &url).await;
            }
        }
        written
    }

    /// Deletes files that were written and are not to be part of the table.
    pub(crate) async fn discard(&self, files: &[DataFile]) {
        for file in files {
            delete(&self.target.store, file.file_path()).await;
        }
    }

    /// Deletes the files that no version names any more and nobody reads.
    pub async fn sweep(&self, grace: SignedDuration) {
        let now = self.components.ambient.clock.now();
        let due = self.table.lock().await.due(grace, now);
        for url in due {
            delete(&self.target.store, &url).await;
        }
    }

    pub(crate) fn seen(&self) -> Arc<Seen> {
        Arc::clone(&self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn cache(&self) -> &Arc<Cache> {
        &self.components.cache
    }

    /// Changes what readers see. The change must be quick: readers wait for it.
    fn change(&self, change: impl FnOnce(&mut Seen)) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut seen));
    }
}

/// Takes a store's table away, with all that it holds. One that is not there is no error.
///
/// # Errors
/// When catalog or store fail. What is left goes when it is tried again.
pub(crate) async fn remove(components: &Components, id: Uuid) -> Result<(), Error> {
    let Components { store, catalog_url, .. } = components;
    Ok(tables::drop_table(store, catalog_url, NAMESPACE, &id.to_string()).await?)
}

/// Writes rows in order, a file for each day. Blocks; needs a Tokio runtime.
fn write_sorted(
    batches: &[RecordBatch],
    target: &Target,
    begun: &mut Vec<String>,
) -> Result<Vec<DataFile>, Error> {
    let mut files = Vec::new();
    for day in order(batches)? {
        let mut file = target.create(day.day, RowOrder::Sorted { rows: day.count() })?;
        begun.push(file.url().to_owned());
        for rows in day.gather(batches) {
            file.write(&rows?)?;
        }
        files.push(file.finish()?);
    }
    Ok(files)
}

async fn delete(store: &Store, url: &str) {
    if let Err(error) = store.delete(url).await {
        warn!(url, error = chain(&error), "cannot delete a file that nobody needs");
    }
}

/// What the table of a store is when it is created.
fn layout(id: Uuid) -> Result<Layout, Error> {
    let partition = UnboundPartitionSpec::builder()
        .add_partition_field(columns::id("eventtime")?, "eventtime_day", Transform::Day)?
        .build();
    let mut order = SortOrder::builder();
    order.with_order_id(i64::from(SORT_ORDER_ID));
    for path in SORTED_BY {
        order.with_sort_field(
            SortField::builder()
                .source_id(columns::id(path)?)
                .transform(Transform::Identity)
                .direction(SortDirection::Ascending)
                .null_order(NullOrder::Last)
                .build(),
        );
    }
    Ok(Layout {
        namespace: NAMESPACE.to_owned(),
        name: id.to_string(),
        schema: columns::iceberg()?.clone(),
        partition,
        order: order.build_unbound()?,
    })
}
