//! Reading files on every core: each takes the next file when it is done with one.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use datafusion::{
    arrow::{
        array::{
            ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, StringArray,
            TimestampMicrosecondArray,
        },
        datatypes::SchemaRef,
    },
    common::{DataFusionError, Result},
    execution::TaskContext,
    physical_plan::{
        SendableRecordBatchStream, stream::RecordBatchReceiverStreamBuilder,
        streaming::PartitionStream,
    },
};
use futures::{StreamExt as _, stream};
use object_store::ObjectStoreExt as _;
use tokio::{sync::mpsc::Sender, task::spawn_blocking};
use views::{Decoder, Filter, View};

use crate::{inflate, walk::File};

/// A file that could not be read, or only in part.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// As `$path` shows it.
    pub file: String,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.file, self.reason)
    }
}

/// How far queries have come. Numbers only grow.
#[derive(Debug, Default)]
pub struct Progress {
    /// Log files that were found and may hold what is wanted.
    pub found: AtomicU64,
    /// Files that were read.
    pub files: AtomicU64,
    /// Bytes of these, as they lie.
    pub bytes: AtomicU64,
    /// Records that were looked at.
    pub records: AtomicU64,
    /// Records that were decoded, since they may match.
    pub rows: AtomicU64,
}

/// What is to be done with faults.
pub(crate) type OnFault = Arc<dyn Fn(Fault) -> bool + Send + Sync>;

/// What all partitions of one scan share.
pub(crate) struct Scan {
    pub(crate) view: View,
    /// Columns of the view.
    pub(crate) columns: Vec<usize>,
    /// Hidden columns behind them.
    pub(crate) hidden: Vec<&'static str>,
    /// Where, in these two, each column lies that the plan wants.
    pub(crate) order: Vec<usize>,
    pub(crate) schema: SchemaRef,
    pub(crate) filters: Vec<Filter>,
    pub(crate) limit: Option<usize>,
    /// Files that nobody has begun with.
    pub(crate) files: Mutex<VecDeque<File>>,
    pub(crate) progress: Arc<Progress>,
    /// Told of each fault; says whether to go on.
    pub(crate) on_fault: OnFault,
}

/// One of the tasks that read the files of a scan.
#[derive(Clone, Debug)]
pub(crate) struct Partition(pub(crate) Arc<Scan>);

impl fmt::Debug for Scan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan").field("view", &self.view).finish_non_exhaustive()
    }
}

impl PartitionStream for Partition {
    fn schema(&self) -> &SchemaRef {
        &self.0.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut builder = RecordBatchReceiverStreamBuilder::new(Arc::clone(&self.0.schema), 2);
        let (scan, sender) = (Arc::clone(&self.0), builder.tx());
        builder.spawn(async move { scan.run(&sender).await });
        builder.build()
    }
}

impl Scan {
    /// Reads files until none is left, or nobody listens any more.
    async fn run(self: Arc<Self>, sender: &Sender<Result<RecordBatch>>) -> Result<()> {
        let fetch = |file: File| async move {
            let fetched = async {
                let got = file.store.get(&file.meta.location).await?;
                let changed = got.meta.size != file.meta.size;
                Ok::<_, object_store::Error>((got.bytes().await?, changed))
            };
            (fetched.await, file)
        };
        let next = || self.files.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        // The next file is fetched while one is decoded.
        let files = stream::iter(std::iter::from_fn(next)).map(fetch).buffered(AHEAD);
        let mut files = std::pin::pin!(files);
        let (mut room, mut left) = (Vec::new(), self.limit);
        while let Some((fetched, file)) = files.next().await {
            let (bytes, changed) = match fetched {
                Ok(fetched) => fetched,
                Err(error) => {
                    self.tell(&file, error.to_string())?;
                    continue;
                }
            };
            if changed {
                self.tell(&file, "it has changed since it was listed".to_owned())?;
            }
            let scan = Arc::clone(&self);
            let sender = sender.clone();
            let decode = move || {
                let ended = scan.decode(&file, &bytes, &mut room, &mut left, &sender);
                (ended, room, left)
            };
            let ended = spawn_blocking(decode).await;
            let ended = ended.map_err(|it| DataFusionError::Execution(it.to_string()))?;
            (room, left) = (ended.1, ended.2);
            if !ended.0? || left == Some(0) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Decodes one file. False when nobody listens any more.
    fn decode(
        &self,
        file: &File,
        bytes: &[u8],
        room: &mut Vec<u8>,
        left: &mut Option<usize>,
        sender: &Sender<Result<RecordBatch>>,
    ) -> Result<bool> {
        let mut decoder = Decoder::new(self.view, &self.columns, self.filters.clone());
        if let Some(left) = left {
            decoder.limit(*left);
        }
        let read = match inflate::text(bytes, room) {
            Ok(text) => decoder.read(text).map_err(|it| it.to_string()),
            Err(reason) => Err(reason),
        };
        if let Err(reason) = read {
            self.tell(file, reason)?;
        }
        let rows = decoder.rows();
        let add = |number: &AtomicU64, by: usize| number.fetch_add(by as u64, Ordering::Relaxed);
        add(&self.progress.files, 1);
        add(&self.progress.bytes, bytes.len());
        add(&self.progress.rows, rows);
        self.progress.records.fetch_add(decoder.seen(), Ordering::Relaxed);
        if let Some(left) = left {
            *left = left.saturating_sub(rows);
        }
        if rows == 0 {
            return Ok(!sender.is_closed());
        }
        let batch = self.complete(file, decoder.take()?)?;
        // Smaller pieces, so that operators above hold little.
        let mut from = 0;
        while from < rows {
            let length = BATCH.min(rows - from);
            if sender.blocking_send(Ok(batch.slice(from, length))).is_err() {
                return Ok(false);
            }
            from += length;
        }
        Ok(true)
    }

    /// Adds the hidden columns, and puts all in the plan's order.
    fn complete(&self, file: &File, batch: RecordBatch) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        let mut columns = batch.columns().to_vec();
        columns.extend(self.hidden.iter().map(|it| hidden(file, it, rows)));
        let columns = self.order.iter().filter_map(|it| columns.get(*it).cloned()).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }

    fn tell(&self, file: &File, reason: String) -> Result<()> {
        let fault = Fault { file: file.shown.clone(), reason };
        let words = fault.to_string();
        if (self.on_fault)(fault) { Ok(()) } else { Err(DataFusionError::Execution(words)) }
    }
}

fn hidden(file: &File, name: &str, rows: usize) -> ArrayRef {
    match name {
        "$file_size" => {
            let size = i64::try_from(file.meta.size).unwrap_or(i64::MAX);
            Arc::new(Int64Array::from_value(size, rows))
        }
        "$file_modified_time" => {
            let time = file.meta.last_modified.timestamp_micros();
            Arc::new(TimestampMicrosecondArray::from_value(time, rows))
        }
        "$path" => Arc::new(StringArray::from_iter_values(std::iter::repeat_n(&file.shown, rows))),
        _ => {
            let value = file.facts.value(name);
            Arc::new(StringArray::from_iter(std::iter::repeat_n(value, rows)))
        }
    }
}

/// Rows of a batch.
const BATCH: usize = 8_192;
/// Files that one task holds at once: the one that is decoded and the next.
const AHEAD: usize = 2;
