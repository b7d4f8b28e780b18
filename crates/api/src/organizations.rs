//! The service `organizations`: as much of it as trails and those who make them need.
//!
//! Lives here: which operation answers a call, and who may ask what.
//! Lives elsewhere: each operation, in a file below; what an organization means to a trail
//! (`trails`); how organizations are kept (`catalog`).
//!
//! Its accounts are the catalog's. One operator owns them all, so an invitation is accepted at once,
//! and a new account is there when the answer is; its keys come from `trailmark user` and
//! `trailmark key`. There is one root, and neither units nor policies.
//!
//! Start at [`Organizations`].
//! Spec: AWS Organizations API Reference, the operations named as the functions here.

mod create_account;
mod create_organization;
mod delegated_administrators;
mod describe_account;
mod describe_create_account_status;
mod describe_organization;
mod faults;
mod invite_account;
mod list_accounts;
mod list_roots;
mod page;
mod remove_account;
mod service_access;
mod shown;

use std::sync::Arc;

use catalog::{Catalog, Organization};
use futures::{FutureExt as _, future::BoxFuture};
use log::EventLog;
use record::AccountId;
use serde::Serialize;
use serde_json::Value;
use wire::{
    answer::{Answer, Call, Reply},
    catalogue::Protocol,
    reply,
    shapes::{
        Request,
        organizations::{ErrorCode, Operation},
    },
};

use self::{
    create_account::create_account,
    create_organization::create_organization,
    delegated_administrators::{
        deregister_delegated_administrator, list_delegated_administrators,
        list_delegated_services_for_account, register_delegated_administrator,
    },
    describe_account::describe_account,
    describe_create_account_status::describe_create_account_status,
    describe_organization::describe_organization,
    faults::{fault, refused, unfit},
    invite_account::invite_account_to_organization,
    list_accounts::list_accounts,
    list_roots::list_roots,
    remove_account::{leave_organization, remove_account_from_organization},
    service_access::{
        disable_aws_service_access, enable_aws_service_access,
        list_aws_service_access_for_organization,
    },
};
use crate::{
    body,
    fault::{Fault, common, internal},
};

/// AWS Organizations over the accounts of the catalog.
#[derive(Clone, Debug)]
pub struct Organizations {
    catalog: Catalog,
    log: Arc<dyn EventLog>,
}

impl Organizations {
    /// Answers from `catalog`. `log` says at which position somebody joins or leaves.
    #[must_use]
    pub fn new(catalog: Catalog, log: Arc<dyn EventLog>) -> Self {
        Self { catalog, log }
    }

    async fn run(&self, call: Call) -> Result<Value, Fault> {
        let operation = Operation::from_word(&call.operation)
            .ok_or_else(|| common("UnknownOperationException", "The operation is not known."))?;
        let Call { caller, request_id, request, .. } = call;
        let request = Value::Object(body::object(&body::whole(request).await?)?);
        let asked = Asked {
            catalog: &self.catalog,
            log: self.log.as_ref(),
            account: caller.account,
            request_id: &request_id,
        };
        operate(operation, &asked, request).await
    }
}

impl Answer for Organizations {
    fn answer(&self, call: Call) -> BoxFuture<'_, Reply> {
        async move {
            let (id, operation) = (call.request_id.clone(), call.operation.clone());
            let response = match self.run(call).await {
                Ok(output) => reply::output(Protocol::Json11, &operation, None, &output, &id),
                Err(fault) => reply::error(Protocol::Json11, &fault, &id),
            };
            Reply { response }
        }
        .boxed()
    }
}

