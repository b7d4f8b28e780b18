//! What the footer of a data file tells its table: sizes, counts and bounds of each column.

use std::collections::HashMap;

use iceberg::spec::{DataFileBuilder, Datum, PrimitiveType, Schema, Type};
use parquet::file::{metadata::ParquetMetaData, statistics::Statistics};

/// Numbers of each column that has a field id, by that id.
#[derive(Debug, Default)]
pub struct Metrics {
    sizes: HashMap<i32, u64>,
    values: HashMap<i32, u64>,
    nulls: HashMap<i32, u64>,
    lower: HashMap<i32, Datum>,
    upper: HashMap<i32, Datum>,
    splits: Vec<i64>,
}

impl Metrics {
    /// Reads a footer. Columns within lists and maps have no bounds.
    #[must_use]
    pub fn read(metadata: &ParquetMetaData, schema: &Schema) -> Self {
        let mut metrics = Self::default();
        for group in metadata.row_groups() {
            metrics.splits.extend(group.file_offset());
            for column in group.columns() {
                let info = column.column_descr().self_type().get_basic_info();
                let Some(id) = info.has_id().then(|| info.id()) else { continue };
                *metrics.sizes.entry(id).or_default() += column.compressed_size().cast_unsigned();
                *metrics.values.entry(id).or_default() += column.num_values().cast_unsigned();
                let Some(statistics) = column.statistics() else { continue };
                if let Some(nulls) = statistics.null_count_opt() {
                    *metrics.nulls.entry(id).or_default() += nulls;
                }
                if column.column_descr().max_rep_level() > 0 {
                    continue;
                }
                let kind = schema.field_by_id(id).map(|it| it.field_type.as_ref());
                let Some(Type::Primitive(kind)) = kind else { continue };
                let Some((low, high)) = bounds(kind, statistics) else { continue };
                keep(&mut metrics.lower, id, low, |new, old| new < old);
                keep(&mut metrics.upper, id, high, |new, old| new > old);
            }
        }
        metrics.splits.sort_unstable();
        metrics
    }

    /// Writes them into the description of a file.
    pub fn describe(self, file: &mut DataFileBuilder) {
        file.column_sizes(self.sizes)
            .value_counts(self.values)
            .null_value_counts(self.nulls)
            .lower_bounds(self.lower)
            .upper_bounds(self.upper)
            .split_offsets(Some(self.splits));
    }
}

fn keep(
    bounds: &mut HashMap<i32, Datum>,
    id: i32,
    bound: Datum,
    is_wider: impl Fn(&Datum, &Datum) -> bool,
) {
    match bounds.get_mut(&id) {
        Some(old) if is_wider(&bound, old) => *old = bound,
        Some(_) => {}
        None => {
            bounds.insert(id, bound);
        }
    }
}

/// The smallest and the largest value of a column chunk, as Iceberg writes them.
fn bounds(kind: &PrimitiveType, statistics: &Statistics) -> Option<(Datum, Datum)> {
    match statistics {
        Statistics::Boolean(it) => Some((Datum::bool(*it.min_opt()?), Datum::bool(*it.max_opt()?))),
        Statistics::Int32(it) => {
            let date = *kind == PrimitiveType::Date;
            let datum = |value: i32| if date { Datum::date(value) } else { Datum::int(value) };
            Some((datum(*it.min_opt()?), datum(*it.max_opt()?)))
        }
        Statistics::Int64(it) => {
            let datum = |value: i64| {
                if *kind == PrimitiveType::Timestamp {
                    Datum::timestamp_micros(value)
                } else if *kind == PrimitiveType::Timestamptz {
                    Datum::timestamptz_micros(value)
                } else {
                    Datum::long(value)
                }
            };
            Some((datum(*it.min_opt()?), datum(*it.max_opt()?)))
        }
        Statistics::ByteArray(it) => {
            // Long texts are cut, upper bounds then made larger: both stay bounds.
            let low = str::from_utf8(it.min_opt()?.data()).ok()?;
            let high = str::from_utf8(it.max_opt()?.data()).ok()?;
            Some((Datum::string(low), Datum::string(high)))
        }
        Statistics::Int96(_)
        | Statistics::Float(_)
        | Statistics::Double(_)
        | Statistics::FixedLenByteArray(_) => None,
    }
}
