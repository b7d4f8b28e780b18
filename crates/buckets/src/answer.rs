//! From a call of the door to `s3s` and back.
//!
//! The door has authenticated and authorised the call, so everything that speaks of signatures is
//! taken off before `s3s` sees it: without a provider of secrets it refuses signed requests.
//! `s3s` logs requests and bodies of the caller, which are not ours to log: it runs without a
//! subscriber.

mod body;
mod document;

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use futures::{FutureExt as _, future::BoxFuture};
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header, uri::PathAndQuery,
};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use s3s::dto::Range;
use tracing::{
    Instrument as _, dispatcher, instrument::WithSubscriber as _, subscriber::NoSubscriber,
};
use wire::{
    answer::{Answer, Body, Call, Reply, empty, full},
    auth::Dialect,
};

use self::body::{Notes, Watched};
use crate::{
    Buckets,
    access::{Errand, Visitor},
    service::{self, Facts},
};

impl Answer for Buckets {
    fn answer(&self, call: Call) -> BoxFuture<'_, Reply> {
        self.reply(call).in_current_span().boxed()
    }
}

impl Buckets {
    async fn reply(&self, call: Call) -> Reply {
        let ids = Ids { request: call.request_id.clone(), host: self.host_id() };
        let is_head = call.request.method() == Method::HEAD;
        let notes = Arc::new(Notes::default());
        let request = match self.prepare(call, &notes) {
            Ok(request) => request,
            Err(refusal) => return ids.sign(*refusal, is_head).into(),
        };
        let answered = self.service.call(request).with_subscriber(NoSubscriber::default()).await;
        let response = match (notes.fault(), answered) {
            // The body was not what was signed: whatever was made of it was thrown away.
            (Some(fault), Ok(response)) if !response.status().is_success() => {
                let answer = fault.answer(Dialect::S3);
                document::error(answer.status, answer.code, &answer.message, &answer.extras)
            }
            (_, Ok(response)) => finish(response).await,
            (_, Err(_)) => document::error(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalError",
                "We encountered an internal error. Please try again.",
                &[],
            ),
        };
        ids.sign(response, is_head).into()
    }

    /// The request as `s3s` wants it, or why it gets none.
    fn prepare(
        &self,
        call: Call,
        notes: &Arc<Notes>,
    ) -> Result<s3s::HttpRequest, Box<Response<Body>>> {
        let visitor = Arc::new(Visitor::of(&call));
        let (mut parts, body) = call.request.into_parts();
        let is_form = parts.method == Method::POST
            && text(&parts.headers, &header::CONTENT_TYPE)
                .is_some_and(|it| it.starts_with("multipart/form-data"));
        if is_form {
            return Err(Box::new(document::error(
                StatusCode::NOT_IMPLEMENTED,
                "NotImplemented",
                "Uploads by HTML forms are not implemented.",
                &[],
            )));
        }
        // `s3s` takes what it does not know for its next of kin, such as a rename for an upload of
        // nothing.
        let changes = parts.method != Method::GET && parts.method != Method::HEAD;
        if changes && !call.operation.is_empty() && !service::has(&call.operation) {
            let words = format!("{} is not implemented.", call.operation);
            let (status, code) = (StatusCode::NOT_IMPLEMENTED, "NotImplemented");
            return Err(Box::new(document::error(status, code, &words, &[])));
        }
        let bucket = self.bucket_in_host(&parts.uri, &parts.headers);
        let Some(target) = target(&parts.uri, bucket.as_deref()) else {
            return Err(Box::new(document::error(
                StatusCode::BAD_REQUEST,
                "InvalidURI",
                "Couldn't parse the specified URI.",
                &[],
            )));
        };
        parts.uri = target;
        let expected_owner =
            parts.headers.get("x-amz-expected-bucket-owner").map(|it| it.as_bytes().to_vec());
        clean(&mut parts.headers);
        let mut request = Request::builder().method(parts.method).uri(parts.uri);
        if let Some(headers) = request.headers_mut() {
            *headers = parts.headers;
        }
        let body = if body.is_end_stream() {
            s3s::Body::empty()
        } else {
            s3s::Body::http_body_unsync(Watched::new(body, Arc::clone(notes)))
        };
        let mut request = request.body(body).map_err(|_| {
            let code = "InvalidRequest";
            Box::new(document::error(StatusCode::BAD_REQUEST, code, "Invalid request.", &[]))
        })?;
        request.extensions_mut().insert(Facts {
            account: call.caller.account,
            visitor,
            errand: Errand::default(),
            region: call.region,
            expected_owner: expected_owner.map(|it| String::from_utf8_lossy(&it).into_owned()),
            log: dispatcher::get_default(Clone::clone),
        });
        Ok(request)
    }

    /// The bucket that is named in the host, under one of the configured domains.
    fn bucket_in_host(&self, uri: &Uri, headers: &HeaderMap) -> Option<String> {
        let host =
            uri.authority().map(|it| it.as_str()).or_else(|| text(headers, &header::HOST))?;
        let host = host.rsplit_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase();
        self.settings.domains.iter().find_map(|domain| {
            let bucket = host.strip_suffix(domain.as_str())?.strip_suffix('.')?;
            (!bucket.is_empty()).then(|| bucket.to_owned())
        })
    }

    /// `x-amz-id-2`: opaque, different at every answer.
    fn host_id(&self) -> String {
        let mut bytes = [0; 48];
        self.store.ambient.random.fill(&mut bytes);
        BASE64.encode(bytes)
    }
}

