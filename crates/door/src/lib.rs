//! The front door: HTTP, identification, authentication, capture, upstreams.
//!
//! Lives here: listening and strict framing (`listener`, `http1`, `http2`), the path of a call
//! (`call`), when its record is durable (`capture`), forwarding byte for byte (`upstream`), and what
//! of a call is kept ([`recorder`]).
//! Lives elsewhere: how AWS spells requests and answers (`wire`), what our own services do (`api`,
//! `buckets`, handed in as values), where records are kept (`log`).
//!
//! Start at [`Settings::build`], then [`listen`] and [`Door::run`].

mod call;
mod capture;
mod deadline;
mod hold;
pub mod http1;
mod http2;
mod listener;
mod message;
pub mod metrics;
pub mod network;
mod outflow;
pub mod proxy_protocol;
pub mod recorder;
pub mod settings;
mod stream;
mod tls;
mod upstream;

use std::{collections::HashMap, fmt, future::Future, io, net::SocketAddr, pin::pin, sync::Arc};

use ambient::Ambient;
use catalog::Catalog;
use futures::future::{Either, select};
use log::EventLog;
use record::AccountId;
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{info, warn};
use wire::answer::Answer;

pub use metrics::Metrics;
pub use settings::{Endpoint, Mode, Settings, Upstream};

use call::House;
use http1::server::Surroundings;
use listener::Listener;

/// What the door works with.
pub struct Components {
    /// The deployment's own account: whose record it is when nothing else says so.
    pub account: AccountId,
    /// Time, and the ids of events and requests.
    pub ambient: Ambient,
    /// Services that are answered here, by the catalogue's name (`cloudtrail`, `cloudtrail-data`,
    /// `sts`, `s3`), and `trailmark` for the routes `records` and `tail` below `/_trailmark/`, whose
    /// name is the operation of the call.
    pub answers: HashMap<String, Arc<dyn Answer>>,
    /// Who may call, and who owns what.
    pub catalog: Catalog,
    /// The whole text of `/_trailmark/metrics`; adds [`Metrics::prometheus`] to that of others.
    pub exposition: Arc<dyn Fn() -> String + Send + Sync>,
    /// Where records are kept.
    pub log: Arc<dyn EventLog>,
    /// What the door counts.
    pub metrics: Arc<Metrics>,
    /// The public side of the Merkle tree, below `/_trailmark/log/`.
    pub public_log: Option<ledger::PublicLog>,
    /// Whether `/_trailmark/readyz` says yes.
    pub ready: Arc<dyn Fn() -> bool + Send + Sync>,
}

/// The door, ready to listen.
pub struct Door {
    settings: Settings,
    house: Arc<House>,
    tls: Option<Arc<rustls::ServerConfig>>,
}

/// Why the door cannot open, or had to close.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Certificates or keys cannot be used. Look at the file.
    #[error("cannot use `{file}` for TLS: {reason}")]
    Certificate {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The catalog failed at start.
    #[error("cannot read the catalog")]
    Catalog(#[from] catalog::Error),
    /// The listener failed.
    #[error("cannot accept connections")]
    Listen(#[source] io::Error),
    /// The log failed: what cannot be recorded must not pass. The process should stop.
    #[error("cannot write to the log")]
    Log(#[from] log::Error),
}

/// Binds a listener whose queue is long enough for as many callers at once as the door takes.
///
/// # Errors
/// When the address cannot be had.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restarted process takes the port of the one before at once.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(listener::QUEUE_MAX)
}

impl Settings {
    /// Makes the door, and settles what a crash has left: calls whose end nobody saw become records,
    /// and so does a gap.
    ///
    /// # Errors
    /// When certificates cannot be used, or log and catalog cannot be read.
    pub async fn build(self, components: Components) -> Result<Door, Error> {
        let tls = self.tls.as_ref().map(tls::server).transpose()?;
        let house = House::new(&self, components)?;
        capture::recovery::recover(&house.capture).await?;
        Ok(Door { settings: self, house: Arc::new(house), tls })
    }
}

impl Door {
    /// Serves until `stop` completes, then lets running calls end, for a bounded time.
    ///
    /// # Errors
    /// [`Error::Log`] when the log has failed for good, [`Error::Listen`] when the listener has.
    pub async fn run(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<(), Error> {
        let Self { settings, house, tls } = self;
        let capture = Arc::clone(&house.capture);
        let clock = Arc::clone(&house.ambient.clock);
        let stopping = CancellationToken::new();
        let (emptied, ended) = (CancellationToken::new(), TaskTracker::new());

        let background = Arc::clone(&capture);
        let empty = emptied.clone();
        ended.spawn(async move { background.buffer.run(&background, empty).await });
        let background = Arc::clone(&capture);
        let empty = emptied.clone();
        ended.spawn(async move { background.watch_floods(&empty).await });
        let background = Arc::clone(&capture);
        let empty = emptied.clone();
        ended.spawn(async move { background.missed.run(&background, &empty).await });

        let doors = Listener {
            around: Surroundings {
                clock: Arc::clone(&clock),
                metrics: Arc::clone(&house.metrics),
                header_timeout: settings.header_timeout,
                body_timeout: settings.body_timeout,
                stop: stopping.clone(),
            },
            house,
            tls,
            trusted: settings.trusted.into(),
            connections: Arc::new(Semaphore::new(
                settings.connections_max.min(Semaphore::MAX_PERMITS),
            )),
            regrets: Arc::new(Semaphore::new(listener::REGRETS_MAX)),
            tasks: TaskTracker::new(),
            cut: CancellationToken::new(),
        };
        let listened = {
            let (told, failed) = (pin!(stop), pin!(capture.failed.cancelled()));
            let listening = pin!(doors.run(&listener, &stopping));
            match select(listening, select(told, failed)).await {
                Either::Left((listened, _)) => listened,
                Either::Right(_) => Ok(()),
            }
        };
        drop(listener);

        // No further request is taken; those under way may end, and their records are kept.
        stopping.cancel();
        doors.tasks.close();
        let drained = pin!(doors.tasks.wait());
        if let Either::Right(_) = select(drained, clock.sleep(settings.drain_timeout)).await {
            warn!(connections = doors.tasks.len(), "calls that did not end in time are cut");
            doors.cut.cancel();
            doors.tasks.wait().await;
        }
        capture.tasks.close();
        let settled = pin!(async {
            capture.tasks.wait().await;
            emptied.cancel();
            ended.close();
            ended.wait().await;
        });
        if let Either::Right(_) = select(settled, clock.sleep(settings.drain_timeout)).await {
            warn!("some records could not be kept in time");
        }
        info!("the door is closed");
        match capture.take_fatal() {
            Some(fatal) => Err(Error::Log(fatal)),
            None => listened,
        }
    }
}

impl fmt::Debug for Components {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Components").field("answers", &self.answers).finish_non_exhaustive()
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").finish_non_exhaustive()
    }
}
