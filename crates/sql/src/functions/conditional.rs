//! Functions of choice and of type: greatest, least, typeof.
//!
//! Spec: Trino, "Conditional expressions", "Comparison functions".

use datafusion::{
    arrow::{
        array::{Array as _, ArrayRef, UInt64Array, make_comparator},
        compute::{self, SortOptions},
        datatypes::DataType,
    },
    error::{DataFusionError, Result},
    logical_expr::type_coercion::binary::comparison_coercion,
};

use super::{
    cast,
    scalar::{self, Call, Kind, Scalar, fixed, variadic},
};
use crate::types;

pub(super) const ALL: &[Scalar] = &[
    variadic("greatest", &[Kind::Any], 1, common, |call| {
        extreme(call, std::cmp::Ordering::Greater)
    }),
    variadic("least", &[Kind::Any], 1, common, |call| extreme(call, std::cmp::Ordering::Less)),
    fixed(
        super::internal::AS_TYPE_OF,
        &[Kind::Any, Kind::Any],
        |args| match args {
            [_, kind] if kind.is_integer() => Ok(kind.clone()),
            _ => scalar::same(args),
        },
        |call| cast::cast(&call.array(0)?, call.result, false),
    ),
    fixed("typeof", &[Kind::Any], scalar::text, |call| {
        let name = types::name(&call.kind(0));
        call.strings(|_| Ok(Some(std::borrow::Cow::Owned(name.clone()))))
    }),
];

/// The type that all arguments can be compared in.
pub(super) fn common(args: &[DataType]) -> Result<DataType> {
    let mut all = args.iter();
    let mut found = all.next().cloned().unwrap_or(DataType::Null);
    for next in all {
        found = common_of_two(&found, next).ok_or_else(|| {
            DataFusionError::Plan(format!(
                "{} and {} have no type in common",
                types::name(&found),
                types::name(next)
            ))
        })?;
    }
    Ok(types::canonical(&found))
}

/// The type that two values meet in.
pub(super) fn common_of_two(a: &DataType, b: &DataType) -> Option<DataType> {
    if a == b || *b == DataType::Null {
        return Some(a.clone());
    }
    if *a == DataType::Null {
        return Some(b.clone());
    }
    comparison_coercion(a, b).map(|it| types::canonical(&it))
}

/// The greatest or least of the arguments; null if any is null.
fn extreme(call: &Call<'_>, wanted: std::cmp::Ordering) -> Result<ArrayRef> {
    let mut best = cast::cast(&call.array(0)?, call.result, false)?;
    for at in 1..call.len() {
        let next = cast::cast(&call.array(at)?, call.result, false)?;
        let compare = make_comparator(&next, &best, SortOptions::default())?;
        let both = [best.as_ref(), next.as_ref()];
        let places: Vec<(usize, usize)> = (0..call.rows)
            .map(|row| {
                let takes_next =
                    next.is_null(row) || !best.is_null(row) && compare(row, row) == wanted;
                (usize::from(takes_next), row)
            })
            .collect();
        best = compute::interleave(&both, &places)?;
    }
    Ok(best)
}

/// Kept beside its users: positions to take, null where there is none.
pub(super) fn places(
    rows: usize,
    mut each: impl FnMut(usize) -> Result<Option<usize>>,
) -> Result<UInt64Array> {
    (0..rows).map(|row| Ok(each(row)?.and_then(|it| u64::try_from(it).ok()))).collect()
}
