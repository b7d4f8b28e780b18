//! Writing one data file: how rows lie in Parquet, and what the table's metadata says of them.
//!
//! The layout is for lookups that want a few rows, newest first, out of millions:
//!
//! - Rows are sorted by event time and position, descending; a row group has at most
//!   as many as are set.
//! - Columns of few values are dictionaries, which a reader compares without decoding each value.
//! - Columns of many values that are searched for have Bloom filters: an absent value costs no read.
//! - Pages of the record itself are small, so that fetching fifty records reads little.

use arrow_array::RecordBatch;
use iceberg::spec::{DataContentType, DataFile, DataFileBuilder, DataFileFormat, Literal, Struct};
use parquet::{
    arrow::{ArrowWriter, arrow_writer::ArrowWriterOptions},
    basic::{Compression, ZstdLevel},
    file::{
        metadata::SortingColumn,
        properties::{EnabledStatistics, WriterProperties},
    },
    schema::types::ColumnPath,
};
use record::Category;
use tables::{Metrics, Upload};

use crate::{
    Error,
    columns::{Column, arrow_schema, has_dictionary, table_schema},
    flush::Target,
    month,
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
        let mut file = DataFileBuilder::default();
        Metrics::read(&metadata, &table_schema()?).describe(&mut file);
        file.content(DataContentType::Data)
            .file_path(self.url.clone())
            .file_format(DataFileFormat::Parquet)
            .partition(partition)
            .record_count(metadata.file_metadata().num_rows().cast_unsigned())
            .file_size_in_bytes(bytes)
            .sort_order_id(SORT_ORDER_ID)
            .build()
            .map_err(|_| {
                tables::Error::File { path: self.url, reason: "cannot be described" }.into()
            })
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
