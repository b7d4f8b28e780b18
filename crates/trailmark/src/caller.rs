//! Requests of our own to AWS-compatible services: signed, sent once, and what was refused.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::{BodyExt as _, Limited};
use object_store::{
    ClientOptions,
    aws::{AwsAuthorizer, AwsCredential},
    client::{HttpClient, HttpConnector as _, HttpRequest, ReqwestConnector},
};

use crate::credentials::Credentials;

/// Sends requests as one access key.
#[derive(Debug)]
pub(crate) struct Caller {
    client: HttpClient,
    credential: AwsCredential,
}

/// Why a request was not answered well.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The status of the answer; none when there was none.
    pub(crate) status: Option<u16>,
    /// The status and what the answer said, or why there was none.
    pub(crate) words: String,
    /// The body of the answer.
    pub(crate) body: Bytes,
}

impl Failure {
    /// There was no answer.
    pub(crate) fn unheard(why: &(impl ToString + ?Sized)) -> Self {
        Self { status: None, words: why.to_string(), body: Bytes::new() }
    }
}

impl Caller {
    /// The access key.
    pub(crate) fn credential(&self) -> &AwsCredential {
        &self.credential
    }

    /// Sends with this access key.
    ///
    /// # Errors
    /// When the system has no root certificates.
    pub(crate) fn new(key: Credentials) -> anyhow::Result<Self> {
        Ok(Self {
            client: client()?,
            credential: AwsCredential { key_id: key.id, secret_key: key.secret, token: key.token },
        })
    }

    /// Signs and sends a request, whose answer nobody needs.
    ///
    /// # Errors
    /// [`Failure`] when there was no answer, or one that refuses.
    pub(crate) async fn send(
        &self,
        request: HttpRequest,
        service: &str,
        region: &str,
    ) -> Result<(), Failure> {
        self.ask(request, service, region).await.map(drop)
    }

    /// Signs and sends a request, and gives the body of the answer.
    ///
    /// # Errors
    /// [`Failure`] when there was no answer, or one that refuses.
    pub(crate) async fn ask(
        &self,
        request: HttpRequest,
        service: &str,
        region: &str,
    ) -> Result<Bytes, Failure> {
        ask(&self.client, self.sign(request, service, region)).await
    }

    /// Signs and sends a request, and gives the headers of the answer.
    ///
    /// # Errors
    /// [`Failure`] when there was no answer, or one that refuses.
    pub(crate) async fn headers(
        &self,
        request: HttpRequest,
        service: &str,
        region: &str,
    ) -> Result<HeaderMap, Failure> {
        Ok(answer(&self.client, self.sign(request, service, region)).await?.0)
    }

    fn sign(&self, mut request: HttpRequest, service: &str, region: &str) -> HttpRequest {
        AwsAuthorizer::new(&self.credential, service, region).authorize(&mut request, None);
        request
    }
}

/// A client without a key.
///
/// # Errors
/// When the system has no root certificates.
pub(crate) fn client() -> anyhow::Result<HttpClient> {
    let options = ClientOptions::new()
        .with_allow_http(true)
        .with_connect_timeout(CONNECT_MAX)
        .with_timeout(REQUEST_MAX);
    Ok(ReqwestConnector::default().connect(&options)?)
}

/// Sends a request as it is, whose answer nobody needs.
///
/// # Errors
/// [`Failure`] when there was no answer, or one that refuses.
pub(crate) async fn send(client: &HttpClient, request: HttpRequest) -> Result<(), Failure> {
    ask(client, request).await.map(drop)
}

/// Sends a request as it is, and gives the body of the answer.
///
/// # Errors
/// [`Failure`] when there was no answer, or one that refuses.
pub(crate) async fn ask(client: &HttpClient, request: HttpRequest) -> Result<Bytes, Failure> {
    Ok(answer(client, request).await?.1)
}

async fn answer(client: &HttpClient, request: HttpRequest) -> Result<(HeaderMap, Bytes), Failure> {
    let answer = client.execute(request).await.map_err(|it| Failure::unheard(&chain(&it)))?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = Limited::new(answer.into_body(), ANSWER_MAX).collect().await;
    let body = body.map_err(|it| Failure::unheard(&it))?.to_bytes();
    if status.is_success() {
        return Ok((headers, body));
    }
    let words = format!("{status}: {}", String::from_utf8_lossy(&body));
    Err(Failure { status: Some(status.as_u16()), words, body })
}

/// The error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}

/// More than any answer has that we ask for.
const ANSWER_MAX: usize = 16 << 20;
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// How long a request may take: longer than any delivery waits for one.
const REQUEST_MAX: Duration = Duration::from_secs(600);
