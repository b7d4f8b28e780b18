//! A door on a free port, with everything that it needs.

use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::Duration};

use ambient::Ambient;
use catalog::{Catalog, FixedKey, MasterKey, Secret, Wanted};
use door::{Components, Door, Endpoint, Error, Metrics, Settings, Upstream};
use record::AccountId;
use tokio::{sync::oneshot, task::JoinHandle};
use wire::answer::Answer;

use crate::{caller::Caller, gated::GatedLog};

/// The root user's key.
pub(crate) const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
/// Its secret.
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
/// The deployment's own account.
pub(crate) const ACCOUNT: &str = "123456789012";

/// What a door is opened with.
pub(crate) struct Stage {
    pub(crate) settings: Settings,
    pub(crate) ambient: Ambient,
    pub(crate) answers: HashMap<String, Arc<dyn Answer>>,
    pub(crate) log: GatedLog,
    pub(crate) catalog: Catalog,
    pub(crate) metrics: Arc<Metrics>,
    folder: tempfile::TempDir,
}

/// An open door.
pub(crate) struct Open {
    pub(crate) address: SocketAddr,
    pub(crate) log: GatedLog,
    pub(crate) catalog: Catalog,
    pub(crate) metrics: Arc<Metrics>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), Error>>,
    folder: tempfile::TempDir,
}

impl Stage {
    /// The standard settings, but with a short drain.
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ambient = Ambient::system();
        let master = MasterKey::in_folder(folder.path()).unwrap();
        let catalog = Catalog::open(folder.path(), master, ambient.clone()).await.unwrap();
        let key = FixedKey { id: KEY.to_owned(), secret: Secret::new(SECRET) };
        let account = Some(AccountId::parse(ACCOUNT).unwrap());
        catalog.first_start(Wanted { account, key: Some(key) }).await.unwrap();
        let settings =
            Settings { drain_timeout: Duration::from_millis(500), ..Settings::default() };
        Self {
            settings,
            ambient,
            answers: HashMap::new(),
            log: GatedLog::new(),
            catalog,
            metrics: Arc::default(),
            folder,
        }
    }

    /// With everything going to `upstream`.
    pub(crate) async fn before(upstream: SocketAddr) -> Self {
        let mut stage = Self::new().await;
        for name in ["default", "s3"] {
            stage.settings.upstreams.insert(name.to_owned(), at(upstream));
        }
        stage
    }

    /// The settings of the upstream for S3.
    pub(crate) fn upstream(&mut self) -> &mut Upstream {
        self.settings.upstreams.get_mut("s3").unwrap()
    }

    pub(crate) async fn build(&self) -> Result<Door, Error> {
        let exposition = Arc::clone(&self.metrics);
        self.settings
            .clone()
            .build(Components {
                account: AccountId::parse(ACCOUNT).unwrap(),
                ambient: self.ambient.clone(),
                answers: self.answers.clone(),
                catalog: self.catalog.clone(),
                exposition: Arc::new(move || exposition.prometheus()),
                log: Arc::new(self.log.clone()),
                metrics: Arc::clone(&self.metrics),
                public_log: None,
                ready: Arc::new(|| true),
            })
            .await
    }

    /// Opens the door.
    pub(crate) async fn open(self) -> Open {
        let door = self.build().await.unwrap();
        let listener = door::listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(door.run(listener, async move {
            let _ = stopped.await;
        }));
        let Self { log, catalog, metrics, folder, .. } = self;
        Open { address, log, catalog, metrics, stop, running, folder }
    }
}

impl Open {
    /// A caller with a connection of its own.
    pub(crate) async fn caller(&self) -> Caller {
        Caller::connect(self.address).await
    }

    /// Stops the door as an operator does, and completes when it has closed.
    pub(crate) async fn stop(self) -> Result<(), Error> {
        let _ = self.stop.send(());
        self.running.await.unwrap()
    }

    /// Completes when the door has closed of its own accord.
    pub(crate) async fn closed(self) -> Result<(), Error> {
        let Self { running, stop, folder, .. } = self;
        let closed = running.await.unwrap();
        drop((stop, folder));
        closed
    }

    /// Ends as a crash does: nothing is settled any more. Yields a stage on what is left.
    pub(crate) async fn crash(self) -> Stage {
        let Self { log, catalog, running, folder, .. } = self;
        running.abort();
        let _ = running.await;
        let settings =
            Settings { drain_timeout: Duration::from_millis(500), ..Settings::default() };
        Stage {
            settings,
            ambient: Ambient::system(),
            answers: HashMap::new(),
            log,
            catalog,
            metrics: Arc::default(),
            folder,
        }
    }
}

/// An upstream at an address.
pub(crate) fn at(address: SocketAddr) -> Upstream {
    Upstream::at(Endpoint::try_from(format!("http://{address}")).unwrap())
}
