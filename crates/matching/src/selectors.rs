//! The selectors of a trail or an event data store: one form of them, checked.

use serde::{Deserialize, Serialize};

use crate::{AdvancedEventSelector, Error, EventSelector, Given, Predicate, advanced, basic};

/// What a trail or an event data store chooses: basic or advanced event selectors, never both.
///
/// Serialised, it is what `GetEventSelectors` shows, apart from the trail. Deserialising takes back
/// what was accepted once and does not check it anew: a stricter rule of tomorrow must not silence
/// a trail of today. What a caller sends goes through [`Selectors::parse`].
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Selectors {
    /// A record is chosen when one of these chooses it.
    #[serde(rename = "AdvancedEventSelectors")]
    Advanced(Vec<AdvancedEventSelector>),
    /// A record is chosen when one of these chooses it.
    #[serde(rename = "EventSelectors")]
    Basic(Vec<EventSelector>),
}

/// Whose selectors they are: the rules differ.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Target {
    /// An event data store.
    EventDataStore,
    /// A trail.
    Trail,
}

impl Default for Selectors {
    /// Those of a trail for which nobody has set any: all management events.
    fn default() -> Self {
        Self::Basic(vec![EventSelector::default()])
    }
}

impl Selectors {
    /// Checks what a request gives. A list that is empty counts as not given.
    ///
    /// # Errors
    /// [`Error`] names the rule that is broken first; nothing is corrected in silence.
    pub fn parse(given: Given, target: Target) -> Result<Self, Error> {
        let advanced = given.advanced_event_selectors.unwrap_or_default();
        let basic = given.event_selectors.unwrap_or_default();
        match (advanced.is_empty(), basic.is_empty()) {
            (true, true) => Err(Error::NoSelectors),
            (false, false) => Err(Error::BothForms),
            (false, true) => advanced::parse(advanced, target).map(Self::Advanced),
            (true, false) if target == Target::EventDataStore => Err(Error::BasicForEventDataStore),
            (true, false) => basic::parse(basic).map(Self::Basic),
        }
    }

    /// Those of an event data store that is created without any.
    #[must_use]
    pub fn of_new_event_data_store() -> Self {
        Self::Advanced(vec![AdvancedEventSelector::all_management_events()])
    }

    /// Whether a trail with these shows `HasCustomEventSelectors`. Those that Terraform sends to
    /// remove selectors are the default ones again.
    #[must_use]
    pub fn is_custom(&self) -> bool {
        *self != Self::default()
    }

    /// What they say, each predicate a way to be chosen.
    #[must_use]
    pub fn predicates(&self) -> Vec<Predicate> {
        match self {
            Self::Advanced(selectors) => {
                selectors.iter().map(AdvancedEventSelector::predicate).collect()
            }
            Self::Basic(selectors) => {
                selectors.iter().flat_map(EventSelector::predicates).collect()
            }
        }
    }
}
