//! The door from outside: real sockets, scripted upstreams, a log whose syncs the test controls.
//!
//! Start at [`stage::Stage`], which opens a door; [`caller`] speaks to it, [`upstream`] stands behind.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "tests may fail"
)]

extern crate trailmark_door as door;

mod caller;
mod capacity;
mod capture;
mod faults;
mod forwarding;
mod framing;
mod gated;
mod identity;
mod own;
mod sign;
mod stage;
mod tls;
mod upstream;
