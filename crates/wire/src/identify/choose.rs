//! From marks to a service and its operation.
//!
//! Lives here: the order in which marks are believed. The credential scope names the service, since
//! the upstream checks it; the rest chooses among the services of that name, or stands in for a
//! scope that is not there.

use http::request::Parts;
use percent_encoding::percent_decode_str;

use super::{
    Contradiction, Domains, Identified,
    marks::{Marks, Plus, pairs},
    s3::{self, Address},
};
use crate::{
    catalogue::{Method, Operation, Protocol, Request, Route, Service, catalogue},
    encoding::inflated,
    parameters::MAX_BODY,
};

type Result<T> = std::result::Result<T, Contradiction>;

pub(super) fn choose(marks: &Marks<'_>, parts: &Parts, domains: &Domains) -> Result<Identified> {
    let scope = marks.scopes.first();
    let mut it = Identified {
        service: None,
        operation: None,
        protocol: marks.protocol(),
        scope_service: scope.map(|it| it.service.clone()),
        scope_region: scope.and_then(|it| it.region.clone()),
        claimed_operation: None,
        bucket: None,
        key: None,
        virtual_host: false,
        host: host(parts),
        labels: Vec::new(),
        query: marks.query.clone(),
        needs_form: false,
    };
    let family = scope.map(|it| family(&it.service)).unwrap_or_default();
    if let Some((prefix, operation)) = target(marks) {
        by_target(&mut it, &family, prefix, operation, marks)?;
    } else if let Some(action) = marks.actions().next()
        && (family.is_empty() || family.iter().any(|it| speaks_query(it)))
    {
        let (service, operation) = by_action(&family, action, marks.version());
        it.settle_action(service, operation, action);
    } else if marks.is_form && parts.method == http::Method::POST && may_be_form(&family, parts) {
        it.service = family.iter().copied().find(|it| speaks_query(it));
        it.protocol = it.service.map_or(Protocol::Query, query_protocol);
        it.needs_form = true;
    } else {
        by_path(&mut it, &family, marks, parts, domains);
    }
    Ok(it)
}

pub(super) fn with_form(mut it: Identified, body: &[u8]) -> Result<Identified> {
    it.needs_form = false;
    let body = inflated(body, MAX_BODY);
    let text = String::from_utf8_lossy(&body);
    let form = pairs(&text, Plus::IsBlank);
    let values = |name: &'static str| {
        form.iter().filter(move |(it, _)| it == name).map(|(_, value)| value.as_str())
    };
    let mut actions = values("Action");
    let Some(action) = actions.next() else { return Ok(it) };
    if actions.next().is_some() || it.query.iter().any(|(name, _)| name == "Action") {
        return Err(Contradiction::Actions);
    }
    let family = it.scope_service.as_deref().map(family).unwrap_or_default();
    let (service, operation) = by_action(&family, action, values("Version").next());
    it.settle_action(service, operation, action);
    Ok(it)
}

impl Identified {
    fn settle_action(
        &mut self,
        service: Option<&'static Service>,
        operation: Option<&'static Operation>,
        action: &str,
    ) {
        self.service = service;
        self.operation = operation;
        self.protocol = service.map_or(Protocol::Query, query_protocol);
        if operation.is_none() {
            self.claimed_operation = Some(action.to_owned());
        }
    }
}

/// The services that a credential scope may mean.
fn family(scope: &str) -> Vec<&'static Service> {
    let catalogue = catalogue();
    let found: Vec<_> = match scope {
        // Directory buckets, Object Lambda and Outposts speak S3 under names of their own.
        "s3express" | "s3-object-lambda" => catalogue.service("s3").into_iter().collect(),
        "s3-outposts" => {
            ["s3outposts", "s3"].iter().filter_map(|it| catalogue.service(it)).collect()
        }
        _ => catalogue.by_signing_name(scope).collect(),
    };
    if !found.is_empty() {
        return found;
    }
    catalogue.by_endpoint_prefix(scope).chain(catalogue.service(scope)).collect()
}

