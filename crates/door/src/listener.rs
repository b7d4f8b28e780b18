//! Accepting connections, and what happens on one before its first request.
//!
//! Lives here: the bound on connections, the PROXY header, the TLS handshake, telling HTTP/1 from
//! HTTP/2, and closing when the process stops.
//!
//! Start at [`Listener::run`].

use std::{
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use futures::future::{Either, select};
use rustls::ServerConfig;
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_rustls::{TlsAcceptor, TlsStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

use crate::{
    Error,
    call::House,
    http1::{self, HEAD_ROOM, server::Surroundings},
    http2,
    message::Peer,
    network::Network,
    proxy_protocol::{self, Start},
    stream::{Buffered, Stream},
    tls,
};

/// Takes connections and serves them.
#[derive(Clone)]
pub(crate) struct Listener {
    pub(crate) house: Arc<House>,
    pub(crate) around: Surroundings,
    pub(crate) tls: Option<Arc<ServerConfig>>,
    pub(crate) trusted: Arc<[Network]>,
    pub(crate) connections: Arc<Semaphore>,
    /// Places for telling callers that there is no place.
    pub(crate) regrets: Arc<Semaphore>,
    pub(crate) tasks: TaskTracker,
    /// Cancelled when connections are cut that have not ended in time.
    pub(crate) cut: CancellationToken,
}

impl Listener {
    /// Takes connections until `stop` is cancelled.
    pub(crate) async fn run(
        &self,
        listener: &TcpListener,
        stop: &CancellationToken,
    ) -> Result<(), Error> {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = stop.cancelled() => return Ok(()),
            };
            match accepted {
                Ok((tcp, peer)) => self.take(tcp, peer),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) if is_for_want_of_files(&error) => {
                    // Connections that end make room; until then the callers wait in the queue.
                    warn!(error = &error as &dyn std::error::Error, "cannot take a connection");
                    self.around.clock.sleep(BREATH).await;
                }
                Err(error) => return Err(Error::Listen(error)),
            }
        }
    }

    fn take(&self, tcp: TcpStream, peer: SocketAddr) {
        let Ok(place) = Arc::clone(&self.connections).try_acquire_owned() else {
            return self.regret(tcp);
        };
        let listener = self.clone();
        let metrics = Arc::clone(&self.around.metrics);
        metrics.connections.add(1);
        self.tasks.spawn(async move {
            let _place = place;
            let served = pin!(listener.serve(tcp, peer));
            let cut = pin!(listener.cut.cancelled());
            if let Either::Left((Err(error), _)) = select(served, cut).await {
                debug!(%peer, error = &error as &dyn std::error::Error, "a connection failed");
            }
            metrics.connections.sub(1);
        });
    }

    /// Tells a caller that there is no place. Under TLS nothing can be told without a handshake.
    fn regret(&self, mut tcp: TcpStream) {
        self.around.metrics.refused_capacity.add(1);
        if self.tls.is_some() {
            return;
        }
        let Ok(place) = Arc::clone(&self.regrets).try_acquire_owned() else { return };
        let clock = Arc::clone(&self.around.clock);
        self.tasks.spawn(async move {
            let _place = place;
            let told = pin!(async {
                tcp.write_all(REGRET).await?;
                tcp.shutdown().await?;
                let mut sink = [0; 1024];
                // The caller may still be sending; a reset would take the answer from it.
                while tokio::io::AsyncReadExt::read(&mut tcp, &mut sink).await? > 0 {}
                io::Result::Ok(())
            });
            select(told, clock.sleep(REGRET_TIME)).await;
        });
    }

    async fn serve(&self, tcp: TcpStream, peer: SocketAddr) -> io::Result<()> {
        tcp.set_nodelay(true)?;
        let greeting = pin!(self.within_header_timeout(self.greet(tcp, peer)));
        let stopped = pin!(self.around.stop.cancelled());
        let Either::Left((greeting, _)) = select(greeting, stopped).await else { return Ok(()) };
        let Some(greeted) = greeting.transpose()?.flatten() else { return Ok(()) };
        let Greeted { io, peer, is_http2 } = greeted;
        let house = Arc::clone(&self.house);
        let answer = move |request| Arc::clone(&house).answer(request);
        if is_http2 {
            http2::serve(io, peer, &self.around, answer).await;
        } else {
            http1::server::serve(io, peer, &self.around, answer).await;
        }
        Ok(())
    }

    /// `None` when it takes longer than the head of a request may.
    async fn within_header_timeout<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        match select(pin!(work), self.around.clock.sleep(self.around.header_timeout)).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(((), _)) => None,
        }
    }

    /// What happens before the first request: `None` when the caller hangs up.
    async fn greet(&self, tcp: TcpStream, peer: SocketAddr) -> io::Result<Option<Greeted>> {
        let mut tcp = Buffered::new(tcp);
        let is_trusted = self.trusted.iter().any(|it| it.contains(peer.ip()));
        let mut address = peer.ip();
        // The header of a stranger is no header: what it says is for the parser of requests.
        if is_trusted {
            match read_proxy_header(&mut tcp).await? {
                Some(source) => address = source.unwrap_or(address),
                None => return Ok(None),
            }
        }
        let (mut io, facts, chosen) = match &self.tls {
            None => {
                let (tcp, input) = tcp.into_parts();
                (Buffered::with_input(Stream::Clear(tcp), input), None, None)
            }
            Some(config) => {
                let tls = TlsAcceptor::from(Arc::clone(config)).accept(tcp).await?;
                let (_, connection) = tls.get_ref();
                let chosen = connection.alpn_protocol().map(|it| it == tls::HTTP_2);
                let facts = tls::facts(connection);
                let stream = Stream::Tls(Box::new(TlsStream::Server(tls)));
                (Buffered::new(stream), facts, chosen)
            }
        };
        let is_http2 = match chosen {
            Some(is_http2) => is_http2,
            None => match begins_as_http2(&mut io).await? {
                Some(is_http2) => is_http2,
                None => return Ok(None),
            },
        };
        let peer = Arc::new(Peer { address, is_trusted, tls: facts });
        Ok(Some(Greeted { io, peer, is_http2 }))
    }
}

