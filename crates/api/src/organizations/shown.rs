//! What is kept, in the members of the API.

use catalog::{AccountRequest, Member, Organization};
use wire::shapes::organizations as shape;

/// An organization; `email` is its management account's.
pub(super) fn organization(it: &Organization, email: Option<String>) -> shape::Organization {
    shape::Organization {
        id: Some(it.id.clone()),
        arn: Some(it.arn()),
        feature_set: Some(it.feature_set.as_str().to_owned()),
        master_account_arn: Some(it.account_arn(it.management)),
        master_account_id: Some(it.management.to_string()),
        master_account_email: email,
        // There are no policies.
        available_policy_types: Some(Vec::new()),
    }
}

/// A member. It is active as long as it is one.
pub(super) fn account(of: &Organization, member: Member) -> shape::Account {
    shape::Account {
        id: Some(member.account.to_string()),
        arn: Some(of.account_arn(member.account)),
        email: Some(member.email),
        name: Some(member.name),
        status: Some(ACTIVE.to_owned()),
        state: Some(ACTIVE.to_owned()),
        paths: None,
        joined_method: Some(member.joined_method.as_str().to_owned()),
        joined_timestamp: Some(member.joined),
    }
}

/// What became of a request. It is never in progress.
pub(super) fn create_account_status(it: AccountRequest) -> shape::CreateAccountStatus {
    let (state, failure) = match it.account {
        Some(_) => ("SUCCEEDED", None),
        None => ("FAILED", Some("EMAIL_ALREADY_EXISTS")),
    };
    shape::CreateAccountStatus {
        id: Some(it.id),
        account_name: Some(it.name),
        state: Some(state.to_owned()),
        requested_timestamp: Some(it.requested),
        completed_timestamp: Some(it.requested),
        account_id: it.account.map(|it| it.to_string()),
        gov_cloud_account_id: None,
        failure_reason: failure.map(str::to_owned),
    }
}

/// The only status, and the only state, that a member has.
pub(super) const ACTIVE: &str = "ACTIVE";
