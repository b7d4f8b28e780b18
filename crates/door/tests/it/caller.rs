//! A caller that sends bytes as they are, and reads answers strictly.

use std::net::SocketAddr;

use bytes::{Buf as _, BytesMut};
use door::http1::{
    decode::{Decoder, Piece},
    head::{ResponseHead, parse_response},
};
use http::{HeaderMap, Method, StatusCode};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A connection to the door.
pub(crate) struct Caller {
    pub(crate) stream: TcpStream,
    input: BytesMut,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Caller {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), input: BytesMut::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        if let Err(error) = self.stream.write_all(bytes.as_ref()).await {
            panic!("{error} after {}", String::from_utf8_lossy(&self.input));
        }
    }

    /// Sends a request and reads its answer.
    pub(crate) async fn ask(&mut self, request: impl AsRef<[u8]>) -> Answer {
        let method = request.as_ref().split(|it| *it == b' ').next().unwrap_or_default();
        let method = Method::from_bytes(method).unwrap_or(Method::GET);
        self.send(request).await;
        self.answer_to(method).await
    }

    /// Reads an answer to something that is not HEAD.
    pub(crate) async fn answer(&mut self) -> Answer {
        self.answer_to(Method::GET).await
    }

    pub(crate) async fn answer_to(&mut self, method: Method) -> Answer {
        let head = self.head(method).await.expect("the connection ends without an answer");
        let mut decoder = Decoder::new(head.framing);
        let body = self.body(&mut decoder).await.expect("the answer is cut short");
        Answer {
            status: head.parts.status,
            headers: head.parts.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    /// Reads the head of an answer; `None` when the connection ends instead.
    pub(crate) async fn head(&mut self, method: Method) -> Option<ResponseHead> {
        let mut scanned = 0;
        loop {
            if let Some(head) = parse_response(&mut self.input, &mut scanned, &method).unwrap() {
                return Some(head);
            }
            if self.fill().await == 0 {
                return None;
            }
        }
    }

    /// Reads the rest of a body; `None` when it is cut short.
    pub(crate) async fn body(&mut self, decoder: &mut Decoder) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            match decoder.decode(&mut self.input).unwrap() {
                Piece::Data(data) => body.extend_from_slice(&data),
                Piece::Trailers(_) | Piece::End => return Some(body),
                Piece::Hungry if self.fill().await > 0 => {}
                Piece::Hungry => return decoder.may_end().then_some(body),
            }
        }
    }

    /// Reads so many bytes of a body.
    pub(crate) async fn exactly(&mut self, bytes: usize) -> Vec<u8> {
        while self.input.len() < bytes {
            assert_ne!(self.fill().await, 0, "the connection ends after {}", self.input.len());
        }
        self.input.copy_to_bytes(bytes).to_vec()
    }

    /// Whether the connection ends here. A reset is an end.
    pub(crate) async fn is_closed(&mut self) -> bool {
        self.input.is_empty() && self.fill().await == 0
    }

    /// Whether there is nothing to read at this moment.
    pub(crate) fn is_silent(&mut self) -> bool {
        let mut byte = [0];
        let read = self.stream.try_read(&mut byte);
        self.input.is_empty()
            && matches!(read, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    }

    async fn fill(&mut self) -> usize {
        self.stream.read_buf(&mut self.input).await.unwrap_or(0)
    }
}
