//! Upstreams: where calls go that are not answered here.
//!
//! Lives here: connections to one upstream and keeping those that are idle. What travels over them
//! is in [`exchange`]; it is HTTP/1.1 and, head and body, what the caller sent.
//! Lives elsewhere: which upstream a call goes to (`call`).
//!
//! Start at [`Upstream::send`].

pub(crate) mod exchange;

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Waker},
    time::Duration,
};

use ambient::Clock;
use futures::future::{Either, select};
use jiff::Timestamp;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, TlsStream};

use crate::http1::head::ResponseHead;
use crate::{
    Error, settings,
    stream::{Buffered, Stream},
    tls,
    upstream::exchange::{Exchange, Outgoing},
};

/// One upstream and its idle connections.
pub(crate) struct Upstream {
    pub(crate) settings: settings::Upstream,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    clock: Arc<dyn Clock>,
    /// The one that was used last is at the end, and is used next.
    idle: Mutex<Vec<Idle>>,
}

#[derive(Debug)]
struct Idle {
    io: Buffered<Stream>,
    since: Timestamp,
}

/// Why a call did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The caller's body broke off, or is not what was signed.
    #[error("the caller's body failed")]
    Caller(#[source] wire::answer::BoxError),
    /// The upstream answered what is no HTTP, or what can be read in two ways.
    #[error("the upstream's answer is malformed")]
    Garbage,
    /// No connection.
    #[error("the upstream cannot be reached")]
    Refused(#[source] io::Error),
    /// The connection broke.
    #[error("the upstream broke the connection")]
    Reset,
    /// The upstream was silent for too long.
    #[error("the upstream did not answer in time")]
    TimedOut,
}

impl Upstream {
    pub(crate) fn new(settings: settings::Upstream, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let tls = if settings.url.is_tls {
            let config = tls::client(settings.ca_file.as_deref())?;
            let name = ServerName::try_from(settings.url.host.clone()).map_err(|it| {
                Error::Certificate { file: settings.url.to_string(), reason: it.to_string() }
            })?;
            Some((TlsConnector::from(config), name))
        } else {
            None
        };
        Ok(Self { settings, tls, clock, idle: Mutex::new(Vec::new()) })
    }

    /// Sends a request, and completes with the head of the answer. Its body, and what is left of the
    /// request's, move when the exchange is polled.
    pub(crate) async fn send(
        self: &Arc<Self>,
        outgoing: Outgoing<'_>,
    ) -> Result<(ResponseHead, Exchange), Fault> {
        let again = outgoing.again();
        if let Some(io) = self.take_idle() {
            let mut exchange = Exchange::begin(Arc::clone(self), io, outgoing);
            match (exchange.head().await, again) {
                (Ok(head), _) => return Ok((head, exchange)),
                // The upstream closed an idle connection while we took it. Nothing of an answer
                // came, and the request may be sent twice: so it is.
                (Err(Fault::Reset), Some(again)) if !exchange.heard() => {
                    return self.send_anew(again).await;
                }
                (Err(fault), _) => return Err(fault),
            }
        }
        self.send_anew(outgoing).await
    }

    async fn send_anew(
        self: &Arc<Self>,
        outgoing: Outgoing<'_>,
    ) -> Result<(ResponseHead, Exchange), Fault> {
        let io = self.connect().await?;
        let mut exchange = Exchange::begin(Arc::clone(self), io, outgoing);
        let head = exchange.head().await?;
        Ok((head, exchange))
    }

    async fn connect(&self) -> Result<Buffered<Stream>, Fault> {
        let connected = std::pin::pin!(self.open());
        match select(connected, self.clock.sleep(self.settings.connect_timeout)).await {
            Either::Left((stream, _)) => Ok(Buffered::new(stream.map_err(Fault::Refused)?)),
            Either::Right(((), _)) => Err(Fault::TimedOut),
        }
    }

    async fn open(&self) -> io::Result<Stream> {
        let url = &self.settings.url;
        let tcp = TcpStream::connect((url.host.as_str(), url.port)).await?;
        tcp.set_nodelay(true)?;
        Ok(match &self.tls {
            None => Stream::Clear(tcp),
            Some((connector, name)) => {
                let tls = connector.connect(name.clone(), Buffered::new(tcp)).await?;
                Stream::Tls(Box::new(TlsStream::Client(tls)))
            }
        })
    }

    /// An idle connection on which the upstream has neither spoken nor hung up.
    fn take_idle(&self) -> Option<Buffered<Stream>> {
        let now = self.clock.now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(mut last) = idle.pop() {
            if now.duration_since(last.since).unsigned_abs() > IDLE_TIME {
                // Those below are older.
                idle.clear();
                return None;
            }
            if last.io.poll_fill(&mut Context::from_waker(Waker::noop()), 1).is_pending() {
                return Some(last.io);
            }
        }
        None
    }

    fn keep_idle(&self, io: Buffered<Stream>) {
        let since = self.clock.now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push(Idle { io, since });
        }
    }
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upstream").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// How long an idle connection is kept. Longer saves handshakes, and meets more that are closed.
const IDLE_TIME: Duration = Duration::from_secs(30);
/// How many are kept for one upstream.
const IDLE_MAX: usize = 1024;
