//! Bodies as they are meant: without the compression that a caller or a service put around them.

use std::{borrow::Cow, io::Read as _};

use flate2::read::MultiGzDecoder;
use http::{HeaderMap, header::CONTENT_ENCODING};

/// The body without its compression; `None` when it is not what its header says or becomes longer
/// than `max`. An encoding that we do not know leaves the body as it is: reading it will fail.
pub(super) fn plain<'a>(headers: &HeaderMap, body: &'a [u8], max: usize) -> Option<Cow<'a, [u8]>> {
    let gzip =
        headers.get(CONTENT_ENCODING).is_some_and(|it| it.as_bytes().eq_ignore_ascii_case(b"gzip"));
    if !gzip || body.is_empty() {
        return Some(Cow::Borrowed(body));
    }
    let bound = max as u64 + 1;
    let mut plain = Vec::new();
    MultiGzDecoder::new(body).take(bound).read_to_end(&mut plain).ok()?;
    (plain.len() <= max).then_some(Cow::Owned(plain))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};
    use http::HeaderValue;

    use super::*;

    const MAX: usize = 1_000;

    #[track_caller]
    fn check(length: usize, readable: bool) {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&vec![b'a'; length]).unwrap();
        let headers = HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static("gzip"))]);
        let body = encoder.finish().unwrap();
        assert_eq!(plain(&headers, &body, MAX).map(|it| it.len()), readable.then_some(length));
    }

    #[test]
    fn a_compressed_body_is_read_up_to_the_bound() {
        check(10, true);
        check(MAX, true);
        check(MAX + 1, false);
        check(50 * MAX, false);
    }

    #[test]
    fn a_body_that_is_not_the_gzip_it_says_is_not_read() {
        let headers = HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static("gzip"))]);
        assert_eq!(plain(&headers, b"{}", MAX), None);
    }
}
