//! All stores of a deployment: their tables, and the tasks that fill them and look after them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use catalog::{Catalog, StoreStatus};
use log::{EventLog, Position};
use tokio::{sync::watch, task::JoinSet};
use tracing::warn;
use uuid::Uuid;

use crate::{
    Components, Error, EventTable, Notes, Settings, event_table, follow::Follower,
    minutes::settle_all, upkeep,
};

/// The tables of all event data stores. Tasks run until [`EventStores::close`] or until it is
/// dropped.
#[derive(Debug)]
pub struct EventStores {
    pub(crate) shared: Arc<Shared>,
    tasks: Mutex<JoinSet<()>>,
}

/// What the tasks have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) components: Components,
    pub(crate) catalog: Catalog,
    pub(crate) log: Arc<dyn EventLog>,
    tables: Mutex<BTreeMap<Uuid, Arc<EventTable>>>,
    /// Records before this position are found in the stores that take them.
    pub(crate) visible: watch::Sender<Position>,
    /// Records before this position are in files of the stores that take them.
    pub(crate) settled: watch::Sender<Position>,
}

impl EventStores {
    /// Opens the tables of all stores that the catalog knows, and begins to fill them from the log.
    ///
    /// # Errors
    /// When the catalog, or a table, cannot be read.
    pub async fn open(
        settings: Settings,
        components: Components,
        catalog: Catalog,
        log: Arc<dyn EventLog>,
    ) -> Result<Self, Error> {
        let stores = Self::open_idle(settings, components, catalog, log).await?;
        let follower = Follower::new(Arc::clone(&stores.shared)).await?;
        let mut tasks = stores.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.spawn(follower.run());
        tasks.spawn(upkeep::look_after(Arc::clone(&stores.shared)));
        tasks.spawn(settle_imports(Arc::clone(&stores.shared)));
        drop(tasks);
        Ok(stores)
    }

    /// Opens without starting any task.
    pub(crate) async fn open_idle(
        settings: Settings,
        components: Components,
        catalog: Catalog,
        log: Arc<dyn EventLog>,
    ) -> Result<Self, Error> {
        let mut tables = BTreeMap::new();
        for store in catalog.all_stores().await? {
            if store.status != StoreStatus::Gone {
                let id = store.arn.id;
                let table = EventTable::open(components.clone(), id).await?;
                tables.insert(id, Arc::new(table));
            }
        }
        let first = log.first();
        let shared = Shared {
            settings,
            components,
            catalog,
            log,
            tables: Mutex::new(tables),
            visible: watch::Sender::new(first),
            settled: watch::Sender::new(first),
        };
        Ok(Self { shared: Arc::new(shared), tasks: Mutex::default() })
    }

    /// Makes the table of a store. Making one that is there is no error.
    ///
    /// # Errors
    /// When catalog or store of files fail.
    pub async fn create(&self, id: Uuid) -> Result<(), Error> {
        if self.shared.table(id).is_none() {
            let table = EventTable::open(self.shared.components.clone(), id).await?;
            self.shared.tables().entry(id).or_insert_with(|| Arc::new(table));
        }
        Ok(())
    }

    /// Takes the table of a store away with all that it holds. One that is not there is no error.
    ///
    /// # Errors
    /// When catalog or store of files fail. What is left goes when it is tried again.
    pub async fn remove(&self, id: Uuid) -> Result<(), Error> {
        self.shared.tables().remove(&id);
        event_table::remove(&self.shared.components, id).await
    }

    /// The table of a store.
    #[must_use]
    pub fn table(&self, id: Uuid) -> Option<Arc<EventTable>> {
        self.shared.table(id)
    }

    /// The position before which every record is found in the stores that take it.
    #[must_use]
    pub fn visible(&self) -> watch::Receiver<Position> {
        self.shared.visible.subscribe()
    }

    /// The position before which stores need nothing of the log any more: whoever trims the log
    /// waits for it.
    #[must_use]
    pub fn settled(&self) -> watch::Receiver<Position> {
        self.shared.settled.subscribe()
    }

    /// Stops the tasks. Writes nothing: the log has everything that the tables do not.
    pub async fn close(&self) {
        let mut tasks =
            std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.shutdown().await;
    }
}

/// Settles what imports that are over have left.
async fn settle_imports(shared: Arc<Shared>) {
    if let Err(error) = shared.settle_imports().await {
        warn!(error = tables::chain(&error), "leaves of imported files wait for the next start");
    }
}

impl Shared {
    pub(crate) async fn settle_imports(&self) -> Result<(), Error> {
        let running = self.catalog.running_imports().await?.into_iter().map(|it| it.id).collect();
        for store in self.catalog.all_stores().await? {
            if let Some(table) = self.table(store.arn.id) {
                let notes = Notes { log: Arc::clone(&self.log), store: store.arn };
                settle_all(&table, &notes, &running).await?;
            }
        }
        Ok(())
    }

    pub(crate) fn table(&self, id: Uuid) -> Option<Arc<EventTable>> {
        self.tables().get(&id).cloned()
    }

    /// Every table that is open.
    pub(crate) fn all(&self) -> Vec<Arc<EventTable>> {
        self.tables().values().cloned().collect()
    }

    fn tables(&self) -> std::sync::MutexGuard<'_, BTreeMap<Uuid, Arc<EventTable>>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
