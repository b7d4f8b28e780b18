//! Deliveries as a whole: on the real log, the real catalog, a clock that the test moves, and buckets
//! that fail.

mod crash;
mod digests;
mod faults;
mod files;
mod house;
mod naive;
mod s3;
mod topics;
mod validate_logs;
