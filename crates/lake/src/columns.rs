//! The columns of the table: one list, from which the Iceberg and the Arrow schema are made.
//!
//! Names are CloudTrail's in lower case, since engines fold unquoted names. Every column carries its
//! field id, without which other engines fall back on names.

use std::{collections::HashMap, sync::Arc};

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use iceberg::spec;
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

use Kind::{Date, Flag, Int, Long, Text, Texts, Time};

/// A column, by its place in the table. Each is one Parquet leaf, at the same index.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(dead_code, reason = "some columns are for other engines only; their places count")]
#[repr(usize)]
pub(crate) enum Column {
    EventTime,
    Position,
    Arrival,
    EventId,
    EventName,
    EventSource,
    AwsRegion,
    Account,
    Category,
    EventMonth,
    ReadOnly,
    Username,
    PrincipalId,
    AccessKeyId,
    SourceIpAddress,
    ErrorCode,
    ResourceTypes,
    ResourceNames,
    EventType,
    SharedEventId,
    Evidence,
    Source,
    SourceSequence,
    Marks,
    Record,
}

#[derive(Clone, Copy)]
enum Kind {
    Date,
    Flag,
    Int,
    Long,
    Text,
    /// A list; the number is the field id of its elements.
    Texts(i32),
    Time,
}

struct Definition {
    name: &'static str,
    kind: Kind,
    is_required: bool,
}

const fn required(name: &'static str, kind: Kind) -> Definition {
    Definition { name, kind, is_required: true }
}

const fn optional(name: &'static str, kind: Kind) -> Definition {
    Definition { name, kind, is_required: false }
}

/// In the order of [`Column`]. A column's field id is its index plus one, elements' follow: as Iceberg
/// numbers a new table. Places and ids never change; a column to come needs an id of its own.
const COLUMNS: [Definition; 25] = [
    required("eventtime", Time),
    required("position", Long),
    required("arrival", Time),
    optional("eventid", Text),
    optional("eventname", Text),
    optional("eventsource", Text),
    required("awsregion", Text),
    required("account", Text),
    required("category", Text),
    required("eventmonth", Date),
    optional("readonly", Flag),
    optional("username", Text),
    optional("principalid", Text),
    optional("accesskeyid", Text),
    optional("sourceipaddress", Text),
    optional("errorcode", Text),
    required("resourcetypes", Texts(26)),
    required("resourcenames", Texts(27)),
    optional("eventtype", Text),
    optional("sharedeventid", Text),
    required("evidence", Text),
    required("source", Text),
    required("sourcesequence", Long),
    required("marks", Int),
    required("record", Text),
];

impl Column {
    /// The place among the columns, and the index of the Parquet leaf.
    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    /// Iceberg's field id.
    pub(crate) const fn field_id(self) -> i32 {
        field_id(self.index())
    }

    /// The name in the table.
    pub(crate) fn name(self) -> &'static str {
        COLUMNS.get(self.index()).map_or("", |it| it.name)
    }
}

const fn field_id(index: usize) -> i32 {
    index as i32 + 1
}

/// The table's columns as Arrow sees them: what is written, and what readers are told to expect.
pub(crate) fn arrow_schema() -> SchemaRef {
    Arc::new(Schema::new(fields(false)))
}

/// The same, with texts of few values as dictionaries: a reader then leaves them encoded. Names of
/// resources are often too many for a dictionary, and making one of them anew costs more than reading
/// them as they are.
pub(crate) fn reading_schema() -> SchemaRef {
    Arc::new(Schema::new(fields(true)))
}

/// All columns but the record itself: the shape of a chunk of the tail.
pub(crate) fn index_schema() -> SchemaRef {
    let mut fields = fields(false);
    fields.truncate(Column::Record.index());
    Arc::new(Schema::new(fields))
}

/// Whether the column has few values, so that a dictionary of them pays.
pub(crate) fn has_dictionary(index: usize) -> bool {
    ![
        Column::EventTime,
        Column::Position,
        Column::Arrival,
        Column::EventId,
        Column::SharedEventId,
        Column::SourceSequence,
        Column::Record,
    ]
    .iter()
    .any(|it| it.index() == index)
}

fn fields(dictionaries: bool) -> Vec<Field> {
    let texts = |index| {
        if dictionaries && has_dictionary(index) && index != Column::ResourceNames.index() {
            DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
        } else {
            DataType::Utf8
        }
    };
    let with_id = |field: Field, id: i32| {
        let key = PARQUET_FIELD_ID_META_KEY.to_owned();
        field.with_metadata(HashMap::from([(key, id.to_string())]))
    };
    COLUMNS
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let kind = match column.kind {
                Date => DataType::Date32,
                Flag => DataType::Boolean,
                Int => DataType::Int32,
                Long => DataType::Int64,
                Text => texts(index),
                Texts(id) => {
                    let element = Field::new("element", texts(index), false);
                    DataType::List(Arc::new(with_id(element, id)))
                }
                Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            };
            with_id(Field::new(column.name, kind, !column.is_required), field_id(index))
        })
        .collect()
}

/// The table's columns as Iceberg sees them.
///
/// # Errors
/// Never, as long as names and ids in the list are unique.
pub(crate) fn table_schema() -> Result<spec::Schema, tables::Error> {
    use spec::{ListType, NestedField, PrimitiveType, Type};
    let fields = COLUMNS.iter().enumerate().map(|(index, column)| {
        let kind = match column.kind {
            Date => Type::Primitive(PrimitiveType::Date),
            Flag => Type::Primitive(PrimitiveType::Boolean),
            Int => Type::Primitive(PrimitiveType::Int),
            Long => Type::Primitive(PrimitiveType::Long),
            Text => Type::Primitive(PrimitiveType::String),
            Texts(id) => {
                let text = Type::Primitive(PrimitiveType::String);
                Type::List(ListType::new(NestedField::list_element(id, text, true).into()))
            }
            Time => Type::Primitive(PrimitiveType::Timestamptz),
        };
        Arc::new(NestedField::new(field_id(index), column.name, kind, column.is_required))
    });
    Ok(spec::Schema::builder().with_fields(fields).build()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_stands_where_the_list_says() {
        assert_eq!(Column::Record.index() + 1, COLUMNS.len());
        for (column, name) in [
            (Column::EventTime, "eventtime"),
            (Column::Account, "account"),
            (Column::EventMonth, "eventmonth"),
            (Column::ResourceNames, "resourcenames"),
            (Column::Marks, "marks"),
        ] {
            assert_eq!(column.name(), name);
        }
    }

    #[test]
    fn iceberg_and_arrow_agree_on_names_and_ids() {
        let table = table_schema().unwrap();
        for field in arrow_schema().fields() {
            let id = field.metadata().get(PARQUET_FIELD_ID_META_KEY).unwrap();
            assert_eq!(table.field_id_by_name(field.name()), Some(id.parse().unwrap()));
        }
    }
}
