//! The caller's side of an HTTP/1 connection, shared by whoever reads the request's body and
//! whoever writes the answer.
//!
//! Both are in one task, so the lock is never waited for.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
};

use bytes::{Buf as _, Bytes, BytesMut};
use http_body::Frame;

use super::{
    BODY_ROOM,
    decode::{Decoder, Framing, Malformed, Piece},
};
use crate::stream::{Buffered, Stream};

/// A connection of a caller.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) io: Buffered<Stream>,
    decoder: Decoder,
    /// Whether the caller waits to be told to send the body.
    awaits_continue: bool,
    /// What is left to write of `100 Continue`.
    interim: Bytes,
    broken: Option<BodyError>,
    /// Who waits for the body: not always the task that drives the connection.
    reader: Option<Waker>,
    /// What the connection waits for, so that its patience can be measured.
    pub(crate) waits_for: WaitsFor,
    /// Changes whenever bytes move.
    pub(crate) moved: u64,
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum WaitsFor {
    /// The next request; none has begun.
    Request,
    /// The rest of a head.
    Head,
    /// More of a body.
    Body,
    /// Us, or the upstream.
    Answer,
    /// The caller to read what we write.
    Reader,
    /// The caller to notice that we have closed.
    Goodbye,
}

/// A handle to a [`Connection`].
#[derive(Clone, Debug)]
pub(crate) struct Shared(Arc<Mutex<Connection>>);

/// The body of a request.
#[derive(Debug)]
pub(crate) struct Http1Body(Shared);

/// Why a body could not be read to its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum BodyError {
    /// The caller left.
    #[error("the body ends before its time")]
    Cut,
    /// The chunks are malformed.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The caller was silent for too long.
    #[error("the body did not arrive in time")]
    TimedOut,
}

impl Shared {
    pub(crate) fn new(io: Buffered<Stream>) -> Self {
        Self(Arc::new(Mutex::new(Connection {
            io,
            decoder: Decoder::new(Framing::Empty),
            awaits_continue: false,
            interim: Bytes::new(),
            broken: None,
            reader: None,
            waits_for: WaitsFor::Request,
            moved: 0,
        })))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The body of the request whose head was just read.
    pub(crate) fn body(&self, framing: Framing, awaits_continue: bool) -> Http1Body {
        let mut it = self.lock();
        it.decoder = Decoder::new(framing);
        it.awaits_continue = awaits_continue;
        it.broken = None;
        drop(it);
        Http1Body(self.clone())
    }
}

impl Http1Body {
    /// Bytes that are missing, when their number is known.
    pub(crate) fn missing(&self) -> Option<u64> {
        self.0.lock().decoder.missing()
    }

    /// Reads on. The first call tells a caller that waits for it to send the body.
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut it = self.0.lock();
        let polled = it.poll_frame(cx);
        if polled.is_pending() {
            it.waits_for = WaitsFor::Body;
            it.reader = Some(cx.waker().clone());
        } else {
            it.waits_for = WaitsFor::Answer;
        }
        if let Poll::Ready(Some(Err(error))) = &polled {
            it.broken = Some(*error);
        }
        polled
    }
}

impl Drop for Http1Body {
    fn drop(&mut self) {
        let mut it = self.0.lock();
        if it.waits_for == WaitsFor::Body {
            it.waits_for = WaitsFor::Answer;
        }
    }
}

impl Connection {
    /// Whether the body was read to its end, so that another request may follow.
    pub(crate) fn is_body_done(&self) -> bool {
        self.decoder.is_done() && self.interim.is_empty()
    }

    /// Throws away what has come of a body that nobody reads; whether that was all of it.
    pub(crate) fn skip_body(&mut self) -> bool {
        while self.broken.is_none() {
            match self.decoder.decode(&mut self.io.input) {
                Ok(Piece::Data(_)) => {}
                Ok(Piece::Trailers(_) | Piece::End | Piece::Hungry) | Err(_) => break,
            }
        }
        self.is_body_done()
    }

    /// Gives the body up: whoever reads it is told so.
    pub(crate) fn give_up_body(&mut self) {
        self.broken = Some(BodyError::TimedOut);
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(error) = self.broken {
            return Poll::Ready(Some(Err(error)));
        }
        if self.awaits_continue {
            self.awaits_continue = false;
            // Whoever has begun to send does not wait any more.
            if self.io.input.is_empty() {
                self.interim = Bytes::from_static(b"HTTP/1.1 100 Continue\r\n\r\n");
            }
        }
        if ready!(self.poll_interim(cx)).is_err() {
            return Poll::Ready(Some(Err(BodyError::Cut)));
        }
        loop {
            match self.decoder.decode(&mut self.io.input) {
                Ok(Piece::Data(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Ok(Piece::Trailers(it)) => return Poll::Ready(Some(Ok(Frame::trailers(it)))),
                Ok(Piece::End) => return Poll::Ready(None),
                Ok(Piece::Hungry) => {}
                Err(malformed) => return Poll::Ready(Some(Err(malformed.into()))),
            }
            let room = self.decoder.missing().and_then(|it| usize::try_from(it).ok());
            match ready!(self.io.poll_fill(cx, room.unwrap_or(BODY_ROOM).min(BODY_ROOM))) {
                Ok(0) | Err(_) => return Poll::Ready(Some(Err(BodyError::Cut))),
                Ok(_) => self.moved += 1,
            }
        }
    }

    fn poll_interim(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.interim.is_empty() {
            return Poll::Ready(Ok(()));
        }
        ready!(self.io.poll_write_all(cx, &mut self.interim))?;
        self.io.poll_flush(cx)
    }

    /// Writes all of `output`.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        output: &mut BytesMut,
    ) -> Poll<io::Result<()>> {
        // An interim answer that was begun has to be ended, or the caller sees garbage.
        let before = output.len();
        let polled = self.poll_interim(cx).map(|it| it.is_ok());
        let polled = match polled {
            Poll::Pending => Poll::Pending,
            Poll::Ready(false) => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            Poll::Ready(true) => self.io.poll_write_all(cx, output),
        };
        if output.len() != before {
            self.moved += 1;
        }
        self.waits_for = if polled.is_pending() { WaitsFor::Reader } else { WaitsFor::Answer };
        polled
    }

    /// Writes all of `output` without having copied it.
    pub(crate) fn poll_write_bytes(
        &mut self,
        cx: &mut Context<'_>,
        output: &mut Bytes,
    ) -> Poll<io::Result<()>> {
        let before = output.remaining();
        let polled = self.io.poll_write_all(cx, output);
        if output.remaining() != before {
            self.moved += 1;
        }
        self.waits_for = if polled.is_pending() { WaitsFor::Reader } else { WaitsFor::Answer };
        polled
    }
}
