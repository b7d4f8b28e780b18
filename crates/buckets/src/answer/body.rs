//! A request's body under watch: why it failed is remembered beside the call.
//!
//! `s3s` turns every failure of a body into one answer; the caller is owed the true one.

use std::{
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use wire::{
    answer::{Body, BoxError},
    auth::AuthError,
};

/// What was seen of a call's body.
#[derive(Debug, Default)]
pub(super) struct Notes {
    fault: OnceLock<AuthError>,
}

impl Notes {
    /// Why the body was refused, if it was.
    pub(super) fn fault(&self) -> Option<&AuthError> {
        self.fault.get()
    }
}

/// A body that notes its failure.
pub(super) struct Watched {
    inner: Body,
    notes: Arc<Notes>,
}

impl Watched {
    pub(super) fn new(inner: Body, notes: Arc<Notes>) -> Self {
        Self { inner, notes }
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        Poll::Ready(frame.map(|it| {
            it.map_err(|error| match error.downcast::<AuthError>() {
                Ok(fault) => {
                    let words = fault.to_string();
                    // The first failure is the one that counts.
                    let _ = self.notes.fault.set(*fault);
                    words.into()
                }
                Err(other) => other,
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
