//! The columns of every store's table: those of CloudTrail Lake, `eventjson` with the record as it
//! came among them.
//!
//! The Iceberg schema is made from the view; its field ids go into every Parquet file, so that other
//! engines find columns whatever happens to their names.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use arrow_array::{
    Array, ArrayRef, ListArray, MapArray, RecordBatch, RecordBatchOptions, StructArray,
    cast::AsArray as _,
};
use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use datafusion::arrow::compute;
use iceberg::spec::{
    self, ListType, MapType, NestedField, NestedFieldRef, PrimitiveType, StructType, Type,
};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;
use views::{Column, Kind, View};

use crate::Error;

/// The columns as Iceberg has them, and as Parquet files are written and read.
#[derive(Debug)]
struct Columns {
    iceberg: spec::Schema,
    arrow: SchemaRef,
    viewed: SchemaRef,
}

static COLUMNS: LazyLock<Result<Columns, String>> = LazyLock::new(|| {
    let (iceberg, arrow) = Ids::default().row(View::Lake.columns());
    let iceberg = spec::Schema::builder().with_fields(iceberg).build();
    let iceberg = iceberg.map_err(|error| error.to_string())?;
    let viewed: Fields = arrow.iter().map(|it| viewed_field(it)).collect();
    let (arrow, viewed) = (Arc::new(Schema::new(arrow)), Arc::new(Schema::new(viewed)));
    Ok(Columns { iceberg, arrow, viewed })
});

/// Gives field ids as Iceberg does to a new table: to all fields of a row, then within each of them.
#[derive(Default)]
struct Ids(i32);

impl Ids {
    fn next(&mut self) -> i32 {
        self.0 += 1;
        self.0
    }

    fn row(&mut self, columns: &[Column]) -> (Vec<NestedFieldRef>, Fields) {
        let ids: Vec<i32> = columns.iter().map(|_| self.next()).collect();
        let mut iceberg = Vec::with_capacity(columns.len());
        let mut arrow = Vec::with_capacity(columns.len());
        for (column, id) in columns.iter().zip(ids) {
            let (table, memory) = self.kind(column.kind);
            iceberg.push(Arc::new(NestedField::optional(id, column.name, table)));
            arrow.push(with_id(Field::new(column.name, memory, true), id));
        }
        (iceberg, arrow.into())
    }

    fn kind(&mut self, kind: Kind) -> (Type, DataType) {
        let plain = |table, memory| (Type::Primitive(table), memory);
        match kind {
            Kind::Text | Kind::Record => plain(PrimitiveType::String, DataType::Utf8),
            Kind::Boolean => plain(PrimitiveType::Boolean, DataType::Boolean),
            Kind::Time => {
                plain(PrimitiveType::Timestamp, DataType::Timestamp(TimeUnit::Microsecond, None))
            }
            Kind::Double => plain(PrimitiveType::Double, DataType::Float64),
            Kind::Integer => plain(PrimitiveType::Long, DataType::Int64),
            Kind::Map => {
                let (key, value) = (self.next(), self.next());
                let text = || Type::Primitive(PrimitiveType::String);
                let table = MapType::new(
                    NestedField::map_key_element(key, text()).into(),
                    NestedField::map_value_element(value, text(), false).into(),
                );
                let fields: Fields = vec![
                    with_id(Field::new("key", DataType::Utf8, false), key),
                    with_id(Field::new("value", DataType::Utf8, true), value),
                ]
                .into();
                let entries = Field::new("key_value", DataType::Struct(fields), false);
                (Type::Map(table), DataType::Map(Arc::new(entries), false))
            }
            Kind::Row(columns) => {
                let (table, memory) = self.row(columns);
                (Type::Struct(StructType::new(table)), DataType::Struct(memory))
            }
            Kind::List(columns) => {
                let id = self.next();
                let (table, memory) = self.row(columns);
                let element = Type::Struct(StructType::new(table));
                let table = ListType::new(NestedField::list_element(id, element, false).into());
                let element = Field::new("element", DataType::Struct(memory), true);
                (Type::List(table), DataType::List(Arc::new(with_id(element, id))))
            }
        }
    }
}

fn with_id(field: Field, id: i32) -> Field {
    field.with_metadata(HashMap::from([(PARQUET_FIELD_ID_META_KEY.to_owned(), id.to_string())]))
}

