//! The judge from outside: the unmodified `aws cloudtrail validate-logs` on what we delivered.

use std::{collections::BTreeMap, process::Command};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use integrity::digest::{Signer as _, gzip};
use serde_json::json;
use testkit::BucketServer;

use super::house::{House, MINUTE, SIGNER};

const BUCKET: &str = "all-logs";

#[tokio::test]
async fn the_aws_cli_finds_what_was_delivered_valid() {
    let venv = std::env::var("TRAILMARK_VENV").expect("TRAILMARK_VENV names a Python with awscli");
    let mut house = House::new().await;
    house.publish(house.trail("all"));
    house.work().await;
    for _ in 0..5 {
        house.record("us-east-1", "RunInstances").await;
        house.pass(6, 10 * MINUTE).await;
    }
    house.pass(2, MINUTE).await;
    let bucket = house.buckets.bucket(BUCKET);
    let mut objects = BTreeMap::new();
    for (key, bytes) in bucket.files().await {
        let metadata = bucket.metadata(&key).await;
        objects.insert(key, (gzip(&bytes), metadata.into_iter().collect()));
    }
    let arn = house.trail("all").trail_arn;
    let trail = json!({"Name": "all", "S3BucketName": BUCKET, "HomeRegion": "us-east-1",
        "TrailARN": arn, "IsOrganizationTrail": false});
    let key = SIGNER.public_key();
    let key = json!({"Value": BASE64_STANDARD.encode(key.as_pkcs1()),
        "Fingerprint": key.fingerprint(), "ValidityStartTime": 0,
        "ValidityEndTime": 4_000_000_000_u64});
    let answers = BTreeMap::from([
        ("DescribeTrails", json!({"trailList": [trail]})),
        ("ListPublicKeys", json!({"PublicKeyList": [key]})),
    ]);
    let url = BucketServer { bucket: BUCKET.to_owned(), objects, answers }.serve();
    let ran = tokio::task::spawn_blocking(move || {
        Command::new(format!("{venv}/bin/aws"))
            .args(["cloudtrail", "validate-logs", "--verbose", "--trail-arn", &arn])
            .args(["--start-time", "2026-03-01T00:00:00Z", "--end-time", "2026-03-02T00:00:00Z"])
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
    for expected in ["6/6 digest files valid", "5/5 log files valid"] {
        assert!(words.contains(expected), "`{expected}` is missing:\n{words}");
    }
}
