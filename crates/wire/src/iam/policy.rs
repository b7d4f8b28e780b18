//! Policies and their statements.

use super::{
    Context, Decision, Request,
    condition::Condition,
    document::{self, ARN_PARTS, InvalidPolicy, Of},
    pattern::Pattern,
    principal::Principals,
};

/// A policy document that was understood as a whole.
#[derive(Clone, Debug)]
pub struct Policy {
    pub(super) statements: Vec<Statement>,
}

#[derive(Clone, Debug)]
pub(super) struct Statement {
    /// Whom it is about; `None` in the policy of an identity.
    pub(super) principals: Option<Principals>,
    pub(super) effect: Effect,
    pub(super) actions: Actions,
    pub(super) resources: Resources,
    /// All of them have to hold.
    pub(super) conditions: Vec<Condition>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Effect {
    Allow,
    Deny,
}

/// `Action`, or `NotAction` when `negated`.
#[derive(Clone, Debug)]
pub(super) struct Actions {
    pub(super) negated: bool,
    pub(super) patterns: Vec<Pattern>,
}

/// `Resource`, or `NotResource` when `negated`.
#[derive(Clone, Debug)]
pub(super) struct Resources {
    pub(super) negated: bool,
    pub(super) patterns: Vec<Resource>,
}

#[derive(Clone, Debug)]
pub(super) enum Resource {
    /// `*`.
    Any,
    /// The parts of an ARN; no wildcard reaches over the colon between two of them.
    Arn(Vec<Pattern>),
}

impl Policy {
    /// Reads a policy of an identity.
    ///
    /// Up to 6,144 characters, white space not counted, as AWS allows for a managed policy.
    ///
    /// # Errors
    /// When AWS would refuse it, or when it holds an operator that we cannot evaluate.
    pub fn parse(text: &str) -> Result<Self, InvalidPolicy> {
        Ok(Self { statements: document::read(text, Of::Identity)? })
    }

    /// What this policy alone says.
    pub(super) fn decide(&self, request: &Request<'_>) -> Decision {
        decide(&self.statements, request)
    }
}

/// What statements say together: a denial wins.
pub(super) fn decide<'s>(
    statements: impl IntoIterator<Item = &'s Statement>,
    request: &Request<'_>,
) -> Decision {
    let mut decision = Decision::ImplicitlyDenied;
    for statement in statements {
        match statement.effect {
            Effect::Deny if statement.applies(request) => return Decision::ExplicitlyDenied,
            Effect::Allow
                if decision == Decision::ImplicitlyDenied && statement.applies(request) =>
            {
                decision = Decision::Allowed;
            }
            Effect::Allow | Effect::Deny => {}
        }
    }
    decision
}

impl Statement {
    fn applies(&self, request: &Request<'_>) -> bool {
        let Request { action, resource, context } = request;
        self.actions.hold(action, context)
            && self.resources.hold(resource, context, self.effect)
            && self.conditions.iter().all(|condition| condition.holds(context, self.effect))
    }
}

impl Actions {
    fn hold(&self, action: &str, context: &Context) -> bool {
        // Actions have no variables, so every pattern has an answer.
        let found = self.patterns.iter().any(|it| it.matches(action, context) == Some(true));
        found != self.negated
    }
}

impl Resources {
    fn hold(&self, resource: &str, context: &Context, effect: Effect) -> bool {
        let unresolved = effect.unresolved(self.negated);
        let found = self.patterns.iter().any(|pattern| match pattern {
            Resource::Any => true,
            Resource::Arn(parts) => arn_matches(parts, resource, context).unwrap_or(unresolved),
        });
        found != self.negated
    }
}

impl Effect {
    /// Whether a pattern counts as matched when one of its variables has no value: only where that
    /// keeps a statement from allowing all but what it cannot name.
    pub(super) fn unresolved(self, negated: bool) -> bool {
        match self {
            Self::Allow => negated,
            Self::Deny => false,
        }
    }
}

/// Whether each part of `arn` matches; `None` when a variable has no value.
pub(super) fn arn_matches(parts: &[Pattern], arn: &str, context: &Context) -> Option<bool> {
    let texts: Vec<_> = arn.splitn(ARN_PARTS, ':').collect();
    if texts.len() != parts.len() {
        return Some(false);
    }
    let mut all = true;
    for (part, text) in parts.iter().zip(texts) {
        all &= part.matches(text, context)?;
    }
    Some(all)
}
