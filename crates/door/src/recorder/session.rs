//! Sessions that STS gives: what a record shows of them, and what is remembered.
//!
//! Lives here: reading the answers of STS that carry credentials, by a list of the members that may
//! be read, which holds neither secret nor token; the identity with which the session will call; the
//! identity of callers who came with somebody else's assertion.
//! Lives elsewhere: remembering sessions until they end (the catalog).
//!
//! Start at [`Granted::read`].
//! Spec: STS API Reference; CloudTrail User Guide, "CloudTrail userIdentity element".

use jiff::{Timestamp, tz::TimeZone};
use quick_xml::{Reader, escape::resolve_predefined_entity, events::Event as Xml};
use record::{AccountId, Identity, IdentityType, SessionAttributes, SessionContext, SessionIssuer};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    Learned,
    draft::{Draft, Event},
    hide::{self, HIDDEN},
    resources::account_of,
};

/// What a call of STS asks for, as far as the session depends on it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Wanted {
    role_arn: Option<String>,
    source_identity: Option<String>,
    /// AssumeRoot: the account whose root the session is.
    target: Option<String>,
    /// Whether a second factor was given.
    mfa: bool,
}

/// What STS granted: the members of an answer that may be kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Granted(Vec<(String, String)>);

impl Wanted {
    /// What a call wants, when it is one that gives a session. `model` is redacted already.
    pub(super) fn of(event: &Event, model: &Value) -> Option<Self> {
        let operation = event.operation.as_deref().filter(|_| event.is("sts"))?;
        if !GRANTING.contains(&operation) {
            return None;
        }
        let text = |name| model.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            role_arn: text("RoleArn"),
            source_identity: text("SourceIdentity"),
            target: text("TargetPrincipal"),
            mfa: text("SerialNumber").is_some(),
        })
    }
}

impl Granted {
    /// Reads an answer of STS. Secret and token are passed over, not read and dropped.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let mut reader = Reader::from_reader(body);
        let mut granted = Self::default();
        // The element that is open, when it is one that may be read, and its text so far.
        let mut open: Option<(String, String)> = None;
        let mut depth = 0_usize;
        loop {
            match reader.read_event().ok()? {
                Xml::Start(start) => {
                    depth += 1;
                    let name = str::from_utf8(start.local_name().into_inner()).ok()?.to_owned();
                    let may_be_read = depth <= DEPTH_MAX && MEMBERS.contains(&name.as_str());
                    open = may_be_read.then(|| (name, String::new()));
                }
                Xml::Text(part) => {
                    if let Some((_, text)) = &mut open {
                        text.push_str(&part.decode().ok()?);
                    }
                }
                Xml::GeneralRef(part) => {
                    if let Some((_, text)) = &mut open {
                        let name = part.decode().ok()?;
                        match part.resolve_char_ref().ok()? {
                            Some(character) => text.push(character),
                            None => text.push_str(resolve_predefined_entity(&name)?),
                        }
                    }
                }
                Xml::End(_) => {
                    depth = depth.checked_sub(1)?;
                    if let Some((name, text)) = open.take()
                        && granted.0.len() < MEMBERS.len()
                    {
                        granted.0.push((name, hide::text(text.trim())));
                    }
                }
                Xml::Eof => break,
                Xml::Empty(_)
                | Xml::CData(_)
                | Xml::Comment(_)
                | Xml::Decl(_)
                | Xml::PI(_)
                | Xml::DocType(_) => {}
            }
        }
        granted.get("AccessKeyId").is_some().then_some(granted)
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    fn expires(&self) -> Option<Timestamp> {
        self.get("Expiration")?.parse().ok()
    }

