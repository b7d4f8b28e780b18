//! Reading policy documents: everything that AWS refuses is refused here.

use super::{
    condition::{self, Condition},
    json::Json,
    pattern::{Pattern, Syntax},
    policy::{Actions, Effect, Resource, Resources, Statement},
    principal::{self, Principals},
};

/// Why a text is not a policy. Reads as AWS's message for `MalformedPolicyDocument`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum InvalidPolicy {
    #[error("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")]
    Action,
    #[error("Policy statement must contain actions.")]
    ActionMissing,
    #[error("The value `{value}` is not valid for the condition operator {operator}.")]
    ConditionValue { operator: String, value: String },
    #[error("Statement/policy already has instance of {0}.")]
    Both(&'static str),
    #[error("Effect must be Allow or Deny.")]
    Effect,
    #[error("Policy has invalid action")]
    ForeignAction,
    #[error("Policy has invalid resource")]
    ForeignResource,
    #[error("Invalid condition operator: {0}.")]
    Operator(String),
    #[error("Policy document should not specify a principal.")]
    Principal,
    #[error("Invalid principal in policy")]
    PrincipalInvalid,
    #[error("A statement may name at most {0} principals.")]
    PrincipalLimit(usize),
    #[error("Missing required field Principal")]
    PrincipalMissing,
    #[error("Resource {0} must be in ARN format or \"*\".")]
    Resource(String),
    #[error("Policy statement must contain resources.")]
    ResourceMissing,
    #[error("Statement IDs (SID) must be alpha-numeric and unique within the policy.")]
    Sid,
    #[error("A policy may have at most {0} statements.")]
    StatementLimit(usize),
    #[error("Policy document must contain at least one statement.")]
    StatementMissing,
    #[error("Syntax errors in policy.")]
    Syntax,
    #[error("Maximum policy size of {0} bytes exceeded.")]
    TooLong(usize),
    #[error("Unknown element in policy: {0}.")]
    Unknown(String),
    #[error("Policy variables must be of the form ${{key}} or ${{key, 'default'}}.")]
    Variable,
    #[error("Policy document must be version 2012-10-17 or 2008-10-17.")]
    Version,
}

/// Whose policy a document is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Of<'a> {
    /// This bucket's: it names principals, and nothing outside the bucket.
    Bucket(&'a str),
    /// A user's or role's: the principal goes without saying.
    Identity,
    /// This resource's: it names principals, the resource itself and nothing else, and only actions
    /// that it has.
    Resource(Attached<'a>),
}

/// The resource that a policy is attached to.
#[derive(Clone, Copy, Debug)]
pub struct Attached<'a> {
    /// Its ARN.
    pub arn: &'a str,
    /// The actions that a policy of it may speak of, such as `cloudtrail:StartQuery`.
    pub actions: &'a [&'a str],
    /// Bytes that its policy may have.
    pub bytes_max: usize,
}

/// Reads a policy document.
pub(super) fn read(text: &str, of: Of<'_>) -> Result<Vec<Statement>, InvalidPolicy> {
    let counted = text.chars().filter(|char| !char.is_whitespace()).count();
    match of {
        Of::Bucket(_) if text.len() > BUCKET_POLICY_MAX => {
            return Err(InvalidPolicy::TooLong(BUCKET_POLICY_MAX));
        }
        Of::Identity if text.len() > BYTES_MAX || counted > CHARACTERS_MAX => {
            return Err(InvalidPolicy::TooLong(CHARACTERS_MAX));
        }
        Of::Resource(of) if text.len() > of.bytes_max => {
            return Err(InvalidPolicy::TooLong(of.bytes_max));
        }
        Of::Bucket(_) | Of::Identity | Of::Resource(_) => {}
    }
    let Ok(Json::Object(members)) = serde_json::from_str(text) else {
        return Err(InvalidPolicy::Syntax);
    };
    let (mut variables, mut statements) = (false, None);
    for (name, value) in members {
        match (name.as_str(), value) {
            ("Version", Json::String(version)) => {
                variables = match version.as_str() {
                    "2012-10-17" => true,
                    "2008-10-17" => false,
                    _ => return Err(InvalidPolicy::Version),
                }
            }
            ("Version", _) => return Err(InvalidPolicy::Version),
            ("Id", Json::String(_)) => {}
            ("Statement", one @ Json::Object(_)) => statements = Some(vec![one]),
            ("Statement", Json::List(many)) => statements = Some(many),
            ("Id" | "Statement", _) => return Err(InvalidPolicy::Syntax),
            (_, _) => return Err(InvalidPolicy::Unknown(name)),
        }
    }
    let statements =
        statements.filter(|it| !it.is_empty()).ok_or(InvalidPolicy::StatementMissing)?;
    let mut sids = Vec::new();
    statements.into_iter().map(|it| statement(it, of, variables, &mut sids)).collect()
}

