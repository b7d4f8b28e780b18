//! What a model demands of a request, and AWS's words when it is not so.
//!
//! Spec: the messages that AWS's services answer, such as `1 validation error detected: Value '51'
//! at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 50`.

use std::{fmt::Write as _, sync::OnceLock};

use regex_lite::Regex;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// A request of an operation of ours.
pub trait Request: DeserializeOwned + Serialize {
    /// What the model demands.
    const SHAPE: &'static Shape;

    /// Reads a request with the names of the model. Members that it does not know are ignored: a
    /// caller may be younger than we are.
    ///
    /// # Errors
    /// When a member violates a constraint, or is not of its type.
    fn read(value: Value) -> Result<Self, Refused> {
        Self::SHAPE.check(&value)?;
        serde_json::from_value(value).map_err(|it| Refused::Type(it.to_string()))
    }

    /// Checks the constraints of a request that was made rather than read.
    ///
    /// # Errors
    /// When a member violates a constraint.
    fn validate(&self) -> Result<(), Refused> {
        let value = serde_json::to_value(self).map_err(|it| Refused::Type(it.to_string()))?;
        Self::SHAPE.check(&value)
    }
}

/// Why a request is refused before the operation sees it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refused {
    /// Members violate constraints: AWS's whole sentence, for a `ValidationException`.
    #[error("{0}")]
    Constraints(String),
    /// A member is not of its type: for a `SerializationException`.
    #[error("{0}")]
    Type(String),
}

/// What a model demands of a value.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names are the model's")]
pub enum Shape {
    Structure(&'static [Field]),
    List {
        min: Option<usize>,
        max: Option<usize>,
        element: &'static Self,
    },
    Map {
        min: Option<usize>,
        max: Option<usize>,
        key: &'static Self,
        value: &'static Self,
    },
    Text {
        min: Option<usize>,
        max: Option<usize>,
        pattern: Option<&'static Pattern>,
        values: &'static [&'static str],
        secret: bool,
    },
    Number {
        min: Option<i64>,
        max: Option<i64>,
    },
    Any,
}

/// A member of a structure.
#[derive(Debug)]
pub struct Field {
    /// The model's name.
    pub name: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// What is demanded of it.
    pub shape: &'static Shape,
}

/// A regular expression, compiled at first use; it must match the whole text.
#[derive(Debug)]
pub struct Pattern {
    text: &'static str,
    regex: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// A pattern as the model writes it.
    #[must_use]
    pub const fn new(text: &'static str) -> Self {
        Self { text, regex: OnceLock::new() }
    }

    fn regex(&self) -> Option<&Regex> {
        self.regex.get_or_init(|| Regex::new(&format!("^(?:{})$", self.text)).ok()).as_ref()
    }

    /// Whether the whole text matches. A pattern that does not compile matches nothing.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.regex().is_some_and(|it| it.is_match(text))
    }
}

impl Shape {
    fn check(&self, value: &Value) -> Result<(), Refused> {
        let mut violations = Violations::default();
        violations.value(self, value, "");
        let count = violations.found.len();
        if count == 0 {
            return Ok(());
        }
        violations.found.truncate(MAX_VIOLATIONS);
        let noun = if count == 1 { "error" } else { "errors" };
        let found = violations.found.join("; ");
        Err(Refused::Constraints(format!("{count} validation {noun} detected: {found}")))
    }

    /// Every pattern in the shape and below it. Shapes of requests have no cycles.
    #[cfg(test)]
    pub(super) fn patterns(&self) -> Vec<&'static Pattern> {
        match self {
            Self::Structure(fields) => fields.iter().flat_map(|it| it.shape.patterns()).collect(),
            Self::List { element, .. } => element.patterns(),
            Self::Map { key, value, .. } => [key.patterns(), value.patterns()].concat(),
            Self::Text { pattern, .. } => pattern.iter().copied().collect(),
            Self::Number { .. } | Self::Any => Vec::new(),
        }
    }
}

#[cfg(test)]
impl Pattern {
    pub(super) fn compiles(&self) -> bool {
        self.regex().is_some()
    }
}

/// The most violations whose words are sent.
const MAX_VIOLATIONS: usize = 20;

/// The longest value that is quoted, in characters.
const MAX_QUOTED: usize = 1024;

#[derive(Default)]
struct Violations {
    found: Vec<String>,
}

