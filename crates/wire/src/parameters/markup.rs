//! XML bodies, read by the model: requests of rest-xml, and responses of rest-xml, query and EC2.

use serde_json::{Map, Value};

use super::scalar;
use crate::{
    catalogue::{Kind, Location, Member, Model, ShapeId},
    xml::Element,
};

/// A structure from the children of an element.
pub(crate) fn structure(model: &Model, shape: ShapeId, element: &Element) -> Map<String, Value> {
    let mut out = Map::new();
    for member in model.members(Some(shape)) {
        if member.location == Location::Body
            && let Some(value) = value(model, member, element)
        {
            out.insert(member.name.to_owned(), value);
        }
    }
    out
}

/// A member from among the children or attributes of its parent.
fn value(model: &Model, member: &Member, parent: &Element) -> Option<Value> {
    if member.streaming {
        return None;
    }
    if member.xml_attribute {
        let found = parent.attributes.iter().find(|(name, _)| name == member.wire())?;
        return scalar::from_text(model.shape(member.shape), &found.1);
    }
    match &model.shape(member.shape).kind {
        Kind::List { element, flattened } if *flattened || member.flattened => {
            let named = |it: &&Element| {
                it.name == member.wire() || element.wire_name == Some(it.name.as_str())
            };
            let mut found = parent.children.iter().filter(named).peekable();
            found.peek()?;
            let read = |it| inside(model, element.shape, it);
            Some(Value::Array(found.filter_map(read).collect()))
        }
        Kind::Map { key, value, flattened } if *flattened || member.flattened => {
            let mut found = parent.children.iter().filter(|it| it.name == member.wire()).peekable();
            found.peek()?;
            Some(Value::Object(found.filter_map(|it| entry(model, key, value, it)).collect()))
        }
        Kind::Structure { .. }
        | Kind::List { .. }
        | Kind::Map { .. }
        | Kind::String
        | Kind::Boolean
        | Kind::Integer
        | Kind::Float
        | Kind::Timestamp
        | Kind::Blob
        | Kind::Document => inside(model, member.shape, parent.child(member.wire())?),
    }
}

/// The value that an element holds.
pub(crate) fn inside(model: &Model, shape: ShapeId, element: &Element) -> Option<Value> {
    let of = model.shape(shape);
    Some(match &of.kind {
        Kind::Structure { .. } => Value::Object(structure(model, shape, element)),
        Kind::List { element: of, .. } => {
            let read = |it| inside(model, of.shape, it);
            Value::Array(element.children.iter().filter_map(read).collect())
        }
        Kind::Map { key, value, .. } => {
            let read = |it| entry(model, key, value, it);
            Value::Object(element.children.iter().filter_map(read).collect())
        }
        Kind::String
        | Kind::Boolean
        | Kind::Integer
        | Kind::Float
        | Kind::Timestamp
        | Kind::Blob
        | Kind::Document => return scalar::from_text(of, &element.text),
    })
}

fn entry(
    model: &Model,
    key: &Member,
    value: &Member,
    element: &Element,
) -> Option<(String, Value)> {
    let key = element.child(key.wire())?.text.clone();
    Some((key, inside(model, value.shape, element.child(value.wire())?)?))
}
