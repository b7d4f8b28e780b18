//! Writing heads and chunks.

use std::io::Write as _;

use bytes::{BufMut as _, BytesMut};
use http::{HeaderMap, StatusCode, Version};
use jiff::Timestamp;

use super::head::is_for_this_hop;

/// Writes a status line.
pub(crate) fn status_line(to: &mut BytesMut, version: Version, status: StatusCode) {
    to.put_slice(if version == Version::HTTP_10 { b"HTTP/1.0 " } else { b"HTTP/1.1 " });
    to.put_slice(status.as_str().as_bytes());
    to.put_u8(b' ');
    to.put_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    to.put_slice(b"\r\n");
}

/// Writes the headers that travel on.
pub(crate) fn headers(to: &mut BytesMut, headers: &HeaderMap) {
    for (name, value) in headers {
        if !is_for_this_hop(name) {
            header(to, name.as_str(), value.as_bytes());
        }
    }
}

/// Writes one header.
pub(crate) fn header(to: &mut BytesMut, name: &str, value: &[u8]) {
    to.reserve(name.len() + value.len() + 4);
    to.put_slice(name.as_bytes());
    to.put_slice(b": ");
    to.put_slice(value);
    to.put_slice(b"\r\n");
}

/// Writes the size line of a chunk. The data and a line's end follow.
pub(crate) fn chunk_size(to: &mut BytesMut, size: usize) {
    to.reserve(18);
    write!(to.writer(), "{size:x}\r\n").expect("a buffer takes all bytes");
}

/// Writes what ends a body in chunks.
pub(crate) fn last_chunk(to: &mut BytesMut, trailers: Option<&HeaderMap>) {
    to.put_slice(b"0\r\n");
    if let Some(trailers) = trailers {
        headers(to, trailers);
    }
    to.put_slice(b"\r\n");
}

/// A time as the header `Date` spells it. SDKs correct their clocks by it.
pub(crate) fn date(now: Timestamp) -> String {
    now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
