//! What a record must be like to be wanted at all: the part of a query's conditions that can be told
//! from a few members, before the rest is looked at.

use crate::{
    builder::time,
    cursor::{text, within},
};

/// A condition on one member. A record that does not meet it is not decoded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Filter {
    /// The member, and that within it, as records spell them.
    pub path: Vec<&'static str>,
    /// What it must be.
    pub test: Test,
}

/// What a member must be. Null meets none of them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Test {
    /// One of these texts.
    OneOf(Vec<String>),
    /// A text that begins so.
    Prefix(String),
    /// A text between these two, both included.
    Between(Option<String>, Option<String>),
    /// A time between these two, in microseconds since 1970, both included.
    Time(i64, i64),
}

impl Filter {
    /// Whether the top-level member's value, as JSON, meets it.
    pub(crate) fn is_met(&self, value: Option<&str>) -> bool {
        let value = within(value, self.path.get(1..).unwrap_or_default());
        let Some(text) = value.and_then(text) else { return false };
        match &self.test {
            Test::OneOf(texts) => texts.iter().any(|it| *it == text),
            Test::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Test::Between(from, until) => {
                from.as_deref().is_none_or(|it| it <= &*text)
                    && until.as_deref().is_none_or(|it| &*text <= it)
            }
            Test::Time(from, until) => time(&text).is_some_and(|it| (*from..=*until).contains(&it)),
        }
    }
}
