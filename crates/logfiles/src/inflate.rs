//! Inflating a whole file.

use std::{borrow::Cow, io::Read as _};

use flate2::read::MultiGzDecoder;
use libdeflater::Decompressor;

/// The text of a file, inflated if it is gzip, and what is wrong with it, if anything: then the text
/// is as much of it as can be read.
///
/// `room` is used again and again, so that files of one size cost no new memory.
pub(crate) fn text<'a>(file: &'a [u8], room: &'a mut Vec<u8>) -> (Cow<'a, str>, Option<String>) {
    let (bytes, mut fault) = match file {
        [0x1f, 0x8b, ..] => inflate(file, room),
        _ => (file, None),
    };
    let bytes = bytes.strip_prefix(BOM).unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes);
    if matches!(text, Cow::Owned(_)) && fault.is_none() {
        fault = Some("not all of it is UTF-8".to_owned());
    }
    (text, fault)
}

fn inflate<'a>(file: &[u8], room: &'a mut Vec<u8>) -> (&'a [u8], Option<String>) {
    if room.capacity() > ROOM_MAX {
        *room = Vec::new();
    }
    // The end of a gzip file says how long its last member is, and most files have one.
    let length = file.last_chunk().map_or(0, |it| u32::from_le_bytes(*it) as usize);
    if length <= SIZE_MAX.min(file.len().saturating_mul(RATIO_MAX)) && is_single(file) {
        if room.len() < length {
            room.resize(length, 0);
        }
        let place = room.get_mut(..length).unwrap_or_default();
        if Decompressor::new().gzip_decompress(file, place) == Ok(length) {
            return (room.get(..length).unwrap_or_default(), None);
        }
    }
    room.clear();
    let mut inflated = MultiGzDecoder::new(file).take(SIZE_MAX as u64 + 1);
    let fault = match inflated.read_to_end(room) {
        Ok(_) if room.len() > SIZE_MAX => {
            room.clear();
            Some(format!("it inflates to more than {SIZE_MAX} bytes"))
        }
        Ok(_) => None,
        Err(error) => Some(format!("it cannot be inflated to its end: {error}")),
    };
    (room.as_slice(), fault)
}

/// Whether there is no sign of a second member: a header anywhere but at the begin.
fn is_single(file: &[u8]) -> bool {
    memchr::memmem::find(file.get(1..).unwrap_or_default(), &HEADER).is_none()
}

/// Magic number and method of every gzip member.
const HEADER: [u8; 3] = [0x1f, 0x8b, 8];
const BOM: &[u8] = b"\xef\xbb\xbf";
/// Bytes of a file, as it lies and inflated. CloudTrail's hold at most 50 MB.
pub(crate) const SIZE_MAX: usize = 1 << 30;
/// Bytes that are kept for the next file.
const ROOM_MAX: usize = 128 << 20;
/// Deflate makes nothing smaller than this.
const RATIO_MAX: usize = 1_032;

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[track_caller]
    fn check(file: &[u8], expected: &str, fault: Option<&str>) {
        let mut room = vec![7; 3];
        let (text, found) = text(file, &mut room);
        assert_eq!(text, expected);
        match fault {
            Some(fault) => {
                assert!(found.as_ref().is_some_and(|it| it.contains(fault)), "{found:?}")
            }
            None => assert_eq!(found, None),
        }
    }

    #[test]
    fn files_are_inflated_if_they_are_gzip() {
        check(b"{}", "{}", None);
        check(b"\xef\xbb\xbf{}", "{}", None);
        check(&gzip(b"{}"), "{}", None);
        check(&gzip(&[b'a'; 100_000]), &"a".repeat(100_000), None);
        check(&gzip(b""), "", None);
    }

    #[test]
    fn every_member_of_a_file_is_read() {
        check(&[gzip(b"one"), gzip(b"two")].concat(), "onetwo", None);
        // Both are as long as the end of the file says.
        check(&[gzip(b"one"), gzip(b"two"), gzip(b"six")].concat(), "onetwosix", None);
    }

    #[test]
    fn what_can_be_read_of_a_broken_file_is_read() {
        let text = "the text of a file, ".repeat(5_000);
        let whole = gzip(text.as_bytes());
        let mut room = Vec::new();
        let (part, fault) = super::text(&whole[..whole.len() / 2], &mut room);
        assert!(fault.unwrap().contains("to its end"));
        assert!(!part.is_empty() && text.starts_with(&*part));
        check(&[&gzip(b"{}")[..], b"trailing"].concat(), "{}", Some("to its end"));
        check(b"\x1f\x8bnonsense", "", Some("to its end"));
        check(b"a\xffb", "a\u{fffd}b", Some("UTF-8"));
    }

    #[test]
    fn a_file_that_inflates_without_end_is_refused() {
        // A thousand members of a megabyte each, and then some.
        let member = gzip(&vec![0; 1 << 20]);
        let bomb = member.repeat(1_025);
        check(&bomb, "", Some("more than 1073741824 bytes"));
    }
}
