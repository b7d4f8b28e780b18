//! Event data stores: tables of records as CloudTrail Lake shows them.
//!
//! Lives here: the Iceberg table of each store, its tail in memory, what fills it from the log,
//! writing and sorting its files, pruning what a query need not read.
//! Lives elsewhere: what a store is and who may use it (`catalog`, `api`), columns and decoding
//! (`views`), the language of queries (`sql`), Iceberg itself (`tables`).
//!
//! Start at [`EventStores`], then [`EventTable`].
//! Spec: Apache Iceberg table format, version 2; CloudTrail User Guide, "CloudTrail Lake".

#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unwrap_used,
        reason = "tests may fail"
    )
)]
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "most enums here are the engine's: dozens of variants, of which a few matter"
)]

mod columns;
mod context;
mod day_file;
mod delivered;
mod error;
mod event_stores;
mod event_table;
mod file;
mod follow;
mod import;
mod judge;
mod minutes;
mod order;
mod provider;
mod prune;
mod queries;
mod reading;
mod results;
mod settings;
mod sorting;
#[cfg(test)]
mod tests;
mod upkeep;

pub use crate::{
    delivered::{Csv, ResultPlace},
    error::Error,
    event_stores::EventStores,
    event_table::{Components, EventTable, Stats},
    import::{FileFailure, FileNews, ImportJob, ImportProgress, OnProgress, import},
    minutes::{ImportedFile, Notes, statement_at},
    queries::{Queries, QueryComponents},
    settings::Settings,
};
