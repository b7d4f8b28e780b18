//! What a newcomer does in the first five minutes.

use std::{fs, process::Command};

use serde_json::{Value, json};

use crate::harness::{Moto, Server};

fn names(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["eventName"].as_str().unwrap()).collect()
}

#[test]
fn s3_calls_of_the_unmodified_cli_are_found_also_after_the_process_was_killed() {
    let mut server = Server::start(&[]);
    fs::write(server.folder().join("hello.txt"), "hello").unwrap();
    server.aws(&["s3", "mb", "s3://ledger"]);
    server.aws(&["s3", "cp", "hello.txt", "s3://ledger/2026/hello.txt"]);
    let listing = server.aws(&["s3", "ls", "s3://ledger/2026/"]);
    assert!(listing.contains("hello.txt"), "{listing}");
    let url = server.aws(&["s3", "presign", "s3://ledger/2026/hello.txt"]);
    let body = Command::new("curl").args(["-sf", url.trim()]).output().unwrap();
    assert_eq!(body.stdout, b"hello");
    server.aws(&["s3", "rm", "s3://ledger/2026/hello.txt"]);

    let check = |server: &Server| {
        let records = server.lookup("EventName", "CreateBucket");
        assert_eq!(names(&records), ["CreateBucket"]);
        let record = &records[0];
        assert_eq!(record["userIdentity"]["type"], "Root");
        assert_eq!(record["userIdentity"]["accountId"], "123456789012");
        assert_eq!(record["sourceIPAddress"], "127.0.0.1");
        assert_eq!(record["requestParameters"]["bucketName"], "ledger");
        assert_eq!(record["eventSource"], "s3.amazonaws.com");
        assert_eq!(record["recipientAccountId"], "123456789012");
        assert_eq!(record["eventCategory"], "Management");
        // Data events are kept, and event history does not show them.
        assert!(server.lookup("EventName", "PutObject").is_empty());
    };
    check(&server);
    server.kill_and_restart();
    check(&server);
}

#[test]
fn a_denied_call_is_recorded_with_its_error_and_the_claimed_key_only() {
    let mut server = Server::start(&[]);
    let own = server.aws_json(&["sts", "get-caller-identity"]);
    assert_eq!(own["Arn"], "arn:aws:iam::123456789012:root");

    let right = server.environment.clone();
    server.environment.remove("AWS_SHARED_CREDENTIALS_FILE");
    server.environment.insert("AWS_ACCESS_KEY_ID".into(), "AKIAIOSFODNN7EXAMPLE".into());
    server.environment.insert("AWS_SECRET_ACCESS_KEY".into(), "wrong".into());
    let denied = server.aws_raw(&["s3", "mb", "s3://never"]);
    let words = String::from_utf8_lossy(&denied.stderr).into_owned();
    assert!(!denied.status.success());
    assert!(words.contains("InvalidAccessKeyId"), "{words}");

    server.environment = right;
    let records = server.lookup("EventName", "CreateBucket");
    assert_eq!(records.len(), 1, "{records:#?}");
    assert_eq!(records[0]["errorCode"], "InvalidAccessKeyId");
    assert_eq!(records[0]["userIdentity"]["accessKeyId"], "AKIAIOSFODNN7EXAMPLE");
    assert_eq!(records[0]["userIdentity"].get("arn"), None);
    assert_eq!(records[0]["requestParameters"], Value::Null);
    let found = server.lookup("EventName", "GetCallerIdentity");
    assert_eq!(found[0]["eventSource"], "sts.amazonaws.com");
    assert_eq!(found[0]["readOnly"], json!(true));
}

#[test]
fn calls_to_an_upstream_are_forwarded_and_found() {
    let moto = Moto::start();
    let upstream = |service: &str| format!("{service}={}", moto.endpoint);
    let server =
        Server::start(&["--upstream", &upstream("dynamodb"), "--upstream", &upstream("kms")]);
    server.python(
        r#"
import boto3
dynamodb = boto3.client("dynamodb")
dynamodb.create_table(TableName="orders", BillingMode="PAY_PER_REQUEST",
    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}])
dynamodb.put_item(TableName="orders", Item={"id": {"S": "canary-item-value"}})
kms = boto3.client("kms")
key = kms.create_key(Description="a key")["KeyMetadata"]["KeyId"]
out = kms.encrypt(KeyId=key, Plaintext=b"canary-plaintext", EncryptionContext={"tenant": "blue"})
try:
    kms.describe_key(KeyId="00000000-0000-0000-0000-000000000000")
    raise SystemExit("the key should not exist")
except kms.exceptions.NotFoundException:
    pass
"#,
    );
    let tables = server.lookup("EventName", "CreateTable");
    assert_eq!(tables[0]["requestParameters"]["tableName"], "orders");
    assert_eq!(tables[0]["eventSource"], "dynamodb.amazonaws.com");
    assert_eq!(tables[0]["userIdentity"]["type"], "Root");
    let encrypted = server.lookup("EventName", "Encrypt");
    assert_eq!(encrypted[0]["requestParameters"]["encryptionContext"]["tenant"], "blue");
    assert_eq!(encrypted[0]["readOnly"], json!(true));
    let failed = server.lookup("EventName", "DescribeKey");
    assert_eq!(failed[0]["errorCode"], "NotFoundException");
    assert!(failed[0]["errorMessage"].is_string());
}

#[test]
fn records_carry_the_names_of_users_and_a_user_may_do_what_its_policy_says() {
    let mut server = Server::start(&[]);
    server.aws(&["s3", "mb", "s3://ledger"]);
    server.trailmark(&["user", "add", "mira", "--policy", "read-only"]);
    let key = server.trailmark(&["key", "create", "mira", "--json"]);
    let key: Value = serde_json::from_str(&key).unwrap();
    let root = server.environment.clone();
    let id = key["AccessKeyId"].as_str().unwrap().to_owned();
    let secret = key["SecretAccessKey"].as_str().unwrap().to_owned();
    server.environment.remove("AWS_SHARED_CREDENTIALS_FILE");
    server.environment.insert("AWS_ACCESS_KEY_ID".into(), id.clone());
    server.environment.insert("AWS_SECRET_ACCESS_KEY".into(), secret);

    let who = server.aws_json(&["sts", "get-caller-identity"]);
    assert_eq!(who["Arn"], "arn:aws:iam::123456789012:user/mira");
    server.aws(&["s3", "ls"]);
    let denied = server.aws_raw(&["s3", "rb", "s3://ledger"]);
    assert!(!denied.status.success());
    let words = String::from_utf8_lossy(&denied.stderr).into_owned();
    assert!(words.contains("AccessDenied"), "{words}");

    let records = server.lookup("Username", "mira");
    assert!(names(&records).contains(&"DeleteBucket"), "{:?}", names(&records));
    let refused = records.iter().find(|it| it["eventName"] == "DeleteBucket").unwrap();
    assert_eq!(refused["errorCode"], "AccessDenied");
    assert_eq!(refused["userIdentity"]["userName"], "mira");

    server.environment = root;
    server.trailmark(&["key", "disable", &id]);
    assert!(server.trailmark(&["key", "list"]).contains("Inactive"));
}
