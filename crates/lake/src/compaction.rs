//! Merging small files of one partition into larger ones, in tiers, so that each row is written
//! anew a few times at most.
//!
//! Deciding ([`choose`]) and doing ([`merge`]) are separate; the table is changed by `upkeep`.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    sync::Arc,
};

use arrow_array::{Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow_select::interleave::interleave_record_batch;
use iceberg::spec::DataFile;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};

use crate::{
    Error,
    chunk::{mismatch, typed},
    columns::{Column, arrow_schema},
    flush::Target,
    table_file::TableFile,
};

/// How many files of one tier become one; also the factor from tier to tier.
const FAN_IN: usize = 8;

/// Rows of each file that are in memory at once while it is merged.
const READ_ROWS: usize = 512;

/// Rows that are written at once.
const BATCH_ROWS: usize = 2 << 10;

/// The files that should become one next, if any: as many of one partition and of about one size as
/// make a tier full; the smallest first, of these the oldest.
pub(crate) fn choose(files: &[Arc<TableFile>], file_bytes: u64) -> Option<Vec<Arc<TableFile>>> {
    let mut tiers: BTreeMap<_, Vec<&Arc<TableFile>>> = BTreeMap::new();
    for file in files.iter().filter(|it| it.is_sorted && it.bytes < file_bytes) {
        let tier = tier(file.bytes, file_bytes);
        tiers.entry((tier, file.category, file.month)).or_default().push(file);
    }
    let mut full = tiers.into_values().find(|it| it.len() >= FAN_IN)?;
    full.sort_by_key(|it| it.positions);
    full.truncate(FAN_IN);
    Some(full.into_iter().map(Arc::clone).collect())
}

/// Tiers count up with size; the highest holds files of an eighth of the bound and more.
fn tier(bytes: u64, file_bytes: u64) -> u32 {
    let parts = file_bytes / bytes.max(1);
    u32::MAX - parts.max(1).ilog(FAN_IN as u64)
}

/// Writes the rows of `files`, which are sorted and of one partition, to a new one. Blocks; needs a
/// Tokio runtime.
///
/// Memory: [`READ_ROWS`] rows of each file, decoded, and one row group, compressed.
///
/// `begun` gets the URL of the new file before anything is written of it.
///
/// # Errors
/// When a file cannot be read or written.
pub(crate) fn merge(
    files: &[Arc<TableFile>],
    target: &Target,
    begun: &mut Vec<String>,
) -> Result<Vec<DataFile>, Error> {
    let Some(first) = files.first() else { return Ok(Vec::new()) };
    let mut file = target.create(first.category, first.month)?;
    begun.push(file.url().to_owned());
    let mut merging = Merging { batches: Vec::new(), heads: BinaryHeap::new(), inputs: Vec::new() };
    for input in files {
        merging.add(open(input, target)?)?;
    }
    while let Some(rows) = merging.next()? {
        file.write(&rows)?;
    }
    Ok(vec![file.finish()?])
}

fn open(file: &TableFile, target: &Target) -> Result<ParquetRecordBatchReader, Error> {
    let reader = target.store.open(&file.url, file.bytes)?;
    let options = ArrowReaderOptions::new().with_schema(arrow_schema());
    let footer = ArrowReaderMetadata::load(&reader, options)?;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(reader, footer);
    Ok(builder.with_batch_size(READ_ROWS).build()?)
}

/// A merge of sorted inputs.
struct Merging {
    inputs: Vec<ParquetRecordBatchReader>,
    /// Batches that rows still point into.
    batches: Vec<Batch>,
    /// The next row of each input, the newest on top.
    heads: BinaryHeap<Head>,
}

struct Batch {
    rows: RecordBatch,
    times: TimestampMicrosecondArray,
    positions: Int64Array,
}

#[derive(Eq, Ord, PartialEq, PartialOrd)]
struct Head {
    time: i64,
    position: i64,
    input: Reverse<usize>,
    batch: usize,
    row: usize,
}

impl Merging {
    fn add(&mut self, input: ParquetRecordBatchReader) -> Result<(), Error> {
        self.inputs.push(input);
        self.load(self.inputs.len() - 1)
    }

