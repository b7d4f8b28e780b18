//! `CreateAccount`: a new account, inside the organization from its beginning.
//!
//! It is there when the answer is. There are no roles here, so `RoleName` makes none and
//! `IamUserAccessToBilling` means nothing; accounts have no tags, so tags are refused rather than
//! lost.

use wire::shapes::organizations::{CreateAccountRequest, CreateAccountResponse, ErrorCode, Tag};

use super::{
    Asked,
    faults::{because, refused},
    shown,
};
use crate::fault::Fault;

/// Answers `CreateAccount`. An email address that another account has is not an error of the call:
/// the request has failed.
///
/// # Errors
/// Those of [`Asked::organization_to_govern`]; `ConstraintViolationException`,
/// `InvalidInputException`.
pub(super) async fn create_account(
    asked: &Asked<'_>,
    request: CreateAccountRequest,
) -> Result<CreateAccountResponse, Fault> {
    let organization = asked.organization_to_govern().await?;
    refuse_tags(request.tags)?;
    let name = request.account_name.unwrap_or_default();
    let email = request.email.unwrap_or_default();
    let made = asked.catalog.create_member(&organization.id, &name, &email, asked.position());
    let made = made.await.map_err(refused)?;
    Ok(CreateAccountResponse { create_account_status: Some(shown::create_account_status(made)) })
}

/// Refuses a request that wants tags on an account.
pub(super) fn refuse_tags(tags: Option<Vec<Tag>>) -> Result<(), Fault> {
    if tags.is_none_or(|it| it.is_empty()) {
        return Ok(());
    }
    Err(because(
        ErrorCode::InvalidInputException,
        "TARGET_NOT_SUPPORTED",
        "Tags of accounts are not available in this version of Trailmark.",
    ))
}
