//! Arrays: elements, parts, order, sets.
//!
//! Most of it is choosing: which elements of which row come out, as positions; one `take` then
//! copies them, whatever their type.
//! Spec: Trino, "Array functions and operators".

mod build;
mod sets;

use std::{borrow::Cow, sync::Arc};

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, ListArray, UInt64Array, make_comparator},
        buffer::{NullBuffer, OffsetBuffer},
        compute::{self, SortOptions},
        datatypes::DataType,
        row::{RowConverter, Rows, SortField},
    },
    error::{DataFusionError, Result},
};

use super::{
    conditional::{common_of_two, places},
    maps,
    scalar::{self, Call, ELEMENTS_MAX, Kind, Scalar, fixed, optional},
};
use crate::{text, types};

pub(super) static ALL: &[&[Scalar]] = &[OWN, build::ALL, sets::ALL];

const OWN: &[Scalar] = &[
    optional("array_join", &[Kind::Array, Kind::Text, Kind::Text], 2, scalar::text, join),
    fixed("array_max", &[Kind::Array], element_type, |call| {
        extreme(call, std::cmp::Ordering::Greater)
    }),
    fixed("array_min", &[Kind::Array], element_type, |call| {
        extreme(call, std::cmp::Ordering::Less)
    }),
    fixed("array_position", &[Kind::Array, Kind::Any], scalar::bigint, |call| {
        let find = Finder::of(call)?;
        call.ints(|row| {
            Ok(find
                .places(row)
                .map(|mut found| found.next().map_or(0, |at| i64::try_from(at + 1).unwrap_or(0))))
        })
    }),
    fixed("array_sort", &[Kind::Array], scalar::same, |call| {
        let list = call.list(0)?;
        let elements = list.elements();
        let compare = make_comparator(
            elements,
            elements,
            SortOptions { descending: false, nulls_first: false },
        )?;
        chosen(call, elements, |row, out| {
            let Some(range) = list.range(row) else { return Ok(false) };
            let mut order: Vec<usize> = range.collect();
            order.sort_by(|a, b| compare(*a, *b));
            out.extend(order.into_iter().map(Some));
            Ok(true)
        })
    }),
    fixed("cardinality", &[Kind::Any], cardinality_type, |call| match call.kind(0) {
        DataType::Map(..) => {
            let map = call.map(0)?;
            call.ints(|row| Ok(map.range(row).and_then(|it| i64::try_from(it.len()).ok())))
        }
        DataType::List(_) => {
            let list = call.list(0)?;
            call.ints(|row| Ok(list.range(row).and_then(|it| i64::try_from(it.len()).ok())))
        }
        _ => call.ints(|_| Ok(None)),
    }),
    fixed("element_at", &[Kind::Any, Kind::Any], element_at_type, |call| match call.kind(0) {
        DataType::Map(..) => maps::value_at(call, false),
        _ => {
            let (list, index) = (call.list(0)?, call.int(1)?);
            let at = places(call.rows, |row| {
                let (Some(range), Some(index)) = (list.range(row), index.get(row)) else {
                    return Ok(None);
                };
                if index == 0 {
                    return Err(call.fail("SQL array indices start at 1"));
                }
                Ok(nth(&range, index))
            })?;
            Ok(compute::take(list.elements(), &at, None)?)
        }
    }),
    fixed("flatten", &[Kind::Array], element_type, |call| {
        let outer = call.list(0)?;
        let Some(inner) = outer.elements().as_any().downcast_ref::<ListArray>().cloned() else {
            return Err(call.fail("expected an array of arrays"));
        };
        let offsets = inner.value_offsets().to_vec();
        chosen(call, inner.values(), |row, out| {
            let Some(range) = outer.range(row) else { return Ok(false) };
            for at in range.filter(|at| inner.is_valid(*at)) {
                let (Some(from), Some(to)) = (offsets.get(at), offsets.get(at + 1)) else {
                    continue;
                };
                out.extend((*from..*to).map(|it| usize::try_from(it).ok()));
            }
            Ok(true)
        })
    }),
    fixed("reverse", &[Kind::Any], reverse_type, |call| match call.kind(0) {
        DataType::List(_) => {
            let list = call.list(0)?;
            chosen(call, list.elements(), |row, out| {
                let Some(range) = list.range(row) else { return Ok(false) };
                out.extend(range.rev().map(Some));
                Ok(true)
            })
        }
        _ => {
            let text = call.text(0)?;
            call.strings(|row| {
                Ok(text.get(row).map(|it| Cow::Owned(it.chars().rev().collect::<String>())))
            })
        }
    }),
    fixed("slice", &[Kind::Array, Kind::Int, Kind::Int], scalar::same, |call| {
        let (list, start, length) = (call.list(0)?, call.int(1)?, call.int(2)?);
        chosen(call, list.elements(), |row, out| {
            let (Some(range), Some(start), Some(length)) =
                (list.range(row), start.get(row), length.get(row))
            else {
                return Ok(false);
            };
            if length < 0 {
                return Err(call.fail("length must be greater than or equal to 0"));
            }
            if start == 0 {
                return Err(call.fail("SQL array indices start at 1"));
            }
            if let Some(from) = nth(&range, start) {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                out.extend((from..range.end).take(length).map(Some));
            }
            Ok(true)
        })
    }),
    fixed("trim_array", &[Kind::Array, Kind::Int], scalar::same, |call| {
        let (list, less) = (call.list(0)?, call.int(1)?);
        chosen(call, list.elements(), |row, out| {
            let (Some(range), Some(less)) = (list.range(row), less.get(row)) else {
                return Ok(false);
            };
            let less = usize::try_from(less).ok().filter(|it| *it <= range.len());
            let less = less.ok_or_else(|| call.fail("size is not within the array"))?;
            out.extend((range.start..range.end - less).map(Some));
            Ok(true)
        })
    }),
];

