//! IAM policies: what a caller may do.
//!
//! Lives here: reading policy documents ([`Policy::parse`], [`BucketPolicy::parse`],
//! [`ResourcePolicy::parse`]), evaluating them ([`evaluate`], [`BucketPolicy::decide`]), the names
//! of actions and resources ([`action`], [`bucket_arn`]), two policies that are ready to use.
//! Lives elsewhere: whose policies they are (`catalog`), who calls (`sigv4`). A root user has no
//! policies and may do all; its calls do not come here.
//!
//! A policy is checked when it is created: what we cannot evaluate is refused then, so evaluation
//! never fails.
//!
//! Start at [`evaluate`].
//! Spec: IAM User Guide, "IAM JSON policy element reference" and "Policy evaluation logic".

mod action;
mod canned;
mod condition;
mod document;
mod json;
mod pattern;
mod policy;
mod principal;
mod resource;
mod test;

use std::collections::BTreeMap;

pub use action::{action, action_on_version, bucket_arn, object_arn, source_action};
pub use canned::{FULL_ACCESS, READ_ONLY_ACCESS};
pub use document::{Attached, InvalidPolicy};
pub use policy::Policy;
pub use principal::Principal;
pub use resource::{BucketPolicy, ResourcePolicy};

/// One call, as policies see it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Such as `s3:GetObject`; in any case.
    pub action: &'a str,
    /// An ARN, or `*` for a call that is about no resource in particular.
    pub resource: &'a str,
    /// What conditions and policy variables ask for.
    pub context: &'a Context,
}

/// The values of condition keys for one call.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Context {
    /// By key in lower case, since keys know no case.
    values: BTreeMap<String, Vec<String>>,
}

impl Context {
    /// Adds a value to a key, such as `aws:username` or `s3:prefix`.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.values.entry(key.to_ascii_lowercase()).or_default().push(value.into());
        self
    }

    /// The values of a key given in lower case; empty when it is absent.
    fn of(&self, key: &str) -> &[String] {
        self.values.get(key).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Whether a call may go on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Decision {
    /// A statement allows it and none denies it.
    Allowed,
    /// A statement denies it.
    ExplicitlyDenied,
    /// No statement allows it.
    ImplicitlyDenied,
}

/// Decides by a caller's policies: a denial wins over all, then a permission, else it is denied.
#[must_use]
pub fn evaluate<'p>(
    policies: impl IntoIterator<Item = &'p Policy>,
    request: &Request<'_>,
) -> Decision {
    let mut decision = Decision::ImplicitlyDenied;
    for policy in policies {
        match policy.decide(request) {
            Decision::ExplicitlyDenied => return Decision::ExplicitlyDenied,
            Decision::Allowed => decision = Decision::Allowed,
            Decision::ImplicitlyDenied => {}
        }
    }
    decision
}

impl Decision {
    /// What AWS tells a caller who may not; `None` when it may. `principal` is the caller's ARN.
    #[must_use]
    pub fn denial(self, principal: &str, request: &Request<'_>) -> Option<String> {
        let Request { action, resource, .. } = request;
        let because = match self {
            Self::Allowed => return None,
            Self::ExplicitlyDenied => {
                "with an explicit deny in an identity-based policy".to_owned()
            }
            Self::ImplicitlyDenied => {
                format!("because no identity-based policy allows the {action} action")
            }
        };
        let on = if *resource == "*" { String::new() } else { format!(" on resource: {resource}") };
        Some(format!("User: {principal} is not authorized to perform: {action}{on} {because}"))
    }
}

#[cfg(test)]
mod tests;
