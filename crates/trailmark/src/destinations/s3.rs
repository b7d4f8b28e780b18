//! A bucket of an S3-compatible service, written to as CloudTrail does: access control, encryption
//! and lock are headers of the very request, and so signed with it.
//!
//! Spec: Amazon S3 API Reference, "PutObject".

use std::sync::Arc;

use ambient::Clock;
use anyhow::{Context as _, anyhow};
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use delivery::{Object, Refusal, Writer};
use futures::{FutureExt as _, future::BoxFuture};
use http::{HeaderValue, Method, Uri, header::HeaderName};
use jiff::SignedDuration;
use md5::{Digest as _, Md5};
use object_store::{ObjectStore, aws::AmazonS3Builder, client::HttpRequest};
use percent_encoding::utf8_percent_encode;
use serde_json::json;
use tracing::warn;

use super::settings::BucketSettings;
use crate::{
    caller::{Caller, Failure},
    cloudtrail::ESCAPED,
    credentials::{Credentials, secret},
};

/// An S3-compatible service, as one entry of the configuration reaches it.
#[derive(Debug)]
pub(crate) struct Service {
    caller: Caller,
    scheme: String,
    authority: String,
    region: String,
    /// Whether the operator has said where it is, so that keys of other regions are of no use to it.
    has_region: bool,
    virtual_host: bool,
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
        let days = settings.object_lock_days.map(i64::from);
        Ok(Self {
            caller: Caller::new(Credentials {
                id: key_id,
                secret: secret(
                    settings.secret_access_key.as_ref(),
                    settings.secret_access_key_file.as_deref(),
                )?,
                token: settings.session_token.clone(),
            })?,
            scheme: scheme.to_string(),
            authority: authority.to_string(),
            region: settings.region.clone().unwrap_or_else(|| "us-east-1".to_owned()),
            has_region: settings.region.is_some(),
            virtual_host: settings.virtual_host,
            acl: !settings.no_acl,
            sse_s3: settings.sse_s3,
            lock: days.map(|it| SignedDuration::from_hours(it * 24)),
            clock,
        })
    }

    /// A bucket to read from.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub(crate) fn reader(&self, bucket: &str) -> anyhow::Result<Arc<dyn ObjectStore>> {
        let key = self.caller.credential();
        let mut builder = AmazonS3Builder::new()
            .with_endpoint(format!("{}://{}", self.scheme, self.authority))
            .with_allow_http(true)
            .with_region(&self.region)
            .with_bucket_name(bucket)
            .with_virtual_hosted_style_request(self.virtual_host)
            .with_access_key_id(&key.key_id)
            .with_secret_access_key(&key.secret_key);
        if let Some(token) = &key.token {
            builder = builder.with_token(token);
        }
        Ok(Arc::new(objects::any_key(builder)?))
    }

    /// The region of its buckets, where the operator has said it.
    pub(crate) fn region(&self) -> Option<&str> {
        self.has_region.then_some(&self.region)
    }

    fn uri(&self, bucket: &str, key: &str) -> String {
        let key = utf8_percent_encode(key, ESCAPED);
        let (scheme, authority) = (&self.scheme, &self.authority);
        if self.virtual_host {
            format!("{scheme}://{bucket}.{authority}/{key}")
        } else {
            format!("{scheme}://{authority}/{bucket}/{key}")
        }
    }

    fn request(
        &self,
        bucket: &str,
        key: Option<&Key>,
        object: &Object,
        mode: Mode,
    ) -> Result<HttpRequest, http::Error> {
        let uri = self.uri(bucket, &object.key);
        let checksum = BASE64_STANDARD.encode(digest(&SHA256, &object.body));
        let mut request = http::Request::builder()
            .method(Method::PUT)
            .uri(uri)
            .header("content-type", "application/json")
            .header("content-encoding", "gzip")
            // Nobody adds it where there is nothing, as in a marker, and S3 insists.
            .header("content-length", object.body.len())
            .header("x-amz-checksum-sha256", checksum);
        if mode == Mode::Create {
            request = request.header("if-none-match", "*");
        }
        if self.acl {
            request = request.header("x-amz-acl", super::ACL);
        }
        if let Some(Key { arn, context }) = key {
            request = request
                .header("x-amz-server-side-encryption", "aws:kms")
                .header("x-amz-server-side-encryption-aws-kms-key-id", arn)
                .header("x-amz-server-side-encryption-context", context);
        } else if self.sse_s3 {
            request = request.header("x-amz-server-side-encryption", "AES256");
        }
        // A marker is not worth keeping: it only shows that one may write.
        if let Some(lock) = self.lock.filter(|_| !object.body.is_empty()) {
            let until = self.clock.now().saturating_add(lock).unwrap_or(jiff::Timestamp::MAX);
            let until = until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            // AWS is content with the checksum above; other services want this older one.
            request = request
                .header("content-md5", BASE64_STANDARD.encode(Md5::digest(&object.body)))
                .header("x-amz-object-lock-mode", "COMPLIANCE")
                .header("x-amz-object-lock-retain-until-date", until);
        }
        for (name, value) in &object.metadata {
            let name = HeaderName::try_from(format!("x-amz-meta-{name}"))?;
            request = request.header(name, HeaderValue::try_from(value)?);
        }
        request.body(object.body.clone().into())
    }

    async fn put(&self, bucket: &str, key: Option<&Key>, object: Object) -> Result<(), Refusal> {
        let send = async |mode| {
            let request = self.request(bucket, key, &object, mode);
            let request = request.map_err(|it| Refusal::new("InvalidURI", it.to_string()))?;
            Ok::<_, Refusal>(self.caller.send(request, "s3", &self.region).await)
        };
        // A marker may be written again and again.
        let mode = if object.body.is_empty() { Mode::Replace } else { Mode::Create };
        let Err(failure) = send(mode).await? else { return Ok(()) };
        match failure.status {
            // The service knows no conditional writes.
            Some(501) if mode == Mode::Create => {}
            // An earlier try of ours is there, or another history.
            Some(412) => match self.read(bucket, &object.key).await {
                Ok(there) if there == object.body => return Ok(()),
                // What is left of a try that broke off, where the service keeps such.
                Ok(there) if object.body.starts_with(&there) => {}
                Ok(_) => return Err(Refusal::taken(&object.key)),
                // Most often it is the try, which must not count as undelivered for ever. What else it
                // may be is not ours to replace.
                Err(unread) if matches!(unread.status, Some(401 | 403)) => {
                    warn!(bucket, key = %object.key, "an object is there and may not be read: without `s3:GetObject` a second history goes unnoticed");
                    return Ok(());
                }
                Err(unread) => return Err(refusal(unread)),
            },
            Some(_) | None => return Err(refusal(failure)),
        }
        send(Mode::Replace).await?.map_err(refusal)
    }

    async fn read(&self, bucket: &str, key: &str) -> Result<Bytes, Failure> {
        let request = http::Request::get(self.uri(bucket, key)).body(Bytes::new().into());
        let request = request.map_err(|it| Failure::unheard(&it))?;
        self.caller.ask(request, "s3", &self.region).await
    }
}

