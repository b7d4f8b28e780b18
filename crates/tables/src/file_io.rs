//! The table's metadata files, as the `iceberg` crate reads and writes them, in our store.

use std::{ops::Range, sync::Arc};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::{StreamExt as _, stream::BoxStream};
use iceberg::{
    Error, ErrorKind, Result,
    io::{
        FileMetadata, FileRead, FileWrite, InputFile, OutputFile, Storage, StorageConfig,
        StorageFactory,
    },
};
use parquet::file::reader::ChunkReader as _;
use serde::{Deserialize, Serialize};

use crate::Store;

/// Hands the store to the `iceberg` crate. The crate wants it serialisable, for engines of many
/// processes; ours is one, and a copy that was read from text has no store and says so.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct TableFiles {
    #[serde(skip)]
    store: Option<Store>,
}

impl TableFiles {
    pub(crate) fn new(store: Store) -> Self {
        Self { store: Some(store) }
    }

    fn store(&self) -> Result<&Store> {
        self.store.as_ref().ok_or_else(|| Error::new(ErrorKind::Unexpected, "no store"))
    }
}

#[typetag::serde(name = "TrailmarkFactory")]
impl StorageFactory for TableFiles {
    fn build(&self, _: &StorageConfig) -> Result<Arc<dyn Storage>> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
#[typetag::serde(name = "Trailmark")]
impl Storage for TableFiles {
    async fn exists(&self, path: &str) -> Result<bool> {
        Ok(self.store()?.head(path).await.map_err(wrap)?.is_some())
    }

    async fn metadata(&self, path: &str) -> Result<FileMetadata> {
        let found = self.store()?.head(path).await.map_err(wrap)?;
        let found = found.ok_or_else(|| Error::new(ErrorKind::DataInvalid, "no such file"))?;
        Ok(FileMetadata { size: found.size })
    }

    async fn read(&self, path: &str) -> Result<Bytes> {
        self.store()?.get(path).await.map_err(wrap)
    }

    async fn reader(&self, path: &str) -> Result<Box<dyn FileRead>> {
        let size = self.metadata(path).await?.size;
        Ok(Box::new(Opened(self.store()?.open(path, size).map_err(wrap)?)))
    }

    async fn write(&self, path: &str, bytes: Bytes) -> Result<()> {
        self.store()?.put(path, bytes).await.map_err(wrap)
    }

    async fn writer(&self, path: &str) -> Result<Box<dyn FileWrite>> {
        let (store, path) = (self.store()?.clone(), path.to_owned());
        Ok(Box::new(Gathering { store, path, bytes: Some(BytesMut::new()) }))
    }

    async fn delete(&self, path: &str) -> Result<()> {
        self.store()?.delete(path).await.map_err(wrap)
    }

    async fn delete_prefix(&self, path: &str) -> Result<()> {
        for (path, _) in self.store()?.list(path).await.map_err(wrap)? {
            self.delete(&path).await?;
        }
        Ok(())
    }

    async fn delete_stream(&self, mut paths: BoxStream<'static, String>) -> Result<()> {
        while let Some(path) = paths.next().await {
            self.delete(&path).await?;
        }
        Ok(())
    }

    fn new_input(&self, path: &str) -> Result<InputFile> {
        Ok(InputFile::new(Arc::new(self.clone()), path.to_owned()))
    }

    fn new_output(&self, path: &str) -> Result<OutputFile> {
        Ok(OutputFile::new(Arc::new(self.clone()), path.to_owned()))
    }
}

#[derive(Debug)]
struct Opened(crate::store::Reader);

#[async_trait]
impl FileRead for Opened {
    async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let reader = self.0.clone();
        let length = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        let read = move || reader.get_bytes(range.start, length);
        let bytes = tokio::task::spawn_blocking(read).await.map_err(wrap)?;
        bytes.map_err(wrap)
    }
}

/// Metadata files are small: they are gathered and written in one piece.
#[derive(Debug)]
struct Gathering {
    store: Store,
    path: String,
    bytes: Option<BytesMut>,
}

#[async_trait]
impl FileWrite for Gathering {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        let gathered = self.bytes.as_mut().ok_or_else(closed)?;
        gathered.extend_from_slice(&bytes);
        Ok(())
    }

    async fn close(&mut self) -> Result<()> {
        let bytes = self.bytes.take().ok_or_else(closed)?;
        self.store.put(&self.path, bytes.freeze()).await.map_err(wrap)
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::Unexpected, "the file is closed")
}

fn wrap(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Unexpected, "the table's store failed").with_source(error)
}
