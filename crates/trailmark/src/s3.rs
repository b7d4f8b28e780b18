//! Buckets as a caller reaches them: credentials, region and endpoint of the environment, as the AWS
//! CLI finds them.

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

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|it| !it.is_empty())
}

/// Any of these says that credentials come from a service.
const CREDENTIALS: [&str; 3] = [
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];
