//! The body of a call on its way: to an upstream, or to a service of ours.
//!
//! Lives here: [`Inflow`], the caller's body, counted; [`Outflow`], what becomes of it after some of
//! it was held to be read, or a guard was put around it.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use wire::answer::BoxError;

use crate::message::RequestBody;

/// Counts the bytes of a body, for whoever writes the record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter(Arc<AtomicU64>);

impl Meter {
    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A caller's body, counted.
#[derive(Debug)]
pub(crate) struct Inflow {
    body: RequestBody,
    meter: Meter,
}

impl Inflow {
    pub(crate) fn new(body: RequestBody, meter: Meter) -> Self {
        Self { body, meter }
    }
}

/// A body on its way.
pub(crate) enum Outflow {
    /// All of it was held.
    Held(Bytes),
    /// Some of it was held, then it became too long.
    Resumed(Bytes, Inflow),
    /// None of it was held.
    Streaming(Inflow),
    /// It is verified while it passes.
    Guarded(wire::answer::Body),
}

impl Outflow {
    /// The same body once more, if it is still there.
    pub(crate) fn copy(&self) -> Option<Self> {
        match self {
            Self::Held(bytes) => Some(Self::Held(bytes.clone())),
            Self::Streaming(inflow) if inflow.is_end_stream() => Some(Self::Held(Bytes::new())),
            Self::Resumed(..) | Self::Streaming(_) | Self::Guarded(_) => None,
        }
    }
}

impl Body for Inflow {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            self.meter.0.fetch_add(data.len() as u64, Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Body for Outflow {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Held(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Held(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Resumed(bytes, inflow) if bytes.is_empty() => Pin::new(inflow).poll_frame(cx),
            Self::Resumed(bytes, _) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Streaming(inflow) => Pin::new(inflow).poll_frame(cx),
            Self::Guarded(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Held(bytes) => bytes.is_empty(),
            Self::Resumed(bytes, inflow) => bytes.is_empty() && inflow.is_end_stream(),
            Self::Streaming(inflow) => inflow.is_end_stream(),
            Self::Guarded(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Held(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Resumed(bytes, inflow) => {
                let (held, rest) = (bytes.len() as u64, inflow.size_hint());
                let mut hint = SizeHint::new();
                if let Some(upper) = rest.upper() {
                    hint.set_upper(upper.saturating_add(held));
                }
                hint.set_lower(rest.lower().saturating_add(held));
                hint
            }
            Self::Streaming(inflow) => inflow.size_hint(),
            Self::Guarded(body) => body.size_hint(),
        }
    }
}
