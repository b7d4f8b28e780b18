//! `CAST` and `TRY_CAST`, for every type that Trino names here.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{Array as _, ArrayRef, AsArray as _, BooleanArray, StringArray, new_null_array},
        compute::{CastOptions, cast_with_options},
        datatypes::{DataType, Field, Fields, TimeUnit},
    },
    common::{Result, ScalarValue},
};
use serde_json::Value;

use super::{Call, Function, Given, dates, invalid, json, texts, varchar};
use crate::shown::{self, Nulls};

pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "trino_cast", arguments: (2, 2), gives: wanted, run: |it| run(it, false) },
    Function { name: "trino_try_cast", arguments: (2, 2), gives: wanted, run: |it| run(it, true) },
    Function { name: "trino_truth", arguments: (1, 1), gives: truth_of, run: truth },
    Function { name: "trino_word", arguments: (1, 1), gives: word_of, run: word },
    Function { name: "typeof", arguments: (1, 1), gives: varchar, run: type_of },
    Function { name: "map_text", arguments: (1, 1), gives: varchar, run: map_text },
];

fn wanted(given: &Given<'_>) -> Result<DataType> {
    named(given.text(1).unwrap_or_default())
}

/// The type of that name.
pub(crate) fn named(name: &str) -> Result<DataType> {
    let name = name.trim().trim_matches('"').trim();
    let lower = name.to_lowercase();
    let (head, inner) = match lower.split_once('(') {
        Some((head, rest)) => {
            (head.trim(), rest.rfind(')').and_then(|it| rest.get(..it)).unwrap_or(""))
        }
        None => (lower.as_str(), ""),
    };
    Ok(match head {
        "varchar" | "char" | "string" | "text" | "character varying" | "ipaddress" | "uuid" => {
            DataType::Utf8
        }
        "json" => DataType::LargeUtf8,
        "bigint" | "int8" => DataType::Int64,
        "integer" | "int" | "int4" => DataType::Int32,
        "smallint" => DataType::Int16,
        "tinyint" => DataType::Int8,
        "double" | "double precision" | "float8" => DataType::Float64,
        "real" | "float" => DataType::Float32,
        "boolean" | "bool" => DataType::Boolean,
        "date" => DataType::Date32,
        "varbinary" => DataType::Binary,
        "decimal" | "numeric" => {
            let mut parts = inner.split(',').map(|it| it.trim().parse::<i8>());
            let digits = parts.next().and_then(Result::ok).unwrap_or(38);
            let scale = parts.next().and_then(Result::ok).unwrap_or(0);
            DataType::Decimal128(u8::try_from(digits).unwrap_or(38), scale)
        }
        "array" => DataType::List(Arc::new(Field::new("element", named(inner)?, true))),
        "map" => {
            let parts = split(inner);
            let [key, value] = parts.as_slice() else {
                return Err(invalid(format!("Unknown type: {name}")));
            };
            let entry = Fields::from(vec![
                Field::new("key", named(key)?, false),
                Field::new("value", named(value)?, true),
            ]);
            DataType::Map(Arc::new(Field::new("key_value", DataType::Struct(entry), false)), false)
        }
        "row" => {
            let field = |(at, part): (usize, &String)| {
                let (name, kind) = match part.trim().split_once(' ') {
                    Some((name, kind)) => (name.trim_matches('"').to_owned(), kind),
                    None => (format!("field{at}"), part.as_str()),
                };
                Ok(Field::new(name, named(kind)?, true))
            };
            DataType::Struct(split(inner).iter().enumerate().map(field).collect::<Result<_>>()?)
        }
        _ if head.starts_with("timestamp") && lower.contains("with time zone") => {
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
        }
        _ if head.starts_with("timestamp") || head == "datetime" => {
            DataType::Timestamp(TimeUnit::Microsecond, None)
        }
        _ => return Err(invalid(format!("Unknown type: {name}"))),
    })
}

/// Parts between commas that are in no parentheses.
fn split(text: &str) -> Vec<String> {
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for character in text.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(last) = parts.last_mut() {
            last.push(character);
        }
    }
    parts
}

