//! Values for every member of a shape: a canary where nothing may be seen, a name elsewhere.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use record::redact::Decision;
use serde_json::{Map, Value, json};
use wire::catalogue::{Kind, Member, Model, ShapeId};

/// What stands in every sensitive place, with a number behind it.
pub(crate) const CANARY: &str = "canarykgqjwxzv";

/// Fills shapes, and remembers what it put where.
#[derive(Debug, Default)]
pub(crate) struct Filler {
    /// The canaries, as they would be seen in a record: their text, or base64 of it.
    pub(crate) canaries: Vec<Hidden>,
    /// What identifies something and must stay: path and text.
    pub(crate) identifiers: Vec<(String, String)>,
    count: usize,
}

/// A canary and where it sits.
#[derive(Clone, Debug)]
pub(crate) struct Hidden {
    pub(crate) path: String,
    pub(crate) text: String,
    /// Whether the text is base64 of the canary.
    pub(crate) encoded: bool,
}

impl Filler {
    /// A filler whose texts are not those of another.
    pub(crate) fn beyond(other: &Self) -> Self {
        Self { count: other.count, ..Self::default() }
    }

    /// A value of that shape with every member set, recursion cut at a shape that is already on the
    /// way.
    pub(crate) fn fill(&mut self, model: &Model, shape: ShapeId) -> Value {
        self.value(model, shape, "", model.shape(shape).sensitive, &mut Vec::new())
    }

    fn value(
        &mut self,
        model: &Model,
        id: ShapeId,
        path: &str,
        hidden: bool,
        way: &mut Vec<ShapeId>,
    ) -> Value {
        let shape = model.shape(id);
        if way.contains(&id) || way.len() > 24 {
            return Value::Null;
        }
        way.push(id);
        let value = match &shape.kind {
            Kind::Structure { members, .. } => members
                .iter()
                .filter(|it| !it.streaming)
                .map(|it| {
                    let path = format!("{path}.{}", it.name);
                    (it.name.to_owned(), self.member(model, it, &path, hidden, way))
                })
                .filter(|(_, it)| !it.is_null())
                .collect::<Map<_, _>>()
                .into(),
            Kind::List { element, .. } => {
                let path = format!("{path}[]");
                match self.member(model, element, &path, hidden, way) {
                    Value::Null => Value::Null,
                    it => json!([it]),
                }
            }
            Kind::Map { key, value, .. } => {
                let key_hidden = self.hides(model, key, hidden);
                let name = self.text(&format!("{path}{{key}}"), key_hidden, false);
                match self.member(model, value, &format!("{path}{{}}"), hidden, way) {
                    Value::Null => Value::Null,
                    it => json!({ name: it }),
                }
            }
            Kind::String => json!(self.text(path, hidden, is_identifier(path))),
            Kind::Blob => {
                let text = self.text(path, hidden, false);
                let encoded = STANDARD.encode(&text);
                if hidden {
                    self.canaries.push(Hidden {
                        path: path.to_owned(),
                        text: encoded.clone(),
                        encoded: true,
                    });
                }
                json!(encoded)
            }
            Kind::Boolean => json!(true),
            Kind::Integer => json!(7),
            Kind::Float => json!(7.5),
            Kind::Timestamp => json!("2026-02-03T09:01:07Z"),
            Kind::Document => json!({ "member": self.text(path, hidden, false) }),
        };
        way.pop();
        value
    }

    fn member(
        &mut self,
        model: &Model,
        member: &Member,
        path: &str,
        hidden: bool,
        way: &mut Vec<ShapeId>,
    ) -> Value {
        let hidden = self.hides(model, member, hidden);
        self.value(model, member.shape, path, hidden, way)
    }

    /// Whether a member may not be seen: the review says so, or the model does and the review does
    /// not say otherwise.
    fn hides(&self, model: &Model, member: &Member, hidden: bool) -> bool {
        hidden
            || match member.decision {
                Some(Decision::Show) => false,
                Some(Decision::Deny | Decision::Drop | Decision::Empty) => true,
                None => model.shape(member.shape).sensitive,
            }
    }

    fn text(&mut self, path: &str, hidden: bool, identifier: bool) -> String {
        self.count += 1;
        if hidden {
            let text = format!("{CANARY}{}", self.count);
            self.canaries.push(Hidden {
                path: path.to_owned(),
                text: text.clone(),
                encoded: false,
            });
            return text;
        }
        let text = format!("name-{}", self.count);
        if identifier {
            self.identifiers.push((path.to_owned(), text.clone()));
        }
        text
    }
}

/// Whether a path ends in a member that names something.
fn is_identifier(path: &str) -> bool {
    let name = path.rsplit(['.', '[', '{']).next().unwrap_or_default();
    ["Arn", "ARN", "Id", "Name", "Identifier"].iter().any(|it| name.ends_with(it))
}
