//! What the tests of the embedded S3 share: a folder with buckets, calls without a door, and a
//! little server for real clients.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Command,
};

use ambient::{Ambient, Random as _, SystemRandom};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use record::{AccountId, Identity};
use tempfile::TempDir;
use trailmark_buckets::{Buckets, Settings};
use wire::answer::{Answer as _, Body, Call, Caller, full};

pub(crate) const ACCOUNT: &str = "111122223333";

pub(crate) async fn open(folder: &Path) -> Buckets {
    Buckets::open(folder, Settings::default(), Ambient::system()).await.unwrap()
}

/// A folder with buckets in it.
pub(crate) struct House {
    pub(crate) folder: TempDir,
    pub(crate) buckets: Buckets,
}

impl House {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let buckets = open(folder.path()).await;
        Self { folder, buckets }
    }

    /// With a bucket called `box`.
    pub(crate) async fn with_box() -> Self {
        let house = Self::new().await;
        house.call("PUT", "/box").await.expect(200);
        house
    }

    pub(crate) async fn call(&self, method: &str, target: &str) -> Answered {
        self.send(method, target, &[], "").await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answered {
        send(&self.buckets, ACCOUNT, method, target, headers, full(body)).await
    }

    /// How many files of bytes there are.
    pub(crate) fn files(&self) -> usize {
        files(self.folder.path())
    }
}

/// How many files of bytes lie in a folder of buckets.
pub(crate) fn files(folder: &Path) -> usize {
    let shards = std::fs::read_dir(folder.join("blobs")).unwrap();
    shards.map(|it| std::fs::read_dir(it.unwrap().path()).unwrap().count()).sum()
}

/// What was answered, read to its end.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

impl Answered {
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self
    }

    /// Checks status and S3's error code.
    #[track_caller]
    pub(crate) fn expect_error(self, status: u16, code: &str) -> Self {
        let answered = self.expect(status);
        let text = answered.text();
        assert!(text.contains(&format!("<Code>{code}</Code>")), "{text}");
        assert!(text.contains("<Message>"), "{text}");
        assert!(text.contains("<RequestId>REQUEST1</RequestId>"), "{text}");
        answered
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}: {self:?}")).to_str().unwrap()
    }

    /// The texts of all elements of one name.
    pub(crate) fn all(&self, element: &str) -> Vec<String> {
        let text = self.text();
        let (open, close) = (format!("<{element}>"), format!("</{element}>"));
        let inner = |it: &str| it.split_once(&close).unwrap().0.to_owned();
        text.split(&open).skip(1).map(inner).collect()
    }

    #[track_caller]
    pub(crate) fn one(&self, element: &str) -> String {
        let all = self.all(element);
        assert_eq!(all.len(), 1, "{element} in {}", self.text());
        all.into_iter().next().unwrap()
    }
}

/// Makes a call as the door does.
pub(crate) async fn send(
    buckets: &Buckets,
    account: &str,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: Body,
) -> Answered {
    let mut request =
        Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(body).unwrap();
    let size = http_body::Body::size_hint(request.body()).exact();
    if let (Some(size), false) = (size, request.headers().contains_key("content-length")) {
        request.headers_mut().insert("content-length", size.into());
    }
    let response = answer(buckets, account, request).await;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answered { status: parts.status, headers: parts.headers, body }
}

pub(crate) async fn answer(
    buckets: &Buckets,
    account: &str,
    request: Request<Body>,
) -> Response<Body> {
    let account = AccountId::parse(account).unwrap();
    let call = Call {
        service: "s3".to_owned(),
        operation: String::new(),
        caller: Caller {
            identity: Identity::root(account, None),
            account,
            is_deployment_root: true,
        },
        region: "us-east-1".to_owned(),
        source: IpAddr::V4(Ipv4Addr::LOCALHOST),
        arrival: Ambient::system().clock.now(),
        request_id: "REQUEST1".to_owned(),
        request,
    };
    buckets.answer(call).await.response
}

/// Serves buckets on a port of its own, to everybody: signatures are the door's matter.
pub(crate) async fn serve(buckets: Buckets) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let buckets = buckets.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let buckets = buckets.clone();
                async move {
                    let request = request.map(|it| it.map_err(Into::into).boxed_unsync());
                    let encoding = request.headers().get("content-encoding");
                    assert!(
                        encoding.is_none_or(|it| !it.to_str().unwrap().contains("aws-chunked")),
                        "chunks are decoded by the door"
                    );
                    Ok::<_, std::convert::Infallible>(answer(&buckets, ACCOUNT, request).await)
                }
            });
            tokio::spawn(async move {
                let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                let _ = builder.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

/// A program of the Python environment that the tests use. `make test` makes it.
pub(crate) fn program(name: &str) -> PathBuf {
    let venv = std::env::var("TRAILMARK_VENV")
        .expect("TRAILMARK_VENV names a Python environment with awscli and boto3");
    Path::new(&venv).join("bin").join(name)
}

/// Runs a client in an empty environment against `address`, and gives back what it printed.
pub(crate) async fn run(mut command: Command, address: SocketAddr, home: &Path) -> String {
    command
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_MAX_ATTEMPTS", "1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ENDPOINT_URL", format!("http://{address}"))
        .current_dir(home);
    let shown = format!("{command:?}");
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{shown}\n{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

/// Bytes that do not repeat.
pub(crate) fn noise(count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    SystemRandom.fill(&mut bytes);
    bytes
}
