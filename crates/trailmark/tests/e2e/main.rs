//! End to end: the real server as a process, the real AWS CLI and boto3 as its callers.
//!
//! Each test has a folder, a port and processes of its own, on loopback. The clients live in the
//! environment that `make test` installs (`TRAILMARK_VENV`).

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "tests may fail"
)]

mod bulk;
mod canary;
mod crash;
mod deliveries;
mod faults;
mod full_disk;
mod guards;
mod harness;
mod hostile;
mod hours;
mod imports;
mod limits;
mod newcomer;
mod odd_keys;
mod organizations;
mod prove;
mod query;
mod raw;
mod shutdown;
mod stores;
mod trails;
mod upstream;
mod witness;
