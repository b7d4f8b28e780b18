//! One request and its answer on a connection to an upstream.
//!
//! Lives here: sending the head as the caller sent it, moving both bodies at once, and waiting for
//! `100 Continue` when the caller does. No task and no channel: it moves when it is polled.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use http::{
    Method, StatusCode,
    header::{CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING},
    request::Parts,
};
use http_body::{Body as _, Frame};

use super::{Fault, Upstream};
use crate::{
    deadline::Deadline,
    http1::{
        BODY_ROOM, HEAD_ROOM,
        decode::{Decoder, Framing, Piece},
        encode,
        head::{RawHead, ResponseHead, parse_response},
    },
    outflow::Outflow,
    stream::{Buffered, Stream},
};

/// A request on its way to an upstream.
pub(crate) struct Outgoing<'a> {
    pub(crate) parts: &'a Parts,
    /// The head as it was sent; `None` when it was not HTTP/1.
    pub(crate) raw: Option<&'a RawHead>,
    pub(crate) body: Outflow,
}

/// A request that has left, and an answer that comes.
pub(crate) struct Exchange {
    upstream: Arc<Upstream>,
    /// Taken when the answer has ended.
    io: Option<Buffered<Stream>>,
    method: Method,
    /// Encoded, not yet written.
    out: BytesMut,
    /// Not copied, to be written after `out`.
    direct: Bytes,
    body: Outflow,
    is_chunked: bool,
    upload: Upload,
    /// Completes when the body is sent although the upstream has not said that it may be.
    hesitation: Option<BoxFuture<'static, ()>>,
    /// Whether the upstream has sent anything.
    heard: bool,
    scanned: usize,
    interims: usize,
    decoder: Decoder,
    keep_alive: bool,
    deadline: Deadline,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Upload {
    /// More of the body is to come.
    Sending,
    /// The last of it is to be written.
    Ending,
    Done,
    /// The upstream takes no more. It may still answer.
    Broken,
}

/// For whom an upload waits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum WaitsFor {
    Caller,
    Upstream,
    /// It is over.
    Nobody,
}

impl Outgoing<'_> {
    /// The same request once more, if it may be sent twice.
    pub(crate) fn again(&self) -> Option<Self> {
        let idempotent = matches!(
            self.parts.method,
            Method::GET | Method::HEAD | Method::PUT | Method::DELETE | Method::OPTIONS
        );
        let body = self.body.copy().filter(|_| idempotent)?;
        Some(Self { parts: self.parts, raw: self.raw, body })
    }

    /// The head for the upstream: the caller's lines but for those of one hop. Yields whether the
    /// body goes in chunks.
    fn write_head(&self, host: &str, to: &mut BytesMut) -> bool {
        let target = self.parts.uri.path_and_query().map_or("/", |it| it.as_str());
        to.reserve(self.parts.method.as_str().len() + target.len() + 64);
        for text in [self.parts.method.as_str(), " ", target, " HTTP/1.1\r\n"] {
            to.extend_from_slice(text.as_bytes());
        }
        if !self.parts.headers.contains_key(HOST) {
            let authority = self.parts.uri.authority().map_or(host, |it| it.as_str());
            encode::header(to, HOST.as_str(), authority.as_bytes());
        }
        match self.raw {
            Some(raw) => raw.write_lines(to),
            None => encode::headers(to, &self.parts.headers),
        }
        let is_chunked =
            !self.parts.headers.contains_key(CONTENT_LENGTH) && !self.body.is_end_stream();
        if is_chunked {
            encode::header(to, TRANSFER_ENCODING.as_str(), b"chunked");
        }
        to.extend_from_slice(b"\r\n");
        is_chunked
    }
}

impl Exchange {
    pub(super) fn begin(
        upstream: Arc<Upstream>,
        io: Buffered<Stream>,
        outgoing: Outgoing<'_>,
    ) -> Self {
        let mut out = BytesMut::with_capacity(2 << 10);
        let is_chunked = outgoing.write_head(&upstream.settings.url.host, &mut out);
        let clock = Arc::clone(&upstream.clock);
        let expects = outgoing.parts.headers.contains_key(EXPECT);
        let hesitation = (expects && !outgoing.body.is_end_stream()).then(|| {
            let clock = Arc::clone(&clock);
            Box::pin(async move { clock.sleep(HESITATION).await }) as BoxFuture<'static, ()>
        });
        Self {
            io: Some(io),
            method: outgoing.parts.method.clone(),
            out,
            direct: Bytes::new(),
            body: outgoing.body,
            is_chunked,
            upload: Upload::Sending,
            hesitation,
            heard: false,
            scanned: 0,
            interims: 0,
            decoder: Decoder::new(Framing::Empty),
            keep_alive: false,
            deadline: Deadline::new(clock, upstream.settings.answer_timeout),
            upstream,
        }
    }

