//! JSON and CBOR bodies, read by the model.

use serde_json::{Map, Value};

use super::{Error, MAX_DEPTH, scalar};
use crate::catalogue::{Kind, Location, Model, ShapeId};

/// The model and the shape by which a body is read; nothing for an unknown operation.
pub(crate) type By<'m> = Option<(&'m Model, Option<ShapeId>)>;

/// Parses a JSON body; an empty one is an empty object.
pub(crate) fn parse(body: &[u8]) -> Result<Value, Error> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Object(Map::new()));
    }
    serde_json::from_slice(body).map_err(|_| Error::Malformed("JSON"))
}

/// Gives the members of a body their model names.
pub(crate) fn read(by: By<'_>, value: &Value) -> Result<Value, Error> {
    let found = match by {
        Some((model, Some(shape))) => member(model, shape, value, 0)?,
        Some((_, None)) | None => Some(unknown(value, 0)?),
    };
    Ok(found.unwrap_or(Value::Null))
}

/// A value of a shape; nothing where it is absent, or bytes.
pub(crate) fn member(
    model: &Model,
    shape: ShapeId,
    value: &Value,
    depth: usize,
) -> Result<Option<Value>, Error> {
    if depth > MAX_DEPTH {
        return Err(Error::TooLarge);
    }
    let found = match (&model.shape(shape).kind, value) {
        (Kind::Blob, _) | (_, Value::Null) => return Ok(None),
        (Kind::Structure { .. }, Value::Object(map)) => {
            Value::Object(structure(model, shape, map, depth)?)
        }
        (Kind::List { element, .. }, Value::Array(list)) => {
            let read = |it| member(model, element.shape, it, depth + 1).transpose();
            Value::Array(list.iter().filter_map(read).collect::<Result<_, _>>()?)
        }
        (Kind::Map { value: of, .. }, Value::Object(map)) => {
            let mut out = Map::new();
            for (key, value) in map {
                if let Some(value) = member(model, of.shape, value, depth + 1)? {
                    out.insert(key.clone(), value);
                }
            }
            Value::Object(out)
        }
        (Kind::Timestamp, value) => scalar::from_json_timestamp(value),
        (_, value) => unknown(value, depth)?,
    };
    Ok(Some(found))
}

/// The members of a structure that stand in a body.
pub(crate) fn structure(
    model: &Model,
    shape: ShapeId,
    map: &Map<String, Value>,
    depth: usize,
) -> Result<Map<String, Value>, Error> {
    let members = model.members(Some(shape));
    let mut out = Map::new();
    for (key, value) in map {
        let known = members.iter().find(|it| it.location == Location::Body && it.wire() == key);
        match known {
            Some(it) if it.streaming => {}
            Some(it) => {
                if let Some(value) = member(model, it.shape, value, depth + 1)? {
                    out.insert(it.name.to_owned(), value);
                }
            }
            // Says the type of the structure, which the model knows.
            None if key == "__type" => {}
            None => {
                out.insert(key.clone(), unknown(value, depth + 1)?);
            }
        }
    }
    Ok(out)
}

/// What the model does not know is kept as it is, within the same depth.
fn unknown(value: &Value, depth: usize) -> Result<Value, Error> {
    if depth > MAX_DEPTH {
        return Err(Error::TooLarge);
    }
    Ok(match value {
        Value::Array(list) => {
            Value::Array(list.iter().map(|it| unknown(it, depth + 1)).collect::<Result<_, _>>()?)
        }
        Value::Object(map) => {
            let entry = |(key, value): (&String, _)| Ok((key.clone(), unknown(value, depth + 1)?));
            Value::Object(map.iter().map(entry).collect::<Result<_, Error>>()?)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    })
}
