//! Joins deliveries with what they need: trails and keys of the catalog, buckets, the log.

use std::sync::Arc;

use ambient::Ambient;
use anyhow::Context as _;
use catalog::Catalog;
use delivery::{Checkpoints, Deliverer, KeptTrails, Notifier, Statuses};
use log::{EventLog, Position};
use tokio::sync::watch;

use crate::{config::Config, destinations::Places, signing::AllSigners};

/// What deliveries are made of.
pub(crate) struct Components {
    pub(crate) ambient: Ambient,
    pub(crate) catalog: Catalog,
    pub(crate) checkpoints: Arc<dyn Checkpoints>,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) notifier: Option<Arc<dyn Notifier>>,
    pub(crate) places: Arc<Places>,
}

/// The deliveries of a deployment, opened.
pub(crate) struct Deliveries {
    trails: Arc<KeptTrails>,
    deliverer: Deliverer,
}

/// Takes up what was left.
///
/// # Errors
/// When catalog or disk cannot be read.
pub(crate) async fn open(config: &Config, components: Components) -> anyhow::Result<Deliveries> {
    let Components { ambient, catalog, checkpoints, log, notifier, places } = components;
    let trails =
        KeptTrails::open(catalog.clone(), Arc::new(catalog.clone()), ambient.clone()).await;
    let trails = Arc::new(trails.context("cannot read the trails")?);
    let components = delivery::Components {
        buckets: places,
        signers: Arc::new(AllSigners::new(&config.signing, catalog.clone())?),
        catalog,
        checkpoints: Some(checkpoints),
        log,
        notifier,
        trails: Arc::clone(&trails) as _,
        writers: Arc::new(
            config.buckets.values().filter_map(|it| it.access_key_id.clone()).collect(),
        ),
        ambient,
    };
    let folder = config.data_dir.join("delivery");
    let deliverer = Deliverer::open(folder, config.delivery.clone(), components).await;
    Ok(Deliveries { trails, deliverer: deliverer.context("cannot take up deliveries")? })
}

impl Deliveries {
    /// The position before which deliveries need nothing of the log.
    pub(crate) fn committed(&self) -> watch::Receiver<Position> {
        self.deliverer.committed()
    }

    /// How the deliveries of each trail go.
    pub(crate) fn statuses(&self) -> watch::Receiver<Arc<Statuses>> {
        self.deliverer.statuses()
    }

    /// Delivers until the log closes.
    pub(crate) async fn run(self) {
        tokio::select! {
            () = self.deliverer.run() => {}
            () = self.trails.follow() => {}
        }
    }
}
