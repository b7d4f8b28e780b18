//! Log files one by one, each wholly or not at all: for who copies them elsewhere.

use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::{error::ArrowError, record_batch::RecordBatch};
use object_store::ObjectStoreExt as _;
use tokio::sync::mpsc;
use views::{Decoder, Text, View};

use crate::{
    portions::{Portion, Portions, whole},
    source::Source,
    walk::{File, walk},
    wanted::Wanted,
};

/// Rows of a batch at most.
const BATCH: usize = 8 << 10;
/// Files that wait while others are found.
const FOUND_AHEAD: usize = 1_024;
/// Bytes of a file, as it lies, beyond which it is not taken. CloudTrail's have a few megabytes.
pub const FILE_MAX: u64 = 256 << 20;

/// A log file that was found.
#[derive(Clone, Debug)]
pub struct LogFile(File);

impl LogFile {
    /// Every log file of a source.
    ///
    /// # Errors
    /// When the source cannot be listed.
    pub async fn all(source: &Source) -> object_store::Result<Vec<Self>> {
        let (sender, mut receiver) = mpsc::channel(FOUND_AHEAD);
        let walk = walk(Arc::new([source.clone()]), Arc::new(Wanted::default()), sender);
        let gather = async {
            let mut all = Vec::new();
            while let Some(found) = receiver.recv().await {
                all.push(Self(found?));
            }
            Ok(all)
        };
        tokio::join!(walk, gather).1
    }

    /// Where it lies, as `$path` shows it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.shown
    }

    /// Its key: the path below where keys of its source begin, at `AWSLogs` where there is one.
    #[must_use]
    pub fn key(&self) -> &str {
        self.0.meta.location.as_ref()
    }

    /// Its length in bytes, as it lies.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.meta.size
    }

    /// The day under which it is filed, as `2026-03-01`, where its key says it.
    #[must_use]
    pub fn day(&self) -> Option<String> {
        self.0.facts.value("date")
    }

    /// The folder that it lies in.
    #[must_use]
    pub fn folder(&self) -> &str {
        self.name().rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// Reads it as it lies.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn get(&self) -> object_store::Result<Bytes> {
        self.0.store.get(&self.0.meta.location).await?.bytes().await
    }
}

/// Decodes the records of one file after the other into all columns of a view.
#[derive(Debug)]
pub struct FileDecoder {
    decoder: Decoder,
    /// Reads nothing: for looking through a file before.
    looker: Decoder,
    room: Vec<u8>,
}

/// Why the records of a file were not taken.
#[derive(Debug, thiserror::Error)]
pub enum FileError<E> {
    /// The file is broken; nothing of it was handed on.
    #[error("{0}")]
    Broken(String),
    /// Who takes the rows failed.
    #[error("the rows were not taken")]
    Taker(E),
}

impl FileDecoder {
    /// A decoder of all columns of `view`.
    #[must_use]
    pub fn new(view: View) -> Self {
        let all: Vec<usize> = (0..view.columns().len()).collect();
        Self {
            decoder: Decoder::new(view, &all, Vec::new()),
            looker: Decoder::new(view, &[], Vec::new()),
            room: Vec::new(),
        }
    }

    /// Hands the rows of a file to `take`, all or none. Returns how many there were.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn read<E: From<ArrowError>>(
        &mut self,
        file: &[u8],
        mut take: impl FnMut(RecordBatch) -> Result<(), E>,
    ) -> Result<u64, FileError<E>> {
        let Self { decoder, looker, room } = self;
        let mut rows = 0;
        if let Some(portion) = whole(file, room) {
            let mut batches = Vec::new();
            decode(&portion, decoder, |batch| {
                batches.push(batch);
                Ok(())
            })?;
            for batch in batches {
                rows += batch.num_rows() as u64;
                take(batch).map_err(FileError::Taker)?;
            }
            return Ok(rows);
        }
        // A file that is not in memory as a whole is looked through before anything of it is taken.
        let mut portions = Portions::new(file);
        while let Some(portion) = portions.next() {
            decode::<E>(&portion, looker, |_| Ok(()))?;
        }
        let mut portions = Portions::new(file);
        while let Some(portion) = portions.next() {
            decode(&portion, decoder, |batch| {
                rows += batch.num_rows() as u64;
                take(batch)
            })?;
        }
        Ok(rows)
    }
}

fn decode<E: From<ArrowError>>(
    portion: &Portion<'_>,
    decoder: &mut Decoder,
    mut take: impl FnMut(RecordBatch) -> Result<(), E>,
) -> Result<(), FileError<E>> {
    let mut text = Text::new(&portion.text);
    let mut goes_on = true;
    while goes_on {
        goes_on = decoder.fill(&mut text, BATCH);
        let batch = decoder.take().map_err(|it| FileError::Taker(it.into()))?;
        if batch.num_rows() > 0 {
            take(batch).map_err(FileError::Taker)?;
        }
    }
    let fault = portion.fault.clone().or_else(|| text.faults().first().map(ToString::to_string));
    fault.map_or(Ok(()), |it| Err(FileError::Broken(it)))
}
