//! Looking for rows in one data file: what can be ruled out is not read, what must be read is read
//! column by column, each for the rows that the ones before have left.

use std::ops::Range;

use arrow_array::{
    Array as _, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use arrow_schema::ArrowError;
use bytes::Bytes;
use log::{Evidence, Marks, Position};
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{
            ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
            ParquetRecordBatchReaderBuilder, RowSelection,
        },
    },
    file::{
        metadata::{PageIndexPolicy, RowGroupMetaData},
        statistics::Statistics,
    },
};

use tables::{Cache, Reader};

use crate::{
    Attribute, Error, Key, Place, Store,
    chunk::mismatch,
    columns::{Column, reading_schema},
    matches::equal,
    parquet_file::has_bloom_filter,
    search::Window,
    table_file::TableFile,
};

/// Rows that are decoded at once.
const BATCH_ROWS: usize = 8 << 10;

/// Rows of a group that are looked at first.
const FIRST_ROWS: usize = 4 << 10;

/// An open data file. Every method blocks.
pub(crate) struct Scan<'a> {
    file: &'a TableFile,
    reader: Reader,
    footer: ArrowReaderMetadata,
    cache: &'a Cache,
}

/// What a row must be, apart from its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) account: &'a str,
    pub(crate) region: Option<&'a str>,
    pub(crate) attribute: Option<&'a Attribute>,
}

/// A row's record and what is kept beside it.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) evidence: Evidence,
    pub(crate) marks: Marks,
    pub(crate) record: Bytes,
}

impl<'a> Scan<'a> {
    /// Opens `file`. Reads its footer unless that is in the cache.
    ///
    /// # Errors
    /// When the file cannot be read or is none of ours.
    pub(crate) fn open(
        file: &'a TableFile,
        store: &Store,
        cache: &'a Cache,
    ) -> Result<Self, Error> {
        let reader = store.open(&file.url, file.bytes)?;
        let footer = cache.footer(&file.url, || {
            let options = ArrowReaderOptions::new()
                .with_schema(reading_schema())
                .with_page_index_policy(PageIndexPolicy::Optional);
            ArrowReaderMetadata::load(&reader, options)
        })?;
        Ok(Self { file, reader, footer, cache })
    }

    /// How many row groups it has.
    pub(crate) fn groups(&self) -> usize {
        self.footer.metadata().num_row_groups()
    }

    /// Earliest and latest event time of a row group; as wide as can be when it does not say.
    pub(crate) fn times(&self, group: usize) -> (i64, i64) {
        self.group(group)
            .and_then(|it| longs(it, Column::EventTime))
            .unwrap_or((i64::MIN, i64::MAX))
    }

