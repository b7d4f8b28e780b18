//! The table of the built-in store: how it is laid out, and how far it holds the log.

use iceberg::spec::{
    NullOrder, SortDirection, SortField, SortOrder, Transform, UnboundPartitionSpec,
};
use log::Position;
use tables::Layout;
pub(crate) use tables::{Change, Operation};

use crate::{
    Error,
    columns::{Column, table_schema},
    table_file::{SORT_ORDER_ID, TableFile},
};

pub(crate) type Table = tables::Table<TableFile>;

/// The mark that says how far the table holds the log.
const POSITION: &str = "position";

/// What the table is when it is created.
///
/// # Errors
/// By a fault of ours only.
pub(crate) fn layout() -> Result<Layout, Error> {
    let partition = UnboundPartitionSpec::builder()
        .add_partition_field(Column::Category.field_id(), "category", Transform::Identity)
        .map_err(tables::Error::from)?
        .add_partition_field(Column::EventMonth.field_id(), "eventmonth", Transform::Identity)
        .map_err(tables::Error::from)?
        .build();
    let descending = |column: Column| {
        SortField::builder()
            .source_id(column.field_id())
            .transform(Transform::Identity)
            .direction(SortDirection::Descending)
            .null_order(NullOrder::Last)
            .build()
    };
    let order = SortOrder::builder()
        .with_order_id(i64::from(SORT_ORDER_ID))
        .with_sort_field(descending(Column::EventTime))
        .with_sort_field(descending(Column::Position))
        .build_unbound()
        .map_err(tables::Error::from)?;
    Ok(Layout {
        namespace: "lake".to_owned(),
        name: "events".to_owned(),
        schema: table_schema()?,
        partition,
        order,
    })
}

/// The table holds the log's records up to here. Should none of our snapshots be left, the highest
/// position of any row tells.
pub(crate) fn committed(table: &Table) -> Position {
    if let Some(position) = table.mark(POSITION).and_then(|it| it.parse().ok()) {
        return Position(position);
    }
    let last = table.files().iter().map(|it| it.positions.1).max();
    last.map_or(Position::default(), |it| Position(it.saturating_add(1)))
}

/// How far the table holds the log, as a mark.
pub(crate) fn position(position: Position) -> Vec<(String, Option<String>)> {
    vec![(POSITION.to_owned(), Some(position.0.to_string()))]
}
