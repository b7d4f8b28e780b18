//! Writing one data file: the rows of a day.
//!
//! The layout is for questions over years that want one key, one name or one source:
//!
//! - Columns of few values are dictionaries.
//! - Columns of many values that are searched for have Bloom filters: an absent key costs no read.
//! - A row group is small enough that what it may hold says something, and large enough to be scanned
//!   quickly.

use std::sync::Arc;

use arrow_array::RecordBatch;
use iceberg::spec::{DataContentType, DataFile, DataFileBuilder, DataFileFormat, Literal, Struct};
use parquet::{
    arrow::{ArrowWriter, arrow_writer::ArrowWriterOptions},
    basic::{Compression, Encoding, ZstdLevel},
    file::properties::{EnabledStatistics, WriterProperties},
    schema::types::ColumnPath,
};
use tables::{Metrics, OURS, Store, Upload};
use uuid::Uuid;

use crate::{Error, columns, file::SORT_ORDER_ID};

/// Rows of a row group, about.
const GROUP_ROWS: u64 = 32 << 10;
/// Rows of a page at most, where its bytes do not end it earlier.
const PAGE_ROWS: usize = 4 << 10;
/// How many absent values of a hundred a Bloom filter takes for present.
const BLOOM_ERRORS: f64 = 0.01;
/// Columns that are searched for and have many values.
pub(crate) const SEARCHED: [&str; 8] = [
    "eventid",
    "requestid",
    "sharedeventid",
    "sourceipaddress",
    "useridentity.accesskeyid",
    "useridentity.arn",
    "useridentity.principalid",
    "useridentity.username",
];
/// Columns that most questions are about, and that are small: what reads quickly is worth more there than
/// what packs well.
const ASKED_FOR: [&str; 14] = [
    "awsregion",
    "errorcode",
    "eventname",
    "eventsource",
    "eventtime",
    "eventtype",
    "readonly",
    "recipientaccountid",
    "sourceipaddress",
    "useridentity.accesskeyid",
    "useridentity.accountid",
    "useridentity.arn",
    "useridentity.type",
    "useridentity.username",
];
/// Columns whose values hardly ever repeat.
const UNIQUE: [&str; 3] = ["eventid", "requestid", "eventjson"];

/// In which order rows come to a file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RowOrder {
    /// In none. The file will be replaced by one whose rows are in order: it is written quickly.
    Any,
    /// In the table's order.
    Sorted {
        /// How many rows there will be.
        rows: u64,
    },
}

impl RowOrder {
    const fn is_sorted(self) -> bool {
        matches!(self, Self::Sorted { .. })
    }

    /// Rows of a row group: the groups of a file are of one size, so that none is a small rest.
    fn group_rows(self) -> usize {
        let rows = match self {
            Self::Any => GROUP_ROWS,
            Self::Sorted { rows } => {
                let groups = (rows + GROUP_ROWS / 2) / GROUP_ROWS;
                rows.div_ceil(groups.max(1)).max(1)
            }
        };
        usize::try_from(rows).unwrap_or(usize::MAX)
    }
}

/// A data file in the making. Dropped before [`DayFile::finish`] it leaves nothing that anyone reads.
/// Blocks; needs a Tokio runtime.
pub(crate) struct DayFile {
    url: String,
    day: Option<i32>,
    is_sorted: bool,
    writer: ArrowWriter<Upload>,
}

/// Where the files of a table go.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) store: Store,
    /// The table's location.
    pub(crate) table: Arc<str>,
    pub(crate) random: Arc<dyn ambient::Random>,
}

impl Target {
    /// Begins a file of one day, counted from 1970, under a name that was never used.
    ///
    /// # Errors
    /// When it cannot be begun.
    pub(crate) fn create(&self, day: Option<i32>, order: RowOrder) -> Result<DayFile, Error> {
        DayFile::create(self, day, order, self.random.uuid())
    }
}

impl DayFile {
    fn create(
        target: &Target,
        day: Option<i32>,
        order: RowOrder,
        name: Uuid,
    ) -> Result<Self, Error> {
        let folder = day.map_or_else(|| "null".to_owned(), label);
        let url = format!("{}/data/eventtime_day={folder}/{OURS}{name}.parquet", target.table);
        let options = ArrowWriterOptions::new()
            .with_properties(properties(order)?)
            .with_skip_arrow_metadata(true);
        let upload = target.store.upload(&url)?;
        let writer = ArrowWriter::try_new_with_options(upload, columns::arrow()?, options)?;
        Ok(Self { url, day, is_sorted: order.is_sorted(), writer })
    }

    /// Where it will lie.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Adds rows of the table's columns.
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
        let mut file = DataFileBuilder::default();
        Metrics::read(&metadata, columns::iceberg()?).describe(&mut file);
        file.content(DataContentType::Data)
            .file_path(self.url.clone())
            .file_format(DataFileFormat::Parquet)
            .partition(Struct::from_iter([self.day.map(Literal::date)]))
            .record_count(metadata.file_metadata().num_rows().cast_unsigned())
            .file_size_in_bytes(bytes);
        if self.is_sorted {
            file.sort_order_id(SORT_ORDER_ID);
        }
        let built = file.build();
        built.map_err(|_| {
            tables::Error::File { path: self.url, reason: "cannot be described" }.into()
        })
    }
}

fn properties(order: RowOrder) -> Result<WriterProperties, Error> {
    let (is_sorted, group_rows) = (order.is_sorted(), order.group_rows());
    let path = |name: &str| ColumnPath::new(name.split('.').map(str::to_owned).collect());
    let mut builder = WriterProperties::builder()
        .set_created_by("trailmark".to_owned())
        .set_compression(if is_sorted {
            Compression::ZSTD(ZstdLevel::try_new(1)?)
        } else {
            Compression::LZ4_RAW
        })
        .set_max_row_group_row_count(Some(group_rows))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_statistics_enabled(if is_sorted {
            EnabledStatistics::Page
        } else {
            EnabledStatistics::Chunk
        })
        .set_column_statistics_enabled(path("eventjson"), EnabledStatistics::None)
        // A dictionary of times would be as large as the times, and be read whole for a single page.
        .set_column_dictionary_enabled(path("eventtime"), false)
        .set_column_encoding(path("eventtime"), Encoding::DELTA_BINARY_PACKED);
    for name in ASKED_FOR {
        builder = builder.set_column_compression(path(name), Compression::LZ4_RAW);
    }
    for name in UNIQUE {
        builder = builder.set_column_dictionary_enabled(path(name), false);
    }
    for name in SEARCHED.into_iter().filter(|_| is_sorted) {
        builder = builder
            .set_column_bloom_filter_enabled(path(name), true)
            .set_column_bloom_filter_fpp(path(name), BLOOM_ERRORS)
            .set_column_bloom_filter_max_ndv(path(name), group_rows as u64);
    }
    Ok(builder.build())
}

/// The day as `yyyy-mm-dd`, for names of folders.
fn label(day: i32) -> String {
    let date = jiff::civil::date(1970, 1, 1);
    let date = date.checked_add(jiff::Span::new().days(day));
    date.map_or_else(|_| format!("day-{day}"), |it| it.to_string())
}
