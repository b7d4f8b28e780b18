//! Segment files of the log, as a broken disk or a stranger may have written them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use log::fuzzing::{Checksums, segment};

fuzz_target!(|bytes: &[u8]| {
    segment(bytes, Checksums::Mended);
    segment(bytes, Checksums::Unchanged);
});
