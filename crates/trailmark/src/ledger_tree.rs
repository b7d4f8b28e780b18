//! The Merkle tree beside the server: follows the log in a task of its own.

use std::sync::Arc;

use ambient::Ambient;
use anyhow::{Context as _, anyhow};
use ledger::{Components, PublicLog, TreeKeeper};
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
    /// How the witnesses stand.
    pub(crate) witnessed: watch::Receiver<Witnessed>,
}

/// Takes up the tree and follows the log from now on.
pub(crate) async fn start(
    config: &Config,
    account: AccountId,
    log: &Arc<dyn EventLog>,
    ambient: &Ambient,
) -> anyhow::Result<Tree> {
    let origin = format!("trailmark/{}", account.as_str());
    let origin = origin.parse().map_err(|error| anyhow!("`{origin}` names no log: {error}"))?;
    let components = Components { ambient: ambient.clone(), log: Arc::clone(log), origin };
    let keeper = TreeKeeper::open(config.data_dir.join(FOLDER), components)
        .await
        .context("cannot take up the Merkle tree")?;
    info!(key = %keeper.verifier(), "the log is proven with this key");
    let (public, committed) = (keeper.public(), keeper.committed());
    let cosigning =
        Cosigning::new(&config.witnesses, public.clone(), keeper.checkpoint(), ambient)?;
    let witnessed = cosigning.witnessed();
    let public = if config.witnesses.is_empty() {
        public
    } else {
        let public = public.publishing(cosigning.published());
        tokio::spawn(cosigning.run());
        public
    };
    let tree = Tree { public, committed, witnessed };
    tokio::spawn(keeper.run());
    Ok(tree)
}