/// What becomes of an object that is there already.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Mode {
    /// It stays, and the write is refused.
    Create,
    /// It is replaced.
    Replace,
}

fn refusal(failure: Failure) -> Refusal {
    let known = match failure.status {
        Some(401 | 403) => Some("AccessDenied"),
        Some(404) => Some("NoSuchBucket"),
        Some(503) => Some("SlowDown"),
        Some(500..) => Some("InternalError"),
        Some(_) | None => None,
    };
    Refusal::of_answer(&failure.words, known)
}

/// A key that objects are encrypted by.
#[derive(Debug)]
pub(crate) struct Key {
    arn: String,
    /// The encryption context, as its header carries it.
    context: String,
}

impl Key {
    /// The key of a trail. Key policies allow CloudTrail by the trail's ARN in the context.
    ///
    /// Spec: CloudTrail User Guide, "Configure AWS KMS key policies for CloudTrail".
    pub(crate) fn of(arn: &str, trail: &str) -> Self {
        let context = json!({ "aws:cloudtrail:arn": trail }).to_string();
        Self { arn: arn.to_owned(), context: BASE64_STANDARD.encode(context) }
    }
}

/// One bucket of a service, encrypted by one key.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) service: Arc<Service>,
    pub(crate) name: String,
    pub(crate) key: Option<Key>,
}

impl Writer for Bucket {
    fn put(&self, object: Object) -> BoxFuture<'_, Result<(), Refusal>> {
        self.service.put(&self.name, self.key.as_ref(), object).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_key_encrypts_says_for_which_trail() {
        let settings = BucketSettings {
            endpoint: Some("http://127.0.0.1:9".to_owned()),
            access_key_id: Some("AKIA".to_owned()),
            secret_access_key: Some("secret".to_owned()),
            ..BucketSettings::default()
        };
        let (ambient, _) = testkit::ambient(jiff::Timestamp::UNIX_EPOCH, 1);
        let service = Service::new(&settings, ambient.clock).unwrap();
        let trail = "arn:aws:cloudtrail:us-east-1:123456789012:trail/audit";
        let key = Key::of("arn:aws:kms:us-east-1:123456789012:key/1", trail);
        let object =
            Object { key: "a//b c".to_owned(), body: Bytes::from("x"), metadata: Vec::new() };
        let request = service.request("logs", Some(&key), &object, Mode::Create).unwrap();
        let context = &request.headers()["x-amz-server-side-encryption-context"];
        let context = BASE64_STANDARD.decode(context).unwrap();
        let context: serde_json::Value = serde_json::from_slice(&context).unwrap();
        assert_eq!(context, json!({ "aws:cloudtrail:arn": trail }));
        assert_eq!(request.uri().path(), "/logs/a//b%20c", "keys keep their slashes");
    }
}
