//! `requestParameters`: what of a request's parameters a record keeps.
//!
//! Lives here: reading them in whatever state the body is, hiding, spelling, and what a call gets
//! that nobody could identify.
//! Lives elsewhere: S3, which names headers and query parameters (`s3`); DynamoDB's items
//! (`dynamodb`).
//!
//! Start at [`asked`].

use serde_json::{Map, Value, json};
use wire::{catalogue::Side, parameters, sensitive::Sensitive};

use super::{
    body, dynamodb, hide, s3,
    seen::{Arrived, Held},
};

/// What a request asks for, nothing secret left.
pub(super) struct Asked {
    /// With the names of the model, for those who look for a member.
    pub(super) model: Value,
    /// As CloudTrail spells it: an object, or null when the call has no parameters.
    pub(super) shown: Value,
}

/// Reads what a request asks for.
pub(super) fn asked(arrived: &Arrived<'_>) -> Asked {
    if arrived.target.operation.is_none() {
        return unidentified(arrived);
    }
    let (mut model, unread) = read(arrived);
    if let Value::Object(members) = &mut model {
        hide::signature(members);
    }
    dynamodb::without_values(arrived.target, &mut model);
    hide::value(&mut model, &Sensitive::of(arrived.target, Side::Request));
    dynamodb::without_types(arrived.target, &mut model);
    let shown = parameters::cloudtrail_names(arrived.target, Side::Request, model.clone());
    let shown = if s3::is_s3(arrived.target) { s3::parameters(arrived, shown) } else { shown };
    Asked { model, shown: marked(shown, unread) }
}

/// The parameters, and why some of them could not be read.
fn read(arrived: &Arrived<'_>) -> (Value, Option<String>) {
    let without_body = || {
        let read = parameters::read(arrived.target, arrived.parts, b"");
        read.unwrap_or_else(|_| Value::Object(Map::new()))
    };
    let body = match arrived.body {
        Held::None => return (without_body(), None),
        Held::TooLarge => return (without_body(), Some(TOO_LARGE.to_owned())),
        Held::Cut => return (without_body(), Some("request body incomplete".to_owned())),
        Held::Whole(body) => body,
    };
    let Some(body) =
        body::plain(&arrived.parts.headers, body, parameters::body_max(arrived.target))
    else {
        return (without_body(), Some(TOO_LARGE.to_owned()));
    };
    match parameters::read(arrived.target, arrived.parts, &body) {
        Ok(members) => (members, None),
        Err(parameters::Error::TooLarge) => (without_body(), Some(TOO_LARGE.to_owned())),
        Err(parameters::Error::Malformed(what)) => {
            (without_body(), Some(format!("request body is not {what}")))
        }
    }
}

/// Marks parameters of which some could not be read, as CloudTrail marks what it leaves out, beside
/// those that path, query and headers gave.
fn marked(shown: Value, unread: Option<String>) -> Value {
    let mut members = match shown {
        Value::Object(members) => members,
        Value::Null => Map::new(),
        other @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            Map::from_iter([("value".to_owned(), other)])
        }
    };
    if let Some(reason) = unread {
        members.insert("omitted".to_owned(), Value::Bool(true));
        members.insert("reason".to_owned(), Value::String(reason));
    }
    if members.is_empty() { Value::Null } else { Value::Object(members) }
}

/// Of a call that nobody could identify: method, host, path and query, with everything hidden that
/// looks like a secret. Its body is not kept: nothing says what it means.
fn unidentified(arrived: &Arrived<'_>) -> Asked {
    let target = arrived.target;
    let uri = &arrived.parts.uri;
    let mut members = Map::new();
    members.insert("method".to_owned(), json!(hide::word(arrived.parts.method.as_str())));
    if let Some(host) = &target.host {
        members.insert("host".to_owned(), json!(hide::text(host)));
    }
    members.insert("path".to_owned(), json!(hide::path(uri.path())));
    let query: Map<String, Value> = target
        .query
        .iter()
        .filter(|(name, _)| !hide::is_credential(&name.to_ascii_lowercase()))
        .take(QUERY_MAX)
        .map(|(name, value)| (hide::text(name), json!(hide::bounded(value, VALUE_MAX))))
        .collect();
    if !query.is_empty() {
        let mut query = Value::Object(query);
        hide::unknown(&mut query);
        members.insert("query".to_owned(), query);
    }
    Asked { model: Value::Null, shown: Value::Object(members) }
}

/// CloudTrail's words for parameters that it leaves out.
const TOO_LARGE: &str = "requestParameters too large";

/// Query parameters that are kept of a call that nobody could identify.
const QUERY_MAX: usize = 32;

/// Bytes that are kept of the value of one of them.
const VALUE_MAX: usize = 1024;
