//! `reduce(array, start, (state, element) -> state, state -> result)`.

use datafusion::{
    arrow::{
        array::{Array as _, ArrayRef, UInt64Array},
        compute,
        datatypes::DataType,
    },
    error::Result,
    logical_expr::ValueOrLambda,
};

use super::{Call, Kinds, Lambda, Parameters, element, elements::Flat};
use crate::functions::{cast, conditional::common_of_two, scalar::Kind};

pub(super) static ALL: &[Lambda] = &[Lambda {
    name: "reduce",
    values: &[Kind::Array, Kind::Any],
    lambdas: 2,
    parameters,
    result: |_, lambdas| Ok(lambdas.get(1).cloned().unwrap_or(DataType::Null)),
    run,
}];

/// The state begins as the start's type, and becomes what the first lambda makes of it.
fn parameters(step: usize, kinds: &Kinds) -> Result<Parameters> {
    let item = element(kinds, 0);
    let start = match kinds.get(1) {
        Some(ValueOrLambda::Value(it)) => it.clone(),
        _ => DataType::Null,
    };
    let Some(ValueOrLambda::Lambda(Some(made))) = kinds.get(2) else {
        return Ok(Parameters::Partly(vec![Some(vec![start, item]), None]));
    };
    let state = common_of_two(&start, made).unwrap_or_else(|| made.clone());
    // One more look, so that what the first lambda makes of its own type is known.
    if step == 1 && state != start {
        return Ok(Parameters::Partly(vec![Some(vec![state, item]), None]));
    }
    Ok(Parameters::Known(vec![vec![state.clone(), item], vec![state]]))
}

fn run(call: &Call<'_>) -> Result<ArrayRef> {
    let flat = Flat::of(call, 0)?;
    let Some((_, kind)) = call.lambdas.first() else {
        return Err(call.fail("a lambda is missing"));
    };
    let start = call.value(1)?;
    let kind = common_of_two(start.data_type(), kind).unwrap_or_else(|| kind.clone());
    let mut state = cast::cast(start, &kind, false)?;
    let starts: Vec<usize> = flat
        .lengths
        .iter()
        .scan(0, |at, length| {
            let from = *at;
            *at += length;
            Some(from)
        })
        .collect();
    let longest = flat.lengths.iter().copied().max().unwrap_or(0);
    for step in 0..longest {
        let active: Vec<usize> = flat
            .lengths
            .iter()
            .enumerate()
            .filter(|(_, length)| **length > step)
            .map(|(row, _)| row)
            .collect();
        let of: UInt64Array = active.iter().map(|row| u64::try_from(*row).ok()).collect();
        let at: UInt64Array = active
            .iter()
            .map(|row| starts.get(*row).and_then(|from| u64::try_from(from + step).ok()))
            .collect();
        let params = [compute::take(&state, &of, None)?, compute::take(&flat.elements, &at, None)?];
        let made = cast::cast(&call.evaluate(0, &params, &of)?, &kind, false)?;
        if active.len() == state.len() {
            state = made;
            continue;
        }
        // Rows that are through keep what they had.
        let mut places: Vec<(usize, usize)> = (0..state.len()).map(|row| (0, row)).collect();
        for (new, row) in active.iter().enumerate() {
            if let Some(place) = places.get_mut(*row) {
                *place = (1, new);
            }
        }
        state = compute::interleave(&[state.as_ref(), made.as_ref()], &places)?;
    }
    let all: UInt64Array = (0..call.rows).map(|row| u64::try_from(row).ok()).collect();
    let out = call.evaluate(1, &[state], &all)?;
    // Of no array comes no result.
    let kept: UInt64Array = (0..call.rows)
        .map(|row| if flat.is_null(row) { None } else { u64::try_from(row).ok() })
        .collect();
    Ok(compute::take(&out, &kept, None)?)
}
