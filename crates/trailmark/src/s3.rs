//! Buckets as a caller reaches them: credentials, region and endpoint of the environment, as the AWS
//! CLI finds them.

use std::error::Error;

use anyhow::{Context as _, anyhow};
use object_store::{
    ClientOptions,
    aws::{AmazonS3Builder, resolve_bucket_region},
};

use crate::credentials::{Credentials, region};

/// Where S3 is: as told, else by `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`; none is AWS.
pub(crate) fn endpoint(told: Option<&str>) -> Option<String> {
    let told = told.map(str::to_owned);
    told.or_else(|| variable("AWS_ENDPOINT_URL_S3")).or_else(|| variable("AWS_ENDPOINT_URL"))
}

/// How a bucket is reached; its name is still to be set for others than `name`.
///
/// # Errors
/// When there are no credentials, or the bucket's region cannot be told.
pub(crate) async fn builder(
    name: &str,
    endpoint: Option<&str>,
    unsigned: bool,
) -> anyhow::Result<AmazonS3Builder> {
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(name);
    if unsigned {
        builder = builder.with_skip_signature(true);
    } else if let Some(key) = Credentials::of_environment()? {
        builder = builder.with_access_key_id(key.id).with_secret_access_key(key.secret);
        if let Some(token) = key.token {
            builder = builder.with_token(token);
        }
    } else if !CREDENTIALS.iter().any(|it| variable(it).is_some()) {
        return Err(anyhow!(
            "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, \
             or give --no-sign-request"
        ));
    }
    if let Some(endpoint) = endpoint {
        return Ok(builder
            .with_endpoint(endpoint)
            .with_allow_http(true)
            .with_region(region().unwrap_or_else(|| "us-east-1".to_owned())));
    }
    let region = match resolve_bucket_region(name, &ClientOptions::new()).await {
        Ok(region) => region,
        Err(error) => region().ok_or(error).context("cannot tell the bucket's region")?,
    };
    Ok(builder.with_region(region))
}

/// What a refusal or silence of S3 means for whoever asked, and what to do about it.
///
/// The store's own words say the same several times over, with the XML of the answer.
pub(crate) fn told(
    error: &object_store::Error,
    bucket: &str,
    endpoint: Option<&str>,
) -> anyhow::Error {
    let mut root: &dyn Error = error;
    while let Some(source) = root.source() {
        root = source;
    }
    let root = root.to_string();
    let place = endpoint.unwrap_or("AWS");
    let (code, message) = (element(&root, "Code"), element(&root, "Message"));
    match code {
        Some("NoSuchBucket") => anyhow!(
            "there is no bucket `{bucket}` at {place}: check its name, and --endpoint-url where S3 is \
             not AWS's"
        ),
        Some("AccessDenied" | "AllAccessDisabled") => anyhow!(
            "`{bucket}` denies access: the caller needs s3:ListBucket on the bucket, s3:GetObject on \
             what is in it, and kms:Decrypt where a key encrypts that"
        ),
        Some("AuthorizationHeaderMalformed" | "PermanentRedirect" | "TemporaryRedirect") => {
            let region = element(&root, "Region").unwrap_or("that of the bucket");
            anyhow!("`{bucket}` lies in another region: set AWS_REGION to {region}")
        }
        Some(
            code @ ("ExpiredToken"
            | "InvalidAccessKeyId"
            | "InvalidToken"
            | "RequestTimeTooSkewed"
            | "SignatureDoesNotMatch"),
        ) => anyhow!(
            "{place} does not accept the credentials ({code}): check AWS_ACCESS_KEY_ID, \
             AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN or AWS_PROFILE, and the clock"
        ),
        Some(code) => anyhow!("{place} answers {code}: {}", message.unwrap_or_default()),
        None if root.contains("status code: 403") => anyhow!("`{bucket}` denies access: {root}"),
        None => anyhow!("cannot reach `{bucket}` at {place}: {root}"),
    }
}

/// The text of an element of an error's XML.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text.trim())
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|it| !it.is_empty())
}

/// Any of these says that credentials come from a service.
const CREDENTIALS: [&str; 3] = [
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];
