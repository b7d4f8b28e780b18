//! Requests as unmodified botocore spells them, read back.
//!
//! The fixtures come from `tools/generate/fixtures.py`: at least one operation of every service in
//! every protocol that it speaks, every operation of S3, CloudTrail, STS, KMS and SQS. The file of
//! all operations of all services, which `--all` writes, is read when `TRAILMARK_REQUESTS` names it.

#![expect(clippy::unwrap_used, reason = "a test may; its helpers stand outside of it")]

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{Request, request::Parts};
use serde::Deserialize;
use serde_json::{Map, Value};
use trailmark_wire::{
    catalogue::catalogue,
    identify::{BodyKind, Domains, Identified, identify},
    parameters,
};

#[derive(Deserialize)]
struct Fixture {
    service: String,
    operation: String,
    protocol: String,
    method: String,
    uri: String,
    headers: Vec<(String, String)>,
    body: String,
    parameters: Value,
}

impl Fixture {
    fn parts(&self) -> Parts {
        let mut request = Request::builder().method(self.method.as_str()).uri(&self.uri);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn body(&self) -> Vec<u8> {
        BASE64_STANDARD.decode(&self.body).unwrap()
    }

    fn identified(&self, parts: &Parts) -> Identified {
        let it = identify(parts, &Domains::default()).unwrap();
        if it.needs_form { it.with_form(&self.body()).unwrap() } else { it }
    }

    /// Whether the host says nothing, and only the credential scope tells the service.
    fn is_ours(&self) -> bool {
        self.headers.iter().any(|(name, value)| name == "host" && value.starts_with("127."))
    }
}

fn fixtures() -> Vec<Fixture> {
    let bytes = match std::env::var("TRAILMARK_REQUESTS") {
        Ok(file) => std::fs::read(file).unwrap(),
        Err(_) => include_bytes!("fixtures/requests.ndjson.zst").to_vec(),
    };
    let text = String::from_utf8(zstd::decode_all(bytes.as_slice()).unwrap()).unwrap();
    text.lines().map(|it| serde_json::from_str(it).unwrap()).collect()
}

/// Services that share signing name and paths, so that without their host names any of them may be
/// meant: CloudTrail calls most of them by one event source.
fn may_be_confused(fixture: &Fixture, found: &str) -> bool {
    let signing = |name: &str| catalogue().service(name).unwrap().signing_name;
    fixture.is_ours() && signing(&fixture.service) == signing(found)
}

#[test]
fn every_service_is_identified_in_every_protocol() {
    let mut wrong = Vec::new();
    let mut services = BTreeMap::new();
    let mut confused = 0;
    for fixture in fixtures() {
        let parts = fixture.parts();
        let it = fixture.identified(&parts);
        let service = it.service.map_or("-", |it| it.name);
        let operation = it.operation.map_or("-", |it| it.name);
        *services.entry(fixture.service.clone()).or_insert(0) += 1;
        if service == fixture.service && operation == fixture.operation {
            continue;
        }
        let event = |service: &str, operation: &str| {
            let service = catalogue().service(service)?;
            Some((service.event_source, service.operation(operation)?.event_name))
        };
        let same = event(service, operation).is_some()
            && event(service, operation) == event(&fixture.service, &fixture.operation);
        if same || service != "-" && may_be_confused(&fixture, service) {
            confused += 1;
            continue;
        }
        wrong.push(format!(
            "{}.{} ({}) {} {} is {service}.{operation}",
            fixture.service, fixture.operation, fixture.protocol, fixture.method, fixture.uri
        ));
    }
    assert_eq!(services.len(), 439);
    let requests: usize = services.values().sum();
    println!("{requests} requests, {confused} of a sibling, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(confused * 50 < requests, "{confused} of {requests}");
}

#[test]
fn parameters_come_back_as_they_were_given() {
    let mut wrong = Vec::new();
    let mut read = 0;
    for fixture in fixtures() {
        let parts = fixture.parts();
        let it = fixture.identified(&parts);
        if it.service.map(|it| it.name) != Some(&fixture.service)
            || it.operation.map(|it| it.name) != Some(&fixture.operation)
        {
            continue;
        }
        let body =
            if it.request_body() == BodyKind::Structured { fixture.body() } else { Vec::new() };
        let expected = normal(fixture.parameters.clone());
        let found = parameters::read(&it, &parts, &body).map(normal);
        read += 1;
        if found.as_ref() != Ok(&expected) {
            wrong.push(format!(
                "{}.{} ({}) {}\n  expected {expected}\n  found    {}",
                fixture.service,
                fixture.operation,
                fixture.protocol,
                fixture.uri,
                found.map_or_else(|it| it.to_string(), |it| it.to_string())
            ));
        }
    }
    println!("{read} requests, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Without what no protocol but JSON can say: that something is there and empty.
fn normal(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let map: BTreeMap<_, _> = map.into_iter().map(|(key, it)| (key, normal(it))).collect();
            let full = |it: &Value| {
                !matches!(it, Value::Object(map) if map.is_empty())
                    && !matches!(it, Value::Array(list) if list.is_empty())
            };
            Value::Object(map.into_iter().filter(|(_, it)| full(it)).collect::<Map<_, _>>())
        }
        Value::Array(list) => Value::Array(
            list.into_iter()
                .map(normal)
                .filter(|it| !matches!(it, Value::Object(map) if map.is_empty()))
                .collect(),
        ),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}
