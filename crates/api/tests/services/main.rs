//! The services as a whole, on a real log and a real lake.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests may fail")]

mod bulk;
mod history;
mod house;
mod organizations;
mod others;
mod trails;
mod trails_organization;
mod trails_refused;
mod trails_terraform;
