//! What a caller may choose for an event data store.
//!
//! Spec: CloudTrail API Reference, "CreateEventDataStore" and "UpdateEventDataStore".

use catalog::{BillingMode, StoreArn, StoreSettings, partition};
use record::AccountId;
use wire::shapes::cloudtrail::ErrorCode;

use super::EventStores;
use crate::{
    fault::{Fault, fault},
    trails::DestinationProblem,
};

/// Reads a billing mode, whose word the model has checked.
pub(super) fn billing_mode(word: Option<&str>) -> Option<BillingMode> {
    [BillingMode::Extendable, BillingMode::Fixed].into_iter().find(|it| Some(it.as_str()) == word)
}

/// Reads a number of days; the model has checked that it is 7 to 3,653.
pub(super) fn days(given: Option<i32>) -> Option<u32> {
    given.and_then(|it| u32::try_from(it).ok())
}

/// Checks that events may be kept so long in the billing mode.
///
/// # Errors
/// `InvalidParameterException`.
pub(super) fn check_retention(settings: &StoreSettings) -> Result<(), Fault> {
    let max = settings.billing_mode.retention_max();
    if (RETENTION_MIN..=max).contains(&settings.retention_days) {
        return Ok(());
    }
    let mode = settings.billing_mode.as_str();
    let message = format!("RetentionPeriod must be {RETENTION_MIN} to {max} days for {mode}.");
    Err(fault(ErrorCode::InvalidParameterException, &message))
}

/// Finds the ARN of the key that shall encrypt a store.
///
/// # Errors
/// `InvalidKmsKeyIdException`, `KmsKeyNotFoundException`, `InsufficientEncryptionPolicyException`,
/// `KmsException`.
pub(super) async fn key_arn(
    tables: &dyn EventStores,
    key: &str,
    store: &StoreArn,
) -> Result<String, Fault> {
    if !is_key(key, store) {
        let message = format!("KMS key {key} is not valid.");
        return Err(fault(ErrorCode::InvalidKmsKeyIdException, &message));
    }
    tables.key_arn(key, store).await.map_err(|problem| match problem {
        DestinationProblem::KeyDenies => fault(
            ErrorCode::InsufficientEncryptionPolicyException,
            &format!("Insufficient permissions to access KMS key {key}."),
        ),
        DestinationProblem::KeyMissing => {
            fault(ErrorCode::KmsKeyNotFoundException, &format!("KMS key {key} is not found."))
        }
        DestinationProblem::BucketDenies
        | DestinationProblem::BucketMissing
        | DestinationProblem::KeyDisabled
        | DestinationProblem::LogGroup
        | DestinationProblem::LogsRole
        | DestinationProblem::Topic
        | DestinationProblem::Unreachable(_) => problem.fault("", key),
    })
}

/// Whether a text is the id of a key, an alias as `alias/…`, or the ARN of either in the region of a
/// store.
fn is_key(text: &str, store: &StoreArn) -> bool {
    let has_name = |it: &str, kind: &str| it.strip_prefix(kind).is_some_and(|it| !it.is_empty());
    match text.splitn(6, ':').collect::<Vec<_>>().as_slice() {
        ["arn", of, "kms", region, account, name] => {
            *of == partition(&store.region)
                && *region == store.region
                && AccountId::parse(account).is_ok()
                && (has_name(name, "key/") || has_name(name, "alias/"))
        }
        [name] => has_name(name, "alias/") || !name.contains('/'),
        _ => false,
    }
}

const RETENTION_MIN: u32 = 7;
