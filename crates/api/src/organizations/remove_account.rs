//! `RemoveAccountFromOrganization` and `LeaveOrganization`: an account stands alone again.
//!
//! It stays in the catalog with its users and keys. What it did until then is delivered by the
//! organization's trails; from then on it sees them no more. Its files stay where they are.

use record::AccountId;
use wire::shapes::organizations::{ErrorCode, RemoveAccountFromOrganizationRequest};

use super::{
    Asked,
    faults::{fault, refused, unknown_account},
};
use crate::fault::Fault;

/// Answers `RemoveAccountFromOrganization`.
///
/// # Errors
/// Those of [`Asked::organization_to_govern`]; `AccountNotFoundException`;
/// `MasterCannotLeaveOrganizationException`; `ConstraintViolationException` for a delegated
/// administrator.
pub(super) async fn remove_account_from_organization(
    asked: &Asked<'_>,
    request: RemoveAccountFromOrganizationRequest,
) -> Result<(), Fault> {
    let organization = asked.organization_to_govern().await?;
    let account = AccountId::parse(request.account_id.as_deref().unwrap_or_default())
        .map_err(|_| unknown_account())?;
    if account == organization.management {
        return Err(management_stays());
    }
    let removed = asked.catalog.remove_member(&organization.id, account, asked.position()).await;
    removed.map_err(refused)
}

/// Answers `LeaveOrganization`, asked by the account that leaves.
///
/// # Errors
/// `AWSOrganizationsNotInUseException`, `MasterCannotLeaveOrganizationException`,
/// `ConstraintViolationException` for a delegated administrator.
pub(super) async fn leave_organization(asked: &Asked<'_>) -> Result<(), Fault> {
    let organization = asked.organization().await?;
    if asked.account == organization.management {
        return Err(management_stays());
    }
    let left = asked.catalog.remove_member(&organization.id, asked.account, asked.position()).await;
    left.map_err(refused)
}

fn management_stays() -> Fault {
    fault(
        ErrorCode::MasterCannotLeaveOrganizationException,
        "You can't remove a management account from an organization.",
    )
}
