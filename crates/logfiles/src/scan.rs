//! Reading files on every core: each takes the next file when it is done with one.

use std::{
    fmt, io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
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
    common::{DataFusionError, Result, runtime::SpawnedTask},
    execution::TaskContext,
    physical_plan::{
        SendableRecordBatchStream, stream::RecordBatchReceiverStreamBuilder,
        streaming::PartitionStream,
    },
};
use futures::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use object_store::ObjectStoreExt as _;
use tokio::{
    runtime::Handle,
    sync::mpsc::{self, Receiver, Sender},
    task::spawn_blocking,
};
use views::{Decoder, Malformed, Text, View};

use crate::{
    portions::{Portion, Portions, WHOLE_MAX, whole},
    source::Source,
    walk::{File, Found, walk},
    wanted::Wanted,
};

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
    /// How often log files were looked for.
    pub walks: AtomicU64,
    /// Log files that were found and may hold what is wanted.
    pub found: AtomicU64,
    /// Bytes of these.
    pub found_bytes: AtomicU64,
    /// Files that were read.
    pub files: AtomicU64,
    /// Bytes of these, as they lie.
    pub bytes: AtomicU64,
    /// Records that were looked at.
    pub records: AtomicU64,
    /// Records that were decoded, since they may match.
    pub rows: AtomicU64,
}

/// What is to be done with faults: says whether to go on.
pub(crate) type OnFault = Arc<dyn Fn(Fault) -> bool + Send + Sync>;

/// What all partitions of one scan share.
pub(crate) struct Scan {
    pub(crate) sources: Arc<[Source]>,
    pub(crate) view: View,
    /// Columns of the view.
    pub(crate) columns: Vec<usize>,
    /// Hidden columns behind them.
    pub(crate) hidden: Vec<&'static str>,
    /// Where, in these two, each column lies that the plan wants.
    pub(crate) order: Vec<usize>,
    pub(crate) schema: SchemaRef,
    pub(crate) wanted: Arc<Wanted>,
    pub(crate) limit: Option<usize>,
    /// One for each time that the scan is run.
    pub(crate) runs: Mutex<Vec<Arc<Files>>>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) on_fault: OnFault,
}

/// Files that were found and that nobody has begun with.
pub(crate) type Files = tokio::sync::Mutex<Receiver<Found>>;

/// One of the tasks that read the files of a scan.
#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) scan: Arc<Scan>,
    /// How often it has been run.
    pub(crate) runs: AtomicUsize,
}

/// The bytes of a file: those of a large one come bit by bit.
enum Body {
    Whole(bytes::Bytes),
    Stream(BoxStream<'static, object_store::Result<bytes::Bytes>>),
}

/// A stream for who can wait: on a thread of its own, never on one that drives others.
struct Blocking {
    stream: BoxStream<'static, object_store::Result<bytes::Bytes>>,
    bytes: bytes::Bytes,
}

impl io::Read for Blocking {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.bytes.is_empty() {
            match Handle::current().block_on(self.stream.next()) {
                Some(bytes) => self.bytes = bytes.map_err(io::Error::other)?,
                None => return Ok(0),
            }
        }
        io::Read::read(&mut bytes::Buf::reader(&mut self.bytes), into)
    }
}

/// What a task takes from file to file.
struct Desk {
    decoder: Decoder,
    room: Vec<u8>,
    seen: u64,
}

impl fmt::Debug for Scan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan")
            .field("view", &self.view)
            .field("wanted", &self.wanted)
            .finish_non_exhaustive()
    }
}

impl PartitionStream for Partition {
    fn schema(&self) -> &SchemaRef {
        &self.scan.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let scan = Arc::clone(&self.scan);
        let files = scan.files(self.runs.fetch_add(1, Ordering::Relaxed));
        let mut builder = RecordBatchReceiverStreamBuilder::new(Arc::clone(&scan.schema), WAITING);
        let sender = builder.tx();
        builder.spawn(async move { scan.run(files, &sender).await });
        builder.build()
    }
}

impl Scan {
    /// The files of a run; whoever asks first sets out to find them.
    fn files(&self, run: usize) -> Arc<Files> {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        while runs.len() <= run {
            let (sender, receiver) = mpsc::channel(FOUND_AHEAD);
            self.progress.walks.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(walk(Arc::clone(&self.sources), Arc::clone(&self.wanted), sender));
            runs.push(Arc::new(Files::new(receiver)));
        }
        runs.get(run).map_or_else(|| Arc::new(Files::new(mpsc::channel(1).1)), Arc::clone)
    }

