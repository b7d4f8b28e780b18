//! The body of an answer that streams: its end waits for the record.
//!
//! When the length is known, the last bytes are held back; when it is not, the mark of the end is.
//! Either way the record knows how many bytes were sent, and no caller holds a complete answer
//! without a record.

use std::{
    collections::VecDeque,
    future::Future as _,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tracing::warn;
use wire::answer::BoxError;

use super::{Open, Unrecorded, lasting::Lasting};
use crate::{
    recorder::Failure,
    upstream::{Fault, exchange::Exchange},
};

/// Where the bytes of an answer come from.
pub(crate) enum Source {
    Upstream(Box<Exchange>),
    Own(wire::answer::Body),
}

/// The body of an answer whose record is still owed.
pub(crate) struct Captured {
    source: Source,
    /// Read before it was known that the answer is a long one.
    queued: VecDeque<Frame<Bytes>>,
    /// Bytes that were not yet handed out, when their number is known.
    missing: Option<u64>,
    state: State,
}

enum State {
    Streaming(Open),
    /// The record is being kept; then `last` goes out.
    Settling {
        work: Lasting<Result<(), Unrecorded>>,
        last: Last,
    },
    Done,
}

enum Last {
    Nothing,
    Frame(Frame<Bytes>),
    Error(BoxError),
}

impl Source {
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        match self {
            Self::Upstream(exchange) => exchange.poll_frame(cx),
            Self::Own(body) => Pin::new(body).poll_frame(cx).map(|next| {
                next.map(|it| {
                    it.map_err(|error| {
                        warn!(error = error.as_ref(), "an answer of our own broke off");
                        Fault::Reset
                    })
                })
            }),
        }
    }

    /// Bytes of the body, when their number is known.
    pub(crate) fn length(&self) -> Option<u64> {
        match self {
            Self::Upstream(exchange) => exchange.missing(),
            Self::Own(body) => body.size_hint().exact(),
        }
    }
}

impl Captured {
    pub(crate) fn new(
        source: Source,
        queued: VecDeque<Frame<Bytes>>,
        length: Option<u64>,
        open: Open,
    ) -> Self {
        Self { source, queued, missing: length, state: State::Streaming(open) }
    }

    /// The record is due. What is handed out after it is `last`.
    fn settle(&mut self, last: Last) {
        if let State::Streaming(open) = std::mem::replace(&mut self.state, State::Done) {
            self.state = State::Settling { work: open.settle(), last };
        }
    }

    fn hand_out(&mut self, frame: Frame<Bytes>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let (Some(missing), Some(data)) = (&mut self.missing, frame.data_ref()) {
            *missing = missing.saturating_sub(data.len() as u64);
        }
        Poll::Ready(Some(Ok(frame)))
    }
}

impl Body for Captured {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        loop {
            match &mut this.state {
                State::Done => return Poll::Ready(None),
                State::Settling { work, .. } => {
                    let kept = ready!(Pin::new(work).poll(cx));
                    let state = std::mem::replace(&mut this.state, State::Done);
                    let State::Settling { last, .. } = state else { continue };
                    return match (kept, last) {
                        (Err(unrecorded), _) => Poll::Ready(Some(Err(unrecorded.into()))),
                        (Ok(()), Last::Nothing) => Poll::Ready(None),
                        (Ok(()), Last::Frame(frame)) => this.hand_out(frame),
                        (Ok(()), Last::Error(error)) => Poll::Ready(Some(Err(error))),
                    };
                }
                State::Streaming(open) => {
                    let next = match this.queued.pop_front() {
                        Some(frame) => Some(Ok(frame)),
                        None => ready!(this.source.poll_frame(cx)),
                    };
                    match next {
                        None => {
                            open.ended();
                            this.settle(Last::Nothing);
                        }
                        Some(Err(fault)) => {
                            open.failed(failure(&fault));
                            this.settle(Last::Error(Box::new(fault)));
                        }
                        Some(Ok(frame)) => {
                            let is_last = match frame.data_ref() {
                                Some(data) => {
                                    open.passes(data);
                                    Some(data.len() as u64) == this.missing
                                }
                                None => true,
                            };
                            if !is_last {
                                return this.hand_out(frame);
                            }
                            open.ended();
                            this.settle(Last::Frame(frame));
                        }
                    }
                }
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.missing.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

/// What a record says of a fault.
pub(crate) fn failure(fault: &Fault) -> Failure {
    match fault {
        Fault::Caller(_) => Failure::ClientLeft,
        Fault::Garbage => Failure::Garbage,
        Fault::Refused(_) => Failure::Refused,
        Fault::Reset => Failure::Reset,
        Fault::TimedOut => Failure::TimedOut,
    }
}

impl std::fmt::Debug for Captured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Captured").field("missing", &self.missing).finish_non_exhaustive()
    }
}
