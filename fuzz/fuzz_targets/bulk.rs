//! Bulk bodies: records lie where the splitter says, one behind the other.
#![no_main]

use libfuzzer_sys::fuzz_target;
use record::bulk;

fuzz_target!(|body: &[u8]| {
    let mut end = 0;
    for item in bulk::split(body) {
        assert!(item.position >= end && item.position <= body.len(), "records follow each other");
        end = item.position;
        if let Ok(record) = item.record {
            assert!(body[end..].starts_with(record.bytes()), "records are verbatim");
            end += record.bytes().len();
        }
    }
});
