//! Maps: values by key, and maps made of other things.
//!
//! Spec: Trino, "Map functions and operators".

use std::{collections::HashMap, sync::Arc};

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray as _, MapArray, StructArray, UInt64Array},
        buffer::{NullBuffer, OffsetBuffer},
        compute,
        datatypes::{DataType, Fields},
    },
    error::{DataFusionError, Result},
};

use super::{
    arrays::{chosen, comparable},
    cast,
    conditional::{common, places},
    scalar::{Call, Kind, Scalar, fixed, optional, variadic},
};
use crate::{text, types};

pub(super) const ALL: &[Scalar] = &[
    optional("map", &[Kind::Array, Kind::Array], 0, map_type, from_arrays),
    optional(super::internal::MAP, &[Kind::Array, Kind::Array], 0, map_type, from_arrays),
    variadic("map_concat", &[Kind::Map], 1, common, concat),
    fixed(
        "map_entries",
        &[Kind::Map],
        |args| Ok(types::array(DataType::Struct(fields(args)))),
        |call| {
            let map = call.map(0)?;
            let entries = StructArray::try_new(
                fields(&[call.kind(0)]),
                vec![Arc::clone(map.keys()), Arc::clone(map.values())],
                None,
            )?;
            let entries: ArrayRef = Arc::new(entries);
            chosen(call, &entries, |row, out| {
                let Some(range) = map.range(row) else { return Ok(false) };
                out.extend(range.map(Some));
                Ok(true)
            })
        },
    ),
    fixed("map_from_entries", &[Kind::Array], from_entries_type, from_entries),
    fixed(
        "map_keys",
        &[Kind::Map],
        |args| Ok(types::array(key_type(args)?)),
        |call| {
            let map = call.map(0)?;
            chosen(call, map.keys(), |row, out| {
                let Some(range) = map.range(row) else { return Ok(false) };
                out.extend(range.map(Some));
                Ok(true)
            })
        },
    ),
    fixed(
        "map_values",
        &[Kind::Map],
        |args| Ok(types::array(value_type(args)?)),
        |call| {
            let map = call.map(0)?;
            chosen(call, map.values(), |row, out| {
                let Some(range) = map.range(row) else { return Ok(false) };
                out.extend(range.map(Some));
                Ok(true)
            })
        },
    ),
];

/// The key and the value of a map's entries, as fields of a row that may be null.
fn fields(args: &[DataType]) -> Fields {
    let (key, value) = parts(args.first()).unwrap_or((DataType::Null, DataType::Null));
    Fields::from(vec![
        datafusion::arrow::datatypes::Field::new("key", key, true),
        datafusion::arrow::datatypes::Field::new("value", value, true),
    ])
}

/// The types of a map's keys and values.
pub(super) fn parts(kind: Option<&DataType>) -> Option<(DataType, DataType)> {
    let Some(DataType::Map(entries, _)) = kind else { return None };
    let DataType::Struct(fields) = entries.data_type() else { return None };
    let [key, value] = fields.as_ref() else { return None };
    Some((key.data_type().clone(), value.data_type().clone()))
}

pub(super) fn key_type(args: &[DataType]) -> Result<DataType> {
    Ok(parts(args.first()).map_or(DataType::Null, |it| it.0))
}

pub(super) fn value_type(args: &[DataType]) -> Result<DataType> {
    Ok(parts(args.first()).map_or(DataType::Null, |it| it.1))
}

