//! Bringing rows into the table's order: by day, then as [`SORTED_BY`](crate::file::SORTED_BY) says.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, RecordBatch, cast::AsArray as _, types::TimestampMicrosecondType,
};
use arrow_row::{RowConverter, SortField};
use arrow_schema::SortOptions;
use arrow_select::interleave::interleave_record_batch;

use crate::{Error, columns::position_of, file::SORTED_BY};

/// Rows that are brought together at once.
const BATCH_ROWS: usize = 8 << 10;

const NULLS_LAST: SortOptions = SortOptions { descending: false, nulls_first: false };

/// Microseconds of a day.
const DAY_US: i64 = 86_400_000_000;

/// Rows of one day in order.
#[derive(Debug)]
pub(crate) struct Day {
    /// Counted from 1970; none for rows without a time.
    pub(crate) day: Option<i32>,
    /// Which row of which batch.
    places: Vec<(usize, usize)>,
}

/// The days of each row.
pub(crate) fn days(rows: &RecordBatch) -> Vec<Option<i32>> {
    let times = position_of("eventtime").and_then(|it| rows.columns().get(it));
    let times = times.and_then(|it| it.as_primitive_opt::<TimestampMicrosecondType>());
    let day = |time: i64| i32::try_from(time.div_euclid(DAY_US)).ok();
    match times {
        Some(times) => times.iter().map(|it| it.and_then(day)).collect(),
        None => vec![None; rows.num_rows()],
    }
}

/// Sorts rows into days.
///
/// # Errors
/// By a fault of ours only.
pub(crate) fn order(batches: &[RecordBatch]) -> Result<Vec<Day>, Error> {
    let Some(first) = batches.first() else { return Ok(Vec::new()) };
    let fields = keys(first)
        .iter()
        .map(|it| SortField::new_with_options(it.data_type().clone(), NULLS_LAST))
        .collect();
    let converter = RowConverter::new(fields)?;
    let mut converted = Vec::with_capacity(batches.len());
    for batch in batches {
        converted.push((days(batch), converter.convert_columns(&keys(batch))?));
    }
    let mut all = Vec::with_capacity(batches.iter().map(RecordBatch::num_rows).sum());
    for (number, (days, rows)) in converted.iter().enumerate() {
        all.extend(
            days.iter().zip(rows).enumerate().map(|(row, (day, key))| (*day, key, (number, row))),
        );
    }
    all.sort_unstable();
    let mut sorted: Vec<Day> = Vec::new();
    for (day, _, place) in all {
        match sorted.last_mut() {
            Some(last) if last.day == day => last.places.push(place),
            _ => sorted.push(Day { day, places: vec![place] }),
        }
    }
    Ok(sorted)
}

impl Day {
    /// How many rows.
    pub(crate) fn count(&self) -> u64 {
        self.places.len() as u64
    }

    /// The rows, some at a time.
    pub(crate) fn gather<'a>(
        &'a self,
        batches: &'a [RecordBatch],
    ) -> impl Iterator<Item = Result<RecordBatch, Error>> + 'a {
        let batches: Vec<&RecordBatch> = batches.iter().collect();
        let gather = move |places: &[_]| Ok(interleave_record_batch(&batches, places)?);
        self.places.chunks(BATCH_ROWS).map(gather)
    }
}

fn keys(rows: &RecordBatch) -> Vec<ArrayRef> {
    SORTED_BY.iter().filter_map(|path| at(rows, path)).collect()
}

/// The values at a path, null where a row on the way is.
fn at(rows: &RecordBatch, path: &str) -> Option<ArrayRef> {
    let mut names = path.split('.');
    let mut found = rows.columns().get(position_of(names.next()?)?).map(Arc::clone)?;
    for name in names {
        let row = found.as_struct_opt()?;
        found = row.column_by_name(name).map(Arc::clone)?;
    }
    Some(found)
}
