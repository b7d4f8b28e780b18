//! What can go wrong with stores.

/// Why a store could not be opened, filled or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Rows could not be built or read. A fault of ours or damaged data.
    #[error("cannot read or build columns")]
    Arrow(#[from] arrow_schema::ArrowError),
    /// The control plane could not be asked. Worth retrying.
    #[error("the catalog failed")]
    Catalog(#[from] catalog::Error),
    /// The columns of the view cannot be those of a table. A fault of ours.
    #[error("the columns of a store: {0}")]
    Columns(String),
    /// Rows could not be sorted or scanned.
    #[error("the query engine failed")]
    Engine(#[from] datafusion::error::DataFusionError),
    /// The log could not be read.
    #[error("the log failed")]
    Log(#[from] log::Error),
    /// A Parquet file could not be read or written.
    #[error("cannot read or write Parquet")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// A result of a query could not be packed or unpacked.
    #[error("the result of a query cannot be packed or read")]
    Result(#[source] std::io::Error),
    /// A result of a query is damaged.
    #[error("the result of a query is damaged")]
    Json(#[from] serde_json::Error),
    /// A statement failed.
    #[error(transparent)]
    Sql(#[from] sql::Error),
    /// The table, its catalog or its store of files failed.
    #[error(transparent)]
    Tables(#[from] tables::Error),
}

impl From<iceberg::Error> for Error {
    fn from(error: iceberg::Error) -> Self {
        Self::Tables(error.into())
    }
}
