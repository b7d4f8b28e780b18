//! Who calls, and from where: what is proven, what is claimed, what is refused.

use std::time::Duration;

use door::network::Network;
use http::StatusCode;
use record::AccountId;
use serde_json::json;

use crate::{
    sign::Sign,
    stage::{ACCOUNT, KEY, Stage},
    upstream::{answering, ok},
};

fn list_tables() -> Sign<'static> {
    Sign::json("DynamoDB_20120810.ListTables", "dynamodb", b"{}")
}

#[tokio::test]
async fn a_caller_whose_secret_we_hold_is_proven_and_forwarded_unchanged() {
    let (upstream, mut seen) = answering(ok("{}")).await;
    let door = Stage::before(upstream).await.open().await;
    let request = list_tables().request();
    assert_eq!(door.caller().await.ask(&request).await.status, StatusCode::OK);
    assert_eq!(seen.recv().await.unwrap(), request);
    let record = door.log.record();
    assert_eq!(record["userIdentity"]["type"], "Root");
    assert_eq!(record["userIdentity"]["accessKeyId"], KEY);
    assert_eq!(record["recipientAccountId"], ACCOUNT);
    assert_eq!(record["sourceIPAddress"], "127.0.0.1");
    assert_eq!(record["awsRegion"], "us-east-1");
}

#[tokio::test]
async fn a_wrong_signature_is_refused_in_the_callers_words_and_recorded_without_parameters() {
    let (upstream, mut seen) = answering(ok("{}")).await;
    let door = Stage::before(upstream).await.open().await;
    let mut caller = door.caller().await;
    let wrong = Sign { secret: "wrong", ..list_tables() }.request();
    let answer = caller.ask(wrong).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.body.contains("InvalidSignatureException"), "{answer:?}");
    let wrong = Sign { secret: "wrong", ..Sign::new("GET", "/b/k", "s3") }.request();
    let answer = caller.ask(wrong).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.body.contains("<Code>SignatureDoesNotMatch</Code>"), "{answer:?}");
    assert!(seen.try_recv().is_err());
    let records = door.log.records();
    let codes: Vec<_> = records.iter().map(|it| it["errorCode"].clone()).collect();
    assert_eq!(codes, ["InvalidSignatureException", "SignatureDoesNotMatch"]);
    for record in records {
        assert_eq!(record["userIdentity"], json!({ "accessKeyId": KEY }), "{record:#}");
        assert_eq!(record["requestParameters"], json!(null));
        assert_eq!(record["recipientAccountId"], ACCOUNT);
    }
}

#[tokio::test]
async fn a_changed_body_is_refused_before_it_leaves() {
    let (upstream, mut seen) = answering(ok("{}")).await;
    let door = Stage::before(upstream).await.open().await;
    let mut request = list_tables().request();
    let last = request.len() - 2;
    request[last] = b'[';
    let answer = door.caller().await.ask(request).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(seen.try_recv().is_err());
    assert_eq!(door.log.record()["errorCode"], "InvalidSignatureException");
}

#[tokio::test]
async fn a_changed_object_never_reaches_the_upstream_whole() {
    let (upstream, mut seen) = answering(ok("")).await;
    let door = Stage::before(upstream).await.open().await;
    let body = vec![b'x'; 100_000];
    let mut request = Sign::new("PUT", "/b/k", "s3").body(&body).request();
    *request.last_mut().unwrap() = b'y';
    let answer = door.caller().await.ask(request).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.body.contains("XAmzContentSHA256Mismatch"), "{answer:?}");
    assert!(seen.try_recv().is_err());
    assert_eq!(door.log.record()["errorCode"], "XAmzContentSHA256Mismatch");
}

#[tokio::test]
async fn an_expired_signature_is_refused_and_a_repeated_one_taken_and_recorded_each_time() {
    let (upstream, _seen) = answering(ok("{}")).await;
    let door = Stage::before(upstream).await.open().await;
    let mut caller = door.caller().await;
    let sign = list_tables();
    let old = Sign { now: sign.now - Duration::from_secs(301), ..sign };
    let answer = caller.ask(old.request()).await;
    assert!(answer.body.contains("Signature expired"), "{answer:?}");
    let request = list_tables().request();
    for _ in 0..2 {
        assert_eq!(caller.ask(&request).await.status, StatusCode::OK);
    }
    assert_eq!(door.log.records().len(), 3);
}