fn run(call: &Call, tries: bool) -> Result<ArrayRef> {
    let from = call.argument(0)?;
    let to = &call.gives;
    let name = call.constant(1).unwrap_or_default();
    match (from.data_type(), to) {
        (one, other) if one == other => Ok(Arc::clone(from)),
        (DataType::Null, _) => Ok(new_null_array(to, from.len())),
        (_, DataType::LargeUtf8) => {
            let json = |row| (!from.is_null(row)).then(|| shown::json(from, row).to_string());
            let texts: StringArray = (0..from.len()).map(json).collect();
            Ok(datafusion::arrow::compute::cast(&texts, to)?)
        }
        (DataType::LargeUtf8, _) => by_row(call, tries, |text| {
            let value: Value = serde_json::from_str(text).map_err(|_| cannot(text, name))?;
            of_json(&value, to).ok_or_else(|| cannot(text, name))
        }),
        (DataType::Utf8, DataType::Timestamp(_, zone)) => by_row(call, tries, |text| {
            let micros = dates::lenient(text).ok_or_else(|| cannot(text, name))?;
            Ok(ScalarValue::TimestampMicrosecond(Some(micros), zone.clone()))
        }),
        (DataType::Utf8, DataType::Date32) => by_row(call, tries, |text| {
            let micros = dates::lenient(text).ok_or_else(|| cannot(text, name))?;
            let days = micros.div_euclid(86_400_000_000);
            Ok(ScalarValue::Date32(i32::try_from(days).ok()))
        }),
        (DataType::Utf8, kind) if kind.is_numeric() || *kind == DataType::Boolean => {
            let trimmed: StringArray = texts(from)?.iter().map(|it| it.map(str::trim)).collect();
            let options = CastOptions { safe: tries, ..CastOptions::default() };
            cast_with_options(&trimmed, to, &options).map_err(|_| {
                let bad = trimmed.iter().flatten().find(|it| {
                    let one = StringArray::from(vec![*it]);
                    cast_with_options(&one, to, &options).is_err()
                });
                cannot(bad.unwrap_or_default(), name)
            })
        }
        (
            DataType::Timestamp(..) | DataType::Boolean | DataType::Float64 | DataType::Float32,
            DataType::Utf8,
        )
        | (DataType::Map(..) | DataType::Struct(_) | DataType::List(_), DataType::Utf8) => {
            let text = |row| shown::text(from, row, Nulls::Word);
            Ok(Arc::new((0..from.len()).map(text).collect::<StringArray>()))
        }
        (DataType::Float64 | DataType::Float32, kind) if kind.is_integer() => {
            // Trino rounds, Arrow cuts.
            let rounded: datafusion::arrow::array::Float64Array =
                datafusion::arrow::compute::cast(from, &DataType::Float64)?
                    .as_primitive::<datafusion::arrow::datatypes::Float64Type>()
                    .iter()
                    .map(|it| it.map(f64::round))
                    .collect();
            let options = CastOptions { safe: tries, ..CastOptions::default() };
            Ok(cast_with_options(&rounded, to, &options)?)
        }
        _ => {
            let options = CastOptions { safe: tries, ..CastOptions::default() };
            Ok(cast_with_options(from, to, &options)?)
        }
    }
}

fn cannot(text: &str, name: &str) -> datafusion::common::DataFusionError {
    invalid(format!("Cannot cast '{}' to {name}", json::shortened(text)))
}

fn by_row(
    call: &Call,
    tries: bool,
    make: impl Fn(&str) -> Result<ScalarValue>,
) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    let null = ScalarValue::try_from(&call.gives)?;
    let mut values = Vec::with_capacity(texts.len());
    for text in &texts {
        values.push(match text.map(&make) {
            None => null.clone(),
            Some(Ok(value)) => value,
            Some(Err(_)) if tries => null.clone(),
            Some(Err(error)) => return Err(error),
        });
    }
    if values.is_empty() {
        return Ok(new_null_array(&call.gives, 0));
    }
    ScalarValue::iter_to_array(values)
}

