//! The one small file that says what is in the tree: replaced after the tiles that it covers.

use integrity::tree::{Hash, TreeHead};
use log::Position;
use serde::{Deserialize, Serialize};

use crate::{error::Error, folder::Folder};

/// How far the tree has come. Durable as one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct State {
    /// The next position of the log to read.
    pub(crate) next: Position,
    /// The tree of all records before it.
    pub(crate) head: TreeHead,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    next: u64,
    size: u64,
    root: String,
}

impl State {
    /// Reads the state; that of the empty tree when there is none.
    pub(crate) fn read(folder: &Folder) -> Result<Self, Error> {
        let Some(bytes) = folder.read(FILE)? else {
            return Ok(Self { next: Position(0), head: TreeHead::empty() });
        };
        let damaged = |why: String| Error::Damaged { file: FILE.to_owned(), why };
        let stored: Stored =
            serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        if stored.version != VERSION {
            return Err(damaged(format!("its version {} is not known here", stored.version)));
        }
        let root = Hash::from_base64(&stored.root).ok_or_else(|| damaged("no root".to_owned()))?;
        Ok(Self { next: Position(stored.next), head: TreeHead { size: stored.size, root } })
    }

    /// Replaces the state. What it covers has to be durable before.
    pub(crate) fn write(&self, folder: &Folder) -> Result<(), Error> {
        let Self { next, head } = self;
        let stored =
            Stored { version: VERSION, next: next.0, size: head.size, root: head.root.to_string() };
        let mut bytes = serde_json::to_vec(&stored)
            .map_err(|error| Error::Damaged { file: FILE.to_owned(), why: error.to_string() })?;
        bytes.push(b'\n');
        folder.replace(FILE, &bytes, 0o600)
    }
}

const FILE: &str = "state";
const VERSION: u32 = 1;
