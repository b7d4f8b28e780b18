//! Bodies that travel compressed.
//!
//! SDKs compress the larger requests of services that allow it, and some ask for compressed answers.

use std::{borrow::Cow, io::Read as _};

use flate2::read::MultiGzDecoder;

/// A body without gzip around it; one that is not gzip, or not whole, as it is. Nothing that AWS's
/// protocols send begins as gzip does. At most one byte more than `max` is made of it, which then is
/// too large to be read.
pub(crate) fn inflated(body: &[u8], max: usize) -> Cow<'_, [u8]> {
    if !body.starts_with(&[0x1f, 0x8b]) {
        return Cow::Borrowed(body);
    }
    let mut plain = Vec::new();
    let bound = max as u64 + 1;
    match MultiGzDecoder::new(body).take(bound).read_to_end(&mut plain) {
        Ok(_) => Cow::Owned(plain),
        Err(_) => Cow::Borrowed(body),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn gzip_is_taken_off_and_anything_else_stays() {
        assert_eq!(&*inflated(&gzip(b"{}"), 9), b"{}");
        assert_eq!(&*inflated(b"{}", 9), b"{}");
        assert_eq!(&*inflated(&[0x1f, 0x8b, 1], 9), [0x1f, 0x8b, 1]);
    }

    #[test]
    fn a_bomb_is_cut_off() {
        assert_eq!(inflated(&gzip(&vec![0; 20_000]), 1_000).len(), 1_001);
    }
}
