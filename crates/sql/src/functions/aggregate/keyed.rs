//! Aggregates that keep something for each different value: histogram, map_agg, set_agg and others.

use std::collections::HashMap;

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray as _, Int64Array},
        datatypes::{DataType, Int64Type},
        row::{RowConverter, SortField},
    },
    common::ScalarValue,
    error::{DataFusionError, Result},
};

use super::{Fold, Own, column, list_value};
use crate::{functions::maps, types};

pub(super) static ALL: &[Own] = &[
    Own {
        name: "approx_most_frequent",
        takes: (2, 3),
        result: |args| {
            Ok(types::map(args.get(1).cloned().unwrap_or(DataType::Null), DataType::Int64))
        },
        state: |args| state(args.get(1..2).unwrap_or_default()),
        start: |args, result| Keyed::start(args.get(1), None, result, Shape::Frequent(None)),
    },
    Own {
        name: "histogram",
        takes: (1, 1),
        result: |args| {
            Ok(types::map(args.first().cloned().unwrap_or(DataType::Null), DataType::Int64))
        },
        state,
        start: |args, result| Keyed::start(args.first(), None, result, Shape::Counts),
    },
    Own {
        name: "map_agg",
        takes: (2, 2),
        result: |args| match args {
            [key, value] => Ok(types::map(key.clone(), value.clone())),
            _ => Ok(DataType::Null),
        },
        state,
        start: |args, result| Keyed::start(args.first(), args.get(1), result, Shape::First),
    },
    Own {
        name: "map_union",
        takes: (1, 1),
        result: |args| match args.first() {
            Some(it @ DataType::Map(..)) => Ok(it.clone()),
            _ => Err(DataFusionError::Plan("map_union takes a map".to_owned())),
        },
        state: |args| {
            let (key, value) =
                maps::parts(args.first()).unwrap_or((DataType::Null, DataType::Null));
            state(&[key, value])
        },
        start: |args, result| {
            let (key, value) =
                maps::parts(args.first()).unwrap_or((DataType::Null, DataType::Null));
            Keyed::start(Some(&key), Some(&value), result, Shape::Union)
        },
    },
    Own {
        name: "multimap_agg",
        takes: (2, 2),
        result: |args| match args {
            [key, value] => Ok(types::map(key.clone(), types::array(value.clone()))),
            _ => Ok(DataType::Null),
        },
        state,
        start: |args, result| Keyed::start(args.first(), args.get(1), result, Shape::All),
    },
    Own {
        name: "set_agg",
        takes: (1, 1),
        result: |args| Ok(types::array(args.first().cloned().unwrap_or(DataType::Null))),
        state,
        start: |args, result| Keyed::start(args.first(), None, result, Shape::Set),
    },
];

/// Keys, values and counts.
fn state(args: &[DataType]) -> Vec<DataType> {
    vec![
        args.first().cloned().unwrap_or(DataType::Null),
        args.get(1).cloned().unwrap_or(DataType::Null),
        DataType::Int64,
    ]
}

/// What is kept for each key, and what becomes of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Shape {
    /// All values of each key.
    All,
    /// How often each key came.
    Counts,
    /// The first value of each key.
    First,
    /// The keys that came most often, so many of them.
    Frequent(Option<usize>),
    /// The keys themselves, null among them.
    Set,
    /// Maps, entry by entry.
    Union,
}

#[derive(Debug)]
struct Keyed {
    shape: Shape,
    kinds: (DataType, DataType),
    result: DataType,
    converter: RowConverter,
    places: HashMap<Vec<u8>, usize>,
    keys: Vec<ScalarValue>,
    values: Vec<Vec<ScalarValue>>,
    counts: Vec<i64>,
    bytes: usize,
}

impl Keyed {
    fn start(
        key: Option<&DataType>,
        value: Option<&DataType>,
        result: DataType,
        shape: Shape,
    ) -> Result<Box<dyn Fold>> {
        let key = key.cloned().unwrap_or(DataType::Null);
        let converter = RowConverter::new(vec![SortField::new(key.clone())])?;
        Ok(Box::new(Self {
            shape,
            kinds: (key, value.cloned().unwrap_or(DataType::Null)),
            result,
            converter,
            places: HashMap::new(),
            keys: Vec::new(),
            values: Vec::new(),
            counts: Vec::new(),
            bytes: 0,
        }))
    }

    fn add(
        &mut self,
        keys: &ArrayRef,
        values: Option<&ArrayRef>,
        counts: Option<&Int64Array>,
    ) -> Result<()> {
        let rows = self.converter.convert_columns(std::slice::from_ref(keys))?;
        for row in 0..keys.len() {
            // Only a set has a place for null.
            if keys.is_null(row) && self.shape != Shape::Set {
                continue;
            }
            let count = counts.map_or(1, |it| it.value(row));
            let bytes = rows.row(row);
            let place = match self.places.get(bytes.as_ref()) {
                Some(place) => *place,
                None => {
                    let key = ScalarValue::try_from_array(keys, row)?;
                    self.bytes += bytes.as_ref().len() + key.size() + ENTRY_BYTES;
                    self.places.insert(bytes.as_ref().to_vec(), self.keys.len());
                    self.keys.push(key);
                    self.values.push(Vec::new());
                    self.counts.push(0);
                    self.keys.len() - 1
                }
            };
            if let Some(slot) = self.counts.get_mut(place) {
                *slot += count;
            }
            if let (Some(values), Some(slot)) = (values, self.values.get_mut(place))
                && (self.shape == Shape::All || slot.is_empty())
            {
                let value = ScalarValue::try_from_array(values, row)?;
                self.bytes += value.size();
                slot.push(value);
            }
        }
        Ok(())
    }