    /// `responseElements`. AWS shows the token too; alone it is worth nothing, and in a copy it is
    /// one half of a key.
    pub(super) fn elements(&self) -> Value {
        let mut elements = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                elements.insert(name.to_owned(), value);
            }
        };
        let text = |name| self.get(name).map(|it| json!(it));
        let mut credentials = Map::new();
        credentials.insert("accessKeyId".to_owned(), json!(self.get("AccessKeyId")));
        credentials.insert("sessionToken".to_owned(), json!(HIDDEN));
        if let Some(expires) = self.expires() {
            credentials.insert("expiration".to_owned(), json!(written_out(expires)));
        }
        put("credentials", Some(Value::Object(credentials)));
        put("subjectFromWebIdentityToken", text("SubjectFromWebIdentityToken"));
        let principal = |id: &str, id_name: &str| {
            let id = self.get(id)?;
            Some(json!({ id_name: id, "arn": self.get("Arn") }))
        };
        put("assumedRoleUser", principal("AssumedRoleId", "assumedRoleId"));
        put("federatedUser", principal("FederatedUserId", "federatedUserId"));
        let size = self.get("PackedPolicySize").and_then(|it| it.parse::<u32>().ok());
        put("packedPolicySize", size.map(|it| json!(it)));
        put("subject", text("Subject"));
        put("subjectType", text("SubjectType"));
        put("issuer", text("Issuer"));
        put("provider", text("Provider"));
        put("audience", text("Audience"));
        put("nameQualifier", text("NameQualifier"));
        put("sourceIdentity", text("SourceIdentity"));
        Value::Object(elements)
    }

    /// Who came with an assertion of somebody else's instead of a signature.
    pub(super) fn asserted(&self, event: &Event) -> Option<Identity> {
        let subject = |name| self.get(name).map(str::to_owned);
        match event.operation.as_deref()? {
            "AssumeRoleWithSAML" => {
                let (qualifier, user) = (subject("NameQualifier"), subject("Subject"));
                Some(Identity {
                    kind: Some(IdentityType::SAMLUser),
                    principal_id: joined(&[qualifier.as_deref(), user.as_deref()]),
                    user_name: user,
                    identity_provider: qualifier,
                    ..Identity::default()
                })
            }
            "AssumeRoleWithWebIdentity" => {
                let user = subject("SubjectFromWebIdentityToken");
                let (provider, audience) = (subject("Provider"), subject("Audience"));
                Some(Identity {
                    kind: Some(IdentityType::WebIdentityUser),
                    principal_id: joined(&[
                        provider.as_deref(),
                        audience.as_deref(),
                        user.as_deref(),
                    ]),
                    user_name: user,
                    identity_provider: provider,
                    ..Identity::default()
                })
            }
            _ => None,
        }
    }

    /// The session, with the identity that its calls will be recorded under. `caller` is who asked,
    /// as the record says it.
    pub(super) fn learned(
        &self,
        draft: &Draft,
        caller: &Identity,
        completed: Timestamp,
    ) -> Option<Learned> {
        let wanted = draft.wanted.as_ref()?;
        let access_key_id = self.get("AccessKeyId")?.to_owned();
        let attributes = SessionAttributes {
            creation_date: whole_seconds(completed).to_string(),
            mfa_authenticated: wanted.mfa.to_string(),
        };
        let mut identity = match draft.event.operation.as_deref()? {
            "AssumeRole" | "AssumeRoleWithSAML" | "AssumeRoleWithWebIdentity" => {
                self.role_session(wanted)?
            }
            "AssumeRoot" => root_session(wanted)?,
            "GetFederationToken" => self.federated_session(caller)?,
            "GetSessionToken" => caller.clone(),
            _ => return None,
        };
        identity.access_key_id = Some(access_key_id.clone());
        let context = identity.session_context.get_or_insert_default();
        context.attributes = Some(attributes);
        // Once set, it stays through a chain of roles.
        let before = caller.session_context.as_ref().and_then(|it| it.source_identity.clone());
        context.source_identity = wanted.source_identity.clone().or(before);
        let account = identity.account_id.as_deref();
        let account = account.and_then(|it| AccountId::parse(it).ok()).unwrap_or(draft.account);
        Some(Learned { access_key_id, identity, account, expires: self.expires()? })
    }

    /// The session of a role: its own ARN without, its issuer's with the path of the role.
    fn role_session(&self, wanted: &Wanted) -> Option<Identity> {
        let (arn, principal) = (self.get("Arn")?, self.get("AssumedRoleId")?);
        let account = account_of(arn)?;
        let role = arn.split('/').nth(1)?;
        let issuer = SessionIssuer {
            kind: "Role".to_owned(),
            principal_id: principal.split_once(':').map(|(role, _)| role.to_owned()),
            arn: wanted
                .role_arn
                .clone()
                .unwrap_or_else(|| format!("arn:aws:iam::{account}:role/{role}")),
            account_id: account.to_string(),
            user_name: Some(role.to_owned()),
        };
        Some(session(IdentityType::AssumedRole, principal, arn, account, issuer))
    }

    /// The session of a federated user, issued by the caller.
    fn federated_session(&self, caller: &Identity) -> Option<Identity> {
        let (arn, principal) = (self.get("Arn")?, self.get("FederatedUserId")?);
        let account = account_of(arn)?;
        let is_root = caller.kind == Some(IdentityType::Root);
        let issuer = SessionIssuer {
            kind: if is_root { "Root" } else { "IAMUser" }.to_owned(),
            principal_id: caller.principal_id.clone(),
            arn: caller.arn.clone().unwrap_or_default(),
            account_id: caller.account_id.clone().unwrap_or_else(|| account.to_string()),
            user_name: caller.user_name.clone(),
        };
        Some(session(IdentityType::FederatedUser, principal, arn, account, issuer))
    }
}

