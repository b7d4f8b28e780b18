//! Records: what we accept is JSON, and says to us what it says to `serde_json`.
#![no_main]

use std::borrow::Cow;

use libfuzzer_sys::fuzz_target;
use record::parse;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let Ok(record) = parse(bytes) else { return };
    let _ = (record.account(), record.category(), record.read_only(), record.username());
    let _ = (record.access_key_id(), record.resources(), record.error_message());
    assert!(record.event_time().is_some() || record.event_name().is_none());
    // `serde_json` refuses numbers that no float holds, and half a surrogate pair.
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return };
    let same = |ours: Option<Cow<'_, str>>, theirs: &Value| {
        assert_eq!(ours.as_deref(), theirs.as_str());
    };
    same(record.event_name(), &value["eventName"]);
    same(record.event_source(), &value["eventSource"]);
    same(record.aws_region(), &value["awsRegion"]);
    same(record.error_code(), &value["errorCode"]);
    same(record.user_arn(), &value["userIdentity"]["arn"]);
});
