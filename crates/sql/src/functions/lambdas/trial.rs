//! TRY: where an expression fails, its value is null.
//!
//! The expression is the body of a lambda, so that it is evaluated here and its errors are seen.

use datafusion::{
    arrow::{
        array::{ArrayRef, UInt64Array, new_null_array},
        compute,
        datatypes::DataType,
    },
    error::{DataFusionError, Result},
};

use super::{Call, Lambda, Parameters};
use crate::functions::{internal, scalar::Kind};

pub(super) static ALL: &[Lambda] = &[Lambda {
    name: internal::TRY,
    values: &[Kind::Any],
    lambdas: 1,
    parameters: |_, _| Ok(Parameters::Known(vec![vec![DataType::Int64]])),
    result: |_, lambdas| Ok(lambdas.first().cloned().unwrap_or(DataType::Null)),
    run: |call| {
        let rows: Vec<u64> = (0..call.rows).filter_map(|it| u64::try_from(it).ok()).collect();
        attempt(call, &rows)
    },
}];

/// Evaluates `rows` together; if that fails, one half and the other, down to the rows at fault.
fn attempt(call: &Call<'_>, rows: &[u64]) -> Result<ArrayRef> {
    let of = UInt64Array::from(rows.to_vec());
    let nothing: ArrayRef = new_null_array(&DataType::Int64, rows.len());
    match call.evaluate(0, &[nothing], &of) {
        Ok(out) => Ok(out),
        Err(error) if !forgiven(&error) => Err(error),
        Err(_) if rows.len() <= 1 => Ok(new_null_array(call.result, rows.len())),
        Err(_) => {
            let (left, right) = rows.split_at(rows.len() / 2);
            let (left, right) = (attempt(call, left)?, attempt(call, right)?);
            Ok(compute::concat(&[left.as_ref(), right.as_ref()])?)
        }
    }
}

/// Whether an error is about a value, and not about memory or ourselves.
fn forgiven(error: &DataFusionError) -> bool {
    !matches!(
        error.find_root(),
        DataFusionError::ResourcesExhausted(_) | DataFusionError::Internal(_)
    )
}
