//! The bulk route: finished records of services that already write them, sent by curl and by Python.

use std::{fs, io::Write as _, process::Command};

use serde_json::{Value, json};

use crate::{
    harness::{Server, eventually},
    raw::{Answer, Connection, Key, Request, call, look_up_all},
};

fn record(id: &str, account: &str, name: &str) -> Value {
    json!({
        "eventVersion": "1.11",
        "userIdentity": {"type": "IAMUser", "accountId": account, "userName": "loader"},
        "eventTime": "2026-11-20T12:00:00Z",
        "eventSource": "test.amazonaws.com",
        "eventName": name,
        "awsRegion": "us-east-1",
        "eventID": id,
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": account,
        "eventCategory": "Management",
    })
}

#[track_caller]
fn check(answer: &Answer, accepted: usize, duplicates: usize, contested: usize, failed: usize) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let said = answer.json();
    let numbers = ["accepted", "duplicates", "contested", "failedCount"]
        .map(|name| said[name].as_u64().unwrap());
    let expected = [accepted, duplicates, contested, failed].map(|it| it as u64);
    assert_eq!(numbers, expected, "{said:#}");
}

const OWN: &str = "123456789012";
const OTHER: &str = "222233334444";

#[test]
fn curl_and_python_send_records_as_lines_as_a_log_file_and_as_gzip() {
    let server = Server::start(&[]);
    let key = Key::root(&server);
    let lines = format!("{}\n{}\n", record("line-1", OWN, "Lines"), record("line-2", OWN, "Lines"));
    let file = json!({"Records": [record("file-1", OWN, "File")]}).to_string();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed
        .write_all(json!({"Records": [record("gzip-1", OWN, "Gzip")]}).to_string().as_bytes())
        .unwrap();
    fs::write(server.folder().join("lines"), &lines).unwrap();
    fs::write(server.folder().join("file"), file).unwrap();
    fs::write(server.folder().join("gzip"), packed.finish().unwrap()).unwrap();
    for (body, header, accepted) in [
        ("@lines", "content-type: application/x-ndjson", 2),
        ("@file", "content-type: application/json", 1),
        ("@gzip", "content-type: application/json", 1),
    ] {
        let output = Command::new("curl")
            .args(["-sS", "--fail-with-body", "--aws-sigv4", "aws:amz:us-east-1:cloudtrail-data"])
            .args(["-u", &format!("{}:{}", key.id, key.secret), "-H", header])
            .args(if body == "@gzip" { &["-H", "content-encoding: gzip"][..] } else { &[] })
            .args(["--data-binary", body, &format!("{}/_trailmark/records", server.endpoint())])
            .current_dir(server.folder())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{body}: {text}");
        let said: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(said["accepted"], accepted, "{body}: {said}");
    }
    let said = server.python(&format!(
        r#"
import os, urllib.request, boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
url = os.environ["AWS_ENDPOINT_URL"] + "/_trailmark/records"
request = AWSRequest("POST", url, data={:?}.encode(), headers={{"content-type": "application/x-ndjson"}})
SigV4Auth(boto3.Session().get_credentials(), "cloudtrail-data", "us-east-1").add_auth(request)
request = urllib.request.Request(url, data=request.body, headers=dict(request.headers), method="POST")
print(urllib.request.urlopen(request).read().decode())
"#,
        record("python-1", OWN, "Python").to_string()
    ));
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap()["accepted"], 1, "{said}");
    for (name, number) in [("Lines", 2), ("File", 1), ("Gzip", 1), ("Python", 1)] {
        assert_eq!(look_up_all(&server, "EventName", name).len(), number, "{name}");
    }
}

#[test]
fn records_are_kept_byte_for_byte() {
    let server = Server::start(&[]);
    let odd = r#"{"eventID":"odd", "eventName":"Odd","x":1.50,"eventTime":"2026-11-20T12:00:00Z","eventSource":"test.amazonaws.com","big":123456789012345678901234567890,"eventCategory":"Management" , "z":"\u0041"}"#;
    check(&call(&server, &Request::records(odd)), 1, 0, 0, 0);
    let answer = server.aws_json(&[
        "cloudtrail",
        "lookup-events",
        "--lookup-attributes",
        "AttributeKey=EventName,AttributeValue=Odd",
    ]);
    assert_eq!(answer["Events"][0]["CloudTrailEvent"], odd);
}

#[test]
fn a_bad_record_is_named_and_spoils_no_other() {
    let server = Server::start(&[]);
    let body = format!(
        "{}\n{{\"eventID\": \n[1]\n\"text\"\n{}\n",
        record("good-1", OWN, "Good"),
        record("good-2", OWN, "Good")
    );
    let answer = call(&server, &Request::records(body));
    check(&answer, 2, 0, 0, 3);
    let failed = answer.json()["failed"].clone();
    let indexes: Vec<_> = failed.as_array().unwrap().iter().map(|it| it["index"].clone()).collect();
    assert_eq!(indexes, [1, 2, 3]);
    for one in failed.as_array().unwrap() {
        assert_eq!(one["errorCode"], "InvalidData");
        assert!(one["errorMessage"].as_str().unwrap().starts_with("The record is "));
    }
    assert_eq!(look_up_all(&server, "EventName", "Good").len(), 2);
}

