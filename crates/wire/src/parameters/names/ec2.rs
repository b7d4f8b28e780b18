//! EC2's records: names of the wire, lists as `{"items": […]}`.
//!
//! A list of a request is called after its element with `Set` behind it, and an element that is a
//! plain value stands in an object of its own: `{"filterSet": {"items": [{"name": …}]}}`. Names
//! that history has made otherwise are in [`SETS`].

use serde_json::{Map, Value, json};

use super::{date, lower_first};
use crate::catalogue::{Kind, Member, Model, ShapeId, Side};

/// Lists of requests with a name of their own: name on the wire, of the list, of a plain element.
const SETS: [(&str, &str, &str); 5] = [
    ("BlockDeviceMapping", "blockDeviceMapping", ""),
    ("InstanceId", "instancesSet", "instanceId"),
    ("SecurityGroup", "groupSet", "groupName"),
    ("SecurityGroupId", "groupSet", "groupId"),
    ("VpcId", "vpcSet", "vpcId"),
];

pub(super) fn spell(model: &Model, shape: ShapeId, side: Side, value: Value) -> Value {
    match (&model.shape(shape).kind, value) {
        (Kind::Structure { members, .. }, Value::Object(map)) => {
            let mut out = Map::new();
            for (key, value) in map {
                match members.iter().find(|it| it.name == key) {
                    Some(member) if is_plain_list(members, member, side) => {
                        out.insert("tags".to_owned(), plain_list(model, member, side, value));
                    }
                    Some(member) => {
                        let (name, value) = named(model, member, side, value);
                        out.insert(name, value);
                    }
                    None => {
                        out.insert(lower_first(&key), value);
                    }
                }
            }
            Value::Object(out)
        }
        (Kind::Timestamp, Value::String(text)) => Value::String(date(text)),
        (_, value) => value,
    }
}

/// The tags of a tag specification, alone among EC2's lists, are a plain one.
fn is_plain_list(members: &[Member], member: &Member, side: Side) -> bool {
    side == Side::Request
        && member.name == "Tags"
        && members.iter().any(|it| it.name == "ResourceType")
}

fn plain_list(model: &Model, member: &Member, side: Side, value: Value) -> Value {
    match (&model.shape(member.shape).kind, value) {
        (Kind::List { element, .. }, Value::Array(list)) => {
            list.into_iter().map(|it| spell(model, element.shape, side, it)).collect()
        }
        (_, value) => value,
    }
}

fn named(model: &Model, member: &Member, side: Side, value: Value) -> (String, Value) {
    let wire = member.query_name.filter(|_| side == Side::Request).unwrap_or(member.wire());
    let (Kind::List { element, .. }, Value::Array(list)) =
        (&model.shape(member.shape).kind, &value)
    else {
        let name = if wire.eq_ignore_ascii_case("return") {
            "_return".to_owned()
        } else {
            lower_first(wire)
        };
        return (name, spell(model, member.shape, side, value));
    };
    let mut name = lower_first(wire);
    let mut plain = element.wire_name.filter(|it| *it != "item").map_or(name.clone(), lower_first);
    if side == Side::Request {
        if let Some((_, list, of)) = SETS.iter().find(|(it, ..)| it.eq_ignore_ascii_case(wire)) {
            name = (*list).to_owned();
            plain = (*of).to_owned();
        } else if !name.ends_with("Set") {
            name.push_str("Set");
        }
    }
    let spelt = list.iter().map(|it| {
        let value = spell(model, element.shape, side, it.clone());
        if value.is_object() || side == Side::Response {
            return value;
        }
        json!({ plain.as_str(): value })
    });
    let items: Vec<_> = spelt.collect();
    (name, if items.is_empty() { json!({}) } else { json!({ "items": items }) })
}
