//! Trino's types and how arrays hold them.
//!
//! JSON is `LargeUtf8`: nothing else here is, so the engine below carries the difference between
//! JSON and varchar through every join, CASE and aggregate by itself.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields, IntervalUnit, TimeUnit};

use crate::Error;

/// JSON text.
pub(crate) const JSON: DataType = DataType::LargeUtf8;
/// varchar.
pub(crate) const TEXT: DataType = DataType::Utf8;
/// timestamp(3).
pub(crate) const TIMESTAMP: DataType = DataType::Timestamp(TimeUnit::Millisecond, None);

/// timestamp(3) with time zone.
pub(crate) fn zoned() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}

/// array(element).
pub(crate) fn array(element: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", element, true)))
}

/// map(key, value).
pub(crate) fn map(key: DataType, value: DataType) -> DataType {
    DataType::Map(
        Arc::new(Field::new("entries", DataType::Struct(entry(key, value)), false)),
        false,
    )
}

/// The fields of a map's entries.
pub(crate) fn entry(key: DataType, value: DataType) -> Fields {
    Fields::from(vec![Field::new("key", key, false), Field::new("value", value, true)])
}

/// The one form of a type that our functions work on: no views, no large lists, entries named alike.
pub(crate) fn canonical(kind: &DataType) -> DataType {
    match kind {
        DataType::Utf8View => TEXT,
        DataType::BinaryView | DataType::LargeBinary | DataType::FixedSizeBinary(_) => {
            DataType::Binary
        }
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _) => array(canonical(field.data_type())),
        DataType::Struct(fields) => DataType::Struct(
            fields
                .iter()
                .map(|it| Field::new(it.name(), canonical(it.data_type()), true))
                .collect(),
        ),
        DataType::Map(field, _) => match field.data_type() {
            DataType::Struct(fields) => match fields.as_ref() {
                [key, value] => map(canonical(key.data_type()), canonical(value.data_type())),
                _ => kind.clone(),
            },
            _ => kind.clone(),
        },
        DataType::Dictionary(_, value) => canonical(value),
        other => other.clone(),
    }
}

/// Whether values are varchar.
pub(crate) fn is_text(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8 | DataType::Utf8View)
}

/// The name of a type as Trino prints it.
pub(crate) fn name(kind: &DataType) -> String {
    match kind {
        DataType::Null => "unknown".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int8 | DataType::UInt8 => "tinyint".to_owned(),
        DataType::Int16 | DataType::UInt16 => "smallint".to_owned(),
        DataType::Int32 | DataType::UInt32 => "integer".to_owned(),
        DataType::Int64 | DataType::UInt64 => "bigint".to_owned(),
        DataType::Float16 | DataType::Float32 => "real".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Decimal32(p, s)
        | DataType::Decimal64(p, s)
        | DataType::Decimal128(p, s)
        | DataType::Decimal256(p, s) => format!("decimal({p},{s})"),
        DataType::Utf8 | DataType::Utf8View => "varchar".to_owned(),
        DataType::LargeUtf8 => "json".to_owned(),
        DataType::Binary
        | DataType::BinaryView
        | DataType::LargeBinary
        | DataType::FixedSizeBinary(_) => "varbinary".to_owned(),
        DataType::Date32 | DataType::Date64 => "date".to_owned(),
        DataType::Time32(_) | DataType::Time64(_) => "time(3)".to_owned(),
        DataType::Timestamp(_, None) => "timestamp(3)".to_owned(),
        DataType::Timestamp(_, Some(_)) => "timestamp(3) with time zone".to_owned(),
        DataType::Interval(IntervalUnit::YearMonth) => "interval year to month".to_owned(),
        DataType::Interval(_) | DataType::Duration(_) => "interval day to second".to_owned(),
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _) => format!("array({})", name(field.data_type())),
        DataType::Struct(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|it| {
                    if is_position(it.name()) {
                        name(it.data_type())
                    } else {
                        format!("{} {}", it.name(), name(it.data_type()))
                    }
                })
                .collect();
            format!("row({})", fields.join(", "))
        }
        DataType::Map(field, _) => match field.data_type() {
            DataType::Struct(fields) => {
                let inner: Vec<String> = fields.iter().map(|it| name(it.data_type())).collect();
                format!("map({})", inner.join(", "))
            }
            other => name(other),
        },
        DataType::Dictionary(_, value) => name(value),
        DataType::RunEndEncoded(_, value) => name(value.data_type()),
        DataType::Union(..) => "unknown".to_owned(),
    }
}

