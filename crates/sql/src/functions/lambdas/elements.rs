//! Lambdas over the elements of arrays.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{
            Array as _, ArrayRef, AsArray as _, BooleanArray, Int64Array, ListArray, UInt64Array,
        },
        buffer::{NullBuffer, OffsetBuffer},
        compute,
        datatypes::{DataType, Int64Type},
    },
    error::{DataFusionError, Result},
};

use super::{Call, Kinds, Lambda, Parameters, element, owners, truth};
use crate::{
    functions::{internal, scalar::Kind},
    types,
};

const ARRAY: &[Kind] = &[Kind::Array];

pub(super) static ALL: &[Lambda] = &[
    Lambda {
        name: "all_match",
        values: ARRAY,
        lambdas: 1,
        parameters: one,
        result: matched,
        run: |call| judged(call, |verdicts| verdicts.all(Some(false))),
    },
    Lambda {
        name: "any_match",
        values: ARRAY,
        lambdas: 1,
        parameters: one,
        result: matched,
        run: |call| judged(call, |verdicts| verdicts.any(Some(true))),
    },
    Lambda {
        name: "none_match",
        values: ARRAY,
        lambdas: 1,
        parameters: one,
        result: matched,
        run: |call| judged(call, |verdicts| verdicts.any(Some(true)).map(|it| !it)),
    },
    Lambda {
        name: "filter",
        values: ARRAY,
        lambdas: 1,
        parameters: one,
        result: |values, lambdas| {
            truth(lambdas)?;
            Ok(values.first().cloned().unwrap_or(DataType::Null))
        },
        run: filter,
    },
    Lambda {
        name: "transform",
        values: ARRAY,
        lambdas: 1,
        parameters: one,
        result: |_, lambdas| Ok(types::array(lambdas.first().cloned().unwrap_or(DataType::Null))),
        run: |call| {
            let flat = Flat::of(call, 0)?;
            let out = call.evaluate(0, std::slice::from_ref(&flat.elements), &flat.owners())?;
            flat.list(out)
        },
    },
    Lambda {
        name: "zip_with",
        values: &[Kind::Array, Kind::Array],
        lambdas: 1,
        parameters: |_, kinds| {
            Ok(Parameters::Known(vec![vec![element(kinds, 0), element(kinds, 1)]]))
        },
        result: |_, lambdas| Ok(types::array(lambdas.first().cloned().unwrap_or(DataType::Null))),
        run: zip_with,
    },
    Lambda {
        name: internal::SORT_BY,
        values: ARRAY,
        lambdas: 1,
        parameters: |_, kinds| {
            Ok(Parameters::Known(vec![vec![element(kinds, 0), element(kinds, 0)]]))
        },
        result: |values, _| Ok(values.first().cloned().unwrap_or(DataType::Null)),
        run: sort_by,
    },
];

fn one(_: usize, kinds: &Kinds) -> Result<Parameters> {
    Ok(Parameters::Known(vec![vec![element(kinds, 0)]]))
}

fn matched(_: &[DataType], lambdas: &[DataType]) -> Result<DataType> {
    truth(lambdas)?;
    Ok(DataType::Boolean)
}

/// A column of arrays: all elements in a row, and how many belong to each.
pub(super) struct Flat {
    pub(super) elements: ArrayRef,
    pub(super) lengths: Vec<usize>,
    nulls: Option<NullBuffer>,
}

impl Flat {
    pub(super) fn of(call: &Call<'_>, at: usize) -> Result<Self> {
        let array = call.value(at)?;
        let list = array.as_list_opt::<i32>().ok_or_else(|| call.fail("no array"))?;
        let mut places: Vec<u64> = Vec::new();
        let mut lengths = Vec::with_capacity(list.len());
        for (row, window) in list.value_offsets().windows(2).enumerate() {
            let (from, to) = match window {
                [from, to] if list.is_valid(row) => (*from, *to),
                _ => (0, 0),
            };
            places.extend((from..to).filter_map(|it| u64::try_from(it).ok()));
            lengths.push(usize::try_from(to - from).unwrap_or(0));
        }
        let elements = compute::take(list.values(), &UInt64Array::from(places), None)?;
        Ok(Self { elements, lengths, nulls: list.nulls().cloned() })
    }

    pub(super) fn owners(&self) -> UInt64Array {
        owners(self.lengths.iter().copied())
    }

    /// A column of arrays of other elements, as many as there were.
    fn list(self, elements: ArrayRef) -> Result<ArrayRef> {
        let DataType::List(field) = types::array(elements.data_type().clone()) else {
            return Err(DataFusionError::Internal("no array".to_owned()));
        };
        let offsets = OffsetBuffer::from_lengths(self.lengths);
        Ok(Arc::new(ListArray::try_new(field, offsets, elements, self.nulls)?))
    }

    pub(super) fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|it| it.is_null(row))
    }
}

/// What a lambda said of the elements of one row.
struct Verdicts<'a> {
    all: &'a BooleanArray,
    range: std::ops::Range<usize>,
}

