//! Lambdas over the entries of maps.

use datafusion::{
    arrow::{
        array::{Array as _, ArrayRef, AsArray as _, UInt64Array},
        compute,
        datatypes::DataType,
    },
    error::Result,
    logical_expr::ValueOrLambda,
};

use super::{Call, Kinds, Lambda, Parameters, owners, truth};
use crate::{
    functions::{arrays, maps, scalar::Kind},
    types,
};

const MAP: &[Kind] = &[Kind::Map];

pub(super) static ALL: &[Lambda] = &[
    Lambda {
        name: "map_filter",
        values: MAP,
        lambdas: 1,
        parameters,
        result: |values, lambdas| {
            truth(lambdas)?;
            Ok(values.first().cloned().unwrap_or(DataType::Null))
        },
        run: |call| {
            let flat = Flat::of(call)?;
            let keep = call.test(0, &[flat.keys.clone(), flat.values.clone()], &flat.owners())?;
            let mut from = 0;
            let lengths = flat
                .lengths
                .iter()
                .map(|length| {
                    let range = from..from + length;
                    from += length;
                    range.filter(|at| keep.is_valid(*at) && keep.value(*at)).count()
                })
                .collect();
            let keys = compute::filter(&flat.keys, &keep)?;
            let values = compute::filter(&flat.values, &keep)?;
            maps::map_of(call.result, &keys, &values, lengths, flat.valid)
        },
    },
    Lambda {
        name: "transform_keys",
        values: MAP,
        lambdas: 1,
        parameters,
        result: |values, lambdas| {
            let value = maps::value_type(values)?;
            Ok(types::map(lambdas.first().cloned().unwrap_or(DataType::Null), value))
        },
        run: |call| {
            let flat = Flat::of(call)?;
            let keys =
                call.evaluate(0, &[flat.keys.clone(), flat.values.clone()], &flat.owners())?;
            if keys.null_count() > 0 {
                return Err(call.fail("map key cannot be null"));
            }
            let rows = arrays::comparable(&keys)?;
            let mut from = 0;
            for length in &flat.lengths {
                let mut seen = std::collections::HashSet::new();
                if (from..from + length).any(|at| !seen.insert(rows.row(at))) {
                    return Err(call.fail("duplicate map keys are not allowed"));
                }
                from += length;
            }
            maps::map_of(call.result, &keys, &flat.values, flat.lengths, flat.valid)
        },
    },
    Lambda {
        name: "transform_values",
        values: MAP,
        lambdas: 1,
        parameters,
        result: |values, lambdas| {
            let key = maps::key_type(values)?;
            Ok(types::map(key, lambdas.first().cloned().unwrap_or(DataType::Null)))
        },
        run: |call| {
            let flat = Flat::of(call)?;
            let values =
                call.evaluate(0, &[flat.keys.clone(), flat.values.clone()], &flat.owners())?;
            maps::map_of(call.result, &flat.keys, &values, flat.lengths, flat.valid)
        },
    },
];

fn parameters(_: usize, kinds: &Kinds) -> Result<Parameters> {
    let kind = match kinds.first() {
        Some(ValueOrLambda::Value(it)) => maps::parts(Some(it)),
        _ => None,
    };
    let (key, value) = kind.unwrap_or((DataType::Null, DataType::Null));
    Ok(Parameters::Known(vec![vec![key, value]]))
}

/// A column of maps: all keys and values in a row, and how many belong to each.
struct Flat {
    keys: ArrayRef,
    values: ArrayRef,
    lengths: Vec<usize>,
    valid: Vec<bool>,
}

impl Flat {
    fn of(call: &Call<'_>) -> Result<Self> {
        let array = call.value(0)?;
        let map = array.as_map_opt().ok_or_else(|| call.fail("no map"))?;
        let mut places: Vec<u64> = Vec::new();
        let (mut lengths, mut valid) = (Vec::new(), Vec::new());
        for (row, window) in map.value_offsets().windows(2).enumerate() {
            let (from, to) = match window {
                [from, to] if map.is_valid(row) => (*from, *to),
                _ => (0, 0),
            };
            places.extend((from..to).filter_map(|it| u64::try_from(it).ok()));
            lengths.push(usize::try_from(to - from).unwrap_or(0));
            valid.push(map.is_valid(row));
        }
        let places = UInt64Array::from(places);
        let keys = compute::take(map.keys(), &places, None)?;
        let values = compute::take(map.values(), &places, None)?;
        Ok(Self { keys, values, lengths, valid })
    }

    fn owners(&self) -> UInt64Array {
        owners(self.lengths.iter().copied())
    }
}
