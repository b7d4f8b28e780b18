//! Buckets of S3 as object stores, whatever their keys are.
//!
//! A key of S3 is any text; a path of an object store has no empty parts, no `.` and no `..`, and no
//! control characters. One `//` in a bucket, as a prefix that ends in a slash makes it, and listing
//! the bucket would fail. Here such parts have a spelling of their own, so that every key is a path.
//!
//! Lives elsewhere: which bucket is meant, and by which credentials (`trailmark`).
//! Start at [`any_key`]; names for people are made by [`key_of`].

mod key;
mod service;

pub use self::{
    key::{key_of, path_of, prefix_of},
    service::any_key,
};
