//! Arrays and rows made of values: concat, sequence, repeat, zip, row.

use std::{borrow::Cow, sync::Arc};

use datafusion::{
    arrow::{
        array::{Array as _, ArrayRef, AsArray as _, Int64Array, StructArray, UInt64Array},
        compute,
        datatypes::{DataType, Field, Fields, Int64Type, IntervalMonthDayNanoType},
    },
    error::{DataFusionError, Result},
};

use super::{chosen, list_of, sets::both_type};
use crate::{
    functions::{
        conditional::common,
        dates,
        scalar::{BYTES_MAX, Call, ELEMENTS_MAX, Kind, Scalar, fixed, optional, variadic},
    },
    types,
};

pub(super) const ALL: &[Scalar] = &[
    variadic("concat", &[Kind::Any], 1, concat_type, |call| match call.result {
        DataType::List(_) => concat_arrays(call),
        DataType::Map(..) => crate::functions::maps::concat(call),
        _ => {
            let texts = (0..call.len()).map(|at| call.text(at)).collect::<Result<Vec<_>>>()?;
            call.strings(|row| {
                let mut out = String::new();
                for it in &texts {
                    match it.get(row) {
                        Some(text) => out.push_str(text),
                        None => return Ok(None),
                    }
                    if out.len() > BYTES_MAX {
                        return Err(call.fail("the text is too long"));
                    }
                }
                Ok(Some(Cow::Owned(out)))
            })
        }
    }),
    fixed(
        "repeat",
        &[Kind::Any, Kind::Int],
        |args| Ok(types::array(args.first().cloned().unwrap_or(DataType::Null))),
        |call| {
            let (value, count) = (call.array(0)?, call.int(1)?);
            chosen(call, &value, |row, out| {
                let Some(count) = count.get(row) else { return Ok(false) };
                let count = usize::try_from(count).unwrap_or(0);
                if count > SEQUENCE_MAX {
                    return Err(call.fail(format_args!("count must be at most {SEQUENCE_MAX}")));
                }
                out.extend(std::iter::repeat_n(Some(row), count));
                Ok(true)
            })
        },
    ),
    variadic("row", &[Kind::Any], 1, row_type, |call| {
        let DataType::Struct(fields) = call.result else { return Err(call.fail("no row")) };
        let columns = (0..call.len()).map(|at| call.array(at)).collect::<Result<Vec<_>>>()?;
        Ok(Arc::new(StructArray::try_new(fields.clone(), columns, None)?))
    }),
    optional("sequence", &[Kind::Any, Kind::Any, Kind::Any], 2, sequence_type, sequence),
    variadic("zip", &[Kind::Array], 2, zip_type, zip),
];

/// Elements that a sequence may have: Trino's own bound.
const SEQUENCE_MAX: usize = 10_000;

fn row_type(args: &[DataType]) -> Result<DataType> {
    Ok(DataType::Struct(
        args.iter()
            .enumerate()
            .map(|(at, it)| Field::new(types::position(at), it.clone(), true))
            .collect(),
    ))
}

fn concat_type(args: &[DataType]) -> Result<DataType> {
    if args.iter().any(|it| matches!(it, DataType::Map(..))) {
        return common(args);
    }
    if !args.iter().any(|it| matches!(it, DataType::List(_))) {
        return match args.iter().find(|it| it.is_nested()) {
            Some(it) => {
                Err(DataFusionError::Plan(format!("cannot concatenate {}", types::name(it))))
            }
            None if args.iter().all(|it| *it == DataType::Binary) => Ok(DataType::Binary),
            None => Ok(types::TEXT),
        };
    }
    // Among arrays, what is none is one more element.
    let arrays: Vec<DataType> = args
        .iter()
        .map(|it| match it {
            DataType::List(_) => it.clone(),
            other => types::array(other.clone()),
        })
        .collect();
    let mut found = arrays.first().cloned().unwrap_or(DataType::Null);
    for it in arrays.iter().skip(1) {
        found = both_type(&[found, it.clone()])?;
    }
    Ok(found)
}

/// Where the elements of a row lie.
type Ranges = Box<dyn Fn(usize) -> Option<std::ops::Range<usize>>>;

fn concat_arrays(call: &Call<'_>) -> Result<ArrayRef> {
    let DataType::List(field) = call.result else { return Err(call.fail("no array to make")) };
    let mut sources: Vec<(ArrayRef, Ranges)> = Vec::new();
    for at in 0..call.len() {
        if matches!(call.kind(at), DataType::List(_)) {
            let list = call.list(at)?;
            let elements = crate::functions::cast::cast(list.elements(), field.data_type(), false)?;
            sources.push((elements, Box::new(move |row| list.range(row))));
        } else {
            let values = crate::functions::cast::cast(&call.array(at)?, field.data_type(), false)?;
            sources.push((values, Box::new(|row| Some(row..row + 1))));
        }
    }
    let arrays: Vec<&dyn datafusion::arrow::array::Array> =
        sources.iter().map(|(it, _)| it.as_ref()).collect();
    let all = compute::concat(&arrays)?;
    chosen(call, &all, |row, out| {
        let mut shift = 0;
        for (elements, range) in &sources {
            let Some(range) = range(row) else { return Ok(false) };
            out.extend(range.map(|at| Some(at + shift)));
            shift += elements.len();
        }
        Ok(true)
    })
}

fn sequence_type(args: &[DataType]) -> Result<DataType> {
    match args {
        [a, b, ..] if a.is_integer() && b.is_integer() => Ok(types::array(DataType::Int64)),
        [DataType::Date32, DataType::Date32, ..] => Ok(types::array(DataType::Date32)),
        [DataType::Timestamp(_, zone), DataType::Timestamp(..), _] => Ok(types::array(
            DataType::Timestamp(datafusion::arrow::datatypes::TimeUnit::Millisecond, zone.clone()),
        )),
        _ => Err(DataFusionError::Plan(
            "sequence takes two whole numbers, dates or timestamps, and a step".to_owned(),
        )),
    }
}

