//! The Trino layer on DataFusion: what CloudTrail Lake and Athena accept, with their semantics.
//!
//! Lives here: bounds on what a stranger may ask ([`Limits`]), the dialect, what Trino says
//! differently from DataFusion (UNNEST, casts, lambdas, names of results, coercions), Trino's
//! functions ([`FUNCTIONS`]), and values as text ([`text`]).
//! Lives elsewhere: the tables (`views`, `logfiles`, `lake`); who may ask what (`api`). No function
//! reads a file, a network or the clock.
//!
//! Start at [`Engine`], then [`Engine::session`] and [`Session::query`].
//! Spec: CloudTrail User Guide, "CloudTrail Lake SQL constraints"; Trino, "SQL statement syntax"
//! and "Functions and operators".

#![cfg_attr(
    test,
    allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "tests may fail")
)]
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "most enums here are the parser's and Arrow's: dozens of variants, of which a few matter"
)]

mod course;
mod dialect;
mod engine;
mod error;
mod functions;
mod plan;
mod rewrite;
mod session;
mod source;
mod stream;
pub mod text;
mod types;

pub use course::Course;
pub use engine::{Engine, Limits, Settings};
pub use error::Error;
pub use functions::{FUNCTIONS, Family, Function};
pub use session::{Answer, Column, Session};
