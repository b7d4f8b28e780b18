//! Calls that nobody believed, nobody knows, or that never ended; and what was lost.

use door::recorder::{Draft, Failure, Flood, Loss};
use log::{Evidence, Kind, Marks};
use serde_json::{Value, json};

use crate::call::{Call, KEY, OWN, account, arrival, completed, json as read, pretty, recorder};

#[test]
fn a_call_that_fails_authentication_keeps_the_claimed_key_id_and_the_error() {
    let finished = Call::new("PUT", "https://b.s3.amazonaws.com/k?acl", "s3", "us-east-1")
        .claiming(KEY)
        .body("<AccessControlPolicy>secret</AccessControlPolicy>")
        .rejected("SignatureDoesNotMatch", "The request signature we calculated does not match.");
    assert_eq!(finished.marks, Marks::CLAIMED);
    insta::assert_snapshot!(pretty(&read(&finished)));
}

#[test]
fn a_flood_is_one_record_with_a_count() {
    let finished = recorder().flood(&Flood {
        source: "203.0.113.77".parse().unwrap(),
        claimed_key: Some("not a key".to_owned()),
        account: None,
        event_source: Some("s3.amazonaws.com".to_owned()),
        event_name: Some("ListBuckets".to_owned()),
        region: Some("us-east-1".to_owned()),
        error_code: "InvalidAccessKeyId".to_owned(),
        count: 4711,
        from: arrival(),
        until: completed(),
    });
    assert_eq!(finished.marks, Marks::CLAIMED);
    insta::assert_snapshot!(pretty(&read(&finished)));
}

#[test]
fn a_call_that_nobody_can_identify_is_recorded_raw() {
    let record = Call::new(
        "POST",
        "https://gizmo.example.net/v7/widgets/42?colour=red&password=hunter2&page=2",
        "gizmo",
        "eu-west-1",
    )
    .body("password=hunter2")
    .answered(200, &[], "token=hunter2")
    .record();
    assert!(!record.to_string().contains("hunter2"), "{record}");
    insta::assert_snapshot!(pretty(&record));
}

#[test]
fn a_call_of_no_service_at_all_is_recorded_too() {
    let record =
        Call::unsigned("PROPFIND", "https://10.0.0.1/dav/x").answered(405, &[], "").record();
    assert_eq!(record["eventSource"], "unknown.amazonaws.com");
    assert_eq!(record["eventName"], "PROPFIND");
    assert_eq!(record["managementEvent"], true);
    assert_eq!(
        record["requestParameters"],
        json!({"method": "PROPFIND", "host": "10.0.0.1", "path": "/dav/x"})
    );
}

#[test]
fn a_secret_in_path_user_agent_and_error_message_is_hidden() {
    let jwt = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.\
               dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";
    let error = format!("<Error><Code>NoSuchKey</Code><Message>no {jwt}</Message></Error>");
    let s3 = Call::new("GET", &format!("https://b.s3.amazonaws.com/a/{jwt}"), "s3", "us-east-1");
    let unknown = Call::new("GET", &format!("https://x.example.net/{jwt}"), "gizmo", "us-east-1");
    for call in [s3, unknown] {
        let record = call.header("user-agent", jwt).answered(404, &[], error.as_str()).record();
        assert!(!record.to_string().contains("dozjgNryP4J3jVmNHl0w5N"), "{record}");
    }
}

