//! Writing the tail to files: rows sorted, one file for each category and month.

use std::{cmp::Reverse, sync::Arc};

use ambient::Random;
use arrow_array::{Array, ArrayRef, Date32Array, RecordBatch, StringArray, builder::StringBuilder};
use arrow_select::interleave::interleave;
use iceberg::spec::DataFile;
use record::Category;

use tables::{OURS, Store};

use crate::{
    Error,
    chunk::{Chunk, mismatch, typed},
    columns::{Column, arrow_schema},
    parquet_file::ParquetFile,
};

/// Rows that are brought into order at once: bounds what a flush takes of memory beside the tail.
const BATCH_ROWS: usize = 2 << 10;

/// Where files go and how they are named.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) store: Store,
    /// The table's location.
    pub(crate) table: Arc<str>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) row_group_rows: usize,
}

impl Target {
    /// Begins a file under a name that was never used. Names begin with [`OURS`].
    ///
    /// # Errors
    /// When the file cannot be begun.
    pub(crate) fn create(&self, category: Category, month: i32) -> Result<ParquetFile, Error> {
        let name = format!("{OURS}{}", self.random.uuid());
        ParquetFile::create(self, category, month, &name)
    }
}

/// Writes the rows of `chunks` to new files. Blocks; needs a Tokio runtime.
///
/// Memory: the chunks, one batch, and one row group of one file, compressed. Files: at most one for
/// each category and month, of which there are few whatever the records say ([`crate::month`]).
///
/// `begun` gets the URL of each file before anything is written of it.
///
/// # Errors
/// When a file cannot be written. Those that were are not part of the table.
pub(crate) fn write(
    chunks: &[Arc<Chunk>],
    target: &Target,
    begun: &mut Vec<String>,
) -> Result<Vec<DataFile>, Error> {
    let mut rows = order(chunks)?;
    rows.sort_unstable();
    let mut files = Vec::new();
    for rows in rows.chunk_by(|a, b| (a.category, a.month) == (b.category, b.month)) {
        let Some(first) = rows.first() else { continue };
        let mut file = target.create(first.category, first.month)?;
        begun.push(file.url().to_owned());
        for rows in rows.chunks(BATCH_ROWS) {
            file.write(&gather(chunks, rows)?)?;
        }
        files.push(file.finish()?);
    }
    Ok(files)
}

/// A row's place in the order of the table, and where it is now.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
struct Ordered {
    category: Category,
    month: i32,
    time: Reverse<i64>,
    position: Reverse<i64>,
    chunk: u32,
    row: u32,
}

fn order(chunks: &[Arc<Chunk>]) -> Result<Vec<Ordered>, Error> {
    let mut rows = Vec::with_capacity(chunks.iter().map(|it| it.rows()).sum());
    for (number, chunk) in (0..).zip(chunks) {
        let categories: StringArray = typed(&chunk.columns, Column::Category)?;
        let months: Date32Array = typed(&chunk.columns, Column::EventMonth)?;
        let mut last = ("", Category::Other);
        let values = chunk.times.values().iter().zip(chunk.positions.values());
        for ((row, (time, position)), (word, month)) in
            (0..).zip(values).zip(categories.iter().zip(months.values()))
        {
            let word = word.unwrap_or_default();
            if word != last.0 {
                last = (word, Category::from_word(word));
            }
            rows.push(Ordered {
                category: last.1,
                month: *month,
                time: Reverse(*time),
                position: Reverse(*position),
                chunk: number,
                row,
            });
        }
    }
    Ok(rows)
}

/// The rows with all their columns.
fn gather(chunks: &[Arc<Chunk>], rows: &[Ordered]) -> Result<RecordBatch, Error> {
    let places: Vec<_> = rows.iter().map(|it| (it.chunk as usize, it.row as usize)).collect();
    let schema = arrow_schema();
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(schema.fields().len());
    for index in 0..Column::Record.index() {
        let parts: Option<Vec<&dyn Array>> =
            chunks.iter().map(|it| it.columns.columns().get(index).map(AsRef::as_ref)).collect();
        columns.push(interleave(&parts.ok_or_else(|| mismatch("of the tail"))?, &places)?);
    }
    let bodies = || {
        places
            .iter()
            .filter_map(|(chunk, row)| chunks.get(*chunk).and_then(|it| it.bodies.get(*row)))
    };
    let mut records = StringBuilder::with_capacity(rows.len(), bodies().map(|it| it.len()).sum());
    for body in bodies() {
        // Records were read before they came here, so they are UTF-8.
        records.append_value(str::from_utf8(body).map_err(|_| mismatch("record"))?);
    }
    columns.push(Arc::new(records.finish()));
    Ok(RecordBatch::try_new(schema, columns)?)
}
