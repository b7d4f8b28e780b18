//! JSON cast to other types.

use std::{borrow::Cow, sync::Arc};

use datafusion::{
    arrow::{
        array::{
            ArrayRef, AsArray as _, LargeStringBuilder, ListArray, MapArray, StringBuilder,
            StructArray,
        },
        buffer::{NullBuffer, OffsetBuffer},
        datatypes::{DataType, Fields},
    },
    error::{DataFusionError, Result},
};

use super::scan;
use crate::{functions::cast as plain_cast, types};

/// Casts a column of JSON. What does not fit is null where `lenient`, else an error.
pub(crate) fn cast(array: &ArrayRef, to: &DataType, lenient: bool) -> Result<ArrayRef> {
    let texts = array.as_string::<i64>();
    let fail = |text: &str| {
        DataFusionError::Execution(format!(
            "cannot cast JSON '{}' to {}",
            super::shown(text),
            types::name(to)
        ))
    };
    match to {
        DataType::List(field) => {
            let mut values = LargeStringBuilder::new();
            let (mut lengths, mut valid) = (Vec::new(), Vec::new());
            let json = *field.data_type() == types::JSON;
            for text in texts {
                let found = text.and_then(scan::elements);
                refuse(text, found.is_none(), lenient, &fail)?;
                valid.push(found.is_some());
                let found = found.unwrap_or_default();
                lengths.push(found.len());
                for it in found {
                    push(&mut values, it, json);
                }
            }
            let values: ArrayRef = Arc::new(values.finish());
            let values = plain_cast::cast(&values, field.data_type(), lenient)?;
            let offsets = OffsetBuffer::from_lengths(lengths);
            Ok(Arc::new(ListArray::try_new(
                Arc::clone(field),
                offsets,
                values,
                Some(NullBuffer::from(valid)),
            )?))
        }
        DataType::Map(field, sorted) => {
            let DataType::Struct(fields) = field.data_type() else { return Err(fail("")) };
            let [key, value] = fields.as_ref() else { return Err(fail("")) };
            let (mut keys, mut values) = (StringBuilder::new(), LargeStringBuilder::new());
            let (mut lengths, mut valid) = (Vec::new(), Vec::new());
            let json = *value.data_type() == types::JSON;
            for text in texts {
                let found = text.and_then(scan::members);
                refuse(text, found.is_none(), lenient, &fail)?;
                valid.push(found.is_some());
                let found = found.unwrap_or_default();
                lengths.push(found.len());
                for (name, it) in found {
                    keys.append_value(name);
                    push(&mut values, it, json);
                }
            }
            let keys: ArrayRef = Arc::new(keys.finish());
            let values: ArrayRef = Arc::new(values.finish());
            let columns = vec![
                plain_cast::cast(&keys, key.data_type(), false)?,
                plain_cast::cast(&values, value.data_type(), lenient)?,
            ];
            let entries = StructArray::try_new(fields.clone(), columns, None)?;
            let offsets = OffsetBuffer::from_lengths(lengths);
            Ok(Arc::new(MapArray::try_new(
                Arc::clone(field),
                offsets,
                entries,
                Some(NullBuffer::from(valid)),
                *sorted,
            )?))
        }
        DataType::Struct(fields) => row(texts.iter(), fields, lenient, &fail),
        DataType::Utf8 => {
            let mut out = StringBuilder::new();
            for text in texts {
                out.append_option(text.and_then(super::plain));
            }
            Ok(Arc::new(out.finish()))
        }
        _ => {
            // By way of varchar: `true` and numbers are written alike in both.
            let mut out = StringBuilder::new();
            for text in texts {
                let scalar = text.and_then(scan::scalar);
                refuse(text, scalar.is_none(), lenient, &fail)?;
                out.append_option(scalar.map(|it| spelt_for(it, to)));
            }
            let out: ArrayRef = Arc::new(out.finish());
            plain_cast::cast(&out, to, lenient)
        }
    }
}

/// A number as the type's reader expects it: whole for bigint, a truth as 0 or 1.
fn spelt_for<'a>(text: Cow<'a, str>, to: &DataType) -> Cow<'a, str> {
    if to.is_integer() {
        match text.as_ref() {
            "true" => return Cow::Borrowed("1"),
            "false" => return Cow::Borrowed("0"),
            _ => {}
        }
        if text.parse::<i64>().is_err()
            && let Ok(number) = text.parse::<f64>()
            && number.is_finite()
        {
            return Cow::Owned(format!("{}", number.round()));
        }
    }
    if to.is_floating() {
        match text.as_ref() {
            "true" => return Cow::Borrowed("1.0"),
            "false" => return Cow::Borrowed("0.0"),
            _ => {}
        }
    }
    if *to == DataType::Boolean
        && let Ok(number) = text.parse::<f64>()
    {
        return Cow::Borrowed(if number == 0.0 { "false" } else { "true" });
    }
    text
}

fn refuse(
    text: Option<&str>,
    misfit: bool,
    lenient: bool,
    fail: &impl Fn(&str) -> DataFusionError,
) -> Result<()> {
    match text {
        Some(text) if misfit && !lenient && text != "null" => Err(fail(text)),
        _ => Ok(()),
    }
}

/// An element: JSON's null is null of every type but JSON.
fn push(out: &mut LargeStringBuilder, text: &str, json: bool) {
    if text == "null" && !json {
        out.append_null();
    } else {
        out.append_value(scan::compact(Cow::Borrowed(text)));
    }
}

fn row<'a>(
    texts: impl Iterator<Item = Option<&'a str>>,
    fields: &Fields,
    lenient: bool,
    fail: &impl Fn(&str) -> DataFusionError,
) -> Result<ArrayRef> {
    let mut columns: Vec<LargeStringBuilder> =
        fields.iter().map(|_| LargeStringBuilder::new()).collect();
    let mut valid = Vec::new();
    for text in texts {
        let object = text.and_then(scan::members);
        let list = if object.is_none() { text.and_then(scan::elements) } else { None };
        refuse(text, object.is_none() && list.is_none(), lenient, fail)?;
        valid.push(object.is_some() || list.is_some());
        for (at, (column, field)) in columns.iter_mut().zip(fields).enumerate() {
            let found = match (&object, &list) {
                (Some(members), _) => members
                    .iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case(field.name()))
                    .map(|(_, value)| *value),
                (None, Some(elements)) => elements.get(at).copied(),
                (None, None) => None,
            };
            match found {
                Some(text) => push(column, text, *field.data_type() == types::JSON),
                None => column.append_null(),
            }
        }
    }
    let columns = columns
        .into_iter()
        .zip(fields)
        .map(|(mut column, field)| {
            let column: ArrayRef = Arc::new(column.finish());
            plain_cast::cast(&column, field.data_type(), lenient)
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(StructArray::try_new(fields.clone(), columns, Some(NullBuffer::from(valid)))?))
}
