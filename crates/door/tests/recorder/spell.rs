//! Requests and answers as SDKs and services spell them, from values with the names of the model.
//!
//! The opposite of what `wire` reads, and written without it: what one of them gets wrong, the
//! canary test sees.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ciborium::value::Value as Cbor;
use http::{HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use wire::catalogue::{
    Kind, Location, Member, Method, Model, Operation, Protocol, Service, ShapeId, TimestampFormat,
};

use crate::call::Call;

/// What stands in every timestamp.
const INSTANT: i64 = 1_770_109_267;

const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// A call of an operation with that input, in that protocol.
pub(crate) fn request(
    service: &Service,
    operation: &Operation,
    protocol: Protocol,
    input: &Value,
) -> Call {
    let host = format!("https://{}.eu-west-1.amazonaws.com", service.endpoint_prefix);
    let model = service.model();
    let new = |method: &str, path: &str| {
        Call::new(method, &format!("{host}{path}"), service.signing_name, "eu-west-1")
    };
    match protocol {
        Protocol::Json10 | Protocol::Json11 => {
            let version = if protocol == Protocol::Json10 { "1.0" } else { "1.1" };
            let prefix = service.target_prefix.unwrap_or_default();
            let body = json_of(model, operation.input, input, false).to_string();
            new("POST", "/").target(&format!("{prefix}.{}", operation.name), version, &body)
        }
        Protocol::Query | Protocol::Ec2 => {
            let mut form = vec![
                ("Action".to_owned(), operation.name.to_owned()),
                ("Version".to_owned(), service.api_version.to_owned()),
            ];
            if let Some(shape) = operation.input {
                let ec2 = protocol == Protocol::Ec2;
                form_of(model, shape, input, "", ec2, &mut form);
            }
            let pairs: Vec<String> =
                form.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
            new("POST", "/").form(&pairs.join("&"))
        }
        Protocol::RpcV2Cbor => {
            let prefix = service.target_prefix.unwrap_or_default();
            let path = format!("/service/{prefix}/operation/{}", operation.name);
            let mut body = Vec::new();
            ciborium::into_writer(&cbor_of(model, operation.input, input), &mut body).unwrap();
            new("POST", &path)
                .header("smithy-protocol", "rpc-v2-cbor")
                .header("content-type", "application/cbor")
                .body(body)
        }
        Protocol::RestJson | Protocol::RestXml => {
            let (uri, headers, body) = rest(model, operation, protocol, input);
            let mut call = new(method(operation.method), &uri);
            for (name, value) in headers {
                if HeaderName::try_from(name.as_str()).is_ok()
                    && HeaderValue::try_from(value.as_str()).is_ok()
                {
                    call = call.header(&name, &value);
                }
            }
            if body.is_empty() { call } else { call.body(body) }
        }
    }
}

/// Headers and body of a successful answer.
pub(crate) fn answer(
    service: &Service,
    operation: &Operation,
    protocol: Protocol,
    output: &Value,
) -> (Vec<(String, String)>, Vec<u8>) {
    let model = service.model();
    match protocol {
        Protocol::Json10 | Protocol::Json11 => (
            vec![("content-type".to_owned(), "application/x-amz-json-1.1".to_owned())],
            json_of(model, operation.output, output, false).to_string().into_bytes(),
        ),
        Protocol::Query | Protocol::Ec2 => {
            let mut inner = String::new();
            if let Some(shape) = operation.output {
                xml_members(model, shape, output, &mut inner);
            }
            let inner = match operation.result_wrapper {
                Some(wrapper) => format!("<{wrapper}>{inner}</{wrapper}>"),
                None => inner,
            };
            let name = format!("{}Response", operation.name);
            let body = format!(
                "<{name}>{inner}<ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></{name}>"
            );
            (vec![("content-type".to_owned(), "text/xml".to_owned())], body.into_bytes())
        }
        Protocol::RpcV2Cbor => {
            let mut body = Vec::new();
            ciborium::into_writer(&cbor_of(model, operation.output, output), &mut body).unwrap();
            let headers =
                [("smithy-protocol", "rpc-v2-cbor"), ("content-type", "application/cbor")];
            (headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(), body)
        }
        Protocol::RestJson | Protocol::RestXml => {
            let mut headers = Vec::new();
            let Some(shape) = operation.output else { return (headers, Vec::new()) };
            for member in model.members(Some(shape)) {
                let Some(value) = output.get(member.name) else { continue };
                header_of(model, member, value, &mut headers);
            }
            (headers, payload(model, shape, protocol, output, "Result"))
        }
    }
}

fn method(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Put => "PUT",
        Method::Post => "POST",
        Method::Delete => "DELETE",
        Method::Head => "HEAD",
        Method::Patch => "PATCH",
        Method::Options => "OPTIONS",
    }
}

