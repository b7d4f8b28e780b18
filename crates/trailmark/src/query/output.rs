//! Rows as people and programs want them.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use datafusion::arrow::{
    datatypes::{Field, Schema},
    record_batch::RecordBatch,
};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    file::properties::WriterProperties,
};
use serde_json::{Map, Value};
use sql::{Column, text};

use crate::cli::Format;

/// Writes rows as they come.
pub(crate) struct Output {
    labels: Vec<String>,
    rows: usize,
    form: Form,
    /// A file that takes its name when it is whole, and that name.
    file: Option<(PathBuf, PathBuf)>,
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
        columns: Vec<Column>,
    ) -> anyhow::Result<Self> {
        let file = file.map(|name| (beside(name), name.to_owned()));
        let mut to: Box<dyn Write + Send> = match &file {
            Some((made, _)) => {
                let to = File::create(made);
                let to = to.with_context(|| format!("cannot write `{}`", made.display()))?;
                Box::new(BufWriter::new(to))
            }
            None => Box::new(BufWriter::new(io::stdout())),
        };
        let mut labels: Vec<_> = columns.iter().map(|it| it.label.clone()).collect();
        let form = match format {
            Format::Table => Form::Table { to, widths: Vec::new(), waiting: Vec::new() },
            Format::Csv => {
                line(&mut to, labels.iter().map(String::as_str))?;
                Form::Csv(to)
            }
            Format::Json | Format::Ndjson => {
                // An object has no two members of one name.
                labels = unique(&labels);
                if format == Format::Json { Form::Json(to) } else { Form::Ndjson(to) }
            }
            Format::Parquet => {
                let named = columns.into_iter().zip(unique(&labels));
                let fields: Vec<_> =
                    named.map(|(it, name)| Field::new(name, it.data_type, true)).collect();
                let schema = Arc::new(Schema::new(fields));
                let settings = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::default()))
                    .build();
                let writer = ArrowWriter::try_new(to, Arc::clone(&schema), Some(settings))?;
                Form::Parquet { writer: Box::new(writer), schema }
            }
        };
        Ok(Self { labels, rows: 0, form, file })
    }

    /// Writes some rows.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> anyhow::Result<()> {
        let Self { labels, rows, form, .. } = self;
        for row in 0..batch.num_rows() {
            let cells = || {
                let columns = batch.columns().iter();
                columns.map(move |it| {
                    let is_null = it.is_null(row);
                    if is_null { String::new() } else { text::value(it, row, "null") }
                })
            };
            let object = || {
                let values = batch.columns().iter().map(|it| text::json(it, row));
                Value::Object(labels.iter().cloned().zip(values).collect::<Map<_, _>>())
            };
            match form {
                Form::Table { waiting, .. } => {
                    waiting.push(cells().map(|it| shown(&it)).collect());
                }
                Form::Csv(to) => line(to, cells())?,
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
    pub(crate) fn finish(mut self) -> anyhow::Result<usize> {
        self.draw()?;
        match self.form {
            Form::Table { mut to, .. } | Form::Csv(mut to) | Form::Ndjson(mut to) => to.flush()?,
            Form::Json(mut to) => {
                to.write_all(if self.rows == 0 { b"[]\n" } else { b"\n]\n" })?;
                to.flush()?;
            }
            Form::Parquet { writer, .. } => writer.into_inner()?.flush()?,
        }
        if let Some((made, name)) = &self.file
            && made != name
        {
            let named = std::fs::rename(made, name);
            named.with_context(|| format!("cannot write `{}`", name.display()))?;
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

/// Where a file is written until it is whole; a pipe or a device is written at once.
fn beside(name: &Path) -> PathBuf {
    if name.exists() && !name.is_file() {
        return name.to_owned();
    }
    let mut made = name.as_os_str().to_owned();
    made.push(".part");
    made.into()
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