/// The value by a key; where there is none: null, or an error if `strict`.
pub(super) fn value_at(call: &Call<'_>, strict: bool) -> Result<ArrayRef> {
    let map = call.map(0)?;
    let missing = |row: usize, keys: &ArrayRef| {
        let mut key = String::new();
        text::write_value(&mut key, keys.as_ref(), row, "null");
        DataFusionError::Execution(format!("key not present in map: {key}"))
    };
    let wanted = call.array(1)?;
    let at = if map.keys().data_type() == &types::TEXT && call.kind(1) == types::TEXT {
        let (keys, each) = (map.keys().as_string::<i32>(), call.text(1)?);
        places(call.rows, |row| {
            let (Some(mut range), Some(key)) = (map.range(row), each.get(row)) else {
                return Ok(None);
            };
            match range.find(|at| keys.value(*at) == key) {
                None if strict => Err(missing(row, &wanted)),
                found => Ok(found),
            }
        })?
    } else {
        let keys = comparable(map.keys())?;
        let each = comparable(&cast::cast(&wanted, map.keys().data_type(), false)?)?;
        places(call.rows, |row| {
            let Some(mut range) = map.range(row).filter(|_| wanted.is_valid(row)) else {
                return Ok(None);
            };
            match range.find(|at| keys.row(*at) == each.row(row)) {
                None if strict => Err(missing(row, &wanted)),
                found => Ok(found),
            }
        })?
    };
    Ok(compute::take(map.values(), &at, None)?)
}

fn map_type(args: &[DataType]) -> Result<DataType> {
    match args {
        [] => Ok(types::map(DataType::Null, DataType::Null)),
        [DataType::List(keys), DataType::List(values)] => {
            Ok(types::map(keys.data_type().clone(), values.data_type().clone()))
        }
        _ => Err(DataFusionError::Plan("map takes an array of keys and one of values".to_owned())),
    }
}

fn from_arrays(call: &Call<'_>) -> Result<ArrayRef> {
    if call.len() == 0 {
        let none = datafusion::arrow::array::new_empty_array(&DataType::Null);
        let nothing = UInt64Array::from(Vec::<u64>::new());
        return built(
            call,
            &none,
            &none,
            (&nothing, &nothing),
            vec![0; call.rows],
            vec![true; call.rows],
        );
    }
    let (keys, values) = (call.list(0)?, call.list(1)?);
    let names = comparable(keys.elements())?;
    let (mut from, mut to) = (Vec::new(), Vec::new());
    let (mut lengths, mut valid) = (Vec::new(), Vec::new());
    for row in 0..call.rows {
        let (Some(k), Some(v)) = (keys.range(row), values.range(row)) else {
            lengths.push(0);
            valid.push(false);
            continue;
        };
        if k.len() != v.len() {
            return Err(call.fail("key and value arrays must be the same length"));
        }
        let mut seen = std::collections::HashSet::new();
        for at in k.clone() {
            if keys.elements().is_null(at) {
                return Err(call.fail("map key cannot be null"));
            }
            if !seen.insert(names.row(at)) {
                return Err(call.fail("duplicate map keys are not allowed"));
            }
        }
        lengths.push(k.len());
        valid.push(true);
        from.extend(k.map(|it| u64::try_from(it).unwrap_or(0)));
        to.extend(v.map(|it| u64::try_from(it).unwrap_or(0)));
    }
    let (from, to) = (UInt64Array::from(from), UInt64Array::from(to));
    built(call, keys.elements(), values.elements(), (&from, &to), lengths, valid)
}

/// A column of maps from places of their keys and values.
pub(super) fn built(
    call: &Call<'_>,
    keys: &ArrayRef,
    values: &ArrayRef,
    at: (&UInt64Array, &UInt64Array),
    lengths: Vec<usize>,
    valid: Vec<bool>,
) -> Result<ArrayRef> {
    let keys = compute::take(keys, at.0, None)?;
    let values = compute::take(values, at.1, None)?;
    map_of(call.result, &keys, &values, lengths, valid)
}

/// A column of maps from their keys and values in a row, and how many belong to each.
pub(super) fn map_of(
    kind: &DataType,
    keys: &ArrayRef,
    values: &ArrayRef,
    lengths: Vec<usize>,
    valid: Vec<bool>,
) -> Result<ArrayRef> {
    let (DataType::Map(field, sorted), Some((key, value))) = (kind, parts(Some(kind))) else {
        return Err(DataFusionError::Internal("no map to make".to_owned()));
    };
    let DataType::Struct(fields) = field.data_type() else {
        return Err(DataFusionError::Internal("no entries to make".to_owned()));
    };
    let columns = vec![cast::cast(keys, &key, false)?, cast::cast(values, &value, false)?];
    let entries = StructArray::try_new(fields.clone(), columns, None)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    let nulls = Some(NullBuffer::from(valid));
    Ok(Arc::new(MapArray::try_new(Arc::clone(field), offsets, entries, nulls, *sorted)?))
}