#[test]
fn an_operation_newer_than_the_catalogue_keeps_its_name() {
    let record = Call::new("POST", "https://kms.eu-west-1.amazonaws.com/", "kms", "eu-west-1")
        .target("TrentService.EntangleKey", "1.1", r#"{"KeyId":"k","Plaintext":"c2VjcmV0"}"#)
        .answered(200, &[], "{}")
        .record();
    assert_eq!(record["eventSource"], "kms.amazonaws.com");
    assert_eq!(record["eventName"], "EntangleKey");
    assert!(!record.to_string().contains("c2VjcmV0"), "{record}");
}

#[test]
fn what_goes_wrong_on_the_way_has_a_code() {
    let call = Call::new("GET", "https://b.s3.amazonaws.com/k", "s3", "us-east-1");
    for (failure, code) in [
        (Failure::ClientLeft, "ClientDisconnected"),
        (Failure::Garbage, "UpstreamInvalidResponse"),
        (Failure::Reset, "UpstreamDisconnected"),
        (Failure::Refused, "UpstreamUnavailable"),
        (Failure::TimedOut, "UpstreamTimeout"),
    ] {
        let record = call.clone().failed(failure).record();
        assert_eq!(record["errorCode"], code);
        assert!(record["errorMessage"].is_string());
        assert_eq!(record["responseElements"], Value::Null);
    }
}

#[test]
fn an_intent_without_an_outcome_becomes_a_record_that_says_so() {
    let call = Call::new("PUT", "https://b.s3.amazonaws.com/k", "s3", "us-east-1").object(10);
    let draft = call.draft();
    assert_eq!(Draft::from_intent(&draft.intent()).unwrap(), draft);
    let records = recorder().unknown(&draft.intent(), completed()).unwrap();
    assert_eq!(records.len(), 1);
    insta::assert_snapshot!(pretty(&read(&records[0])));
    assert!(recorder().unknown(b"{}", completed()).is_err());
}

#[test]
fn what_was_lost_has_a_record_of_its_own() {
    let finished = recorder().lost(
        &Loss {
            reason: "LogCorrupt",
            account: None,
            region: None,
            from: Some(arrival()),
            until: completed(),
            count_at_most: Some(12),
            positions: Some(100..112),
        },
        completed(),
    );
    assert_eq!(finished.account, account(OWN));
    insta::assert_snapshot!(pretty(&read(&finished)));
    let frame = finished.into_frame(Kind::Gap, completed(), "log", None);
    assert_eq!(frame.evidence, Evidence::Server);
    assert_eq!(frame.region, "eu-west-1");
}

#[test]
fn a_body_that_is_not_what_it_says_is_marked_and_the_call_recorded() {
    let record = Call::new("POST", "https://kms.eu-west-1.amazonaws.com/", "kms", "eu-west-1")
        .target("TrentService.DescribeKey", "1.1", "{\"KeyId\":")
        .answered(400, &[], r#"{"__type":"SerializationException"}"#)
        .record();
    assert_eq!(record["requestParameters"]["omitted"], true);
    assert!(record["requestParameters"]["reason"].is_string());
    assert_eq!(record["errorCode"], "SerializationException");
}

#[test]
fn parameters_above_the_limit_of_cloudtrail_are_omitted_and_measured() {
    let long = format!("{{\"KeyId\":\"{}\"}}", "k".repeat(200_000));
    let record = Call::new("POST", "https://kms.eu-west-1.amazonaws.com/", "kms", "eu-west-1")
        .target("TrentService.DescribeKey", "1.1", &long)
        .header("user-agent", &"u".repeat(5000))
        .answered(200, &[], "{}")
        .record();
    assert_eq!(record["requestParameters"]["omitted"], true);
    assert_eq!(record["requestParameters"]["reason"], "requestParameters too large");
    assert!(record["userAgent"].as_str().unwrap().len() <= 1024);
}

#[test]
fn a_record_in_clear_text_says_nothing_about_tls() {
    let call = Call::new("GET", "https://b.s3.amazonaws.com/k", "s3", "us-east-1").clear_text();
    let record = call.streamed(200, &[], 1).record();
    assert_eq!(record.get("tlsDetails"), None);
    assert_eq!(record["additionalEventData"].get("CipherSuite"), None);
}

proptest::proptest! {
    /// Whatever arrives: one record at least, within CloudTrail's size, and no panic.
    #[test]
    fn whatever_a_stranger_sends_becomes_a_record(
        method in "[A-Z]{1,12}",
        path in "(/[a-zA-Z0-9%+._~-]{0,12}){1,5}",
        query in "([a-zA-Z-]{0,12}(=[a-zA-Z0-9%+.-]{0,12})?&?){0,5}",
        host in "[a-z0-9.-]{1,40}",
        service in "[a-z0-9/-]{0,12}",
        target in "[ -~]{0,40}",
        kind in "(application/(x-amz-json-1[.][01]|cbor|xml|x-www-form-urlencoded)|[ -~]{0,20})",
        body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400),
        status in 100_u16..600,
        answer in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400),
    ) {
        let call = Call::new(&method, &format!("https://10.0.0.1{path}?{query}"), &service, "r")
            .header("host", &host)
            .header("x-amz-target", &target)
            .header("content-type", &kind)
            .body(body)
            .answered(status, &[], answer);
        // What can be read in two ways is refused before it comes here.
        if call.is_clear() {
            for finished in call.finished() {
                proptest::prop_assert!(finished.body.len() <= 256 * 1024);
                read(&finished);
            }
            Draft::from_intent(&call.draft().intent()).unwrap();
        }
    }
}