fn sequence(call: &Call<'_>) -> Result<ArrayRef> {
    let numbers = call.kind(0).is_integer();
    let (from, to) =
        if numbers { (call.int(0)?, call.int(1)?) } else { (call.millis(0)?, call.millis(1)?) };
    let step = if call.has(2) { Some(call.array(2)?) } else { None };
    let (mut values, mut lengths, mut valid) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..call.rows {
        let before = values.len();
        let (Some(from), Some(to)) = (from.get(row), to.get(row)) else {
            lengths.push(0);
            valid.push(false);
            continue;
        };
        let step = Step::of(call, step.as_ref(), row, numbers, from <= to)?;
        let forward = step.after(0, 1).is_some_and(|it| it > 0);
        let still = step.after(0, 1).is_none_or(|it| it == 0);
        if still || forward != (from <= to) && from != to {
            return Err(call.fail("sequence stop value should be reachable by its step"));
        }
        let mut count = 0;
        while let Some(next) = step.after(from, count) {
            if (forward && next > to) || (!forward && next < to) {
                break;
            }
            count += 1;
            if values.len() - before >= SEQUENCE_MAX || values.len() >= ELEMENTS_MAX {
                return Err(call.fail(format_args!("result has more than {SEQUENCE_MAX} entries")));
            }
            values.push(next);
        }
        lengths.push(values.len() - before);
        valid.push(true);
    }
    let values: ArrayRef = Arc::new(Int64Array::from(values));
    let DataType::List(field) = call.result else { return Err(call.fail("no array to make")) };
    let values = match field.data_type() {
        DataType::Int64 => values,
        kind => compute::cast(&compute::cast(&values, &types::TIMESTAMP)?, kind)?,
    };
    list_of(call, values, lengths, valid)
}

/// What lies between two elements of a sequence.
enum Step {
    By(i64),
    Months(i32),
}

impl Step {
    fn of(
        call: &Call<'_>,
        given: Option<&ArrayRef>,
        row: usize,
        numbers: bool,
        upwards: bool,
    ) -> Result<Self> {
        let unit = if numbers { 1 } else { 86_400_000 };
        let Some(given) = given else { return Ok(Self::By(if upwards { unit } else { -unit })) };
        if given.is_null(row) {
            return Err(call.fail("the step is null"));
        }
        match given.data_type() {
            DataType::Interval(_) => {
                let it = compute::cast(
                    given,
                    &DataType::Interval(datafusion::arrow::datatypes::IntervalUnit::MonthDayNano),
                )?;
                let it = it.as_primitive::<IntervalMonthDayNanoType>().value(row);
                Ok(if it.months != 0 {
                    Self::Months(it.months)
                } else {
                    Self::By(i64::from(it.days) * 86_400_000 + it.nanoseconds / 1_000_000)
                })
            }
            kind if kind.is_integer() => {
                let it = compute::cast(given, &DataType::Int64)?;
                Ok(Self::By(it.as_primitive::<Int64Type>().value(row).saturating_mul(unit)))
            }
            _ => Err(call.fail("the step is no number and no interval")),
        }
    }

    fn after(&self, from: i64, count: i32) -> Option<i64> {
        match self {
            Self::By(step) => from.checked_add(step.checked_mul(i64::from(count))?),
            Self::Months(step) => dates::add_months(from, i64::from(step.checked_mul(count)?)),
        }
    }
}

fn zip_type(args: &[DataType]) -> Result<DataType> {
    let fields: Vec<Field> = args
        .iter()
        .enumerate()
        .map(|(at, it)| {
            let kind = match it {
                DataType::List(field) => field.data_type().clone(),
                other => other.clone(),
            };
            Field::new(types::position(at), kind, true)
        })
        .collect();
    Ok(types::array(DataType::Struct(Fields::from(fields))))
}

fn zip(call: &Call<'_>) -> Result<ArrayRef> {
    let lists = (0..call.len()).map(|at| call.list(at)).collect::<Result<Vec<_>>>()?;
    let (mut lengths, mut valid) = (Vec::new(), Vec::new());
    let mut total = 0_usize;
    for row in 0..call.rows {
        let ranges: Option<Vec<_>> = lists.iter().map(|it| it.range(row)).collect();
        let length = ranges.as_ref().and_then(|it| it.iter().map(ExactSizeIterator::len).max());
        lengths.push(length.unwrap_or(0));
        total += length.unwrap_or(0);
        valid.push(ranges.is_some());
    }
    if total > ELEMENTS_MAX {
        return Err(call.fail(format_args!("more than {ELEMENTS_MAX} elements in one batch")));
    }
    let columns = lists
        .iter()
        .map(|list| {
            let mut at = Vec::with_capacity(total);
            for (row, length) in lengths.iter().enumerate() {
                let range = list.range(row).unwrap_or(0..0);
                at.extend((0..*length).map(|n| {
                    (n < range.len()).then(|| u64::try_from(range.start + n).ok()).flatten()
                }));
            }
            Ok(compute::take(list.elements(), &UInt64Array::from(at), None)?)
        })
        .collect::<Result<Vec<_>>>()?;
    let DataType::List(field) = call.result else { return Err(call.fail("no array to make")) };
    let DataType::Struct(fields) = field.data_type() else { return Err(call.fail("no rows")) };
    let rows: ArrayRef = Arc::new(StructArray::try_new(fields.clone(), columns, None)?);
    list_of(call, rows, lengths, valid)
}
