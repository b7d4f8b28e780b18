//! How the query engine gets at the bytes of data files: footers from the cache that pruning uses, and
//! ranges without a detour to another thread where memory holds them.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use datafusion::{
    common::DataFusionError,
    datasource::{listing::PartitionedFile, physical_plan::ParquetFileReaderFactory},
    physical_plan::metrics::ExecutionPlanMetricsSet,
};
use futures::{FutureExt as _, future::BoxFuture};
use parquet::{
    arrow::{
        arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions},
        async_reader::AsyncFileReader,
    },
    errors::ParquetError,
    file::metadata::{PageIndexPolicy, ParquetMetaData},
};
use tables::{Cache, Reader, Store};

use crate::{Error, file::StoreFile};

/// The file that a part of a plan reads. Keeps it from being deleted while the plan is there.
pub(crate) struct Held(pub(crate) Arc<StoreFile>);

/// Opens files of a store for the query engine.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) store: Store,
    pub(crate) cache: Arc<Cache>,
}

impl ParquetFileReaderFactory for Files {
    fn create_reader(
        &self,
        _: usize,
        file: PartitionedFile,
        _: Option<usize>,
        _: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>, DataFusionError> {
        let held = file.extensions.get::<Held>();
        let held =
            held.ok_or_else(|| DataFusionError::Internal("a file of no store".to_owned()))?;
        Ok(Box::new(Opened {
            file: Arc::clone(&held.0),
            store: self.store.clone(),
            cache: Arc::clone(&self.cache),
            reader: None,
        }))
    }
}

/// The footer of a file with its page index. Blocks when it is not kept.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn footer(
    file: &StoreFile,
    store: &Store,
    cache: &Cache,
) -> Result<ArrowReaderMetadata, Error> {
    cache.footer(&file.url, || {
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
        Ok(ArrowReaderMetadata::load(&store.open(&file.url, file.bytes)?, options)?)
    })
}

struct Opened {
    file: Arc<StoreFile>,
    store: Store,
    cache: Arc<Cache>,
    reader: Option<Reader>,
}

impl Opened {
    fn reader(&mut self) -> Result<Reader, ParquetError> {
        if let Some(reader) = &self.reader {
            return Ok(reader.clone());
        }
        let reader = self.store.open(&self.file.url, self.file.bytes).map_err(external)?;
        Ok(self.reader.insert(reader).clone())
    }
}

impl AsyncFileReader for Opened {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        async move {
            let mut found = self.get_byte_ranges(vec![range]).await?;
            found.pop().ok_or_else(|| ParquetError::EOF("no bytes".to_owned()))
        }
        .boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, Result<Vec<Bytes>, ParquetError>> {
        async move { Ok(self.reader()?.ranges(ranges).await?) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        async move {
            if let Some(kept) = self.cache.kept_footer(&self.file.url) {
                return Ok(Arc::clone(kept.metadata()));
            }
            let (file, store) = (Arc::clone(&self.file), self.store.clone());
            let cache = Arc::clone(&self.cache);
            let read = tokio::task::spawn_blocking(move || footer(&file, &store, &cache));
            let footer = read.await.map_err(external)?.map_err(external)?;
            Ok(Arc::clone(footer.metadata()))
        }
        .boxed()
    }
}

fn external(error: impl std::error::Error + Send + Sync + 'static) -> ParquetError {
    ParquetError::External(Box::new(error))
}