#[tokio::test]
async fn an_unknown_key_is_the_upstreams_to_judge_and_the_record_says_what_it_said() {
    let (upstream, _seen) = answering(ok("{}")).await;
    let door = Stage::before(upstream).await.open().await;
    let request = Sign { key: "AKIASOMEBODYELSE1234", ..list_tables() }.request();
    assert_eq!(door.caller().await.ask(request).await.status, StatusCode::OK);
    let record = door.log.record();
    assert_eq!(record["userIdentity"]["accessKeyId"], "AKIASOMEBODYELSE1234");
    assert!(record.get("errorCode").is_none(), "{record:#}");

    let body =
        r#"{"__type":"com.amazon.coral.service#UnrecognizedClientException","message":"No."}"#;
    let refused = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: application/x-amz-json-1.0\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let (upstream, _seen) = answering(refused).await;
    let door = Stage::before(upstream).await.open().await;
    let request = Sign { key: "AKIASOMEBODYELSE1234", ..list_tables() }.request();
    assert_eq!(door.caller().await.ask(request).await.status, StatusCode::BAD_REQUEST);
    let record = door.log.record();
    assert_eq!(record["errorCode"], "UnrecognizedClientException");
    assert_eq!(record["userIdentity"], json!({ "accessKeyId": "AKIASOMEBODYELSE1234" }));
    assert!(door.log.frames()[0].marks.has(log::Marks::CLAIMED));
}

#[tokio::test]
async fn a_disabled_key_is_refused() {
    let (upstream, _seen) = answering(ok("{}")).await;
    let door = Stage::before(upstream).await.open().await;
    door.catalog.set_key_status(KEY, catalog::KeyStatus::Inactive).await.unwrap();
    let answer = door.caller().await.ask(list_tables().request()).await;
    assert!(answer.body.contains("UnrecognizedClientException"), "{answer:?}");
    assert_eq!(door.log.record()["errorCode"], "UnrecognizedClientException");
}

#[tokio::test]
async fn requests_that_can_be_read_in_two_ways_are_refused_and_recorded() {
    let (upstream, mut seen) = answering(ok("{}")).await;
    let door = Stage::before(upstream).await.open().await;
    let mut caller = door.caller().await;
    let target = "X-Amz-Target: DynamoDB_20120810.ListTables\r\n";
    for request in [
        format!("POST / HTTP/1.1\r\nHost: h\r\n{target}{target}Content-Length: 0\r\n\r\n"),
        format!("POST /?Action=ListUsers HTTP/1.1\r\nHost: h\r\n{target}Content-Length: 0\r\n\r\n"),
        "GET /?X-Amz-Algorithm=AWS4-HMAC-SHA256 HTTP/1.1\r\nHost: h\r\nAuthorization: AWS4-HMAC-SHA256 x\r\n\r\n"
            .to_owned(),
        "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: AWS a:b\r\nAuthorization: AWS a:b\r\n\r\n".to_owned(),
    ] {
        let answer = caller.ask(&request).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{request:?} {answer:?}");
    }
    assert!(seen.try_recv().is_err());
    assert_eq!(door.log.records().len(), 4);
}

