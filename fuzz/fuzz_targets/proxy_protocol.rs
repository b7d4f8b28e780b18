//! The header that a proxy in front puts before a connection.
#![no_main]

use door::proxy_protocol::{Start, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // What is decided stays so when more bytes follow.
    for end in 0..bytes.len().min(300) {
        let decided = read(&bytes[..end]);
        if !matches!(decided, Ok(Start::Hungry)) && end > 0 {
            assert_eq!(decided, read(&bytes[..end + 1]));
        }
    }
});