/// The root of a member account.
fn root_session(wanted: &Wanted) -> Option<Identity> {
    let target = wanted.target.as_deref()?;
    let account = AccountId::parse(target).ok().or_else(|| account_of(target))?;
    let context =
        SessionContext { assumed_root: Some("true".to_owned()), ..SessionContext::default() };
    Some(Identity { session_context: Some(context), ..Identity::root(account, None) })
}

fn session(
    kind: IdentityType,
    principal: &str,
    arn: &str,
    account: AccountId,
    issuer: SessionIssuer,
) -> Identity {
    Identity {
        kind: Some(kind),
        principal_id: Some(principal.to_owned()),
        arn: Some(arn.to_owned()),
        account_id: Some(account.to_string()),
        session_context: Some(SessionContext {
            session_issuer: Some(issuer),
            ..SessionContext::default()
        }),
        ..Identity::default()
    }
}

/// The parts that are there, with colons between them.
fn joined(parts: &[Option<&str>]) -> Option<String> {
    let parts: Vec<&str> = parts.iter().copied().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(":"))
}

/// `Nov 30, 2024, 8:43:17 PM`, as CloudTrail writes dates within a record.
fn written_out(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime("%b %-d, %Y, %-I:%M:%S %p").to_string()
}

pub(super) fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// The operations whose answers carry credentials of a session.
const GRANTING: &[&str] = &[
    "AssumeRole",
    "AssumeRoleWithSAML",
    "AssumeRoleWithWebIdentity",
    "AssumeRoot",
    "GetFederationToken",
    "GetSessionToken",
];

/// The members of those answers that may be read. `SecretAccessKey` and `SessionToken` are not among
/// them.
const MEMBERS: &[&str] = &[
    "AccessKeyId",
    "Arn",
    "AssumedRoleId",
    "Audience",
    "Expiration",
    "FederatedUserId",
    "Issuer",
    "NameQualifier",
    "PackedPolicySize",
    "Provider",
    "SourceIdentity",
    "Subject",
    "SubjectFromWebIdentityToken",
    "SubjectType",
];

/// Depth of nesting up to which an answer is read; theirs is four.
const DEPTH_MAX: usize = 8;
