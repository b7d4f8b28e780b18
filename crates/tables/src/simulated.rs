//! A store of files in memory that fails at a chosen step, dies there, and forgets what was not synced:
//! for tests of who keeps tables.

#![allow(clippy::unwrap_used, reason = "for tests, which may fail")]

use std::{
    collections::BTreeSet,
    fmt, io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use async_trait::async_trait;
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::BoxStream};
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt as _, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    memory::InMemory, path::Path,
};

use crate::Durability;

/// Counts steps and says when the process dies: at a step, before or after it has had its effect.
#[derive(Debug, Default)]
pub struct Fate {
    /// Half steps left to live; each step takes two. Below zero: dead. `None`: for ever.
    left: Mutex<Option<i64>>,
    /// Steps until one that fails, alone.
    until_failure: Mutex<Option<i64>>,
    steps: AtomicI64,
}

impl Fate {
    /// The process dies after `half_steps`: an even number before a step, an odd one after it.
    pub fn die_after(&self, half_steps: i64) {
        *self.left.lock().unwrap() = Some(half_steps);
    }

    /// The step after `steps` more fails, and no other.
    pub fn fail_once_after(&self, steps: i64) {
        *self.until_failure.lock().unwrap() = Some(steps);
    }

    /// A new process, or a disk that works again.
    pub fn revive(&self) {
        *self.until_failure.lock().unwrap() = None;
        *self.left.lock().unwrap() = None;
    }

    /// Steps so far.
    pub fn steps(&self) -> i64 {
        self.steps.load(Ordering::Relaxed)
    }

    /// The begin of a step.
    fn begin(&self, what: &'static str) -> std::result::Result<(), io::Error> {
        self.steps.fetch_add(1, Ordering::Relaxed);
        let mut until = self.until_failure.lock().unwrap();
        match until.as_mut() {
            Some(0) => {
                *until = None;
                return Err(io::Error::other(format!("`{what}` failed")));
            }
            Some(left) => *left -= 1,
            None => {}
        }
        drop(until);
        self.half(what)
    }

    /// Half a step. Errors when the process is dead.
    fn half(&self, what: &'static str) -> std::result::Result<(), io::Error> {
        let mut left = self.left.lock().unwrap();
        let Some(left) = left.as_mut() else { return Ok(()) };
        if *left <= 0 {
            return Err(io::Error::other(format!("the process died at `{what}`")));
        }
        *left -= 1;
        Ok(())
    }

    /// A step without effect of its own to lose.
    ///
    /// # Errors
    /// When the process dies there, or the step is to fail.
    pub fn step(&self, what: &'static str) -> std::result::Result<(), io::Error> {
        self.begin(what)?;
        self.half(what)
    }

    fn alive(&self) -> Result<()> {
        match *self.left.lock().unwrap() {
            Some(left) if left <= 0 => Err(wrap(io::Error::other("the process is dead"))),
            _ => Ok(()),
        }
    }
}

fn wrap(source: io::Error) -> object_store::Error {
    object_store::Error::Generic { store: "faulty", source: source.into() }
}

/// The store. Clones share everything.
#[derive(Clone, Debug)]
pub struct FaultyStore {
    objects: Arc<InMemory>,
    unsynced: Arc<Mutex<BTreeSet<Path>>>,
    fate: Arc<Fate>,
}

impl FaultyStore {
    /// A store whose process has this fate.
    #[must_use]
    pub fn new(fate: Arc<Fate>) -> Self {
        Self { objects: Arc::default(), unsynced: Arc::default(), fate }
    }

    /// Power is lost: of what was not synced, each file is gone, cut or whole, as `below` decides.
    pub async fn lose_power(&self, below: impl Fn(u64) -> u64) {
        let unsynced = std::mem::take(&mut *self.unsynced.lock().unwrap());
        for key in unsynced {
            match below(3) {
                0 => self.objects.delete(&key).await.unwrap(),
                1 => {
                    let Ok(found) = self.objects.get(&key).await else { continue };
                    let bytes = found.bytes().await.unwrap();
                    let cut = bytes.slice(..bytes.len() / 2);
                    self.objects.put(&key, cut.into()).await.unwrap();
                }
                _ => {}
            }
        }
    }

    /// The keys of all files.
    pub async fn names(&self) -> Vec<String> {
        let found = self.objects.list(None).map(|it| it.unwrap().location.to_string());
        found.collect().await
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("faulty")
    }
}

impl Durability for FaultyStore {
    fn sync(&self, key: Path) -> BoxFuture<'_, std::result::Result<(), io::Error>> {
        async move {
            self.fate.begin("sync")?;
            self.unsynced.lock().unwrap().remove(&key);
            self.fate.half("sync")
        }
        .boxed()
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(
        &self,
        key: &Path,
        bytes: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.fate.begin("put").map_err(wrap)?;
        let put = self.objects.put_opts(key, bytes, options).await?;
        self.unsynced.lock().unwrap().insert(key.clone());
        self.fate.half("put").map_err(wrap)?;
        Ok(put)
    }

    async fn put_multipart_opts(
        &self,
        key: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.fate.step("begin").map_err(wrap)?;
        self.unsynced.lock().unwrap().insert(key.clone());
        self.objects.put_multipart_opts(key, options).await
    }

    async fn get_opts(&self, key: &Path, options: GetOptions) -> Result<GetResult> {
        self.fate.alive()?;
        self.objects.get_opts(key, options).await
    }

    fn delete_stream(
        &self,
        keys: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        if let Err(error) = self.fate.step("delete") {
            return futures::stream::once(async move { Err(wrap(error)) }).boxed();
        }
        self.objects.delete_stream(keys)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.objects.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.objects.copy_opts(from, to, options).await
    }
}
