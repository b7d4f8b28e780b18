//! Why something of CloudTrail Lake cannot be so.

/// Why an event data store, a channel, an import or a query cannot be what was asked. Nothing was
/// changed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LakeRefusal {
    /// Choose another name, or another source.
    #[error("there is already a channel `{0}`")]
    ChannelExists(String),
    /// Delete a channel first.
    #[error("there are already {max} channels")]
    ChannelLimit {
        /// How many there may be.
        max: usize,
    },
    /// Check the ARN.
    #[error("unknown channel `{0}`")]
    ChannelUnknown(String),
    /// It can be resumed only after it was stopped or has failed.
    #[error("the import `{0}` is not one to resume")]
    ImportNotResumable(String),
    /// Wait for the account's import to end.
    #[error("account {0} has an import that is running")]
    ImportOngoing(String),
    /// Check the id.
    #[error("unknown import `{0}`")]
    ImportUnknown(String),
    /// It has ended.
    #[error("the query `{0}` does not run any more")]
    QueryEnded(String),
    /// Wait for a query to end.
    #[error("there are already {max} queries that run or wait")]
    QueryLimit {
        /// How many there may be.
        max: usize,
    },
    /// Check the id; results are kept for seven days.
    #[error("unknown query `{0}`")]
    QueryUnknown(String),
    /// Read the store again, and found the change on what it is now.
    #[error("the event data store `{0}` was changed meanwhile")]
    StoreChanged(String),
    /// Choose another name.
    #[error("there is already an event data store `{0}`")]
    StoreExists(String),
    /// Delete the channel, or lead it elsewhere.
    #[error("a channel leads to the event data store `{0}`")]
    StoreHasChannel(String),
    /// Stop the import, or wait for its end.
    #[error("an import into the event data store `{0}` is running")]
    StoreHasImport(String),
    /// Restore it first.
    #[error("the event data store `{0}` waits for its end")]
    StoreInactive(String),
    /// Delete one, and wait for its end.
    #[error("there are already {max} event data stores in {region}")]
    StoreLimit {
        /// Where.
        region: String,
        /// How many there may be.
        max: usize,
    },
    /// Check the id.
    #[error("unknown event data store `{0}`")]
    StoreUnknown(String),
}
