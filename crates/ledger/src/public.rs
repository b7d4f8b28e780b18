//! What anybody may fetch of the tree: checkpoints and hashes, and nothing that tells of records.
//!
//! Spec: C2SP tlog-tiles, "APIs".

use std::sync::Arc;

use integrity::tree::{Level, Tile};
use tokio::{sync::watch, task::spawn_blocking};

use crate::{error::Error, folder::Folder, keeper::SignedHead, tree::holds};

/// The public side of the tree.
#[derive(Clone, Debug)]
pub struct PublicLog {
    folder: Folder,
    checkpoint: watch::Receiver<Option<Arc<SignedHead>>>,
}

/// An answer over HTTP.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Page {
    /// Status code: 200, 403, 404 or 500.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// `Cache-Control`.
    pub cache_control: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

impl PublicLog {
    pub(crate) const fn new(
        folder: Folder,
        checkpoint: watch::Receiver<Option<Arc<SignedHead>>>,
    ) -> Self {
        Self { folder, checkpoint }
    }

    /// What lies at `path` below the log's prefix: `checkpoint`, or a tile of hashes that the newest
    /// checkpoint covers. Tiles of entries are for the operator only.
    pub async fn page(&self, path: &str) -> Page {
        let signed = self.checkpoint.borrow().clone();
        let Some(signed) = signed else { return MISSING.page() };
        if path == "checkpoint" {
            let body = signed.note.to_string().into_bytes();
            return Page { status: 200, content_type: TEXT, cache_control: NO_CACHE, body };
        }
        if path.starts_with("tile/entries/") {
            return Refusal { status: 403, words: "entries are for the operator only\n" }.page();
        }
        let tile: Option<Tile> = path.parse().ok();
        match tile.filter(|it| it.level != Level::Entries && holds(signed.head.size, *it)) {
            Some(tile) => self.tile(tile).await,
            None => MISSING.page(),
        }
    }

    async fn tile(&self, tile: Tile) -> Page {
        let folder = self.folder.clone();
        let read = spawn_blocking(move || folder.tile(tile)).await;
        match read.map_err(|_| Error::Stopping).flatten() {
            Ok(Some(mut body)) => {
                // A full tile begins as the partial one did whose place it took.
                body.truncate(usize::from(tile.width) * HASH);
                Page { status: 200, content_type: BYTES, cache_control: FOR_EVER, body }
            }
            Ok(None) => MISSING.page(),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, %tile, "cannot read a tile");
                Refusal { status: 500, words: "the tile cannot be read\n" }.page()
            }
        }
    }
}

struct Refusal {
    status: u16,
    words: &'static str,
}

impl Refusal {
    fn page(&self) -> Page {
        let body = self.words.as_bytes().to_vec();
        Page { status: self.status, content_type: TEXT, cache_control: NO_CACHE, body }
    }
}

const MISSING: Refusal = Refusal { status: 404, words: "not in the log\n" };
const TEXT: &str = "text/plain; charset=utf-8";
const BYTES: &str = "application/octet-stream";
const NO_CACHE: &str = "no-cache";
const FOR_EVER: &str = "public, max-age=31536000, immutable";
const HASH: usize = integrity::tree::Hash::SIZE;
