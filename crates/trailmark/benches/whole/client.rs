//! A client that signs, over one connection that stays open.

use std::{net::SocketAddr, sync::LazyLock};

use ambient::Ambient;
use anyhow::{Context as _, anyhow};
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::net::TcpStream;
use wire::sigv4::{Secret, sign};
use zeroize::Zeroizing;

/// The root key of every server that is measured.
pub(crate) const ACCESS_KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
/// Its secret: AWS's documented example.
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
/// The region of every call.
pub(crate) const REGION: &str = "us-east-1";

/// One connection. A call at a time.
#[derive(Debug)]
pub(crate) struct Client {
    sender: http1::SendRequest<Full<Bytes>>,
    address: SocketAddr,
}

impl Client {
    /// Connects.
    pub(crate) async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender, address })
    }

    /// Sends a request, and returns the answer as soon as its head is there.
    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> anyhow::Result<Response<Incoming>> {
        self.sender.ready().await.context("the connection was closed")?;
        self.sender.send_request(request).await.context("no answer")
    }

    /// Sends a request, and returns the whole answer, whatever its status.
    pub(crate) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        let (head, body) = self.send(request).await?.into_parts();
        Ok((head.status, body.collect().await.context("the answer broke off")?.to_bytes()))
    }

    /// Sends a request that must succeed.
    pub(crate) async fn call(&mut self, request: Request<Full<Bytes>>) -> anyhow::Result<Bytes> {
        let (status, body) = self.exchange(request).await?;
        if status.is_success() {
            return Ok(body);
        }
        let start = String::from_utf8_lossy(body.get(..300).unwrap_or(&body)).into_owned();
        Err(anyhow!("answered {status}: {start}"))
    }

    /// Sends records in bulk; all must be accepted.
    pub(crate) async fn send_records(&mut self, records: Bytes, count: u64) -> anyhow::Result<()> {
        let request = Request::post("/_trailmark/records").body(records)?;
        let body = self.call(signed(request, self.address, "cloudtrail-data")?).await?;
        let answer: serde_json::Value = serde_json::from_slice(&body)?;
        if answer["accepted"].as_u64() == Some(count) {
            Ok(())
        } else {
            Err(anyhow!("{count} records were sent, and the answer is {answer}"))
        }
    }
}

/// The request with host and signature.
pub(crate) fn signed(
    request: Request<Bytes>,
    address: SocketAddr,
    service: &str,
) -> anyhow::Result<Request<Full<Bytes>>> {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, request.body()).as_ref());
    signed_with(request, address, service, &hash)
}

/// The request with host and signature, for a body whose SHA-256 is known.
pub(crate) fn signed_with(
    request: Request<Bytes>,
    address: SocketAddr,
    service: &str,
    body_sha256: &[u8; 32],
) -> anyhow::Result<Request<Full<Bytes>>> {
    static ROOT: LazyLock<Secret> =
        LazyLock::new(|| Secret::new(Zeroizing::new(SECRET.to_owned())));
    let (mut head, body) = request.into_parts();
    head.headers.insert(header::HOST, address.to_string().parse()?);
    sign(&mut head, ACCESS_KEY_ID, &ROOT, REGION, service, body_sha256, now())
        .map_err(|error| anyhow!("cannot sign: {error:?}"))?;
    Ok(Request::from_parts(head, Full::new(body)))
}

/// The time of the wall clock.
pub(crate) fn now() -> Timestamp {
    Ambient::system().clock.now()
}
