//! JSON: looking into it, without building what is not asked for.

use std::{borrow::Cow, sync::Arc};

use datafusion::{
    arrow::{
        array::{Array as _, ArrayRef, AsArray as _, BooleanArray, Int64Array, StringArray},
        datatypes::DataType,
    },
    common::Result,
};
use serde_json::{Value, value::RawValue};

use super::{Call, Function, bigint, boolean, invalid, json_type, varchar};

pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "json_extract", arguments: (2, 2), gives: json_type, run: extract },
    Function {
        name: "json_extract_scalar",
        arguments: (2, 2),
        gives: varchar,
        run: extract_scalar,
    },
    Function { name: "json_member", arguments: (2, 2), gives: varchar, run: member },
    Function { name: "json_parse", arguments: (1, 1), gives: json_type, run: parse },
    Function { name: "json_format", arguments: (1, 1), gives: varchar, run: format },
    Function { name: "json_array_get", arguments: (2, 2), gives: json_type, run: array_get },
    Function { name: "json_array_length", arguments: (1, 1), gives: bigint, run: array_length },
    Function {
        name: "json_array_contains",
        arguments: (2, 2),
        gives: boolean,
        run: array_contains,
    },
    Function { name: "json_size", arguments: (2, 2), gives: bigint, run: size },
    Function { name: "is_json_scalar", arguments: (1, 1), gives: boolean, run: is_scalar },
];

/// One step of a path.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Step {
    Member(String),
    Element(usize),
    /// Every member or element.
    All,
}

/// Reads a path: `$`, `.name`, `['name']`, `["name"]`, `[n]`, `.*`, `[*]`. Bare names may hold colons
/// and hyphens.
fn path(text: &str) -> Result<Vec<Step>> {
    let wrong = || invalid(format!("Invalid JSON path: '{text}'"));
    let mut rest = text.trim().strip_prefix('$').ok_or_else(wrong)?;
    let mut steps = Vec::new();
    while let Some(mark) = rest.chars().next() {
        if mark == '.' {
            let after = rest.get(1..).unwrap_or_default();
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let (name, next) = after.split_at(end);
            match name {
                "" => return Err(wrong()),
                "*" => steps.push(Step::All),
                name => steps.push(Step::Member(name.trim_matches('"').to_owned())),
            }
            rest = next;
            continue;
        }
        let inside = rest.strip_prefix('[').ok_or_else(wrong)?;
        if let Some(quote) = inside.chars().next().filter(|it| matches!(it, '\'' | '"')) {
            let inside = inside.get(1..).unwrap_or_default();
            let end = inside.find(quote).ok_or_else(wrong)?;
            let (name, next) = inside.split_at(end);
            steps.push(Step::Member(name.to_owned()));
            rest = next.get(1..).and_then(|it| it.strip_prefix(']')).ok_or_else(wrong)?;
        } else {
            let (index, next) = inside.split_once(']').ok_or_else(wrong)?;
            steps.push(match index.trim() {
                "*" => Step::All,
                index => Step::Element(index.parse().map_err(|_| wrong())?),
            });
            rest = next;
        }
    }
    Ok(steps)
}

/// What lies at the path, as JSON.
fn at<'a>(json: &'a str, steps: &[Step]) -> Option<Cow<'a, str>> {
    let mut found = json.trim();
    for (place, step) in steps.iter().enumerate() {
        match step {
            Step::Member(name) => found = object(found)?.into_iter().find(|(it, _)| it == name)?.1,
            Step::Element(index) => found = list(found)?.get(*index).copied()?,
            Step::All => {
                let parts = match list(found) {
                    Some(parts) => parts,
                    None => object(found)?.into_iter().map(|(_, it)| it).collect(),
                };
                let rest = steps.get(place + 1..).unwrap_or_default();
                let parts: Vec<_> = parts.into_iter().filter_map(|it| at(it, rest)).collect();
                return Some(Cow::Owned(format!("[{}]", parts.join(","))));
            }
        }
    }
    Some(Cow::Borrowed(found))
}