fn columns() -> Result<&'static Columns, Error> {
    COLUMNS.as_ref().map_err(|reason| Error::Columns(reason.clone()))
}

/// The schema of tables.
pub(crate) fn iceberg() -> Result<&'static spec::Schema, Error> {
    Ok(&columns()?.iceberg)
}

/// The schema of rows, with field ids.
pub(crate) fn arrow() -> Result<SchemaRef, Error> {
    Ok(Arc::clone(&columns()?.arrow))
}

/// The schema of rows as queries see them: texts as views, which read a dictionary's texts without
/// copying them for each row.
pub(crate) fn viewed() -> SchemaRef {
    columns().map_or_else(|_| View::Lake.schema(), |it| Arc::clone(&it.viewed))
}

/// Rows of files as rows that queries see.
///
/// # Errors
/// When they are not rows of files.
pub(crate) fn as_viewed(rows: &RecordBatch) -> Result<RecordBatch, Error> {
    let schema = rows.schema();
    let fields: Fields = schema.fields().iter().map(|it| viewed_field(it)).collect();
    let columns = rows.columns().iter().zip(&fields);
    let columns = columns.map(|(column, field)| compute::cast(column, field.data_type()));
    let columns = columns.collect::<Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)?)
}

fn viewed_field(field: &Field) -> Field {
    match field.data_type() {
        DataType::Utf8 => field.clone().with_data_type(DataType::Utf8View),
        _ => field.clone(),
    }
}

/// The field id of a column.
pub(crate) fn id(name: &str) -> Result<i32, Error> {
    let found = iceberg()?.field_id_by_name(name);
    found.ok_or_else(|| Error::Columns(format!("there is no column {name}")))
}

/// Rows of the view as rows of a table: the same values, told with field ids.
///
/// # Errors
/// When they are not rows of the view.
pub(crate) fn labelled(rows: &RecordBatch) -> Result<RecordBatch, Error> {
    let schema = arrow()?;
    let columns: Vec<ArrayRef> = rows
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| labelled_as(column, field.data_type()))
        .collect();
    Ok(RecordBatch::try_new(schema, columns)?)
}

/// Where a column of the view stands.
pub(crate) fn position_of(name: &str) -> Option<usize> {
    View::Lake.columns().iter().position(|it| it.name == name)
}

fn labelled_as(array: &ArrayRef, to: &DataType) -> ArrayRef {
    if array.data_type() == to {
        return Arc::clone(array);
    }
    match to {
        DataType::Struct(fields) => {
            let rows = array.as_struct();
            let columns = rows
                .columns()
                .iter()
                .zip(fields)
                .map(|(column, field)| labelled_as(column, field.data_type()))
                .collect();
            match StructArray::try_new_with_length(
                fields.clone(),
                columns,
                rows.nulls().cloned(),
                rows.len(),
            ) {
                Ok(rows) => Arc::new(rows),
                Err(_) => Arc::clone(array),
            }
        }
        DataType::List(field) => {
            let lists = array.as_list::<i32>();
            let values = labelled_as(lists.values(), field.data_type());
            let (offsets, nulls) = (lists.offsets().clone(), lists.nulls().cloned());
            match ListArray::try_new(Arc::clone(field), offsets, values, nulls) {
                Ok(lists) => Arc::new(lists),
                Err(_) => Arc::clone(array),
            }
        }
        DataType::Map(field, is_sorted) => {
            let maps = array.as_map();
            let entries: ArrayRef = Arc::new(maps.entries().clone());
            let entries = labelled_as(&entries, field.data_type()).as_struct().clone();
            let (offsets, nulls) = (maps.offsets().clone(), maps.nulls().cloned());
            match MapArray::try_new(Arc::clone(field), offsets, entries, nulls, *is_sorted) {
                Ok(maps) => Arc::new(maps),
                Err(_) => Arc::clone(array),
            }
        }
        _ => Arc::clone(array),
    }
}

/// The columns of a schema as they lie in files, without the view's nesting: paths of leaves, joined
/// by dots.
pub(crate) fn leaf(
    parquet: &parquet::schema::types::SchemaDescriptor,
    path: &str,
) -> Option<usize> {
    parquet.columns().iter().position(|it| it.path().string() == path)
}
