//! The services as a whole, on a real log and a real lake.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests may fail")]

mod bulk;
mod channels;
mod history;
mod house;
mod imports;
mod organizations;
mod others;
mod plane;
mod policies;
mod queries;
mod stores;
mod stores_refused;
mod trails;
mod trails_organization;
mod trails_refused;
mod trails_terraform;
