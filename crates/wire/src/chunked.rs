//! `aws-chunked`: a body in frames that carry signatures, or end in a checksum.
//!
//! Lives here: [`Plan`], what the headers announced of such a body; [`Decoder`], which reads and
//! verifies the frames piece by piece; [`Chunked`], which does so to a body that streams.
//! Lives elsewhere: the request's own signature (`sigv4`), to which the first chunk's is tied.
//!
//! These frames are independent of HTTP's own chunked encoding, which is already taken off.
//!
//! Start at [`Decoder::feed`].
//! Spec: S3 API Reference, "Signature Calculations for the Authorization Header: Transferring Payload
//! in Multiple Chunks".

mod body;
mod checksum;
mod decoder;
mod plan;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;

use crate::auth::{AuthError, BodyFault};

pub use body::Chunked;
pub use decoder::{Decoder, Piece};
pub use plan::Plan;

/// Reads a body whose chunks are not signed and that is there as a whole, as its `headers` announce
/// it: its data, and its trailers.
///
/// # Errors
/// When the announcement is malformed, or the body is not as announced.
pub fn decode(headers: &HeaderMap, body: Bytes) -> Result<(Bytes, HeaderMap), AuthError> {
    Ok(read(Plan::unsigned(headers)?, body)?)
}

/// Reads a body that is there as a whole: its data, and its trailers.
pub(crate) fn read(plan: Plan, mut body: Bytes) -> Result<(Bytes, HeaderMap), BodyFault> {
    let mut decoder = Decoder::new(plan);
    let mut decoded = BytesMut::new();
    loop {
        match decoder.feed(&mut body)? {
            Piece::Data(data) => decoded.extend_from_slice(&data),
            Piece::Done => return Ok((decoded.freeze(), decoder.trailers().clone())),
            Piece::Hungry => return Err(BodyFault::Incomplete),
        }
    }
}

#[cfg(test)]
mod tests;
