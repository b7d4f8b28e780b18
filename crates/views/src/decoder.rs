//! From the text of a file to batches of rows.
//!
//! A file is `{"Records":[…]}`, one record, a list of records, or any number of these after each
//! other (NDJSON). Of each record only the members that are needed are looked at; the others cost no
//! more than finding their end.

use std::{borrow::Cow, fmt, sync::Arc};

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema, SchemaRef};
use hashbrown::HashMap;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

use crate::{
    View,
    builder::Builder,
    column::{Column, Kind},
    filter::Filter,
    json::Name,
};

/// Reads records into the columns that are wanted.
#[derive(Debug)]
pub struct Decoder {
    schema: SchemaRef,
    columns: Vec<(Builder, Option<usize>)>,
    filters: Vec<(usize, Filter)>,
    /// The slot of each top-level member that is looked at.
    slots: HashMap<&'static str, usize>,
    whole: bool,
    rows: usize,
    seen: u64,
    limit: usize,
}

/// A text that is not what log files are.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{reason} at line {line} column {column}")]
pub struct Malformed {
    /// What is wrong.
    pub reason: String,
    /// Line of the text, from 1 on.
    pub line: usize,
    /// Column of the line, from 1 on.
    pub column: usize,
}

impl From<serde_json::Error> for Malformed {
    fn from(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        let reason = error.to_string();
        let reason = reason.split(" at line ").next().unwrap_or_default().to_owned();
        Self { reason, line, column }
    }
}

impl Decoder {
    /// A decoder of the columns `projection` of the view, in that order, for records that meet all
    /// `filters`.
    #[must_use]
    pub fn new(view: View, projection: &[usize], filters: Vec<Filter>) -> Self {
        let wanted: Vec<&Column> =
            projection.iter().filter_map(|it| view.columns().get(*it)).collect();
        let fields: Vec<Field> = wanted.iter().map(|it| it.field()).collect();
        let mut slots: HashMap<&'static str, usize> = HashMap::new();
        let mut slot = |member: &'static str| {
            let next = slots.len();
            *slots.entry(member).or_insert(next)
        };
        let columns: Vec<_> = wanted
            .iter()
            .map(|it| {
                let slot = (it.kind != Kind::Record).then(|| slot(it.member));
                (Builder::new(it.kind), slot)
            })
            .collect();
        let filters =
            filters.into_iter().filter_map(|it| Some((slot(it.path.first()?), it))).collect();
        let whole = columns.iter().any(|(_, slot)| slot.is_none());
        let schema = Arc::new(Schema::new(fields));
        Self { schema, columns, filters, slots, whole, rows: 0, seen: 0, limit: usize::MAX }
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
        self.rows = 0;
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
    }

    /// Reads the records of a file's text.
    ///
    /// # Errors
    /// When it is not what log files are. The records before that place have been read.
    pub fn read(&mut self, text: &str) -> Result<(), Malformed> {
        let mut values = serde_json::Deserializer::from_str(text);
        loop {
            if values.end().is_ok() || self.is_done() {
                return Ok(());
            }
            Document(self).deserialize(&mut values)?;
        }
    }

    fn add(&mut self, record: &str, found: &[Option<&str>]) {
        self.seen += 1;
        let value = |slot: &usize| found.get(*slot).copied().flatten();
        if self.is_done() || !self.filters.iter().all(|(slot, it)| it.is_met(value(slot))) {
            return;
        }
        for (builder, slot) in &mut self.columns {
            match slot {
                Some(slot) => builder.add(found.get(*slot).copied().flatten()),
                None => builder.add_text(record),
            }
        }
        self.rows += 1;
        self.limit -= 1;
    }

    fn read_record(&mut self, record: &str) -> Result<(), serde_json::Error> {
        Record { decoder: self, record }
            .deserialize(&mut serde_json::Deserializer::from_str(record))
    }
}

/// One document of a file.
struct Document<'a>(&'a mut Decoder);

impl<'de> DeserializeSeed<'de> for Document<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<(), A::Error> {
        Records(self.0).visit_seq(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        // Members of a record that stands alone, until `Records` shows that it is none.
        let mut found = vec![None; self.0.slots.len()];
        let (mut text, mut is_file) = (String::new(), false);
        while let Some(name) = map.next_key_seed(Name)? {
            if name == "Records" {
                is_file = true;
                map.next_value_seed(Records(self.0))?;
                continue;
            }
            let value = map.next_value::<&RawValue>()?.get();
            if is_file {
                continue;
            }
            if let Some(found) = self.0.slots.get(&*name).and_then(|it| found.get_mut(*it)) {
                *found = Some(value);
            }
            if self.0.whole {
                text.push(if text.is_empty() { '{' } else { ',' });
                text.push_str(&serde_json::to_string(&name).map_err(A::Error::custom)?);
                text.push(':');
                text.push_str(value);
            }
        }
        if !is_file {
            text.push('}');
            self.0.add(&text, &found);
        }
        Ok(())
    }
}

/// The list of records.
struct Records<'a>(&'a mut Decoder);

impl<'de> DeserializeSeed<'de> for Records<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Records<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        loop {
            if self.0.is_done() {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(());
            }
            if self.0.whole {
                let Some(record) = list.next_element::<&RawValue>()? else { return Ok(()) };
                self.0.read_record(record.get()).map_err(A::Error::custom)?;
            } else {
                let seed = Record { decoder: self.0, record: "" };
                if list.next_element_seed(seed)?.is_none() {
                    return Ok(());
                }
            }
        }
    }
}

/// One record.
struct Record<'a> {
    decoder: &'a mut Decoder,
    record: &'a str,
}

impl<'de> DeserializeSeed<'de> for Record<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Record<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut found = [None; SLOTS];
        while let Some(name) = map.next_key_seed(Name)? {
            let slot = match &name {
                Cow::Borrowed(name) => self.decoder.slots.get(name),
                Cow::Owned(name) => self.decoder.slots.get(name.as_str()),
            };
            match slot.and_then(|it| found.get_mut(*it)) {
                Some(found) => *found = Some(map.next_value::<&RawValue>()?.get()),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        self.decoder.add(self.record, &found);
        Ok(())
    }
}

/// More than a view has members.
const SLOTS: usize = 64;
