//! Calls of AWS's JSON APIs that commands make, signed with the caller's credentials.

use anyhow::{Context as _, anyhow};
use http::{HeaderMap, Request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::{
    caller::{Caller, Failure},
    credentials::Credentials,
};

/// Calls CloudTrail, and what belongs to it.
#[derive(Debug)]
pub(crate) struct CloudTrail {
    endpoint: String,
    caller: Caller,
}

impl CloudTrail {
    /// Calls `endpoint`, or AWS itself when that is `aws`.
    pub(crate) fn new(endpoint: &str) -> anyhow::Result<Self> {
        let credentials = Credentials::of_environment()?
            .ok_or_else(|| anyhow!("no credentials: set AWS_ACCESS_KEY_ID or AWS_PROFILE"))?;
        Self::with(endpoint, credentials)
    }

    /// Calls `endpoint` as the access key that is given.
    pub(crate) fn with(endpoint: &str, credentials: Credentials) -> anyhow::Result<Self> {
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        Ok(Self { endpoint, caller: Caller::new(credentials)? })
    }

    /// Makes one call of CloudTrail and gives its answer.
    pub(crate) async fn call(
        &self,
        region: &str,
        operation: &str,
        request: &Value,
    ) -> anyhow::Result<Value> {
        let asked = self.ask("cloudtrail", CLOUDTRAIL, region, operation, request).await?;
        asked.map_err(|failure| {
            anyhow!("{operation} at {} failed: {}", self.endpoint, failure.words)
        })
    }

    /// The organization that the caller is in, as `DescribeOrganization` tells; refused when in none.
    pub(crate) async fn organization(&self) -> anyhow::Result<Result<Value, Failure>> {
        let (target, request) = (ORGANIZATIONS, Value::Object(serde_json::Map::new()));
        self.ask("organizations", target, "us-east-1", "DescribeOrganization", &request).await
    }

    async fn ask(
        &self,
        service: &str,
        target: &str,
        region: &str,
        operation: &str,
        request: &Value,
    ) -> anyhow::Result<Result<Value, Failure>> {
        let url = match self.endpoint.as_str() {
            "aws" => format!("https://{service}.{region}.amazonaws.com/"),
            endpoint => format!("{endpoint}/"),
        };
        let request = Request::post(&url)
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("{target}.{operation}"))
            .body(serde_json::to_vec(request)?.into())
            .with_context(|| format!("`{url}` is no URL"))?;
        Ok(match self.caller.ask(request, service, region).await {
            Ok(answer) => Ok(serde_json::from_slice(&answer)
                .with_context(|| format!("the answer to {operation} at {url} is no JSON"))?),
            Err(failure) => Err(failure),
        })
    }

    /// Makes a bucket, by path style; one of the caller's own may be there.
    pub(crate) async fn make_bucket(&self, region: &str, bucket: &str) -> anyhow::Result<()> {
        let url = format!("{}/{bucket}", self.endpoint);
        let request = Request::put(&url).body(Vec::new().into());
        let request = request.with_context(|| format!("`{url}` is no URL"))?;
        match self.caller.send(request, "s3", region).await {
            Err(failure) if !failure.words.contains("BucketAlreadyOwnedByYou") => {
                Err(anyhow!("cannot make the bucket `{bucket}`: {}", failure.words))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Reads something of a bucket, such as its `versioning`, or of an object in it when `key` is not
    /// empty; the XML.
    pub(crate) async fn bucket(
        &self,
        region: &str,
        bucket: &str,
        key: &str,
        query: &str,
    ) -> Result<String, Failure> {
        let request = Request::get(format!("{}?{query}", self.object(region, bucket, key)));
        let request = request.body(Vec::new().into()).map_err(|it| Failure::unheard(&it))?;
        let answer = self.caller.ask(request, "s3", region).await;
        answer.map(|it| String::from_utf8_lossy(&it).into_owned())
    }

    /// What S3 says of an object in headers.
    pub(crate) async fn head_object(
        &self,
        region: &str,
        bucket: &str,
        key: &str,
    ) -> Result<HeaderMap, Failure> {
        let request = Request::head(self.object(region, bucket, key)).body(Vec::new().into());
        let request = request.map_err(|it| Failure::unheard(&it))?;
        self.caller.headers(request, "s3", region).await
    }

    /// The URL of a bucket, or of an object in it, by path style.
    fn object(&self, region: &str, bucket: &str, key: &str) -> String {
        let endpoint = match self.endpoint.as_str() {
            "aws" => format!("https://s3.{region}.amazonaws.com"),
            endpoint => endpoint.to_owned(),
        };
        let slash = if key.is_empty() { "" } else { "/" };
        format!("{endpoint}/{bucket}{slash}{}", utf8_percent_encode(key, ESCAPED))
    }
}

/// What a path of S3 escapes, as signatures want it.
pub(crate) const ESCAPED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');
const CLOUDTRAIL: &str = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101";
const ORGANIZATIONS: &str = "AWSOrganizationsV20161128";
