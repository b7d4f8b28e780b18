//! The `Principal` element: whom a statement of a resource's policy is about.
//!
//! Spec: IAM User Guide, "AWS JSON policy elements: Principal".

use record::AccountId;

use super::{
    document::{InvalidPolicy, texts},
    json::Json,
};

/// Who makes a call, as the policy of a resource sees it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Principal<'a> {
    /// A user, a role's session or a root user.
    Aws {
        /// Whose it is.
        account: &'a str,
        /// Such as `arn:aws:iam::111122223333:user/ann`.
        arn: &'a str,
    },
    /// A service that acts for itself, such as `cloudtrail.amazonaws.com`.
    Service(&'a str),
}

/// `Principal`, or `NotPrincipal` when `negated`.
#[derive(Clone, Debug)]
pub(super) struct Principals {
    pub(super) negated: bool,
    pub(super) named: Vec<Named>,
}

/// One that a policy names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Named {
    /// All of an account, named by its id or its root user.
    Account(String),
    /// `*`.
    Anybody,
    /// One user, role or session.
    Arn(String),
    /// A federated or canonical user: there are none here.
    Nobody,
    Service(String),
}

impl Principals {
    pub(super) fn hold(&self, principal: Principal<'_>) -> bool {
        self.named.iter().any(|it| it.is(principal)) != self.negated
    }

    /// Whether these are all there are.
    pub(super) fn are_anybody(&self) -> bool {
        self.negated || self.named.contains(&Named::Anybody)
    }
}

impl Named {
    fn is(&self, principal: Principal<'_>) -> bool {
        match (self, principal) {
            (Self::Anybody, _) => true,
            (Self::Account(id), Principal::Aws { account, .. }) => id == account,
            (Self::Arn(named), Principal::Aws { arn, .. }) => {
                named == arn || is_session_of(arn, named)
            }
            (Self::Service(named), Principal::Service(name)) => named == name,
            (Self::Account(_) | Self::Arn(_) | Self::Nobody | Self::Service(_), _) => false,
        }
    }
}

/// Reads the element.
pub(super) fn read(value: Json) -> Result<Vec<Named>, InvalidPolicy> {
    let members = match value {
        Json::String(text) if text == "*" => return Ok(vec![Named::Anybody]),
        Json::Object(members) if !members.is_empty() => members,
        Json::Null
        | Json::Bool(_)
        | Json::Number(_)
        | Json::String(_)
        | Json::List(_)
        | Json::Object(_) => return Err(InvalidPolicy::PrincipalInvalid),
    };
    let mut named = Vec::new();
    for (kind, value) in members {
        for text in texts(value).map_err(|_| InvalidPolicy::PrincipalInvalid)? {
            named.push(one(&kind, text).ok_or(InvalidPolicy::PrincipalInvalid)?);
        }
    }
    Ok(named)
}

fn one(kind: &str, text: String) -> Option<Named> {
    match kind {
        "AWS" if text == "*" => Some(Named::Anybody),
        "AWS" if AccountId::parse(&text).is_ok() => Some(Named::Account(text)),
        "AWS" => {
            let [_, _, service, _, account, name] = parts(&text)?;
            AccountId::parse(account).ok()?;
            let is_known = match service {
                "iam" if name == "root" => return Some(Named::Account(account.to_owned())),
                "iam" => name.starts_with("user/") || name.starts_with("role/"),
                "sts" => name.starts_with("assumed-role/") || name.starts_with("federated-user/"),
                _ => false,
            };
            // Here, wildcards stand for nothing.
            (is_known && !name.contains(['*', '?'])).then_some(Named::Arn(text))
        }
        "Service" => {
            let is_name =
                text.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'.' | b'-'));
            (is_name && text.contains('.')).then_some(Named::Service(text))
        }
        "CanonicalUser" | "Federated" => Some(Named::Nobody),
        _ => None,
    }
}

/// Whether `arn` is a session of the role `named`.
fn is_session_of(arn: &str, named: &str) -> bool {
    let same = || {
        let [_, session_partition, "sts", _, session_account, session] = parts(arn)? else {
            return None;
        };
        let [_, partition, "iam", _, account, role] = parts(named)? else { return None };
        let role = role.strip_prefix("role/")?.rsplit('/').next()?;
        let (session, _) = session.strip_prefix("assumed-role/")?.split_once('/')?;
        Some((session_partition, session_account, session) == (partition, account, role))
    };
    same().unwrap_or(false)
}

/// The six parts of an ARN.
fn parts(arn: &str) -> Option<[&str; 6]> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    <[&str; 6]>::try_from(parts).ok().filter(|parts| matches!(parts, ["arn", ..]))
}
