//! The Merkle tree beside the server: follows the log in a task of its own.

use std::sync::Arc;

use ambient::Ambient;
use anyhow::{Context as _, anyhow};
use delivery::Checkpoints;
use ledger::{Components, PublicLog, SignedHead, TreeKeeper};
use log::{EventLog, Position};
use record::AccountId;
use tokio::sync::watch;
use tracing::info;

use crate::{
    config::Config,
    cosigning::{Cosigning, Witnessed},
};

/// Folder of the tree within the data folder.
pub(crate) const FOLDER: &str = "tree";

/// A tree that follows the log.
pub(crate) struct Tree {
    /// What anybody may fetch.
    pub(crate) public: PublicLog,
    /// The position before which the tree needs nothing of the log.
    pub(crate) committed: watch::Receiver<Position>,
    /// How far it has come, with what witnesses said of it.
    pub(crate) checkpoints: Arc<dyn Checkpoints>,
    /// How the witnesses stand.
    pub(crate) witnessed: watch::Receiver<Witnessed>,
}

/// The checkpoints that the public sees.
#[derive(Debug)]
struct Published(watch::Receiver<Option<Arc<SignedHead>>>);

impl Checkpoints for Published {
    fn newest(&self) -> Option<String> {
        self.0.borrow().as_ref().map(|it| it.note.to_string())
    }
}

/// Takes up the tree and follows the log from now on.
pub(crate) async fn start(
    config: &Config,
    account: AccountId,
    log: &Arc<dyn EventLog>,
    ambient: &Ambient,
) -> anyhow::Result<Tree> {
    // Of a new tree: others may have made theirs for an account of the same number. A tree that is
    // there keeps its name.
    let (unique, _) = ambient.random.uuid().as_u64_pair();
    let origin = format!("trailmark/{account}/{unique:016x}");
    let origin = origin.parse().map_err(|error| anyhow!("`{origin}` names no log: {error}"))?;
    let components = Components { ambient: ambient.clone(), log: Arc::clone(log), origin };
    let keeper = TreeKeeper::open(config.data_dir.join(FOLDER), components)
        .await
        .context("cannot take up the Merkle tree")?;
    info!(key = %keeper.verifier(), "the log is proven with this key");
    let (public, committed) = (keeper.public(), keeper.committed());
    let signed = keeper.checkpoint();
    let cosigning = Cosigning::new(&config.witnesses, public.clone(), signed.clone(), ambient)?;
    let (witnessed, keeper) = (cosigning.witnessed(), keeper.signing_while(cosigning.may_sign()));
    let (public, published) = if config.witnesses.is_empty() {
        (public, signed)
    } else {
        let published = cosigning.published();
        tokio::spawn(cosigning.run());
        (public.publishing(published.clone()), published)
    };
    let tree = Tree { public, committed, checkpoints: Arc::new(Published(published)), witnessed };
    tokio::spawn(keeper.run());
    Ok(tree)
}