struct Greeted {
    io: Buffered<Stream>,
    peer: Arc<Peer>,
    is_http2: bool,
}

/// Reads the PROXY header of a trusted peer, if it sends one; yields whom it speaks for. `None` when
/// the peer hangs up.
async fn read_proxy_header(
    tcp: &mut Buffered<TcpStream>,
) -> io::Result<Option<Option<std::net::IpAddr>>> {
    loop {
        match proxy_protocol::read(&tcp.input).map_err(io::Error::other)? {
            Start::Header { length, source } => {
                let _ = tcp.input.split_to(length);
                return Ok(Some(source));
            }
            Start::Other if !tcp.input.is_empty() => return Ok(Some(None)),
            Start::Other | Start::Hungry => {}
        }
        if poll_fn(|cx| tcp.poll_fill(cx, HEAD_ROOM)).await? == 0 {
            return Ok(None);
        }
    }
}

/// Whether the first bytes are those of HTTP/2 without TLS. `None` when the caller hangs up.
async fn begins_as_http2(io: &mut Buffered<Stream>) -> io::Result<Option<bool>> {
    loop {
        let same = io.input.iter().zip(PREFACE).take_while(|(one, other)| one == other).count();
        if same == PREFACE.len() {
            return Ok(Some(true));
        }
        if same < io.input.len() {
            return Ok(Some(false));
        }
        if poll_fn(|cx| io.poll_fill(cx, HEAD_ROOM)).await? == 0 {
            return Ok(None);
        }
    }
}

/// Whether the connection that was to be accepted is at fault.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

/// Whether the process or the machine has too many files open, or no memory for one more.
fn is_for_want_of_files(error: &io::Error) -> bool {
    const EMFILE: i32 = 24;
    const ENFILE: i32 = 23;
    const ENOBUFS: i32 = 105;
    const ENOMEM: i32 = 12;
    matches!(error.raw_os_error(), Some(EMFILE | ENFILE | ENOBUFS | ENOMEM))
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const BREATH: Duration = Duration::from_millis(100);
const REGRET: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n\
    connection: close\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 31\r\n\r\n\
    too many connections are open.\n";
const REGRET_TIME: Duration = Duration::from_secs(2);
/// How many callers may wait to be taken.
pub(crate) const QUEUE_MAX: u32 = 4096;
/// How many callers are told at once that there is no place.
pub(crate) const REGRETS_MAX: usize = 256;
