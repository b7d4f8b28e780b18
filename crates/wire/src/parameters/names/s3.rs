//! S3's records: names of headers and query parameters, `bucketName`, `key` and `Host`; literal
//! query parameters such as `acl` with an empty value; bodies with the names of their elements.

use serde_json::{Map, Value};

use super::{date, lower_first};
use crate::{
    catalogue::{Kind, Location, Member, Model, ShapeId, Side},
    identify::Identified,
};

/// What CloudTrail shows of a presigned URL.
const PRESIGNED: [&str; 4] =
    ["X-Amz-Algorithm", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders"];

pub(super) fn spell(
    it: &Identified,
    model: &Model,
    shape: ShapeId,
    side: Side,
    value: Value,
) -> Value {
    let Value::Object(map) = value else { return value };
    let mut out = Map::new();
    if side == Side::Request {
        if let Some(bucket) = &it.bucket {
            out.insert("bucketName".to_owned(), Value::String(bucket.clone()));
        }
        if let Some(host) = &it.host {
            out.insert("Host".to_owned(), Value::String(host.clone()));
        }
        add_literals(it, &mut out);
    }
    for (key, value) in map {
        let Some(member) = model.members(Some(shape)).iter().find(|it| it.name == key) else {
            out.insert(lower_first(&key), value);
            continue;
        };
        match (side, member.location) {
            // From the host or the path, and there already.
            (Side::Request, Location::Uri) if member.name == "Bucket" => {}
            (Side::Request, Location::Uri) => {
                out.insert(lower_first(member.name), value);
            }
            (_, Location::Headers) => add_prefixed(member, value, &mut out),
            (Side::Request, _) | (Side::Response, Location::Header) => {
                if side == Side::Request || member.wire().starts_with("x-amz-") {
                    let (name, value) = body_member(model, member, value);
                    out.insert(name, value);
                }
            }
            // Answers are documents about what was asked; CloudTrail keeps their headers only.
            (Side::Response, Location::Body) if member.name == "Credentials" => {
                out.insert("credentials".to_owned(), value);
            }
            (Side::Response, _) => {}
        }
    }
    Value::Object(out)
}

/// Sub-resources such as `?acl`, and how a presigned URL was made.
fn add_literals(it: &Identified, out: &mut Map<String, Value>) {
    let template = it.operation.and_then(|it| it.uri.split_once('?')).map_or("", |(_, it)| it);
    let literals = template.split('&').filter(|it| !it.is_empty());
    for (name, value) in literals.map(|it| it.split_once('=').unwrap_or((it, ""))) {
        out.insert(name.to_owned(), Value::String(value.to_owned()));
    }
    for (name, value) in &it.query {
        if PRESIGNED.contains(&name.as_str()) {
            out.insert(name.clone(), Value::String(value.clone()));
        }
    }
}

fn add_prefixed(member: &Member, value: Value, out: &mut Map<String, Value>) {
    if let Value::Object(map) = value {
        out.extend(map.into_iter().map(|(key, value)| (format!("{}{key}", member.wire()), value)));
    }
}

fn body_member(model: &Model, member: &Member, value: Value) -> (String, Value) {
    match (&model.shape(member.shape).kind, value) {
        // A policy is shown as what it says.
        (Kind::String, Value::String(text)) if member.location == Location::Body => {
            let value = serde_json::from_str(&text).unwrap_or(Value::String(text));
            (format!("bucket{}", member.name), value)
        }
        (Kind::Timestamp, Value::String(text)) => {
            (member.wire().to_owned(), Value::String(date(text)))
        }
        // Headers and query parameters are text.
        (_, Value::Number(number)) if member.location != Location::Body => {
            (member.wire().to_owned(), Value::String(number.to_string()))
        }
        (_, value) => (member.wire().to_owned(), value),
    }
}
