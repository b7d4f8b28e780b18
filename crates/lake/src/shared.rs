//! What the tasks and the lookups of one lake have in common.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use ambient::Ambient;
use iceberg::spec::DataFile;
use jiff::SignedDuration;
use log::{EventLog, Position};
use tables::{Cache, background, chain};
use tokio::{
    sync::{Mutex, Semaphore, watch},
    task::spawn_blocking,
};
use tracing::warn;

use crate::{
    Error, Lookup, Row, Settings, Stats, Store,
    flush::Target,
    search::{Sources, search},
    settings::Retention,
    table::{Change, Table, committed},
    view::View,
};

/// Frames that may be durable and not yet visible before senders of many records are held back.
const LAG_FRAMES: u64 = 200_000;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) retention: Arc<Retention>,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) store: Store,
    pub(crate) ambient: Ambient,
    pub(crate) target: Target,
    /// What readers see now. Changed by the consumer, which adds to the tail, and by whoever has
    /// changed the table.
    pub(crate) view: watch::Sender<Arc<View>>,
    pub(crate) visible: watch::Sender<Position>,
    /// Held while the table is changed, not while files are written.
    pub(crate) table: Mutex<Table>,
    /// Held by the one flush that may run at a time.
    pub(crate) flushing: Mutex<()>,
    pub(crate) counters: Counters,
    cache: Arc<Cache>,
    lookups: Semaphore,
}

/// Counts since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) commits: AtomicU64,
    pub(crate) flush_failures: AtomicU64,
    pub(crate) unreadable: AtomicU64,
}

impl Shared {
    pub(crate) fn new(
        settings: Settings,
        log: Arc<dyn EventLog>,
        store: Store,
        ambient: Ambient,
        table: Table,
    ) -> Result<Self, Error> {
        let mut view = View::default();
        view.adopt(table.files(), committed(&table));
        Ok(Self {
            retention: Arc::new(Retention::read(&settings)?),
            target: Target {
                store: store.clone(),
                table: table.location().into(),
                random: Arc::clone(&ambient.random),
                row_group_rows: settings.row_group_rows,
            },
            visible: watch::Sender::new(view.visible()),
            view: watch::Sender::new(Arc::new(view)),
            table: Mutex::new(table),
            flushing: Mutex::default(),
            counters: Counters::default(),
            cache: Arc::new(Cache::new(settings.cache_bytes)),
            lookups: Semaphore::new(settings.lookups_at_once.max(1)),
            settings,
            log,
            store,
            ambient,
        })
    }

    /// Changes what readers see. The change must be quick: readers wait for it.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut View) -> T) -> T {
        let mut result = None;
        self.view.send_modify(|view| result = Some(change(Arc::make_mut(view))));
        result.expect("the closure was called")
    }

    /// Shows readers the table as it now is.
    pub(crate) fn adopt(&self, table: &Table) {
        self.change(|view| view.adopt(table.files(), committed(table)));
    }

    /// Writes files in the background. Files of a failed attempt are deleted: a full disk
    /// must not fill up with what nobody names.
    ///
    /// # Errors
    /// Those of `write`.
    pub(crate) async fn write_files(
        &self,
        write: impl FnOnce(&Target, &mut Vec<String>) -> Result<Vec<DataFile>, Error> + Send + 'static,
    ) -> Result<Vec<DataFile>, Error> {
        let target = self.target.clone();
        let write = move || {
            let mut begun = Vec::new();
            (write(&target, &mut begun), begun)
        };
        let (written, begun) = background::run(write).await?;
        if written.is_err() {
            self.delete(begun).await;
        }
        written
    }

    /// Changes the table and shows readers what it then is. Returns false when a file to drop is not
    /// there any more; the files to add are then deleted.
    ///
    /// # Errors
    /// When store or catalog fail. The files to add are deleted later, should the change turn out not
    /// to have been made.
    pub(crate) async fn commit(&self, change: &Change) -> Result<bool, Error> {
        let mut table = self.table.lock().await;
        let committed = table.commit(change).await;
        self.adopt(&table);
        let is_made = match committed {
            Ok(is_made) => is_made,
            Err(error) => {
                table.abandon(&change.add);
                return Err(error.into());
            }
        };
        drop(table);
        if is_made {
            self.counters.commits.fetch_add(1, Ordering::Relaxed);
        } else {
            self.delete(change.add.iter().map(|it| it.file_path().to_owned()).collect()).await;
        }
        Ok(is_made)
    }

    /// Deletes files that nobody names. Those that cannot be deleted are left for the next start.
    pub(crate) async fn delete(&self, urls: Vec<String>) {
        for url in urls {
            if let Err(error) = self.store.delete(&url).await {
                warn!(url, error = chain(&error), "cannot delete a file that nobody needs");
            }
        }
    }

    pub(crate) fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.borrow())
    }

    pub(crate) async fn lookup(&self, lookup: Lookup) -> Result<Vec<Row>, Error> {
        let _permit = self.lookups.acquire().await.map_err(|_| Error::Closed)?;
        let sources = Sources {
            view: self.view(),
            store: self.store.clone(),
            cache: Arc::clone(&self.cache),
            retention: Arc::clone(&self.retention),
            now: self.ambient.clock.now(),
        };
        let search = move || search(&sources, &lookup);
        spawn_blocking(search).await.map_err(|_| Error::Closed)?
    }

    pub(crate) fn pressure(&self) -> f32 {
        self.view.borrow().tail_bytes() as f32 / self.settings.tail_bytes.max(1) as f32
    }

    pub(crate) async fn wait_for_room(&self) {
        let (mut view, mut visible) = (self.view.subscribe(), self.visible.subscribe());
        loop {
            let is_room = view.borrow_and_update().tail_bytes() < self.settings.tail_bytes;
            visible.mark_unchanged();
            if is_room && self.lag() < LAG_FRAMES {
                return;
            }
            tokio::select! {
                changed = view.changed() => if changed.is_err() { return },
                changed = visible.changed() => if changed.is_err() { return },
            }
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        let view = self.view();
        Stats {
            table_rows: view.files.iter().map(|it| it.rows).sum(),
            table_files: view.files.len() as u64,
            table_bytes: view.files.iter().map(|it| it.bytes).sum(),
            tail_rows: view.tail_rows() as u64,
            tail_bytes: view.tail_bytes() as u64,
            committed: view.committed,
            visible: view.visible(),
            lag: self.lag(),
            commits: self.counters.commits.load(Ordering::Relaxed),
            flush_failures: self.counters.flush_failures.load(Ordering::Relaxed),
            unreadable: self.counters.unreadable.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn grace(&self) -> SignedDuration {
        SignedDuration::from_secs(
            self.settings.grace_seconds.min(u64::from(u32::MAX)).cast_signed(),
        )
    }

    fn lag(&self) -> u64 {
        let durable = *self.log.durable().borrow();
        durable.0.saturating_sub(self.visible.borrow().0)
    }
}
