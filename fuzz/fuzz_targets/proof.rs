//! Proof files, as a stranger hands them over, and requests to a witness.
#![no_main]

use integrity::tree::{RecordProof, VerifierKey, verify_proof, witness::AddCheckpoint};
use libfuzzer_sys::fuzz_target;

const LOG: &str = "audit.example/t1+550508d1+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";

fuzz_target!(|bytes: &[u8]| {
    let key: VerifierKey = LOG.parse().expect("the key is one");
    // Nobody who guesses has a signature of the log.
    assert!(verify_proof(b"record", bytes, &key).is_err());
    if let Ok(proof) = RecordProof::parse(bytes) {
        if let Ok(text) = proof.to_text() {
            assert_eq!(RecordProof::parse(text.as_bytes()).map(|it| it.index), Ok(proof.index));
        }
    }
    if let Ok(request) = AddCheckpoint::parse(bytes) {
        assert_eq!(request.to_string().as_bytes(), bytes);
        assert!(request.judge(&[key], None).is_err());
    }
});
