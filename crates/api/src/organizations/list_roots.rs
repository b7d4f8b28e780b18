//! `ListRoots`: an organization has one.

use wire::shapes::organizations::{ListRootsRequest, ListRootsResponse, Root};

use super::{Asked, page::page};
use crate::fault::Fault;

/// Answers `ListRoots`.
///
/// # Errors
/// Those of [`Asked::organization_to_see`]; `InvalidInputException`.
pub(super) async fn list_roots(
    asked: &Asked<'_>,
    request: ListRootsRequest,
) -> Result<ListRootsResponse, Fault> {
    let organization = asked.organization_to_see().await?;
    let root = Root {
        id: Some(organization.root.clone()),
        arn: Some(organization.root_arn()),
        name: Some("Root".to_owned()),
        policy_types: Some(Vec::new()),
    };
    let token = request.next_token.as_deref();
    let (roots, next_token) =
        page(vec![root], |_| organization.root.clone(), request.max_results, token)?;
    Ok(ListRootsResponse { roots: Some(roots), next_token })
}
