//! Which records a selector chooses: one predicate engine for every language of choosing.
//!
//! Lives here: event selectors, basic and advanced, parsed by CloudTrail's rules ([`Selectors`]);
//! the types of resource that data events are about ([`ResourceType`]); the form that every
//! language of choosing becomes ([`Predicate`]); many sets of them judged together
//! ([`Selection`]). No input or output, no clock, and nothing fails once it is parsed.
//! Lives elsewhere: which trails see a record at all, by account and region (`delivery`), the
//! requests that carry selectors (`api`).
//!
//! Start at [`Selectors::parse`], then [`Selection::compile`] and [`Selection::judge`].
//! Spec: CloudTrail API Reference, `EventSelector`, `AdvancedEventSelector`,
//! `AdvancedFieldSelector` and `DataResource`; CloudTrail User Guide, "Logging data events".

mod advanced;
mod basic;
mod bits;
mod engine;
mod error;
mod field;
pub mod given;
#[cfg(test)]
mod oracle;
mod predicate;
mod resource_type;
mod selectors;
mod text;
mod trie;

pub use advanced::{AdvancedEventSelector, AdvancedReason, FieldSelector};
pub use basic::{BasicReason, DataResource, EventSelector, ReadWriteType};
pub use engine::{Chosen, Selection};
pub use error::Error;
pub use field::Field;
pub use given::Given;
pub use predicate::{Condition, Predicate, Test};
pub use resource_type::ResourceType;
pub use selectors::{Selectors, Target};
pub use text::{Unreadable, read};
