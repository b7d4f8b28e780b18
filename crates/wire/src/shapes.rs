//! Requests, responses, constraints and errors of the services that we implement.
//!
//! Lives here: the generated types, one module per service, and the reading of requests with AWS's
//! words for what violates a constraint.
//! Lives elsewhere: what the operations do (`api`), every other service (`catalogue`).
//!
//! Start at [`Request::read`].

mod constraints;

#[path = "generated/cloudtrail.rs"]
#[allow(missing_docs, reason = "generated; AWS documents its members")]
pub mod cloudtrail;
#[path = "generated/cloudtrail_data.rs"]
#[allow(missing_docs, reason = "generated; AWS documents its members")]
pub mod cloudtrail_data;
#[path = "generated/organizations.rs"]
#[allow(missing_docs, reason = "generated; AWS documents its members")]
pub mod organizations;
#[path = "generated/sts.rs"]
#[allow(missing_docs, reason = "generated; AWS documents its members")]
pub mod sts;

pub use constraints::{Field, Pattern, Refused, Request, Shape};

#[cfg(test)]
mod tests;
