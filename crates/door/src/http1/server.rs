//! The caller's side of an HTTP/1 connection: requests in, answers out, one after the other.
//!
//! Lives here: keeping the connection, its patience, and writing answers.
//!
//! Start at [`serve`].

use std::{
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use ambient::Clock;
use bytes::{Bytes, BytesMut};
use http::{
    Method, StatusCode, Version,
    header::{CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING},
};
use http_body::{Body as _, Frame};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use wire::answer::BoxError;

use super::{
    HEAD_MAX, HEAD_ROOM,
    body::{Shared, WaitsFor},
    encode,
    head::{Refused, RequestHead, parse_request},
};
use crate::{
    message::{Answer, AnswerBody, Peer, Request, RequestBody},
    metrics::Metrics,
    stream::{Buffered, Stream},
};

/// What a connection needs of its surroundings.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) header_timeout: Duration,
    pub(crate) body_timeout: Duration,
    /// Says when no further request is taken.
    pub(crate) stop: CancellationToken,
}

/// Serves a connection until it ends. `answer` is called for one request at a time.
pub(crate) async fn serve<A, F>(
    io: Buffered<Stream>,
    peer: Arc<Peer>,
    around: &Surroundings,
    answer: A,
) where
    A: Fn(Request) -> F,
    F: Future<Output = Answer>,
{
    let shared = Shared::new(io);
    let mut patience = Patience::new(&shared, around);
    let conversation = converse(&shared, &peer, around, answer);
    let mut conversation = pin!(conversation);
    let given_up = poll_fn(|cx| {
        loop {
            if conversation.as_mut().poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            match patience.poll_exhausted(cx) {
                Poll::Pending => return Poll::Pending,
                // Whoever reads the body answers that it did not come.
                Poll::Ready(WaitsFor::Body) => shared.lock().give_up_body(),
                Poll::Ready(other) => return Poll::Ready(Some(other)),
            }
        }
    });
    let given_up = given_up.await;
    if given_up == Some(WaitsFor::Head) {
        let mut out = refusal(StatusCode::REQUEST_TIMEOUT, around.clock.now());
        // Whatever fits into the socket's buffer is enough for so short an answer.
        poll_fn(|cx| Poll::Ready(shared.lock().poll_write(cx, &mut out).is_ready())).await;
    }
}

async fn converse<A, F>(shared: &Shared, peer: &Arc<Peer>, around: &Surroundings, answer: A)
where
    A: Fn(Request) -> F,
    F: Future<Output = Answer>,
{
    loop {
        let head = match read_head(shared, &around.stop).await {
            Next::Request(head) => *head,
            Next::Refused(refused) => {
                around.metrics.refused_framing.add(1);
                let mut out = refusal(refused.status(), around.clock.now());
                if poll_fn(|cx| shared.lock().poll_write(cx, &mut out)).await.is_ok() {
                    goodbye(shared).await;
                }
                return;
            }
            Next::Closed => return,
        };
        let RequestHead { parts, raw, framing, keep_alive, expects_continue } = head;
        let asked = Asked { method: parts.method.clone(), version: parts.version };
        let body = RequestBody::Http1(shared.body(framing, expects_continue));
        shared.lock().waits_for = WaitsFor::Answer;
        let arrival = around.clock.now();
        let request = Request { parts, raw: Some(raw), body, arrival, peer: Arc::clone(peer) };
        let answer = answer(request).await;
        // A short body that came along with its head is no reason to hang up on a caller who was
        // refused before it was read. One that still streams is being read.
        let is_read = match &answer.body {
            AnswerBody::Whole(_) => shared.lock().skip_body(),
            AnswerBody::Streaming(_) => shared.lock().is_body_done(),
        };
        let keep_alive = keep_alive && is_read && !around.stop.is_cancelled();
        match write_answer(shared, &asked, answer, keep_alive, around).await {
            Ok(Connected::Open) => {}
            Ok(Connected::Closing) => return goodbye(shared).await,
            // The answer is cut short: closing says so.
            Err(_) => return,
        }
        // An answer that came early may have left some of the body unread.
        if !shared.lock().is_body_done() {
            return goodbye(shared).await;
        }
    }
}

enum Next {
    Request(Box<RequestHead>),
    Refused(Refused),
    Closed,
}

async fn read_head(shared: &Shared, stop: &CancellationToken) -> Next {
    let mut stopped = pin!(stop.cancelled());
    let mut scanned = 0;
    poll_fn(|cx| {
        let mut it = shared.lock();
        loop {
            match parse_request(&mut it.io.input, &mut scanned) {
                Ok(Some(head)) => return Poll::Ready(Next::Request(Box::new(head))),
                Ok(None) => {}
                Err(refused) => return Poll::Ready(Next::Refused(refused)),
            }
            let begun = !it.io.input.is_empty();
            it.waits_for = if begun { WaitsFor::Head } else { WaitsFor::Request };
            if !begun && stopped.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Next::Closed);
            }
            match it.io.poll_fill(cx, HEAD_ROOM) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Next::Closed),
                Poll::Ready(Ok(_)) => {}
            }
        }
    })
    .await
}