fn object(json: &str) -> Option<Vec<(String, &str)>> {
    struct Members;
    impl<'de> serde::de::Visitor<'de> for Members {
        type Value = Vec<(String, &'de str)>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(
            self,
            mut map: A,
        ) -> std::result::Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                members.push((name, value.get()));
            }
            Ok(members)
        }
    }
    if !json.starts_with('{') {
        return None;
    }
    let mut from = serde_json::Deserializer::from_str(json);
    serde::Deserializer::deserialize_map(&mut from, Members).ok()
}

fn list(json: &str) -> Option<Vec<&str>> {
    if !json.starts_with('[') {
        return None;
    }
    let parts: Vec<&RawValue> = serde_json::from_str(json).ok()?;
    Some(parts.into_iter().map(RawValue::get).collect())
}

/// A scalar as text; none of objects, lists and null.
fn scalar(json: &str) -> Option<String> {
    match json.trim().as_bytes().first()? {
        b'{' | b'[' | b'n' => None,
        b'"' => serde_json::from_str(json).ok(),
        _ => Some(json.trim().to_owned()),
    }
}

/// Calls `make` with the text and the path of each row; a constant path is read once.
fn by_path(call: &Call, make: impl Fn(&str, &[Step]) -> Option<String>) -> Result<ArrayRef> {
    let constant = call.constant(1).map(path).transpose()?;
    call.map_texts(|[json, text]| {
        Ok(match &constant {
            Some(steps) => make(json, steps),
            None => make(json, &path(text)?),
        })
    })
}

fn extract(call: &Call) -> Result<ArrayRef> {
    by_path(call, |json, steps| at(json, steps).map(|it| compact(&it)))
}

fn extract_scalar(call: &Call) -> Result<ArrayRef> {
    by_path(call, |json, steps| scalar(&at(json, steps)?))
}

/// A member of a column of objects by its dotted name: of a map, or of a text of JSON.
fn member(call: &Call) -> Result<ArrayRef> {
    let names = call.constant(1).unwrap_or_default();
    let steps = |names: &str| -> Vec<Step> {
        let parts = names.split('.').filter(|it| !it.is_empty());
        parts.map(|it| Step::Member(it.to_owned())).collect()
    };
    let column = call.argument(0)?;
    if !matches!(column.data_type(), DataType::Map(..)) {
        let steps = steps(names);
        let texts = call.texts(0)?;
        let shown = |json: &str| {
            let found = at(json, &steps)?;
            scalar(&found).or_else(|| (found != "null").then(|| compact(&found)))
        };
        let made: StringArray = texts.iter().map(|it| it.and_then(shown)).collect();
        return Ok(Arc::new(made));
    }
    let (first, rest) = names.split_once('.').unwrap_or((names, ""));
    let steps = steps(rest);
    let map = column.as_map();
    let value = |row: usize| {
        let entry = (!map.is_null(row)).then(|| map.value(row))?;
        let (keys, values) =
            (entry.column(0).as_string::<i32>(), entry.column(1).as_string::<i32>());
        let is_it = |it: Option<&str>| it.is_some_and(|it| it.eq_ignore_ascii_case(first));
        let place = keys.iter().position(is_it)?;
        let value = (!values.is_null(place)).then(|| values.value(place))?;
        if steps.is_empty() { Some(value.to_owned()) } else { scalar(&at(value, &steps)?) }
    };
    Ok(Arc::new((0..call.rows).map(value).collect::<StringArray>()))
}

fn parse(call: &Call) -> Result<ArrayRef> {
    call.map_texts(|[text]| {
        let read: &RawValue = serde_json::from_str(text)
            .map_err(|_| invalid(format!("Cannot convert value to JSON: '{}'", shortened(text))))?;
        Ok(Some(compact(read.get())))
    })
}

fn format(call: &Call) -> Result<ArrayRef> {
    call.map_texts(|[json]| Ok(Some(json.to_owned())))
}

