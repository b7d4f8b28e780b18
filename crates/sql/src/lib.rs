//! The Trino layer on DataFusion: what CloudTrail Lake and Athena accept, with their semantics.
//!
//! Lives here: the dialect, what is rewritten before DataFusion plans a query, functions that differ
//! from DataFusion's, names of result columns, values as text, and the bounds of a query.
//! Lives elsewhere: tables (`logfiles`, `lake`), which are handed in.
//!
//! Start at [`Engine`], then [`Session::query`]. What is covered is [`functions::COVERED`].
//! Spec: Trino 4xx documentation, "Functions and operators"; CloudTrail User Guide, "CloudTrail Lake
//! SQL constraints".

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "types and expressions of SQL are many, and most matches speak of a few"
)]
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

mod dialect;
mod engine;
mod error;
pub mod functions;
mod labels;
mod rewrite;
mod shown;
#[cfg(test)]
mod tests;
mod text;
mod unnest;

pub use crate::{
    engine::{Answer, Engine, Limits, Named, Session, Tables},
    error::Error,
    shown::{Nulls, json, text},
    text::is_id,
};