type Spelt = (String, Vec<(String, String)>, Vec<u8>);

fn rest(model: &Model, operation: &Operation, protocol: Protocol, input: &Value) -> Spelt {
    let mut uri = operation.uri.to_owned();
    let mut query: Vec<String> = Vec::new();
    let mut headers = Vec::new();
    for member in model.members(operation.input) {
        let Some(value) = input.get(member.name) else { continue };
        match member.location {
            Location::Uri => {
                let text = escaped(&text_of(model, member, value));
                uri = uri.replace(&format!("{{{}}}", member.wire()), &text);
                uri = uri.replace(&format!("{{{}+}}", member.wire()), &text);
            }
            Location::Query => query_of(model, member, value, &mut query),
            Location::Header | Location::Headers => header_of(model, member, value, &mut headers),
            Location::Body | Location::StatusCode => {}
        }
    }
    if !query.is_empty() {
        uri.push(if uri.contains('?') { '&' } else { '?' });
        uri.push_str(&query.join("&"));
    }
    let body = operation.input.map_or_else(Vec::new, |shape| {
        payload(model, shape, protocol, input, &format!("{}Request", operation.name))
    });
    (uri, headers, body)
}

fn query_of(model: &Model, member: &Member, value: &Value, query: &mut Vec<String>) {
    match value {
        Value::Array(elements) => {
            for it in elements {
                query.push(format!("{}={}", member.wire(), escaped(&plain(it))));
            }
        }
        Value::Object(entries) => {
            for (name, it) in entries {
                let first = it.as_array().and_then(|it| it.first()).unwrap_or(it);
                query.push(format!("{}={}", escaped(name), escaped(&plain(first))));
            }
        }
        _ => query.push(format!("{}={}", member.wire(), escaped(&text_of(model, member, value)))),
    }
}

fn header_of(model: &Model, member: &Member, value: &Value, headers: &mut Vec<(String, String)>) {
    match (member.location, value) {
        (Location::Header, Value::Array(elements)) => {
            let texts: Vec<String> = elements.iter().map(plain).collect();
            headers.push((member.wire().to_owned(), texts.join(",")));
        }
        (Location::Header, _) => {
            let text = text_of(model, member, value);
            let text = if member.json_text { STANDARD.encode(text) } else { text };
            headers.push((member.wire().to_owned(), text));
        }
        (Location::Headers, Value::Object(entries)) => {
            for (name, it) in entries {
                headers.push((format!("{}{name}", member.wire()), plain(it)));
            }
        }
        _ => {}
    }
}

