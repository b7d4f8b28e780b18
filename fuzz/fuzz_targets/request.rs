//! Requests of any service: identified, read, redacted, renamed.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| wire::fuzzing::request(bytes));
