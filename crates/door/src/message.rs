//! A call as it comes in and an answer as it goes out, whatever the version of HTTP.
//!
//! Lives here: the types that the listener and the path of a call hand to each other.

use std::{
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header::CONTENT_TYPE, request};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use jiff::Timestamp;
use wire::answer::BoxError;

use crate::{
    capture::Captured,
    deadline::Deadline,
    http1::{
        body::{BodyError, Http1Body},
        head::RawHead,
    },
};

/// Who is at the other end of a connection.
#[derive(Debug)]
pub(crate) struct Peer {
    /// The peer's address, or the one that a trusted peer's PROXY header names.
    pub(crate) address: IpAddr,
    /// Whether the peer's `X-Forwarded-For` is believed.
    pub(crate) is_trusted: bool,
    /// Facts about TLS.
    pub(crate) tls: Option<TlsFacts>,
}

/// Facts about a TLS connection, as CloudTrail spells them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct TlsFacts {
    pub(crate) version: &'static str,
    pub(crate) cipher_suite: String,
    pub(crate) key_exchange: Option<String>,
}

/// A request, its body still to be read.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) parts: request::Parts,
    /// The head as it was sent, when it was HTTP/1.
    pub(crate) raw: Option<RawHead>,
    pub(crate) body: RequestBody,
    /// When the head was complete.
    pub(crate) arrival: Timestamp,
    pub(crate) peer: Arc<Peer>,
}

/// The body of a request, as it streams in.
#[derive(Debug)]
pub(crate) enum RequestBody {
    Http1(Http1Body),
    Http2 { body: Incoming, deadline: Deadline },
}

/// An answer to a caller.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The head as the upstream sent it, to be passed on unchanged.
    pub(crate) raw: Option<RawHead>,
    pub(crate) body: AnswerBody,
}

/// The body of an answer.
#[derive(Debug)]
pub(crate) enum AnswerBody {
    /// All of it; possibly nothing.
    Whole(Bytes),
    /// Still being made; its end waits for the record.
    Streaming(Box<Captured>),
}

impl Answer {
    /// An answer of a few words, for people and programs that are no AWS clients.
    pub(crate) fn text(status: StatusCode, text: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        let plain = http::HeaderValue::from_static("text/plain; charset=utf-8");
        headers.insert(CONTENT_TYPE, plain);
        Self { status, headers, raw: None, body: AnswerBody::Whole(text.into()) }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Http1(body) => body.poll_frame(cx).map_err(Into::into),
            Self::Http2 { body, deadline } => {
                if let Poll::Ready(next) = Pin::new(body).poll_frame(cx) {
                    deadline.moved();
                    return Poll::Ready(next.map(|it| it.map_err(|_| BodyError::Cut.into())));
                }
                ready!(deadline.poll_passed(cx));
                Poll::Ready(Some(Err(BodyError::TimedOut.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Http1(body) => body.missing() == Some(0),
            Self::Http2 { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Http1(body) => body.missing().map_or_else(SizeHint::new, SizeHint::with_exact),
            Self::Http2 { body, .. } => body.size_hint(),
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Streaming(body) => Pin::new(body.as_mut()).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            // Its end is known only once the record is.
            Self::Streaming(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Streaming(body) => body.size_hint(),
        }
    }
}