    /// Reads files until none is left, or nobody listens any more.
    async fn run(
        self: Arc<Self>,
        files: Arc<Files>,
        sender: &Sender<Result<RecordBatch>>,
    ) -> Result<()> {
        // The next file is fetched while one is decoded.
        let found = stream::unfold(files, |files| async move {
            let found = files.lock().await.recv().await?;
            Some((found, files))
        });
        // In tasks of their own, so that they go on while a file is decoded.
        let fetch = |found: Found| {
            let scan = Arc::clone(&self);
            SpawnedTask::spawn(async move { scan.fetch(found).await })
        };
        let fetched = found.map(fetch).buffered(AHEAD);
        let mut fetched = std::pin::pin!(fetched);
        let mut decoder = Decoder::new(self.view, &self.columns, self.wanted.filters.clone());
        if let Some(limit) = self.limit {
            decoder.limit(limit);
        }
        let mut desk = Desk { decoder, room: Vec::new(), seen: 0 };
        while let Some(fetched) = fetched.next().await {
            let fetched = fetched.map_err(|it| DataFusionError::ExecutionJoin(Box::new(it)))?;
            let Some((file, body)) = fetched? else { continue };
            let (scan, sender) = (Arc::clone(&self), sender.clone());
            let decode = spawn_blocking(move || {
                let goes_on = scan.decode(&file, body, &mut desk, &sender);
                (goes_on, desk)
            });
            let (goes_on, kept) =
                decode.await.map_err(|it| DataFusionError::Execution(it.to_string()))?;
            desk = kept;
            if !goes_on? || desk.decoder.is_done() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The bytes of a file; none when it cannot be read, which is told.
    async fn fetch(&self, found: Found) -> Result<Option<(File, Body)>> {
        let file = found.map_err(|it| DataFusionError::ObjectStore(Box::new(it)))?;
        self.progress.found.fetch_add(1, Ordering::Relaxed);
        self.progress.found_bytes.fetch_add(file.meta.size, Ordering::Relaxed);
        let got = async {
            let got = file.store.get(&file.meta.location).await?;
            let has_changed = match (&got.meta.e_tag, &file.meta.e_tag) {
                (Some(now), Some(then)) => now != then,
                _ => got.meta.size != file.meta.size,
            };
            let is_small = got.meta.size <= WHOLE_MAX as u64;
            let body = if is_small {
                Body::Whole(got.bytes().await?)
            } else {
                Body::Stream(got.into_stream())
            };
            Ok((body, has_changed))
        };
        match got.await {
            Ok((body, has_changed)) => {
                if has_changed {
                    self.tell(&file, "it has changed since it was listed".to_owned())?;
                }
                Ok(Some((file, body)))
            }
            Err(object_store::Error::NotFound { .. }) => {
                self.tell(&file, "it has vanished since it was listed".to_owned())?;
                Ok(None)
            }
            // Nobody waits for the rows any more.
            Err(object_store::Error::JoinError { source }) if source.is_cancelled() => Ok(None),
            Err(error) => {
                self.tell(&file, error.to_string())?;
                Ok(None)
            }
        }
    }

    /// Decodes one file. False when nobody listens any more.
    fn decode(
        &self,
        file: &File,
        body: Body,
        desk: &mut Desk,
        sender: &Sender<Result<RecordBatch>>,
    ) -> Result<bool> {
        let Desk { decoder, room, .. } = desk;
        let mut goes_on = true;
        match body {
            Body::Whole(bytes) => {
                if let Some(portion) = whole(&bytes, room) {
                    goes_on = self.decode_portion(file, &portion, decoder, sender)?;
                } else {
                    let mut portions = Portions::new(&*bytes);
                    while goes_on && let Some(portion) = portions.next() {
                        goes_on = self.decode_portion(file, &portion, decoder, sender)?;
                    }
                }
            }
            Body::Stream(stream) => {
                let mut portions = Portions::new(Blocking { stream, bytes: bytes::Bytes::new() });
                while goes_on && let Some(portion) = portions.next() {
                    goes_on = self.decode_portion(file, &portion, decoder, sender)?;
                }
            }
        }
        self.progress.files.fetch_add(1, Ordering::Relaxed);
        self.progress.bytes.fetch_add(file.meta.size, Ordering::Relaxed);
        self.progress.records.fetch_add(desk.decoder.seen() - desk.seen, Ordering::Relaxed);
        desk.seen = desk.decoder.seen();
        Ok(goes_on)
    }

    /// Decodes a part of a file. False when nobody listens any more, or no more is wanted.
    fn decode_portion(
        &self,
        file: &File,
        portion: &Portion<'_>,
        decoder: &mut Decoder,
        sender: &Sender<Result<RecordBatch>>,
    ) -> Result<bool> {
        let mut text = Text::new(&portion.text);
        let mut goes_on = true;
        while goes_on {
            goes_on = decoder.fill(&mut text, BATCH);
            if decoder.rows() > 0 {
                self.progress.rows.fetch_add(decoder.rows() as u64, Ordering::Relaxed);
                let batch = self.complete(file, &decoder.take()?)?;
                if sender.blocking_send(Ok(batch)).is_err() {
                    return Ok(false);
                }
            }
        }
        if let Some(reason) = &portion.fault {
            self.tell(file, reason.clone())?;
        } else if let Some(first) = text.faults().first() {
            let first = Malformed { line: first.line + portion.lines, ..first.clone() };
            let others = text.faulty() - 1;
            let others =
                if others > 0 { format!(", and {others} more faults") } else { String::new() };
            self.tell(file, format!("{first}{others}"))?;
        }
        Ok(!sender.is_closed() && !decoder.is_done())
    }

    /// Adds the hidden columns, and puts all in the plan's order.
    fn complete(&self, file: &File, batch: &RecordBatch) -> Result<RecordBatch> {
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
/// Batches of a task that may wait for whoever wants them.
const WAITING: usize = 2;
/// Files that one task holds at once: the one that is decoded and the next.
const AHEAD: usize = 2;
/// Files that may be found before somebody reads them.
const FOUND_AHEAD: usize = 4_096;
