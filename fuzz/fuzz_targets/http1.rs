//! Requests and answers of HTTP/1, head and framing, as a stranger or a broken upstream sends them.
//! However the bytes are cut into reads, they mean the same.
#![no_main]

use bytes::BytesMut;
use door::http1::{
    decode::{Decoder, Framing, Piece},
    head::{parse_request, parse_response},
};
use http::Method;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let whole = requests(bytes, bytes.len().max(1));
    assert_eq!(whole, requests(bytes, 1));
    assert_eq!(whole, requests(bytes, 7));
    let mut input = BytesMut::from(bytes);
    if let Ok(Some(head)) = parse_response(&mut input, &mut 0, &Method::GET) {
        let _ = body(head.framing, &mut input);
    }
});

/// What the first request on a connection says, when `step` bytes come at once: its line, how many
/// headers it has, its body; or that it is refused.
fn requests(bytes: &[u8], step: usize) -> Option<(String, usize, Option<Vec<u8>>)> {
    let (mut input, mut scanned, mut rest) = (BytesMut::new(), 0, bytes);
    let head = loop {
        match parse_request(&mut input, &mut scanned) {
            Err(_) => return None,
            Ok(Some(head)) => break head,
            Ok(None) if rest.is_empty() => return None,
            Ok(None) => {
                let (next, after) = rest.split_at(step.min(rest.len()));
                input.extend_from_slice(next);
                rest = after;
            }
        }
    };
    input.extend_from_slice(rest);
    let line = format!("{} {}", head.parts.method, head.parts.uri);
    Some((line, head.parts.headers.len(), body(head.framing, &mut input)))
}

/// The body, if it comes whole and is framed rightly.
fn body(framing: Framing, input: &mut BytesMut) -> Option<Vec<u8>> {
    let mut decoder = Decoder::new(framing);
    let mut data = Vec::new();
    loop {
        match decoder.decode(input).ok()? {
            Piece::Data(more) => data.extend_from_slice(&more),
            Piece::Trailers(_) => {}
            Piece::End => return Some(data),
            Piece::Hungry => return None,
        }
    }
}
