//! The built-in store: every record of the log, in memory within milliseconds and in an open table
//! soon after.
//!
//! Lives here: the consumer of the log, the hot tail, the Iceberg table behind it with its flushes,
//! compaction and retention, and lookups over both.
//! Lives elsewhere: what a record says (`record`), the order of records (`log`), AWS's operations
//! (`api`).
//!
//! Start at [`Lake::open`], then [`Lake::lookup`].
//! Spec: Apache Iceberg table format, version 2; CloudTrail User Guide, "Working with CloudTrail
//! event history".

mod chunk;
mod columns;
mod compaction;
mod consumer;
mod error;
mod facts;
mod flush;
mod lookup;
mod matches;
mod month;
mod parquet_file;
mod scan;
mod search;
mod settings;
mod shared;
mod table;
mod table_file;
mod upkeep;
mod view;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};

use ambient::Ambient;
use log::{EventLog, Position};
use record::AccountId;
use tokio::{sync::watch, task::JoinSet};

use crate::{
    shared::Shared,
    table::{Table, committed, layout},
};
pub use error::Error;
pub use facts::{Resource, resources};
pub use lookup::{Attribute, Key, Lookup, Place, Row};
pub use settings::Settings;
pub use tables::{Durability, DurableWhenPut, Store};

/// What the lake stands on.
#[derive(Clone, Debug)]
pub struct Components {
    /// Where records come from.
    pub log: Arc<dyn EventLog>,
    /// Where files go.
    pub store: Store,
    /// The database of the Iceberg catalog, as `sqlite:///folder/file.db?mode=rwc`. May be the one
    /// that holds the control plane.
    pub catalog_url: String,
    /// Time and names of files.
    pub ambient: Ambient,
}

/// The built-in store. Tasks run until [`Lake::close`] or until it is dropped.
#[derive(Debug)]
pub struct Lake {
    shared: Arc<Shared>,
    tasks: Mutex<JoinSet<()>>,
}

/// What the lake holds and how far it is, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stats {
    /// Rows in the table.
    pub table_rows: u64,
    /// Data files of the table.
    pub table_files: u64,
    /// Bytes of the data files.
    pub table_bytes: u64,
    /// Rows in the tail.
    pub tail_rows: u64,
    /// Bytes of the tail, indexes included.
    pub tail_bytes: u64,
    /// The log up to here is in the table.
    pub committed: Position,
    /// The log up to here is visible.
    pub visible: Position,
    /// Frames that are durable and not yet visible.
    pub lag: u64,
    /// Commits since the start.
    pub commits: u64,
    /// Flushes that failed since the start and were tried again.
    pub flush_failures: u64,
    /// Records since the start that could not be read and are not shown.
    pub unreadable: u64,
}

impl Lake {
    /// Opens the table, creates it if there is none, and begins to consume the log.
    ///
    /// Completes when the table can be read; the tail is rebuilt from the log in the background, see
    /// [`Lake::visible`].
    ///
    /// # Errors
    /// When the table or the log cannot be read, or do not belong together.
    pub async fn open(settings: Settings, components: Components) -> Result<Self, Error> {
        let (lake, orphans) = Self::open_idle(settings, components).await?;
        lake.start(orphans);
        Ok(lake)
    }

    /// The position before which every record is visible to [`Lake::lookup`], and its changes.
    #[must_use]
    pub fn visible(&self) -> watch::Receiver<Position> {
        self.shared.visible.subscribe()
    }

    /// Finds rows, newest first. Fewer than the limit means that there are no more.
    ///
    /// # Errors
    /// When a file of the table cannot be read.
    pub async fn lookup(&self, lookup: Lookup) -> Result<Vec<Row>, Error> {
        self.shared.lookup(lookup).await
    }

    /// Every record of `account` that has this event id, newest first; of all categories and regions.
    /// At most [`SAME_ID`] of them.
    ///
    /// # Errors
    /// When a file of the table cannot be read.
    pub async fn get(&self, account: AccountId, event_id: &str) -> Result<Vec<Row>, Error> {
        let attribute = Attribute { key: Key::EventId, value: event_id.to_owned() };
        self.lookup(Lookup {
            account,
            region: None,
            categories: Vec::new(),
            attribute: Some(attribute),
            from: None,
            to: None,
            before: Position(u64::MAX),
            after: None,
            limit: SAME_ID,
        })
        .await
    }

    /// How full the tail is: 0 is empty, 1 is the bound at which the log is no longer read.
    #[must_use]
    pub fn pressure(&self) -> f32 {
        self.shared.pressure()
    }

    /// Completes when the lake keeps up: the tail is below its bound, and not too much of the log is
    /// unread. Senders of many records wait here before they send more.
    pub async fn wait_for_room(&self) {
        self.shared.wait_for_room().await;
    }

    /// Writes what the tail holds to the table now, instead of when it is large or old.
    ///
    /// # Errors
    /// When store, catalog or log fail. Nothing is lost by it.
    pub async fn flush(&self) -> Result<(), Error> {
        consumer::flush(&self.shared).await
    }

    /// What the lake holds and how far it is.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// Stops the tasks. Writes nothing: the log has everything that the table does not.
    pub async fn close(&self) {
        let mut tasks =
            std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.shutdown().await;
    }

    /// Opens without starting any task. Also returns the files that upkeep is to delete.
    async fn open_idle(
        settings: Settings,
        components: Components,
    ) -> Result<(Self, Vec<String>), Error> {
        let Components { log, store, catalog_url, ambient } = components;
        let table = Table::open(store, &catalog_url, ambient.clone(), layout()?).await?;
        let store = table.store().clone();
        let (committed, durable) = (committed(&table), *log.durable().borrow());
        if durable < committed {
            return Err(Error::LogBehind { committed, durable });
        }
        let orphans = table.orphans().await?;
        let shared = Arc::new(Shared::new(settings, log, store, ambient, table)?);
        Ok((Self { shared, tasks: Mutex::default() }, orphans))
    }

    fn start(&self, orphans: Vec<String>) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.spawn(consumer::consume(Arc::clone(&self.shared)));
        tasks.spawn(consumer::flush_when_due(Arc::clone(&self.shared)));
        tasks.spawn(upkeep::look_after(Arc::clone(&self.shared), orphans));
    }
}

/// Records of one account and event id that [`Lake::get`] returns at most.
pub const SAME_ID: usize = 100;
