//! A data file of the table, as far as it is kept in memory: where it is and what it may hold.

use iceberg::spec::{DataContentType, DataFile, Datum, Literal, PrimitiveLiteral};
use record::{AccountId, Category};

use tables::{DataFileFacts, Error};

use crate::{columns::Column, month};

/// The table's sort order: by event time, then position, both descending. Files that claim it are
/// read newest first and left early.
pub(crate) const SORT_ORDER_ID: i32 = 1;

/// One Parquet file. A few hundred bytes each.
#[derive(Clone, Debug)]
pub(crate) struct TableFile {
    /// Where it lies.
    pub(crate) url: Box<str>,
    /// Its length.
    pub(crate) bytes: u64,
    /// How many rows it has.
    pub(crate) rows: u64,
    /// The category of all its rows.
    pub(crate) category: Category,
    /// The first day of the month under which its rows are filed.
    pub(crate) month: i32,
    /// Earliest and latest event time, in microseconds.
    pub(crate) times: (i64, i64),
    /// Lowest and highest position.
    pub(crate) positions: (u64, u64),
    /// Lowest and highest account.
    pub(crate) accounts: Option<(AccountId, AccountId)>,
    /// Whether its rows are in the table's order. Files that other engines wrote may not be.
    pub(crate) is_sorted: bool,
}

impl DataFileFacts for TableFile {
    /// Bounds that are missing are as wide as can be.
    fn read(file: &DataFile) -> Result<Self, Error> {
        let refuse = |reason| Error::File { path: file.file_path().to_owned(), reason };
        if file.content_type() != DataContentType::Data {
            return Err(refuse("holds no rows"));
        }
        let mut partition = file.partition().iter();
        let category = match partition.next().flatten() {
            Some(Literal::Primitive(PrimitiveLiteral::String(word))) => Category::from_word(word),
            _ => return Err(refuse("has no category")),
        };
        let month = match partition.next().flatten() {
            Some(Literal::Primitive(PrimitiveLiteral::Int(day))) => *day,
            _ => return Err(refuse("has no month")),
        };
        let lower = |column: Column| file.lower_bounds().get(&column.field_id());
        let upper = |column: Column| file.upper_bounds().get(&column.field_id());
        Ok(Self {
            url: file.file_path().into(),
            bytes: file.file_size_in_bytes(),
            rows: file.record_count(),
            category,
            month,
            times: (
                long(lower(Column::EventTime)).unwrap_or(i64::MIN),
                long(upper(Column::EventTime)).unwrap_or(i64::MAX),
            ),
            positions: (
                long(lower(Column::Position)).map_or(0, i64::cast_unsigned),
                long(upper(Column::Position)).map_or(u64::MAX, i64::cast_unsigned),
            ),
            accounts: account(lower(Column::Account)).zip(account(upper(Column::Account))),
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

impl TableFile {
    /// Whether rows of `account` may be in it.
    pub(crate) fn may_hold(&self, account: AccountId) -> bool {
        self.accounts.is_none_or(|(low, high)| low <= account && account <= high)
    }

    /// The time after which none of its rows is shown any more, apart from the retention. The month
    /// bounds it, so that a row from a far future does not keep its file for ever.
    pub(crate) fn newest_us(&self) -> i64 {
        self.times.1.min(month::end_us(self.month))
    }
}

fn long(bound: Option<&Datum>) -> Option<i64> {
    let PrimitiveLiteral::Long(value) = bound?.literal() else { return None };
    Some(*value)
}

fn account(bound: Option<&Datum>) -> Option<AccountId> {
    let PrimitiveLiteral::String(text) = bound?.literal() else { return None };
    AccountId::parse(text).ok()
}