/// What an answer has to know of its request.
struct Asked {
    method: Method,
    version: Version,
}

enum Connected {
    Open,
    Closing,
}

async fn write_answer(
    shared: &Shared,
    asked: &Asked,
    answer: Answer,
    keep_alive: bool,
    around: &Surroundings,
) -> io::Result<Connected> {
    let Answer { status, headers, raw, mut body } = answer;
    let is_bodiless = asked.method == Method::HEAD
        || status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let said = headers.get(CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse::<u64>().ok());
    let length = body.size_hint().exact().or(said);
    let chunked = !is_bodiless && length.is_none() && asked.version == Version::HTTP_11;
    let keep_alive = keep_alive && (is_bodiless || chunked || length.is_some());

    let mut out = BytesMut::with_capacity(1 << 10);
    encode::status_line(&mut out, asked.version, status);
    match &raw {
        Some(raw) => raw.write_lines(&mut out),
        None => {
            encode::headers(&mut out, &headers);
            if !headers.contains_key(DATE) {
                encode::header(&mut out, "date", encode::date(around.clock.now()).as_bytes());
            }
        }
    }
    if chunked {
        encode::header(&mut out, TRANSFER_ENCODING.as_str(), b"chunked");
    } else if let Some(length) = length.filter(|_| !is_bodiless && said.is_none()) {
        let mut number = itoa::Buffer::new();
        encode::header(&mut out, CONTENT_LENGTH.as_str(), number.format(length).as_bytes());
    }
    if !keep_alive {
        encode::header(&mut out, CONNECTION.as_str(), b"close");
    } else if asked.version == Version::HTTP_10 {
        encode::header(&mut out, CONNECTION.as_str(), b"keep-alive");
    }
    out.extend_from_slice(b"\r\n");

    if !is_bodiless {
        let mut framed = Framed { chunked, length, sent: 0, ended: false };
        framed.write(shared, &mut out, &mut body).await?;
    }
    poll_fn(|cx| shared.lock().poll_write(cx, &mut out)).await?;
    poll_fn(|cx| shared.lock().io.poll_flush(cx)).await?;
    Ok(if keep_alive { Connected::Open } else { Connected::Closing })
}

/// The framing of an answer's body.
struct Framed {
    chunked: bool,
    /// What was promised, if anything was.
    length: Option<u64>,
    sent: u64,
    ended: bool,
}

impl Framed {
    /// Writes the body. Its last bytes may be left in `out`, to go with what follows.
    async fn write(
        &mut self,
        shared: &Shared,
        out: &mut BytesMut,
        body: &mut AnswerBody,
    ) -> io::Result<()> {
        loop {
            // What comes at once goes into one packet with the head.
            let next = poll_fn(|cx| Poll::Ready(Pin::new(&mut *body).poll_frame(cx))).await;
            let next = match next {
                Poll::Ready(next) => next,
                Poll::Pending => {
                    poll_fn(|cx| shared.lock().poll_write(cx, out)).await?;
                    poll_fn(|cx| shared.lock().io.poll_flush(cx)).await?;
                    self.next_frame(shared, body).await?
                }
            };
            let frame = match next {
                None => return self.end(out, None),
                Some(Ok(frame)) => frame,
                Some(Err(error)) => {
                    // What came before the break is the caller's, and shows that it is a break.
                    poll_fn(|cx| shared.lock().poll_write(cx, out)).await?;
                    poll_fn(|cx| shared.lock().io.poll_flush(cx)).await?;
                    return Err(io::Error::other(error));
                }
            };
            match frame.into_data() {
                Ok(data) => self.write_data(shared, out, data).await?,
                Err(frame) => {
                    if let Ok(trailers) = frame.into_trailers() {
                        self.end(out, Some(&trailers))?;
                    }
                }
            }
        }
    }

    /// Waits for a frame. A caller who leaves during a stream without a known end is noticed, for
    /// nothing might ever be written to it.
    async fn next_frame(
        &self,
        shared: &Shared,
        body: &mut AnswerBody,
    ) -> io::Result<Option<Result<Frame<Bytes>, BoxError>>> {
        poll_fn(|cx| {
            if let Poll::Ready(next) = Pin::new(&mut *body).poll_frame(cx) {
                return Poll::Ready(Ok(next));
            }
            let mut it = shared.lock();
            while self.length.is_none() && it.is_body_done() && it.io.input.len() < HEAD_MAX {
                match it.io.poll_fill(cx, HEAD_ROOM) {
                    Poll::Pending => break,
                    Poll::Ready(Ok(0)) => {
                        return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
                    }
                    Poll::Ready(Ok(_)) => {}
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                }
            }
            Poll::Pending
        })
        .await
    }

