//! Calls of the CloudTrail API, signed with the caller's credentials.

use ambient::Ambient;
use anyhow::{Context as _, anyhow};
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::{HeaderValue, Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;

use crate::credentials::Credentials;

/// Calls CloudTrail.
pub(crate) struct CloudTrail {
    endpoint: String,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    credentials: Credentials,
}

impl CloudTrail {
    /// Calls `endpoint`, or AWS itself when that is `aws`.
    pub(crate) fn new(endpoint: &str) -> anyhow::Result<Self> {
        let credentials = Credentials::of_environment()?.ok_or_else(|| {
            anyhow!("public keys need credentials: set AWS_ACCESS_KEY_ID or AWS_PROFILE")
        })?;
        let connector = HttpsConnectorBuilder::new()
            .with_native_roots()
            .context("the system has no root certificates")?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            client: Client::builder(TokioExecutor::new()).build(connector),
            credentials,
        })
    }

    /// Makes one call and gives its answer.
    pub(crate) async fn call(
        &self,
        region: &str,
        operation: &str,
        request: &Value,
    ) -> anyhow::Result<Value> {
        let url = match self.endpoint.as_str() {
            "aws" => format!("https://cloudtrail.{region}.amazonaws.com/"),
            endpoint => format!("{endpoint}/"),
        };
        let failed = || format!("{operation} at {url} failed");
        let body = serde_json::to_vec(request)?;
        let (mut parts, ()) = Request::post(&url)
            .header(header::CONTENT_TYPE, "application/x-amz-json-1.1")
            .header("x-amz-target", format!("{TARGET}.{operation}"))
            .body(())
            .with_context(|| format!("`{url}` is no URL"))?
            .into_parts();
        let host = parts.uri.authority().ok_or_else(|| anyhow!("`{url}` has no host"))?.to_string();
        parts.headers.insert(header::HOST, host.parse()?);
        if let Some(token) = &self.credentials.token {
            parts.headers.insert("x-amz-security-token", HeaderValue::from_str(token)?);
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, &body).as_ref());
        let secret = wire::sigv4::Secret::new(self.credentials.secret.clone().into());
        let now = Ambient::system().clock.now();
        let id = &self.credentials.id;
        wire::sigv4::sign(&mut parts, id, &secret, region, "cloudtrail", &hash, now)?;
        let request = Request::from_parts(parts, Full::new(body.into()));
        let response = self.client.request(request).await.with_context(failed)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_MAX).collect().await;
        let body = body.map_err(|error| anyhow!(error)).with_context(failed)?.to_bytes();
        if !status.is_success() {
            let words = String::from_utf8_lossy(&body).into_owned();
            return Err(anyhow!("{status}: {words}")).with_context(failed);
        }
        serde_json::from_slice(&body).with_context(failed)
    }
}

const TARGET: &str = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101";
/// More than any answer of CloudTrail's has.
const ANSWER_MAX: usize = 16 << 20;
