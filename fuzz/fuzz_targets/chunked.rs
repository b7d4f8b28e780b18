//! Bodies of S3 in chunks of their own, with and without trailers.
#![no_main]

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((first, body)) = bytes.split_first() else { return };
    let mut headers = HeaderMap::new();
    let payload = ["STREAMING-UNSIGNED-PAYLOAD-TRAILER", "UNSIGNED-PAYLOAD"][usize::from(first & 1)];
    headers.insert("x-amz-content-sha256", HeaderValue::from_static(payload));
    headers.insert("content-encoding", HeaderValue::from_static("aws-chunked"));
    if first & 2 > 0 {
        headers.insert("x-amz-trailer", HeaderValue::from_static("x-amz-checksum-crc32"));
    }
    if first & 4 > 0 {
        headers.insert("x-amz-decoded-content-length", HeaderValue::from(body.len() / 2));
    }
    if let Ok((data, _)) = wire::chunked::decode(&headers, Bytes::copy_from_slice(body)) {
        assert!(data.len() <= body.len());
    }
});
