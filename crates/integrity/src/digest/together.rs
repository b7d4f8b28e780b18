//! SHA-256 of several texts at once, a block of each in turn.
//!
//! A processor's instructions for SHA-256 wait for each other within one text, and not between texts:
//! four together take two thirds of the time of one after the other.

use aws_lc_rs::digest::{SHA256, digest};
use sha2::block_api::compress256;

/// The hashes of the texts, in their order.
pub(crate) fn sha256_together(texts: &[&[u8]]) -> Vec<[u8; 32]> {
    if has_instructions() {
        return in_turn(texts);
    }
    // In software the other library is quicker.
    let one = |text: &&[u8]| digest(&SHA256, text).as_ref().try_into().unwrap_or_default();
    texts.iter().map(one).collect()
}

#[cfg(target_arch = "x86_64")]
fn has_instructions() -> bool {
    std::arch::is_x86_feature_detected!("sha")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_instructions() -> bool {
    false
}

fn in_turn(texts: &[&[u8]]) -> Vec<[u8; 32]> {
    let mut messages: Vec<_> = texts.iter().map(|text| Message::new(text)).collect();
    let blocks = messages.iter().map(|it| it.whole.len()).max().unwrap_or(0);
    for n in 0..blocks {
        for message in &mut messages {
            if let Some(block) = message.whole.get(n) {
                compress256(&mut message.state, std::slice::from_ref(block));
            }
        }
    }
    messages.into_iter().map(Message::finish).collect()
}

/// A text on its way through the compression function.
struct Message<'a> {
    state: [u32; 8],
    whole: &'a [[u8; BLOCK]],
    rest: &'a [u8],
    length: usize,
}

impl<'a> Message<'a> {
    fn new(text: &'a [u8]) -> Self {
        let (whole, rest) = text.as_chunks();
        Self { state: START, whole, rest, length: text.len() }
    }

    /// Pads: a bit, zeros, and the length in bits at the end of a block.
    fn finish(mut self) -> [u8; 32] {
        let mut end = self.rest.to_vec();
        end.push(0x80);
        let zeros = (2 * BLOCK - size_of::<u64>() - end.len()) % BLOCK;
        end.resize(end.len() + zeros, 0);
        let bits = u64::try_from(self.length).unwrap_or(u64::MAX) * 8;
        end.extend(bits.to_be_bytes());
        compress256(&mut self.state, end.as_chunks().0);
        let mut hash = [0; 32];
        for (to, from) in hash.as_chunks_mut().0.iter_mut().zip(self.state) {
            *to = from.to_be_bytes();
        }
        hash
    }
}

const BLOCK: usize = 64;

/// FIPS 180-4, section 5.3.3.
const START: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_every_length_hash_to_what_the_other_library_says() {
        let text: Vec<u8> = (0..700_u32).map(|it| it.to_le_bytes()[0] ^ 0x5a).collect();
        let lengths = (0..200).chain([255, 256, 257, 511, 512, 513, 700]);
        let texts: Vec<&[u8]> = lengths.map(|it| &text[..it]).collect();
        let expected: Vec<_> = texts.iter().map(|it| digest(&SHA256, it)).collect();
        for together in 1..=5 {
            for (texts, expected) in texts.chunks(together).zip(expected.chunks(together)) {
                for hashes in [in_turn(texts), sha256_together(texts)] {
                    assert!(hashes.iter().zip(expected).all(|(one, it)| one == it.as_ref()));
                }
            }
        }
        assert_eq!(in_turn(&[]), Vec::<[u8; 32]>::new());
    }
}
