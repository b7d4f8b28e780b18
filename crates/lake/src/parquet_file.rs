//! Writing one data file: how rows lie in Parquet, and what the table's metadata says of them.
//!
//! The layout is for lookups that want a few rows, newest first, out of millions:
//!
//! - Rows are sorted by event time and position, descending; a row group has at most
//!   as many as are set.
//! - Columns of few values are dictionaries, which a reader compares without decoding each value.
//! - Columns of many values that are searched for have Bloom filters: an absent value costs no read.
//! - Pages of the record itself are small, so that fetching fifty records reads little.

use std::collections::HashMap;

use arrow_array::RecordBatch;
use iceberg::spec::{
    DataContentType, DataFile, DataFileBuilder, DataFileFormat, Datum, Literal, Struct,
};
use parquet::{
    arrow::{ArrowWriter, arrow_writer::ArrowWriterOptions},
    basic::{Compression, ZstdLevel},
    file::{
        metadata::{ParquetMetaData, SortingColumn},
        properties::{EnabledStatistics, WriterProperties},
        statistics::Statistics,
    },
    schema::types::ColumnPath,
};
use record::Category;

use crate::{
    Error,
    columns::{Column, arrow_schema, has_dictionary},
    flush::Target,
    month,
    store::Upload,
    table_file::SORT_ORDER_ID,
};

/// Rows of a page at most, where its bytes do not end it earlier.
const PAGE_ROWS: usize = 8 << 10;

/// Bytes of a page of records, uncompressed.
const RECORD_PAGE_BYTES: usize = 32 << 10;

/// How many absent values of a hundred a Bloom filter takes for present.
const BLOOM_ERRORS: f64 = 0.01;

/// A data file in the making. Dropped before [`ParquetFile::finish`] it leaves nothing that anyone
/// reads. Blocks; needs a Tokio runtime.
pub(crate) struct ParquetFile {
    url: String,
    category: Category,
    month: i32,
    writer: ArrowWriter<Upload>,
}

impl ParquetFile {
    /// Begins a file of one category and month. `name` is unique and never used again.
    ///
    /// # Errors
    /// When the file cannot be begun.
    pub(crate) fn create(
        target: &Target,
        category: Category,
        month: i32,
        name: &str,
    ) -> Result<Self, Error> {
        let label = month::label(month);
        let url =
            format!("{}/data/category={category}/eventmonth={label}/{name}.parquet", target.table);
        let options = ArrowWriterOptions::new()
            .with_properties(properties(target.row_group_rows)?)
            .with_skip_arrow_metadata(true);
        let upload = target.store.upload(&url)?;
        let writer = ArrowWriter::try_new_with_options(upload, arrow_schema(), options)?;
        Ok(Self { url, category, month, writer })
    }

    /// Where it will lie.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Adds rows, which continue the order of those before.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(crate) fn write(&mut self, rows: &RecordBatch) -> Result<(), Error> {
        Ok(self.writer.write(rows)?)
    }

    /// Completes and syncs the file.
    ///
    /// # Errors
    /// When it cannot be written or synced; it may then be there or not.
    pub(crate) fn finish(mut self) -> Result<DataFile, Error> {
        let metadata = self.writer.finish()?;
        let bytes = self.writer.inner_mut().finish()?;
        let partition = Struct::from_iter([
            Some(Literal::string(self.category.as_str())),
            Some(Literal::date(self.month)),
        ]);
        let numbers = Numbers::read(&metadata);
        DataFileBuilder::default()
            .content(DataContentType::Data)
            .file_path(self.url.clone())
            .file_format(DataFileFormat::Parquet)
            .partition(partition)
            .record_count(metadata.file_metadata().num_rows().cast_unsigned())
            .file_size_in_bytes(bytes)
            .column_sizes(numbers.sizes)
            .value_counts(numbers.values)
            .null_value_counts(numbers.nulls)
            .lower_bounds(numbers.lower)
            .upper_bounds(numbers.upper)
            .split_offsets(Some(numbers.splits))
            .sort_order_id(SORT_ORDER_ID)
            .build()
            .map_err(|_| Error::File { path: self.url, reason: "cannot be described" })
    }
}

/// The columns that are searched for and have many values.
const BLOOM_FILTERED: [Column; 5] = [
    Column::AccessKeyId,
    Column::EventId,
    Column::ResourceNames,
    Column::SharedEventId,
    Column::Username,
];

/// Whether files have a Bloom filter of the column.
pub(crate) fn has_bloom_filter(column: Column) -> bool {
    BLOOM_FILTERED.contains(&column)
}