    async fn write_data(
        &mut self,
        shared: &Shared,
        out: &mut BytesMut,
        mut data: Bytes,
    ) -> io::Result<()> {
        if data.is_empty() || self.ended {
            return Ok(());
        }
        self.sent += data.len() as u64;
        if self.length.is_some_and(|it| self.sent > it) {
            return Err(io::Error::other("the answer is longer than it said"));
        }
        if self.chunked {
            encode::chunk_size(out, data.len());
        }
        if data.len() < COPIED_MAX {
            out.extend_from_slice(&data);
        } else {
            if !out.is_empty() {
                poll_fn(|cx| shared.lock().poll_write(cx, out)).await?;
            }
            poll_fn(|cx| shared.lock().poll_write_bytes(cx, &mut data)).await?;
        }
        if self.chunked {
            out.extend_from_slice(b"\r\n");
        }
        if out.len() >= COPIED_MAX {
            poll_fn(|cx| shared.lock().poll_write(cx, out)).await?;
        }
        Ok(())
    }

    fn end(&mut self, out: &mut BytesMut, trailers: Option<&http::HeaderMap>) -> io::Result<()> {
        if self.ended {
            return Ok(());
        }
        self.ended = true;
        if self.chunked {
            encode::last_chunk(out, trailers);
        }
        if self.length.is_some_and(|it| it != self.sent) {
            return Err(io::Error::other("the answer is shorter than it said"));
        }
        Ok(())
    }
}

/// Closes our side, and reads on for a while: a caller who is still sending would otherwise lose
/// the answer to a reset.
async fn goodbye(shared: &Shared) {
    let mut left = GOODBYE_BYTES_MAX;
    poll_fn(|cx| {
        let mut it = shared.lock();
        it.waits_for = WaitsFor::Goodbye;
        if std::task::ready!(it.io.poll_shutdown(cx)).is_err() {
            return Poll::Ready(());
        }
        loop {
            it.io.input.clear();
            match std::task::ready!(it.io.poll_fill(cx, HEAD_ROOM)) {
                Ok(0) | Err(_) => return Poll::Ready(()),
                Ok(read) if read >= left => return Poll::Ready(()),
                Ok(read) => left -= read,
            }
        }
    })
    .await;
}

/// An answer to what is no request, in plain words.
fn refusal(status: StatusCode, now: Timestamp) -> BytesMut {
    let words = status.canonical_reason().unwrap_or_default();
    let mut out = BytesMut::with_capacity(256);
    encode::status_line(&mut out, Version::HTTP_11, status);
    encode::header(&mut out, "content-type", b"text/plain; charset=utf-8");
    let mut number = itoa::Buffer::new();
    encode::header(&mut out, "content-length", number.format(words.len() + 1).as_bytes());
    encode::header(&mut out, "connection", b"close");
    encode::header(&mut out, "date", encode::date(now).as_bytes());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(words.as_bytes());
    out.extend_from_slice(b"\n");
    out
}

/// How long a connection may stand still. Looked at from time to time, so that a call costs no
/// timer of its own; a connection may outlive its time by a quarter.
struct Patience<'a> {
    shared: &'a Shared,
    around: &'a Surroundings,
    step: Duration,
    sleep: futures::future::BoxFuture<'a, ()>,
    seen: (WaitsFor, u64),
    since: Timestamp,
}

impl<'a> Patience<'a> {
    fn new(shared: &'a Shared, around: &'a Surroundings) -> Self {
        let step = around.header_timeout.min(around.body_timeout).min(GOODBYE_TIME) / 4;
        let step = step.max(Duration::from_millis(1));
        let sleep = around.clock.sleep(step);
        let seen = (WaitsFor::Request, 0);
        Self { shared, around, step, sleep, seen, since: around.clock.now() }
    }

    fn limit(&self, what: WaitsFor) -> Option<Duration> {
        match what {
            WaitsFor::Head => Some(self.around.header_timeout),
            WaitsFor::Request => Some(IDLE_TIME.max(self.around.header_timeout)),
            WaitsFor::Body | WaitsFor::Reader => Some(self.around.body_timeout),
            WaitsFor::Answer => None,
            WaitsFor::Goodbye => Some(GOODBYE_TIME),
        }
    }

    /// Completes when the connection has waited too long, with what it waited for.
    fn poll_exhausted(&mut self, cx: &mut Context<'_>) -> Poll<WaitsFor> {
        loop {
            if self.sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.sleep = self.around.clock.sleep(self.step);
            let now = self.around.clock.now();
            let it = self.shared.lock();
            let seen = (it.waits_for, it.moved);
            drop(it);
            if seen != self.seen {
                (self.seen, self.since) = (seen, now);
                continue;
            }
            let waited = now.duration_since(self.since).unsigned_abs();
            if self.limit(seen.0).is_some_and(|limit| waited >= limit) {
                self.since = now;
                return Poll::Ready(seen.0);
            }
        }
    }
}

/// Bodies in smaller pieces are copied behind what is to be written before them.
const COPIED_MAX: usize = 16 << 10;
/// How long a connection without a request is kept. Longer than SDKs keep theirs.
const IDLE_TIME: Duration = Duration::from_mins(2);
/// How long a caller may take to notice that we have closed.
const GOODBYE_TIME: Duration = Duration::from_secs(2);
/// How much is read of a caller who does not notice.
const GOODBYE_BYTES_MAX: usize = 4 << 20;
