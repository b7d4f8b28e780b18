//! Model names into CloudTrail's.
//!
//! Lives here: the spelling of `requestParameters` and `responseElements`: the general rule, and
//! the ways of EC2 and S3, whose records show the names of the wire.
//! Source: records that AWS published, and `reference/event-record.md` section 1.

mod ec2;
mod s3;

use serde_json::{Map, Value};

use crate::{
    catalogue::{Kind, Model, Protocol, ShapeId, Side},
    dates,
    identify::Identified,
};

pub(super) fn cloudtrail(it: &Identified, side: Side, value: Value) -> Value {
    let Some((service, operation)) = it.service.zip(it.operation) else {
        return lowered(value);
    };
    let model = service.model();
    let Some(shape) = model.side(operation, side) else { return lowered(value) };
    let value = match (service.name, it.protocol) {
        ("s3", _) => s3::spell(it, model, shape, side, value),
        (_, Protocol::Ec2) => ec2::spell(model, shape, side, value),
        _ => spell(model, shape, value),
    };
    match (side, value) {
        (Side::Response, Value::Object(map)) if map.is_empty() => Value::Null,
        (_, value) => value,
    }
}

/// The members of an operation that we do not know: only the outermost are surely members.
fn lowered(value: Value) -> Value {
    let Value::Object(map) = value else { return value };
    Value::Object(map.into_iter().map(|(key, it)| (lower_first(&key), it)).collect())
}

/// The general rule.
fn spell(model: &Model, shape: ShapeId, value: Value) -> Value {
    match (&model.shape(shape).kind, value) {
        (Kind::Structure { members, .. }, Value::Object(map)) => {
            let entry = |(key, value): (String, Value)| {
                let member = members.iter().find(|it| it.name == key);
                let value = member.map_or(value.clone(), |it| spell(model, it.shape, value));
                (lower_first(&key), value)
            };
            Value::Object(map.into_iter().map(entry).collect())
        }
        (Kind::List { element, .. }, Value::Array(list)) => {
            Value::Array(list.into_iter().map(|it| spell(model, element.shape, it)).collect())
        }
        (Kind::Map { value: of, .. }, Value::Object(map)) => {
            let entry = |(key, value)| (key, spell(model, of.shape, value));
            Value::Object(map.into_iter().map(entry).collect::<Map<_, _>>())
        }
        (Kind::Timestamp, Value::String(text)) => Value::String(date(text)),
        (_, value) => value,
    }
}

/// A date as CloudTrail writes it; what is none stays, such as the marker of redaction.
fn date(text: String) -> String {
    text.parse().map_or(text, dates::cloudtrail)
}

/// Only the first letter: `DBInstanceIdentifier` is `dBInstanceIdentifier`.
fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    match letters.next() {
        Some(first) => format!("{}{}", first.to_ascii_lowercase(), letters.as_str()),
        None => String::new(),
    }
}