    /// Reads the next batch of an input, if there is one, and makes its first row a head.
    fn load(&mut self, input: usize) -> Result<(), Error> {
        let Some(reader) = self.inputs.get_mut(input) else { return Ok(()) };
        let Some(rows) = reader.next().transpose()? else { return Ok(()) };
        let times = typed(&rows, Column::EventTime)?;
        let positions = typed(&rows, Column::Position)?;
        self.batches.push(Batch { rows, times, positions });
        self.push(Reverse(input), self.batches.len() - 1, 0)
    }

    fn push(&mut self, input: Reverse<usize>, batch: usize, row: usize) -> Result<(), Error> {
        let of = self.batches.get(batch).ok_or_else(|| mismatch("merged"))?;
        let time = of.times.values().get(row).copied().ok_or_else(|| mismatch("merged"))?;
        let position = of.positions.values().get(row).copied().unwrap_or_default();
        self.heads.push(Head { time, position, input, batch, row });
        Ok(())
    }

    /// The next rows in order; `None` at the end.
    fn next(&mut self) -> Result<Option<RecordBatch>, Error> {
        let mut rows = Vec::with_capacity(BATCH_ROWS);
        while rows.len() < BATCH_ROWS {
            let Some(head) = self.heads.pop() else { break };
            rows.push((head.batch, head.row));
            let length = self.batches.get(head.batch).map_or(0, |it| it.times.len());
            if head.row + 1 < length {
                self.push(head.input, head.batch, head.row + 1)?;
            } else {
                self.load(head.input.0)?;
            }
        }
        if rows.is_empty() {
            return Ok(None);
        }
        let batches: Vec<_> = self.batches.iter().map(|it| &it.rows).collect();
        let merged = interleave_record_batch(&batches, &rows)?;
        self.release();
        Ok(Some(merged))
    }

    /// Drops the batches that no head points into.
    fn release(&mut self) {
        let mut heads: Vec<_> = std::mem::take(&mut self.heads).into_vec();
        let mut kept = Vec::with_capacity(heads.len());
        for (number, batch) in std::mem::take(&mut self.batches).into_iter().enumerate() {
            if let Some(head) = heads.iter_mut().find(|it| it.batch == number) {
                head.batch = kept.len();
                kept.push(batch);
            }
        }
        self.batches = kept;
        self.heads = heads.into();
    }
}

#[cfg(test)]
mod tests {
    use record::Category;

    use super::*;

    fn file(bytes: u64, month: i32, position: u64) -> Arc<TableFile> {
        Arc::new(TableFile {
            url: format!("file:///{bytes}/{month}/{position}").into(),
            bytes,
            rows: 1,
            category: Category::Management,
            month,
            times: (0, 0),
            positions: (position, position),
            accounts: None,
            is_sorted: true,
        })
    }

    #[track_caller]
    fn check(files: &[Arc<TableFile>], expected: Option<Vec<u64>>) {
        let chosen = choose(files, 64 << 20);
        assert_eq!(chosen.map(|it| it.iter().map(|it| it.positions.0).collect()), expected);
    }

    #[test]
    fn a_full_tier_becomes_one_file() {
        let small: Vec<_> = (0..10).rev().map(|it| file(20_000 + it, 0, it)).collect();
        check(&small, Some((0..8).collect()));
        check(&small[..7], None);
    }

    #[test]
    fn files_of_other_months_and_sizes_stay_apart() {
        let mut files: Vec<_> = (0..7).map(|it| file(20_000, 0, it)).collect();
        files.push(file(20_000, 31, 7));
        files.push(file(9 << 20, 0, 8));
        check(&files, None);
    }

    #[test]
    fn large_files_are_left_alone() {
        let files: Vec<_> = (0..20).map(|it| file(64 << 20, 0, it)).collect();
        check(&files, None);
    }

    #[test]
    fn the_smallest_are_merged_first() {
        let large = (0..8).map(|it| file(9 << 20, 0, it));
        let small = (8..16).map(|it| file(9 << 10, 0, it));
        check(&large.chain(small).collect::<Vec<_>>(), Some((8..16).collect()));
    }
}