/// The two ids that every answer of S3 carries.
struct Ids {
    request: String,
    host: String,
}

impl Ids {
    fn sign(&self, mut response: Response<Body>, is_head: bool) -> Response<Body> {
        for (name, value) in [("x-amz-request-id", &self.request), ("x-amz-id-2", &self.host)] {
            if let Ok(value) = HeaderValue::from_str(value) {
                response.headers_mut().insert(name, value);
            }
        }
        let status = response.status();
        if status.is_success() {
            return response;
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
        }
        // An error to HEAD has no document, nor has 304.
        if is_head || status == StatusCode::NOT_MODIFIED {
            response.headers_mut().remove(header::CONTENT_LENGTH);
            response.headers_mut().remove(header::CONTENT_TYPE);
            return response.map(|_| empty());
        }
        let (mut parts, body) = response.into_parts();
        let Some(Ok(bytes)) = body.collect().now_or_never().map(|it| it.map(|b| b.to_bytes()))
        else {
            return Response::from_parts(parts, empty());
        };
        let bytes = document::complete(&bytes, &self.request, &self.host);
        parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
        Response::from_parts(parts, full(bytes))
    }
}

/// When to try again what found no room, in seconds.
const RETRY_AFTER_SECONDS: &str = "1";

/// The response of `s3s` as the door wants it: an error document is in memory as a whole.
async fn finish(response: s3s::HttpResponse) -> Response<Body> {
    let is_error = !response.status().is_success();
    let (mut parts, body) = response.into_parts();
    if is_error {
        let bytes = body.collect().await.map(|it| it.to_bytes()).unwrap_or_else(|_| Bytes::new());
        return Response::from_parts(parts, full(bytes));
    }
    let is_partial = parts.headers.contains_key(header::CONTENT_RANGE);
    if is_partial && parts.status == StatusCode::OK {
        // `s3s` forgets this for HEAD.
        parts.status = StatusCode::PARTIAL_CONTENT;
    }
    if let (Some(size), false) =
        (body.size_hint().exact(), parts.headers.contains_key(header::CONTENT_LENGTH))
    {
        parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    }
    Response::from_parts(parts, body.boxed_unsync())
}

/// The target in path style, without what a presigned URL adds.
fn target(uri: &Uri, bucket: Option<&str>) -> Option<Uri> {
    const SIGNING: [&str; 11] = [
        "AWSAccessKeyId",
        "Expires",
        "Signature",
        "X-Amz-Algorithm",
        "X-Amz-Content-Sha256",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-Security-Token",
        "X-Amz-Signature",
        "X-Amz-SignedHeaders",
    ];
    let mut target = match bucket {
        Some(bucket) => format!("/{bucket}{}", uri.path()),
        None => uri.path().to_owned(),
    };
    let is_kept = |pair: &&str| {
        let name = pair.split_once('=').map_or(*pair, |(name, _)| name);
        !pair.is_empty() && !SIGNING.iter().any(|it| it.eq_ignore_ascii_case(name))
    };
    let kept: Vec<&str> = uri.query().unwrap_or_default().split('&').filter(is_kept).collect();
    if !kept.is_empty() {
        target.push('?');
        target.push_str(&kept.join("&"));
    }
    PathAndQuery::try_from(target).ok().map(Uri::from)
}

/// Takes off what speaks of signatures and of the transport, and ranges that S3 ignores.
fn clean(headers: &mut HeaderMap) {
    for name in [
        "authorization",
        "x-amz-content-sha256",
        "x-amz-date",
        "x-amz-decoded-content-length",
        "x-amz-security-token",
        "transfer-encoding",
    ] {
        headers.remove(name);
    }
    // A bucket named in the host is in the path by now; `s3s` shall not look for another.
    headers.insert(header::HOST, HeaderValue::from_static("s3"));
    if text(headers, &header::RANGE).is_some_and(|it| Range::parse(it).is_err()) {
        headers.remove(header::RANGE);
    }
    if let Some(encoding) = text(headers, &header::CONTENT_ENCODING) {
        let kept: Vec<&str> = encoding
            .split(',')
            .map(str::trim)
            .filter(|it| !it.is_empty() && !it.eq_ignore_ascii_case("aws-chunked"))
            .collect();
        match HeaderValue::from_str(&kept.join(",")) {
            Ok(value) if !value.is_empty() => {
                headers.insert(header::CONTENT_ENCODING, value);
            }
            _ => {
                headers.remove(header::CONTENT_ENCODING);
            }
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(uri: &'static str, bucket: Option<&str>, expected: &str) {
        assert_eq!(target(&Uri::from_static(uri), bucket).unwrap().to_string(), expected);
    }

    #[test]
    fn what_a_presigned_url_adds_is_taken_off_and_the_rest_stays_as_it_is() {
        check(
            "/b/k%2Fx?X-Amz-Signature=1&x-id=GetObject&x-amz-date=2",
            None,
            "/b/k%2Fx?x-id=GetObject",
        );
        check("http://h/b?prefix=a%20b&X-Amz-Expires=9", None, "/b?prefix=a%20b");
        check("/k?uploads", Some("bucket"), "/bucket/k?uploads");
        check("/?X-Amz-Signature=1", None, "/");
    }

    #[test]
    fn only_the_framing_is_taken_off_the_encoding() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip, aws-chunked"));
        headers.insert(header::RANGE, HeaderValue::from_static("bytes=0-1,4-5"));
        clean(&mut headers);
        assert_eq!(headers[header::CONTENT_ENCODING], "gzip");
        assert!(!headers.contains_key(header::RANGE));
    }
}