fn statement(
    value: Json,
    of: Of<'_>,
    variables: bool,
    sids: &mut Vec<String>,
) -> Result<Statement, InvalidPolicy> {
    let Json::Object(members) = value else { return Err(InvalidPolicy::Syntax) };
    let (mut effect, mut actions, mut resources) = (None, None, None);
    let (mut conditions, mut principals) = (Vec::new(), None);
    for (name, value) in members {
        match name.as_str() {
            "Sid" => sid(value, of, sids)?,
            "Effect" => {
                effect = Some(match value {
                    Json::String(text) if text == "Allow" => Effect::Allow,
                    Json::String(text) if text == "Deny" => Effect::Deny,
                    Json::Null
                    | Json::Bool(_)
                    | Json::Number(_)
                    | Json::String(_)
                    | Json::List(_)
                    | Json::Object(_) => return Err(InvalidPolicy::Effect),
                });
            }
            "Action" | "NotAction" => {
                let texts = texts(value)?;
                of.check_actions(&texts)?;
                let patterns = texts.iter().map(|it| action(it)).collect::<Result<_, _>>();
                let read = Actions { negated: name == "NotAction", patterns: patterns? };
                if actions.replace(read).is_some() {
                    return Err(InvalidPolicy::Both("Action"));
                }
            }
            "Resource" | "NotResource" => {
                let texts = texts(value)?;
                of.check_resources(&texts)?;
                let patterns =
                    texts.iter().map(|it| resource(it, variables)).collect::<Result<_, _>>();
                let read = Resources { negated: name == "NotResource", patterns: patterns? };
                if resources.replace(read).is_some() {
                    return Err(InvalidPolicy::Both("Resource"));
                }
            }
            "Condition" => conditions = condition(value, variables)?,
            "Principal" | "NotPrincipal" => {
                if let Of::Identity = of {
                    return Err(InvalidPolicy::Principal);
                }
                let named = principal::read(value)?;
                let read = Principals { negated: name == "NotPrincipal", named };
                if principals.replace(read).is_some() {
                    return Err(InvalidPolicy::Both("Principal"));
                }
            }
            _ => return Err(InvalidPolicy::Unknown(name)),
        }
    }
    if let (Of::Bucket(_) | Of::Resource(_), None) = (of, &principals) {
        return Err(InvalidPolicy::PrincipalMissing);
    }
    Ok(Statement {
        principals,
        effect: effect.ok_or(InvalidPolicy::Effect)?,
        actions: actions.ok_or(InvalidPolicy::ActionMissing)?,
        resources: resources.ok_or(InvalidPolicy::ResourceMissing)?,
        conditions,
    })
}

impl Of<'_> {
    /// A bucket's policy speaks of S3 alone, another resource's of the actions that it has.
    fn check_actions(self, actions: &[String]) -> Result<(), InvalidPolicy> {
        let is_ours = |it: &String| {
            let vendor = it.split(':').next().unwrap_or_default();
            it == "*" || vendor.eq_ignore_ascii_case("s3")
        };
        match self {
            Self::Bucket(_) if !actions.iter().all(is_ours) => Err(InvalidPolicy::ForeignAction),
            Self::Resource(of) if !actions.iter().all(|it| of.has(it)) => {
                Err(InvalidPolicy::ForeignAction)
            }
            Self::Bucket(_) | Self::Identity | Self::Resource(_) => Ok(()),
        }
    }

    /// A bucket's policy speaks of the bucket and what is in it, another resource's of the resource.
    fn check_resources(self, resources: &[String]) -> Result<(), InvalidPolicy> {
        let bucket = match self {
            Self::Bucket(bucket) => bucket,
            Self::Identity => return Ok(()),
            Self::Resource(of) if resources.iter().all(|it| it == of.arn) => return Ok(()),
            Self::Resource(_) => return Err(InvalidPolicy::ForeignResource),
        };
        let is_inside = |it: &String| {
            it.splitn(ARN_PARTS, ':').last().and_then(|it| it.strip_prefix(bucket)).is_some_and(
                |rest| rest.is_empty() || rest.starts_with('/') || rest.starts_with('*'),
            )
        };
        if resources.iter().all(is_inside) { Ok(()) } else { Err(InvalidPolicy::ForeignResource) }
    }
}

