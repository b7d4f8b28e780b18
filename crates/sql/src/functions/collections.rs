//! Lists and maps.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{
            Array as _, ArrayRef, AsArray as _, BooleanArray, Int64Array, ListArray, MapArray,
            StructArray, UInt32Array, new_null_array,
        },
        buffer::{NullBuffer, OffsetBuffer},
        compute::{cast, take},
        datatypes::{DataType, Field, Fields},
    },
    common::Result,
};

use super::{Call, Function, Given, bigint, boolean, invalid, texts};
use crate::shown::{self, Nulls};

pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "element_at", arguments: (2, 2), gives: element, run: element_at },
    Function { name: "contains", arguments: (2, 2), gives: boolean, run: contains },
    Function { name: "cardinality", arguments: (1, 1), gives: bigint, run: cardinality },
    Function { name: "trino_slice", arguments: (3, 3), gives: same, run: slice },
    Function { name: "trino_map", arguments: (2, 2), gives: map_type, run: map },
    Function { name: "trino_elements", arguments: (3, 3), gives: elements_type, run: elements },
    Function { name: "trino_ordinals", arguments: (2, 16), gives: ordinals_type, run: ordinals },
];

fn same(given: &Given<'_>) -> Result<DataType> {
    Ok(given.type_of(0))
}

fn element(given: &Given<'_>) -> Result<DataType> {
    match given.type_of(0) {
        DataType::List(element) | DataType::LargeList(element) => Ok(element.data_type().clone()),
        DataType::Map(entry, _) => match entry.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => {
                Ok(fields.get(1).map_or(DataType::Null, |it| it.data_type().clone()))
            }
            _ => Err(invalid("element_at wants a map or a list")),
        },
        DataType::Null => Ok(DataType::Null),
        // A text of JSON, as Athena has where Lake has a map.
        DataType::Utf8 | DataType::LargeUtf8 => Ok(DataType::Utf8),
        other => Err(datafusion::common::DataFusionError::Plan(format!(
            "element_at wants a map or a list, not {other}"
        ))),
    }
}

/// Rows of `values` by place; none is null.
fn picked(values: &ArrayRef, places: Vec<Option<u32>>) -> Result<ArrayRef> {
    Ok(take(values, &UInt32Array::from(places), None)?)
}

fn element_at(call: &Call) -> Result<ArrayRef> {
    let subject = call.argument(0)?;
    match subject.data_type() {
        DataType::Map(..) => {
            let map = subject.as_map();
            let (keys, wanted) = (texts(map.keys())?, call.texts(1)?);
            let offsets = map.value_offsets();
            let place = |row: usize| {
                if map.is_null(row) || wanted.is_null(row) {
                    return None;
                }
                let wanted = wanted.value(row);
                let [from, until] = *offsets.get(row..row + 2)? else { return None };
                let found = (from..until)
                    .find(|it| usize::try_from(*it).is_ok_and(|it| keys.value(it) == wanted))?;
                u32::try_from(found).ok()
            };
            picked(map.values(), (0..call.rows).map(place).collect())
        }
        DataType::List(_) => {
            let (list, wanted) = (subject.as_list::<i32>(), call.integers(1)?);
            let offsets = list.value_offsets();
            let mut places = Vec::with_capacity(call.rows);
            for row in 0..call.rows {
                let Some([from, until]) = offsets.get(row..row + 2) else { continue };
                if list.is_null(row) || wanted.is_null(row) {
                    places.push(None);
                    continue;
                }
                let place = match wanted.value(row) {
                    0 => return Err(invalid("SQL array indices start at 1")),
                    place if place > 0 => i64::from(*from) + place - 1,
                    place => i64::from(*until) + place,
                };
                let inside = (i64::from(*from)..i64::from(*until)).contains(&place);
                places.push(u32::try_from(place).ok().filter(|_| inside));
            }
            picked(list.values(), places)
        }
        DataType::Utf8 | DataType::LargeUtf8 => call.map_texts(|[json, name]| {
            let read: Option<serde_json::Value> = serde_json::from_str(json).ok();
            Ok(read.and_then(|it| match it.get(name)? {
                serde_json::Value::String(text) => Some(text.clone()),
                serde_json::Value::Null => None,
                other => Some(other.to_string()),
            }))
        }),
        _ => Ok(new_null_array(&call.gives, call.rows)),
    }
}

