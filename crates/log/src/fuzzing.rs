//! What a fuzzer feeds bytes to: a segment file that anyone may have written.

use std::sync::Arc;

use ambient::Ambient;
use bytes::Bytes;
use record::AccountId;

use crate::{
    LocalLog, encoding,
    local::{Components, Gap, GapRecord, Settings, StateFile, reader, state::State},
    segment::{self, Header, LogId},
    simulated::Simulated,
};

/// Whether [`segment`] lets checksums keep the bytes out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Checksums {
    /// Every checksum of a frame is made right first, so that what lies behind is reached.
    Mended,
    /// The bytes are taken as they are.
    Unchanged,
}

/// Opens a log whose first segment holds `bytes` behind a right header, reads all of it, and opens it
/// again. Never panics, whatever the bytes are; what was read the first time is read again.
///
/// # Panics
/// When the log breaks these promises: that is what a fuzzer looks for.
pub fn segment(bytes: &[u8], checksums: Checksums) {
    let id = LogId([7; 16]);
    let machine = Simulated::new(1);
    let Ok(_) = StateFile::open(machine.disk().as_ref(), State::new(id, 0)) else { return };
    let mut file = Header::encode(id, 0);
    file.extend_from_slice(bytes);
    if checksums == Checksums::Mended {
        mend(&mut file, id.seed());
    }
    machine.put(&segment::name(0), &file);

    let gap_body = |_: &Gap| GapRecord {
        body: Bytes::new(),
        account: AccountId::parse("123456789012").expect("twelve digits"),
        region: String::new(),
    };
    let components = Components { ambient: Ambient::system(), gap_body: Arc::new(gap_body) };
    let settings = Settings { segment_bytes: 4_096, ..Settings::default() };
    let mut before = None;
    for _ in 0..2 {
        let opened = LocalLog::open_on(machine.disk(), settings.clone(), components.clone());
        let log = opened.expect("a disk without faults");
        let entries = reader::read(log.shared(), 0, usize::MAX).expect("all that is there");
        assert!(entries.is_sorted_by_key(|it| it.position), "positions go up");
        if let Some(before) = before {
            assert_eq!(before, entries, "what was there stays");
        }
        before = Some(entries);
    }
}

/// Makes right the checksum of everything that looks like a frame.
fn mend(file: &mut [u8], seed: u32) {
    let mut at = 0;
    while let Some(rest) = file.get_mut(at..).filter(|it| !it.is_empty()) {
        let length = encoding::header(rest).map(|it| it.length);
        match length.and_then(|length| rest.get_mut(..length)) {
            Some(frame) => {
                encoding::mend(frame, seed);
                at += length.unwrap_or(1);
            }
            None => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::{Kind, conformance, encoding::Place};

    /// Frames at odd places, with pieces missing between them.
    fn segments() -> impl Strategy<Value = Vec<u8>> {
        let piece = (0..9_u64, 0..4_u32, 0..4_u32, 0..300_usize, 0..120_usize, any::<bool>());
        vec(piece, 0..12).prop_map(|pieces| {
            let mut bytes = Vec::new();
            for (position, preceding, following, body, cut, huge) in pieces {
                let position = if huge { u64::MAX - position } else { position };
                let frame = conformance::frame(Kind::Record, vec![b'x'; body]);
                let place = Place { position, preceding, following };
                encoding::encode(&mut bytes, &frame, place, LogId([7; 16]).seed());
                bytes.truncate(bytes.len() - cut.saturating_sub(80));
            }
            bytes
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn any_bytes_are_opened_without_a_panic(bytes in vec(any::<u8>(), 0..2_000)) {
            segment(&bytes, Checksums::Unchanged);
        }

        #[test]
        fn frames_in_any_order_are_opened_without_a_panic(bytes in segments()) {
            segment(&bytes, Checksums::Unchanged);
            segment(&bytes, Checksums::Mended);
        }
    }
}
