//! A data file of a store, as far as it is kept in memory: where it is and what it may hold.

use iceberg::spec::{DataContentType, DataFile, Datum, Literal, PrimitiveLiteral};
use tables::{DataFileFacts, Error};

use crate::columns;

/// The order of rows in files that claim it: by access key, source, name and time, so that the calls
/// of one key lie together, and of these the alike ones.
pub(crate) const SORT_ORDER_ID: i32 = 1;

/// The columns of the order, as paths.
pub(crate) const SORTED_BY: [&str; 4] =
    ["useridentity.accesskeyid", "eventsource", "eventname", "eventtime"];

/// One Parquet file. A few hundred bytes each.
#[derive(Clone, Debug)]
pub(crate) struct StoreFile {
    pub(crate) url: Box<str>,
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
    /// The day of all its rows, counted from 1970; none for rows without a time.
    pub(crate) day: Option<i32>,
    /// Earliest and latest event time, in microseconds.
    pub(crate) times: (i64, i64),
    /// Whether its rows are in the table's order.
    pub(crate) is_sorted: bool,
}

impl DataFileFacts for StoreFile {
    fn read(file: &DataFile) -> Result<Self, Error> {
        let refuse = |reason| Error::File { path: file.file_path().to_owned(), reason };
        if file.content_type() != DataContentType::Data {
            return Err(refuse("holds no rows"));
        }
        let day = match file.partition().iter().next() {
            Some(Some(Literal::Primitive(PrimitiveLiteral::Int(day)))) => Some(*day),
            Some(None) => None,
            _ => return Err(refuse("has no day")),
        };
        let time = columns::id("eventtime").map_err(|_| refuse("has no time"))?;
        Ok(Self {
            url: file.file_path().into(),
            bytes: file.file_size_in_bytes(),
            rows: file.record_count(),
            day,
            times: (
                long(file.lower_bounds().get(&time)).unwrap_or(i64::MIN),
                long(file.upper_bounds().get(&time)).unwrap_or(i64::MAX),
            ),
            is_sorted: file.sort_order_id() == Some(SORT_ORDER_ID),
        })
    }

    fn url(&self) -> &str {
        &self.url
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }
}

fn long(bound: Option<&Datum>) -> Option<i64> {
    let PrimitiveLiteral::Long(value) = bound?.literal() else { return None };
    Some(*value)
}
