//! `CreateOrganization`: the caller's account becomes the management account of a new one.

use catalog::FeatureSet;
use wire::shapes::organizations::{CreateOrganizationRequest, CreateOrganizationResponse};

use super::{Asked, refused, shown};
use crate::fault::{Fault, internal};

/// Answers `CreateOrganization`.
///
/// # Errors
/// `AlreadyInOrganizationException`.
pub(super) async fn create_organization(
    asked: &Asked<'_>,
    request: CreateOrganizationRequest,
) -> Result<CreateOrganizationResponse, Fault> {
    let feature_set = request.feature_set.as_deref().and_then(FeatureSet::from_word);
    let made = asked.catalog.create_organization(asked.account, feature_set.unwrap_or_default());
    let made = made.await.map_err(refused)?;
    let management = asked.catalog.member(&made.id, made.management).await.map_err(internal)?;
    let organization = Some(shown::organization(&made, management.map(|it| it.email)));
    Ok(CreateOrganizationResponse { organization })
}
