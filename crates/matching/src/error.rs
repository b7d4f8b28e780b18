//! Why selectors are refused.

use crate::{AdvancedReason, BasicReason};

/// Why selectors are refused. The message is for who sent them: AWS's own text where it is known.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// An advanced event selector breaks a rule.
    #[error("AdvancedEventSelectors[{index}]: {reason}")]
    Advanced {
        /// Which of them, counted from 0.
        index: usize,
        /// The rule.
        reason: AdvancedReason,
    },
    /// A basic event selector breaks a rule.
    #[error("{0}")]
    Basic(BasicReason),
    /// Basic event selectors for an event data store, which has only advanced ones.
    #[error("An event data store takes AdvancedEventSelectors only.")]
    BasicForEventDataStore,
    /// Both forms at once.
    #[error("Specify either EventSelectors or AdvancedEventSelectors, not both.")]
    BothForms,
    /// More than 500 values in all conditions of all advanced event selectors.
    #[error(
        "AdvancedEventSelectors may hold 500 values over all conditions; {given} were specified."
    )]
    Conditions {
        /// How many there are.
        given: usize,
    },
    /// More than 250 ARNs in all basic event selectors.
    #[error(
        "Specify a valid number of DataResources.Values (0 to 250) for all your selectors; \
         {given} were specified."
    )]
    DataResources {
        /// How many there are, without those that stand for all resources of a service.
        given: usize,
    },
    /// Events of AWS calls and other kinds of item in one event data store.
    #[error(
        "An event data store holds either CloudTrail events or items of one other eventCategory; \
         {first} and {second} cannot be combined."
    )]
    MixedCategories {
        /// A category that came first.
        first: &'static str,
        /// One that does not go with it.
        second: &'static str,
    },
    /// Neither form, or an empty list of it.
    #[error("Specify at least one selector in EventSelectors or AdvancedEventSelectors.")]
    NoSelectors,
    /// More than five basic event selectors.
    #[error("Specify at most 5 EventSelectors; {given} were specified.")]
    Selectors {
        /// How many there are.
        given: usize,
    },
}

impl Error {
    /// AWS's code for it.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "InvalidEventSelectorsException"
    }
}
