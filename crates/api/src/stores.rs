//! Event data stores: everything that CloudTrail's control plane can do with them.
//!
//! Lives here: what the operations have in common, who may use which store, and what is handed in.
//! Lives elsewhere: each operation, in a file of its own; how stores are kept (`catalog`), what
//! selectors mean (`matching`), the tables that hold the events (`lake`).
//!
//! A change takes effect at the end of the log as it is when the change is made: records before it
//! are judged by what the store was. A store is created once its table is there, so it answers
//! `ENABLED` where AWS answers `CREATED` for some seconds.
//!
//! Start at [`Stores`], then at `create_event_data_store`.
//! Spec: CloudTrail API Reference, the operations named as the files here; CloudTrail User Guide,
//! "CloudTrail Lake event data stores".

mod create_event_data_store;
mod delete_event_data_store;
mod disable_federation;
mod enable_federation;
mod event_configuration;
mod find;
mod get_event_data_store;
mod ingestion;
mod insight_selectors;
mod kept;
mod list_event_data_stores;
mod plane;
mod restore_event_data_store;
mod selectors;
mod settings;
mod shown;
mod update_event_data_store;
mod upkeep;

use std::sync::Arc;

use ambient::Ambient;
use wire::shapes::cloudtrail::ErrorCode;

pub use self::plane::{
    EventStores, Importer, QueryRunner, ResultRow, StatementProblem, StoreTable,
};
pub(crate) use self::{
    create_event_data_store::create_event_data_store,
    delete_event_data_store::delete_event_data_store,
    disable_federation::disable_federation,
    enable_federation::enable_federation,
    event_configuration::{get_event_configuration, put_event_configuration},
    find::{Named, STORE_ACTIONS, Use, active, channel_arn, store_arn},
    get_event_data_store::get_event_data_store,
    ingestion::{start_event_data_store_ingestion, stop_event_data_store_ingestion},
    insight_selectors::{get_store_insight_selectors, put_store_insight_selectors},
    kept::refused,
    list_event_data_stores::list_event_data_stores,
    restore_event_data_store::restore_event_data_store,
    selectors::{category, is_of_calls},
    update_event_data_store::update_event_data_store,
    upkeep::upkeep,
};
use crate::{
    fault::{Fault, fault},
    trails::Asked,
};

/// What operations on event data stores need.
#[derive(Clone, Debug)]
pub struct Stores {
    /// Keeps the tables.
    pub tables: Arc<dyn EventStores>,
    /// Runs queries. Without it the operations on queries are not available.
    pub queries: Option<Arc<dyn QueryRunner>>,
    /// Reads old log files. Without it the operations on imports are not available.
    pub importer: Option<Arc<dyn Importer>>,
    /// Where ids come from.
    pub ambient: Ambient,
}

impl<'a> Asked<'a> {
    /// What keeps event data stores here.
    ///
    /// # Errors
    /// `UnsupportedOperationException` when nothing does.
    pub(crate) fn stores(&self) -> Result<&'a Stores, Fault> {
        self.stores.ok_or_else(|| not_available("Event data stores are"))
    }

    /// What runs queries here.
    ///
    /// # Errors
    /// `UnsupportedOperationException` when nothing does.
    pub(crate) fn runner(&self) -> Result<&'a dyn QueryRunner, Fault> {
        self.stores()?.queries.as_deref().ok_or_else(|| not_available("Queries are"))
    }

    /// What imports log files here.
    ///
    /// # Errors
    /// `UnsupportedOperationException` when nothing does.
    pub(crate) fn importer(&self) -> Result<&'a dyn Importer, Fault> {
        self.stores()?.importer.as_deref().ok_or_else(|| not_available("Imports are"))
    }
}

fn not_available(what: &str) -> Fault {
    let message = format!("{what} not available in this version of Trailmark.");
    fault(ErrorCode::UnsupportedOperationException, &message)
}
