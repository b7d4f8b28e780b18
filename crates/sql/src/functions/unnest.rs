//! One array of rows out of all that an UNNEST names: the shorter are padded with null.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{Array as _, ArrayRef, Int64Array, ListArray, StructArray, UInt64Array},
        buffer::OffsetBuffer,
        compute,
        datatypes::{DataType, Field, Fields},
    },
    error::{DataFusionError, Result},
};

use super::scalar::{Call, ELEMENTS_MAX, Kind, Scalar, variadic};
use crate::types;

/// Whether to number the rows, then the arrays and maps.
pub(super) const UNNEST_ROWS: Scalar =
    variadic(super::internal::UNNEST_ROWS, &[Kind::Boolean, Kind::Any], 2, result, run);

fn result(args: &[DataType]) -> Result<DataType> {
    let arrays = args.get(1..).unwrap_or_default();
    let mut fields: Vec<Field> = arrays
        .iter()
        .enumerate()
        .map(|(at, kind)| Ok(Field::new(types::position(at), element(kind)?, true)))
        .collect::<Result<_>>()?;
    fields.push(Field::new(types::position(arrays.len()), DataType::Int64, true));
    Ok(types::array(DataType::Struct(Fields::from(fields))))
}

/// A map's entry may be null here, where it is padding.
fn element(kind: &DataType) -> Result<DataType> {
    match kind {
        DataType::List(field) => Ok(field.data_type().clone()),
        DataType::Map(field, _) => match field.data_type() {
            DataType::Struct(fields) => Ok(DataType::Struct(
                fields
                    .iter()
                    .map(|it| Field::new(it.name(), it.data_type().clone(), true))
                    .collect(),
            )),
            other => Ok(other.clone()),
        },
        DataType::Null => Ok(DataType::Null),
        other => Err(DataFusionError::Plan(format!("cannot unnest type: {}", types::name(other)))),
    }
}

/// Where the elements of each row lie.
type Ranges = Vec<std::ops::Range<usize>>;

fn run(call: &Call<'_>) -> Result<ArrayRef> {
    let arrays = call.len() - 1;
    let mut ranges: Vec<Ranges> = Vec::with_capacity(arrays);
    for at in 1..=arrays {
        ranges.push(match call.kind(at) {
            DataType::List(_) => {
                let list = call.list(at)?;
                (0..call.rows).map(|row| list.range(row).unwrap_or(0..0)).collect()
            }
            DataType::Map(..) => {
                let map = call.map(at)?;
                (0..call.rows).map(|row| map.range(row).unwrap_or(0..0)).collect()
            }
            _ => vec![0..0; call.rows],
        });
    }
    let lengths: Vec<usize> = (0..call.rows)
        .map(|row| {
            ranges
                .iter()
                .filter_map(|it| it.get(row))
                .map(ExactSizeIterator::len)
                .max()
                .unwrap_or(0)
        })
        .collect();
    let total: usize = lengths.iter().sum();
    if total > ELEMENTS_MAX {
        return Err(call.fail(format_args!("more than {ELEMENTS_MAX} rows in one batch")));
    }
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(arrays + 1);
    for (at, ranges) in ranges.iter().enumerate() {
        let mut places = Vec::with_capacity(total);
        for (range, length) in ranges.iter().zip(&lengths) {
            places.extend(
                (0..*length).map(|n| {
                    (n < range.len()).then(|| u64::try_from(range.start + n).ok()).flatten()
                }),
            );
        }
        let places = UInt64Array::from(places);
        columns.push(match call.kind(at + 1) {
            DataType::List(_) => compute::take(call.list(at + 1)?.elements(), &places, None)?,
            kind @ DataType::Map(..) => {
                let map = call.map(at + 1)?;
                let taken = vec![
                    compute::take(map.keys(), &places, None)?,
                    compute::take(map.values(), &places, None)?,
                ];
                let DataType::Struct(fields) = element(&kind)? else {
                    return Err(call.fail("a map without entries"));
                };
                Arc::new(StructArray::try_new(fields, taken, places.nulls().cloned())?)
            }
            _ => datafusion::arrow::array::new_null_array(&DataType::Null, total),
        });
    }
    let numbers: Int64Array =
        lengths.iter().flat_map(|length| (1..=*length).map(|it| i64::try_from(it).ok())).collect();
    columns.push(Arc::new(numbers));
    let DataType::List(field) = call.result else { return Err(call.fail("no array to make")) };
    let DataType::Struct(fields) = field.data_type() else {
        return Err(call.fail("no rows to make"));
    };
    let rows = StructArray::try_new(fields.clone(), columns, None)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(Arc::clone(field), offsets, Arc::new(rows), None)?))
}
