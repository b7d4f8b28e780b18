//! Who called: the `userIdentity` member, as we write it.
//!
//! Records of others keep their `userIdentity` verbatim; this type is for the records we make.
//! Spec: CloudTrail User Guide, "CloudTrail userIdentity element".

use serde::{Deserialize, Serialize};

use crate::AccountId;

/// The value of `userIdentity.type`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the words are CloudTrail's own")]
pub enum IdentityType {
    AWSAccount,
    AWSService,
    AssumedRole,
    Directory,
    FederatedUser,
    IAMUser,
    IdentityCenterUser,
    Role,
    Root,
    SAMLUser,
    Unknown,
    WebIdentityUser,
}

/// The `userIdentity` of a record that Trailmark writes. Members that are `None` are left out.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// Absent only where even the type is not known, as on a call that failed authentication.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<IdentityType>,
    /// `AIDA…` for a user, `AROA…:session` for a role session, the account id for root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<String>,
    /// ARN of the principal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// Owner of the entity that granted permission. Text, for it may be `ANONYMOUS_PRINCIPAL`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// The key that signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    /// Friendly name; absent for role sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// What is known about temporary credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_context: Option<SessionContext>,
    /// The service that made the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoked_by: Option<String>,
    /// Provider of a SAML or web identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_provider: Option<String>,
}

/// `userIdentity.sessionContext`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionContext {
    /// Whose session it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_issuer: Option<SessionIssuer>,
    /// When the session began, and whether a second factor was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<SessionAttributes>,
    /// Set by the first AssumeRole of a chain and carried along.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_identity: Option<String>,
    /// `"true"` in the sessions of AssumeRoot, which are root users' otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assumed_root: Option<String>,
}

/// `userIdentity.sessionContext.attributes`: both members are texts.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionAttributes {
    /// `yyyy-MM-ddTHH:mm:ssZ`.
    pub creation_date: String,
    /// `"true"` or `"false"`.
    pub mfa_authenticated: String,
}

/// `userIdentity.sessionContext.sessionIssuer`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionIssuer {
    /// `Role`, `IAMUser` or `Root`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `AROA…` for a role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<String>,
    /// ARN of the role or user.
    pub arn: String,
    /// Account of the role or user.
    pub account_id: String,
    /// Name of the role or user; absent for root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
}

impl Identity {
    /// The root user of `account`.
    #[must_use]
    pub fn root(account: AccountId, access_key_id: Option<String>) -> Self {
        Self {
            kind: Some(IdentityType::Root),
            principal_id: Some(account.to_string()),
            arn: Some(format!("arn:aws:iam::{account}:root")),
            account_id: Some(account.to_string()),
            access_key_id,
            ..Self::default()
        }
    }

    /// An IAM user. `path` begins and ends with `/`.
    #[must_use]
    pub fn user(
        account: AccountId,
        user_id: &str,
        path: &str,
        name: &str,
        access_key_id: Option<String>,
    ) -> Self {
        Self {
            kind: Some(IdentityType::IAMUser),
            principal_id: Some(user_id.to_owned()),
            arn: Some(format!("arn:aws:iam::{account}:user{path}{name}")),
            account_id: Some(account.to_string()),
            access_key_id,
            user_name: Some(name.to_owned()),
            ..Self::default()
        }
    }

    /// How another account's copy of a record shows this caller: principal id and account only.
    ///
    /// Spec: "Logging data events across accounts"; the owner's copy hides ARN and user name.
    #[must_use]
    pub fn as_other_account(&self) -> Self {
        Self {
            kind: Some(IdentityType::AWSAccount),
            principal_id: self.principal_id.clone(),
            account_id: self.account_id.clone(),
            ..Self::default()
        }
    }

    /// A caller who did not sign.
    #[must_use]
    pub fn anonymous() -> Self {
        Self {
            kind: Some(IdentityType::AWSAccount),
            principal_id: Some(String::new()),
            account_id: Some("ANONYMOUS_PRINCIPAL".to_owned()),
            ..Self::default()
        }
    }
}
