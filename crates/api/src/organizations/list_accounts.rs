//! `ListAccounts`: the members, by account id.

use wire::shapes::organizations::{ListAccountsRequest, ListAccountsResponse};

use super::{Asked, page::page, shown};
use crate::fault::{Fault, internal};

/// Answers `ListAccounts`.
///
/// # Errors
/// Those of [`Asked::organization_to_see`]; `InvalidInputException`.
pub(super) async fn list_accounts(
    asked: &Asked<'_>,
    request: ListAccountsRequest,
) -> Result<ListAccountsResponse, Fault> {
    let organization = asked.organization_to_see().await?;
    let members = asked.catalog.members(&organization.id).await.map_err(internal)?;
    let token = request.next_token.as_deref();
    let (members, next_token) =
        page(members, |it| it.account.to_string(), request.max_results, token)?;
    let accounts = members.into_iter().map(|it| shown::account(&organization, it)).collect();
    Ok(ListAccountsResponse { accounts: Some(accounts), next_token })
}
