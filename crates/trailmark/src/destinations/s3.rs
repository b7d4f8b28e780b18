//! A bucket of an S3-compatible service, written to as CloudTrail does: access control, encryption
//! and lock are headers of the very request, and so signed with it.
//!
//! Spec: Amazon S3 API Reference, "PutObject".

use std::{sync::Arc, time::Duration};

use ambient::Clock;
use anyhow::{Context as _, anyhow};
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use delivery::{Object, Refusal, Writer};
use futures::{FutureExt as _, future::BoxFuture};
use http::{HeaderValue, Method, Uri, header::HeaderName};
use http_body_util::{BodyExt as _, Limited};
use jiff::SignedDuration;
use object_store::{
    ClientOptions,
    aws::{AwsAuthorizer, AwsCredential},
    client::{HttpClient, HttpConnector as _, HttpRequest, ReqwestConnector},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::settings::BucketSettings;

/// An S3-compatible service, as one entry of the configuration reaches it.
#[derive(Debug)]
pub(crate) struct Service {
    client: HttpClient,
    scheme: String,
    authority: String,
    region: String,
    virtual_host: bool,
    credential: AwsCredential,
    acl: bool,
    sse_s3: bool,
    lock: Option<SignedDuration>,
    clock: Arc<dyn Clock>,
}

impl Service {
    /// Reads where the service is; asks nobody yet.
    ///
    /// # Errors
    /// When the URL is none, or credentials are missing.
    pub(crate) fn new(settings: &BucketSettings, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let url = settings.endpoint.as_deref().ok_or_else(|| anyhow!("set `endpoint`"))?;
        let parts = url.parse::<Uri>().with_context(|| format!("`{url}` is no URL"))?.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(anyhow!("`{url}` is no URL: it needs a scheme and a host"));
        };
        if parts.path_and_query.is_some_and(|it| it.as_str() != "/") {
            return Err(anyhow!("`{url}` has a path, which no S3 endpoint has"));
        }
        let key_id =
            settings.access_key_id.clone().ok_or_else(|| anyhow!("set `access_key_id`"))?;
        let options = ClientOptions::new()
            .with_allow_http(true)
            .with_connect_timeout(CONNECT_MAX)
            .with_timeout(REQUEST_MAX);
        let days = settings.object_lock_days.map(i64::from);
        Ok(Self {
            client: ReqwestConnector::default().connect(&options)?,
            scheme: scheme.to_string(),
            authority: authority.to_string(),
            region: settings.region.clone().unwrap_or_else(|| "us-east-1".to_owned()),
            virtual_host: settings.virtual_host,
            credential: AwsCredential {
                key_id,
                secret_key: settings.secret()?,
                token: settings.session_token.clone(),
            },
            acl: !settings.no_acl,
            sse_s3: settings.sse_s3,
            lock: days.map(|it| SignedDuration::from_hours(it * 24)),
            clock,
        })
    }

    fn request(
        &self,
        bucket: &str,
        kms_key: Option<&str>,
        object: Object,
    ) -> Result<HttpRequest, http::Error> {
        let key = utf8_percent_encode(&object.key, ESCAPED);
        let (scheme, authority) = (&self.scheme, &self.authority);
        let uri = if self.virtual_host {
            format!("{scheme}://{bucket}.{authority}/{key}")
        } else {
            format!("{scheme}://{authority}/{bucket}/{key}")
        };
        let checksum = BASE64_STANDARD.encode(digest(&SHA256, &object.body));
        let mut request = http::Request::builder()
            .method(Method::PUT)
            .uri(uri)
            .header("content-type", "application/json")
            .header("content-encoding", "gzip")
            .header("x-amz-checksum-sha256", checksum);
        if self.acl {
            request = request.header("x-amz-acl", "bucket-owner-full-control");
        }
        if let Some(key) = kms_key {
            request = request
                .header("x-amz-server-side-encryption", "aws:kms")
                .header("x-amz-server-side-encryption-aws-kms-key-id", key);
        } else if self.sse_s3 {
            request = request.header("x-amz-server-side-encryption", "AES256");
        }
        // A marker is not worth keeping: it only shows that one may write.
        if let Some(lock) = self.lock.filter(|_| !object.body.is_empty()) {
            let until = self.clock.now().saturating_add(lock).unwrap_or(jiff::Timestamp::MAX);
            let until = until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            request = request
                .header("x-amz-object-lock-mode", "COMPLIANCE")
                .header("x-amz-object-lock-retain-until-date", until);
        }
        for (name, value) in object.metadata {
            let name = HeaderName::try_from(format!("x-amz-meta-{name}"))?;
            request = request.header(name, HeaderValue::try_from(value)?);
        }
        request.body(object.body.into())
    }

    async fn put(
        &self,
        bucket: &str,
        kms_key: Option<&str>,
        object: Object,
    ) -> Result<(), Refusal> {
        let mut request = self
            .request(bucket, kms_key, object)
            .map_err(|error| Refusal::new("InvalidURI", error.to_string()))?;
        AwsAuthorizer::new(&self.credential, "s3", &self.region).authorize(&mut request, None);
        let sent = self.client.execute(request).await;
        // As the time-outs of AWS, what never reached the service has no code.
        let unheard = |reason: String| Refusal { code: None, reason };
        let answer = sent.map_err(|error| unheard(chain(&error)))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let body = Limited::new(answer.into_body(), ANSWER_MAX).collect().await;
        let body = body.map_err(|error| unheard(error.to_string()))?.to_bytes();
        let known = match status.as_u16() {
            401 | 403 => Some("AccessDenied"),
            404 => Some("NoSuchBucket"),
            503 => Some("SlowDown"),
            500.. => Some("InternalError"),
            _ => None,
        };
        let words = String::from_utf8_lossy(&body);
        Err(Refusal::of_answer(&format!("{status}: {words}"), known))
    }
}

/// One bucket of a service, encrypted by one key.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) service: Arc<Service>,
    pub(crate) name: String,
    pub(crate) kms_key: Option<String>,
}

impl Writer for Bucket {
    fn put(&self, object: Object) -> BoxFuture<'_, Result<(), Refusal>> {
        self.service.put(&self.name, self.kms_key.as_deref(), object).boxed()
    }
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

/// What a path of S3 escapes, as signatures want it.
const ESCAPED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');
/// Bytes of an answer that are read: its document of error.
const ANSWER_MAX: usize = 64 << 10;
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// How long a request may take: longer than any delivery waits for one.
const REQUEST_MAX: Duration = Duration::from_secs(600);
