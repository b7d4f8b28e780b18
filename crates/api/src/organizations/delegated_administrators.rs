//! Members that may act for the management account in a service: `RegisterDelegatedAdministrator`,
//! `DeregisterDelegatedAdministrator`, `ListDelegatedAdministrators`,
//! `ListDelegatedServicesForAccount`.

use std::collections::BTreeMap;

use catalog::{Delegate, Member, Organization};
use jiff::Timestamp;
use record::AccountId;
use wire::shapes::organizations::{
    DelegatedAdministrator, DelegatedService, DeregisterDelegatedAdministratorRequest, ErrorCode,
    ListDelegatedAdministratorsRequest, ListDelegatedAdministratorsResponse,
    ListDelegatedServicesForAccountRequest, ListDelegatedServicesForAccountResponse,
    RegisterDelegatedAdministratorRequest,
};

use super::{
    Asked,
    faults::{because, not_registered, refused, unknown_account},
    page::page,
    service_access::{check_features, service},
    shown::ACTIVE,
};
use crate::fault::{Fault, internal};

/// Answers `RegisterDelegatedAdministrator`.
///
/// # Errors
/// Those of [`Asked::organization_to_govern`]; `AccountNotFoundException`,
/// `AccountAlreadyRegisteredException`; `ConstraintViolationException` for the management account,
/// for a service that may not act in the organization and for one administrator too many;
/// `InvalidInputException`.
pub(super) async fn register_delegated_administrator(
    asked: &Asked<'_>,
    request: RegisterDelegatedAdministratorRequest,
) -> Result<(), Fault> {
    let organization = asked.organization_to_govern().await?;
    check_features(&organization)?;
    let service = service(request.service_principal)?;
    let account = account(request.account_id)?;
    if account == organization.management {
        return Err(because(
            ErrorCode::ConstraintViolationException,
            "CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR",
            "You cannot register master account/yourself as delegated administrator for your \
             organization.",
        ));
    }
    let enabled = asked.catalog.service_access(&organization.id).await.map_err(internal)?;
    if !enabled.iter().any(|it| it.service == service) {
        return Err(because(
            ErrorCode::ConstraintViolationException,
            "SERVICE_ACCESS_NOT_ENABLED",
            "You attempted to register a delegated administrator before you enabled service \
             access. Call the EnableAWSServiceAccess API first.",
        ));
    }
    asked.catalog.register_delegate(&organization.id, account, &service).await.map_err(refused)
}

/// Answers `DeregisterDelegatedAdministrator`.
///
/// # Errors
/// Those of [`Asked::organization_to_govern`]; `AccountNotFoundException`,
/// `AccountNotRegisteredException`, `InvalidInputException`.
pub(super) async fn deregister_delegated_administrator(
    asked: &Asked<'_>,
    request: DeregisterDelegatedAdministratorRequest,
) -> Result<(), Fault> {
    let organization = asked.organization_to_govern().await?;
    let service = service(request.service_principal)?;
    let account = account(request.account_id)?;
    asked.catalog.deregister_delegate(&organization.id, account, &service).await.map_err(refused)
}

/// Answers `ListDelegatedAdministrators`: those of one service, or of any.
///
/// # Errors
/// Those of [`Asked::organization_to_see`]; `InvalidInputException`.
pub(super) async fn list_delegated_administrators(
    asked: &Asked<'_>,
    request: ListDelegatedAdministratorsRequest,
) -> Result<ListDelegatedAdministratorsResponse, Fault> {
    let organization = asked.organization_to_see().await?;
    let wanted = request.service_principal.map(|it| service(Some(it))).transpose()?;
    let mut since = BTreeMap::<AccountId, Timestamp>::new();
    for it in asked.catalog.delegates(&organization.id).await.map_err(internal)? {
        if wanted.as_ref().is_none_or(|wanted| *wanted == it.service) {
            let first = since.entry(it.account).or_insert(it.enabled);
            *first = it.enabled.min(*first);
        }
    }
    let members = asked.catalog.members(&organization.id).await.map_err(internal)?;
    let administrators = members
        .into_iter()
        .filter_map(|it| since.get(&it.account).map(|since| (it, *since)))
        .collect();
    let token = request.next_token.as_deref();
    let (administrators, next_token) =
        page(administrators, |(it, _)| it.account.to_string(), request.max_results, token)?;
    let shown = administrators.into_iter().map(|(it, since)| shown(&organization, it, since));
    Ok(ListDelegatedAdministratorsResponse {
        delegated_administrators: Some(shown.collect()),
        next_token,
    })
}

/// Answers `ListDelegatedServicesForAccount`.
///
/// # Errors
/// Those of [`Asked::organization_to_see`]; `AccountNotFoundException`,
/// `AccountNotRegisteredException`, `InvalidInputException`.
pub(super) async fn list_delegated_services_for_account(
    asked: &Asked<'_>,
    request: ListDelegatedServicesForAccountRequest,
) -> Result<ListDelegatedServicesForAccountResponse, Fault> {
    let organization = asked.organization_to_see().await?;
    let account = account(request.account_id)?;
    let member = asked.catalog.member(&organization.id, account).await.map_err(internal)?;
    member.ok_or_else(unknown_account)?;
    let mut services = asked.catalog.delegates(&organization.id).await.map_err(internal)?;
    services.retain(|it| it.account == account);
    if services.is_empty() {
        return Err(not_registered());
    }
    let token = request.next_token.as_deref();
    let (services, next_token) =
        page(services, |it| it.service.clone(), request.max_results, token)?;
    let shown = |it: Delegate| DelegatedService {
        service_principal: Some(it.service),
        delegation_enabled_date: Some(it.enabled),
    };
    Ok(ListDelegatedServicesForAccountResponse {
        delegated_services: Some(services.into_iter().map(shown).collect()),
        next_token,
    })
}

fn account(id: Option<String>) -> Result<AccountId, Fault> {
    AccountId::parse(&id.unwrap_or_default()).map_err(|_| unknown_account())
}

fn shown(of: &Organization, member: Member, since: Timestamp) -> DelegatedAdministrator {
    DelegatedAdministrator {
        id: Some(member.account.to_string()),
        arn: Some(of.account_arn(member.account)),
        email: Some(member.email),
        name: Some(member.name),
        status: Some(ACTIVE.to_owned()),
        state: Some(ACTIVE.to_owned()),
        joined_method: Some(member.joined_method.as_str().to_owned()),
        joined_timestamp: Some(member.joined),
        delegation_enabled_date: Some(since),
    }
}
