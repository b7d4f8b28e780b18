//! `EnableFederation`: refused with `UnsupportedOperationException`.
//!
//! AWS federates a store by a Glue database and Lake Formation permissions of its own, which no
//! other catalog of tables can hand out. Here there is nothing to enable: the tables are Iceberg
//! tables from the first day, read by any engine through the deployment's own REST catalog.
//! What is wrong with the request is said first, as AWS says it.

use catalog::partition;
use record::AccountId;
use wire::shapes::cloudtrail::{EnableFederationRequest, EnableFederationResponse, ErrorCode};

use super::Use;
use crate::{
    fault::{Fault, fault},
    trails::Asked,
};

/// Answers `EnableFederation`, always by a fault.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn enable_federation(
    asked: &Asked<'_>,
    request: EnableFederationRequest,
) -> Result<EnableFederationResponse, Fault> {
    asked.stores()?;
    let name = request.event_data_store.unwrap_or_default();
    asked.find_active_store(&name, Use::Change).await?;
    let role = request.federation_role_arn.unwrap_or_default();
    let is_role = match role.splitn(6, ':').collect::<Vec<_>>().as_slice() {
        ["arn", of, "iam", "", account, name] => {
            *of == partition(asked.region)
                && AccountId::parse(account).is_ok()
                && name.strip_prefix("role/").is_some_and(|it| !it.is_empty())
        }
        _ => false,
    };
    if !is_role {
        let message = format!("{role} is not the ARN of a role.");
        return Err(fault(ErrorCode::InvalidParameterException, &message));
    }
    Err(fault(
        ErrorCode::UnsupportedOperationException,
        "Federation needs AWS Glue and AWS Lake Formation. Read the event data store as an Iceberg \
         table instead.",
    ))
}
