//! Digests and the verifier from outside: a signed bucket, every kind of tampering done to it, and
//! the unmodified `aws cloudtrail validate-logs` as the judge.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "tests may fail"
)]

extern crate trailmark_integrity as integrity;

mod bucket;
mod chain;
mod merkle;
mod stub;
mod tampering;
mod tree;
mod validate_logs;
