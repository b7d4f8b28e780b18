//! Aggregates that keep the few rows that are best: max_by, min_by, arbitrary; and means of
//! logarithms.

use std::cmp::Ordering;

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray as _, UInt64Array, make_comparator},
        compute::{self, SortOptions},
        datatypes::{DataType, Float64Type, Int64Type},
    },
    common::ScalarValue,
    error::{DataFusionError, Result},
};

use super::{Fold, Own, column, list_value};
use crate::types;

pub(super) static ALL: &[Own] = &[
    Own {
        name: "any_value",
        takes: (1, 1),
        result: first,
        state: |args| args.to_vec(),
        start: any,
    },
    Own {
        name: "arbitrary",
        takes: (1, 1),
        result: first,
        state: |args| args.to_vec(),
        start: any,
    },
    Own {
        name: "geometric_mean",
        takes: (1, 1),
        result: |_| Ok(DataType::Float64),
        state: |_| vec![DataType::Float64, DataType::Int64],
        start: |_, _| Ok(Box::new(Mean { sum: 0.0, count: 0 })),
    },
    Own {
        name: "max_by",
        takes: (2, 3),
        result: by_type,
        state: two,
        start: |args, result| Best::start(args, result, Ordering::Greater),
    },
    Own {
        name: "min_by",
        takes: (2, 3),
        result: by_type,
        state: two,
        start: |args, result| Best::start(args, result, Ordering::Less),
    },
];

fn first(args: &[DataType]) -> Result<DataType> {
    Ok(args.first().cloned().unwrap_or(DataType::Null))
}

fn two(args: &[DataType]) -> Vec<DataType> {
    let mut state: Vec<DataType> = args.iter().take(2).cloned().collect();
    state.push(DataType::Int64);
    state
}

fn by_type(args: &[DataType]) -> Result<DataType> {
    let value = args.first().cloned().unwrap_or(DataType::Null);
    Ok(if args.len() == 3 { types::array(value) } else { value })
}

fn any(args: &[DataType], _: DataType) -> Result<Box<dyn Fold>> {
    let kind = args.first().cloned().unwrap_or(DataType::Null);
    Ok(Box::new(Any { found: None, kind }))
}

/// The first value that is not null.
#[derive(Debug)]
struct Any {
    found: Option<ScalarValue>,
    kind: DataType,
}

impl Fold for Any {
    fn update(&mut self, args: &[ArrayRef]) -> Result<()> {
        if self.found.is_none()
            && let Some(column) = args.first()
            && let Some(row) = (0..column.len()).find(|row| column.is_valid(*row))
        {
            self.found = Some(ScalarValue::try_from_array(column, row)?);
        }
        Ok(())
    }

    fn merge(&mut self, kept: &[ArrayRef]) -> Result<()> {
        self.update(kept)
    }

    fn kept(&self) -> Result<Vec<ArrayRef>> {
        Ok(vec![column(self.found.as_slice(), &self.kind)?])
    }

    fn result(&self) -> Result<ScalarValue> {
        self.found.clone().map_or_else(|| ScalarValue::try_new_null(&self.kind), Ok)
    }

    fn bytes(&self) -> usize {
        self.found.as_ref().map_or(0, ScalarValue::size)
    }
}

#[derive(Debug)]
struct Mean {
    sum: f64,
    count: i64,
}

impl Fold for Mean {
    fn update(&mut self, args: &[ArrayRef]) -> Result<()> {
        if let Some(values) = args.first() {
            let values = compute::cast(values, &DataType::Float64)?;
            for it in values.as_primitive::<Float64Type>().iter().flatten() {
                self.sum += it.ln();
                self.count += 1;
            }
        }
        Ok(())
    }

    fn merge(&mut self, kept: &[ArrayRef]) -> Result<()> {
        if let [sums, counts] = kept {
            self.sum += sums.as_primitive::<Float64Type>().iter().flatten().sum::<f64>();
            self.count += counts.as_primitive::<Int64Type>().iter().flatten().sum::<i64>();
        }
        Ok(())
    }

    fn kept(&self) -> Result<Vec<ArrayRef>> {
        Ok(vec![
            ScalarValue::Float64(Some(self.sum)).to_array()?,
            ScalarValue::Int64(Some(self.count)).to_array()?,
        ])
    }

    fn result(&self) -> Result<ScalarValue> {
        #[expect(clippy::cast_precision_loss, reason = "counts have fewer digits")]
        let mean = (self.sum / self.count as f64).exp();
        Ok(ScalarValue::Float64((self.count > 0).then_some(mean)))
    }

    fn bytes(&self) -> usize {
        0
    }
}

/// How many values `max_by(x, y, n)` may keep.
const KEPT_MAX: i64 = 10_000;