/// `a[n]`, `m[k]`, `row[n]`.
pub(super) const SUBSCRIPT: Scalar =
    fixed(super::internal::SUBSCRIPT, &[Kind::Any, Kind::Any], element_at_type, |call| match call
        .kind(0)
    {
        DataType::Map(..) => maps::value_at(call, true),
        DataType::Utf8 | DataType::LargeUtf8 => Err(call.fail("text has no elements")),
        _ => {
            let (list, index) = (call.list(0)?, call.int(1)?);
            let at = places(call.rows, |row| {
                let (Some(range), Some(index)) = (list.range(row), index.get(row)) else {
                    return Ok(None);
                };
                let wrong = match index {
                    0 => "SQL array indices start at 1",
                    1.. if nth(&range, index).is_some() => return Ok(nth(&range, index)),
                    1.. => "array subscript must be less than or equal to array length",
                    _ => "array subscript is negative",
                };
                Err(DataFusionError::Execution(format!("{wrong}: {index}")))
            })?;
            Ok(compute::take(list.elements(), &at, None)?)
        }
    });

/// Where the element of `index` lies, counted from one, or from the end if negative.
fn nth(range: &std::ops::Range<usize>, index: i64) -> Option<usize> {
    let at = if index > 0 {
        usize::try_from(index - 1).ok()?
    } else {
        range.len().checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?
    };
    (at < range.len()).then_some(range.start + at)
}

/// A column of arrays of the elements that `each` names, by their places in `elements`; a row for
/// which it returns false is null.
pub(super) fn chosen(
    call: &Call<'_>,
    elements: &ArrayRef,
    mut each: impl FnMut(usize, &mut Vec<Option<usize>>) -> Result<bool>,
) -> Result<ArrayRef> {
    let mut all: Vec<Option<usize>> = Vec::with_capacity(elements.len());
    let (mut lengths, mut valid) = (Vec::with_capacity(call.rows), Vec::with_capacity(call.rows));
    for row in 0..call.rows {
        let before = all.len();
        valid.push(each(row, &mut all)?);
        if all.len() > ELEMENTS_MAX {
            return Err(call.fail(format_args!("more than {ELEMENTS_MAX} elements in one batch")));
        }
        lengths.push(all.len() - before);
    }
    let at: UInt64Array =
        all.into_iter().map(|it| it.and_then(|it| u64::try_from(it).ok())).collect();
    let values = compute::take(elements, &at, None)?;
    list_of(call, values, lengths, valid)
}

/// A column of arrays from their elements in a row, and how many belong to each.
pub(super) fn list_of(
    call: &Call<'_>,
    values: ArrayRef,
    lengths: Vec<usize>,
    valid: Vec<bool>,
) -> Result<ArrayRef> {
    let DataType::List(field) = call.result else { return Err(call.fail("no array to make")) };
    let values = super::cast::cast(&values, field.data_type(), false)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    let nulls = Some(NullBuffer::from(valid));
    Ok(Arc::new(ListArray::try_new(Arc::clone(field), offsets, values, nulls)?))
}

