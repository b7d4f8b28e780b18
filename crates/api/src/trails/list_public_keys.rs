//! `ListPublicKeys`: the keys that check digest files of the region, by when they were valid.
//!
//! A time that is absent is now: without any, the answer is the key of the moment. Every key is
//! shown for ever, on one page.

use catalog::SigningKey;
use wire::shapes::cloudtrail::{
    ErrorCode, ListPublicKeysRequest, ListPublicKeysResponse, PublicKey,
};

use super::Asked;
use crate::fault::{Fault, fault};

/// Answers `ListPublicKeys`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn list_public_keys(
    asked: &Asked<'_>,
    request: ListPublicKeysRequest,
) -> Result<ListPublicKeysResponse, Fault> {
    if request.next_token.is_some() {
        return Err(fault(ErrorCode::InvalidTokenException, "The token is not valid."));
    }
    let from = request.start_time.unwrap_or(asked.now);
    let until = request.end_time.unwrap_or(asked.now);
    if from > until {
        let message = "The start time is later than the end time.";
        return Err(fault(ErrorCode::InvalidTimeRangeException, message));
    }
    let keys = asked.catalog().public_keys(asked.region, from, until).await;
    let keys = keys.map_err(|it| asked.refused(it))?.into_iter().map(shown).collect();
    Ok(ListPublicKeysResponse { public_key_list: Some(keys), next_token: None })
}

fn shown(key: SigningKey) -> PublicKey {
    PublicKey {
        value: Some(key.public_key),
        validity_start_time: Some(key.valid_from),
        validity_end_time: Some(key.valid_until),
        fingerprint: Some(key.fingerprint),
    }
}