/// The values that belong to the greatest or least keys.
#[derive(Debug)]
struct Best {
    /// Values and keys, the best first.
    rows: Vec<(ScalarValue, ScalarValue)>,
    kinds: (DataType, DataType),
    result: DataType,
    wanted: Ordering,
    /// How many to keep; not known before the first row where it is an argument.
    limit: Option<usize>,
    many: bool,
}

impl Best {
    fn start(args: &[DataType], result: DataType, wanted: Ordering) -> Result<Box<dyn Fold>> {
        let [value, key, ..] = args else {
            return Err(DataFusionError::Internal("a value and a key".to_owned()));
        };
        let many = args.len() == 3;
        Ok(Box::new(Self {
            rows: Vec::new(),
            kinds: (value.clone(), key.clone()),
            result,
            wanted,
            limit: if many { None } else { Some(1) },
            many,
        }))
    }

    /// Takes the best of the rows given, then the best of those and of what was kept.
    fn take(&mut self, values: &ArrayRef, keys: &ArrayRef) -> Result<()> {
        let limit = self.limit.unwrap_or(1);
        let compare = make_comparator(keys, keys, SortOptions::default())?;
        let order = |a: &usize, b: &usize| {
            let order = compare(*a, *b);
            if self.wanted == Ordering::Greater { order.reverse() } else { order }
        };
        let valid = (0..keys.len()).filter(|row| keys.is_valid(*row));
        let chosen: Vec<usize> = if limit == 1 {
            valid.min_by(|a, b| order(a, b)).into_iter().collect()
        } else {
            let mut all: Vec<usize> = valid.collect();
            all.sort_by(|a, b| order(a, b));
            all.truncate(limit);
            all
        };
        for row in chosen {
            let key = ScalarValue::try_from_array(keys, row)?;
            // A row that is no better than the last kept changes nothing.
            let full = self.rows.len() >= limit;
            if full && self.rows.last().is_some_and(|(_, last)| !self.better(&key, last)) {
                break;
            }
            let place = self.rows.partition_point(|(_, other)| !self.better(&key, other));
            self.rows.insert(place, (ScalarValue::try_from_array(values, row)?, key));
            self.rows.truncate(limit);
        }
        Ok(())
    }

    fn better(&self, a: &ScalarValue, b: &ScalarValue) -> bool {
        a.partial_cmp(b) == Some(self.wanted)
    }
}

impl Fold for Best {
    fn update(&mut self, args: &[ArrayRef]) -> Result<()> {
        let [values, keys, rest @ ..] = args else { return Ok(()) };
        if let Some(count) = rest.first().filter(|_| self.limit.is_none()) {
            let count = compute::cast(count, &DataType::Int64)?;
            let Some(count) = count.as_primitive::<Int64Type>().iter().flatten().next() else {
                return Ok(());
            };
            if !(1..=KEPT_MAX).contains(&count) {
                return Err(DataFusionError::Execution(format!(
                    "third argument of max_by/min_by must be in the range 1..{KEPT_MAX}"
                )));
            }
            self.limit = usize::try_from(count).ok();
        }
        self.take(values, keys)
    }

    fn merge(&mut self, kept: &[ArrayRef]) -> Result<()> {
        let [values, keys, limits] = kept else { return Ok(()) };
        if self.limit.is_none() {
            let limit = limits.as_primitive::<Int64Type>().iter().flatten().next();
            self.limit = limit.and_then(|it| usize::try_from(it).ok());
        }
        self.take(values, keys)
    }

    fn kept(&self) -> Result<Vec<ArrayRef>> {
        let values: Vec<ScalarValue> = self.rows.iter().map(|it| it.0.clone()).collect();
        let keys: Vec<ScalarValue> = self.rows.iter().map(|it| it.1.clone()).collect();
        let limit = self.limit.and_then(|it| i64::try_from(it).ok());
        let limits = vec![ScalarValue::Int64(limit); self.rows.len()];
        Ok(vec![
            column(&values, &self.kinds.0)?,
            column(&keys, &self.kinds.1)?,
            column(&limits, &DataType::Int64)?,
        ])
    }

    fn result(&self) -> Result<ScalarValue> {
        if self.rows.is_empty() {
            return ScalarValue::try_new_null(&self.result);
        }
        let values: Vec<ScalarValue> = self.rows.iter().map(|it| it.0.clone()).collect();
        let all = column(&values, &self.kinds.0)?;
        if self.many {
            return list_value(&all, &self.result);
        }
        let one = compute::take(&all, &UInt64Array::from(vec![0]), None)?;
        ScalarValue::try_from_array(&one, 0)
    }

    fn bytes(&self) -> usize {
        self.rows.iter().map(|(value, key)| value.size() + key.size()).sum()
    }
}
