//! Filling columns from JSON.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, ListArray, MapArray, StructArray,
    builder::{
        ArrayBuilder as _, BooleanBuilder, Float64Builder, Int64Builder, StringBuilder,
        TimestampMicrosecondBuilder,
    },
};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer};
use jiff::Timestamp;

use crate::{
    column::{Column, Kind, element, entries, entry_fields, fields},
    json::{elements, members, text},
};

/// A column that is being filled.
#[derive(Debug)]
pub(crate) enum Builder {
    Text(StringBuilder),
    Boolean(BooleanBuilder),
    Time(TimestampMicrosecondBuilder),
    Double(Float64Builder),
    Integer(Int64Builder),
    Map(MapBuilder),
    Row(RowBuilder),
    List(ListBuilder),
}

#[derive(Debug)]
pub(crate) struct MapBuilder {
    names: StringBuilder,
    values: StringBuilder,
    ends: Vec<i32>,
    valid: NullBufferBuilder,
}

#[derive(Debug)]
pub(crate) struct RowBuilder {
    columns: &'static [Column],
    fields: Vec<Builder>,
    valid: NullBufferBuilder,
    rows: usize,
}

#[derive(Debug)]
pub(crate) struct ListBuilder {
    rows: RowBuilder,
    ends: Vec<i32>,
    valid: NullBufferBuilder,
}

impl Builder {
    pub(crate) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Text | Kind::Record => Self::Text(StringBuilder::new()),
            Kind::Boolean => Self::Boolean(BooleanBuilder::new()),
            Kind::Time => Self::Time(TimestampMicrosecondBuilder::new()),
            Kind::Double => Self::Double(Float64Builder::new()),
            Kind::Integer => Self::Integer(Int64Builder::new()),
            Kind::Map => Self::Map(MapBuilder {
                names: StringBuilder::new(),
                values: StringBuilder::new(),
                ends: vec![0],
                valid: NullBufferBuilder::new(0),
            }),
            Kind::Row(columns) => Self::Row(RowBuilder::new(columns)),
            Kind::List(columns) => Self::List(ListBuilder {
                rows: RowBuilder::new(columns),
                ends: vec![0],
                valid: NullBufferBuilder::new(0),
            }),
        }
    }

    /// Adds the value of a record. None, and JSON's null, are null.
    pub(crate) fn add(&mut self, json: Option<&str>) {
        let json = json.filter(|it| !it.starts_with('n'));
        match self {
            Self::Text(builder) => builder.append_option(json.and_then(text)),
            Self::Boolean(builder) => {
                builder.append_option(json.and_then(|it| match it.trim_matches('"') {
                    "true" => Some(true),
                    "false" => Some(false),
                    _ => None,
                }));
            }
            Self::Time(builder) => {
                builder.append_option(json.and_then(text).and_then(|it| time(&it)))
            }
            Self::Double(builder) => {
                builder.append_option(json.and_then(text).and_then(|it| it.parse().ok()));
            }
            Self::Integer(builder) => {
                builder.append_option(json.and_then(text).and_then(|it| it.parse().ok()));
            }
            Self::Map(builder) => builder.add(json),
            Self::Row(builder) => builder.add(json),
            Self::List(builder) => builder.add(json),
        }
    }

    /// Adds a text that is not JSON, to a column of texts.
    pub(crate) fn add_text(&mut self, text: &str) {
        match self {
            Self::Text(builder) => builder.append_value(text),
            other => other.add(None),
        }
    }

    pub(crate) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Time(builder) => Arc::new(builder.finish()),
            Self::Double(builder) => Arc::new(builder.finish()),
            Self::Integer(builder) => Arc::new(builder.finish()),
            Self::Map(builder) => Arc::new(builder.finish()),
            Self::Row(builder) => Arc::new(builder.finish()),
            Self::List(builder) => Arc::new(builder.finish()),
        }
    }
}

impl MapBuilder {
    fn add(&mut self, json: Option<&str>) {
        let json = json.filter(|it| it.starts_with('{'));
        self.valid.append(json.is_some());
        let (names, values) = (&mut self.names, &mut self.values);
        members(json.unwrap_or_default(), |name, value| {
            names.append_value(name);
            values.append_option(text(value));
        });
        self.ends.push(length(self.names.len()));
    }

    fn finish(&mut self) -> MapArray {
        let parts: Vec<ArrayRef> =
            vec![Arc::new(self.names.finish()), Arc::new(self.values.finish())];
        let entry = StructArray::new(entry_fields(), parts, None);
        let ends = std::mem::replace(&mut self.ends, vec![0]);
        let offsets = OffsetBuffer::new(ends.into());
        MapArray::new(Arc::new(entries()), offsets, entry, self.valid.finish(), false)
    }
}

impl RowBuilder {
    fn new(columns: &'static [Column]) -> Self {
        let fields = columns.iter().map(|it| Builder::new(it.kind)).collect();
        Self { columns, fields, valid: NullBufferBuilder::new(0), rows: 0 }
    }

    fn add(&mut self, json: Option<&str>) {
        let json = json.filter(|it| it.starts_with('{'));
        self.valid.append(json.is_some());
        self.rows += 1;
        let mut found = [None; FIELDS_MAX];
        members(json.unwrap_or_default(), |name, value| {
            for (column, found) in self.columns.iter().zip(&mut found) {
                if column.member == name || name.eq_ignore_ascii_case(column.name) {
                    *found = Some(value);
                }
            }
        });
        for (field, value) in self.fields.iter_mut().zip(found) {
            field.add(value);
        }
    }

    fn finish(&mut self) -> StructArray {
        self.rows = 0;
        let columns = self.fields.iter_mut().map(Builder::finish).collect();
        StructArray::new(fields(self.columns), columns, self.valid.finish())
    }
}

impl ListBuilder {
    fn add(&mut self, json: Option<&str>) {
        let rows = &mut self.rows;
        let json = json.filter(|it| it.starts_with(['[', '{']));
        self.valid.append(json.is_some());
        match json {
            Some(json) if json.starts_with('[') => elements(json, |it| rows.add(Some(it))),
            Some(json) => rows.add(Some(json)),
            None => {}
        }
        self.ends.push(length(rows.rows));
    }

    fn finish(&mut self) -> ListArray {
        let columns = self.rows.columns;
        let rows = Arc::new(self.rows.finish());
        let ends = std::mem::replace(&mut self.ends, vec![0]);
        ListArray::new(element(columns), OffsetBuffer::new(ends.into()), rows, self.valid.finish())
    }
}

/// A time of a record, in microseconds since 1970.
pub(crate) fn time(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_microsecond)
}

/// Batches are cut long before lists and maps have so many elements.
fn length(elements: usize) -> i32 {
    i32::try_from(elements).unwrap_or(i32::MAX)
}

/// Fields of the widest row.
const FIELDS_MAX: usize = 64;
