//! Genuine records are read as an independent reader reads them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests may fail")]

use serde_json::Value;
use trailmark_record::{self as record, Record, bulk};

/// What an independent reader finds in the record.
fn expected(record: &Value, path: &[&str]) -> Option<String> {
    let found = path.iter().try_fold(record, |value, name| value.get(name))?;
    found.as_str().map(str::to_owned)
}

#[track_caller]
fn check(record: &Record<'_>) {
    let value: Value = serde_json::from_slice(record.bytes()).unwrap();
    let same = |found: Option<std::borrow::Cow<'_, str>>, path: &[&str]| {
        assert_eq!(found.map(|it| it.into_owned()), expected(&value, path), "{path:?}");
    };
    same(record.event_id(), &["eventID"]);
    same(record.event_source(), &["eventSource"]);
    same(record.event_name(), &["eventName"]);
    same(record.aws_region(), &["awsRegion"]);
    same(record.source_ip_address(), &["sourceIPAddress"]);
    same(record.user_agent(), &["userAgent"]);
    same(record.error_code(), &["errorCode"]);
    same(record.error_message(), &["errorMessage"]);
    same(record.principal_id(), &["userIdentity", "principalId"]);
    same(record.user_arn(), &["userIdentity", "arn"]);
    same(record.access_key_id(), &["userIdentity", "accessKeyId"]);
    same(record.identity_type(), &["userIdentity", "type"]);
    if let Some(flag) = value["readOnly"].as_bool() {
        assert_eq!(record.read_only(), Some(flag));
    }
    let resources = value["resources"].as_array().map_or(0, Vec::len);
    assert_eq!(record.resources().len(), resources);
    for (found, wanted) in
        record.resources().iter().zip(value["resources"].as_array().into_iter().flatten())
    {
        assert_eq!(found.kind.as_deref(), wanted["type"].as_str());
        let name = ["ARN", "arn", "ARNPrefix"].iter().find_map(|it| wanted[*it].as_str());
        assert_eq!(found.name.as_deref(), name);
    }
    let time = expected(&value, &["eventTime"]).unwrap();
    let shown = record.event_time().unwrap().to_string();
    assert_eq!(shown.get(..10), time.get(..10));
    assert_eq!(shown.get(11..19), time.get(11..19));
}

#[test]
fn genuine_records_are_read_as_they_are() {
    let body = include_bytes!("fixtures/records.ndjson");
    let mut read = 0;
    for item in bulk::split(body) {
        check(&item.record.unwrap());
        read += 1;
    }
    assert_eq!(read, 24);
}

#[test]
fn cutting_a_record_anywhere_is_noticed() {
    let body = include_bytes!("fixtures/records.ndjson");
    let line = body.split(|byte| *byte == b'\n').next().unwrap();
    for end in 0..line.len() {
        assert!(record::parse(&line[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn every_sample_beside_the_checkout_is_read_as_it_is() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/cloudtrail-samples");
    // The larger collection is not part of the repository; the fixtures above always are.
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.map(|it| it.unwrap().path()) {
        if path.extension().is_none_or(|it| it != "gz") {
            continue;
        }
        let mut body = Vec::new();
        let file = std::fs::File::open(&path).unwrap();
        std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(file), &mut body)
            .unwrap();
        for item in bulk::split(&body) {
            check(&item.record.unwrap_or_else(|why| panic!("{}: {why}", path.display())));
        }
    }
}
