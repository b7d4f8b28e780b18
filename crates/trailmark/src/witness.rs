//! `trailmark witness`: cosigns the checkpoints of logs that only ever grow, as a process of its own.
//!
//! Lives here: the command and its small HTTP server. Lives elsewhere: what was seen and the key
//! ([`store`]), the rules (`integrity::tree::witness`).
//!
//! Spec: C2SP tlog-witness. `POST /add-checkpoint` asks for a cosignature;
//! `GET /<hex of SHA-256 of the origin>/checkpoint` is the latest cosigned one.

mod store;

use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};

use ambient::{Ambient, Clock};
use anyhow::Context as _;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use integrity::tree::witness::{AddCheckpoint, LATEST_SIZE_TYPE, Refusal};
use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
    sync::Semaphore,
    task::spawn_blocking,
    time::timeout,
};
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::{
    cli::Witness,
    serve::start_tracing,
    witness::store::{Store, Stored},
    words::{data, say},
};

/// Runs the witness until a signal.
pub(crate) async fn run(options: Witness) -> anyhow::Result<()> {
    start_tracing(options.log_json);
    let house = Arc::new(House {
        store: Store::open(&options.dir, options.name, options.logs)?,
        clock: Ambient::system().clock,
    });
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("cannot listen on {}", options.listen))?;
    say("the key that checks this witness, and its address:");
    data(house.store.verifier())?;
    data(format_args!("http://{}", listener.local_addr()?))?;

    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let tasks = TaskTracker::new();
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut stop = pin!(async {
        tokio::select! { _ = terminate.recv() => {} _ = interrupt.recv() => {} }
    });
    loop {
        let accepted = tokio::select! {
            accepted = async {
                let permit = Arc::clone(&connections).acquire_owned().await;
                (permit, listener.accept().await)
            } => accepted,
            () = &mut stop => break,
        };
        match accepted {
            (Ok(permit), Ok((stream, _))) => {
                let house = Arc::clone(&house);
                tasks.spawn(async move {
                    house.serve(stream).await;
                    drop(permit);
                });
            }
            (_, Err(error)) => {
                // Most often there are no file descriptors left; others end meanwhile.
                warn!(error = %error, "cannot accept a connection");
                house.clock.sleep(Duration::from_millis(100)).await;
            }
            (Err(_), _) => break,
        }
    }
    info!("stopping: answers under way may end");
    tasks.close();
    let _cut = timeout(REQUEST_TIMEOUT, tasks.wait()).await;
    Ok(())
}

/// What every connection needs.
struct House {
    store: Store,
    clock: Arc<dyn Clock>,
}

impl House {
    async fn serve(self: Arc<Self>, stream: TcpStream) {
        let service = service_fn(move |request| {
            let house = Arc::clone(&self);
            async move { Ok::<_, Infallible>(house.answer(request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(REQUEST_TIMEOUT)
            .keep_alive(false)
            .serve_connection(TokioIo::new(stream), service);
        // A caller that hangs must not hold its place; one that went away is none of our concern.
        let _ended = timeout(2 * REQUEST_TIMEOUT, connection).await;
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        match (request.method(), path.as_str()) {
            (&Method::POST, "/add-checkpoint") => {
                let body = Limited::new(request.into_body(), AddCheckpoint::MAX_BYTES).collect();
                match timeout(REQUEST_TIMEOUT, body).await {
                    Ok(Ok(body)) => self.add_checkpoint(body.to_bytes()).await,
                    Ok(Err(_)) => plain(StatusCode::PAYLOAD_TOO_LARGE, "the request is too long\n"),
                    Err(_) => plain(StatusCode::REQUEST_TIMEOUT, "the request is too slow\n"),
                }
            }
            (&Method::GET, path) => {
                let latest = path
                    .strip_prefix('/')
                    .and_then(|it| it.strip_suffix("/checkpoint"))
                    .and_then(|id| self.store.latest(id));
                match latest {
                    Some(note) => plain(StatusCode::OK, note),
                    None => plain(StatusCode::NOT_FOUND, "nothing is known of this log\n"),
                }
            }
            _ => plain(StatusCode::METHOD_NOT_ALLOWED, "there is nothing to do here\n"),
        }
    }

    async fn add_checkpoint(self: Arc<Self>, body: Bytes) -> Response<Full<Bytes>> {
        let now = self.clock.now();
        // Signing and syncing block.
        let added = spawn_blocking(move || self.store.add(&body, now)).await;
        match added {
            Ok(Ok(Stored::Cosigned(line))) => plain(StatusCode::OK, format!("{line}\n")),
            Ok(Ok(Stored::Refused(refusal))) => refused(&refusal),
            Ok(Err(error)) => {
                tracing::error!(error = format_args!("{error:#}"), "cannot keep a checkpoint");
                failed()
            }
            Err(error) => {
                tracing::error!(%error, "cosigning failed");
                failed()
            }
        }
    }
}

fn refused(refusal: &Refusal) -> Response<Full<Bytes>> {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
    if let Refusal::Stale { latest } = refusal {
        let mut response = plain(status, format!("{latest}\n"));
        let kind = header::HeaderValue::from_static(LATEST_SIZE_TYPE);
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        return response;
    }
    plain(status, format!("{refusal}\n"))
}

fn failed() -> Response<Full<Bytes>> {
    plain(StatusCode::INTERNAL_SERVER_ERROR, "the witness cannot keep what it sees\n")
}

fn plain(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let kind = header::HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

const CONNECTIONS_MAX: usize = 64;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
