//! Single values, from text or from JSON, by the kind that the model gives them.

use serde_json::{Number, Value};

use crate::{
    catalogue::{Kind, Shape},
    dates,
};

/// A value from text; nothing for blobs. What is not of its kind is kept as text.
pub(super) fn from_text(shape: &Shape, text: &str) -> Option<Value> {
    let as_text = || Value::String(text.to_owned());
    Some(match shape.kind {
        Kind::Blob => return None,
        Kind::Boolean => match text.trim() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => as_text(),
        },
        Kind::Integer => text.trim().parse::<i64>().map_or_else(|_| as_text(), Value::from),
        Kind::Float => {
            let number = text.trim().parse().ok().and_then(Number::from_f64);
            number.map_or_else(as_text, Value::Number)
        }
        Kind::Timestamp => timestamp(dates::read(text)).unwrap_or_else(as_text),
        Kind::Document => serde_json::from_str(text).unwrap_or_else(|_| as_text()),
        Kind::String | Kind::Structure { .. } | Kind::List { .. } | Kind::Map { .. } => as_text(),
    })
}

/// A timestamp from what JSON or CBOR holds: seconds or text. What is neither is kept.
pub(super) fn from_json_timestamp(value: &Value) -> Value {
    let read = match value {
        Value::Number(number) => number.as_f64().and_then(dates::from_seconds),
        Value::String(text) => dates::read(text),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    timestamp(read).unwrap_or_else(|| value.clone())
}

fn timestamp(read: Option<jiff::Timestamp>) -> Option<Value> {
    read.map(|it| Value::String(it.to_string()))
}
