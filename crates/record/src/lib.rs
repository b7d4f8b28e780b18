//! The audit record: what one captured call looks like, and how it is read, written and redacted.
//!
//! Lives here: [`AccountId`], [`Category`], [`Identity`]; parsing, validation, indexed members and
//! redaction of CloudTrail records. No input or output, no clock.
//! Lives elsewhere: which members of which service are sensitive (`wire`), storing records (`log`,
//! `lake`).
//!
//! Start at [`Identity`] for who called, and [`Category`] for what kind of record it is.
//! Spec: CloudTrail User Guide, "CloudTrail record contents", record version 1.11.

pub mod account;
pub mod bulk;
pub mod category;
pub mod identity;
mod json;
pub mod parse;
pub mod redact;

pub use account::{AccountId, InvalidAccountId};
pub use category::Category;
pub use identity::{Identity, IdentityType, SessionAttributes, SessionContext, SessionIssuer};
pub use parse::{Invalid, MAX_BYTES, MAX_DEPTH, Reason, Record, Resource, parse};