/// Prefix and operation of `X-Amz-Target` or of an RPC v2 path.
fn target<'a>(marks: &Marks<'a>) -> Option<(&'a str, &'a str)> {
    marks.rpc.or_else(|| {
        let target = marks.targets.first()?;
        Some(target.rsplit_once('.').unwrap_or(("", target)))
    })
}

fn by_target(
    it: &mut Identified,
    family: &[&'static Service],
    prefix: &str,
    operation: &str,
    marks: &Marks<'_>,
) -> Result<()> {
    let owners: Vec<_> = catalogue().by_target_prefix(prefix).collect();
    let both: Vec<_> =
        owners.iter().copied().filter(|it| family.iter().any(|of| of.name == it.name)).collect();
    // A known target of a known service that is another one: one of them is a lie.
    if !owners.is_empty() && !family.is_empty() && both.is_empty() {
        return Err(Contradiction::TargetOfAnotherService);
    }
    let candidates = match (both.is_empty(), owners.is_empty()) {
        (false, _) => both,
        (true, false) => owners,
        (true, true) => family.to_vec(),
    };
    let found = candidates.iter().find_map(|it| Some((*it, it.operation(operation)?)));
    it.service = found.map(|(it, _)| it).or(candidates.first().copied());
    it.operation = found.map(|(_, it)| it);
    if it.operation.is_none() {
        it.claimed_operation = Some(operation.to_owned());
    }
    it.protocol = if marks.rpc.is_some() {
        Protocol::RpcV2Cbor
    } else {
        let said = it.service.and_then(|it| {
            it.protocols.iter().find(|it| matches!(it, Protocol::Json10 | Protocol::Json11))
        });
        marks.json().or(said.copied()).unwrap_or(Protocol::Json11)
    };
    Ok(())
}

fn speaks_query(service: &Service) -> bool {
    service.speaks(Protocol::Query) || service.speaks(Protocol::Ec2)
}

fn query_protocol(service: &'static Service) -> Protocol {
    if service.speaks(Protocol::Ec2) { Protocol::Ec2 } else { Protocol::Query }
}

/// Whether a form in the body may name an operation. Forms are also sent to S3 as objects.
fn may_be_form(family: &[&Service], parts: &Parts) -> bool {
    if family.is_empty() {
        parts.uri.path() == "/"
    } else {
        family.iter().any(|it| speaks_query(it))
    }
}

/// The service and operation of an `Action`: the one whose version is named, else any that has it.
fn by_action(
    family: &[&'static Service],
    action: &str,
    version: Option<&str>,
) -> (Option<&'static Service>, Option<&'static Operation>) {
    let all: Vec<_>;
    let family = if family.is_empty() {
        // Without a scope, only the version tells the services apart.
        all = catalogue().services().iter().filter(|it| Some(it.api_version) == version).collect();
        &all
    } else {
        family
    };
    let mut speakers: Vec<_> = family.iter().copied().filter(|it| speaks_query(it)).collect();
    // Neptune and DocumentDB are RDS to CloudTrail, and to everyone who looks at their calls.
    speakers.sort_by_key(|it| (Some(it.api_version) != version, it.name != "rds", it.name));
    let found = speakers.iter().find_map(|it| Some((*it, it.operation(action)?)));
    (found.map(|(it, _)| it).or(speakers.first().copied()), found.map(|(_, it)| it))
}

fn by_path(
    it: &mut Identified,
    family: &[&'static Service],
    marks: &Marks<'_>,
    parts: &Parts,
    domains: &Domains,
) {
    let host = marks.host.as_deref();
    let family = if family.is_empty() && it.scope_service.is_none() {
        unsigned(marks, parts, domains)
    } else {
        family.to_vec()
    };
    let address = Address::of(host, parts.uri.path(), domains);
    let mut best: Option<(&'static Service, Route)> = None;
    for service in by_host(&family, host) {
        let path = if service.name == "s3" { address.path.as_str() } else { parts.uri.path() };
        if service.name == "s3control" && !is_control(parts) {
            continue;
        }
        let Some(method) = Method::of(&parts.method) else { continue };
        let request = Request { method, path, query: &marks.query, headers: &parts.headers };
        let Some(route) = service.is_rest().then(|| service.route(&request)).flatten() else {
            continue;
        };
        let better = best.as_ref().is_none_or(|(_, it)| route.complete && !it.complete);
        if better {
            best = Some((service, route));
        }
    }
    it.service = best.as_ref().map(|(it, _)| *it).or_else(|| {
        let rest = by_host(&family, host).find(|it| it.is_rest() && it.name != "s3control");
        rest.or(family.first().copied())
    });
    if let Some(service) = it.service {
        it.protocol = answer_protocol(service, marks);
    }
    if it.is_s3() {
        it.bucket = address.bucket;
        it.key = address.key;
        it.virtual_host = address.virtual_host;
    }
    if it.is_s3() && best.is_none() && is_post_object(parts) {
        it.claimed_operation = Some("PostObject".to_owned());
    }
    if let Some((service, route)) = best {
        it.operation = service.operations().get(route.operation);
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        it.labels = route.labels.iter().map(|(name, text)| (*name, decode(text))).collect();
    }
}

/// S3 Control shares its signing name with S3, where its paths would be objects; but only its calls
/// name an account or an Outpost.
fn is_control(parts: &Parts) -> bool {
    ["x-amz-account-id", "x-amz-outpost-id"].iter().any(|it| parts.headers.contains_key(*it))
}

/// An upload by a browser's form, which no model has.
fn is_post_object(parts: &Parts) -> bool {
    let content_type = parts.headers.get(http::header::CONTENT_TYPE);
    parts.method == http::Method::POST
        && content_type.is_some_and(|it| it.as_bytes().starts_with(b"multipart/form-data"))
}

/// The family, those first whose endpoint the host names.
fn by_host(
    family: &[&'static Service],
    host: Option<&str>,
) -> impl Iterator<Item = &'static Service> {
    let is_named = |service: &Service| {
        let after = host.and_then(|it| it.strip_prefix(service.endpoint_prefix));
        after.is_some_and(|it| it.starts_with(['.', '-']))
    };
    let mut family = family.to_vec();
    // The longest prefix first: `bedrock-runtime` before `bedrock`.
    family.sort_by_key(|it| {
        (!is_named(it), std::cmp::Reverse(is_named(it).then_some(it.endpoint_prefix.len())))
    });
    family.into_iter()
}

/// What an unsigned request without target or action can be for.
fn unsigned(marks: &Marks<'_>, parts: &Parts, domains: &Domains) -> Vec<&'static Service> {
    let catalogue = catalogue();
    let named = |names: &[&str]| names.iter().filter_map(|it| catalogue.service(it)).collect();
    let host = marks.host.as_deref().unwrap_or("");
    if marks.is_v2 || s3::is_s3_host(host, domains) {
        return named(&["s3"]);
    }
    if let Some(front) = host.strip_suffix(".amazonaws.com") {
        let prefix = front.rsplit_once('.').map_or(front, |(prefix, _region)| prefix);
        let found: Vec<_> = catalogue
            .by_endpoint_prefix(prefix)
            .chain(catalogue.by_endpoint_prefix(front))
            .collect();
        if !found.is_empty() {
            return found;
        }
    }
    if parts.headers.contains_key("x-amz-sso_bearer_token") {
        return named(&["sso"]);
    }
    if marks.is_json()
        && ["/client/register", "/device_authorization", "/token"].contains(&parts.uri.path())
    {
        return named(&["sso-oidc"]);
    }
    if domains.unsigned_is_s3 { named(&["s3"]) } else { Vec::new() }
}

/// The protocol of a service that is addressed by path, or should have been addressed otherwise.
fn answer_protocol(service: &Service, marks: &Marks<'_>) -> Protocol {
    let rest =
        service.protocols.iter().find(|it| matches!(it, Protocol::RestJson | Protocol::RestXml));
    let first = service.protocols.first();
    rest.or(first).copied().unwrap_or_else(|| marks.protocol())
}

fn host(parts: &Parts) -> Option<String> {
    let header = parts.headers.get(http::header::HOST).and_then(|it| it.to_str().ok());
    header.or_else(|| parts.uri.authority().map(|it| it.as_str())).map(str::to_owned)
}