fn array_get(call: &Call) -> Result<ArrayRef> {
    let (texts, places) = (call.texts(0)?, call.integers(1)?);
    let get = |(json, place): (Option<&str>, Option<i64>)| {
        let parts = list(json?.trim())?;
        let place = place?;
        let place = if place < 0 { i64::try_from(parts.len()).ok()? + place } else { place };
        let found = parts.get(usize::try_from(place).ok()?)?;
        (*found != "null").then(|| compact(found))
    };
    let made: StringArray = texts.iter().zip(places.iter()).map(get).collect();
    datafusion::arrow::compute::cast(&made, &call.gives).map_err(Into::into)
}

fn array_length(call: &Call) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    let count = |json: Option<&str>| i64::try_from(list(json?.trim())?.len()).ok();
    Ok(Arc::new(texts.iter().map(count).collect::<Int64Array>()))
}

fn array_contains(call: &Call) -> Result<ArrayRef> {
    let (texts, wanted) = (call.texts(0)?, call.texts(1)?);
    let is_text = matches!(call.argument(1)?.data_type(), DataType::Utf8 | DataType::LargeUtf8);
    let holds =
        |(json, wanted): (Option<&str>, Option<&str>)| {
            let (parts, wanted) = (list(json?.trim())?, wanted?);
            Some(parts.iter().any(|it| {
                it.starts_with('"') == is_text && scalar(it).is_some_and(|it| it == wanted)
            }))
        };
    let made: BooleanArray = texts.iter().zip(wanted.iter()).map(holds).collect();
    Ok(Arc::new(made))
}

fn size(call: &Call) -> Result<ArrayRef> {
    let (texts, paths) = (call.texts(0)?, call.texts(1)?);
    let mut made = Vec::with_capacity(call.rows);
    for (json, steps) in texts.iter().zip(paths.iter()) {
        let steps = steps.map(path).transpose()?;
        made.push(json.zip(steps).and_then(|(json, steps)| {
            let found = at(json, &steps)?;
            let members = object(&found).map(|it| it.len());
            let count = members.or_else(|| list(&found).map(|it| it.len()));
            i64::try_from(count.unwrap_or(0)).ok()
        }));
    }
    Ok(Arc::new(Int64Array::from(made)))
}

fn is_scalar(call: &Call) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    let is = |it: &str| !it.trim().starts_with(['{', '[']);
    Ok(Arc::new(texts.iter().map(|it| it.map(is)).collect::<BooleanArray>()))
}

/// JSON without spaces between its parts.
fn compact(json: &str) -> String {
    if !json.contains(|it: char| it.is_ascii_whitespace()) {
        return json.to_owned();
    }
    serde_json::from_str::<Value>(json).map_or_else(|_| json.to_owned(), |it| it.to_string())
}

/// The beginning of a text, for messages.
pub(super) fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(json: &str, text: &str) -> Option<String> {
        at(json, &path(text).unwrap()).map(Cow::into_owned)
    }

    #[test]
    fn paths_lead_to_members_elements_and_all_of_them() {
        let json = r#"{"a":{"AWS:Item":[{"b":1},{"b":"x"}]},"c d":2}"#;
        assert_eq!(look(json, "$.a.AWS:Item[1].b").as_deref(), Some("\"x\""));
        assert_eq!(look(json, "$['c d']").as_deref(), Some("2"));
        assert_eq!(look(json, "$[\"a\"]['AWS:Item'][*].b").as_deref(), Some("[1,\"x\"]"));
        assert_eq!(look(json, "$.a.*[0].b").as_deref(), Some("[1]"));
        assert_eq!(look(json, "$.nothing.there"), None);
        assert_eq!(look("no json", "$.a"), None);
        for wrong in ["a", "$.", "$[", "$['a", "$[x]", "$a"] {
            assert!(path(wrong).is_err(), "{wrong}");
        }
    }
}
