//! The caller's side of an HTTP/2 connection, by the library.
//!
//! Lives here: the bounds that we put on it, and the checks that HTTP/1 does while reading a head.

use std::{convert::Infallible, future::Future, pin::pin, sync::Arc, time::Duration};

use http::{HeaderName, Method, StatusCode, header::HOST, request::Parts};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

use crate::{
    deadline::Deadline,
    http1::{HEAD_MAX, LINES_MAX, head::is_for_this_hop, server::Surroundings},
    message::{Answer, AnswerBody, Peer, Request, RequestBody},
    stream::{Buffered, Stream},
};

/// Serves a connection until it ends. `answer` is called for many requests at a time.
pub(crate) async fn serve<A, F>(
    io: Buffered<Stream>,
    peer: Arc<Peer>,
    around: &Surroundings,
    answer: A,
) where
    A: Fn(Request) -> F,
    F: Future<Output = Answer> + Send + 'static,
{
    let service = service_fn(|request: http::Request<Incoming>| {
        let (parts, body) = request.into_parts();
        let refused = check(&parts).err();
        let pending = if refused.is_none() {
            let deadline = Deadline::new(Arc::clone(&around.clock), around.body_timeout);
            let arrival = around.clock.now();
            let body = RequestBody::Http2 { body, deadline };
            let peer = Arc::clone(&peer);
            Some(answer(Request { parts, raw: None, body, arrival, peer }))
        } else {
            around.metrics.refused_framing.add(1);
            None
        };
        async move {
            let answer = match pending {
                Some(answer) => answer.await,
                None => {
                    let status = refused.unwrap_or(StatusCode::BAD_REQUEST);
                    Answer::text(status, "the request is malformed\n")
                }
            };
            Ok::<_, Infallible>(response(answer))
        }
    });
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(u32::try_from(HEAD_MAX).unwrap_or(u32::MAX))
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW * 4)
        .max_send_buf_size(SEND_MAX);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(io), service));
    let mut stopped = pin!(around.stop.cancelled());
    let ended = std::future::poll_fn(|cx| {
        if stopped.as_mut().poll(cx).is_ready() {
            return std::task::Poll::Ready(None);
        }
        connection.as_mut().poll(cx).map(Some)
    });
    if ended.await.is_none() {
        connection.as_mut().graceful_shutdown();
        // What went wrong on a connection that is closing concerns nobody.
        let _ = connection.await;
    }
}

/// What HTTP/1 refuses while it reads a head: two hosts, and headers of one hop, which the next hop
/// would read as ours.
fn check(parts: &Parts) -> Result<(), StatusCode> {
    let refuse = Err(StatusCode::BAD_REQUEST);
    if parts.headers.len() > LINES_MAX {
        return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    if parts.method == Method::CONNECT || parts.uri.path_and_query().is_none() {
        return refuse;
    }
    let authority = parts.uri.authority().map(|it| it.as_str().as_bytes());
    let mut hosts = parts.headers.get_all(HOST).iter().map(|it| it.as_bytes());
    let host = hosts.next();
    let contradict = matches!((host, authority), (Some(one), Some(other)) if one != other);
    if hosts.next().is_some() || contradict || (host.is_none() && authority.is_none()) {
        return refuse;
    }
    let te = HeaderName::from_static("te");
    if parts.headers.keys().any(|it| is_for_this_hop(it) && *it != te) {
        return refuse;
    }
    Ok(())
}

fn response(answer: Answer) -> http::Response<AnswerBody> {
    let mut response = http::Response::new(answer.body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    let hop: Vec<HeaderName> =
        response.headers().keys().filter(|it| is_for_this_hop(it)).cloned().collect();
    for name in hop {
        response.headers_mut().remove(name);
    }
    response
}

/// How often a silent caller is asked whether it is there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Calls at a time on one connection.
const STREAMS_MAX: u32 = 128;
/// Bytes that a caller may send before we have read them.
const WINDOW: u32 = 64 << 10;
/// Bytes that may wait for a caller to read them, for each call.
const SEND_MAX: usize = 64 << 10;
