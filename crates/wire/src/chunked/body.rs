//! Frames verified while a body streams.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::decoder::{Decoder, Piece};
use crate::{
    answer::BoxError,
    auth::{AuthError, BodyFault},
    sigv4::View,
};

pin_project! {
    /// A body in frames, verified while it streams.
    ///
    /// [`View::Raw`] passes the bytes unchanged, [`View::Decoded`] the data of the chunks and then the
    /// trailers. Data may leave before its chunk is verified, the last of it never: whoever has a
    /// complete body has a verified one. A body that fails ends in an error that holds an
    /// [`AuthError`], and must be thrown away.
    pub struct Chunked<B> {
        #[pin]
        inner: B,
        decoder: Decoder,
        view: View,
        // Frames of the inner body that are not read yet.
        input: Bytes,
        // What leaves when the next piece has shown that it is not the last.
        held: Option<Bytes>,
        end: End,
    }
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum End {
    /// More may come.
    Open,
    /// All is verified; what is held may leave.
    Verified,
    /// All has left, or an error has.
    Closed,
}

impl<B> Chunked<B> {
    /// Verifies `inner` while it streams.
    pub fn new(inner: B, decoder: Decoder, view: View) -> Self {
        Self { inner, decoder, view, input: Bytes::new(), held: None, end: End::Open }
    }
}

impl<B> Body for Chunked<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut this = self.project();
        loop {
            match *this.end {
                End::Closed => return Poll::Ready(None),
                End::Verified => {
                    if let Some(data) = this.held.take() {
                        return Poll::Ready(Some(Ok(Frame::data(data))));
                    }
                    *this.end = End::Closed;
                    let trailers = this.decoder.trailers();
                    if *this.view == View::Decoded && !trailers.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::trailers(trailers.clone()))));
                    }
                    return Poll::Ready(None);
                }
                End::Open => {}
            }
            let next = match this.decoder.feed(this.input) {
                Ok(Piece::Data(data)) if *this.view == View::Decoded => Some(data),
                Ok(Piece::Data(_)) => None,
                Ok(Piece::Done | Piece::Hungry) => {
                    match ready!(this.inner.as_mut().poll_frame(cx)) {
                        Some(Ok(frame)) => match frame.into_data() {
                            Ok(data) => {
                                *this.input = data.clone();
                                (*this.view == View::Raw).then_some(data)
                            }
                            // Trailers of HTTP are none of these frames.
                            Err(_) => None,
                        },
                        Some(Err(error)) => {
                            *this.end = End::Closed;
                            return Poll::Ready(Some(Err(error.into())));
                        }
                        None if this.decoder.is_done() => {
                            *this.end = End::Verified;
                            None
                        }
                        None => {
                            *this.end = End::Closed;
                            return Poll::Ready(Some(Err(fault(BodyFault::Incomplete))));
                        }
                    }
                }
                Err(wrong) => {
                    *this.end = End::Closed;
                    return Poll::Ready(Some(Err(fault(wrong))));
                }
            };
            let Some(next) = next.filter(|data| !data.is_empty()) else { continue };
            if let Some(data) = this.held.replace(next) {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.end == End::Closed
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.held.as_ref().map_or(0, |data| data.len() as u64);
        match self.view {
            View::Decoded => SizeHint::with_exact(self.decoder.undelivered() + held),
            View::Raw => {
                let inner = self.inner.size_hint();
                let mut hint = SizeHint::new();
                hint.set_lower(inner.lower().saturating_add(held));
                if let Some(upper) = inner.upper() {
                    hint.set_upper(upper.saturating_add(held));
                }
                hint
            }
        }
    }
}

fn fault(fault: BodyFault) -> BoxError {
    Box::new(AuthError::Body(fault))
}
