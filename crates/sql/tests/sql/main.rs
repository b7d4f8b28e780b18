//! Queries against hand-made records: published ones, the meaning of functions, names, coercions,
//! and what hostile texts come to.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "tests may fail")]

mod functions;
mod hostile;
mod meaning;
mod published;
mod records;
mod samples;
