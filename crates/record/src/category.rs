//! What kind of record it is, as `eventCategory` says.

use std::fmt;

/// The value of `eventCategory`. Stored as one byte; the numbers never change.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum Category {
    /// Control-plane calls: what event history shows.
    Management = 1,
    /// Calls on the contents of a resource, such as an object or an item.
    Data = 2,
    /// Calls through a VPC endpoint.
    NetworkActivity = 3,
    /// Unusual activity.
    Insight = 4,
    /// Data events summed over five minutes.
    Aggregated = 5,
    /// Events of integrations, sent through a channel.
    ActivityAuditLog = 6,
    /// Items of AWS Config.
    ConfigurationItem = 7,
    /// Evidence of Audit Manager.
    Evidence = 8,
    /// A word that we do not know. The record is kept all the same.
    Other = 255,
}

impl Category {
    /// Every category, in the order of its number.
    pub const ALL: [Self; 9] = [
        Self::Management,
        Self::Data,
        Self::NetworkActivity,
        Self::Insight,
        Self::Aggregated,
        Self::ActivityAuditLog,
        Self::ConfigurationItem,
        Self::Evidence,
        Self::Other,
    ];

    /// The word as CloudTrail spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Management => "Management",
            Self::Data => "Data",
            Self::NetworkActivity => "NetworkActivity",
            Self::Insight => "Insight",
            Self::Aggregated => "Aggregated",
            Self::ActivityAuditLog => "ActivityAuditLog",
            Self::ConfigurationItem => "ConfigurationItem",
            Self::Evidence => "Evidence",
            Self::Other => "Other",
        }
    }

    /// Reads CloudTrail's word; an unknown one is [`Category::Other`].
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        Self::ALL.into_iter().find(|it| it.as_str() == word).unwrap_or(Self::Other)
    }

    /// The number that stands for the category on disk.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Reads the number that stands for the category on disk.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.number() == number)
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
