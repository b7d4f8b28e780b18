//! Bodies of the protocol RPC v2 CBOR. What was read is written and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = wire::cbor::parse(bytes) {
        let again = wire::cbor::parse(&wire::cbor::write(&value)).expect("what was written is read");
        assert_eq!(value.to_string(), again.to_string());
    }
});
