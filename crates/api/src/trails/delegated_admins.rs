//! `RegisterOrganizationDelegatedAdmin`, `DeregisterOrganizationDelegatedAdmin`: which members may
//! make and change organization trails. AWS Organizations lists them.

use record::AccountId;
use wire::shapes::cloudtrail::{
    DeregisterOrganizationDelegatedAdminRequest, DeregisterOrganizationDelegatedAdminResponse,
    ErrorCode, RegisterOrganizationDelegatedAdminRequest,
    RegisterOrganizationDelegatedAdminResponse,
};

use super::{Asked, organizations::CLOUDTRAIL};
use crate::fault::{Fault, fault};

/// Answers `RegisterOrganizationDelegatedAdmin`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn register_organization_delegated_admin(
    asked: &Asked<'_>,
    request: RegisterOrganizationDelegatedAdminRequest,
) -> Result<RegisterOrganizationDelegatedAdminResponse, Fault> {
    let organization = asked.organization_to_govern().await?;
    let account = account(request.member_account_id)?;
    if account == organization.management {
        return Err(fault(
            ErrorCode::CannotDelegateManagementAccountException,
            "The management account of an organization cannot be a delegated administrator.",
        ));
    }
    let registered = asked.catalog().register_delegate(&organization.id, account, CLOUDTRAIL).await;
    registered.map_err(|it| asked.refused(it))?;
    Ok(RegisterOrganizationDelegatedAdminResponse {})
}

/// Answers `DeregisterOrganizationDelegatedAdmin`. Trails that the account made stay: they are the
/// management account's.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn deregister_organization_delegated_admin(
    asked: &Asked<'_>,
    request: DeregisterOrganizationDelegatedAdminRequest,
) -> Result<DeregisterOrganizationDelegatedAdminResponse, Fault> {
    let organization = asked.organization_to_govern().await?;
    let account = account(request.delegated_admin_account_id)?;
    let ended = asked.catalog().deregister_delegate(&organization.id, account, CLOUDTRAIL).await;
    ended.map_err(|it| asked.refused(it))?;
    Ok(DeregisterOrganizationDelegatedAdminResponse {})
}

/// The model lets an id have up to sixteen digits; no account has one of more than twelve.
fn account(id: Option<String>) -> Result<AccountId, Fault> {
    let id = id.unwrap_or_default();
    AccountId::parse(&id).map_err(|_| {
        let message = format!("Account {id} is not a member of the organization.");
        fault(ErrorCode::AccountNotFoundException, &message)
    })
}
