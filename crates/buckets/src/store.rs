//! What the operations share: index, disk, and the buckets in memory.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};

use ambient::Ambient;
use s3s::S3ErrorCode;
use tokio::sync::Mutex;

use crate::{
    Error,
    disk::{Blob, Disk, Draft, sync_folder},
    error::{Fault, refuse},
    index::{Bucket, Index, Object, Put, Relock, WhenEtag},
    lock::{Key, ObjectLock},
    service::Facts,
};

/// The folder of the embedded S3, opened.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) index: Index,
    pub(crate) disk: Arc<Disk>,
    pub(crate) ambient: Ambient,
    buckets: RwLock<BTreeMap<String, Bucket>>,
    /// Held while a bucket is created, deleted or tagged, so that memory follows the index.
    pub(crate) naming: Mutex<()>,
    /// Locked for this process as long as it is open.
    _lock: File,
}

impl Store {
    pub(crate) async fn open(folder: &Path, ambient: Ambient) -> Result<Arc<Self>, Error> {
        fs::create_dir_all(folder).map_err(|e| Error::io("create", folder, e))?;
        let lock = lock(folder)?;
        let index = Index::open(&folder.join("index.sqlite")).await?;
        let disk = Disk::open(folder.join("blobs"), ambient.clone())?;
        if let Some(parent) = folder.parent().filter(|it| !it.as_os_str().is_empty()) {
            sync_folder(parent)?;
        }
        let live = index.blobs().await?;
        let sweeper = Arc::clone(&disk);
        tokio::task::spawn_blocking(move || sweeper.sweep(&live))
            .await
            .map_err(|_| Error::Torn)??;
        let buckets = index.buckets().await?.into_iter().map(|it| (it.name.clone(), it)).collect();
        Ok(Arc::new(Self {
            index,
            disk,
            ambient,
            buckets: RwLock::new(buckets),
            naming: Mutex::default(),
            _lock: lock,
        }))
    }

    /// A bucket by name.
    pub(crate) fn find(&self, name: &str) -> Option<Bucket> {
        self.read(|all| all.get(name).cloned())
    }

    /// A bucket with which the caller may do what it asks for.
    pub(crate) fn bucket(&self, facts: &Facts, name: &str) -> Result<Bucket, Fault> {
        let bucket = self.meant(facts, name)?;
        let errand = &facts.errand;
        if facts.visitor.may(&bucket, &errand.operation, errand.key.as_deref()) {
            Ok(bucket)
        } else {
            Err(denied())
        }
    }

    /// A bucket that is the one that the caller means, whatever it may do with it.
    pub(crate) fn meant(&self, facts: &Facts, name: &str) -> Result<Bucket, Fault> {
        let Some(bucket) = self.find(name) else { return Err(no_such_bucket()) };
        let expected = facts.expected_owner.as_deref();
        let is_meant = expected.is_none_or(|it| it == bucket.account.as_str());
        if is_meant { Ok(bucket) } else { Err(denied()) }
    }

    /// Asks something of all buckets, by name.
    pub(crate) fn read<T>(&self, ask: impl FnOnce(&BTreeMap<String, Bucket>) -> T) -> T {
        ask(&self.buckets.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes what the index has just committed.
    pub(crate) fn note(&self, change: impl FnOnce(&mut BTreeMap<String, Bucket>)) {
        change(&mut self.buckets.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Puts an object whose bytes are drafts, and removes those of the one before it. Goes on to its
    /// end when the caller leaves.
    pub(crate) async fn put(
        self: &Arc<Self>,
        place: (&str, &str),
        mut object: Object,
        drafts: Vec<Draft>,
        when: WhenEtag,
    ) -> Result<Put, Error> {
        let (bucket, key) = (place.0.to_owned(), place.1.to_owned());
        let store = Arc::clone(self);
        to_the_end(async move {
            object.meta.blobs = drafts.iter().map(|it| it.blob().clone()).collect();
            let unlock = store.unlock(false);
            let put = store.index.put_object(&bucket, &key, &object, &when, unlock).await;
            match put {
                Ok(Put::Done(gone)) => {
                    entrust(drafts);
                    store.disk.discard(gone).await;
                    Ok(Put::Done(Vec::new()))
                }
                // Nothing was committed: the drafts go.
                Ok(refused) => Ok(refused),
                Err(e) => {
                    if e.may_be_committed() {
                        entrust(drafts);
                    }
                    Err(e)
                }
            }
        })
        .await
    }

    /// Changes an object's lock to what `change` makes of it. Goes on to its end when the caller
    /// leaves.
    pub(crate) async fn relock(
        self: &Arc<Self>,
        place: (&str, &str),
        change: impl FnOnce(&ObjectLock) -> Option<ObjectLock> + Send + 'static,
    ) -> Result<Relock, Error> {
        let (bucket, key) = (place.0.to_owned(), place.1.to_owned());
        let store = Arc::clone(self);
        to_the_end(async move { store.index.relock(&bucket, &key, change).await }).await
    }

    /// How a caller comes to locks now.
    pub(crate) fn unlock(&self, bypasses_governance: bool) -> Key {
        Key { now: self.ambient.clock.now(), bypasses_governance }
    }

    /// Milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> i64 {
        self.ambient.clock.now().as_millisecond()
    }
}

/// Leaves drafts to the index: it speaks of them, or may do so although the commit seemed to fail.
fn entrust(drafts: Vec<Draft>) -> Vec<Blob> {
    drafts.into_iter().map(Draft::entrust).collect()
}

/// Runs a change to its end even when the caller stops waiting: between the commit of the index and
/// the removal of files there is no good place to stop.
pub(crate) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    tokio::spawn(work).await.map_err(|_| Error::Torn)?
}

fn denied() -> Fault {
    refuse(S3ErrorCode::AccessDenied, "Access Denied")
}

pub(crate) fn no_such_bucket() -> Fault {
    refuse(S3ErrorCode::NoSuchBucket, "The specified bucket does not exist")
}

fn lock(folder: &Path) -> Result<File, Error> {
    let path = folder.join("lock");
    let file = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(|e| Error::io("open", &path, e))?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::InUse(folder.to_owned())),
        Err(e) => Err(Error::io("lock", path, io::Error::from(e))),
    }
}
