//! DynamoDB's parameters: names of attributes stay, their values go.
//!
//! AWS shows of an item that is put the names of its attributes only, of a key its values without
//! their types, and of a PartiQL statement everything but its literals.
//! Spec: DynamoDB Developer Guide, "Logging DynamoDB operations by using AWS CloudTrail".

use serde_json::{Map, Value};
use wire::identify::Identified;

/// Turns items into the names of their attributes, and takes the literals out of statements. To be
/// done before anything is hidden: a hidden item would hide the names too.
pub(super) fn without_values(target: &Identified, model: &mut Value) {
    if target.service.is_some_and(|it| it.name == "dynamodb") {
        simplify(model, &simplify_request, DEPTH_MAX);
    }
}

/// Takes the types off the values that are left.
pub(super) fn without_types(target: &Identified, model: &mut Value) {
    if target.service.is_some_and(|it| it.name == "dynamodb") {
        simplify(model, &simplify_key, DEPTH_MAX);
    }
}

/// Applies `to` to every member of every object.
fn simplify(value: &mut Value, to: &dyn Fn(&str, &mut Value), depth: usize) {
    if depth == 0 {
        return;
    }
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                to(name, member);
                simplify(member, to, depth - 1);
            }
        }
        Value::Array(elements) => {
            elements.iter_mut().for_each(|it| simplify(it, to, depth - 1));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn simplify_request(name: &str, member: &mut Value) {
    match (name, &mut *member) {
        ("Item", Value::Object(attributes)) => {
            let names = attributes.keys().map(|it| Value::String(it.clone()));
            *member = Value::Array(names.collect());
        }
        ("Statement", Value::String(statement)) => *statement = without_literals(statement),
        _ => {}
    }
}

fn simplify_key(name: &str, member: &mut Value) {
    let attributes = match (name, member) {
        ("Key" | "ExclusiveStartKey", Value::Object(attributes)) => attributes,
        _ => return,
    };
    for value in attributes.values_mut() {
        if let Some(plain) = untyped(value) {
            *value = plain;
        }
    }
}

/// `{"S": "a"}` as `"a"`.
fn untyped(value: &Value) -> Option<Value> {
    let typed: &Map<String, Value> = value.as_object()?;
    let mut members = typed.iter();
    match (members.next(), members.next()) {
        (Some((kind, value)), None) if matches!(kind.as_str(), "S" | "N" | "B") => {
            Some(value.clone())
        }
        _ => None,
    }
}

/// A PartiQL statement in which every literal is replaced as AWS does: `'…'` by `***(Redacted)`.
/// Names in double quotes stay. A literal that does not end hides the rest.
fn without_literals(statement: &str) -> String {
    let mut shown = String::with_capacity(statement.len());
    let mut rest = statement;
    while let Some((before, from)) = rest.split_once('\'') {
        shown.push_str(before);
        shown.push_str(REDACTED);
        rest = after_literal(from);
    }
    shown.push_str(rest);
    shown
}

/// What follows the quote that ends a literal; `''` within it stands for a quote.
fn after_literal(mut rest: &str) -> &str {
    while let Some((_, after)) = rest.split_once('\'') {
        match after.strip_prefix('\'') {
            Some(more) => rest = more,
            None => return after,
        }
    }
    ""
}

/// The table that a PartiQL statement reads or writes.
pub(super) fn table_of(statement: &str) -> Option<&str> {
    let mut words = statement.split_ascii_whitespace();
    words.find(|word| {
        ["FROM", "INTO", "UPDATE"].iter().any(|keyword| word.eq_ignore_ascii_case(keyword))
    })?;
    // `"Table"."Index"` reads an index of the table.
    let name = words.next()?;
    let table = match name.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => name.split('.').next()?,
    };
    (!table.is_empty()).then_some(table)
}

/// What AWS writes in place of a literal.
const REDACTED: &str = "***(Redacted)";

/// Depth of nesting up to which parameters are looked at; DynamoDB allows 32 in an item.
const DEPTH_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(statement: &str, expected: &str, table: Option<&str>) {
        assert_eq!(without_literals(statement), expected);
        assert_eq!(table_of(statement), table);
    }

    #[test]
    fn a_statement_is_kept_without_its_literals() {
        check(
            "SELECT * FROM Music WHERE Artist = 'No One' AND Year = 1979",
            "SELECT * FROM Music WHERE Artist = ***(Redacted) AND Year = 1979",
            Some("Music"),
        );
        check(
            r#"INSERT INTO "My.Music" VALUE {'Artist' : 'O''Neill'}"#,
            r#"INSERT INTO "My.Music" VALUE {***(Redacted) : ***(Redacted)}"#,
            Some("My.Music"),
        );
    }

    #[test]
    fn a_literal_that_does_not_end_hides_the_rest() {
        check("UPDATE Music SET a='hunter2", "UPDATE Music SET a=***(Redacted)", Some("Music"));
        check("UPDATE Music SET a='hunter''2", "UPDATE Music SET a=***(Redacted)", Some("Music"));
    }

    #[test]
    fn a_statement_that_names_no_table_has_none() {
        check("", "", None);
        check("SELECT 1", "SELECT 1", None);
        check("SELECT * FROM", "SELECT * FROM", None);
    }
}
