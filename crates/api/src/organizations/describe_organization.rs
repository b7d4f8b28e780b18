//! `DescribeOrganization`: every member may ask.

use wire::shapes::organizations::DescribeOrganizationResponse;

use super::{Asked, shown};
use crate::fault::{Fault, internal};

/// Answers `DescribeOrganization`.
///
/// # Errors
/// `AWSOrganizationsNotInUseException`.
pub(super) async fn describe_organization(
    asked: &Asked<'_>,
) -> Result<DescribeOrganizationResponse, Fault> {
    let found = asked.organization().await?;
    let management = asked.catalog.member(&found.id, found.management).await.map_err(internal)?;
    let organization = Some(shown::organization(&found, management.map(|it| it.email)));
    Ok(DescribeOrganizationResponse { organization })
}
