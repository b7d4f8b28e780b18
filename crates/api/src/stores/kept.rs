//! The catalog's refusals about CloudTrail Lake in AWS's words.

use catalog::LakeRefusal;
use wire::shapes::cloudtrail::ErrorCode;

use crate::fault::{Fault, fault};

/// What to answer when the catalog refuses.
pub(crate) fn refused(refusal: &LakeRefusal) -> Fault {
    use LakeRefusal as R;
    let (code, message) = match refusal {
        R::ChannelExists(name) => (
            ErrorCode::ChannelAlreadyExistsException,
            format!("A channel with the name or source {name} already exists."),
        ),
        R::ChannelLimit { max } => (
            ErrorCode::ChannelMaxLimitExceededException,
            format!("The account already has {max} channels."),
        ),
        R::ChannelUnknown(arn) => {
            (ErrorCode::ChannelNotFoundException, format!("Channel not found: {arn}"))
        }
        R::ImportNotResumable(id) => (
            ErrorCode::InvalidParameterException,
            format!("Import {id} is complete and cannot be retried."),
        ),
        R::ImportOngoing(account) => (
            ErrorCode::AccountHasOngoingImportException,
            format!("Account {account} already has an import in progress."),
        ),
        R::ImportUnknown(id) => {
            (ErrorCode::ImportNotFoundException, format!("Import not found: {id}"))
        }
        R::QueryEnded(id) => (
            ErrorCode::InactiveQueryException,
            format!("Query {id} cannot be cancelled: it is not queued or running."),
        ),
        R::QueryLimit { max } => (
            ErrorCode::MaxConcurrentQueriesException,
            format!("You are already running {max} queries, the most that can run at once."),
        ),
        R::QueryUnknown(id) => {
            (ErrorCode::QueryIdNotFoundException, format!("Query not found: {id}"))
        }
        R::StoreChanged(_) => (
            ErrorCode::ConflictException,
            "The event data store is being changed by another request. Try again.".to_owned(),
        ),
        R::StoreExists(name) => (
            ErrorCode::EventDataStoreAlreadyExistsException,
            format!("An event data store with the name {name} already exists."),
        ),
        R::StoreHasChannel(arn) => (
            ErrorCode::ChannelExistsForEDSException,
            format!("The event data store {arn} is the destination of a channel."),
        ),
        R::StoreHasImport(arn) => (
            ErrorCode::EventDataStoreHasOngoingImportException,
            format!("The event data store {arn} has an import in progress."),
        ),
        R::StoreInactive(arn) => (
            ErrorCode::InactiveEventDataStoreException,
            format!("The event data store {arn} is pending deletion."),
        ),
        R::StoreLimit { region, max } => (
            ErrorCode::EventDataStoreMaxLimitExceededException,
            format!("The account already has {max} event data stores in {region}."),
        ),
        R::StoreUnknown(arn) => return unknown(arn),
    };
    fault(code, &message)
}

/// No event data store of that id or ARN that the caller could see.
pub(super) fn unknown(store: &str) -> Fault {
    let message = format!("Event data store not found: {store}");
    fault(ErrorCode::EventDataStoreNotFoundException, &message)
}
