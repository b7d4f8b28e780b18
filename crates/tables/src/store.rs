//! Where the table's files lie: any object store, with the one thing added that it leaves open,
//! *durable*.
//!
//! A file counts as written when [`Store::put`] or [`Upload::finish`] has returned: its bytes and its
//! directory entry are synced. Only then may anything point to it.
//!
//! Lives elsewhere: what the files mean (`table`, `parquet_file`).

mod local;
mod reader;
mod upload;

use std::{fmt::Debug, io, path::PathBuf, sync::Arc};

use bytes::Bytes;
use futures::{TryStreamExt as _, future::BoxFuture};
use object_store::{
    ObjectMeta, ObjectStore, ObjectStoreExt as _, local::LocalFileSystem, path::Path,
};

use crate::Error;
pub use reader::{Reader, Sequential};
pub use upload::Upload;

/// Makes files durable that an object store has written.
pub trait Durability: Debug + Send + Sync {
    /// Completes when the bytes of `key` and its name survive a loss of power.
    fn sync(&self, key: Path) -> BoxFuture<'_, Result<(), io::Error>>;
}

/// For stores whose writes are durable when they are acknowledged, as S3's are.
#[derive(Clone, Copy, Debug)]
pub struct DurableWhenPut;

impl Durability for DurableWhenPut {
    fn sync(&self, _: Path) -> BoxFuture<'_, Result<(), io::Error>> {
        Box::pin(async { Ok(()) })
    }
}

/// A folder, a bucket, or a part of either. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    durability: Arc<dyn Durability>,
    location: Arc<str>,
    /// Set when files can be read without a detour through the object store.
    folder: Option<Arc<std::path::Path>>,
}

impl Store {
    /// A local folder, which is created when it is not there.
    ///
    /// # Errors
    /// When it can be neither created nor opened.
    pub fn local(folder: impl Into<PathBuf>) -> Result<Self, Error> {
        let folder: PathBuf = folder.into();
        let failed = |source| Error::Sync { path: folder.display().to_string(), source };
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let folder = folder.canonicalize().map_err(failed)?;
        let objects = Arc::new(LocalFileSystem::new_with_prefix(&folder)?);
        Ok(Self {
            objects,
            durability: Arc::new(local::Folder::new(folder.clone())),
            location: format!("file://{}", folder.display()).into(),
            folder: Some(folder.into()),
        })
    }

    /// An object store; `location` is the URL of its root, such as `s3://bucket/prefix`, under which
    /// other engines know the same files.
    #[must_use]
    pub fn new(
        objects: Arc<dyn ObjectStore>,
        location: &str,
        durability: Arc<dyn Durability>,
    ) -> Self {
        let location = location.trim_end_matches('/').into();
        Self { objects, durability, location, folder: None }
    }

    /// The store itself, for who reads many ranges at once.
    #[must_use]
    pub fn objects(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.objects)
    }

    /// The URL of the root, without a slash at its end.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// The same files under another URL of the root: under the one that they had before they were
    /// moved, and by which a table's metadata goes on naming them.
    #[must_use]
    pub(crate) fn named(&self, location: &str) -> Self {
        Self { location: location.into(), ..self.clone() }
    }

    /// Writes a whole file, durably.
    ///
    /// # Errors
    /// When it cannot be written or synced; it may then be there or not.
    pub async fn put(&self, url: &str, bytes: Bytes) -> Result<(), Error> {
        let key = self.key(url)?;
        self.objects.put(&key, bytes.into()).await?;
        self.sync(key).await
    }

    /// Begins a file whose bytes come piece by piece. Needs a Tokio runtime.
    ///
    /// # Errors
    /// When `url` lies outside of the store.
    pub fn upload(&self, url: &str) -> Result<Upload, Error> {
        Ok(Upload::new(self.clone(), self.key(url)?))
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn get(&self, url: &str) -> Result<Bytes, Error> {
        Ok(self.objects.get(&self.key(url)?).await?.bytes().await?)
    }

    /// Opens a file of `length` bytes for reading in any order, from threads that may block. Needs a
    /// Tokio runtime.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(&self, url: &str, length: u64) -> Result<Reader, Error> {
        let key = self.key(url)?;
        match &self.folder {
            Some(folder) => Reader::local(folder.join(key.as_ref()), length),
            None => Ok(Reader::remote(Arc::clone(&self.objects), key, length)),
        }
    }

    /// Size and age of a file; `None` when it is not there.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn head(&self, url: &str) -> Result<Option<ObjectMeta>, Error> {
        match self.objects.head(&self.key(url)?).await {
            Ok(meta) => Ok(Some(meta)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes a file; one that is not there is no error.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn delete(&self, url: &str) -> Result<(), Error> {
        match self.objects.delete(&self.key(url)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The files below `url`, with their URLs, and removes what writes left that a crash cut short.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn list(&self, url: &str) -> Result<Vec<(String, ObjectMeta)>, Error> {
        let key = self.key(url)?;
        if let Some(folder) = &self.folder {
            let folder = folder.join(key.as_ref());
            tokio::task::spawn_blocking(move || local::remove_staged(&folder)).await.ok();
        }
        let found: Vec<ObjectMeta> = match self.objects.list(Some(&key)).try_collect().await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        Ok(found.into_iter().map(|it| (format!("{}/{}", self.location, it.location), it)).collect())
    }

    pub(crate) async fn sync(&self, key: Path) -> Result<(), Error> {
        let path = key.to_string();
        self.durability.sync(key).await.map_err(|source| Error::Sync { path, source })
    }

    /// The key of a file in [`Store::objects`].
    ///
    /// # Errors
    /// [`Error::Outside`].
    pub fn key(&self, url: &str) -> Result<Path, Error> {
        let outside = || Error::Outside { path: url.to_owned() };
        let rest = url.strip_prefix(&*self.location).and_then(|it| it.strip_prefix('/'));
        Path::parse(rest.ok_or_else(outside)?).map_err(|_| outside())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_keeps_what_is_put_into_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::local(folder.path()).unwrap();
        let url = format!("{}/a/b=c/d.bin", store.location());
        store.put(&url, Bytes::from_static(b"0123456789")).await.unwrap();
        assert_eq!(store.get(&url).await.unwrap(), "0123456789");
        let reader = store.open(&url, 10).unwrap();
        assert_eq!(reader.bytes(3, 4).unwrap(), "3456");
        assert!(reader.bytes(8, 4).is_err());
        store.delete(&url).await.unwrap();
        store.delete(&url).await.unwrap();
        assert!(store.head(&url).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_file_outside_of_the_store_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::local(folder.path()).unwrap();
        for url in ["file:///etc/passwd", "s3://b/k", "", &format!("{}x/a", store.location())] {
            assert!(matches!(store.get(url).await, Err(Error::Outside { .. })), "{url}");
        }
        let up = format!("{}/../a", store.location());
        assert!(matches!(store.get(&up).await, Err(Error::Outside { .. })));
    }

    #[tokio::test]
    async fn what_a_crash_cut_short_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::local(folder.path()).unwrap();
        std::fs::create_dir_all(folder.path().join("t/data")).unwrap();
        std::fs::write(folder.path().join("t/data/x.parquet#1"), b"half").unwrap();
        std::fs::write(folder.path().join("t/data/y.parquet"), b"whole").unwrap();
        let found = store.list(&format!("{}/t", store.location())).await.unwrap();
        assert_eq!(found.len(), 1);
        assert!(!folder.path().join("t/data/x.parquet#1").exists());
    }
}
