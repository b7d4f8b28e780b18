//! The two views of a record: its columns as CloudTrail Lake and as Athena show them, and the
//! decoder that fills them.
//!
//! Lives here: names and types of columns, reading JSON into Arrow for exactly the columns that are
//! wanted, and dropping records that cannot match before they cost anything.
//! Lives elsewhere: finding and reading files (`logfiles`), the language of queries (`sql`).
//!
//! Start at [`View`], then [`Decoder`].
//! Spec: CloudTrail User Guide, "CloudTrail Lake event record schema"; Athena User Guide, "Query AWS
//! CloudTrail logs".

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

mod builder;
mod column;
mod cursor;
mod decoder;
mod filter;
mod schema;
#[cfg(test)]
mod tests;
mod text;

pub use crate::{
    column::{Column, Kind},
    decoder::Decoder,
    filter::{Filter, Test},
    schema::View,
    text::{Malformed, Text},
};