impl Violations {
    fn value(&mut self, shape: &Shape, value: &Value, path: &str) {
        match (shape, value) {
            (Shape::Structure(fields), Value::Object(map)) => {
                for field in *fields {
                    let path = below(path, &lower_first(field.name));
                    match map.get(field.name).filter(|it| !it.is_null()) {
                        Some(value) => self.value(field.shape, value, &path),
                        None if field.required => self.found.push(format!(
                            "Value null at '{path}' failed to satisfy constraint: \
                             Member must not be null"
                        )),
                        None => {}
                    }
                }
            }
            (Shape::List { min, max, element }, Value::Array(list)) => {
                self.length(list.len(), *min, *max, value, path);
                for (number, value) in list.iter().enumerate() {
                    self.value(element, value, &below(path, &format!("{}.member", number + 1)));
                }
            }
            (Shape::Map { min, max, key, value: of }, Value::Object(map)) => {
                self.length(map.len(), *min, *max, value, path);
                for (name, value) in map {
                    self.value(key, &Value::String(name.clone()), path);
                    self.value(of, value, &below(path, &format!("{name}.member")));
                }
            }
            (Shape::Text { min, max, pattern, values, secret }, Value::String(text)) => {
                let shown = if *secret { &Value::String("***".to_owned()) } else { value };
                self.length(text.chars().count(), *min, *max, shown, path);
                if let Some(pattern) = pattern.filter(|it| !it.matches(text)) {
                    let rule = format!("satisfy regular expression pattern: {}", pattern.text);
                    self.add(shown, path, &rule);
                }
                if !values.is_empty() && !values.contains(&text.as_str()) {
                    self.add(
                        shown,
                        path,
                        &format!("satisfy enum value set: [{}]", values.join(", ")),
                    );
                }
            }
            (Shape::Number { min, max }, Value::Number(number)) => {
                let number = number.as_i64().unwrap_or(i64::MAX);
                if let Some(min) = min.filter(|it| number < *it) {
                    self.add(value, path, &format!("have value greater than or equal to {min}"));
                }
                if let Some(max) = max.filter(|it| number > *it) {
                    self.add(value, path, &format!("have value less than or equal to {max}"));
                }
            }
            // What is of another type is refused for that.
            _ => {}
        }
    }

    fn length(
        &mut self,
        length: usize,
        min: Option<usize>,
        max: Option<usize>,
        value: &Value,
        path: &str,
    ) {
        if let Some(min) = min.filter(|it| length < *it) {
            self.add(value, path, &format!("have length greater than or equal to {min}"));
        }
        if let Some(max) = max.filter(|it| length > *it) {
            self.add(value, path, &format!("have length less than or equal to {max}"));
        }
    }

    fn add(&mut self, value: &Value, path: &str, rule: &str) {
        let mut shown = String::new();
        show(value, &mut shown);
        let shown: String = shown.chars().take(MAX_QUOTED).collect();
        self.found.push(format!(
            "Value '{shown}' at '{path}' failed to satisfy constraint: Member must {rule}"
        ));
    }
}

/// A value as Java prints it.
fn show(value: &Value, out: &mut String) {
    match value {
        Value::String(text) => out.push_str(text),
        Value::Array(list) => {
            out.push('[');
            for (number, value) in list.iter().enumerate() {
                out.push_str(if number == 0 { "" } else { ", " });
                show(value, out);
            }
            out.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            let _ = write!(out, "{value}");
        }
    }
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .map_or(String::new(), |it| it.to_ascii_lowercase().to_string() + letters.as_str())
}

/// Timestamps of the JSON protocols: seconds since 1970.
pub(super) mod epoch {
    use jiff::Timestamp;
    use serde::{Deserializer, Serializer};

    pub(in crate::shapes) fn serialize<S: Serializer>(
        value: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(it) if it.subsec_nanosecond() == 0 => serializer.serialize_i64(it.as_second()),
            Some(it) => serializer.serialize_f64(it.as_millisecond() as f64 / 1000.0),
            None => serializer.serialize_none(),
        }
    }

    pub(in crate::shapes) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        super::timestamp(deserializer)
    }
}

/// Timestamps of the query protocol: ISO 8601.
pub(super) mod iso8601 {
    use jiff::Timestamp;
    use serde::{Deserializer, Serializer};

    pub(in crate::shapes) fn serialize<S: Serializer>(
        value: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(it) => serializer.serialize_str(&it.to_string()),
            None => serializer.serialize_none(),
        }
    }

    pub(in crate::shapes) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        super::timestamp(deserializer)
    }
}

/// Bytes, as base64.
pub(super) mod blob {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(in crate::shapes) fn serialize<S: Serializer>(
        value: &Option<Vec<u8>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(it) => serializer.serialize_str(&BASE64_STANDARD.encode(it)),
            None => serializer.serialize_none(),
        }
    }

    pub(in crate::shapes) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|it| BASE64_STANDARD.decode(it).map_err(D::Error::custom)).transpose()
    }
}

/// A timestamp in any of AWS's spellings.
fn timestamp<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<jiff::Timestamp>, D::Error> {
    use serde::{Deserialize as _, de::Error as _};

    let read = match Value::deserialize(deserializer)? {
        Value::Null => return Ok(None),
        Value::Number(number) => number.as_f64().and_then(crate::dates::from_seconds),
        Value::String(text) => crate::dates::read(&text),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    read.map(Some).ok_or_else(|| D::Error::custom("not a timestamp"))
}
