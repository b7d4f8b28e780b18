//! Why a query is refused or fails.

use datafusion::common::{DataFusionError, SchemaError};

/// Why a query is refused or fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no SQL.
    #[error("{0}")]
    Syntax(String),
    /// More than one statement, or one that is no `SELECT`.
    #[error("only one SELECT statement is allowed")]
    NotSelect,
    /// It is longer or deeper than allowed.
    #[error("the query is too large: {0}")]
    TooLarge(String),
    /// There is no such table.
    #[error("there is no table `{name}`{hint}")]
    NoTable {
        /// As the query says it.
        name: String,
        /// What there is, or what to do.
        hint: String,
    },
    /// There is no such function.
    #[error("there is no function `{name}`{hint}")]
    NoFunction {
        /// As the query says it.
        name: String,
        /// The nearest one.
        hint: String,
    },
    /// Names or types do not fit, or a value is none of its type.
    #[error("{0}")]
    Invalid(String),
    /// It needs more memory, or more space on disk, than it may have.
    #[error("Query exhausted resources at this scale factor")]
    Exhausted,
    /// It took longer than it may.
    #[error("the query took longer than {0} seconds")]
    TimedOut(u64),
    /// A part of it failed in a way that it must not.
    #[error("the query failed: {0}")]
    Internal(String),
}

impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        match error.find_root() {
            DataFusionError::SQL(error, _) => Self::Syntax(error.to_string()),
            DataFusionError::ResourcesExhausted(_) => Self::Exhausted,
            DataFusionError::SchemaError(error, _) => match error.as_ref() {
                SchemaError::FieldNotFound { field, valid_fields } => {
                    let wanted = field.name();
                    let names = valid_fields.iter().map(datafusion::common::Column::name);
                    let hint = nearest(wanted, names).map_or_else(String::new, did_you_mean);
                    Self::Invalid(format!("there is no column `{wanted}`{hint}"))
                }
                other => Self::Invalid(other.to_string()),
            },
            DataFusionError::Plan(words) => match words.split_once("Invalid function '") {
                Some((_, rest)) => Self::no_function(rest.split('\'').next().unwrap_or_default()),
                None => Self::Invalid(words.clone()),
            },
            DataFusionError::Execution(words) | DataFusionError::Configuration(words) => {
                Self::Invalid(words.clone())
            }
            DataFusionError::NotImplemented(words) => {
                Self::Invalid(format!("not supported: {words}"))
            }
            DataFusionError::External(error) => Self::Invalid(error.to_string()),
            DataFusionError::ArrowError(error, _) => Self::Invalid(error.to_string()),
            DataFusionError::ObjectStore(error) => Self::Invalid(error.to_string()),
            other => Self::Internal(other.to_string()),
        }
    }
}

impl Error {
    pub(crate) fn no_function(name: &str) -> Self {
        let known = crate::functions::COVERED.iter().copied();
        let hint = nearest(name, known).map_or_else(String::new, did_you_mean);
        Self::NoFunction { name: name.to_owned(), hint }
    }
}

fn did_you_mean(name: &str) -> String {
    format!(": did you mean `{name}`?")
}

/// The name that is most like `wanted`, if one is like it at all.
pub(crate) fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = wanted.to_lowercase();
    names
        .map(|name| (strsim::jaro_winkler(&wanted, name), name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| name)
}
