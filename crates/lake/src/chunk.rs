//! A piece of the tail: records as the log gave them, and their columns beside them.
//!
//! Chunks never change. Small neighbours are joined into one ([`Chunk::joined`]), which copies their
//! columns and shares their bytes.

use std::sync::Arc;

use arrow_array::{
    Array as _, ArrayRef, Int64Array, RecordBatch, TimestampMicrosecondArray,
    builder::{
        BooleanBuilder, Date32Builder, Int32Builder, Int64Builder, ListBuilder, StringBuilder,
        TimestampMicrosecondBuilder,
    },
};
use arrow_schema::{DataType, FieldRef, SchemaRef};
use arrow_select::concat::concat_batches;
use bytes::Bytes;
use jiff::Timestamp;
use log::{Entry, Frame, Position};
use smallvec::SmallVec;

use crate::{
    Error,
    columns::{Column, index_schema},
    facts,
    month::Months,
};

/// Rows in the order of their positions.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// The first frame that was read.
    pub(crate) from: Position,
    /// Behind the last frame that was read; not every frame has a row.
    pub(crate) until: Position,
    /// When the first of its frames was read, which says how old it is.
    pub(crate) since: Timestamp,
    /// All columns but the record itself.
    pub(crate) columns: RecordBatch,
    /// The column `eventtime`.
    pub(crate) times: TimestampMicrosecondArray,
    /// The column `position`.
    pub(crate) positions: Int64Array,
    /// The records' bytes, row by row.
    pub(crate) bodies: Vec<Bytes>,
    /// What the chunk takes of memory, about.
    pub(crate) bytes: usize,
    /// Frames whose bytes should have been a record and are not.
    pub(crate) unreadable: u64,
}

impl Chunk {
    /// Reads `entries`, which are neighbours in the log and at least one. Bytes that are no record
    /// are counted and passed over: they were checked at the door, and one bad frame must not stop
    /// what comes after it.
    ///
    /// # Errors
    /// Only by a fault of ours: columns that do not fit the schema.
    pub(crate) fn read(entries: Vec<Entry>, now: Timestamp) -> Result<Self, Error> {
        let from = entries.first().map_or_else(Position::default, |it| it.position);
        let until = entries.last().map_or(from, |it| it.position.next());
        let mut builder = Builder::new(entries.len());
        let mut bodies = Vec::with_capacity(entries.len());
        let (mut unreadable, mut passed) = (0, 0);
        for Entry { position, frame } in entries {
            if !frame.kind.has_record() {
                passed += frame.body.len();
                continue;
            }
            match record::parse(&frame.body) {
                Ok(record) => builder.add(position, &frame, &record),
                Err(error) => {
                    tracing::warn!(%position, %error, "frame without a readable record");
                    unreadable += 1;
                    continue;
                }
            }
            bodies.push(frame.body);
        }
        let mut chunk = Self::new(from..until, now, builder.finish()?, bodies)?;
        chunk.unreadable = unreadable;
        // Frames without rows count too, so that a log full of them is trimmed in the end.
        chunk.bytes += passed;
        Ok(chunk)
    }

    /// Both in one. `next` must follow directly.
    ///
    /// # Errors
    /// Only by a fault of ours: columns that do not fit the schema.
    pub(crate) fn joined(&self, next: &Self) -> Result<Self, Error> {
        let columns = concat_batches(&self.columns.schema(), [&self.columns, &next.columns])?;
        let bodies = [self.bodies.as_slice(), next.bodies.as_slice()].concat();
        let mut chunk = Self::new(self.from..next.until, self.since, columns, bodies)?;
        chunk.unreadable = self.unreadable + next.unreadable;
        chunk.bytes = self.bytes + next.bytes;
        Ok(chunk)
    }

    /// How many rows it has.
    pub(crate) fn rows(&self) -> usize {
        self.bodies.len()
    }

    /// A column. All but [`Column::Record`] are there.
    pub(crate) fn column(&self, column: Column) -> Result<&ArrayRef, Error> {
        self.columns.columns().get(column.index()).ok_or(Error::Closed)
    }

    fn new(
        range: std::ops::Range<Position>,
        since: Timestamp,
        columns: RecordBatch,
        bodies: Vec<Bytes>,
    ) -> Result<Self, Error> {
        let bytes = columns.get_array_memory_size()
            + bodies.iter().map(|it| it.len() + size_of::<Bytes>()).sum::<usize>();
        Ok(Self {
            from: range.start,
            until: range.end,
            since,
            times: typed(&columns, Column::EventTime)?,
            positions: typed(&columns, Column::Position)?,
            columns,
            bodies,
            bytes,
            unreadable: 0,
        })
    }
}

/// A column of `batch` by its place, as the type that it has.
///
/// # Errors
/// When the batch has no such column of this type.
pub(crate) fn typed<A: Clone + 'static>(batch: &RecordBatch, column: Column) -> Result<A, Error> {
    batch
        .columns()
        .get(column.index())
        .and_then(|it| it.as_any().downcast_ref::<A>())
        .cloned()
        .ok_or_else(|| mismatch(column.name()))
}

pub(crate) fn mismatch(name: &str) -> Error {
    Error::Arrow(arrow_schema::ArrowError::SchemaError(format!(
        "column `{name}` is of another type"
    )))
}

