//! What a captured call becomes: records, byte for byte, and what they must never hold.
//!
//! Start at [`call::Call`], which plays a call as the door would see it.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "tests may"
)]

extern crate trailmark_door as door;

mod call;
mod canary;
mod fill;
mod genuine;
mod identity;
mod s3;
mod services;
mod spell;
mod trouble;
