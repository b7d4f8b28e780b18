//! Many connections that send a large body each, all at once, to an upstream that reads them: what
//! memory that costs. Whoever finds no room is answered 503, and sees it.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow};
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use futures::future::join_all;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;

use crate::{
    Size,
    client::{Client, signed_with},
    report::{Report, Row, mib},
    server::Server,
};

const BODY: usize = 10_000_000;
const MEMORY_GOAL: u64 = 256 << 20;

/// Measures the peak of memory.
pub(crate) async fn measure(size: Size, report: &mut Report) -> anyhow::Result<()> {
    // Each connection needs one file here and one in the upstream, which lives in this process.
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most })?;
    let upstream = format!("s3=http://{}", upstream()?);
    let folder = tempfile::tempdir()?;
    let server = Server::start(folder.path(), &["--upstream".to_owned(), upstream])?;
    let body = Bytes::from(vec![b'x'; BODY]);
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, &body).as_ref());

    server.forget_peak();
    let began = Instant::now();
    let sending = (0..size.uploads).map(|number| put(server.address, number, &body, &hash));
    let answers = join_all(sending).await;
    let took = began.elapsed();
    let peak = server.memory_peak()?;
    let kept = answers.iter().filter(|it| matches!(it, Ok(StatusCode::OK))).count();
    let busy = |it: &&anyhow::Result<StatusCode>| matches!(it, Ok(StatusCode::SERVICE_UNAVAILABLE));
    let refused = answers.iter().filter(busy).count();
    let other = answers
        .into_iter()
        .find(|it| !matches!(it, Ok(StatusCode::OK | StatusCode::SERVICE_UNAVAILABLE)));
    if let Some(other) = other {
        let status = other.context("an upload failed")?;
        return Err(anyhow!("an upload was answered {status}"));
    }
    let speed = (kept * BODY) as f64 / took.as_secs_f64();
    report.add(
        Row::new(
            format!("memory at {} connections that send 10 MB each", size.uploads),
            format!("{}; {kept} kept, {refused} refused, {}/s", mib(peak), mib(speed as u64)),
        )
        .goal("≤ 256 MiB", peak <= MEMORY_GOAL),
    );
    server.stop()
}

async fn put(
    address: SocketAddr,
    number: usize,
    body: &Bytes,
    hash: &[u8; 32],
) -> anyhow::Result<StatusCode> {
    let mut client = Client::connect(address).await?;
    let request = Request::put(format!("/bucket/object-{number}")).body(body.clone())?;
    let request = signed_with(request, address, "s3", hash)?;
    let exchange = tokio::time::timeout(PATIENCE, client.exchange(request));
    Ok(exchange.await.context("no answer in time")??.0)
}

/// An upstream that reads every body to its end, in a thread of its own.
fn upstream() -> anyhow::Result<SocketAddr> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        runtime.block_on(async move {
            let Ok(listener) = TcpListener::from_std(listener) else { return };
            while let Ok((stream, _)) = listener.accept().await {
                let service = service_fn(|request: Request<Incoming>| async {
                    let mut body = request.into_body();
                    while let Some(Ok(_)) = body.frame().await {}
                    Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
                });
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection);
            }
        });
    });
    Ok(address)
}

const PATIENCE: Duration = Duration::from_mins(4);