/// The values of a column as bytes that are equal where the values are.
pub(super) fn comparable(array: &ArrayRef) -> Result<Rows> {
    let converter = RowConverter::new(vec![SortField::new(array.data_type().clone())])?;
    Ok(converter.convert_columns(std::slice::from_ref(array))?)
}

/// Looks for the second argument within the arrays of the first.
struct Finder<'a> {
    list: scalar::Column<ListArray>,
    elements: Rows,
    wanted: Rows,
    nulls: ArrayRef,
    _call: &'a Call<'a>,
}

impl<'a> Finder<'a> {
    fn of(call: &'a Call<'a>) -> Result<Self> {
        let list = call.list(0)?;
        let wanted = call.array(1)?;
        let kind = common_of_two(list.elements().data_type(), wanted.data_type())
            .ok_or_else(|| call.fail("the value is of another type than the elements"))?;
        let elements = super::cast::cast(list.elements(), &kind, false)?;
        let wanted = super::cast::cast(&wanted, &kind, false)?;
        Ok(Self {
            elements: comparable(&elements)?,
            wanted: comparable(&wanted)?,
            nulls: wanted,
            list,
            _call: call,
        })
    }

    /// Where in the array of `row` the value lies, from zero; `None` if either is null.
    fn places(&self, row: usize) -> Option<impl Iterator<Item = usize>> {
        let range = self.list.range(row)?;
        if self.nulls.is_null(row) {
            return None;
        }
        let from = range.start;
        Some(
            range
                .filter(move |at| self.elements.row(*at) == self.wanted.row(row))
                .map(move |at| at - from),
        )
    }
}

pub(super) fn element_type(args: &[DataType]) -> Result<DataType> {
    match args.first() {
        Some(DataType::List(field)) => Ok(field.data_type().clone()),
        _ => Ok(DataType::Null),
    }
}

fn cardinality_type(args: &[DataType]) -> Result<DataType> {
    match args.first() {
        Some(DataType::List(_) | DataType::Map(..) | DataType::Null) => Ok(DataType::Int64),
        other => Err(DataFusionError::Plan(format!(
            "cardinality takes an array or a map, not {}",
            types::name(other.unwrap_or(&DataType::Null))
        ))),
    }
}

fn reverse_type(args: &[DataType]) -> Result<DataType> {
    match args.first() {
        Some(it @ DataType::List(_)) => Ok(it.clone()),
        _ => Ok(types::TEXT),
    }
}

fn element_at_type(args: &[DataType]) -> Result<DataType> {
    match args {
        [DataType::List(field), key] if key.is_integer() || *key == DataType::Null => {
            Ok(field.data_type().clone())
        }
        [DataType::Map(..), _] => maps::value_type(args),
        [of, by] => Err(DataFusionError::Plan(format!(
            "{} has no element by {}",
            types::name(of),
            types::name(by)
        ))),
        _ => Err(DataFusionError::Plan("an array or map and a position or key".to_owned())),
    }
}

fn join(call: &Call<'_>) -> Result<ArrayRef> {
    let (list, separator) = (call.list(0)?, call.text(1)?);
    let replacement = if call.has(2) { Some(call.text(2)?) } else { None };
    let elements = list.elements();
    call.strings(|row| {
        let (Some(range), Some(separator)) = (list.range(row), separator.get(row)) else {
            return Ok(None);
        };
        let replacement = replacement.as_ref().and_then(|it| it.get(row));
        let mut out = String::new();
        let mut first = true;
        for at in range {
            if elements.is_null(at) && replacement.is_none() {
                continue;
            }
            if !first {
                out.push_str(separator);
            }
            first = false;
            text::write_value(&mut out, elements.as_ref(), at, replacement.unwrap_or_default());
        }
        Ok(Some(Cow::Owned(out)))
    })
}

/// The greatest or least element; null for an empty array and where any element is null.
fn extreme(call: &Call<'_>, wanted: std::cmp::Ordering) -> Result<ArrayRef> {
    let list = call.list(0)?;
    let elements = list.elements();
    let compare = make_comparator(elements, elements, SortOptions::default())?;
    let at = places(call.rows, |row| {
        let Some(range) = list.range(row) else { return Ok(None) };
        let mut best: Option<usize> = None;
        for at in range {
            if elements.is_null(at) {
                return Ok(None);
            }
            if best.is_none_or(|best| compare(at, best) == wanted) {
                best = Some(at);
            }
        }
        Ok(best)
    })?;
    Ok(compute::take(elements, &at, None)?)
}