fn properties(row_group_rows: usize) -> Result<WriterProperties, Error> {
    let sorting = [Column::EventTime, Column::Position].map(|it| SortingColumn {
        column_idx: it.index() as i32,
        descending: true,
        nulls_first: false,
    });
    let record = ColumnPath::from(Column::Record.name());
    let mut builder = WriterProperties::builder()
        .set_created_by("trailmark".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_max_row_group_row_count(Some(row_group_rows.max(1)))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_sorting_columns(Some(sorting.to_vec()))
        .set_column_data_page_size_limit(record.clone(), RECORD_PAGE_BYTES)
        .set_column_statistics_enabled(record, EnabledStatistics::None);
    for (index, field) in arrow_schema().fields().iter().enumerate() {
        if !has_dictionary(index) {
            builder = builder
                .set_column_dictionary_enabled(ColumnPath::from(field.name().as_str()), false);
        }
    }
    for column in BLOOM_FILTERED {
        let mut path = vec![column.name().into()];
        if column == Column::ResourceNames {
            path.extend(["list".into(), "element".into()]);
        }
        let path = ColumnPath::new(path);
        builder = builder
            .set_column_bloom_filter_enabled(path.clone(), true)
            .set_column_bloom_filter_fpp(path.clone(), BLOOM_ERRORS)
            .set_column_bloom_filter_max_ndv(path, 2 * row_group_rows.max(1) as u64);
    }
    Ok(builder.build())
}

/// What the footer knows of each column, by field id.
#[derive(Default)]
struct Numbers {
    sizes: HashMap<i32, u64>,
    values: HashMap<i32, u64>,
    nulls: HashMap<i32, u64>,
    lower: HashMap<i32, Datum>,
    upper: HashMap<i32, Datum>,
    splits: Vec<i64>,
}

impl Numbers {
    fn read(metadata: &ParquetMetaData) -> Self {
        let mut numbers = Self::default();
        for group in metadata.row_groups() {
            numbers.splits.extend(group.file_offset());
            for (index, column) in group.columns().iter().enumerate() {
                let info = column.column_descr().self_type().get_basic_info();
                let Some(id) = info.has_id().then(|| info.id()) else { continue };
                *numbers.sizes.entry(id).or_default() += column.compressed_size().cast_unsigned();
                *numbers.values.entry(id).or_default() += column.num_values().cast_unsigned();
                let Some(statistics) = column.statistics() else { continue };
                if let Some(nulls) = statistics.null_count_opt() {
                    *numbers.nulls.entry(id).or_default() += nulls;
                }
                if column.column_descr().max_rep_level() > 0 {
                    continue;
                }
                let Some((low, high)) = bounds(index, statistics) else { continue };
                keep(&mut numbers.lower, id, low, |new, old| new < old);
                keep(&mut numbers.upper, id, high, |new, old| new > old);
            }
        }
        numbers.splits.sort_unstable();
        numbers
    }
}

fn keep(
    bounds: &mut HashMap<i32, Datum>,
    id: i32,
    bound: Datum,
    is_wider: impl Fn(&Datum, &Datum) -> bool,
) {
    match bounds.get_mut(&id) {
        Some(old) if is_wider(&bound, old) => *old = bound,
        Some(_) => {}
        None => {
            bounds.insert(id, bound);
        }
    }
}

/// The smallest and the largest value of a column chunk, as Iceberg writes them.
fn bounds(index: usize, statistics: &Statistics) -> Option<(Datum, Datum)> {
    let is_time = [Column::EventTime, Column::Arrival].iter().any(|it| it.index() == index);
    match statistics {
        Statistics::Boolean(it) => Some((Datum::bool(*it.min_opt()?), Datum::bool(*it.max_opt()?))),
        Statistics::Int32(it) => {
            let date = Column::EventMonth.index() == index;
            let datum = |value: i32| if date { Datum::date(value) } else { Datum::int(value) };
            Some((datum(*it.min_opt()?), datum(*it.max_opt()?)))
        }
        Statistics::Int64(it) => {
            let datum = |value: i64| {
                if is_time { Datum::timestamptz_micros(value) } else { Datum::long(value) }
            };
            Some((datum(*it.min_opt()?), datum(*it.max_opt()?)))
        }
        Statistics::ByteArray(it) => {
            // Long texts are cut, upper bounds then made larger: both stay bounds.
            let low = str::from_utf8(it.min_opt()?.data()).ok()?;
            let high = str::from_utf8(it.max_opt()?.data()).ok()?;
            Some((Datum::string(low), Datum::string(high)))
        }
        Statistics::Int96(_)
        | Statistics::Float(_)
        | Statistics::Double(_)
        | Statistics::FixedLenByteArray(_) => None,
    }
}