/// Of a list: null when it is not found and an element is null. Of a text: whether it holds another.
fn contains(call: &Call) -> Result<ArrayRef> {
    let subject = call.argument(0)?;
    let DataType::List(kind) = subject.data_type() else {
        let (texts, parts) = (call.texts(0)?, call.texts(1)?);
        let holds = |(text, part): (Option<&str>, Option<&str>)| Some(text?.contains(part?));
        return Ok(Arc::new(texts.iter().zip(parts.iter()).map(holds).collect::<BooleanArray>()));
    };
    let (list, wanted) = (subject.as_list::<i32>(), cast(call.argument(1)?, kind.data_type())?);
    let shown = |array: &ArrayRef, row: usize| shown::text(array.as_ref(), row, Nulls::Word);
    let holds = |row: usize| {
        let wanted = (!list.is_null(row)).then(|| shown(&wanted, row))??;
        let parts = list.value(row);
        let mut nulls = false;
        for place in 0..parts.len() {
            match shown(&parts, place) {
                Some(it) if it == wanted => return Some(true),
                Some(_) => {}
                None => nulls = true,
            }
        }
        (!nulls).then_some(false)
    };
    Ok(Arc::new((0..call.rows).map(holds).collect::<BooleanArray>()))
}

fn cardinality(call: &Call) -> Result<ArrayRef> {
    let subject = call.argument(0)?;
    let count = |row: usize| {
        if subject.is_null(row) {
            return None;
        }
        match subject.data_type() {
            DataType::Map(..) => i64::try_from(subject.as_map().value(row).len()).ok(),
            DataType::List(_) => i64::try_from(subject.as_list::<i32>().value(row).len()).ok(),
            _ => None,
        }
    };
    Ok(Arc::new((0..call.rows).map(count).collect::<Int64Array>()))
}

fn slice(call: &Call) -> Result<ArrayRef> {
    let subject = call.argument(0)?;
    let DataType::List(_) = subject.data_type() else { return Err(invalid("slice wants a list")) };
    let (list, starts, lengths) = (subject.as_list::<i32>(), call.integers(1)?, call.integers(2)?);
    let mut rows = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        if list.is_null(row) || starts.is_null(row) || lengths.is_null(row) {
            rows.push(None);
            continue;
        }
        let (parts, start, length) = (list.value(row), starts.value(row), lengths.value(row));
        if start == 0 {
            return Err(invalid("SQL array indices start at 1"));
        }
        let count = i64::try_from(parts.len()).unwrap_or(i64::MAX);
        let from = if start < 0 { count + start } else { start - 1 };
        let until = from.saturating_add(length.max(0)).min(count);
        let inside = from >= 0 && from < until;
        let place = |it: i64| usize::try_from(it).unwrap_or(0);
        rows.push(Some(if inside {
            parts.slice(place(from), place(until - from))
        } else {
            parts.slice(0, 0)
        }));
    }
    list_of(rows, &call.gives)
}

/// Lists of these rows.
fn list_of(rows: Vec<Option<ArrayRef>>, kind: &DataType) -> Result<ArrayRef> {
    let DataType::List(element) = kind else { return Err(invalid("no list")) };
    let valid: NullBuffer = rows.iter().map(Option::is_some).collect();
    let lengths: Vec<usize> = rows.iter().map(|it| it.as_ref().map_or(0, |it| it.len())).collect();
    let parts: Vec<_> = rows.iter().flatten().map(AsRef::as_ref).collect();
    let values = if parts.is_empty() {
        new_null_array(element.data_type(), 0)
    } else {
        datafusion::arrow::compute::concat(&parts)?
    };
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(Arc::clone(element), offsets, values, Some(valid))?))
}

fn map_type(given: &Given<'_>) -> Result<DataType> {
    let inner = |at: usize| match given.type_of(at) {
        DataType::List(element) => Ok(element.data_type().clone()),
        _ => Err(invalid("a map is made of two lists")),
    };
    let fields = Fields::from(vec![
        Field::new("key", inner(0)?, false),
        Field::new("value", inner(1)?, true),
    ]);
    Ok(DataType::Map(Arc::new(Field::new("key_value", DataType::Struct(fields), false)), false))
}