/// Gathers the columns of rows.
struct Builder {
    schema: SchemaRef,
    months: Months,
    event_time: TimestampMicrosecondBuilder,
    position: Int64Builder,
    arrival: TimestampMicrosecondBuilder,
    event_id: StringBuilder,
    event_name: StringBuilder,
    event_source: StringBuilder,
    aws_region: StringBuilder,
    account: StringBuilder,
    category: StringBuilder,
    event_month: Date32Builder,
    read_only: BooleanBuilder,
    username: StringBuilder,
    principal_id: StringBuilder,
    access_key_id: StringBuilder,
    source_ip_address: StringBuilder,
    error_code: StringBuilder,
    resource_types: ListBuilder<StringBuilder>,
    resource_names: ListBuilder<StringBuilder>,
    event_type: StringBuilder,
    shared_event_id: StringBuilder,
    evidence: StringBuilder,
    source: StringBuilder,
    source_sequence: Int64Builder,
    marks: Int32Builder,
}

impl Builder {
    fn new(rows: usize) -> Self {
        let schema = index_schema();
        let text = |bytes: usize| StringBuilder::with_capacity(rows, rows * bytes);
        let time = || TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC");
        let texts = |column: Column| {
            ListBuilder::with_capacity(StringBuilder::new(), rows)
                .with_field(element(&schema, column))
        };
        Self {
            months: Months::default(),
            event_time: time(),
            position: Int64Builder::with_capacity(rows),
            arrival: time(),
            event_id: text(36),
            event_name: text(16),
            event_source: text(20),
            aws_region: text(10),
            account: text(12),
            category: text(10),
            event_month: Date32Builder::with_capacity(rows),
            read_only: BooleanBuilder::with_capacity(rows),
            username: text(12),
            principal_id: text(24),
            access_key_id: text(20),
            source_ip_address: text(14),
            error_code: text(4),
            resource_types: texts(Column::ResourceTypes),
            resource_names: texts(Column::ResourceNames),
            event_type: text(10),
            shared_event_id: text(4),
            evidence: text(6),
            source: text(16),
            source_sequence: Int64Builder::with_capacity(rows),
            marks: Int32Builder::with_capacity(rows),
            schema,
        }
    }

    fn add(&mut self, position: Position, frame: &Frame, record: &record::Record<'_>) {
        let arrival = frame.arrival.as_microsecond();
        let event_time = record.event_time().map_or(arrival, Timestamp::as_microsecond);
        self.event_time.append_value(event_time);
        self.position.append_value(position.0.cast_signed());
        self.arrival.append_value(arrival);
        self.event_id.append_option(record.event_id());
        self.event_name.append_option(record.event_name());
        self.event_source.append_option(record.event_source());
        self.aws_region.append_value(&frame.region);
        self.account.append_value(frame.account.as_str());
        self.category.append_value(frame.category.as_str());
        self.event_month.append_value(self.months.of(event_time, arrival));
        self.read_only.append_option(record.read_only());
        self.username.append_option(record.username());
        self.principal_id.append_option(record.principal_id());
        self.access_key_id.append_option(record.access_key_id());
        self.source_ip_address.append_option(record.source_ip_address());
        self.error_code.append_option(record.error_code());
        self.add_resources(record);
        self.event_type.append_option(record.event_type());
        self.shared_event_id.append_option(record.shared_event_id());
        self.evidence.append_value(frame.evidence.as_str());
        self.source.append_value(&frame.source);
        self.source_sequence.append_value(frame.source_sequence.cast_signed());
        self.marks.append_value(i32::from(frame.marks.0));
    }

    /// Each type once; each name once, and of an ARN its last part too.
    fn add_resources(&mut self, record: &record::Record<'_>) {
        let resources = facts::resources(record);
        let mut types: SmallVec<[&str; 4]> = SmallVec::new();
        let mut names: SmallVec<[&str; 8]> = SmallVec::new();
        for resource in &resources {
            if let Some(kind) = resource.kind.as_deref()
                && !types.contains(&kind)
            {
                types.push(kind);
            }
            let Some(name) = resource.name.as_deref() else { continue };
            for name in std::iter::once(name).chain(facts::short_name(name)) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        for (list, texts) in
            [(&mut self.resource_types, &types[..]), (&mut self.resource_names, &names[..])]
        {
            for text in texts {
                list.values().append_value(text);
            }
            list.append(true);
        }
    }

    fn finish(mut self) -> Result<RecordBatch, Error> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.event_time.finish()),
            Arc::new(self.position.finish()),
            Arc::new(self.arrival.finish()),
            Arc::new(self.event_id.finish()),
            Arc::new(self.event_name.finish()),
            Arc::new(self.event_source.finish()),
            Arc::new(self.aws_region.finish()),
            Arc::new(self.account.finish()),
            Arc::new(self.category.finish()),
            Arc::new(self.event_month.finish()),
            Arc::new(self.read_only.finish()),
            Arc::new(self.username.finish()),
            Arc::new(self.principal_id.finish()),
            Arc::new(self.access_key_id.finish()),
            Arc::new(self.source_ip_address.finish()),
            Arc::new(self.error_code.finish()),
            Arc::new(self.resource_types.finish()),
            Arc::new(self.resource_names.finish()),
            Arc::new(self.event_type.finish()),
            Arc::new(self.shared_event_id.finish()),
            Arc::new(self.evidence.finish()),
            Arc::new(self.source.finish()),
            Arc::new(self.source_sequence.finish()),
            Arc::new(self.marks.finish()),
        ];
        Ok(RecordBatch::try_new(self.schema, columns)?)
    }
}

fn element(schema: &SchemaRef, column: Column) -> FieldRef {
    match schema.fields().get(column.index()).map(|it| it.data_type()) {
        Some(DataType::List(element)) => Arc::clone(element),
        _ => Arc::new(arrow_schema::Field::new("element", DataType::Utf8, false)),
    }
}
