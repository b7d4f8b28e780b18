//! Forms of the query protocols, read by the model.
//!
//! Lives here: the tree that dotted names such as `Tags.member.1.Key` make, and its reading as
//! structures, lists and maps: AWS's query and EC2's dialect of it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Error, MAX_DEPTH, json::By, scalar};
use crate::{
    catalogue::{Kind, Member, Model, Protocol, ShapeId},
    identify::{Plus, pairs},
};

/// The most parameters of a form that are read.
const MAX_PAIRS: usize = 20_000;

/// Reads the form in a query and a body.
pub(crate) fn read(
    by: By<'_>,
    protocol: Protocol,
    query: &[(String, String)],
    body: &[u8],
) -> Result<Value, Error> {
    let body = std::str::from_utf8(body).map_err(|_| Error::Malformed("a form"))?;
    let form = pairs(body, Plus::IsBlank);
    if query.len() + form.len() > MAX_PAIRS {
        return Err(Error::TooLarge);
    }
    let mut root = Node::default();
    for (name, value) in query.iter().chain(&form) {
        if !is_protocol(name) {
            root.insert(name, value)?;
        }
    }
    Ok(match by {
        Some((model, Some(shape))) => Form { model, protocol }.structure(shape, &root),
        Some((_, None)) | None => root.plain(),
    })
}

/// What belongs to the protocol or the signature, not to the operation.
fn is_protocol(name: &str) -> bool {
    const NAMES: [&str; 9] = [
        "Action",
        "AWSAccessKeyId",
        "Expires",
        "SecurityToken",
        "Signature",
        "SignatureMethod",
        "SignatureVersion",
        "Timestamp",
        "Version",
    ];
    NAMES.contains(&name) || name.get(..6).is_some_and(|it| it.eq_ignore_ascii_case("X-Amz-"))
}

/// A part of a dotted name, with what follows it.
#[derive(Debug, Default)]
struct Node {
    text: Option<String>,
    children: BTreeMap<String, Node>,
}

impl Node {
    fn insert(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let mut node = self;
        for (depth, part) in name.split('.').enumerate() {
            if depth > MAX_DEPTH {
                return Err(Error::TooLarge);
            }
            node = node.children.entry(part.to_owned()).or_default();
        }
        node.text = Some(value.to_owned());
        Ok(())
    }

    fn child(&self, name: &str) -> Option<&Self> {
        self.children.get(name)
    }

    /// Children whose names are numbers, in their order.
    fn numbered(&self) -> Vec<&Self> {
        let mut found: Vec<_> = self
            .children
            .iter()
            .filter_map(|(name, node)| Some((name.parse::<u32>().ok()?, node)))
            .collect();
        found.sort_by_key(|(number, _)| *number);
        found.into_iter().map(|(_, node)| node).collect()
    }

    /// What an unknown name holds, as it is.
    fn plain(&self) -> Value {
        match &self.text {
            Some(text) if self.children.is_empty() => Value::String(text.clone()),
            _ => Value::Object(
                self.children.iter().map(|(name, it)| (name.clone(), it.plain())).collect(),
            ),
        }
    }
}

struct Form<'m> {
    model: &'m Model,
    protocol: Protocol,
}

impl Form<'_> {
    fn structure(&self, shape: ShapeId, node: &Node) -> Value {
        let members = self.model.members(Some(shape));
        let mut out = Map::new();
        for (name, child) in &node.children {
            match members.iter().find(|it| self.is_named(it, name)) {
                Some(member) => {
                    if let Some(value) = self.value(member, child) {
                        out.insert(member.name.to_owned(), value);
                    }
                }
                None => {
                    out.insert(name.clone(), child.plain());
                }
            }
        }
        Value::Object(out)
    }

    /// Whether that is the name of a member on the wire.
    fn is_named(&self, member: &Member, name: &str) -> bool {
        if self.protocol == Protocol::Ec2 {
            let wire = member.query_name.unwrap_or(member.wire());
            return capitalised(wire, name);
        }
        if member.wire() == name {
            return true;
        }
        // A flattened list goes by the name of its elements.
        let Kind::List { element, flattened } = &self.model.shape(member.shape).kind else {
            return false;
        };
        (*flattened || member.flattened) && element.wire_name == Some(name)
    }

    fn value(&self, member: &Member, node: &Node) -> Option<Value> {
        let shape = self.model.shape(member.shape);
        match &shape.kind {
            Kind::Structure { .. } => Some(self.structure(member.shape, node)),
            Kind::List { element, .. } => {
                let wrapped = [element.wire(), "member"].iter().find_map(|it| node.child(it));
                let elements = wrapped.unwrap_or(node).numbered();
                let read = |it| self.value(element, it);
                Some(Value::Array(elements.into_iter().filter_map(read).collect()))
            }
            Kind::Map { key, value, .. } => {
                let entries = node.child("entry").unwrap_or(node).numbered();
                let read = |it: &Node| {
                    let key = it.child(key.wire())?.text.clone()?;
                    Some((key, self.value(value, it.child(value.wire())?)?))
                };
                Some(Value::Object(entries.into_iter().filter_map(read).collect()))
            }
            Kind::String
            | Kind::Boolean
            | Kind::Integer
            | Kind::Float
            | Kind::Timestamp
            | Kind::Blob
            | Kind::Document => match &node.text {
                Some(text) => scalar::from_text(shape, text),
                None => Some(node.plain()),
            },
        }
    }
}

/// Whether a name is another with its first letter in upper case.
fn capitalised(lower: &str, name: &str) -> bool {
    let (mut lower, mut name) = (lower.chars(), name.chars());
    lower.next().map(|it| it.to_ascii_uppercase()) == name.next() && lower.as_str() == name.as_str()
}
