//! Open tables: Iceberg tables over Parquet files in an object store.
//!
//! Lives here: where files lie and how they become durable, a table's versions and commits, which
//! files nobody needs any more, what a file's footer tells its table.
//! Lives elsewhere: which columns a table has, what is in its files and when it changes (`lake` for
//! the built-in store, `stores` for event data stores).
//!
//! Start at [`Store`], then [`Table`].
//! Spec: Apache Iceberg table format, version 2; the SQL (JDBC) catalog's tables.

#![cfg_attr(
    test,
    allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "tests may fail")
)]

pub mod background;
mod cache;
mod error;
mod file_io;
mod metrics;
pub mod simulated;
mod store;
mod table;

pub use crate::{
    cache::Cache,
    error::{Error, chain},
    metrics::Metrics,
    store::{Durability, DurableWhenPut, Reader, Sequential, Store, Upload},
    table::{Change, DataFileFacts, Layout, Operation, Table, drop_table},
};

/// How names of files that we write begin, which tells them from those of other engines.
pub const OURS: &str = "tm-";
