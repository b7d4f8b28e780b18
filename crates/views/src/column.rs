//! What a column is: its name, which member of the record fills it, and how.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields, TimeUnit};

/// A column, or a field of a row.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Column {
    /// As queries name it, in lower case.
    pub name: &'static str,
    /// As records spell the member.
    pub member: &'static str,
    /// Where else the value may lie, from the record or row on; empty when nowhere.
    pub also: &'static [&'static str],
    /// How the member's value is shown.
    pub kind: Kind,
}

/// How a member's value is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Text; a value that is none is shown as its JSON.
    Text,
    /// True or false; null when it is neither.
    Boolean,
    /// A time in UTC, in microseconds; null when it is none.
    Time,
    /// A number with fraction.
    Double,
    /// A number without.
    Integer,
    /// The members of an object by name, each as [`Kind::Text`] shows it.
    Map,
    /// An object with these fields.
    Row(&'static [Column]),
    /// A list of objects with these fields. An object that stands alone is a list of one.
    List(&'static [Column]),
    /// The whole record as it was delivered.
    Record,
}

impl Kind {
    /// The type in memory.
    #[must_use]
    pub fn data_type(self) -> DataType {
        match self {
            Self::Text | Self::Record => DataType::Utf8,
            Self::Boolean => DataType::Boolean,
            Self::Time => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Double => DataType::Float64,
            Self::Integer => DataType::Int64,
            Self::Map => DataType::Map(Arc::new(entries()), false),
            Self::Row(columns) => DataType::Struct(fields(columns)),
            Self::List(columns) => DataType::List(element(columns)),
        }
    }
}

/// The field of a list's elements.
pub(crate) fn element(columns: &[Column]) -> Arc<Field> {
    Arc::new(Field::new("element", DataType::Struct(fields(columns)), true))
}

/// The fields of columns.
pub(crate) fn fields(columns: &[Column]) -> Fields {
    columns.iter().map(Column::field).collect()
}

/// The entries of a map, named as every engine expects.
pub(crate) fn entries() -> Field {
    Field::new("key_value", DataType::Struct(entry_fields()), false)
}

pub(crate) fn entry_fields() -> Fields {
    [Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Utf8, true)]
        .into_iter()
        .collect()
}

impl Column {
    pub(crate) const fn or(self, also: &'static [&'static str]) -> Self {
        Self { also, ..self }
    }

    /// The column as Arrow describes it. Every column may be null.
    #[must_use]
    pub fn field(&self) -> Field {
        Field::new(self.name, self.kind.data_type(), true)
    }
}

pub(crate) const fn text(name: &'static str, member: &'static str) -> Column {
    column(name, member, Kind::Text)
}

pub(crate) const fn column(name: &'static str, member: &'static str, kind: Kind) -> Column {
    Column { name, member, also: &[], kind }
}
