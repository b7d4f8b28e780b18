//! Upstreams that do what a test tells them.

use std::{future::Future, net::SocketAddr, sync::Arc};

use bytes::BytesMut;
use door::http1::{
    decode::{Decoder, Piece},
    head::{RequestHead, parse_request},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::mpsc,
};

/// A connection from the door.
pub(crate) struct Visitor {
    pub(crate) stream: TcpStream,
    input: BytesMut,
    /// Every byte that was read.
    pub(crate) seen: Vec<u8>,
}

/// An upstream that runs `script` on each connection.
pub(crate) async fn scripted<F>(script: impl Fn(Visitor) -> F + Send + Sync + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = door::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let script = Arc::new(script);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(script(Visitor { stream, input: BytesMut::new(), seen: Vec::new() }));
        }
    });
    address
}

/// An upstream that answers every request with `answer` once it was read; each request, byte for
/// byte, goes to the receiver.
pub(crate) async fn answering(
    answer: impl Into<Vec<u8>>,
) -> (SocketAddr, mpsc::UnboundedReceiver<Vec<u8>>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let answer: Arc<[u8]> = answer.into().into();
    let address = scripted(move |mut visitor| {
        let (sender, answer) = (sender.clone(), Arc::clone(&answer));
        async move {
            while let Some(request) = visitor.request().await {
                let _ = sender.send(request);
                visitor.send(&answer).await;
            }
        }
    })
    .await;
    (address, receiver)
}

/// An answer with a body.
pub(crate) fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

impl Visitor {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// Reads a head; `None` when the connection ends.
    pub(crate) async fn head(&mut self) -> Option<RequestHead> {
        let mut scanned = 0;
        loop {
            let mut input = self.input.clone();
            if let Some(head) = parse_request(&mut input, &mut scanned).unwrap() {
                self.input = input;
                return Some(head);
            }
            if self.fill().await == 0 {
                return None;
            }
        }
    }

    /// How much of the body came along with the head.
    pub(crate) fn rest(&self) -> usize {
        self.input.len()
    }

    /// Reads a request to its end and yields its bytes; `None` when the connection ends.
    pub(crate) async fn request(&mut self) -> Option<Vec<u8>> {
        let begin = self.seen.len() - self.input.len();
        let head = self.head().await?;
        let mut decoder = Decoder::new(head.framing);
        loop {
            match decoder.decode(&mut self.input).unwrap() {
                Piece::Data(_) => {}
                Piece::Trailers(_) | Piece::End => break,
                Piece::Hungry if self.fill().await == 0 => return None,
                Piece::Hungry => {}
            }
        }
        let end = self.seen.len() - self.input.len();
        Some(self.seen[begin..end].to_vec())
    }

    /// Reads more; zero when the connection ends.
    pub(crate) async fn fill(&mut self) -> usize {
        let before = self.input.len();
        let read = self.stream.read_buf(&mut self.input).await.unwrap_or(0);
        self.seen.extend_from_slice(&self.input[before..]);
        read
    }
}