    fn keeps_values(&self) -> bool {
        match self.shape {
            Shape::All | Shape::First | Shape::Union => true,
            Shape::Counts | Shape::Frequent(_) | Shape::Set => false,
        }
    }
}

/// What a key costs beside itself.
const ENTRY_BYTES: usize = 96;

impl Fold for Keyed {
    fn update(&mut self, args: &[ArrayRef]) -> Result<()> {
        match (self.shape, args) {
            (Shape::Frequent(_), [limits, keys, ..]) => {
                let limits = datafusion::arrow::compute::cast(limits, &DataType::Int64)?;
                let limit = limits.as_primitive::<Int64Type>().iter().flatten().next();
                self.shape = Shape::Frequent(limit.and_then(|it| usize::try_from(it).ok()));
                self.add(keys, None, None)
            }
            (Shape::Union, [maps]) => {
                let maps = maps.as_map();
                for row in (0..maps.len()).filter(|row| maps.is_valid(*row)) {
                    let entries = maps.value(row);
                    if let [keys, values] = entries.columns() {
                        self.add(keys, Some(values), None)?;
                    }
                }
                Ok(())
            }
            (_, [keys]) => self.add(keys, None, None),
            (_, [keys, values, ..]) => self.add(keys, Some(values), None),
            (_, []) => Ok(()),
        }
    }

    fn merge(&mut self, kept: &[ArrayRef]) -> Result<()> {
        let [keys, values, counts] = kept else { return Ok(()) };
        let values = self.keeps_values().then_some(values);
        let counts = counts.as_primitive::<Int64Type>();
        if let (Shape::Frequent(None), Some(limit)) = (self.shape, counts.iter().flatten().next()) {
            // The first row of the state carries the limit, and no key.
            self.shape = Shape::Frequent(usize::try_from(limit).ok());
        }
        if matches!(self.shape, Shape::Frequent(_)) {
            let rest = counts.slice(1.min(counts.len()), counts.len().saturating_sub(1));
            let keys = keys.slice(1.min(keys.len()), keys.len().saturating_sub(1));
            return self.add(&keys, None, Some(&rest));
        }
        self.add(keys, values, Some(counts))
    }

    fn kept(&self) -> Result<Vec<ArrayRef>> {
        let (mut keys, mut values, mut counts) = (Vec::new(), Vec::new(), Vec::new());
        if let Shape::Frequent(limit) = self.shape {
            keys.push(ScalarValue::try_new_null(&self.kinds.0)?);
            values.push(ScalarValue::Null);
            counts.push(ScalarValue::Int64(limit.and_then(|it| i64::try_from(it).ok())));
        }
        for ((key, own), count) in self.keys.iter().zip(&self.values).zip(&self.counts) {
            let many = own.len().max(1);
            for at in 0..many {
                keys.push(key.clone());
                let null = || ScalarValue::try_new_null(&self.kinds.1);
                values.push(own.get(at).cloned().map_or_else(null, Ok)?);
                counts.push(ScalarValue::Int64(Some(if at == 0 { *count } else { 0 })));
            }
        }
        Ok(vec![
            column(&keys, &self.kinds.0)?,
            column(&values, &self.kinds.1)?,
            column(&counts, &DataType::Int64)?,
        ])
    }

    fn result(&self) -> Result<ScalarValue> {
        if self.keys.is_empty() {
            return ScalarValue::try_new_null(&self.result);
        }
        let keys = column(&self.keys, &self.kinds.0)?;
        let counts = || {
            let all: Vec<ScalarValue> =
                self.counts.iter().map(|it| ScalarValue::Int64(Some(*it))).collect();
            column(&all, &DataType::Int64)
        };
        let count = self.keys.len();
        let map = match self.shape {
            Shape::Set => return list_value(&keys, &self.result),
            Shape::Counts => {
                maps::map_of(&self.result, &keys, &counts()?, vec![count], vec![true])?
            }
            Shape::First | Shape::Union => {
                let firsts: Vec<ScalarValue> = self
                    .values
                    .iter()
                    .map(|it| {
                        it.first()
                            .cloned()
                            .map_or_else(|| ScalarValue::try_new_null(&self.kinds.1), Ok)
                    })
                    .collect::<Result<_>>()?;
                let values = column(&firsts, &self.kinds.1)?;
                maps::map_of(&self.result, &keys, &values, vec![count], vec![true])?
            }
            Shape::All => {
                let kind = types::array(self.kinds.1.clone());
                let lists: Vec<ScalarValue> = self
                    .values
                    .iter()
                    .map(|it| list_value(&column(it, &self.kinds.1)?, &kind))
                    .collect::<Result<_>>()?;
                let values = column(&lists, &kind)?;
                maps::map_of(&self.result, &keys, &values, vec![count], vec![true])?
            }
            Shape::Frequent(limit) => {
                let mut order: Vec<usize> = (0..count).collect();
                let often = |at: usize| self.counts.get(at).copied().unwrap_or(0);
                order.sort_by_key(|at| std::cmp::Reverse(often(*at)));
                order.truncate(limit.unwrap_or(count));
                let at: datafusion::arrow::array::UInt64Array =
                    order.iter().map(|it| u64::try_from(*it).ok()).collect();
                let keys = datafusion::arrow::compute::take(&keys, &at, None)?;
                let values = datafusion::arrow::compute::take(&counts()?, &at, None)?;
                maps::map_of(&self.result, &keys, &values, vec![order.len()], vec![true])?
            }
        };
        ScalarValue::try_from_array(&map, 0)
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}
