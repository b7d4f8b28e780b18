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
use jiff::{Timestamp, civil::Date};

use crate::{
    column::{Column, Kind, element, entries, entry_fields, fields},
    cursor::{elements, members, text, within},
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
    ///
    /// False when it is an object or a list with a fault inside; what stands before that is added.
    pub(crate) fn add(&mut self, json: Option<&str>) -> bool {
        let json = json.filter(|it| !it.starts_with('n'));
        match self {
            Self::Text(builder) => match json.and_then(text) {
                Some(text) => builder.append_value(&text),
                None => builder.append_null(),
            },
            Self::Boolean(builder) => {
                builder.append_option(json.and_then(|it| match it.trim_matches('"') {
                    "true" => Some(true),
                    "false" => Some(false),
                    _ => None,
                }));
            }
            Self::Time(builder) => {
                builder.append_option(json.and_then(text).and_then(|it| time(&it)));
            }
            Self::Double(builder) => {
                builder.append_option(json.and_then(text).and_then(|it| it.parse().ok()));
            }
            Self::Integer(builder) => {
                builder.append_option(json.and_then(text).and_then(|it| it.parse().ok()));
            }
            Self::Map(builder) => return builder.add(json),
            Self::Row(builder) => return builder.add(json),
            Self::List(builder) => return builder.add(json),
        }
        true
    }

    /// Adds a text that is not JSON, to a column of texts.
    pub(crate) fn add_text(&mut self, text: &str) -> bool {
        if let Self::Text(builder) = self {
            builder.append_value(text);
            true
        } else {
            self.add(None)
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
    fn add(&mut self, json: Option<&str>) -> bool {
        let json = json.filter(|it| it.starts_with('{'));
        self.valid.append(json.is_some());
        let (names, values) = (&mut self.names, &mut self.values);
        let is_whole = json.is_none_or(|json| {
            members(json, |name, value| {
                names.append_value(name);
                match text(value) {
                    Some(text) => values.append_value(&text),
                    None => values.append_null(),
                }
            })
        });
        self.ends.push(length(self.names.len()));
        is_whole
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

    fn add(&mut self, json: Option<&str>) -> bool {
        let json = json.filter(|it| it.starts_with('{'));
        self.valid.append(json.is_some());
        self.rows += 1;
        let (mut found, mut others) = ([None; FIELDS_MAX], [None; FIELDS_MAX]);
        let mut is_whole = json.is_none_or(|json| {
            members(json, |name, value| {
                let all = self.columns.iter().zip(&mut found).zip(&mut others);
                for ((column, found), other) in all {
                    if found.is_none()
                        && (column.member == name || name.eq_ignore_ascii_case(column.name))
                    {
                        *found = Some(value);
                    } else if column.also.first() == Some(&name) {
                        *other = Some(value);
                    }
                }
            })
        });
        for (((field, column), found), other) in
            self.fields.iter_mut().zip(self.columns).zip(found).zip(others)
        {
            let value = found.or_else(|| within(other, column.also.get(1..).unwrap_or_default()));
            is_whole &= field.add(value);
        }
        is_whole
    }

    fn finish(&mut self) -> StructArray {
        self.rows = 0;
        let columns = self.fields.iter_mut().map(Builder::finish).collect();
        StructArray::new(fields(self.columns), columns, self.valid.finish())
    }
}

impl ListBuilder {
    fn add(&mut self, json: Option<&str>) -> bool {
        let rows = &mut self.rows;
        let json = json.filter(|it| it.starts_with(['[', '{']));
        self.valid.append(json.is_some());
        let mut is_whole = true;
        match json {
            Some(json) if json.starts_with('[') => {
                is_whole &= elements(json, |it| is_whole &= rows.add(Some(it)));
            }
            Some(json) => is_whole = rows.add(Some(json)),
            None => {}
        }
        self.ends.push(length(rows.rows));
        is_whole
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
    usual(text).or_else(|| text.parse::<Timestamp>().ok().map(Timestamp::as_microsecond))
}

/// A time as nearly every record spells it, `2026-01-02T03:04:05Z`; none when it is not so.
fn usual(text: &str) -> Option<i64> {
    let &[a, b, c, d, b'-', e, f, b'-', g, h, b'T', i, j, b':', k, l, b':', m, n, b'Z'] =
        text.as_bytes()
    else {
        return None;
    };
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0_i16, |number, it| {
            it.is_ascii_digit().then(|| number * 10 + i16::from(it - b'0'))
        })
    };
    let small = |tens: u8, ones: u8| i8::try_from(number(&[tens, ones])?).ok();
    let date = Date::new(number(&[a, b, c, d])?, small(e, f)?, small(g, h)?).ok()?;
    let (hour, minute, second) = (number(&[i, j])?, number(&[k, l])?, number(&[m, n])?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = date.duration_since(Date::constant(1970, 1, 1)).as_secs();
    let seconds = days + i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second);
    Some(seconds * 1_000_000)
}

/// Batches are cut long before lists and maps have so many elements.
fn length(elements: usize) -> i32 {
    i32::try_from(elements).unwrap_or(i32::MAX)
}

/// Fields of the widest row.
const FIELDS_MAX: usize = 64;
