//! The text of a file in portions: small files whole, large ones cut between documents, so that a
//! file of many gigabytes needs no more memory than its largest document.

use std::{borrow::Cow, io::Read};

use flate2::read::MultiGzDecoder;
use libdeflater::Decompressor;
use memchr::memmem;

/// A text, and what is wrong with the file behind it.
pub(crate) struct Portion<'a> {
    pub(crate) text: Cow<'a, str>,
    /// Lines of the file before it.
    pub(crate) lines: usize,
    /// Why the file ends here, if it should not.
    pub(crate) fault: Option<String>,
}

/// The whole text of a file that is small, inflated if it is gzip. None when it has to be read in
/// portions.
///
/// `room` is used again and again, so that files of one size cost no new memory.
pub(crate) fn whole<'a>(file: &'a [u8], room: &'a mut Vec<u8>) -> Option<Portion<'a>> {
    if !is_gzip(file) {
        return Some(portion(file, 0, None));
    }
    // The end of a gzip file says how long its last member is, and most files have one.
    let length = u32::from_le_bytes(*file.last_chunk()?) as usize;
    let is_single = memmem::find(file.get(1..).unwrap_or_default(), &HEADER).is_none();
    if length > WHOLE_MAX.min(file.len().saturating_mul(RATIO_MAX)) || !is_single {
        return None;
    }
    if room.len() < length {
        room.resize(length, 0);
    }
    let place = room.get_mut(..length)?;
    let inflated = Decompressor::new().gzip_decompress(file, place);
    (inflated == Ok(length)).then(|| portion(place, 0, None))
}

/// Cuts a text into portions.
pub(crate) struct Portions<'a> {
    from: Box<dyn Read + 'a>,
    held: Vec<u8>,
    /// Bytes of what is held that were given out.
    given: usize,
    lines: usize,
    has_ended: bool,
}

impl<'a> Portions<'a> {
    /// What `from` gives, inflated if it is gzip.
    pub(crate) fn new(mut from: impl Read + 'a) -> Self {
        let mut begin = Vec::new();
        // An error comes again with the next bytes.
        let _again = from.by_ref().take(2).read_to_end(&mut begin);
        let is_gzip = is_gzip(&begin);
        let from = std::io::Cursor::new(begin).chain(from);
        let from: Box<dyn Read + 'a> =
            if is_gzip { Box::new(MultiGzDecoder::new(from)) } else { Box::new(from) };
        Self { from, held: Vec::new(), given: 0, lines: 0, has_ended: false }
    }

    /// The next portion; none after the last.
    pub(crate) fn next(&mut self) -> Option<Portion<'_>> {
        let before = self.held.get(..self.given).unwrap_or_default();
        let lines = self.lines + memchr::memchr_iter(b'\n', before).count();
        self.lines = lines;
        self.held.drain(..self.given);
        self.given = 0;
        let mut fault = None;
        while !self.has_ended && fault.is_none() {
            match self.from.by_ref().take(PORTION).read_to_end(&mut self.held) {
                Ok(read) => self.has_ended = (read as u64) < PORTION,
                Err(error) => fault = Some(format!("it cannot be read to its end: {error}")),
            }
            if self.has_ended || fault.is_some() {
                break;
            }
            // Inside a document a comma would stand there.
            let cut = BETWEEN
                .iter()
                .filter_map(|it| memmem::rfind(&self.held, it).map(|at| at + it.len() - 1));
            if let Some(cut) = cut.max() {
                self.given = cut;
                return Some(portion(self.held.get(..cut)?, lines, None));
            }
            if self.held.len() > DOCUMENT_MAX {
                fault = Some(format!("it holds a document of more than {DOCUMENT_MAX} bytes"));
                self.held.clear();
            }
        }
        self.has_ended = true;
        self.given = self.held.len();
        let is_over = self.held.is_empty() && fault.is_none();
        (!is_over).then(|| portion(&self.held, lines, fault))
    }
}

fn portion(bytes: &[u8], lines: usize, fault: Option<String>) -> Portion<'_> {
    let bytes = bytes.strip_prefix(BOM).unwrap_or(bytes);
    // Nearly all is UTF-8, which is seen many times as fast by itself as while it is mended.
    let text = str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed);
    let is_text = matches!(text, Cow::Borrowed(_));
    let fault = fault.or_else(|| (!is_text).then(|| "not all of it is UTF-8".to_owned()));
    Portion { text, lines, fault }
}

