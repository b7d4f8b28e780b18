//! Proofs of identity: the `Authorization` header and the query of a presigned URL.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::sigv4::{recognise_authorization, recognise_query};

fuzz_target!(|bytes: &[u8]| {
    let _ = recognise_authorization(bytes);
    let _ = recognise_query(bytes);
});
