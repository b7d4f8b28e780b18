//! `DescribeCreateAccountStatus`: what became of a `CreateAccount`.

use wire::shapes::organizations::{
    DescribeCreateAccountStatusRequest, DescribeCreateAccountStatusResponse, ErrorCode,
};

use super::{Asked, fault, shown};
use crate::fault::{Fault, internal};

/// Answers `DescribeCreateAccountStatus`.
///
/// # Errors
/// Those of [`Asked::organization_to_see`]; `CreateAccountStatusNotFoundException`.
pub(super) async fn describe_create_account_status(
    asked: &Asked<'_>,
    request: DescribeCreateAccountStatusRequest,
) -> Result<DescribeCreateAccountStatusResponse, Fault> {
    let organization = asked.organization_to_see().await?;
    let id = request.create_account_request_id.unwrap_or_default();
    let found = asked.catalog.account_request(&organization.id, &id).await.map_err(internal)?;
    let found = found.ok_or_else(|| {
        fault(
            ErrorCode::CreateAccountStatusNotFoundException,
            "You specified a non-existing account creation request.",
        )
    })?;
    let create_account_status = Some(shown::create_account_status(found));
    Ok(DescribeCreateAccountStatusResponse { create_account_status })
}
