//! `InviteAccountToOrganization`: takes an account of the catalog in.
//!
//! Who owns the deployment owns both sides, so there is nobody to wait for: the handshake that is
//! answered is accepted already, and is not kept.

use catalog::{Error, Organization};
use jiff::{SignedDuration, Timestamp};
use record::AccountId;
use wire::shapes::organizations::{
    ErrorCode, Handshake, HandshakeParty, HandshakeResource, InviteAccountToOrganizationRequest,
    InviteAccountToOrganizationResponse,
};

use super::{
    Asked,
    create_account::refuse_tags,
    faults::{because, refused},
};
use crate::fault::{Fault, internal};

/// Answers `InviteAccountToOrganization`.
///
/// # Errors
/// Those of [`Asked::organization_to_govern`]; `InvalidInputException` for a target that is no
/// account id; `HandshakeConstraintViolationException` for an account that the catalog does not
/// know or that is in an organization; `ConstraintViolationException`.
pub(super) async fn invite_account_to_organization(
    asked: &Asked<'_>,
    request: InviteAccountToOrganizationRequest,
) -> Result<InviteAccountToOrganizationResponse, Fault> {
    let organization = asked.organization_to_govern().await?;
    refuse_tags(request.tags)?;
    let account = account(&request.target.unwrap_or_default())?;
    let added = asked.catalog.add_member(&organization.id, account, asked.position()).await;
    added.map_err(|it| refused_target(it, account))?;
    let joined = asked.catalog.member(&organization.id, account).await.map_err(internal)?;
    let joined = joined.map_or(organization.created, |it| it.joined);
    let id = format!("h-{}", asked.request_id.replace('-', ""));
    let handshake = handshake(&organization, account, id, joined, request.notes);
    Ok(InviteAccountToOrganizationResponse { handshake: Some(handshake) })
}

/// The account that is meant. Addresses and organizations are not accounts.
fn account(target: &HandshakeParty) -> Result<AccountId, Fault> {
    let id = target.id.as_deref().filter(|_| target.r#type.as_deref() == Some(ACCOUNT));
    id.and_then(|it| AccountId::parse(it).ok()).ok_or_else(|| {
        because(
            ErrorCode::InvalidInputException,
            "INVALID_PARTY_TYPE_TARGET",
            "The target must be of the type ACCOUNT and have an account id of twelve digits.",
        )
    })
}

fn refused_target(error: Error, account: AccountId) -> Fault {
    let (reason, message) = if matches!(error, Error::AlreadyInOrganization(_)) {
        ("ALREADY_IN_AN_ORGANIZATION", format!("Account {account} is in an organization already."))
    } else if matches!(error, Error::AccountUnknown(_)) {
        ("TARGET_ACCOUNT_VALIDATION_FAILURE", format!("There is no account {account}."))
    } else {
        return refused(error);
    };
    because(ErrorCode::HandshakeConstraintViolationException, reason, &message)
}

fn handshake(
    organization: &Organization,
    account: AccountId,
    id: String,
    joined: Timestamp,
    notes: Option<String>,
) -> Handshake {
    let party = |kind: &str, id: &str| HandshakeParty {
        id: Some(id.to_owned()),
        r#type: Some(kind.to_owned()),
    };
    let resource = |kind: &str, value: String| HandshakeResource {
        value: Some(value),
        r#type: Some(kind.to_owned()),
        resources: None,
    };
    let mut resources = vec![
        resource(ORGANIZATION, organization.id.clone()),
        resource(ACCOUNT, account.to_string()),
    ];
    resources.extend(notes.map(|it| resource("NOTES", it)));
    let (management, organization) = (organization.management, organization.id.as_str());
    Handshake {
        arn: Some(format!(
            "arn:aws:organizations::{management}:handshake/{organization}/invite/{id}"
        )),
        id: Some(id),
        parties: Some(vec![
            party(ORGANIZATION, organization.trim_start_matches("o-")),
            party(ACCOUNT, account.as_str()),
        ]),
        state: Some("ACCEPTED".to_owned()),
        requested_timestamp: Some(joined),
        expiration_timestamp: Some(joined.saturating_add(EXPIRES).unwrap_or(Timestamp::MAX)),
        action: Some("INVITE".to_owned()),
        resources: Some(resources),
    }
}

const ACCOUNT: &str = "ACCOUNT";
const ORGANIZATION: &str = "ORGANIZATION";

/// How long an invitation may be accepted, in AWS.
const EXPIRES: SignedDuration = SignedDuration::from_hours(15 * 24);
