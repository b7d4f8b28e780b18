//! Numbers as they lie on disk: little-endian, one after another.

/// Takes fields off the front of some bytes; `None` once they run out.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }
}

/// Appends the checksum of all of `out`, begun from `seed`.
pub(crate) fn seal(out: &mut Vec<u8>, seed: u32) {
    let sum = crc32c::crc32c_append(seed, out);
    out.extend_from_slice(&sum.to_le_bytes());
}

/// The bytes before the checksum that [`seal`] appended, if it is right.
pub(crate) fn unseal(bytes: &[u8], seed: u32) -> Option<&[u8]> {
    let (bytes, sum) = bytes.split_last_chunk::<4>()?;
    (crc32c::crc32c_append(seed, bytes) == u32::from_le_bytes(*sum)).then_some(bytes)
}