/// The name of a row's field that was given none: its position.
pub(crate) fn position(at: usize) -> String {
    format!("_f{at}")
}

/// Whether a field was given no name.
pub(crate) fn is_position(name: &str) -> bool {
    name.strip_prefix("_f")
        .is_some_and(|it| !it.is_empty() && it.bytes().all(|c| c.is_ascii_digit()))
}

/// Reads a type as Trino spells it: `map(varchar, array(json))`, `row(a bigint, b varchar(10))`.
///
/// # Errors
///
/// [`Error::Invalid`] if it is none, or nests deeper than [`DEPTH_MAX`].
pub(crate) fn parse(text: &str) -> Result<DataType, Error> {
    let mut reader = Reader { rest: text, whole: text };
    let kind = reader.kind(0)?;
    if reader.rest.trim().is_empty() { Ok(kind) } else { Err(reader.unknown()) }
}

/// How deep types may nest.
const DEPTH_MAX: usize = 20;

struct Reader<'a> {
    rest: &'a str,
    whole: &'a str,
}

impl<'a> Reader<'a> {
    fn unknown(&self) -> Error {
        Error::Invalid(format!("unknown type `{}`", self.whole))
    }

    fn eat(&mut self, c: char) -> bool {
        let rest = self.rest.trim_start();
        match rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn word(&mut self) -> Option<&'a str> {
        let rest = self.rest.trim_start();
        if let Some(quoted) = rest.strip_prefix('"') {
            let (word, after) = quoted.split_once('"')?;
            self.rest = after;
            return Some(word);
        }
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let (word, after) = rest.split_at_checked(end)?;
        if word.is_empty() {
            return None;
        }
        self.rest = after;
        Some(word)
    }

    /// `(10)` or `(10, 2)`, where there is one.
    fn numbers(&mut self) -> Result<Vec<u64>, Error> {
        let mut out = Vec::new();
        let before = self.rest;
        if self.eat('(') {
            while let Some(word) = self.word() {
                out.push(word.parse().map_err(|_| self.unknown())?);
                if !self.eat(',') {
                    break;
                }
            }
            if !self.eat(')') {
                self.rest = before;
                return Err(self.unknown());
            }
        }
        Ok(out)
    }

    /// Takes `words` if all of them follow.
    fn words(&mut self, words: &[&str]) -> bool {
        let before = self.rest;
        for wanted in words {
            if !self.word().is_some_and(|it| it.eq_ignore_ascii_case(wanted)) {
                self.rest = before;
                return false;
            }
        }
        true
    }

    fn open(&mut self) -> Result<char, Error> {
        if self.eat('(') {
            Ok(')')
        } else if self.eat('<') {
            Ok('>')
        } else {
            Err(self.unknown())
        }
    }

    fn close(&mut self, with: char) -> Result<(), Error> {
        if self.eat(with) { Ok(()) } else { Err(self.unknown()) }
    }

