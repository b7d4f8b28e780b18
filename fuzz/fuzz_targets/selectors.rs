//! Selectors: what is accepted is shown as it was sent, is accepted again, and judges any record.
#![no_main]

use libfuzzer_sys::fuzz_target;
use matching::{Given, Selection, Selectors, Target};

const RECORDS: [&[u8]; 2] = [
    br#"{"eventTime":"2026-02-03T09:05:12Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","eventCategory":"Data","readOnly":true,"resources":[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::b/k"},{"type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::b"}]}"#,
    br#"{"eventTime":"2026-02-03T09:05:12Z","eventSource":"kms.amazonaws.com","eventName":"Decrypt","userIdentity":{"arn":"arn:aws:iam::1:user/u"}}"#,
];

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(given) = matching::read(text) else { return };
    for target in [Target::EventDataStore, Target::Trail] {
        let selectors = match Selectors::parse(given.clone(), target) {
            Ok(selectors) => selectors,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                continue;
            }
        };
        let shown = serde_json::to_value(&selectors).expect("selectors are JSON");
        let again: Given = serde_json::from_value(shown.clone()).expect("the shape of a request");
        assert_eq!(Selectors::parse(again, target).as_ref(), Ok(&selectors));
        let stored: Selectors = serde_json::from_value(shown).expect("what was stored");
        assert_eq!(stored, selectors);
        let both = Selection::compile([&selectors, &stored]);
        for record in RECORDS {
            let record = record::parse(record).expect("a record");
            assert_ne!(both.judge(&record).len(), 1);
        }
    }
});
