//! Why a query was refused or failed, and how DataFusion's errors become ours.

use datafusion::{arrow::error::ArrowError, common::SchemaError, error::DataFusionError};

/// Why a query was refused, or stopped.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// The query needs more memory than it may use. Worth trying again with less.
    #[error("query exhausted resources at this scale factor: {0}")]
    Exhausted(String),
    /// A value could not be worked on: a division by zero, a cast that does not hold.
    #[error("{0}")]
    Failed(String),
    /// A fault of ours; the query is not to blame.
    #[error("internal error: {0}")]
    Internal(String),
    /// The text is SQL, but means nothing here: types do not fit, a feature is not offered.
    #[error("{0}")]
    Invalid(String),
    /// Something other than one SELECT statement.
    #[error("only a single SELECT statement can be run, this is {0}")]
    NotSelect(String),
    /// The text is not SQL. Line and column count from one, in the text as given.
    #[error("line {line}:{column}: {message}")]
    Syntax {
        /// The line, from one.
        line: u64,
        /// The column, in characters, from one.
        column: u64,
        /// What was expected, and what was found.
        message: String,
    },
    /// The time that a query may take is over. Rows that came before stay valid.
    #[error("the query ran longer than {seconds} seconds")]
    TimedOut {
        /// The limit that was passed.
        seconds: u64,
    },
    /// The query is too deep or has too many parts.
    #[error("the query is too complex: more than {limit} {what}")]
    TooComplex {
        /// What there is too much of.
        what: &'static str,
        /// How much there may be.
        limit: usize,
    },
    /// The text is longer than allowed.
    #[error("the query has {length} characters, more than {limit}")]
    TooLong {
        /// Its length in characters.
        length: usize,
        /// How long it may be.
        limit: usize,
    },
    /// The answer has more rows than allowed.
    #[error("the answer has more than {limit} rows")]
    TooManyRows {
        /// How many there may be.
        limit: usize,
    },
    /// A column or field that nothing in the query has.
    #[error("column `{name}` cannot be resolved{}", hint(.near))]
    UnknownColumn {
        /// The name as given.
        name: String,
        /// Names that there are, nearest first.
        near: Vec<String>,
    },
    /// A function that we do not have.
    #[error("function `{name}` not registered{}", hint(.near))]
    UnknownFunction {
        /// The name as given.
        name: String,
        /// Names that there are, nearest first.
        near: Vec<String>,
    },
    /// A table that the session does not have.
    #[error("table `{name}` does not exist{}", hint(.near))]
    UnknownTable {
        /// The name as given.
        name: String,
        /// Names that there are, nearest first.
        near: Vec<String>,
    },
}

impl Error {
    /// Whether the text is at fault, so that the same query can never succeed.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Invalid(_)
            | Self::NotSelect(_)
            | Self::Syntax { .. }
            | Self::TooComplex { .. }
            | Self::TooLong { .. }
            | Self::UnknownColumn { .. }
            | Self::UnknownFunction { .. }
            | Self::UnknownTable { .. } => true,
            Self::Exhausted(_)
            | Self::Failed(_)
            | Self::Internal(_)
            | Self::TimedOut { .. }
            | Self::TooManyRows { .. } => false,
        }
    }

    fn from_arrow(error: ArrowError) -> Self {
        match error {
            ArrowError::ExternalError(inner) => match inner.downcast::<DataFusionError>() {
                Ok(inner) => Self::from(*inner),
                Err(inner) => Self::Failed(inner.to_string()),
            },
            ArrowError::DivideByZero => Self::Failed("division by zero".to_owned()),
            ArrowError::CastError(text)
            | ArrowError::ComputeError(text)
            | ArrowError::ParseError(text)
            | ArrowError::ArithmeticOverflow(text) => Self::Failed(text),
            other => Self::Failed(other.to_string()),
        }
    }

    fn from_schema(error: &SchemaError) -> Self {
        match error {
            SchemaError::FieldNotFound { field, valid_fields } => {
                let known = || valid_fields.iter().map(|it| it.name.as_str());
                let mut near = nearest(&field.name, known());
                if near.is_empty() {
                    near = known().take(SHOWN).map(str::to_owned).collect();
                }
                let table = field.relation.as_ref().map(|it| format!("{it}.")).unwrap_or_default();
                Self::UnknownColumn { name: format!("{table}{}", field.name), near }
            }
            SchemaError::AmbiguousReference { field } => {
                Self::Invalid(format!("column `{}` is ambiguous", field.name))
            }
            SchemaError::DuplicateQualifiedField { name, .. }
            | SchemaError::DuplicateUnqualifiedField { name } => {
                Self::Invalid(format!("column `{name}` is named twice"))
            }
        }
    }
}

