//! The Merkle tree beside the server: follows the log in a task of its own.

use std::sync::Arc;

use ambient::Ambient;
use anyhow::{Context as _, anyhow};
use ledger::{Components, PublicLog, TreeKeeper};
use log::{EventLog, HeldLog};
use record::AccountId;
use tracing::info;

use crate::config::Config;

/// Folder of the tree within the data folder.
pub(crate) const FOLDER: &str = "tree";

/// Takes up the tree and follows the log from now on. Gives what anybody may fetch, and the log as
/// others have to trim it.
pub(crate) async fn start(
    config: &Config,
    account: AccountId,
    log: &Arc<dyn EventLog>,
    ambient: &Ambient,
) -> anyhow::Result<(PublicLog, Arc<dyn EventLog>)> {
    let origin = format!("trailmark/{}", account.as_str());
    let origin = origin.parse().map_err(|error| anyhow!("`{origin}` names no log: {error}"))?;
    let components = Components { ambient: ambient.clone(), log: Arc::clone(log), origin };
    let keeper = TreeKeeper::open(config.data_dir.join(FOLDER), components)
        .await
        .context("cannot take up the Merkle tree")?;
    info!(key = %keeper.verifier(), "the log is proven with this key");
    let held = Arc::new(HeldLog::new(Arc::clone(log), vec![keeper.committed()]));
    let public = keeper.public();
    tokio::spawn(Arc::clone(&held).follow());
    tokio::spawn(keeper.run());
    Ok((public, held))
}