#[test]
fn a_record_that_is_already_there_is_dropped_also_after_kill_9_and_a_contested_id_keeps_both() {
    let mut server = Server::start(&[]);
    let first = record("same", OWN, "First").to_string();
    let other = record("same", OWN, "Second").to_string();
    check(&call(&server, &Request::records(format!("{first}\n{first}\n"))), 1, 1, 0, 0);
    check(&call(&server, &Request::records(other.clone())), 1, 0, 1, 0);
    server.kill_and_restart();
    check(&call(&server, &Request::records(format!("{first}\n{other}\n"))), 0, 2, 0, 0);
    assert_eq!(look_up_all(&server, "EventId", "same").len(), 2);
    // The same id in another account is another record.
    check(
        &call(&server, &Request::records(record("same", OTHER, "Third").to_string())),
        1,
        0,
        0,
        0,
    );
}

#[test]
fn a_user_sends_records_of_its_own_account_only_and_root_those_of_any() {
    let server = Server::start(&[]);
    let added = server.trailmark(&["account", "add", OTHER, "--json"]);
    let both = format!("{}\n{}\n", record("a", OWN, "Mixed"), record("b", OTHER, "Mixed"));
    check(&call(&server, &Request::records(both)), 2, 0, 0, 0);

    server.trailmark(&["user", "add", "loader", "--policy", "full-access"]);
    let key = server.trailmark(&["key", "create", "loader", "--json"]);
    let key: Value = serde_json::from_str(&key).unwrap();
    let key = Key {
        id: key["AccessKeyId"].as_str().unwrap().to_owned(),
        secret: key["SecretAccessKey"].as_str().unwrap().to_owned(),
    };
    let both = format!("{}\n{}\n", record("c", OWN, "Mixed"), record("d", OTHER, "Mixed"));
    let answer = Connection::to(&server).call(&Request::records(both), &key).unwrap();
    check(&answer, 1, 0, 0, 1);
    assert_eq!(answer.json()["failed"][0]["errorCode"], "InvalidRecipient");
    let own: Vec<_> = look_up_all(&server, "EventName", "Mixed")
        .iter()
        .map(|it| it["eventID"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(own.len(), 2, "{own:?}");
    assert!(own.contains(&"a".to_owned()) && own.contains(&"c".to_owned()), "{added}");
}

#[test]
fn who_may_only_read_may_not_send_and_strangers_even_less() {
    let server = Server::start(&[]);
    server.trailmark(&["user", "add", "reader", "--policy", "read-only"]);
    let key = server.trailmark(&["key", "create", "reader", "--json"]);
    let key: Value = serde_json::from_str(&key).unwrap();
    let reader = Key {
        id: key["AccessKeyId"].as_str().unwrap().to_owned(),
        secret: key["SecretAccessKey"].as_str().unwrap().to_owned(),
    };
    let stranger = Key { id: "AKIAIOSFODNN7EXAMPLE".to_owned(), secret: "guess".to_owned() };
    for key in [reader, stranger] {
        let request = Request::records(record("never", OWN, "Never").to_string());
        let answer = Connection::to(&server).call(&request, &key).unwrap();
        assert!(matches!(answer.status, 400 | 403), "{} {}", answer.status, answer.text());
    }
    assert!(look_up_all(&server, "EventName", "Never").is_empty());
}

#[test]
fn records_whose_sender_left_halfway_can_be_sent_again() {
    let server = Server::start(&[]);
    let key = Key::root(&server);
    let url = format!("{}/_trailmark/records", server.endpoint());
    for attempt in 0..12 {
        let ids = (0..2_000).map(|number| format!("left-{attempt}-{number}"));
        let body: String = ids.map(|id| record(&id, OWN, "Left").to_string() + "\n").collect();
        fs::write(server.folder().join("body"), &body).unwrap();
        // Over HTTP/2 the server learns at once that the caller has left.
        let patience = format!("0.{:03}", 20 + 15 * attempt);
        Command::new("curl")
            .args(["-s", "--http2-prior-knowledge", "--max-time", &patience])
            .args(["--aws-sigv4", "aws:amz:us-east-1:cloudtrail-data", "--data-binary", "@body"])
            .args(["-H", "content-type: application/x-ndjson"])
            .args(["-u", &format!("{}:{}", key.id, key.secret), &url])
            .current_dir(server.folder())
            .output()
            .unwrap();
        let answer = call(&server, &Request::records(body));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let said = answer.json();
        let taken = said["accepted"].as_u64().unwrap() + said["duplicates"].as_u64().unwrap();
        assert_eq!(taken, 2_000, "{said}");
    }
    let last = eventually("the last record is found", || {
        let found = look_up_all(&server, "EventId", "left-11-1999");
        (!found.is_empty()).then_some(found)
    });
    assert_eq!(last.len(), 1);
}