/// A map of a list of names and a list of values. Of equal names the first one stays.
fn map(call: &Call) -> Result<ArrayRef> {
    let (keys, values) = (call.argument(0)?.as_list::<i32>(), call.argument(1)?.as_list::<i32>());
    let DataType::Map(entry, _) = &call.gives else { return Err(invalid("no map")) };
    let DataType::Struct(fields) = entry.data_type() else { return Err(invalid("no map")) };
    let (mut places, mut lengths) = (Vec::new(), Vec::new());
    for row in 0..call.rows {
        let mut known = std::collections::BTreeSet::new();
        let (names, offset) =
            (keys.value(row), keys.value_offsets().get(row).copied().unwrap_or(0));
        for at in 0..names.len() {
            let name = shown::text(names.as_ref(), at, Nulls::Word);
            if name.is_some_and(|it| known.insert(it)) {
                places.push(u32::try_from(offset).unwrap_or(0) + u32::try_from(at).unwrap_or(0));
            }
        }
        lengths.push(known.len());
    }
    let places = UInt32Array::from(places);
    let columns = vec![take(keys.values(), &places, None)?, take(values.values(), &places, None)?];
    let entries = StructArray::try_new(fields.clone(), columns, None)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(MapArray::try_new(Arc::clone(entry), offsets, entries, None, false)?))
}

/// What `UNNEST` makes rows of: `(value, 'inner' or 'outer', how many columns)`. Maps are lists of
/// keys and values; with several columns, fields are called by their places.
fn elements_type(given: &Given<'_>) -> Result<DataType> {
    let width: usize = given.text(2).and_then(|it| it.parse().ok()).unwrap_or(0);
    let element = match given.type_of(0) {
        DataType::List(element) => element.data_type().clone(),
        DataType::Map(entry, _) => entry.data_type().clone(),
        other => {
            return Err(datafusion::common::DataFusionError::Plan(format!(
                "Cannot unnest type: {other}"
            )));
        }
    };
    let element = match element {
        DataType::Struct(fields) if width > 1 => {
            let named = fields
                .iter()
                .enumerate()
                .map(|(at, it)| Field::new(format!("c{at}"), it.data_type().clone(), true));
            DataType::Struct(named.collect())
        }
        other => other,
    };
    Ok(DataType::List(Arc::new(Field::new("element", element, true))))
}

fn elements(call: &Call) -> Result<ArrayRef> {
    let DataType::List(element) = &call.gives else { return Err(invalid("no list")) };
    let outer = call.constant(1) == Some("outer");
    let subject = call.argument(0)?;
    let (values, offsets): (ArrayRef, &[i32]) = match subject.data_type() {
        DataType::Map(..) => {
            let map = subject.as_map();
            (Arc::new(map.entries().clone()), map.value_offsets())
        }
        _ => {
            let list = subject.as_list::<i32>();
            (Arc::clone(list.values()), list.value_offsets())
        }
    };
    let values = match (element.data_type(), values.data_type()) {
        (DataType::Struct(wanted), DataType::Struct(there)) if wanted != there => {
            let row = values.as_struct();
            Arc::new(StructArray::try_new(
                wanted.clone(),
                row.columns().to_vec(),
                row.nulls().cloned(),
            )?)
        }
        _ => values,
    };
    let mut rows = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        let (from, until) = match offsets.get(row..row + 2) {
            Some([from, until]) if !subject.is_null(row) => (*from, *until),
            _ => (0, 0),
        };
        let place = |it: i32| usize::try_from(it).unwrap_or(0);
        let part = values.slice(place(from), place(until - from));
        let part =
            if part.is_empty() && outer { new_null_array(element.data_type(), 1) } else { part };
        rows.push(Some(part));
    }
    list_of(rows, &call.gives)
}

fn ordinals_type(_: &Given<'_>) -> Result<DataType> {
    Ok(DataType::List(Arc::new(Field::new("element", DataType::Int64, true))))
}

/// The places, from 1 on, of the longest of the lists.
fn ordinals(call: &Call) -> Result<ArrayRef> {
    let outer = call.constant(0) == Some("outer");
    let length = |array: &ArrayRef, row: usize| {
        if array.is_null(row) {
            return 0;
        }
        match array.data_type() {
            DataType::Map(..) => array.as_map().value(row).len(),
            DataType::List(_) => array.as_list::<i32>().value(row).len(),
            _ => 0,
        }
    };
    let rows = (0..call.rows).map(|row| {
        let lists = call.arguments.iter().skip(1);
        let longest = lists.map(|it| length(it, row)).max().unwrap_or(0);
        let numbers: Int64Array = if longest == 0 && outer {
            [None].into_iter().collect()
        } else {
            (1..=i64::try_from(longest).unwrap_or(0)).map(Some).collect()
        };
        Some(Arc::new(numbers) as ArrayRef)
    });
    list_of(rows.collect(), &call.gives)
}