fn payload(
    model: &Model,
    shape: ShapeId,
    protocol: Protocol,
    value: &Value,
    root: &str,
) -> Vec<u8> {
    let Kind::Structure { members, payload } = &model.shape(shape).kind else { return Vec::new() };
    let (shape, value, root) = match payload {
        None => (shape, value, root),
        Some(name) => {
            let Some(member) = members.iter().find(|it| it.name == *name) else {
                return Vec::new();
            };
            let Some(value) = value.get(member.name) else { return Vec::new() };
            match &model.shape(member.shape).kind {
                Kind::Blob => return STANDARD.decode(plain(value)).unwrap_or_default(),
                Kind::String => return plain(value).into_bytes(),
                _ => (member.shape, value, member.wire()),
            }
        }
    };
    if protocol == Protocol::RestJson {
        let body = json_of(model, Some(shape), value, true);
        return if body.as_object().is_some_and(Map::is_empty) {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        };
    }
    let mut inner = String::new();
    xml_members(model, shape, value, &mut inner);
    if inner.is_empty() { Vec::new() } else { format!("<{root}>{inner}</{root}>").into_bytes() }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A scalar as text, timestamps in the format of their place.
fn text_of(model: &Model, member: &Member, value: &Value) -> String {
    let shape = model.shape(member.shape);
    if !matches!(shape.kind, Kind::Timestamp) {
        return plain(value);
    }
    let format = member.timestamp.or(shape.timestamp).unwrap_or(match member.location {
        Location::Header => TimestampFormat::Rfc822,
        _ => TimestampFormat::Iso8601,
    });
    match format {
        TimestampFormat::Iso8601 => "2026-02-03T09:01:07Z".to_owned(),
        TimestampFormat::Unix => INSTANT.to_string(),
        TimestampFormat::Rfc822 => "Tue, 03 Feb 2026 09:01:07 GMT".to_owned(),
    }
}

fn json_of(model: &Model, shape: Option<ShapeId>, value: &Value, rest: bool) -> Value {
    let Some(shape) = shape else { return json!({}) };
    match (&model.shape(shape).kind, value) {
        (Kind::Structure { members, .. }, Value::Object(_)) => members
            .iter()
            .filter(|it| !rest || it.location == Location::Body)
            .filter_map(|it| {
                let inner = value.get(it.name)?;
                Some((it.wire().to_owned(), json_of(model, Some(it.shape), inner, false)))
            })
            .collect::<Map<_, _>>()
            .into(),
        (Kind::List { element, .. }, Value::Array(elements)) => {
            elements.iter().map(|it| json_of(model, Some(element.shape), it, false)).collect()
        }
        (Kind::Map { value: member, .. }, Value::Object(entries)) => entries
            .iter()
            .map(|(name, it)| (name.clone(), json_of(model, Some(member.shape), it, false)))
            .collect::<Map<_, _>>()
            .into(),
        (Kind::Timestamp, _) => json!(INSTANT),
        _ => value.clone(),
    }
}

fn cbor_of(model: &Model, shape: Option<ShapeId>, value: &Value) -> Cbor {
    let Some(shape) = shape else { return Cbor::Map(Vec::new()) };
    match (&model.shape(shape).kind, value) {
        (Kind::Structure { members, .. }, Value::Object(_)) => Cbor::Map(
            members
                .iter()
                .filter_map(|it| {
                    let inner = value.get(it.name)?;
                    let name = Cbor::Text(it.name.to_owned());
                    Some((name, cbor_of(model, Some(it.shape), inner)))
                })
                .collect(),
        ),
        (Kind::List { element, .. }, Value::Array(elements)) => {
            Cbor::Array(elements.iter().map(|it| cbor_of(model, Some(element.shape), it)).collect())
        }
        (Kind::Map { value: member, .. }, Value::Object(entries)) => Cbor::Map(
            entries
                .iter()
                .map(|(name, it)| {
                    (Cbor::Text(name.clone()), cbor_of(model, Some(member.shape), it))
                })
                .collect(),
        ),
        (Kind::Timestamp, _) => Cbor::Tag(1, Box::new(Cbor::Integer(INSTANT.into()))),
        (Kind::Blob, Value::String(text)) => Cbor::Bytes(STANDARD.decode(text).unwrap()),
        _ => Cbor::serialized(value).unwrap(),
    }
}

/// The pairs of a form, as query and EC2 number lists and maps.
fn form_of(
    model: &Model,
    shape: ShapeId,
    value: &Value,
    prefix: &str,
    ec2: bool,
    form: &mut Vec<(String, String)>,
) {
    match (&model.shape(shape).kind, value) {
        (Kind::Structure { members, .. }, Value::Object(_)) => {
            for member in members {
                let Some(inner) = value.get(member.name) else { continue };
                let name = if ec2 { ec2_name(member) } else { member.wire().to_owned() };
                let dot = if prefix.is_empty() { "" } else { "." };
                let name = format!("{prefix}{dot}{name}");
                form_of(model, member.shape, inner, &name, ec2, form);
            }
        }
        (Kind::List { element, flattened }, Value::Array(elements)) => {
            let prefix = match (ec2, flattened, element.wire_name) {
                (true, _, _) | (false, true, None) => prefix.to_owned(),
                (false, true, Some(name)) => match prefix.rsplit_once('.') {
                    Some((front, _)) => format!("{front}.{name}"),
                    None => name.to_owned(),
                },
                (false, false, name) => format!("{prefix}.{}", name.unwrap_or("member")),
            };
            for (number, it) in (1..).zip(elements) {
                form_of(model, element.shape, it, &format!("{prefix}.{number}"), ec2, form);
            }
        }
        (Kind::Map { key, value: member, flattened }, Value::Object(entries)) => {
            let prefix = if *flattened { prefix.to_owned() } else { format!("{prefix}.entry") };
            for (number, (name, it)) in (1..).zip(entries) {
                let key_name = key.wire_name.unwrap_or("key");
                form.push((format!("{prefix}.{number}.{key_name}"), name.clone()));
                let value_name = member.wire_name.unwrap_or("value");
                let name = format!("{prefix}.{number}.{value_name}");
                form_of(model, member.shape, it, &name, ec2, form);
            }
        }
        (Kind::Timestamp, _) => form.push((prefix.to_owned(), "2026-02-03T09:01:07Z".to_owned())),
        _ => form.push((prefix.to_owned(), plain(value))),
    }
}

fn ec2_name(member: &Member) -> String {
    if let Some(name) = member.query_name {
        return name.to_owned();
    }
    let name = member.wire();
    let (first, rest) = name.split_at(1);
    first.to_ascii_uppercase() + rest
}

fn xml_members(model: &Model, shape: ShapeId, value: &Value, out: &mut String) {
    match &model.shape(shape).kind {
        Kind::Structure { members, .. } => {
            for member in members {
                let Some(inner) = value.get(member.name) else { continue };
                if member.location == Location::Body && !member.xml_attribute {
                    xml_of(model, member.shape, inner, member.wire(), member.flattened, out);
                }
            }
        }
        _ => out.push_str(&xml_text(&plain(value))),
    }
}

fn xml_of(
    model: &Model,
    shape: ShapeId,
    value: &Value,
    name: &str,
    member_flattened: bool,
    out: &mut String,
) {
    match (&model.shape(shape).kind, value) {
        (Kind::Structure { members, .. }, Value::Object(_)) => {
            let _ = write!(out, "<{name}");
            for member in members.iter().filter(|it| it.xml_attribute) {
                if let Some(inner) = value.get(member.name) {
                    let _ = write!(out, " {}=\"{}\"", member.wire(), xml_text(&plain(inner)));
                }
            }
            out.push('>');
            xml_members(model, shape, value, out);
            let _ = write!(out, "</{name}>");
        }
        (Kind::List { element, flattened }, Value::Array(elements)) => {
            let flat = *flattened || member_flattened;
            if !flat {
                let _ = write!(out, "<{name}>");
            }
            for it in elements {
                let element_name = if flat { name } else { element.wire_name.unwrap_or("member") };
                xml_of(model, element.shape, it, element_name, false, out);
            }
            if !flat {
                let _ = write!(out, "</{name}>");
            }
        }
        (Kind::Map { key, value: member, flattened }, Value::Object(entries)) => {
            let flat = *flattened || member_flattened;
            if !flat {
                let _ = write!(out, "<{name}>");
            }
            for (entry, it) in entries {
                let element = if flat { name } else { "entry" };
                let key_name = key.wire_name.unwrap_or("key");
                let _ = write!(out, "<{element}><{key_name}>{}</{key_name}>", xml_text(entry));
                let value_name = member.wire_name.unwrap_or("value");
                xml_of(model, member.shape, it, value_name, false, out);
                let _ = write!(out, "</{element}>");
            }
            if !flat {
                let _ = write!(out, "</{name}>");
            }
        }
        (Kind::Timestamp, _) => {
            let _ = write!(out, "<{name}>2026-02-03T09:01:07Z</{name}>");
        }
        _ => {
            let _ = write!(out, "<{name}>{}</{name}>", xml_text(&plain(value)));
        }
    }
}

fn xml_text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
