//! IAM policies, as an operator stores them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::iam::Policy;

fuzz_target!(|text: &str| {
    let _ = Policy::parse(text);
});
