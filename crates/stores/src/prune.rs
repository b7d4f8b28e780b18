//! Which files a query need not read, and which parts of the others.
//!
//! Judged by what a file's footer says: bounds of each column of a row group and of each page, and
//! Bloom filters. All of it may only let through too much.

use std::sync::Arc;

use datafusion::datasource::physical_plan::parquet::ParquetAccessPlan;
use logfiles::Condition;
use parquet::{
    arrow::arrow_reader::{ParquetRecordBatchReaderBuilder, RowSelection},
    file::{
        metadata::{ColumnChunkMetaData, ParquetMetaData},
        page_index::column_index::ColumnIndexMetaData,
        statistics::Statistics,
    },
};
use tables::{Cache, Reader, Store};
use views::Test;

use crate::{Error, columns::leaf, day_file::SEARCHED, file::StoreFile, reading::footer};

/// A file to read.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) file: Arc<StoreFile>,
    /// The parts to read; all of it when absent.
    pub(crate) access: Option<ParquetAccessPlan>,
    /// Rows of the row groups to read.
    pub(crate) rows: u64,
    /// Bytes of these, of all columns.
    pub(crate) bytes: u64,
}

/// A condition on one leaf of a file.
struct Leaf<'a> {
    path: String,
    test: &'a Test,
}

/// The files that may hold rows that meet all conditions. Blocks.
///
/// # Errors
/// When a file cannot be read.
pub(crate) fn prune(
    files: &[Arc<StoreFile>],
    conditions: &[Condition],
    store: &Store,
    cache: &Cache,
) -> Result<Vec<Reading>, Error> {
    let leaves: Vec<Leaf<'_>> = conditions
        .iter()
        .map(|it| {
            let names: Vec<&str> = it.path.iter().map(|it| it.name).collect();
            Leaf { path: names.join("."), test: &it.test }
        })
        .collect();
    let (mut from, mut until) = (i64::MIN, i64::MAX);
    for leaf in leaves.iter().filter(|it| it.path == "eventtime") {
        if let Test::Time(low, high) = leaf.test {
            (from, until) = (from.max(*low), until.min(*high));
        }
    }
    let mut readings = Vec::new();
    for file in files.iter().filter(|it| it.times.0 <= until && it.times.1 >= from) {
        // A footer says nothing more when time alone is asked for: the rows of one day are looked at by
        // the scan itself.
        let mut reading =
            Reading { file: Arc::clone(file), access: None, rows: file.rows, bytes: file.bytes };
        if leaves.iter().all(|it| it.path == "eventtime") {
            readings.push(reading);
            continue;
        }
        let Some((access, rows, bytes)) = access(file, &leaves, store, cache)? else { continue };
        (reading.access, reading.rows, reading.bytes) = (Some(access), rows, bytes);
        readings.push(reading);
    }
    Ok(readings)
}

