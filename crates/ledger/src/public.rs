//! What anybody may fetch of the tree: checkpoints and hashes, and nothing that tells of records.
//!
//! Spec: C2SP tlog-tiles, "APIs".

use std::sync::Arc;

use integrity::tree::{Hash, Level, Tile, Tiles, proof::prove_consistency};
use tokio::{sync::watch, task::spawn_blocking};

use crate::{
    error::Error,
    folder::Folder,
    keeper::SignedHead,
    tree::{COSIGNED, holds},
};

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

    /// The same, with the checkpoints of `published` instead: such as those that witnesses have
    /// cosigned.
    #[must_use]
    pub fn publishing(self, published: watch::Receiver<Option<Arc<SignedHead>>>) -> Self {
        Self { checkpoint: published, ..self }
    }

    /// Proves that the tree of `old` leaves begins that of `new`, both of which were signed.
    ///
    /// # Errors
    /// [`Error::Tree`] when `old` is larger; [`Error::Io`].
    pub async fn prove_consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, Error> {
        let folder = self.folder.clone();
        let prove = move || {
            let mut tiles = Tiles::new(new);
            for tile in Tile::of_consistency(old, new) {
                if let Some(bytes) = folder.tile(tile)? {
                    tiles.insert(tile, &bytes)?;
                }
            }
            Ok(prove_consistency(&tiles, old)?)
        };
        spawn_blocking(prove).await.map_err(|_| Error::Stopping)?
    }

    /// Keeps a checkpoint with its cosignatures, which proofs are made against from now on.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub async fn keep_cosigned(&self, signed: &SignedHead) -> Result<(), Error> {
        let (folder, note) = (self.folder.clone(), signed.note.to_string());
        let keep = move || folder.replace(COSIGNED, note.as_bytes(), 0o600);
        spawn_blocking(keep).await.map_err(|_| Error::Stopping)?
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
const HASH: usize = Hash::SIZE;