#[tokio::test]
async fn a_flood_of_refused_calls_becomes_some_records_and_a_count() {
    let (upstream, _seen) = answering(ok("{}")).await;
    let door = Stage::before(upstream).await.open().await;
    let mut caller = door.caller().await;
    for _ in 0..50 {
        let wrong = Sign { secret: "wrong", ..list_tables() }.request();
        assert_eq!(caller.ask(wrong).await.status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(door.log.records().len(), 10);
    assert_eq!(door.metrics.floods_suppressed.value(), 40);
    let log = door.log.clone();
    drop(caller);
    door.stop().await.unwrap();
    let flood = log.records().pop().unwrap();
    assert_eq!(flood["additionalEventData"]["count"], 40);
    assert_eq!(flood["sourceIPAddress"], "127.0.0.1");
    assert_eq!(flood["errorCode"], "InvalidSignatureException");
}

#[tokio::test]
async fn an_address_counts_only_from_trusted_peers() {
    for (trusted, expected) in [(None, "127.0.0.1"), (Some("127.0.0.0/8"), "203.0.113.7")] {
        let (upstream, _seen) = answering(ok("{}")).await;
        let mut stage = Stage::before(upstream).await;
        let network = trusted.map(|it| Network::try_from(it.to_owned()).unwrap());
        stage.settings.trusted = network.into_iter().collect();
        let door = stage.open().await;
        let request = list_tables().request();
        let (line, rest) =
            request.split_at(request.iter().position(|it| *it == b'\n').unwrap() + 1);
        let header = b"X-Forwarded-For: 198.51.100.9, 203.0.113.7\r\n";
        let answer = door.caller().await.ask([line, header, rest].concat()).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(door.log.record()["sourceIPAddress"], expected);
    }
}

#[tokio::test]
async fn a_proxy_header_counts_from_trusted_peers_and_is_garbage_from_others() {
    let (upstream, _seen) = answering(ok("{}")).await;
    let mut stage = Stage::before(upstream).await;
    stage.settings.trusted = vec![Network::try_from("127.0.0.1".to_owned()).unwrap()];
    let door = stage.open().await;
    let header = "PROXY TCP4 203.0.113.7 127.0.0.1 5000 7171\r\n";
    let mut caller = door.caller().await;
    caller.send(header).await;
    for _ in 0..2 {
        assert_eq!(caller.ask(list_tables().request()).await.status, StatusCode::OK);
    }
    for record in door.log.records() {
        assert_eq!(record["sourceIPAddress"], "203.0.113.7");
    }
    let (upstream, _seen) = answering(ok("{}")).await;
    let door = Stage::before(upstream).await.open().await;
    let request = [header.as_bytes(), &list_tables().request()].concat();
    assert_eq!(door.caller().await.ask(request).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_request_that_cannot_be_identified_is_forwarded_and_recorded() {
    let (upstream, _seen) = answering(ok("?")).await;
    let mut stage = Stage::before(upstream).await;
    stage.settings.upstreams.remove("s3");
    let door = stage.open().await;
    let answer =
        door.caller().await.ask("GET /some/where?a=b HTTP/1.1\r\nHost: odd:1\r\n\r\n").await;
    assert_eq!(answer.body, "?");
    let record = door.log.record();
    let text = record.to_string();
    assert_eq!(record["eventName"], "GET");
    assert!(text.contains("/some/where") && text.contains("odd:1"), "{record:#}");
}

#[tokio::test]
async fn a_call_for_which_there_is_no_upstream_is_refused_and_recorded_with_its_caller() {
    let door = Stage::new().await.open().await;
    let answer = door.caller().await.ask(list_tables().request()).await;
    assert_eq!(answer.status, StatusCode::NOT_IMPLEMENTED);
    assert!(answer.body.contains("dynamodb"), "{answer:?}");
    let record = door.log.record();
    assert_eq!(record["userIdentity"]["type"], "Root");
    assert_eq!(record["errorCode"], "NotImplemented");
}

#[tokio::test]
async fn a_session_that_an_answer_began_is_known_from_then_on() {
    let body = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
        <Credentials><AccessKeyId>ASIAQQQQQQQQQQQQQQQQ</AccessKeyId>\
        <SecretAccessKey>canary-secret</SecretAccessKey><SessionToken>canary-token</SessionToken>\
        <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>\
        <AssumedRoleUser><AssumedRoleId>AROAEXAMPLEEXAMPLE123:me</AssumedRoleId>\
        <Arn>arn:aws:sts::123456789012:assumed-role/reader/me</Arn></AssumedRoleUser>\
        </AssumeRoleResult></AssumeRoleResponse>";
    let (upstream, _seen) = answering(ok(body)).await;
    let door = Stage::before(upstream).await.open().await;
    let mut caller = door.caller().await;
    let form = b"Action=AssumeRole&Version=2011-06-15&RoleSessionName=me\
                 &RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Freader";
    let request = Sign::new("POST", "/", "sts")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .request();
    assert_eq!(caller.ask(request).await.status, StatusCode::OK);
    let request = Sign { key: "ASIAQQQQQQQQQQQQQQQQ", ..list_tables() }.request();
    assert_eq!(caller.ask(request).await.status, StatusCode::OK);
    let records = door.log.records();
    assert_eq!(records[0]["eventName"], "AssumeRole");
    assert_eq!(records[1]["userIdentity"]["type"], "AssumedRole", "{:#}", records[1]);
    assert_eq!(
        records[1]["userIdentity"]["arn"],
        "arn:aws:sts::123456789012:assumed-role/reader/me"
    );
    let all = format!("{records:?}");
    assert!(!all.contains("canary"), "a secret is in a record");
}

#[tokio::test]
async fn a_call_on_another_accounts_bucket_makes_a_record_for_each() {
    let (upstream, _seen) = answering(ok("object")).await;
    let door = Stage::before(upstream).await.open().await;
    let owner = AccountId::parse("210987654321").unwrap();
    door.catalog.add_account(owner, "other").await.unwrap();
    door.catalog.set_owner("s3:theirs", owner).await.unwrap();
    let request = Sign::new("GET", "/theirs/k", "s3").request();
    assert_eq!(door.caller().await.ask(request).await.body, "object");
    let records = door.log.records();
    let accounts: Vec<_> = records.iter().map(|it| it["recipientAccountId"].clone()).collect();
    assert_eq!(accounts, [ACCOUNT, "210987654321"]);
    assert_eq!(records[0]["sharedEventID"], records[1]["sharedEventID"]);
}

#[tokio::test]
async fn a_refused_call_of_the_query_protocols_is_named_and_its_parameters_are_not_kept() {
    let sts = "Action=AssumeRole&Version=2011-06-15&RoleSessionName=canary";
    let ec2 = "Action=RunInstances&Version=2016-11-15&UserData=canary";
    for (service, form, name) in [("sts", sts, "AssumeRole"), ("ec2", ec2, "RunInstances")] {
        let sign = || {
            Sign::new("POST", "/", service)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form.as_bytes())
        };
        // One is wrong only once the body is known, the other shows before.
        let secret = Sign { secret: "wrong", ..sign() };
        let expired = Sign { now: sign().now - jiff::SignedDuration::from_hours(2), ..sign() };
        for request in [secret, expired] {
            let (upstream, mut seen) = answering(ok("")).await;
            let door = Stage::before(upstream).await.open().await;
            let answer = door.caller().await.ask(request.request()).await;
            assert!(answer.status.is_client_error(), "{answer:?}");
            assert!(seen.try_recv().is_err());
            let record = door.log.record();
            assert_eq!(record["eventName"], name, "{record:#}");
            assert_eq!(record["eventSource"], format!("{service}.amazonaws.com"));
            assert_eq!(record["userIdentity"].get("type"), None, "{record:#}");
            assert!(!record.to_string().contains("canary"), "{record:#}");
        }
    }
}

#[tokio::test]
async fn a_caller_who_is_not_believed_is_not_asked_for_its_form() {
    let (upstream, _seen) = answering(ok("")).await;
    let door = Stage::before(upstream).await.open().await;
    let form = "Action=AssumeRole&Version=2011-06-15";
    let sign = Sign::new("POST", "/", "sts")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.as_bytes());
    let now = sign.now - jiff::SignedDuration::from_hours(2);
    let head = String::from_utf8(Sign { now, ..sign }.head()).unwrap();
    let head = head.replacen("\r\n", "\r\nExpect: 100-continue\r\n", 1);
    let answer = door.caller().await.ask(head).await;
    assert!(answer.status.is_client_error(), "{answer:?}");
    assert_eq!(door.log.record()["eventName"], "POST");
}