impl Verdicts<'_> {
    fn get(&self, at: usize) -> Option<bool> {
        self.all.is_valid(at).then(|| self.all.value(at))
    }

    fn has(&self, wanted: Option<bool>) -> bool {
        self.range.clone().any(|at| self.get(at) == wanted)
    }

    /// True if any is `wanted`; unknown if one is unknown and might be.
    fn any(&self, wanted: Option<bool>) -> Option<bool> {
        if self.has(wanted) {
            Some(true)
        } else if self.has(None) {
            None
        } else {
            Some(false)
        }
    }

    /// False if any is `unwanted`; unknown if one is unknown and might be.
    fn all(&self, unwanted: Option<bool>) -> Option<bool> {
        self.any(unwanted).map(|it| !it)
    }
}

fn judged(call: &Call<'_>, judge: impl Fn(Verdicts<'_>) -> Option<bool>) -> Result<ArrayRef> {
    let flat = Flat::of(call, 0)?;
    let all = call.test(0, std::slice::from_ref(&flat.elements), &flat.owners())?;
    let mut from = 0;
    let out: BooleanArray = flat
        .lengths
        .iter()
        .enumerate()
        .map(|(row, length)| {
            let range = from..from + length;
            from += length;
            if flat.is_null(row) { None } else { judge(Verdicts { all: &all, range }) }
        })
        .collect();
    Ok(Arc::new(out))
}

fn filter(call: &Call<'_>) -> Result<ArrayRef> {
    let mut flat = Flat::of(call, 0)?;
    let keep = call.test(0, std::slice::from_ref(&flat.elements), &flat.owners())?;
    let elements = compute::filter(&flat.elements, &keep)?;
    let mut from = 0;
    for length in &mut flat.lengths {
        let range = from..from + *length;
        from += *length;
        *length = range.filter(|at| keep.is_valid(*at) && keep.value(*at)).count();
    }
    flat.list(elements)
}

fn zip_with(call: &Call<'_>) -> Result<ArrayRef> {
    let (left, right) = (Flat::of(call, 0)?, Flat::of(call, 1)?);
    let lengths: Vec<usize> =
        left.lengths.iter().zip(&right.lengths).map(|(a, b)| *a.max(b)).collect();
    let padded = |flat: &Flat| -> Result<ArrayRef> {
        let mut places = Vec::new();
        let mut from = 0;
        for (own, length) in flat.lengths.iter().zip(&lengths) {
            places.extend(
                (0..*length).map(|n| (n < *own).then(|| u64::try_from(from + n).ok()).flatten()),
            );
            from += own;
        }
        Ok(compute::take(&flat.elements, &UInt64Array::from(places), None)?)
    };
    let params = [padded(&left)?, padded(&right)?];
    let out = call.evaluate(0, &params, &owners(lengths.iter().copied()))?;
    let nulls = NullBuffer::union(left.nulls.as_ref(), right.nulls.as_ref());
    Flat { elements: Arc::clone(&left.elements), lengths, nulls }.list(out)
}

/// Elements that a comparing lambda may sort in one array: it is asked of every pair at once.
const SORTED_MAX: usize = 1_000;

fn sort_by(call: &Call<'_>) -> Result<ArrayRef> {
    let flat = Flat::of(call, 0)?;
    let mut order: Vec<u64> = Vec::with_capacity(flat.elements.len());
    let mut from = 0;
    for (row, length) in flat.lengths.iter().enumerate() {
        if *length > SORTED_MAX {
            return Err(call.fail(format_args!("more than {SORTED_MAX} elements")));
        }
        let pairs = || (0..*length).flat_map(|a| (0..*length).map(move |b| (a, b)));
        let place = |it: usize| u64::try_from(from + it).ok();
        let left: UInt64Array = pairs().map(|(a, _)| place(a)).collect();
        let right: UInt64Array = pairs().map(|(_, b)| place(b)).collect();
        let params = [
            compute::take(&flat.elements, &left, None)?,
            compute::take(&flat.elements, &right, None)?,
        ];
        let of = UInt64Array::from(vec![u64::try_from(row).unwrap_or(0); length * length]);
        let said = call.evaluate(0, &params, &of)?;
        let said = crate::functions::cast::cast(&said, &DataType::Int64, false)?;
        let said: &Int64Array = said.as_primitive::<Int64Type>();
        if said.null_count() > 0 || said.iter().flatten().any(|it| !(-1..=1).contains(&it)) {
            return Err(call.fail("the lambda must return -1, 0 or 1"));
        }
        // A merge of runs: an order that is none, as a lambda may give, cannot harm it.
        let sorted = merged((0..*length).collect(), &|a, b| said.value(a * length + b) <= 0);
        order.extend(sorted.into_iter().filter_map(place));
        from += length;
    }
    let elements = compute::take(&flat.elements, &UInt64Array::from(order), None)?;
    flat.list(elements)
}

fn merged(items: Vec<usize>, fits: &impl Fn(usize, usize) -> bool) -> Vec<usize> {
    if items.len() < 2 {
        return items;
    }
    let mut left = items;
    let right = left.split_off(left.len() / 2);
    let mut left = merged(left, fits).into_iter().peekable();
    let mut right = merged(right, fits).into_iter().peekable();
    let mut out = Vec::with_capacity(left.len() + right.len());
    loop {
        match (left.peek(), right.peek()) {
            (Some(a), Some(b)) if fits(*a, *b) => out.extend(left.next()),
            (_, Some(_)) => out.extend(right.next()),
            (Some(_), None) => out.extend(left.next()),
            (None, None) => return out,
        }
    }
}