/// One line for each operation.
async fn operate(operation: Operation, asked: &Asked<'_>, request: Value) -> Result<Value, Fault> {
    match operation {
        Operation::CreateAccount => shown(create_account(asked, read(request)?).await?),
        Operation::CreateOrganization => shown(create_organization(asked, read(request)?).await?),
        Operation::DeregisterDelegatedAdministrator => {
            done(deregister_delegated_administrator(asked, read(request)?).await?)
        }
        Operation::DescribeAccount => shown(describe_account(asked, read(request)?).await?),
        Operation::DescribeCreateAccountStatus => {
            shown(describe_create_account_status(asked, read(request)?).await?)
        }
        Operation::DescribeOrganization => shown(describe_organization(asked).await?),
        Operation::DisableAWSServiceAccess => {
            done(disable_aws_service_access(asked, read(request)?).await?)
        }
        Operation::EnableAWSServiceAccess => {
            done(enable_aws_service_access(asked, read(request)?).await?)
        }
        Operation::InviteAccountToOrganization => {
            shown(invite_account_to_organization(asked, read(request)?).await?)
        }
        Operation::LeaveOrganization => done(leave_organization(asked).await?),
        Operation::ListAWSServiceAccessForOrganization => {
            shown(list_aws_service_access_for_organization(asked, read(request)?).await?)
        }
        Operation::ListAccounts => shown(list_accounts(asked, read(request)?).await?),
        Operation::ListDelegatedAdministrators => {
            shown(list_delegated_administrators(asked, read(request)?).await?)
        }
        Operation::ListDelegatedServicesForAccount => {
            shown(list_delegated_services_for_account(asked, read(request)?).await?)
        }
        Operation::ListRoots => shown(list_roots(asked, read(request)?).await?),
        Operation::RegisterDelegatedAdministrator => {
            done(register_delegated_administrator(asked, read(request)?).await?)
        }
        Operation::RemoveAccountFromOrganization => {
            done(remove_account_from_organization(asked, read(request)?).await?)
        }
        Operation::AcceptHandshake
        | Operation::AttachPolicy
        | Operation::CancelHandshake
        | Operation::CloseAccount
        | Operation::CreateGovCloudAccount
        | Operation::CreateOrganizationalUnit
        | Operation::CreatePolicy
        | Operation::DeclineHandshake
        | Operation::DeleteOrganization
        | Operation::DeleteOrganizationalUnit
        | Operation::DeletePolicy
        | Operation::DeleteResourcePolicy
        | Operation::DescribeEffectivePolicy
        | Operation::DescribeHandshake
        | Operation::DescribeOrganizationalUnit
        | Operation::DescribePolicy
        | Operation::DescribeResourcePolicy
        | Operation::DescribeResponsibilityTransfer
        | Operation::DetachPolicy
        | Operation::DisablePolicyType
        | Operation::EnableAllFeatures
        | Operation::EnablePolicyType
        | Operation::InviteOrganizationToTransferResponsibility
        | Operation::ListAccountsForParent
        | Operation::ListAccountsWithInvalidEffectivePolicy
        | Operation::ListChildren
        | Operation::ListCreateAccountStatus
        | Operation::ListEffectivePolicyValidationErrors
        | Operation::ListHandshakesForAccount
        | Operation::ListHandshakesForOrganization
        | Operation::ListInboundResponsibilityTransfers
        | Operation::ListOrganizationalUnitsForParent
        | Operation::ListOutboundResponsibilityTransfers
        | Operation::ListParents
        | Operation::ListPolicies
        | Operation::ListPoliciesForTarget
        | Operation::ListTagsForResource
        | Operation::ListTargetsForPolicy
        | Operation::MoveAccount
        | Operation::PutResourcePolicy
        | Operation::TagResource
        | Operation::TerminateResponsibilityTransfer
        | Operation::UntagResource
        | Operation::UpdateOrganizationalUnit
        | Operation::UpdatePolicy
        | Operation::UpdateResponsibilityTransfer => {
            operation.check(request).map_err(unfit)?;
            let operation = operation.as_str();
            let message = format!("{operation} is not available in this version of Trailmark.");
            Err(common("UnsupportedOperationException", &message))
        }
    }
}

/// One call: who asks, and of which id the call is.
#[derive(Debug)]
struct Asked<'a> {
    catalog: &'a Catalog,
    log: &'a dyn EventLog,
    account: AccountId,
    request_id: &'a str,
}

impl Asked<'_> {
    /// Where a change of members takes effect: at the end of what is acknowledged.
    fn position(&self) -> u64 {
        self.log.durable().borrow().0
    }

    /// The organization that the caller's account is a member of.
    ///
    /// # Errors
    /// `AWSOrganizationsNotInUseException`.
    async fn organization(&self) -> Result<Organization, Fault> {
        let found = self.catalog.organization_of(self.account).await.map_err(internal)?;
        found.ok_or_else(|| {
            fault(
                ErrorCode::AWSOrganizationsNotInUseException,
                "Your account is not a member of an organization.",
            )
        })
    }

    /// The organization, for those who may see all of it: the management account, and who is a
    /// delegated administrator of whatever service.
    ///
    /// # Errors
    /// `AWSOrganizationsNotInUseException`, `AccessDeniedException`.
    async fn organization_to_see(&self) -> Result<Organization, Fault> {
        let organization = self.organization().await?;
        if organization.management == self.account {
            return Ok(organization);
        }
        let delegates = self.catalog.delegates(&organization.id).await.map_err(internal)?;
        if delegates.iter().any(|it| it.account == self.account) {
            Ok(organization)
        } else {
            Err(denied())
        }
    }

    /// The organization, for the management account.
    ///
    /// # Errors
    /// `AWSOrganizationsNotInUseException`, `AccessDeniedException`.
    async fn organization_to_govern(&self) -> Result<Organization, Fault> {
        let organization = self.organization().await?;
        if organization.management == self.account { Ok(organization) } else { Err(denied()) }
    }
}

fn denied() -> Fault {
    fault(ErrorCode::AccessDeniedException, "You don't have permissions to access this resource.")
}

/// Reads a request and checks what the model demands of it.
fn read<R: Request>(request: Value) -> Result<R, Fault> {
    R::read(request).map_err(unfit)
}

fn shown(response: impl Serialize) -> Result<Value, Fault> {
    serde_json::to_value(response).map_err(internal)
}

/// The answer of an operation that has none.
fn done((): ()) -> Result<Value, Fault> {
    Ok(Value::Object(serde_json::Map::new()))
}