    /// Whether anything of an answer came.
    pub(super) fn heard(&self) -> bool {
        self.heard
    }

    pub(super) async fn head(&mut self) -> Result<ResponseHead, Fault> {
        poll_fn(|cx| self.poll_head(cx)).await
    }

    /// Bytes of the answer's body that are missing, when their number is known.
    pub(crate) fn missing(&self) -> Option<u64> {
        self.decoder.missing()
    }

    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<ResponseHead, Fault>> {
        loop {
            let upload = match self.upload(cx) {
                Ok(upload) => upload,
                Err(fault) => return Poll::Ready(Err(fault)),
            };
            let Some(io) = &mut self.io else { return Poll::Ready(Err(Fault::Reset)) };
            match parse_response(&mut io.input, &mut self.scanned, &self.method) {
                Err(_) => return Poll::Ready(Err(Fault::Garbage)),
                Ok(Some(head)) if head.parts.status.is_informational() => {
                    self.interims += 1;
                    // Nobody asked to switch protocols, and nobody has that much to say before.
                    if head.parts.status == StatusCode::SWITCHING_PROTOCOLS
                        || self.interims > INTERIMS_MAX
                    {
                        return Poll::Ready(Err(Fault::Garbage));
                    }
                    if head.parts.status == StatusCode::CONTINUE {
                        self.hesitation = None;
                    }
                    continue;
                }
                Ok(Some(head)) => {
                    // Whoever answers without having asked for the body does not want it.
                    if self.hesitation.take().is_some() {
                        self.upload = Upload::Broken;
                    }
                    self.decoder = Decoder::new(head.framing);
                    self.keep_alive = head.keep_alive;
                    self.release_if_done();
                    return Poll::Ready(Ok(head));
                }
                Ok(None) => {}
            }
            match io.poll_fill(cx, HEAD_ROOM) {
                Poll::Pending => return self.poll_patience(cx, upload).map(Err),
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Err(Fault::Reset)),
                Poll::Ready(Ok(_)) => {
                    self.heard = true;
                    self.deadline.moved();
                }
            }
        }
    }

    /// Moves both bodies, and yields the next piece of the answer's.
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        loop {
            if self.io.is_none() {
                return Poll::Ready(None);
            }
            let upload = match self.upload(cx) {
                Ok(upload) => upload,
                Err(fault) => return Poll::Ready(Some(Err(fault))),
            };
            let Some(io) = &mut self.io else { return Poll::Ready(None) };
            let piece = self.decoder.decode(&mut io.input);
            self.release_if_done();
            match piece {
                Ok(Piece::Data(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Ok(Piece::Trailers(it)) => return Poll::Ready(Some(Ok(Frame::trailers(it)))),
                Ok(Piece::End) => return Poll::Ready(None),
                Ok(Piece::Hungry) => {}
                Err(_) => return Poll::Ready(Some(Err(Fault::Garbage))),
            }
            let Some(io) = &mut self.io else { return Poll::Ready(None) };
            match io.poll_fill(cx, BODY_ROOM) {
                Poll::Pending => return self.poll_patience(cx, upload).map(|it| Some(Err(it))),
                Poll::Ready(Ok(0) | Err(_)) => {
                    let whole = self.decoder.may_end();
                    self.io = None;
                    return Poll::Ready((!whole).then_some(Err(Fault::Reset)));
                }
                Poll::Ready(Ok(_)) => self.deadline.moved(),
            }
        }
    }

    /// Gives the connection back once both sides have said all. An answer that ends before its
    /// request leaves a connection that nobody can use again.
    fn release_if_done(&mut self) {
        if !self.decoder.is_done() {
            return;
        }
        if let Some(io) = self.io.take()
            && self.keep_alive
            && self.upload == Upload::Done
            && io.input.is_empty()
        {
            self.upstream.keep_idle(io);
        }
    }

    /// The upstream is silent. That counts unless it is the caller whom we wait for.
    fn poll_patience(&mut self, cx: &mut Context<'_>, upload: WaitsFor) -> Poll<Fault> {
        if upload == WaitsFor::Caller {
            self.deadline.moved();
            return Poll::Pending;
        }
        ready!(self.deadline.poll_passed(cx));
        self.io = None;
        Poll::Ready(Fault::TimedOut)
    }

    /// Sends what can be sent, and says for whom the rest waits.
    fn upload(&mut self, cx: &mut Context<'_>) -> Result<WaitsFor, Fault> {
        loop {
            match self.upload {
                Upload::Done | Upload::Broken => return Ok(WaitsFor::Nobody),
                Upload::Sending | Upload::Ending => {}
            }
            // What is at hand goes into one packet with the head.
            let mut starving = false;
            if self.upload == Upload::Sending
                && self.hesitation.is_none()
                && self.direct.is_empty()
                && self.out.len() < COPIED_MAX
            {
                match Pin::new(&mut self.body).poll_frame(cx) {
                    Poll::Pending => starving = true,
                    Poll::Ready(Some(Err(error))) => {
                        self.io = None;
                        return Err(Fault::Caller(error));
                    }
                    Poll::Ready(Some(Ok(frame))) => {
                        self.encode(frame);
                        continue;
                    }
                    Poll::Ready(None) => self.end_upload(None),
                }
            }
            let Some(io) = &mut self.io else { return Ok(WaitsFor::Nobody) };
            let before = self.out.len() + self.direct.len();
            let written = write(io, cx, &mut self.out, &mut self.direct);
            if self.out.len() + self.direct.len() != before {
                self.deadline.moved();
            }
            match written {
                Poll::Pending => return Ok(WaitsFor::Upstream),
                Poll::Ready(Err(_)) => {
                    self.upload = Upload::Broken;
                    return Ok(WaitsFor::Nobody);
                }
                Poll::Ready(Ok(())) => {}
            }
            if self.upload == Upload::Ending {
                self.upload = Upload::Done;
                return Ok(WaitsFor::Nobody);
            }
            if starving {
                return Ok(WaitsFor::Caller);
            }
            if let Some(hesitation) = &mut self.hesitation {
                if hesitation.as_mut().poll(cx).is_pending() {
                    return Ok(WaitsFor::Upstream);
                }
                self.hesitation = None;
            }
        }
    }

    fn encode(&mut self, frame: Frame<Bytes>) {
        match frame.into_data() {
            Ok(data) if data.is_empty() => {}
            Ok(data) if self.is_chunked => {
                encode::chunk_size(&mut self.out, data.len());
                self.out.extend_from_slice(&data);
                self.out.extend_from_slice(b"\r\n");
            }
            Ok(data) if data.len() < COPIED_MAX => self.out.extend_from_slice(&data),
            Ok(data) => self.direct = data,
            Err(frame) => {
                if let Ok(trailers) = frame.into_trailers() {
                    self.end_upload(Some(&trailers));
                }
            }
        }
    }

    fn end_upload(&mut self, trailers: Option<&http::HeaderMap>) {
        if self.is_chunked && self.upload == Upload::Sending {
            encode::last_chunk(&mut self.out, trailers);
        }
        self.upload = Upload::Ending;
    }
}

/// Writes one after the other, and sees to it that it leaves.
fn write(
    io: &mut Buffered<Stream>,
    cx: &mut Context<'_>,
    out: &mut BytesMut,
    direct: &mut Bytes,
) -> Poll<io::Result<()>> {
    ready!(io.poll_write_all(cx, out))?;
    ready!(io.poll_write_all(cx, direct))?;
    io.poll_flush(cx)
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange").field("upload", &self.upload).finish_non_exhaustive()
    }
}

/// Pieces of a body that are smaller are copied behind the head.
const COPIED_MAX: usize = 16 << 10;
/// How long to wait for `100 Continue`, which an upstream may never send.
const HESITATION: Duration = Duration::from_secs(1);
/// Interim answers that are read before one answer.
const INTERIMS_MAX: usize = 16;
