//! What stands between an object store and S3: requests ask for keys as they are, and listings tell
//! them as paths.
//!
//! Spec: Amazon S3 API Reference, "ListObjectsV2".

use async_trait::async_trait;
use http::{Uri, header::CONTENT_LENGTH, uri::PathAndQuery};
use object_store::{
    ClientOptions, Result,
    aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, AwsAuthorizer, AwsCredentialProvider},
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
        HttpService, ReqwestConnector,
    },
};
use quick_xml::escape::{partial_escape, unescape};

use crate::key::{MARK_IN_URLS, tamed};

/// A bucket of which every key is a path, by [`crate::path_of`].
///
/// # Errors
/// Those of the builder.
pub fn any_key(builder: AmazonS3Builder) -> Result<AmazonS3> {
    let config = |key| builder.get_config_value(&key).unwrap_or_default();
    let region = config(AmazonS3ConfigKey::Region);
    let is_signed = config(AmazonS3ConfigKey::SkipSignature) != "true";
    let credentials = builder.clone().build()?.credentials().clone();
    let signer = is_signed.then_some(Signer { credentials, region });
    builder.with_http_connector(Connector(signer)).build()
}

/// Signs requests again.
#[derive(Clone, Debug)]
struct Signer {
    credentials: AwsCredentialProvider,
    region: String,
}

#[derive(Debug)]
struct Connector(Option<Signer>);

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> Result<HttpClient> {
        let client = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(Service { client, signer: self.0.clone() }))
    }
}

#[derive(Debug)]
struct Service {
    client: HttpClient,
    /// None when requests are not signed.
    signer: Option<Signer>,
}

#[async_trait]
impl HttpService for Service {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if let Some(uri) = raw(request.uri())? {
            *request.uri_mut() = uri;
            if let Some(Signer { credentials, region }) = &self.signer {
                let credential = credentials.get_credential().await.map_err(unsent)?;
                AwsAuthorizer::new(&credential, "s3", region).authorize(&mut request, None);
            }
        }
        let is_listing = request.uri().query().is_some_and(|it| it.contains("list-type=2"));
        let answer = self.client.execute(request).await?;
        if !is_listing || !answer.status().is_success() {
            return Ok(answer);
        }
        let (mut head, body) = answer.into_parts();
        let body = body.bytes().await?;
        head.headers.remove(CONTENT_LENGTH);
        let body = match str::from_utf8(&body) {
            Ok(text) => told_as_paths(text).into_bytes().into(),
            Err(_) => body,
        };
        Ok(HttpResponse::from_parts(head, body.into()))
    }
}

fn unsent(error: impl std::error::Error + Send + Sync + 'static) -> HttpError {
    HttpError::new(HttpErrorKind::Unknown, error)
}

/// The URL of what a path stands for; none when it is the same.
fn raw(uri: &Uri) -> Result<Option<Uri>, HttpError> {
    let text = uri.path_and_query().map(PathAndQuery::as_str).unwrap_or_default();
    if !text.contains(MARK_IN_URLS) {
        return Ok(None);
    }
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    let path = parts(path, "/");
    // Whoever carries the request would resolve them, and ask for another object.
    if path.split('/').any(|it| matches!(it, "." | "..")) {
        return Err(unsent(Unaskable));
    }
    let query: Vec<String> = query
        .split('&')
        .map(|it| match it.split_once('=') {
            Some((name, value)) => format!("{name}={}", parts(value, "%2F")),
            None => it.to_owned(),
        })
        .collect();
    let query = query.join("&");
    let text = if query.is_empty() { path } else { format!("{path}?{query}") };
    let mut whole = uri.clone().into_parts();
    whole.path_and_query = Some(text.parse().map_err(unsent)?);
    Uri::from_parts(whole).map(Some).map_err(unsent)
}

/// A path in a URL as the key that it stands for.
fn parts(text: &str, slash: &str) -> String {
    let part = |it: &str| match it.strip_prefix(MARK_IN_URLS) {
        // What is escaped in the path was escaped again in the URL.
        Some(odd) => odd.replace("%25", "%"),
        None => it.to_owned(),
    };
    text.split(slash).map(part).collect::<Vec<_>>().join(slash)
}

/// A listing in which each key, and each prefix that several have in common, is a path.
fn told_as_paths(listing: &str) -> String {
    let mut told = String::with_capacity(listing.len());
    let mut rest = listing;
    while let Some((before, name)) = ["<Key>", "<Prefix>"]
        .iter()
        .filter_map(|name| Some((rest.find(name)? + name.len(), *name)))
        .min()
    {
        let (head, tail) = rest.split_at(before);
        told.push_str(head);
        let (text, tail) = tail.split_at(tail.find('<').unwrap_or(tail.len()));
        match unescape(text) {
            Ok(key) if name == "<Key>" => told.push_str(&partial_escape(tamed(&key))),
            Ok(prefix) => match prefix.strip_suffix('/') {
                Some(folder) => {
                    told.push_str(&partial_escape(tamed(folder)));
                    told.push('/');
                }
                None => told.push_str(&partial_escape(tamed(&prefix))),
            },
            Err(_) => told.push_str(text),
        }
        rest = tail;
    }
    told.push_str(rest);
    told
}

/// A key with a part that is resolved on the way.
#[derive(Debug)]
struct Unaskable;

impl std::fmt::Display for Unaskable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key with the part `.` or `..` cannot be asked for")
    }
}

impl std::error::Error for Unaskable {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listings_tell_paths() {
        let listing = "<R><Prefix>a/</Prefix><Contents><Key>a//b&amp;c</Key><Size>1</Size></Contents>\
            <Contents><Key>plain/x&lt;.gz</Key></Contents><Contents><Key>a/&#10;</Key></Contents>\
            <CommonPrefixes><Prefix>a//</Prefix><Prefix>/</Prefix></CommonPrefixes></R>";
        assert_eq!(
            told_as_paths(listing),
            "<R><Prefix>a/</Prefix><Contents><Key>a/\u{e000}/b&amp;c</Key><Size>1</Size></Contents>\
            <Contents><Key>plain/x&lt;.gz</Key></Contents><Contents><Key>a/\u{e000}%0A</Key></Contents>\
            <CommonPrefixes><Prefix>a/\u{e000}/</Prefix><Prefix>\u{e000}/</Prefix></CommonPrefixes></R>"
        );
    }

    #[test]
    fn requests_ask_for_keys() {
        let raw = |text: &str| raw(&text.parse().unwrap()).map(|it| it.map(|it| it.to_string()));
        assert_eq!(raw("http://s3/b/a/c%20d").unwrap(), None);
        let asked = raw("http://s3/b/%EE%80%80/a/%EE%80%80%250A/%EE%80%80%25EE%2580%2580x");
        assert_eq!(asked.unwrap().unwrap(), "http://s3/b//a/%0A/%EE%80%80x");
        let listed = raw("http://s3/b?list-type=2&prefix=a%2F%EE%80%80%2F&max-keys=2");
        assert_eq!(listed.unwrap().unwrap(), "http://s3/b?list-type=2&prefix=a%2F%2F&max-keys=2");
        raw("http://s3/b/%EE%80%80../c").unwrap_err();
    }
}
