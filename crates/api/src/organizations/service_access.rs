//! Which services may act in the organization: `EnableAWSServiceAccess`, `DisableAWSServiceAccess`,
//! `ListAWSServiceAccessForOrganization`. AWS's consoles call it trusted access.

use catalog::{FeatureSet, Organization, ServiceAccess};
use wire::shapes::organizations::{
    DisableAWSServiceAccessRequest, EnableAWSServiceAccessRequest, EnabledServicePrincipal,
    ErrorCode, ListAWSServiceAccessForOrganizationRequest,
    ListAWSServiceAccessForOrganizationResponse,
};

use super::{
    Asked,
    faults::{because, refused},
    page::page,
};
use crate::fault::{Fault, internal};

/// Answers `EnableAWSServiceAccess`.
///
/// # Errors
/// Those of [`Asked::organization_to_govern`]; `ConstraintViolationException` while the organization
/// has not all features; `InvalidInputException` for what is no service principal.
pub(super) async fn enable_aws_service_access(
    asked: &Asked<'_>,
    request: EnableAWSServiceAccessRequest,
) -> Result<(), Fault> {
    let organization = asked.organization_to_govern().await?;
    check_features(&organization)?;
    let service = service(request.service_principal)?;
    asked.catalog.enable_service(&organization.id, &service).await.map_err(refused)
}

/// Answers `DisableAWSServiceAccess`. Organization trails stay, and deliver what they choose.
///
/// # Errors
/// Those of [`enable_aws_service_access`]; `ConstraintViolationException` while the service has
/// delegated administrators.
pub(super) async fn disable_aws_service_access(
    asked: &Asked<'_>,
    request: DisableAWSServiceAccessRequest,
) -> Result<(), Fault> {
    let organization = asked.organization_to_govern().await?;
    let service = service(request.service_principal)?;
    asked.catalog.disable_service(&organization.id, &service).await.map_err(refused)
}

/// Answers `ListAWSServiceAccessForOrganization`.
///
/// # Errors
/// Those of [`Asked::organization_to_see`]; `InvalidInputException`.
pub(super) async fn list_aws_service_access_for_organization(
    asked: &Asked<'_>,
    request: ListAWSServiceAccessForOrganizationRequest,
) -> Result<ListAWSServiceAccessForOrganizationResponse, Fault> {
    let organization = asked.organization_to_see().await?;
    let services = asked.catalog.service_access(&organization.id).await.map_err(internal)?;
    let token = request.next_token.as_deref();
    let (services, next_token) =
        page(services, |it| it.service.clone(), request.max_results, token)?;
    let shown = |it: ServiceAccess| EnabledServicePrincipal {
        service_principal: Some(it.service),
        date_enabled: Some(it.enabled),
    };
    Ok(ListAWSServiceAccessForOrganizationResponse {
        enabled_service_principals: Some(services.into_iter().map(shown).collect()),
        next_token,
    })
}

/// Services may act in an organization that has all features.
pub(super) fn check_features(organization: &Organization) -> Result<(), Fault> {
    if organization.feature_set == FeatureSet::All {
        return Ok(());
    }
    Err(because(
        ErrorCode::ConstraintViolationException,
        "ORGANIZATION_NOT_IN_ALL_FEATURES_MODE",
        "Your organization must have all features enabled.",
    ))
}

/// A service principal. Any name of AWS's form will do: which services there are changes.
pub(super) fn service(principal: Option<String>) -> Result<String, Fault> {
    let principal = principal.unwrap_or_default();
    if principal.strip_suffix(".amazonaws.com").is_some_and(|it| !it.is_empty()) {
        return Ok(principal);
    }
    Err(because(
        ErrorCode::InvalidInputException,
        "UNRECOGNIZED_SERVICE_PRINCIPAL",
        "You specified an unrecognized service principal.",
    ))
}
