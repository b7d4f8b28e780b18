//! The first half of a call: what of a request is kept.
//!
//! Start at [`Recorder::begin`].

use http::header::USER_AGENT;
use record::AccountId;
use serde_json::{Map, Value};
use wire::catalogue::Side;

use super::{
    Recorder,
    draft::{Draft, Event, TlsDetails},
    hide, parameters,
    resources::{self, Place, Resource, account_of},
    s3,
    seen::{Arrived, Caller, Upstream},
    session::Wanted,
};

impl Recorder {
    /// Takes of a request what may be kept. To be called before the request leaves.
    #[must_use]
    pub fn begin(&self, arrived: &Arrived<'_>) -> Draft {
        let mut draft = self.claimed(arrived);
        let asked = parameters::asked(arrived);
        let bucket_owner =
            arrived.target.bucket.as_deref().and_then(|it| arrived.owners.of_bucket(it));
        let resources = if s3::is_s3(arrived.target) {
            // An anonymous call is the owner's: whoever else could it belong to?
            if *arrived.caller == Caller::Anonymous {
                draft.account = bucket_owner.unwrap_or(draft.account);
            }
            let owner = bucket_owner.unwrap_or(draft.account);
            s3::resources(arrived.target, &draft.event, owner)
        } else {
            let place = Place { region: &draft.region, account: draft.account };
            let service = draft.event.service.as_deref().unwrap_or_default();
            let operation = draft.event.operation.as_deref().unwrap_or_default();
            resources::of(service, operation, Side::Request, &asked.model, place)
        };
        draft.owner = other_owner(arrived, bucket_owner, &resources);
        draft.deletes = s3::deletions(arrived.target, &asked.model);
        draft.wanted = Wanted::of(&draft.event, &asked.model);
        draft.parameters = asked.shown;
        draft.resources = resources;
        draft
    }

    /// What is kept of every call, even when its caller was not believed: no parameters.
    pub(super) fn claimed(&self, arrived: &Arrived<'_>) -> Draft {
        let event = Event::of(arrived);
        let agent = arrived.parts.headers.get(USER_AGENT);
        let agent = agent.map(|it| hide::text(&String::from_utf8_lossy(it.as_bytes())));
        let is_s3 = s3::is_s3(arrived.target);
        Draft {
            arrival: arrived.arrival,
            caller: arrived.caller.clone(),
            account: self.account(arrived),
            owner: None,
            own: arrived.upstream == Upstream::Own,
            region: self.region(arrived, &event),
            source: arrived.source.to_canonical().to_string(),
            user_agent: agent.map(|it| if is_s3 { format!("[{it}]") } else { it }),
            request_id: arrived.request_id.to_owned(),
            parameters: Value::Null,
            resources: Vec::new(),
            additional: if is_s3 { s3::additional(arrived) } else { Map::new() },
            tls: arrived.tls.map(|it| TlsDetails::of(&it, arrived.target.host.as_deref())),
            deletes: Vec::new(),
            wanted: None,
            event,
        }
    }

    /// Whose record it is: the account of the key, else the upstream's, else the deployment's own.
    fn account(&self, arrived: &Arrived<'_>) -> AccountId {
        let upstream = match arrived.upstream {
            Upstream::Own => None,
            Upstream::Elsewhere { account } => account,
        };
        arrived.caller.account().or(upstream).unwrap_or(self.settings.account)
    }

    /// `awsRegion`: the region that the call is signed for.
    fn region(&self, arrived: &Arrived<'_>, event: &Event) -> String {
        if event.service.as_deref().is_some_and(|it| GLOBAL.contains(&it)) {
            return GLOBAL_REGION.to_owned();
        }
        let signed_for = arrived.target.scope_region.as_deref().filter(|it| is_region(it));
        signed_for.unwrap_or(&self.settings.region).to_owned()
    }
}

/// The account beside the caller's that gets a copy: the owner of what is touched, when the caller's
/// account is known and the owner's is one of the deployment's.
fn other_owner(
    arrived: &Arrived<'_>,
    bucket_owner: Option<AccountId>,
    resources: &[Resource],
) -> Option<AccountId> {
    let caller = arrived.caller.account()?;
    let named = || resources.iter().find_map(|it| account_of(it.arn.as_deref()?));
    let owner = bucket_owner.or_else(named)?;
    (owner != caller && arrived.owners.keeps_records_of(owner)).then_some(owner)
}

/// What a region may look like; anything else is a text of a stranger's.
fn is_region(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-')
}

/// Services without regions: CloudTrail records their calls in one, wherever they were sent.
const GLOBAL: &[&str] = &[
    "cloudfront",
    "iam",
    "importexport",
    "organizations",
    "route53",
    "route53domains",
    "shield",
    "support",
    "waf",
];

/// The region of those services.
const GLOBAL_REGION: &str = "us-east-1";
