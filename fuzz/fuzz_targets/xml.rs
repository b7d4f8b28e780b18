//! Documents of the XML protocols, from callers and from upstreams.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(root) = wire::xml::parse(bytes) {
        let _ = root.find("Code").map(|it| it.child_text("Message").map(str::len));
    }
});
