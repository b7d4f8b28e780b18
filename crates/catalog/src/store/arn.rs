//! ARNs of event data stores and channels.
//!
//! Spec: CloudTrail API Reference, `EventDataStoreArn` of "CreateEventDataStore" and `ChannelArn` of
//! "CreateChannel".

use std::fmt;

use record::AccountId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::trail::{is_region, partition};

/// Why a text is not the ARN of an event data store or a channel. Reads on from "The ARN …".
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("is not of the form arn:partition:cloudtrail:region:account:{kind}/id")]
pub struct InvalidLakeArn {
    /// `eventdatastore` or `channel`.
    kind: &'static str,
}

macro_rules! arn {
    ($(#[$doc:meta])+ $name:ident, $kind:literal) => {
        $(#[$doc])+
        #[derive(
            Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
        )]
        #[serde(into = "String", try_from = "String")]
        pub struct $name {
            /// Where it was created, and where alone it can be changed.
            pub region: String,
            /// Whose it is.
            pub account: AccountId,
            /// The last part, by which SQL and short requests name it.
            pub id: Uuid,
        }

        impl $name {
            /// Reads an ARN.
            ///
            /// # Errors
            /// When `text` is none of these, or of another partition than its region is in.
            pub fn parse(text: &str) -> Result<Self, InvalidLakeArn> {
                let (region, account, id) =
                    parts(text, $kind).ok_or(InvalidLakeArn { kind: $kind })?;
                Ok(Self { region, account, id })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let Self { region, account, id } = self;
                let partition = partition(region);
                write!(f, "arn:{partition}:cloudtrail:{region}:{account}:{}/{id}", $kind)
            }
        }

        impl From<$name> for String {
            fn from(arn: $name) -> Self {
                arn.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidLakeArn;

            fn try_from(text: String) -> Result<Self, InvalidLakeArn> {
                Self::parse(&text)
            }
        }
    };
}

arn! {
    /// The ARN of an event data store: `arn:partition:cloudtrail:region:account:eventdatastore/id`.
    StoreArn, "eventdatastore"
}
arn! {
    /// The ARN of a channel: `arn:partition:cloudtrail:region:account:channel/id`.
    ChannelArn, "channel"
}

fn parts(text: &str, kind: &str) -> Option<(String, AccountId, Uuid)> {
    let mut parts = text.splitn(6, ':');
    let mut next = || parts.next();
    let (arn, of, service) = (next()?, next()?, next()?);
    let (region, account, resource) = (next()?, next()?, next()?);
    let id = lake_id(resource.strip_prefix(kind)?.strip_prefix('/')?)?;
    let is_ours = arn == "arn" && service == "cloudtrail" && is_region(region);
    let account = AccountId::parse(account).ok()?;
    (is_ours && of == partition(region)).then(|| (region.to_owned(), account, id))
}

/// Reads the id of an event data store, a channel, an import or a query: a UUID with its hyphens.
#[must_use]
pub fn lake_id(text: &str) -> Option<Uuid> {
    Some(text).filter(|it| it.len() == 36).and_then(|it| Uuid::try_parse(it).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_reads_as_it_is_written() {
        let id = "0f0e0d0c-1111-4222-8333-444455556666";
        for (region, partition) in [("eu-west-1", "aws"), ("cn-north-1", "aws-cn")] {
            let text =
                |kind| format!("arn:{partition}:cloudtrail:{region}:123456789012:{kind}/{id}");
            let (store, channel) = (text("eventdatastore"), text("channel"));
            assert_eq!(StoreArn::parse(&store).unwrap().to_string(), store);
            assert_eq!(ChannelArn::parse(&channel).unwrap().to_string(), channel);
            assert!(StoreArn::parse(&channel).is_err());
            assert!(ChannelArn::parse(&store).is_err());
        }
        for wrong in [
            "",
            id,
            "arn:aws:cloudtrail:eu-west-1:123456789012:eventdatastore/",
            "arn:aws:cloudtrail:eu-west-1:123456789012:eventdatastore/x",
            "arn:aws:cloudtrail:eu-west-1:1:eventdatastore/0f0e0d0c-1111-4222-8333-444455556666",
            "arn:aws:s3:eu-west-1:123456789012:eventdatastore/0f0e0d0c-1111-4222-8333-444455556666",
            "arn:aws:cloudtrail:cn-north-1:123456789012:eventdatastore/0f0e0d0c-1111-4222-8333-444455556666",
            "arn:aws:cloudtrail:eu-west-1:123456789012:eventdatastore/{0f0e0d0c-1111-4222-8333-444455556666}",
        ] {
            assert!(StoreArn::parse(wrong).is_err(), "{wrong}");
        }
    }
}