/// What DataFusion said, in our words. Its causes are followed to the first that tells something.
impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        use DataFusionError as D;
        match error {
            D::Context(_, inner) | D::Diagnostic(_, inner) => Self::from(*inner),
            D::Collection(mut all) if !all.is_empty() => Self::from(all.swap_remove(0)),
            D::Shared(inner) => match inner.find_root() {
                D::External(own) => own
                    .downcast_ref::<Self>()
                    .cloned()
                    .unwrap_or_else(|| Self::Failed(own.to_string())),
                D::ResourcesExhausted(text) => Self::Exhausted(first_line(text)),
                D::ArrowError(error, _) if matches!(**error, ArrowError::DivideByZero) => {
                    Self::Failed("division by zero".to_owned())
                }
                D::Execution(text) => Self::Failed(first_line(text)),
                other => Self::Failed(first_line(&other.strip_backtrace())),
            },
            D::External(own) => match own.downcast::<Self>() {
                Ok(own) => *own,
                Err(other) => match other.downcast::<D>() {
                    Ok(inner) => Self::from(*inner),
                    Err(other) => Self::Failed(other.to_string()),
                },
            },
            D::ArrowError(error, _) => Self::from_arrow(*error),
            D::ResourcesExhausted(text) => Self::Exhausted(first_line(&text)),
            D::SchemaError(error, _) => Self::from_schema(&error),
            D::Plan(text) => Self::Invalid(ungrouped(&text).unwrap_or_else(|| first_line(&text))),
            D::NotImplemented(text) => Self::Invalid(first_line(&text)),
            D::Execution(text) => Self::Failed(first_line(&text)),
            // Said of a BETWEEN whose sides do not fit each other.
            D::Internal(text) if text.starts_with("Failed to coerce types") => {
                Self::Invalid(first_line(&text))
            }
            D::Internal(text) => Self::Internal(first_line(&text)),
            other => Self::Failed(first_line(&other.strip_backtrace())),
        }
    }
}

/// How many names a hint has.
const SHOWN: usize = 3;

fn hint(near: &[String]) -> String {
    if near.is_empty() {
        return String::new();
    }
    let near: Vec<String> = near.iter().map(|it| format!("`{it}`")).collect();
    format!(", did you mean {}?", near.join(", "))
}

/// The names nearest to `name`, at most three; what shares little with it is left out.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let wanted = name.to_lowercase();
    let mut scored: Vec<(f64, &str)> = known
        .into_iter()
        .map(|it| (strsim::jaro_winkler(&wanted, &it.to_lowercase()), it))
        .filter(|(score, it)| *score > 0.7 && it.len() * 2 >= wanted.len())
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    scored.dedup_by(|a, b| a.1 == b.1);
    scored.into_iter().take(SHOWN).map(|(_, it)| it.to_owned()).collect()
}

/// What Trino says of a column that stands beside aggregates, if that is what the text tells.
fn ungrouped(text: &str) -> Option<String> {
    let (before, _) = text.split_once("\" must appear in the GROUP BY clause")?;
    let (_, column) = before.rsplit_once("column \"")?;
    let column = column.rsplit_once('.').map_or(column, |it| it.1);
    Some(format!("'{column}' must be an aggregate expression or appear in GROUP BY clause"))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