    fn kind(&mut self, depth: usize) -> Result<DataType, Error> {
        if depth > DEPTH_MAX {
            return Err(Error::TooComplex { what: "levels of a type", limit: DEPTH_MAX });
        }
        let Some(word) = self.word() else { return Err(self.unknown()) };
        Ok(match word.to_lowercase().as_str() {
            "varchar" | "char" | "string" | "text" | "ipaddress" | "uuid" => {
                self.numbers()?;
                TEXT
            }
            "character" => {
                self.words(&["varying"]);
                self.numbers()?;
                TEXT
            }
            "json" => JSON,
            "boolean" | "bool" => DataType::Boolean,
            "tinyint" => DataType::Int8,
            "smallint" => DataType::Int16,
            "integer" | "int" => DataType::Int32,
            "bigint" => DataType::Int64,
            "real" => DataType::Float32,
            "float" => {
                self.numbers()?;
                DataType::Float64
            }
            "double" => {
                self.words(&["precision"]);
                DataType::Float64
            }
            "decimal" | "numeric" | "dec" => {
                let numbers = self.numbers()?;
                let precision = numbers.first().copied().unwrap_or(38);
                let scale = numbers.get(1).copied().unwrap_or(0);
                match (u8::try_from(precision), i8::try_from(scale)) {
                    (Ok(p @ 1..=38), Ok(s)) if i16::from(s) <= i16::from(p) => {
                        DataType::Decimal128(p, s)
                    }
                    _ => return Err(self.unknown()),
                }
            }
            "varbinary" | "binary" => {
                self.numbers()?;
                DataType::Binary
            }
            "date" => DataType::Date32,
            "time" => {
                self.numbers()?;
                self.words(&["with", "time", "zone"]);
                DataType::Time64(TimeUnit::Microsecond)
            }
            "timestamp" => {
                self.numbers()?;
                if self.words(&["with", "time", "zone"]) {
                    zoned()
                } else {
                    self.words(&["without", "time", "zone"]);
                    TIMESTAMP
                }
            }
            "interval" => {
                if self.words(&["year", "to", "month"]) {
                    DataType::Interval(IntervalUnit::YearMonth)
                } else {
                    self.words(&["day", "to", "second"]);
                    DataType::Interval(IntervalUnit::MonthDayNano)
                }
            }
            "array" => {
                let with = self.open()?;
                let element = self.kind(depth + 1)?;
                self.close(with)?;
                array(element)
            }
            "map" => {
                let with = self.open()?;
                let key = self.kind(depth + 1)?;
                self.close(',')?;
                let value = self.kind(depth + 1)?;
                self.close(with)?;
                map(key, value)
            }
            "row" | "struct" => self.row(depth)?,
            _ => return Err(self.unknown()),
        })
    }

    fn row(&mut self, depth: usize) -> Result<DataType, Error> {
        let with = self.open()?;
        let mut fields = Vec::new();
        loop {
            // A field is a name and a type, or a type alone.
            let before = self.rest;
            let named = self.word().map(|it| it.trim_matches('"').to_lowercase());
            self.eat(':');
            let after_name = self.rest;
            let field = match (named, self.kind(depth + 1)) {
                (Some(name), Ok(kind)) => Field::new(name, kind, true),
                (_, Err(deep @ Error::TooComplex { .. })) => return Err(deep),
                (_, Err(_)) | (None, Ok(_)) => {
                    self.rest = before;
                    let _ = after_name;
                    Field::new(position(fields.len()), self.kind(depth + 1)?, true)
                }
            };
            fields.push(field);
            if !self.eat(',') {
                break;
            }
        }
        self.close(with)?;
        Ok(DataType::Struct(Fields::from(fields)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(parse(text).map(|it| name(&it)), Ok(expected.to_owned()));
    }

    #[test]
    fn types_are_read_as_trino_spells_them() {
        check("VARCHAR(10)", "varchar");
        check("map(varchar, json)", "map(varchar, json)");
        check("ARRAY(ROW(x bigint, y varchar(3)))", "array(row(x bigint, y varchar))");
        check("row(varchar, double)", "row(varchar, double)");
        check("timestamp(3) with time zone", "timestamp(3) with time zone");
        check("decimal(10, 2)", "decimal(10,2)");
        check("array<bigint>", "array(bigint)");
        check("double precision", "double");
    }

    #[test]
    fn a_type_that_nests_without_end_is_refused() {
        let deep = format!("{}bigint{}", "array(".repeat(2_000), ")".repeat(2_000));
        assert!(parse(&deep).is_err());
        let rows = format!("{}bigint{}", "row(row ".repeat(2_000), ")".repeat(2_000));
        assert!(parse(&rows).is_err());
    }
}