impl Attached<'_> {
    fn has(&self, action: &str) -> bool {
        self.actions.iter().any(|it| it.eq_ignore_ascii_case(action))
    }
}

fn sid(value: Json, of: Of<'_>, sids: &mut Vec<String>) -> Result<(), InvalidPolicy> {
    let Json::String(sid) = value else { return Err(InvalidPolicy::Sid) };
    let is_plain = sid.bytes().all(|byte| byte.is_ascii_alphanumeric());
    // S3 is not as strict as IAM.
    if !(is_plain || matches!(of, Of::Bucket(_) | Of::Resource(_)))
        || (!sid.is_empty() && sids.contains(&sid))
    {
        return Err(InvalidPolicy::Sid);
    }
    sids.push(sid);
    Ok(())
}

/// `*`, or a vendor without wildcards, a colon, and a name with or without them.
fn action(text: &str) -> Result<Pattern, InvalidPolicy> {
    if text != "*" {
        let (vendor, name) = text.split_once(':').ok_or(InvalidPolicy::Action)?;
        let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let vendor = !vendor.is_empty() && vendor.bytes().all(word);
        let name =
            !name.is_empty() && name.bytes().all(|byte| word(byte) || matches!(byte, b'*' | b'?'));
        if !(vendor && name) {
            return Err(InvalidPolicy::Action);
        }
    }
    Pattern::parse(text, Syntax { wildcards: true, variables: false, ignore_case: true })
}

fn resource(text: &str, variables: bool) -> Result<Resource, InvalidPolicy> {
    if text == "*" {
        return Ok(Resource::Any);
    }
    arn(text, variables)?.map(Resource::Arn).ok_or_else(|| InvalidPolicy::Resource(text.to_owned()))
}

/// The six parts of an ARN with wildcards; `None` when the text is none.
pub(super) fn arn(text: &str, variables: bool) -> Result<Option<Vec<Pattern>>, InvalidPolicy> {
    let syntax = Syntax { wildcards: true, variables, ignore_case: false };
    let parts = Pattern::parse(text, syntax)?.split(ARN_PARTS);
    // The vendor stands for whose names the rest is in, so it has to be known.
    let vendor = parts.get(2).is_some_and(Pattern::is_literal);
    Ok((parts.len() == ARN_PARTS && text.starts_with("arn:") && vendor).then_some(parts))
}

fn condition(value: Json, variables: bool) -> Result<Vec<Condition>, InvalidPolicy> {
    let Json::Object(operators) = value else { return Err(InvalidPolicy::Syntax) };
    let mut conditions = Vec::new();
    for (operator, keys) in operators {
        let Json::Object(keys) = keys else { return Err(InvalidPolicy::Syntax) };
        for (key, values) in keys {
            conditions.push(condition::read(&operator, &key, &scalars(values)?, variables)?);
        }
    }
    Ok(conditions)
}

/// A text or a list of texts, at least one.
pub(super) fn texts(value: Json) -> Result<Vec<String>, InvalidPolicy> {
    let texts = list(value).into_iter().map(|it| match it {
        Json::String(text) => Ok(text),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::List(_) | Json::Object(_) => {
            Err(InvalidPolicy::Syntax)
        }
    });
    texts
        .collect::<Result<Vec<_>, _>>()
        .and_then(|texts| if texts.is_empty() { Err(InvalidPolicy::Syntax) } else { Ok(texts) })
}

/// As [`texts`], where numbers and booleans count as the texts that they are.
fn scalars(value: Json) -> Result<Vec<String>, InvalidPolicy> {
    let as_text = |it| match it {
        Json::Bool(value) => Json::String(value.to_string()),
        Json::Number(text) => Json::String(text),
        other @ (Json::Null | Json::String(_) | Json::List(_) | Json::Object(_)) => other,
    };
    texts(Json::List(list(value).into_iter().map(as_text).collect()))
}

/// One value is a list of one.
fn list(value: Json) -> Vec<Json> {
    if let Json::List(list) = value { list } else { vec![value] }
}

/// AWS's limit for a managed policy; white space does not count.
pub(super) const CHARACTERS_MAX: usize = 6144;
/// AWS's limit for a bucket policy, in bytes: 20 KB.
const BUCKET_POLICY_MAX: usize = 20 * 1024;
/// AWS's limit for the parameter that a document comes in.
const BYTES_MAX: usize = 131_072;
/// `arn:partition:service:region:account:resource`; the resource may hold colons.
pub(super) const ARN_PARTS: usize = 6;
