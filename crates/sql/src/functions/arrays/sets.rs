//! Arrays as sets: membership, union, what they share.

use std::collections::HashSet;

use datafusion::{
    arrow::{
        array::{Array as _, ArrayRef},
        compute,
        datatypes::DataType,
        row::Rows,
    },
    error::{DataFusionError, Result},
};

use super::{Finder, chosen, comparable};
use crate::{
    functions::{
        conditional::common_of_two,
        scalar::{self, Call, Column, Kind, Scalar, fixed},
    },
    types,
};

pub(super) const ALL: &[Scalar] = &[
    fixed("array_distinct", &[Kind::Array], scalar::same, |call| {
        let list = call.list(0)?;
        let rows = comparable(list.elements())?;
        chosen(call, list.elements(), |row, out| {
            let Some(range) = list.range(row) else { return Ok(false) };
            let mut seen = HashSet::new();
            out.extend(range.filter(|at| seen.insert(rows.row(*at))).map(Some));
            Ok(true)
        })
    }),
    fixed("array_except", &[Kind::Array, Kind::Array], both_type, |call| {
        let pair = Pair::of(call)?;
        pair.pick(call, |mine, other| !other.contains(mine))
    }),
    fixed("array_intersect", &[Kind::Array, Kind::Array], both_type, |call| {
        let pair = Pair::of(call)?;
        pair.pick(call, |mine, other| other.contains(mine))
    }),
    fixed("array_remove", &[Kind::Array, Kind::Any], scalar::same, |call| {
        let find = Finder::of(call)?;
        let elements = find.list.elements();
        chosen(call, elements, |row, out| {
            let (Some(range), Some(found)) = (find.list.range(row), find.places(row)) else {
                return Ok(false);
            };
            let found: HashSet<usize> = found.collect();
            let from = range.start;
            out.extend(range.filter(|at| !found.contains(&(at - from))).map(Some));
            Ok(true)
        })
    }),
    fixed("array_union", &[Kind::Array, Kind::Array], both_type, |call| {
        let pair = Pair::of(call)?;
        chosen(call, &pair.all, |row, out| {
            let (Some(a), Some(b)) = (pair.left.range(row), pair.right.range(row)) else {
                return Ok(false);
            };
            let mut seen = HashSet::new();
            let shifted = b.start + pair.shift..b.end + pair.shift;
            out.extend(a.chain(shifted).filter(|at| seen.insert(pair.rows.row(*at))).map(Some));
            Ok(true)
        })
    }),
    fixed("arrays_overlap", &[Kind::Array, Kind::Array], scalar::boolean, |call| {
        let pair = Pair::of(call)?;
        call.booleans(|row| {
            let (Some(a), Some(b)) = (pair.left.range(row), pair.right.range(row)) else {
                return Ok(None);
            };
            let known: HashSet<_> = b
                .clone()
                .map(|at| at + pair.shift)
                .filter(|at| pair.all.is_valid(*at))
                .map(|at| pair.rows.row(at))
                .collect();
            let shared = a
                .clone()
                .filter(|at| pair.all.is_valid(*at))
                .any(|at| known.contains(&pair.rows.row(at)));
            let doubtful = a.clone().any(|at| pair.all.is_null(at)) && !b.is_empty()
                || b.clone().any(|at| pair.all.is_null(at + pair.shift)) && !a.is_empty();
            Ok(if shared {
                Some(true)
            } else if doubtful {
                None
            } else {
                Some(false)
            })
        })
    }),
    fixed("contains", &[Kind::Any, Kind::Any], contains_type, |call| match call.kind(0) {
        DataType::List(_) => {
            let find = Finder::of(call)?;
            call.booleans(|row| {
                let Some(mut found) = find.places(row) else { return Ok(None) };
                if found.next().is_some() {
                    return Ok(Some(true));
                }
                // A null among the elements might have been the value.
                let elements = find.list.elements();
                let doubtful =
                    find.list.range(row).is_some_and(|mut it| it.any(|at| elements.is_null(at)));
                Ok(if doubtful { None } else { Some(false) })
            })
        }
        _ => crate::functions::url::network_contains(call),
    }),
];

/// An array, or a network as text and an address in it.
fn contains_type(args: &[DataType]) -> Result<DataType> {
    match args {
        [DataType::List(_) | DataType::Utf8 | DataType::Null, _] => Ok(DataType::Boolean),
        _ => Err(DataFusionError::Plan("contains takes an array and a value".to_owned())),
    }
}

/// The type of both arrays together.
pub(super) fn both_type(args: &[DataType]) -> Result<DataType> {
    match args {
        [DataType::List(a), DataType::List(b)] => {
            common_of_two(a.data_type(), b.data_type()).map(types::array).ok_or_else(|| {
                DataFusionError::Plan(format!(
                    "arrays of {} and {} have no type in common",
                    types::name(a.data_type()),
                    types::name(b.data_type())
                ))
            })
        }
        _ => Ok(types::array(DataType::Null)),
    }
}

/// Two columns of arrays, their elements in one array.
struct Pair {
    left: Column<datafusion::arrow::array::ListArray>,
    right: Column<datafusion::arrow::array::ListArray>,
    all: ArrayRef,
    rows: Rows,
    /// Where the elements of the right begin.
    shift: usize,
}

impl Pair {
    fn of(call: &Call<'_>) -> Result<Self> {
        let (left, right) = (call.list(0)?, call.list(1)?);
        let kind = common_of_two(left.elements().data_type(), right.elements().data_type())
            .ok_or_else(|| call.fail("the arrays have no type in common"))?;
        let a = crate::functions::cast::cast(left.elements(), &kind, false)?;
        let b = crate::functions::cast::cast(right.elements(), &kind, false)?;
        let all = compute::concat(&[a.as_ref(), b.as_ref()])?;
        let rows = comparable(&all)?;
        Ok(Self { left, right, rows, shift: a.len(), all })
    }

    /// The distinct elements of the left for which `keep` holds, given those of the right.
    fn pick(
        &self,
        call: &Call<'_>,
        keep: impl for<'r> Fn(
            &datafusion::arrow::row::Row<'r>,
            &HashSet<datafusion::arrow::row::Row<'r>>,
        ) -> bool,
    ) -> Result<ArrayRef> {
        chosen(call, &self.all, |row, out| {
            let (Some(a), Some(b)) = (self.left.range(row), self.right.range(row)) else {
                return Ok(false);
            };
            let other: HashSet<_> = b.map(|at| self.rows.row(at + self.shift)).collect();
            let mut seen = HashSet::new();
            for at in a {
                let mine = self.rows.row(at);
                if keep(&mine, &other) && seen.insert(mine) {
                    out.push(Some(at));
                }
            }
            Ok(true)
        })
    }
}
