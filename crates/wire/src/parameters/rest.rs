//! REST requests: labels of the path, the query, headers, and a body of JSON or XML.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::HeaderMap;
use serde_json::{Map, Value};

use super::{
    Error, json,
    markup::{inside, structure},
    scalar,
};
use crate::{
    catalogue::{Kind, Location, Member, Model, Protocol, ShapeId},
    identify::Identified,
    xml,
};

/// Reads a request of a REST service.
pub(super) fn read(it: &Identified, headers: &HeaderMap, body: &[u8]) -> Result<Value, Error> {
    let Some((service, operation)) = it.service.zip(it.operation) else {
        if it.protocol == Protocol::RestJson {
            return json::read(None, &json::parse(body)?);
        }
        return Ok(Value::Object(Map::new()));
    };
    let model = service.model();
    let mut out = Map::new();
    let members = model.members(operation.input);
    // What the template itself says is the operation's name, not a parameter.
    let template = operation.uri.split_once('?').map_or("", |(_, it)| it);
    let is_literal = |name: &str| template.split('&').any(|it| it.split('=').next() == Some(name));
    let query: Vec<_> = it.query.iter().filter(|(name, _)| !is_literal(name)).collect();
    for member in members {
        let value = match member.location {
            Location::Uri => {
                let label = it.labels.iter().find(|(name, _)| *name == member.wire());
                label.and_then(|(_, text)| scalar::from_text(model.shape(member.shape), text))
            }
            Location::Query => from_query(model, member, members, &query),
            Location::Body | Location::Header | Location::Headers | Location::StatusCode => {
                from_headers(model, member, headers)
            }
        };
        if let Some(value) = value {
            out.insert(member.name.to_owned(), value);
        }
    }
    if let Some(shape) = operation.input {
        from_body(model, shape, it.protocol, body, &mut out)?;
    }
    Ok(Value::Object(out))
}

/// Adds what a body says of a structure: its payload member, or the members without a place.
pub(crate) fn from_body(
    model: &Model,
    shape: ShapeId,
    protocol: Protocol,
    body: &[u8],
    out: &mut Map<String, Value>,
) -> Result<(), Error> {
    let Kind::Structure { members, payload } = &model.shape(shape).kind else { return Ok(()) };
    if body.is_empty() {
        return Ok(());
    }
    let Some(payload) = payload else {
        if members.iter().all(|it| it.location != Location::Body) {
            return Ok(());
        }
        if protocol == Protocol::RestXml {
            out.extend(structure(model, shape, &xml::parse(body)?));
            return Ok(());
        }
        let Value::Object(map) = json::parse(body)? else {
            return Err(Error::Malformed("a JSON object"));
        };
        out.extend(json::structure(model, shape, &map, 0)?);
        return Ok(());
    };
    let Some(member) = members.iter().find(|it| it.name == *payload && !it.streaming) else {
        return Ok(());
    };
    let value = match (&model.shape(member.shape).kind, protocol) {
        (Kind::Blob, _) => None,
        (Kind::String, _) => Some(Value::String(String::from_utf8_lossy(body).into_owned())),
        (_, Protocol::RestXml) => inside(model, member.shape, &xml::parse(body)?),
        _ => json::member(model, member.shape, &json::parse(body)?, 0)?,
    };
    if let Some(value) = value {
        out.insert(member.name.to_owned(), value);
    }
    Ok(())
}

/// A member from the query: once, several times for a list, or all the rest for a map.
fn from_query(
    model: &Model,
    member: &Member,
    members: &[Member],
    query: &[&(String, String)],
) -> Option<Value> {
    let given = || query.iter().filter(|(name, _)| name == member.wire()).map(|(_, it)| it);
    match &model.shape(member.shape).kind {
        Kind::List { element, .. } => {
            let mut given = given().peekable();
            given.peek()?;
            let of = model.shape(element.shape);
            Some(Value::Array(given.filter_map(|it| scalar::from_text(of, it)).collect()))
        }
        Kind::Map { value, .. } => {
            let others = |name: &str| members.iter().any(|it| it.wire() == name);
            let mut out = Map::new();
            for (name, text) in query.iter().filter(|(name, _)| !others(name) && !is_auth(name)) {
                match (
                    &model.shape(value.shape).kind,
                    scalar::from_text(model.shape(value.shape), text),
                ) {
                    (Kind::List { .. }, Some(text)) => {
                        let list = out.entry(name).or_insert_with(|| Value::Array(Vec::new()));
                        if let Value::Array(list) = list {
                            list.push(text);
                        }
                    }
                    (_, Some(text)) => {
                        out.insert(name.clone(), text);
                    }
                    (_, None) => {}
                }
            }
            (!out.is_empty()).then_some(Value::Object(out))
        }
        Kind::Structure { .. }
        | Kind::String
        | Kind::Boolean
        | Kind::Integer
        | Kind::Float
        | Kind::Timestamp
        | Kind::Blob
        | Kind::Document => scalar::from_text(model.shape(member.shape), given().next()?),
    }
}

/// Whether a query parameter belongs to the signature.
fn is_auth(name: &str) -> bool {
    name.get(..6).is_some_and(|it| it.eq_ignore_ascii_case("X-Amz-"))
}

/// A member from the headers, if its place is there.
pub(crate) fn from_headers(model: &Model, member: &Member, headers: &HeaderMap) -> Option<Value> {
    let of = model.shape(member.shape);
    match member.location {
        Location::Headers => {
            let prefix = member.wire().to_ascii_lowercase();
            let read = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
                let key = name.as_str().strip_prefix(&prefix)?.to_owned();
                Some((key, Value::String(value.to_str().ok()?.to_owned())))
            };
            let out: Map<_, _> = headers.iter().filter_map(read).collect();
            (!out.is_empty()).then_some(Value::Object(out))
        }
        Location::Header => {
            let text = headers.get(member.wire())?.to_str().ok()?;
            if member.json_text {
                let bytes = BASE64_STANDARD.decode(text).ok()?;
                return serde_json::from_slice(&bytes).ok();
            }
            let Kind::List { element, .. } = &of.kind else { return scalar::from_text(of, text) };
            let of = model.shape(element.shape);
            let read = |it| scalar::from_text(of, unquoted(it));
            Some(Value::Array(parts(text).into_iter().filter_map(read).collect()))
        }
        Location::Body | Location::Uri | Location::Query | Location::StatusCode => None,
    }
}

/// The parts of a list in a header; commas within quotes do not count.
fn parts(text: &str) -> Vec<&str> {
    let mut quoted = false;
    let mut escaped = false;
    let parts = text.split(|it: char| {
        let separates = it == ',' && !quoted;
        quoted ^= it == '"' && !escaped;
        escaped = it == '\\' && !escaped;
        separates
    });
    parts.map(str::trim).filter(|it| !it.is_empty()).collect()
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|it| it.strip_suffix('"')).unwrap_or(text)
}
