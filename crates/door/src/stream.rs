//! A connection's bytes, in clear text or under TLS, with what was already read of them.
//!
//! Lives here: [`Stream`], one type for the four kinds of connection, and [`Buffered`], which keeps
//! bytes that were read and not yet used.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::TlsStream;
use tokio_util::io::poll_read_buf;

/// A connection, to a caller or to an upstream.
#[derive(Debug)]
pub(crate) enum Stream {
    /// In clear text.
    Clear(TcpStream),
    /// Under TLS; what came before the handshake has been taken off.
    Tls(Box<TlsStream<Buffered<TcpStream>>>),
}

/// A stream and the bytes that were read from it and not yet used.
#[derive(Debug)]
pub(crate) struct Buffered<S> {
    stream: S,
    /// What was read and not yet used.
    pub(crate) input: BytesMut,
}

impl<S> Buffered<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, input: BytesMut::new() }
    }

    pub(crate) fn with_input(stream: S, input: BytesMut) -> Self {
        Self { stream, input }
    }

    pub(crate) fn into_parts(self) -> (S, BytesMut) {
        (self.stream, self.input)
    }
}

impl<S: AsyncRead + Unpin> Buffered<S> {
    /// Reads up to `room` more bytes into `input`; zero at the end of the stream.
    pub(crate) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        room: usize,
    ) -> Poll<io::Result<usize>> {
        self.input.reserve(room);
        poll_read_buf(Pin::new(&mut self.stream), cx, &mut self.input)
    }
}

impl<S: AsyncWrite + Unpin> Buffered<S> {
    /// Writes all of `output`, and takes off what was written.
    pub(crate) fn poll_write_all(
        &mut self,
        cx: &mut Context<'_>,
        output: &mut impl bytes::Buf,
    ) -> Poll<io::Result<()>> {
        while output.has_remaining() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, output.chunk()))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            output.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Buffered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.input.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, to);
        }
        let (now, _) = self.input.split_at(self.input.len().min(to.remaining()));
        let taken = now.len();
        to.put_slice(now);
        self.input.advance(taken);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Buffered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, from)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(it) => Pin::new(it).poll_read(cx, to),
            Self::Tls(it) => Pin::new(it).poll_read(cx, to),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Clear(it) => Pin::new(it).poll_write(cx, from),
            Self::Tls(it) => Pin::new(it).poll_write(cx, from),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(it) => Pin::new(it).poll_flush(cx),
            Self::Tls(it) => Pin::new(it).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(it) => Pin::new(it).poll_shutdown(cx),
            Self::Tls(it) => Pin::new(it).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Clear(it) => Pin::new(it).poll_write_vectored(cx, from),
            Self::Tls(it) => Pin::new(it).poll_write_vectored(cx, from),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Clear(it) => it.is_write_vectored(),
            Self::Tls(it) => it.is_write_vectored(),
        }
    }
}
