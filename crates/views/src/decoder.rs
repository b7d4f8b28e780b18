//! From the text of a file to batches of rows.
//!
//! Of each record only the members that are needed are looked at; the others cost no more than
//! finding their end. A record that meets not all filters is left as soon as that is known.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema, SchemaRef};

use crate::{
    Malformed, Text, View,
    builder::Builder,
    column::{Column, Kind},
    cursor::{Broken, Name, within},
    filter::Filter,
    text::{LIST, Next, is_record},
};

/// Reads records into the columns that are wanted.
#[derive(Debug)]
pub struct Decoder {
    schema: SchemaRef,
    columns: Vec<(Builder, From)>,
    filters: Vec<(usize, Filter)>,
    names: Names,
    rows: usize,
    /// Bytes of the records that these rows were made of.
    bytes: usize,
    seen: u64,
    limit: usize,
}

/// Where a column comes from.
#[derive(Debug)]
enum From {
    /// The whole record.
    Record,
    /// The member in this slot; if there is none, a path in that of the other slot.
    Member(usize, Option<(usize, &'static [&'static str])>),
}

/// What became of a record.
enum Read {
    /// It is a row, with a fault inside if so told.
    Row { is_whole: bool },
    /// It meets not all filters.
    Other,
    /// It is none, but holds a list of them.
    File,
}

impl Decoder {
    /// A decoder of the columns `projection` of the view, in that order, for records that meet all
    /// `filters`.
    #[must_use]
    pub fn new(view: View, projection: &[usize], filters: Vec<Filter>) -> Self {
        let wanted: Vec<&Column> =
            projection.iter().filter_map(|it| view.columns().get(*it)).collect();
        let fields: Vec<Field> = wanted.iter().map(|it| it.field()).collect();
        let mut names = Names::default();
        let columns = wanted.iter().map(|it| (Builder::new(it.kind), names.place(it))).collect();
        let filters =
            filters.into_iter().filter_map(|it| Some((names.slot(it.path.first()?), it))).collect();
        let schema = Arc::new(Schema::new(fields));
        Self { schema, columns, filters, names, rows: 0, bytes: 0, seen: 0, limit: usize::MAX }
    }

    /// Reads no more than this many rows that meet the filters; the rest is passed over.
    pub fn limit(&mut self, rows: usize) {
        self.limit = rows;
    }

    /// Whether as many rows were read as wanted.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.limit == 0
    }

    /// Rows that [`Decoder::take`] will give.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Records that were looked at.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// What was read since the last time, as one batch.
    ///
    /// # Errors
    /// Never, unless a builder of columns is wrong.
    pub fn take(&mut self) -> Result<RecordBatch, arrow_schema::ArrowError> {
        let columns = self.columns.iter_mut().map(|(builder, _)| builder.finish()).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        (self.rows, self.bytes) = (0, 0);
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
    }

    /// Reads on until `rows` rows wait, or so much text of records that they should be taken. False
    /// when the text has ended, or when no more is wanted of it.
    ///
    /// Faults do not end it: they are kept in the text, and what stands around them is read.
    pub fn fill(&mut self, text: &mut Text<'_>, rows: usize) -> bool {
        while self.rows < rows && self.bytes < BYTES_MAX {
            if self.is_done() {
                return false;
            }
            let next = text.next();
            if next == Next::End {
                return false;
            }
            let start = text.cursor.at();
            self.seen += 1;
            match self.record(text, next == Next::Alone) {
                Ok(Read::Other | Read::Row { is_whole: true }) => {}
                Ok(Read::File) => self.seen -= 1,
                Ok(Read::Row { is_whole: false }) => {
                    text.note(Broken { at: start, reason: "a member of this record is broken" });
                }
                Err(broken) => {
                    self.seen -= 1;
                    text.leave(start, broken);
                }
            }
        }
        true
    }

    /// Reads all records of a file's text.
    ///
    /// # Errors
    /// The first fault in it. What stands around it has been read.
    pub fn read(&mut self, text: &str) -> Result<(), Malformed> {
        let mut text = Text::new(text);
        self.fill(&mut text, usize::MAX);
        text.faults().first().map_or(Ok(()), |it| Err(it.clone()))
    }

    /// Reads the record ahead.
    fn record(&mut self, text: &mut Text<'_>, stands_alone: bool) -> Result<Read, Broken> {
        let mut found = [None; SLOTS];
        let cursor = &mut text.cursor;
        cursor.peek();
        let start = cursor.at();
        let mut is_empty = cursor.opens(b'{', b'}')?;
        while !is_empty {
            let name = cursor.name()?;
            let value = cursor.value()?;
            if stands_alone && value.starts_with('[') && name.text() == LIST {
                let list = cursor.at() - value.len();
                text.enter(list);
                return Ok(Read::File);
            }
            if let Some(slot) = self.names.find(name)
                && let Some(place @ None) = found.get_mut(slot)
            {
                *place = Some(value);
                if !self.filters.iter().all(|(at, it)| *at != slot || it.is_met(Some(value))) {
                    if cursor.goes_on(b'}')? {
                        cursor.close(false)?;
                    }
                    return Ok(Read::Other);
                }
            }
            is_empty = !cursor.goes_on(b'}')?;
        }
        let value = |slot: usize| found.get(slot).copied().flatten();
        if self.filters.iter().any(|(slot, _)| value(*slot).is_none()) {
            return Ok(Read::Other);
        }
        let record = cursor.since(start);
        if stands_alone && !is_record(record) {
            return Err(Broken { at: start, reason: "it is neither a record nor a list of them" });
        }
        let mut is_whole = true;
        for (builder, from) in &mut self.columns {
            is_whole &= match from {
                From::Record => builder.add_text(record),
                From::Member(slot, other) => builder.add(value(*slot).or_else(|| {
                    let (slot, path) = (*other)?;
                    within(value(slot), path)
                })),
            };
        }
        self.rows += 1;
        self.bytes += record.len();
        self.limit -= 1;
        Ok(Read::Row { is_whole })
    }
}

/// The slots of the members that are looked at, by the length of their names: most members of a
/// record are told by that alone to be none of these.
#[derive(Debug, Default)]
struct Names {
    by_length: Vec<Vec<(&'static str, usize)>>,
    slots: usize,
}

impl Names {
    fn slot(&mut self, name: &'static str) -> usize {
        if self.by_length.len() <= name.len() {
            self.by_length.resize_with(name.len() + 1, Vec::new);
        }
        let Some(same) = self.by_length.get_mut(name.len()) else { return 0 };
        if let Some((_, slot)) = same.iter().find(|(it, _)| *it == name) {
            return *slot;
        }
        let slot = self.slots;
        same.push((name, slot));
        self.slots += 1;
        slot
    }

    fn place(&mut self, column: &Column) -> From {
        if column.kind == Kind::Record {
            return From::Record;
        }
        let other = column.also.split_first().map(|(first, path)| (self.slot(first), path));
        From::Member(self.slot(column.member), other)
    }

    fn find(&self, name: Name<'_>) -> Option<usize> {
        let text = name.text();
        let same = self.by_length.get(text.len())?;
        same.iter().find(|(it, _)| *it == text).map(|(_, slot)| *slot)
    }
}

/// More than a view has members.
const SLOTS: usize = 64;
/// Text of records that one batch is made of at most, but for the last one. Arrow counts the bytes
/// of a column in 31 bits.
const BYTES_MAX: usize = 64 << 20;