/// All maps in one; of a key that several have, the last counts.
pub(super) fn concat(call: &Call<'_>) -> Result<ArrayRef> {
    let mut maps = Vec::new();
    for at in 0..call.len() {
        let it = cast::cast(&call.array(at)?, call.result, false)?;
        maps.push(it.as_map().clone());
    }
    let keys: Vec<&dyn Array> = maps.iter().map(|it| it.keys().as_ref()).collect();
    let values: Vec<&dyn Array> = maps.iter().map(|it| it.values().as_ref()).collect();
    let (keys, values) = (compute::concat(&keys)?, compute::concat(&values)?);
    let names = comparable(&keys)?;
    let mut at: Vec<u64> = Vec::new();
    let (mut lengths, mut valid) = (Vec::new(), Vec::new());
    for row in 0..call.rows {
        if maps.iter().any(|it| it.is_null(row)) {
            lengths.push(0);
            valid.push(false);
            continue;
        }
        let mut order: Vec<usize> = Vec::new();
        let mut known: HashMap<_, usize> = HashMap::new();
        let mut shift = 0;
        for map in &maps {
            let offsets = map.value_offsets();
            let (Some(from), Some(to)) = (offsets.get(row), offsets.get(row + 1)) else { continue };
            let range = usize::try_from(*from).unwrap_or(0)..usize::try_from(*to).unwrap_or(0);
            for it in range {
                let place = it + shift;
                match known.entry(names.row(place)) {
                    std::collections::hash_map::Entry::Occupied(known) => {
                        if let Some(slot) = order.get_mut(*known.get()) {
                            *slot = place;
                        }
                    }
                    std::collections::hash_map::Entry::Vacant(free) => {
                        free.insert(order.len());
                        order.push(place);
                    }
                }
            }
            shift += map.keys().len();
        }
        lengths.push(order.len());
        valid.push(true);
        at.extend(order.into_iter().map(|it| u64::try_from(it).unwrap_or(0)));
    }
    let at = UInt64Array::from(at);
    built(call, &keys, &values, (&at, &at), lengths, valid)
}

fn from_entries_type(args: &[DataType]) -> Result<DataType> {
    if let Some(DataType::List(field)) = args.first()
        && let DataType::Struct(fields) = field.data_type()
        && let [key, value] = fields.as_ref()
    {
        return Ok(types::map(key.data_type().clone(), value.data_type().clone()));
    }
    Err(DataFusionError::Plan("map_from_entries takes an array of rows of two fields".to_owned()))
}

fn from_entries(call: &Call<'_>) -> Result<ArrayRef> {
    let list = call.list(0)?;
    let rows = list.elements().as_struct_opt().ok_or_else(|| call.fail("no rows"))?;
    let [keys, values] = rows.columns() else { return Err(call.fail("no rows of two fields")) };
    let names = comparable(keys)?;
    let mut at: Vec<u64> = Vec::new();
    let (mut lengths, mut valid) = (Vec::new(), Vec::new());
    for row in 0..call.rows {
        let Some(range) = list.range(row) else {
            lengths.push(0);
            valid.push(false);
            continue;
        };
        let mut seen = std::collections::HashSet::new();
        for it in range.clone() {
            if rows.is_null(it) || keys.is_null(it) {
                return Err(call.fail("map key cannot be null"));
            }
            if !seen.insert(names.row(it)) {
                return Err(call.fail("duplicate map keys are not allowed"));
            }
        }
        lengths.push(range.len());
        valid.push(true);
        at.extend(range.map(|it| u64::try_from(it).unwrap_or(0)));
    }
    let at = UInt64Array::from(at);
    built(call, keys, values, (&at, &at), lengths, valid)
}
