//! A body, guarded by what was signed of it.
//!
//! Lives here: [`Verified::guard`] for a body that streams, [`Verified::check`] for one that is there
//! as a whole, and the same for a signature that waits for its body.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use aws_lc_rs::digest;
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt as _;
use pin_project_lite::pin_project;
use subtle::ConstantTimeEq as _;

use super::{AwaitsBody, Payload, Verification, Verified, secret::bytes32, verify::sha256};
use crate::{
    answer::{Body, BoxError},
    auth::{AuthError, BodyFault},
    chunked::{self, Chunked, Decoder, Plan},
};

/// What a guarded body yields.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum View {
    /// The bytes as they came.
    Raw,
    /// Without the frames of `aws-chunked`, where there are any.
    Decoded,
}

impl Verified {
    /// Guards a body that streams: it fails with an [`AuthError`] when it is not what was signed, and
    /// never yields its last bytes before that is known. Holds back at most one frame.
    ///
    /// # Errors
    /// When the body is known to be empty and may not be.
    pub fn guard<B>(&self, body: B, view: View) -> Result<Body, AuthError>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        match &self.payload {
            Payload::Checked | Payload::Unsigned | Payload::Events => {
                Ok(body.map_err(Into::into).boxed_unsync())
            }
            Payload::Whole(hash) => Whole::over(body, Signed::Hash(*hash)),
            Payload::Chunked(_) if body.size_hint().exact() == Some(0) => {
                Err(BodyFault::Incomplete.into())
            }
            Payload::Chunked(plan) => {
                Ok(Chunked::new(body, Decoder::new(Plan::clone(plan)), view).boxed_unsync())
            }
        }
    }

    /// Checks a body that is there as a whole; yields it as `view` says, and the trailers of
    /// `aws-chunked`.
    ///
    /// # Errors
    /// When it is not what was signed.
    pub fn check(&self, body: Bytes, view: View) -> Result<(Bytes, HeaderMap), AuthError> {
        match &self.payload {
            Payload::Checked | Payload::Unsigned | Payload::Events => Ok((body, HeaderMap::new())),
            Payload::Whole(hash) => {
                compare(hash, &sha256(&body))?;
                Ok((body, HeaderMap::new()))
            }
            Payload::Chunked(plan) => {
                let (decoded, trailers) = chunked::read(Plan::clone(plan), body.clone())?;
                let body = match view {
                    View::Raw => body,
                    View::Decoded => decoded,
                };
                Ok((body, trailers))
            }
        }
    }
}

impl AwaitsBody {
    /// Guards a body that streams: nothing is proven before its end, where a signature that does not
    /// match is an error in place of the last frame.
    ///
    /// # Errors
    /// When the body is known to be empty and the signature does not match.
    pub fn guard<B>(self, body: B) -> Result<Body, AuthError>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Whole::over(body, Signed::Request(Box::new(self)))
    }
}

impl Verification {
    /// Completes the proof with a body that is there as a whole; yields it as `view` says, and the
    /// trailers of `aws-chunked`. For calls that are answered here.
    ///
    /// # Errors
    /// When the body is not what was signed.
    pub fn with_body(
        self,
        body: Bytes,
        view: View,
    ) -> Result<(Verified, Bytes, HeaderMap), AuthError> {
        match self {
            Self::Verified(verified) => {
                let (body, trailers) = verified.check(body, view)?;
                Ok((verified, body, trailers))
            }
            Self::AwaitsBody(awaits) => {
                let verified = awaits.finish(&sha256(&body))?;
                Ok((verified, body, HeaderMap::new()))
            }
        }
    }
}

/// What the hash of a whole body has to agree with.
enum Signed {
    Hash([u8; 32]),
    Request(Box<AwaitsBody>),
}

impl Signed {
    fn check(self, hash: &[u8; 32]) -> Result<(), AuthError> {
        match self {
            Self::Hash(signed) => compare(&signed, hash),
            Self::Request(awaits) => awaits.finish(hash).map(|_| ()),
        }
    }
}

fn compare(signed: &[u8; 32], computed: &[u8; 32]) -> Result<(), AuthError> {
    if bool::from(signed.ct_eq(computed)) {
        return Ok(());
    }
    Err(BodyFault::Sha256 { signed: hex::encode(signed), computed: hex::encode(computed) }.into())
}

pin_project! {
    /// A body that is hashed while it streams, one frame behind.
    struct Whole<B> {
        #[pin]
        inner: B,
        hash: digest::Context,
        // Taken at the end.
        signed: Option<Signed>,
        held: Option<Frame<Bytes>>,
    }
}

impl<B> Whole<B>
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn over(inner: B, signed: Signed) -> Result<Body, AuthError> {
        // Nobody reads a body that is known to be empty, so it is checked at once.
        if inner.is_end_stream() || inner.size_hint().exact() == Some(0) {
            signed.check(&sha256(b""))?;
            return Ok(crate::answer::empty());
        }
        let hash = digest::Context::new(&digest::SHA256);
        Ok(Self { inner, hash, signed: Some(signed), held: None }.boxed_unsync())
    }
}

impl<B> HttpBody for Whole<B>
where
    B: HttpBody<Data = Bytes>,
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
            if this.signed.is_none() {
                return Poll::Ready(this.held.take().map(Ok));
            }
            match ready!(this.inner.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        this.hash.update(data);
                    }
                    if let Some(previous) = this.held.replace(frame) {
                        return Poll::Ready(Some(Ok(previous)));
                    }
                }
                Some(Err(error)) => {
                    (*this.signed, *this.held) = (None, None);
                    return Poll::Ready(Some(Err(error.into())));
                }
                None => {
                    let hash = bytes32(this.hash.clone().finish().as_ref());
                    if let Some(Err(error)) = this.signed.take().map(|signed| signed.check(&hash)) {
                        *this.held = None;
                        return Poll::Ready(Some(Err(Box::new(error))));
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.signed.is_none() && self.held.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.held.as_ref().and_then(|frame| frame.data_ref());
        let held = held.map_or(0, |data| data.len() as u64);
        let inner = self.inner.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(held));
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(held));
        }
        hint
    }
}