/// The parts of a file that may hold what is wanted; none when there are none.
fn access(
    file: &StoreFile,
    leaves: &[Leaf<'_>],
    store: &Store,
    cache: &Cache,
) -> Result<Option<(ParquetAccessPlan, u64, u64)>, Error> {
    let mut reader = None;
    let mut open = || match &reader {
        Some(reader) => Ok::<Reader, Error>(Reader::clone(reader)),
        None => Ok(reader.insert(store.open(&file.url, file.bytes)?).clone()),
    };
    let footer = footer(file, store, cache)?;
    let metadata = footer.metadata();
    let schema = metadata.file_metadata().schema_descr();
    let leaves: Vec<(usize, &Leaf<'_>)> =
        leaves.iter().filter_map(|it| Some((leaf(schema, &it.path)?, it))).collect();
    let mut access = ParquetAccessPlan::new_all(metadata.num_row_groups());
    for (number, group) in metadata.row_groups().iter().enumerate() {
        let bounded = leaves.iter().all(|(column, leaf)| {
            group.columns().get(*column).is_none_or(|it| may_hold(it, leaf.test))
        });
        if !bounded {
            access.skip(number);
            continue;
        }
        for (column, leaf) in leaves.iter().filter(|it| SEARCHED.contains(&&*it.1.path)) {
            let Test::OneOf(texts) = leaf.test else { continue };
            let filter = cache.bloom(&file.url, number, *column, || {
                let builder =
                    ParquetRecordBatchReaderBuilder::new_with_metadata(open()?, footer.clone());
                Ok::<_, Error>(builder.get_row_group_column_bloom_filter(number, *column)?)
            })?;
            if filter.is_some_and(|it| !texts.iter().any(|text| it.check(text.as_str()))) {
                access.skip(number);
                break;
            }
        }
        if access.should_scan(number) {
            for (column, leaf) in &leaves {
                if let Some(selection) = pages(metadata, number, *column, leaf.test) {
                    access.scan_selection(number, selection);
                }
            }
        }
    }
    let read = access.row_group_indexes();
    let groups = || read.iter().filter_map(|it| metadata.row_groups().get(*it));
    let rows = groups().map(|it| it.num_rows().cast_unsigned()).sum();
    let bytes = groups().map(|it| it.compressed_size().cast_unsigned()).sum();
    Ok((!read.is_empty()).then_some((access, rows, bytes)))
}

/// Whether a column of a row group may hold a wanted value, by its bounds.
fn may_hold(column: &ColumnChunkMetaData, test: &Test) -> bool {
    let Some(statistics) = column.statistics() else { return true };
    match statistics {
        Statistics::ByteArray(it) => {
            let (Some(low), Some(high)) = (it.min_opt(), it.max_opt()) else {
                // Without bounds all are null, or it does not say.
                return it.null_count_opt() != Some(column.num_values().cast_unsigned());
            };
            texts_may_meet(low.data(), high.data(), test)
        }
        Statistics::Int64(it) => {
            let (Some(low), Some(high)) = (it.min_opt(), it.max_opt()) else { return true };
            match test {
                Test::Time(from, until) => low <= until && high >= from,
                Test::OneOf(_) | Test::Prefix(_) | Test::Between(..) => true,
            }
        }
        Statistics::Boolean(_)
        | Statistics::Int32(_)
        | Statistics::Int96(_)
        | Statistics::Float(_)
        | Statistics::Double(_)
        | Statistics::FixedLenByteArray(_) => true,
    }
}

/// Whether a text between two bounds may meet a test. Bounds may be cut, the upper one then made
/// larger.
fn texts_may_meet(low: &[u8], high: &[u8], test: &Test) -> bool {
    match test {
        Test::OneOf(texts) => texts.iter().any(|it| low <= it.as_bytes() && it.as_bytes() <= high),
        Test::Prefix(prefix) => {
            let prefix = prefix.as_bytes();
            high >= prefix && (low <= prefix || low.starts_with(prefix))
        }
        Test::Between(from, until) => {
            from.as_ref().is_none_or(|it| it.as_bytes() <= high)
                && until.as_ref().is_none_or(|it| low <= it.as_bytes())
        }
        Test::Time(..) => true,
    }
}

/// The rows of the pages that may hold a wanted value; none when that would be all, or unknown.
fn pages(
    metadata: &ParquetMetaData,
    group: usize,
    column: usize,
    test: &Test,
) -> Option<RowSelection> {
    let index = metadata.column_index()?.get(group)?.get(column)?;
    let offsets = metadata.offset_index()?.get(group)?.get(column)?.page_locations();
    let ColumnIndexMetaData::BYTE_ARRAY(index) = index else { return None };
    let rows = usize::try_from(metadata.row_group(group).num_rows()).ok()?;
    let first = |page: usize| {
        offsets.get(page).map_or(rows, |it| usize::try_from(it.first_row_index).unwrap_or(rows))
    };
    let mut ranges = Vec::new();
    for page in 0..offsets.len() {
        let may_hold = match (index.min_value(page), index.max_value(page)) {
            (Some(low), Some(high)) => texts_may_meet(low, high, test),
            _ => !index.is_null_page(page),
        };
        if may_hold {
            ranges.push(first(page)..first(page + 1));
        }
    }
    let wanted: usize = ranges.iter().map(ExactSizeIterator::len).sum();
    (wanted < rows).then(|| RowSelection::from_consecutive_ranges(ranges.into_iter(), rows))
}