/// A value of JSON as one of this type. None when it is none.
fn of_json(value: &Value, to: &DataType) -> Option<ScalarValue> {
    if value.is_null() {
        return ScalarValue::try_from(to).ok();
    }
    let scalar = || match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    match to {
        DataType::LargeUtf8 => Some(ScalarValue::LargeUtf8(Some(value.to_string()))),
        DataType::Utf8 => {
            Some(ScalarValue::Utf8(Some(scalar().unwrap_or_else(|| value.to_string()))))
        }
        DataType::List(element) => {
            let parts = value.as_array()?.iter().map(|it| of_json(it, element.data_type()));
            let parts: Vec<_> = parts.collect::<Option<_>>()?;
            let list = ScalarValue::new_list(&parts, element.data_type(), true);
            let list = datafusion::arrow::compute::cast(&*list, to).ok()?;
            ScalarValue::try_from_array(&list, 0).ok()
        }
        DataType::Map(entry, _) => {
            let DataType::Struct(fields) = entry.data_type() else { return None };
            let kind = fields.get(1)?.data_type();
            let members = value.as_object()?;
            let keys: ArrayRef =
                Arc::new(members.keys().map(|it| Some(it.as_str())).collect::<StringArray>());
            let values =
                members.values().map(|it| of_json(it, kind)).collect::<Option<Vec<_>>>()?;
            let values = if values.is_empty() {
                new_null_array(kind, 0)
            } else {
                ScalarValue::iter_to_array(values).ok()?
            };
            let entries = datafusion::arrow::array::StructArray::new(
                fields.clone(),
                vec![keys, values],
                None,
            );
            let ends = vec![0, i32::try_from(members.len()).ok()?];
            let offsets = datafusion::arrow::buffer::OffsetBuffer::new(ends.into());
            let map = datafusion::arrow::array::MapArray::new(
                Arc::clone(entry),
                offsets,
                entries,
                None,
                false,
            );
            Some(ScalarValue::Map(Arc::new(map)))
        }
        DataType::Struct(fields) => {
            let parts = fields.iter().enumerate().map(|(at, field)| {
                let part =
                    value.get(field.name()).or_else(|| value.get(at)).unwrap_or(&Value::Null);
                of_json(part, field.data_type())?.to_array().ok()
            });
            let parts = parts.collect::<Option<Vec<_>>>()?;
            let row = datafusion::arrow::array::StructArray::new(fields.clone(), parts, None);
            Some(ScalarValue::Struct(Arc::new(row)))
        }
        DataType::Timestamp(_, zone) => {
            Some(ScalarValue::TimestampMicrosecond(Some(dates::lenient(&scalar()?)?), zone.clone()))
        }
        _ => {
            let text = ScalarValue::Utf8(Some(scalar()?));
            text.cast_to(to).ok().filter(|it| !it.is_null())
        }
    }
}

fn type_of(call: &Call) -> Result<ArrayRef> {
    let name = name_of(call.argument(0)?.data_type());
    Ok(Arc::new(StringArray::from(vec![name; call.rows])))
}

/// A type as Trino calls it.
fn name_of(kind: &DataType) -> String {
    match kind {
        DataType::Null => "unknown".to_owned(),
        DataType::Utf8 | DataType::Utf8View => "varchar".to_owned(),
        DataType::LargeUtf8 => "json".to_owned(),
        DataType::Int64 | DataType::UInt64 => "bigint".to_owned(),
        DataType::Int32 => "integer".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::Timestamp(_, None) => "timestamp(3)".to_owned(),
        DataType::Timestamp(_, Some(_)) => "timestamp(3) with time zone".to_owned(),
        DataType::List(element) => format!("array({})", name_of(element.data_type())),
        DataType::Map(entry, _) => match entry.data_type() {
            DataType::Struct(fields) => {
                let parts: Vec<_> = fields.iter().map(|it| name_of(it.data_type())).collect();
                format!("map({})", parts.join(", "))
            }
            _ => "map".to_owned(),
        },
        DataType::Struct(fields) => {
            let part = |it: &Arc<Field>| format!("{} {}", it.name(), name_of(it.data_type()));
            format!("row({})", fields.iter().map(part).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string().to_lowercase(),
    }
}

/// Words of truth as booleans; anything else stays what it is.
fn truth_of(given: &Given<'_>) -> Result<DataType> {
    Ok(match given.type_of(0) {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Boolean,
        other => other,
    })
}

fn truth(call: &Call) -> Result<ArrayRef> {
    let column = call.argument(0)?;
    if !matches!(column.data_type(), DataType::Utf8 | DataType::LargeUtf8) {
        return Ok(Arc::clone(column));
    }
    let read = |word: &str| match word {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    };
    let texts = call.texts(0)?;
    Ok(Arc::new(texts.iter().map(|it| it.and_then(read)).collect::<BooleanArray>()))
}

/// Booleans as words; anything else stays what it is.
fn word_of(given: &Given<'_>) -> Result<DataType> {
    Ok(match given.type_of(0) {
        DataType::Boolean => DataType::Utf8,
        other => other,
    })
}

fn word(call: &Call) -> Result<ArrayRef> {
    let column = call.argument(0)?;
    if !matches!(column.data_type(), DataType::Boolean) {
        return Ok(Arc::clone(column));
    }
    let shown = |row| shown::text(column, row, Nulls::Word);
    Ok(Arc::new((0..column.len()).map(shown).collect::<StringArray>()))
}

/// What stands for a map where maps are compared: its members in the order of their names.
fn map_text(call: &Call) -> Result<ArrayRef> {
    let column = call.argument(0)?;
    let text = |row| {
        let value = (!column.is_null(row)).then(|| shown::json(column, row))?;
        let Value::Object(members) = value else { return Some(value.to_string()) };
        let sorted: std::collections::BTreeMap<_, _> = members.into_iter().collect();
        serde_json::to_string(&sorted).ok()
    };
    Ok(Arc::new((0..column.len()).map(text).collect::<StringArray>()))
}
