//! What a request shows of its service and operation, before any of it is believed.
//!
//! Lives here: collecting the marks, and the contradictions among them that need no catalogue.

use http::{HeaderMap, header, request::Parts};
use percent_encoding::percent_decode_str;

use super::Contradiction;
use crate::catalogue::Protocol;

/// The marks of one request.
#[derive(Debug)]
pub(super) struct Marks<'a> {
    /// Credential scopes, in the order seen.
    pub(super) scopes: Vec<Scope>,
    /// Values of `X-Amz-Target`.
    pub(super) targets: Vec<&'a str>,
    /// Service and operation of an RPC v2 path, when the header says that it is one.
    pub(super) rpc: Option<(&'a str, &'a str)>,
    /// The query, decoded.
    pub(super) query: Vec<(String, String)>,
    /// The host without its port, in lower case.
    pub(super) host: Option<String>,
    /// Whether two hosts differ.
    pub(super) hosts_differ: bool,
    /// Whether the body is a form.
    pub(super) is_form: bool,
    /// Whether the request is signed by version 2 in S3's manner.
    pub(super) is_v2: bool,
    content_type: &'a str,
}

/// What a credential scope says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Scope {
    pub(super) region: Option<String>,
    pub(super) service: String,
}

impl<'a> Marks<'a> {
    pub(super) fn of(parts: &'a Parts) -> Self {
        let query = pairs(parts.uri.query().unwrap_or(""), Plus::IsPlus);
        let mut scopes: Vec<_> =
            texts(&parts.headers, header::AUTHORIZATION).filter_map(header_scope).collect();
        scopes.extend(named(&query, "X-Amz-Credential").filter_map(scope));
        let hosts: Vec<_> = texts(&parts.headers, header::HOST)
            .chain(parts.uri.authority().map(|it| it.as_str()))
            .collect();
        let content_type =
            texts(&parts.headers, header::CONTENT_TYPE).next().unwrap_or("").trim_start();
        let is_v2 = texts(&parts.headers, header::AUTHORIZATION).any(|it| it.starts_with("AWS "))
            || named(&query, "AWSAccessKeyId").next().is_some();
        Self {
            scopes,
            targets: texts(&parts.headers, "x-amz-target").collect(),
            rpc: rpc(parts, content_type),
            host: hosts.first().map(|it| without_port(it).to_ascii_lowercase()),
            hosts_differ: hosts
                .windows(2)
                .any(|it| matches!(it, [one, other] if !one.eq_ignore_ascii_case(other)))
                || texts(&parts.headers, header::HOST).count() > 1,
            is_form: begins(content_type, "application/x-www-form-urlencoded"),
            is_v2,
            query,
            content_type,
        }
    }

    /// What contradicts itself whatever the service is.
    pub(super) fn contradiction(&self) -> Option<Contradiction> {
        let actions = self.actions().count();
        if self.hosts_differ {
            Some(Contradiction::Hosts)
        } else if self.scopes.len() > 1 {
            Some(Contradiction::Scopes)
        } else if self.targets.len() > 1 || (self.rpc.is_some() && !self.targets.is_empty()) {
            Some(Contradiction::Targets)
        } else if actions > 0 && (self.rpc.is_some() || !self.targets.is_empty()) {
            Some(Contradiction::ActionAndTarget)
        } else if actions > 1 {
            Some(Contradiction::Actions)
        } else {
            None
        }
    }

    /// Values of `Action` in the query.
    pub(super) fn actions(&self) -> impl Iterator<Item = &str> {
        self.query.iter().filter(|(name, _)| name == "Action").map(|(_, value)| value.as_str())
    }

    /// The value of `Version` in the query.
    pub(super) fn version(&self) -> Option<&str> {
        self.query.iter().find(|(name, _)| name == "Version").map(|(_, value)| value.as_str())
    }

    /// The protocol in which to answer, judged by the marks alone.
    pub(super) fn protocol(&self) -> Protocol {
        if self.rpc.is_some() {
            Protocol::RpcV2Cbor
        } else if !self.targets.is_empty() {
            self.json().unwrap_or(Protocol::Json11)
        } else if self.is_form || self.actions().next().is_some() {
            Protocol::Query
        } else if begins(self.content_type, "application/json") {
            Protocol::RestJson
        } else {
            Protocol::RestXml
        }
    }

    /// The version of AWS JSON that the content type names.
    pub(super) fn json(&self) -> Option<Protocol> {
        if begins(self.content_type, "application/x-amz-json-1.0") {
            Some(Protocol::Json10)
        } else if begins(self.content_type, "application/x-amz-json-1.1") {
            Some(Protocol::Json11)
        } else {
            None
        }
    }

    /// Whether the content type is JSON of any kind.
    pub(super) fn is_json(&self) -> bool {
        self.json().is_some() || begins(self.content_type, "application/json")
    }
}

/// What a raw plus stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Plus {
    /// Itself, as in the query of a signed URL.
    IsPlus,
    /// A blank, as in a form.
    IsBlank,
}

/// Splits and decodes a query or form. What is not UTF-8 after decoding is replaced.
pub(crate) fn pairs(text: &str, plus: Plus) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let text = match plus {
            Plus::IsPlus => text.into(),
            Plus::IsBlank => std::borrow::Cow::from(text.replace('+', " ")),
        };
        percent_decode_str(&text).decode_utf8_lossy().into_owned()
    };
    text.split('&')
        .filter(|it| !it.is_empty())
        .map(|it| it.split_once('=').unwrap_or((it, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

fn texts(headers: &HeaderMap, name: impl header::AsHeaderName) -> impl Iterator<Item = &str> {
    headers.get_all(name).into_iter().filter_map(|it| it.to_str().ok())
}

fn named<'a>(query: &'a [(String, String)], name: &str) -> impl Iterator<Item = &'a str> {
    query.iter().filter(move |(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, it)| it.as_str())
}

fn begins(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|it| it.eq_ignore_ascii_case(word))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|it| it.is_ascii_digit()) => name,
        _ => host,
    }
}

fn header_scope(authorization: &str) -> Option<Scope> {
    let (scheme, rest) = authorization.trim_start().split_once(' ')?;
    if !scheme.starts_with("AWS4-") {
        return None;
    }
    let credential = rest.split(',').find_map(|it| it.trim().strip_prefix("Credential="))?;
    scope(credential)
}

/// `key/date/region/service/aws4_request`, or without region for SigV4a.
fn scope(credential: &str) -> Option<Scope> {
    let mut parts = credential.rsplit('/');
    if parts.next() != Some("aws4_request") {
        return None;
    }
    let service = parts.next()?.to_owned();
    let region_or_date = parts.next()?;
    let is_date = |it: &str| it.len() == 8 && it.bytes().all(|it| it.is_ascii_digit());
    let region = (!is_date(region_or_date)).then(|| region_or_date.to_owned());
    Some(Scope { region, service })
}

/// `/service/S/operation/O`, possibly below a prefix.
fn rpc<'a>(parts: &'a Parts, content_type: &str) -> Option<(&'a str, &'a str)> {
    let says_so = texts(&parts.headers, "smithy-protocol").any(|it| it == "rpc-v2-cbor")
        || begins(content_type, "application/cbor");
    let mut segments = parts.uri.path().rsplit('/');
    let operation = segments.next()?;
    let is_operation = segments.next()? == "operation";
    let service = segments.next()?;
    let is_service = segments.next()? == "service";
    (says_so && is_operation && is_service).then_some((service, operation))
}