fn is_gzip(file: &[u8]) -> bool {
    file.starts_with(&[0x1f, 0x8b])
}

/// Magic number and method of every gzip member.
const HEADER: [u8; 3] = [0x1f, 0x8b, 8];
const BOM: &[u8] = b"\xef\xbb\xbf";
/// What stands between two documents.
const BETWEEN: [&[u8]; 2] = [b"}\n{", b"}\r\n{"];
/// Bytes of a file that is read whole, as it lies and inflated. CloudTrail's hold at most 50 MB.
pub(crate) const WHOLE_MAX: usize = 128 << 20;
/// Bytes of text that are read at once of a larger file.
const PORTION: u64 = 16 << 20;
/// Bytes of one document, which has to be held whole.
const DOCUMENT_MAX: usize = 512 << 20;
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

    /// The text of all portions, the lines before each, and the faults.
    fn read(file: &[u8]) -> (String, Vec<usize>, Vec<String>) {
        let (mut text, mut lines, mut faults) = (String::new(), Vec::new(), Vec::new());
        let mut portions = Portions::new(file);
        while let Some(portion) = portions.next() {
            text.push_str(&portion.text);
            lines.push(portion.lines);
            faults.extend(portion.fault);
        }
        (text, lines, faults)
    }

    #[test]
    fn small_files_are_read_whole() {
        for (file, expected) in [
            (b"{}".to_vec(), "{}"),
            (b"\xef\xbb\xbf{}".to_vec(), "{}"),
            (gzip(b"{}"), "{}"),
            (gzip(b""), ""),
        ] {
            let mut room = vec![7; 3];
            let portion = whole(&file, &mut room).unwrap();
            assert_eq!((&*portion.text, portion.fault), (expected, None));
            assert_eq!(read(&file).0.trim_start_matches('\u{feff}'), expected);
        }
    }

    #[test]
    fn every_member_of_a_file_is_read() {
        // All are as long as the end of the file says.
        let file = [gzip(b"one"), gzip(b"two"), gzip(b"six")].concat();
        assert!(whole(&file, &mut Vec::new()).is_none());
        assert_eq!(read(&file), ("onetwosix".to_owned(), vec![0], vec![]));
    }

    #[test]
    fn what_can_be_read_of_a_broken_file_is_read() {
        let text = "the text of a file, ".repeat(5_000);
        let file = gzip(text.as_bytes());
        let half = &file[..file.len() / 2];
        assert!(whole(half, &mut Vec::new()).is_none());
        let (part, _, faults) = read(half);
        assert!(!part.is_empty() && text.starts_with(&part));
        assert!(faults.len() == 1 && faults[0].contains("to its end"), "{faults:?}");
        let trailing = [&gzip(b"{}")[..], b"trailing"].concat();
        assert_eq!((read(&trailing).0.as_str(), read(&trailing).2.len()), ("{}", 1));
        assert_eq!(read(b"\x1f\x8bnonsense").2.len(), 1);
        let mut inflated = Vec::new();
        let portion = whole(b"a\xffb", &mut inflated).unwrap();
        assert_eq!(&*portion.text, "a\u{fffd}b");
        assert!(portion.fault.unwrap().contains("UTF-8"));
    }

    #[test]
    fn large_files_are_cut_between_documents() {
        let line = format!("{{\"a\":\"{}\"}}\n", "x".repeat(1_000));
        let count = 40 * (1 << 20) / line.len();
        let file = line.repeat(count);
        let (text, lines, faults) = read(&gzip(file.as_bytes()));
        assert!(text == file && faults.is_empty());
        assert_eq!(lines.len(), 3);
        let cut = lines[1];
        assert!(lines[0] == 0 && cut > count / 3 && lines[2] > cut && lines[2] < count);
        // One document has to be held whole, wherever its lines end.
        let document = format!("[{}1]", "{\"a\":1},\n".repeat(3 << 20));
        assert_eq!(read(document.as_bytes()).1, [0]);
    }

    #[test]
    fn a_document_without_end_is_refused() {
        let bomb = gzip(&vec![0; 1 << 20]).repeat(600);
        let (text, _, faults) = read(&bomb);
        assert!(text.is_empty());
        assert_eq!(faults, ["it holds a document of more than 536870912 bytes"]);
    }
}
