//! Inflating a whole file.

use std::io::Read as _;

use flate2::read::MultiGzDecoder;
use libdeflater::Decompressor;

/// The text of a file, inflated if it is gzip: into `into`, which is used again and again.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn text<'a>(file: &'a [u8], into: &'a mut Vec<u8>) -> Result<&'a str, String> {
    let bytes = if file.starts_with(&GZIP) { inflate(file, into)? } else { file };
    let bytes = bytes.strip_prefix(BOM).unwrap_or(bytes);
    str::from_utf8(bytes).map_err(|it| format!("it is no UTF-8 text: {it}"))
}

fn inflate<'a>(file: &[u8], into: &'a mut Vec<u8>) -> Result<&'a [u8], String> {
    // The end of a gzip file says how long the last member is; most files have one.
    let length = file.last_chunk().map_or(0, |it| u32::from_le_bytes(*it) as usize);
    let is_likely = length <= SIZE_MAX && length <= file.len().saturating_mul(RATIO_MAX);
    if is_likely {
        if into.len() < length {
            into.resize(length, 0);
        }
        let mut decompressor = Decompressor::new();
        let room = into.get_mut(..length).unwrap_or_default();
        if let Ok(given) = decompressor.gzip_decompress(file, room)
            && given == length
            && is_single(file)
        {
            return Ok(into.get(..given).unwrap_or_default());
        }
    }
    into.clear();
    let read = MultiGzDecoder::new(file).take(SIZE_MAX as u64 + 1).read_to_end(into);
    read.map_err(|it| format!("it cannot be inflated: {it}"))?;
    if into.len() > SIZE_MAX {
        return Err(format!("it inflates to more than {SIZE_MAX} bytes"));
    }
    Ok(into)
}

/// Whether there is no sign of a second member: its header, after the first byte.
fn is_single(file: &[u8]) -> bool {
    let rest = file.get(1..).unwrap_or_default();
    memchr::memmem::find(rest, &GZIP).is_none()
}

/// Magic number and method of every gzip member.
const GZIP: [u8; 3] = [0x1f, 0x8b, 8];
const BOM: &[u8] = b"\xef\xbb\xbf";
/// Bytes of a file, inflated. CloudTrail's hold at most 50 MB.
const SIZE_MAX: usize = 1 << 30;
/// Deflate makes nothing smaller than this.
const RATIO_MAX: usize = 1_032;
