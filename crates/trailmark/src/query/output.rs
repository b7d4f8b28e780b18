//! Rows as people and programs want them.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
    sync::Arc,
};

use anyhow::Context as _;
use datafusion::arrow::{
    datatypes::{Field, Schema},
    record_batch::RecordBatch,
};
use parquet::{arrow::ArrowWriter, basic::Compression, file::properties::WriterProperties};
use serde_json::{Map, Value};
use sql::{Answer, Nulls, text};

use crate::cli::Format;

/// Writes rows as they come.
pub(crate) struct Output {
    labels: Vec<String>,
    rows: u64,
    form: Form,
}

enum Form {
    Table { to: Box<dyn Write + Send>, widths: Vec<usize>, waiting: Vec<Vec<String>> },
    Csv(Box<dyn Write + Send>),
    Json(Box<dyn Write + Send>),
    Ndjson(Box<dyn Write + Send>),
    Parquet { writer: Box<ArrowWriter<Box<dyn Write + Send>>>, schema: Arc<Schema> },
}

impl Output {
    /// Begins, on standard output unless a file is named.
    pub(crate) fn new(
        format: Format,
        file: Option<&Path>,
        answer: &Answer,
    ) -> anyhow::Result<Self> {
        let mut to: Box<dyn Write + Send> = match file {
            Some(file) => {
                let made = File::create(file);
                Box::new(BufWriter::new(
                    made.with_context(|| format!("cannot write `{}`", file.display()))?,
                ))
            }
            None => Box::new(BufWriter::new(io::stdout())),
        };
        let labels = answer.labels.clone();
        let form = match format {
            Format::Table => Form::Table { to, widths: Vec::new(), waiting: Vec::new() },
            Format::Csv => {
                line(&mut to, labels.iter().map(String::as_str))?;
                Form::Csv(to)
            }
            Format::Json => Form::Json(to),
            Format::Ndjson => Form::Ndjson(to),
            Format::Parquet => {
                let names = unique(&labels);
                let fields = answer.schema.fields().iter().zip(names);
                let fields: Vec<Field> =
                    fields.map(|(field, name)| field.as_ref().clone().with_name(name)).collect();
                let schema = Arc::new(Schema::new(fields));
                let settings = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(parquet::basic::ZstdLevel::default()))
                    .build();
                let writer = ArrowWriter::try_new(to, Arc::clone(&schema), Some(settings))?;
                Form::Parquet { writer: Box::new(writer), schema }
            }
        };
        Ok(Self { labels, rows: 0, form })
    }

    /// Writes some rows.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> anyhow::Result<()> {
        let Self { labels, rows, form } = self;
        for row in 0..batch.num_rows() {
            let cells =
                || batch.columns().iter().map(move |it| text(it.as_ref(), row, Nulls::Word));
            let object = || {
                let values = batch.columns().iter().map(|it| sql::json(it.as_ref(), row));
                Value::Object(labels.iter().cloned().zip(values).collect::<Map<_, _>>())
            };
            match form {
                Form::Table { waiting, .. } => {
                    waiting.push(cells().map(|it| shown(&it.unwrap_or_default())).collect());
                }
                Form::Csv(to) => line(to, cells().map(Option::unwrap_or_default))?,
                Form::Json(to) => {
                    to.write_all(if *rows == 0 { b"[\n" } else { b",\n" })?;
                    serde_json::to_writer(to, &object())?;
                }
                Form::Ndjson(to) => {
                    serde_json::to_writer(&mut *to, &object())?;
                    to.write_all(b"\n")?;
                }
                Form::Parquet { .. } => {}
            }
            *rows += 1;
        }
        if let Form::Parquet { writer, schema } = form {
            writer.write(&RecordBatch::try_new(Arc::clone(schema), batch.columns().to_vec())?)?;
        }
        if let Form::Table { waiting, .. } = form
            && waiting.len() >= TABLE_ROWS
        {
            self.draw()?;
        }
        Ok(())
    }

    /// Ends; says how many rows there were.
    pub(crate) fn finish(mut self) -> anyhow::Result<u64> {
        self.draw()?;
        match self.form {
            Form::Table { mut to, .. } | Form::Csv(mut to) | Form::Ndjson(mut to) => to.flush()?,
            Form::Json(mut to) => {
                to.write_all(if self.rows == 0 { b"[]\n" } else { b"\n]\n" })?;
                to.flush()?;
            }
            Form::Parquet { writer, .. } => writer.into_inner()?.flush()?,
        }
        Ok(self.rows)
    }

    /// Draws the rows that wait; the first ones decide how wide columns are.
    fn draw(&mut self) -> io::Result<()> {
        let Form::Table { to, widths, waiting } = &mut self.form else { return Ok(()) };
        if widths.is_empty() {
            *widths = self.labels.iter().map(|it| it.chars().count()).collect();
            for row in waiting.iter() {
                for (width, cell) in widths.iter_mut().zip(row) {
                    *width = (*width).max(cell.chars().count());
                }
            }
            let names: Vec<_> = self
                .labels
                .iter()
                .zip(&*widths)
                .map(|(it, width)| format!("{it:width$}"))
                .collect();
            writeln!(to, "{}", names.join("  ").trim_end())?;
            let rules: Vec<_> = widths.iter().map(|it| "─".repeat(*it)).collect();
            writeln!(to, "{}", rules.join("  "))?;
        }
        for row in waiting.drain(..) {
            let cells: Vec<_> =
                row.iter().zip(&*widths).map(|(it, width)| format!("{it:width$}")).collect();
            writeln!(to, "{}", cells.join("  ").trim_end())?;
        }
        to.flush()
    }
}

/// A cell that fits: no line breaks nor other control characters, which a terminal would obey, and no
/// more than can be read.
fn shown(cell: &str) -> String {
    let mut short: String =
        cell.chars().take(CELL_MAX).map(|it| if it.is_control() { ' ' } else { it }).collect();
    if cell.chars().nth(CELL_MAX).is_some() {
        short.push('…');
    }
    short
}

/// A line of comma-separated values, quoted where they must be.
fn line(to: &mut impl Write, cells: impl Iterator<Item = impl AsRef<str>>) -> io::Result<()> {
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            to.write_all(b",")?;
        }
        let cell = cell.as_ref();
        if cell.contains(['"', ',', '\n', '\r']) {
            write!(to, "\"{}\"", cell.replace('"', "\"\""))?;
        } else {
            to.write_all(cell.as_bytes())?;
        }
    }
    to.write_all(b"\n")
}

/// Names of which none is there twice.
fn unique(labels: &[String]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for label in labels {
        let mut name = label.clone();
        let mut number = 1;
        while names.contains(&name) {
            number += 1;
            name = format!("{label}_{number}");
        }
        names.push(name);
    }
    names
}

/// Rows that are drawn at once.
const TABLE_ROWS: usize = 1_000;
/// Characters of a cell of a table.
const CELL_MAX: usize = 80;
