//! The fields of a record that conditions can be about.

use std::{borrow::Cow, fmt};

use record::Record;
use serde::{Deserialize, Serialize};

/// A field of a record, in the order in which the engine asks for it: what tells most, and what
/// costs least, first.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Field {
    /// `eventCategory`; of a record from before it existed, what its other members say.
    #[serde(rename = "eventCategory")]
    EventCategory,
    /// `eventSource`, such as `s3.amazonaws.com`.
    #[serde(rename = "eventSource")]
    EventSource,
    /// `readOnly`, as `true` or `false`.
    ///
    /// A record without it counts as `false`. What CloudTrail does with one is not documented; an
    /// audit log should rather hold one call too many.
    #[serde(rename = "readOnly")]
    ReadOnly,
    /// `eventName`.
    #[serde(rename = "eventName")]
    EventName,
    /// `eventType`.
    #[serde(rename = "eventType")]
    EventType,
    /// `errorCode`.
    #[serde(rename = "errorCode")]
    ErrorCode,
    /// `sessionCredentialFromConsole`, as `true` or `false`. A record has it only when it is
    /// `true`; one without it counts as `false`.
    #[serde(rename = "sessionCredentialFromConsole")]
    SessionCredentialFromConsole,
    /// `vpcEndpointId`.
    #[serde(rename = "vpcEndpointId")]
    VpcEndpointId,
    /// `userIdentity.arn`.
    #[serde(rename = "userIdentity.arn")]
    UserIdentityArn,
    /// `resources.type`: one value for each resource of the record that has a type.
    #[serde(rename = "resources.type")]
    ResourceType,
    /// `resources.ARN`, else its `ARNPrefix`: one value for each resource that the predicate's
    /// condition on `resources.type` accepts; without such a condition, for each resource.
    #[serde(rename = "resources.ARN")]
    ResourceArn,
}

impl Field {
    /// Every field, in the order of the engine.
    pub const ALL: [Self; 11] = [
        Self::EventCategory,
        Self::EventSource,
        Self::ReadOnly,
        Self::EventName,
        Self::EventType,
        Self::ErrorCode,
        Self::SessionCredentialFromConsole,
        Self::VpcEndpointId,
        Self::UserIdentityArn,
        Self::ResourceType,
        Self::ResourceArn,
    ];

    /// The field as advanced event selectors spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EventCategory => "eventCategory",
            Self::EventSource => "eventSource",
            Self::ReadOnly => "readOnly",
            Self::EventName => "eventName",
            Self::EventType => "eventType",
            Self::ErrorCode => "errorCode",
            Self::SessionCredentialFromConsole => "sessionCredentialFromConsole",
            Self::VpcEndpointId => "vpcEndpointId",
            Self::UserIdentityArn => "userIdentity.arn",
            Self::ResourceType => "resources.type",
            Self::ResourceArn => "resources.ARN",
        }
    }

    /// Reads what [`Field::as_str`] writes; `None` for anything else.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == word)
    }

    /// Whether a record may have several values of it, one for each resource.
    pub(crate) const fn is_of_resources(self) -> bool {
        matches!(self, Self::ResourceType | Self::ResourceArn)
    }

    /// What a record says in a field that holds one value at most. Fields of resources, which hold
    /// many, are read by the engine itself.
    pub(crate) fn of<'a>(self, record: &Record<'a>) -> Option<Cow<'a, str>> {
        let flag = |it: Option<bool>| if it == Some(true) { "true" } else { "false" };
        match self {
            Self::EventCategory => Some(record.category().as_str().into()),
            Self::EventSource => record.event_source(),
            Self::ReadOnly => Some(flag(record.read_only()).into()),
            Self::EventName => record.event_name(),
            Self::EventType => record.event_type(),
            Self::ErrorCode => record.error_code(),
            Self::SessionCredentialFromConsole => {
                Some(flag(record.session_credential_from_console()).into())
            }
            Self::VpcEndpointId => record.vpc_endpoint_id(),
            Self::UserIdentityArn => record.user_arn(),
            Self::ResourceType | Self::ResourceArn => None,
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
