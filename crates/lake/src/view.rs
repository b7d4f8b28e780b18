//! What a reader sees at one moment: the table up to a position, and the tail after it.
//!
//! INVARIANT: a row is in exactly one of the two. A flush swaps both at once, in one step that a
//! reader sees whole or not at all.

use std::sync::Arc;

use log::Position;

use crate::{Error, chunk::Chunk, table_file::TableFile};

/// Small chunks are joined until they have this many rows.
const JOINED_ROWS: usize = 8 << 10;

/// Table and tail at one moment. Never changes; the next moment is another view.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    /// The table's data files.
    pub(crate) files: Arc<[Arc<TableFile>]>,
    /// The files hold every row before this position, and none from it on.
    pub(crate) committed: Position,
    /// Rows from there on, in order.
    pub(crate) tail: Vec<Arc<Chunk>>,
    /// Chunks before this position are being flushed and are not joined with later ones.
    sealed: Position,
}

impl View {
    /// Behind the last frame that was read.
    pub(crate) fn visible(&self) -> Position {
        self.tail.last().map_or(self.committed, |it| it.until).max(self.committed)
    }

    /// What the tail takes of memory, about.
    pub(crate) fn tail_bytes(&self) -> usize {
        self.tail.iter().map(|it| it.bytes).sum()
    }

    /// How many rows the tail has.
    pub(crate) fn tail_rows(&self) -> usize {
        self.tail.iter().map(|it| it.rows()).sum()
    }

    /// Adds a chunk behind the last. Joins small ones of about equal size, so that their number grows
    /// with the logarithm of the number of reads.
    ///
    /// # Errors
    /// Only by a fault of ours: columns that do not fit the schema.
    pub(crate) fn push(&mut self, chunk: Chunk) -> Result<(), Error> {
        let mut chunk = Arc::new(chunk);
        while let Some(last) = self.tail.last() {
            let is_open = last.from >= self.sealed;
            let is_small = last.rows() + chunk.rows() <= JOINED_ROWS;
            if !is_open || !is_small || last.rows() > 2 * chunk.rows() {
                break;
            }
            chunk = Arc::new(last.joined(&chunk)?);
            self.tail.pop();
        }
        self.tail.push(chunk);
        Ok(())
    }

    /// Begins a flush: the chunks that are there are kept apart from those to come.
    pub(crate) fn seal(&mut self) {
        self.sealed = self.visible();
    }

    /// Takes what the table now is, and drops from the tail what the table now holds.
    pub(crate) fn adopt(&mut self, files: Arc<[Arc<TableFile>]>, committed: Position) {
        self.files = files;
        self.committed = committed;
        self.tail.retain(|it| it.until > committed);
    }
}
