//! Trailmark's own pages that are no service's: nobody signs for them and nobody records them.

use http::{HeaderValue, Method, StatusCode, header, request::Parts};
use ledger::Page;

use super::{House, visit::Route};
use crate::message::Answer;

impl House {
    /// The page that a request asks for, if it asks for one.
    pub(super) async fn page(&self, parts: &Parts) -> Option<Answer> {
        let path = parts.uri.path();
        if path == "/" && is_browser(parts) {
            let mut answer = Answer::text(StatusCode::FOUND, "see /_trailmark/console\n");
            let console = HeaderValue::from_static("/_trailmark/console");
            answer.headers.insert(header::LOCATION, console);
            return Some(answer);
        }
        if path != "/_trailmark" && !path.starts_with("/_trailmark/") || Route::of(path).is_some() {
            return None;
        }
        if !matches!(parts.method, Method::GET | Method::HEAD) {
            return Some(Answer::text(StatusCode::METHOD_NOT_ALLOWED, "only GET is served here\n"));
        }
        Some(match path {
            "/_trailmark/healthz" => Answer::text(StatusCode::OK, "ok\n"),
            "/_trailmark/readyz" if (self.ready)() => Answer::text(StatusCode::OK, "ready\n"),
            "/_trailmark/readyz" => {
                Answer::text(StatusCode::SERVICE_UNAVAILABLE, "not ready yet\n")
            }
            "/_trailmark/metrics" => {
                let mut answer = Answer::text(StatusCode::OK, (self.exposition)());
                let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
                answer.headers.insert(header::CONTENT_TYPE, kind);
                answer
            }
            "/_trailmark/console" => Answer::text(
                StatusCode::NOT_FOUND,
                "Trailmark is running. It has no console yet; \
                 use `aws cloudtrail lookup-events` or `trailmark tail`.\n",
            ),
            path => match (path.strip_prefix("/_trailmark/log/"), &self.public_log) {
                (Some(below), Some(log)) => of_log(log.page(below).await),
                (Some(_), None) | (None, _) => {
                    Answer::text(StatusCode::NOT_FOUND, "there is no such page\n")
                }
            },
        })
    }
}

fn of_log(page: Page) -> Answer {
    let Page { status, content_type, cache_control, body } = page;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = Answer::text(status, body);
    for (name, value) in
        [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, cache_control)]
    {
        answer.headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// Whether a person is looking: who asks for HTML and says nothing about who it is.
fn is_browser(parts: &Parts) -> bool {
    let headers = &parts.headers;
    let accepts_html = headers
        .get(header::ACCEPT)
        .is_some_and(|it| memchr::memmem::find(it.as_bytes(), b"text/html").is_some());
    accepts_html
        && parts.method == Method::GET
        && parts.uri.query().is_none()
        && !headers.contains_key(header::AUTHORIZATION)
}
