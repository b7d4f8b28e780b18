//! The judge from outside: the unmodified `aws cloudtrail validate-logs` on what we delivered.

use std::{collections::BTreeMap, process::Command};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use integrity::digest::{ValidKey, gzip};
use serde_json::{Value, json};
use testkit::BucketServer;

use super::house::{House, MINUTE, own_key};

const BUCKET: &str = "all-logs";

#[tokio::test]
async fn the_aws_cli_finds_what_was_delivered_valid() {
    let mut house = House::new().await;
    house.publish(house.trail("all"));
    house.work().await;
    for _ in 0..5 {
        house.record("us-east-1", "RunInstances").await;
        house.pass(6, 10 * MINUTE).await;
    }
    house.pass(2, MINUTE).await;
    check(&house, &[own_key()], ["6/6 digest files valid", "5/5 log files valid"]).await;
}

/// The AWS CLI says so of the trail `all`, from March to mid-April, with what `ListPublicKeys` gives.
pub(super) async fn check(house: &House, keys: &[ValidKey], expected: [&str; 2]) {
    let venv = std::env::var("TRAILMARK_VENV").expect("TRAILMARK_VENV names a Python with awscli");
    let bucket = house.buckets.bucket(BUCKET);
    let mut objects = BTreeMap::new();
    for (key, bytes) in bucket.files().await {
        let metadata = bucket.metadata(&key).await;
        objects.insert(key, (gzip(&bytes), metadata.into_iter().collect()));
    }
    let arn = house.trail("all").trail_arn;
    let trail = json!({"Name": "all", "S3BucketName": BUCKET, "HomeRegion": "us-east-1",
        "TrailARN": arn, "IsOrganizationTrail": false});
    let keys: Vec<_> = keys.iter().map(listed).collect();
    let answers = BTreeMap::from([
        ("DescribeTrails", json!({"trailList": [trail]})),
        ("ListPublicKeys", json!({"PublicKeyList": keys})),
    ]);
    let url = BucketServer { bucket: BUCKET.to_owned(), objects, answers }.serve();
    let ran = tokio::task::spawn_blocking(move || {
        Command::new(format!("{venv}/bin/aws"))
            .args(["cloudtrail", "validate-logs", "--verbose", "--trail-arn", &arn])
            .args(["--start-time", "2026-03-01T00:00:00Z", "--end-time", "2026-04-15T00:00:00Z"])
            .env("AWS_ENDPOINT_URL", url)
            .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_CONFIG_FILE", "/nonexistent")
            .output()
            .unwrap()
    });
    let ran = ran.await.unwrap();
    let words = [ran.stdout, ran.stderr].map(|it| String::from_utf8(it).unwrap()).concat();
    assert!(ran.status.success(), "{words}");
    for expected in expected {
        assert!(words.contains(expected), "`{expected}` is missing:\n{words}");
    }
}

/// A key as `ListPublicKeys` shows it.
fn listed(valid: &ValidKey) -> Value {
    let seconds = |it: integrity::digest::Stamp| it.timestamp().as_second();
    let (from, until) =
        valid.validity.map_or((0, 4_000_000_000), |(from, until)| (seconds(from), seconds(until)));
    json!({"Value": BASE64_STANDARD.encode(valid.key.as_pkcs1()),
        "Fingerprint": valid.key.fingerprint(),
        "ValidityStartTime": from, "ValidityEndTime": until})
}
