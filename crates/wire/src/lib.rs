//! AWS on the wire: protocols, SigV4, IAM policies and the catalogue of services.
//!
//! Lives here: everything that knows how AWS requests and responses are spelt. Only this crate knows
//! `X-Amz-Target` and the error codes of authentication.
//! Lives elsewhere: listening and forwarding (`door`), what operations do (`api`, `buckets`).
//!
//! Start at [`identify`] for what a request is for, [`catalogue`] for what is known about a service,
//! [`parameters`] and [`outcome`] for what it asks and what became of it, [`sigv4`] for who sent it,
//! [`answer`] and [`reply`] for how a service of ours is called and answers.

pub mod answer;
pub mod auth;
pub mod catalogue;
pub mod cbor;
pub mod chunked;
pub mod dates;
mod encoding;
pub mod fuzzing;
pub mod iam;
pub mod identify;
pub mod outcome;
pub mod parameters;
pub mod reply;
pub mod sensitive;
pub mod shapes;
pub mod sigv4;
pub mod xml;
