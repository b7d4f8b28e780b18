//! Results of queries, in pieces of some rows each, so that any page of them is found at once.

use tables::Store;
use uuid::Uuid;

use crate::Error;

/// Rows of a piece.
const PIECE_ROWS: usize = 1_000;
/// Bytes of the texts of a piece at which it is written before it is full.
const PIECE_BYTES: usize = 16 << 20;

/// A row: the text of each column, none for null.
pub(crate) type Row = Vec<Option<String>>;

/// Where results are kept.
#[derive(Clone, Debug)]
pub(crate) struct Results {
    store: Store,
}

/// A piece, as it is kept: JSON, compressed.
#[derive(serde::Deserialize, serde::Serialize)]
struct Piece {
    /// The number of its first row.
    from: u64,
    labels: Vec<String>,
    rows: Vec<Row>,
}

/// Which piece begins with which row.
#[derive(Default, serde::Deserialize, serde::Serialize)]
struct Index {
    starts: Vec<u64>,
}

/// Writes the result of one query.
#[derive(Debug)]
pub(crate) struct Writer {
    store: Store,
    folder: String,
    labels: Vec<String>,
    rows: Vec<Row>,
    bytes: usize,
    next: u64,
    starts: Vec<u64>,
}

impl Results {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    fn folder(&self, query: Uuid) -> String {
        format!("{}/{query}", self.store.location())
    }

    /// Begins the result of a query.
    pub(crate) fn begin(&self, query: Uuid, labels: Vec<String>) -> Writer {
        Writer {
            store: self.store.clone(),
            folder: self.folder(query),
            labels,
            rows: Vec::new(),
            bytes: 0,
            next: 0,
            starts: Vec::new(),
        }
    }

    /// Up to `max` rows from row `from` on, with the labels of their columns.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(crate) async fn rows(
        &self,
        query: Uuid,
        from: u64,
        max: usize,
    ) -> Result<Vec<Vec<(String, Option<String>)>>, Error> {
        let folder = self.folder(query);
        let index = format!("{folder}/index.json");
        if self.store.head(&index).await?.is_none() {
            return Ok(Vec::new());
        }
        let index: Index = serde_json::from_slice(&self.store.get(&index).await?)?;
        let first = index.starts.partition_point(|it| *it <= from).saturating_sub(1);
        let mut found = Vec::new();
        for start in index.starts.iter().skip(first) {
            let compressed = self.store.get(&piece_url(&folder, *start)).await?;
            let text = zstd::decode_all(&*compressed).map_err(Error::Result)?;
            let Piece { from: begin, labels, rows } = serde_json::from_slice(&text)?;
            let skipped = usize::try_from(from.saturating_sub(begin)).unwrap_or(usize::MAX);
            for row in rows.into_iter().skip(skipped) {
                if found.len() == max {
                    return Ok(found);
                }
                found.push(labels.iter().cloned().zip(row).collect());
            }
        }
        Ok(found)
    }

    /// Deletes a result. One that is not there is no error.
    ///
    /// # Errors
    /// When it cannot be deleted.
    pub(crate) async fn forget(&self, query: Uuid) -> Result<(), Error> {
        for (url, _) in self.store.list(&self.folder(query)).await? {
            self.store.delete(&url).await?;
        }
        Ok(())
    }
}

impl Writer {
    /// Adds a row.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) async fn add(&mut self, row: Row) -> Result<(), Error> {
        self.bytes += row.iter().flatten().map(String::len).sum::<usize>();
        self.rows.push(row);
        if self.rows.len() >= PIECE_ROWS || self.bytes >= PIECE_BYTES {
            self.write().await?;
        }
        Ok(())
    }

    /// Completes the result: only now can it be read.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) async fn finish(mut self) -> Result<(), Error> {
        if !self.rows.is_empty() {
            self.write().await?;
        }
        let index = serde_json::to_vec(&Index { starts: self.starts })?;
        Ok(self.store.put(&format!("{}/index.json", self.folder), index.into()).await?)
    }

    async fn write(&mut self) -> Result<(), Error> {
        let (rows, from) = (std::mem::take(&mut self.rows), self.next);
        self.next += rows.len() as u64;
        self.bytes = 0;
        let piece = serde_json::to_vec(&Piece { from, labels: self.labels.clone(), rows })?;
        let compressed = zstd::encode_all(&*piece, 1).map_err(Error::Result)?;
        self.store.put(&piece_url(&self.folder, from), compressed.into()).await?;
        self.starts.push(from);
        Ok(())
    }
}

fn piece_url(folder: &str, from: u64) -> String {
    format!("{folder}/{from:012}.json.zst")
}
