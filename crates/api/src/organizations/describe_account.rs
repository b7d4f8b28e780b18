//! `DescribeAccount`: one member.

use record::AccountId;
use wire::shapes::organizations::{DescribeAccountRequest, DescribeAccountResponse};

use super::{Asked, faults::unknown_account, shown};
use crate::fault::{Fault, internal};

/// Answers `DescribeAccount`.
///
/// # Errors
/// Those of [`Asked::organization_to_see`]; `AccountNotFoundException`.
pub(super) async fn describe_account(
    asked: &Asked<'_>,
    request: DescribeAccountRequest,
) -> Result<DescribeAccountResponse, Fault> {
    let organization = asked.organization_to_see().await?;
    let account = AccountId::parse(&request.account_id.unwrap_or_default());
    let account = account.map_err(|_| unknown_account())?;
    let member = asked.catalog.member(&organization.id, account).await.map_err(internal)?;
    let account = shown::account(&organization, member.ok_or_else(unknown_account)?);
    Ok(DescribeAccountResponse { account: Some(account) })
}