    /// Whether statistics and Bloom filters leave it open that a row group has what is wanted.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn may_hold(
        &self,
        group: usize,
        wanted: Wanted<'_>,
        window: &Window,
    ) -> Result<bool, Error> {
        let Some(columns) = self.group(group) else { return Ok(false) };
        let positions = longs(columns, Column::Position);
        let is_out = self.times(group).0 > window.to_us
            || self.times(group).1 < window.from_us
            || positions.is_some_and(|it| it.0.cast_unsigned() >= window.before.0)
            || excludes(columns, Column::Account, wanted.account)
            || wanted.region.is_some_and(|it| excludes(columns, Column::AwsRegion, it));
        if is_out {
            return Ok(false);
        }
        let Some(attribute) = wanted.attribute else { return Ok(true) };
        let column = attribute.key.column();
        let has_statistics =
            !matches!(attribute.key, Key::ResourceName | Key::ResourceType | Key::ReadOnly);
        if has_statistics && excludes(columns, column, &attribute.value) {
            return Ok(false);
        }
        if !has_bloom_filter(column) {
            return Ok(true);
        }
        let bloom = self.cache.bloom(&self.file.url, group, column.index(), || {
            self.builder().get_row_group_column_bloom_filter(group, column.index())
        })?;
        Ok(bloom.is_none_or(|it| it.check(attribute.value.as_str())))
    }

    /// Calls `take` with the places of the rows of a group that are wanted, in the file's order, and
    /// their numbers within the group, until it returns false.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn rows(
        &self,
        group: usize,
        wanted: Wanted<'_>,
        take: &mut dyn FnMut(Place, u32) -> bool,
    ) -> Result<(), Error> {
        let Some(columns) = self.group(group) else { return Ok(()) };
        let rows = usize::try_from(columns.num_rows()).unwrap_or_default();
        // The newest come first, and often suffice: few rows at first, then more and more.
        let (mut from, mut count) = (0, FIRST_ROWS);
        while from < rows {
            let to = rows.min(from + count);
            if !self.rows_between(group, from..to, wanted, take)? {
                return Ok(());
            }
            (from, count) = (to, count * 4);
        }
        Ok(())
    }

    /// As [`Scan::rows`], for some rows of the group. Yields whether to go on.
    fn rows_between(
        &self,
        group: usize,
        range: Range<usize>,
        wanted: Wanted<'_>,
        take: &mut dyn FnMut(Place, u32) -> bool,
    ) -> Result<bool, Error> {
        let Some(columns) = self.group(group) else { return Ok(false) };
        let rows = usize::try_from(columns.num_rows()).unwrap_or_default();
        let mut left = BooleanBufferBuilder::new(rows);
        left.append_n(range.start, false);
        left.append_n(range.len(), true);
        left.append_n(rows.saturating_sub(range.end), false);
        let mut left = left.finish();
        for (column, value) in order(wanted) {
            if is_constant(columns, column, value) {
                continue;
            }
            left = self.narrow(group, &left, column, value)?;
            if left.count_set_bits() == 0 {
                return Ok(true);
            }
        }
        let mut numbers = left.set_indices();
        for batch in self.read(group, &left, &[Column::EventTime, Column::Position])? {
            let batch = batch?;
            let times: &TimestampMicrosecondArray = column_of(&batch, 0)?;
            let positions: &Int64Array = column_of(&batch, 1)?;
            for (time, position) in times.values().iter().zip(positions.values()) {
                let row = numbers.next().and_then(|it| u32::try_from(it).ok());
                let row = row.ok_or_else(|| mismatch("selected"))?;
                let position = Position(position.cast_unsigned());
                if !take(Place { event_time_us: *time, position }, row) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// The records of some rows of a group, whose numbers ascend.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn records(&self, group: usize, rows: &[u32]) -> Result<Vec<Found>, Error> {
        let Some(columns) = self.group(group) else { return Ok(Vec::new()) };
        let mut mask = BooleanBufferBuilder::new(0);
        for row in rows {
            mask.append_n((*row as usize).saturating_sub(mask.len()), false);
            mask.append(true);
        }
        let all = usize::try_from(columns.num_rows()).unwrap_or_default();
        mask.append_n(all.saturating_sub(mask.len()), false);
        let wanted = [Column::Evidence, Column::Marks, Column::Record];
        let mut found = Vec::with_capacity(rows.len());
        for batch in self.read(group, &mask.finish(), &wanted)? {
            let batch = batch?;
            let evidence = texts(&batch, 0)?;
            let marks: &Int32Array = column_of(&batch, 1)?;
            let records: &StringArray = column_of(&batch, 2)?;
            for (row, marks) in marks.values().iter().enumerate() {
                let word = evidence.get(row).map(String::as_str).unwrap_or_default();
                found.push(Found {
                    evidence: read_evidence(word),
                    marks: Marks(u16::try_from(*marks).unwrap_or_default()),
                    record: Bytes::copy_from_slice(records.value(row).as_bytes()),
                });
            }
        }
        if found.len() == rows.len() { Ok(found) } else { Err(mismatch("record")) }
    }

    /// Which of the rows that are `left` have `value`.
    fn narrow(
        &self,
        group: usize,
        left: &BooleanBuffer,
        column: Column,
        value: &str,
    ) -> Result<BooleanBuffer, Error> {
        let mut equals = BooleanBufferBuilder::new(left.count_set_bits());
        for batch in self.read(group, left, &[column])? {
            let batch = batch?;
            let array = batch.columns().first().ok_or_else(|| mismatch(column.name()))?;
            equals.append_buffer(&equal(array.as_ref(), value)?);
        }
        let equals = equals.finish();
        if equals.len() == left.len() {
            return Ok(equals);
        }
        let mut next = BooleanBufferBuilder::new(left.len());
        next.append_n(left.len(), false);
        for (row, is_equal) in left.set_indices().zip(equals.iter()) {
            if is_equal {
                next.set_bit(row, true);
            }
        }
        Ok(next.finish())
    }

    fn read(
        &self,
        group: usize,
        rows: &BooleanBuffer,
        columns: &[Column],
    ) -> Result<impl Iterator<Item = Result<RecordBatch, ArrowError>> + use<>, Error> {
        let builder = self.builder();
        let leaves = columns.iter().map(|it| it.index());
        let mask = ProjectionMask::leaves(builder.parquet_schema(), leaves);
        let mut builder =
            builder.with_row_groups(vec![group]).with_projection(mask).with_batch_size(BATCH_ROWS);
        if rows.count_set_bits() < rows.len() {
            builder = builder.with_row_selection(RowSelection::from_boolean_buffer(rows.clone()));
        }
        let reader: ParquetRecordBatchReader = builder.build()?;
        Ok(reader)
    }

    fn builder(&self) -> ParquetRecordBatchReaderBuilder<Reader> {
        ParquetRecordBatchReaderBuilder::new_with_metadata(self.reader.clone(), self.footer.clone())
    }

    fn group(&self, group: usize) -> Option<&RowGroupMetaData> {
        self.footer.metadata().row_groups().get(group)
    }
}

/// The comparisons in the order in which they are made: what leaves few rows first, what costs most
/// last.
fn order(wanted: Wanted<'_>) -> impl Iterator<Item = (Column, &str)> {
    let attribute = wanted.attribute.map(|it| (it.key.column(), it.value.as_str()));
    let is_costly = wanted
        .attribute
        .is_some_and(|it| matches!(it.key, Key::ResourceName | Key::ResourceType | Key::ReadOnly));
    let first = attribute.filter(|_| !is_costly);
    let last = attribute.filter(|_| is_costly);
    first
        .into_iter()
        .chain([(Column::Account, wanted.account)])
        .chain(wanted.region.map(|it| (Column::AwsRegion, it)))
        .chain(last)
}

fn longs(group: &RowGroupMetaData, column: Column) -> Option<(i64, i64)> {
    let statistics = group.columns().get(column.index())?.statistics()?;
    let Statistics::Int64(it) = statistics else { return None };
    Some((*it.min_opt()?, *it.max_opt()?))
}

fn text_bounds(group: &RowGroupMetaData, column: Column) -> Option<(&[u8], &[u8])> {
    let statistics = group.columns().get(column.index())?.statistics()?;
    let Statistics::ByteArray(it) = statistics else { return None };
    Some((it.min_opt()?.data(), it.max_opt()?.data()))
}

/// Whether the statistics of a row group rule `value` out.
fn excludes(group: &RowGroupMetaData, column: Column, value: &str) -> bool {
    text_bounds(group, column)
        .is_some_and(|(low, high)| value.as_bytes() < low || value.as_bytes() > high)
}

/// Whether every row of the group has `value`.
fn is_constant(group: &RowGroupMetaData, column: Column, value: &str) -> bool {
    let Some(Statistics::ByteArray(it)) =
        group.columns().get(column.index()).and_then(|it| it.statistics())
    else {
        return false;
    };
    let value = Some(value.as_bytes());
    it.null_count_opt() == Some(0)
        && it.min_is_exact()
        && it.max_is_exact()
        && it.min_opt().map(|it| it.data()) == value
        && it.max_opt().map(|it| it.data()) == value
        && group
            .columns()
            .get(column.index())
            .is_some_and(|it| it.column_descr().max_rep_level() == 0)
}

fn column_of<A: 'static>(batch: &RecordBatch, index: usize) -> Result<&A, Error> {
    batch
        .columns()
        .get(index)
        .and_then(|it| it.as_any().downcast_ref())
        .ok_or_else(|| mismatch("read"))
}

/// A column of texts, dictionary or not.
fn texts(batch: &RecordBatch, index: usize) -> Result<Vec<String>, Error> {
    use arrow_array::{DictionaryArray, types::Int32Type};
    let column = batch.columns().get(index).ok_or_else(|| mismatch("read"))?;
    let any = column.as_any();
    if let Some(texts) = any.downcast_ref::<StringArray>() {
        return Ok(texts.iter().map(|it| it.unwrap_or_default().to_owned()).collect());
    }
    let texts = any
        .downcast_ref::<DictionaryArray<Int32Type>>()
        .and_then(|it| it.downcast_dict::<StringArray>())
        .ok_or_else(|| mismatch("read"))?;
    Ok(texts.into_iter().map(|it| it.unwrap_or_default().to_owned()).collect())
}

pub(crate) fn read_evidence(word: &str) -> Evidence {
    [Evidence::Server, Evidence::Proxy, Evidence::Client]
        .into_iter()
        .find(|it| it.as_str() == word)
        .unwrap_or(Evidence::Import)
}
