//! The judge from outside: the unmodified `aws cloudtrail validate-logs` on what we delivered.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::Arc,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use integrity::digest::{Signer as _, gzip};
use serde_json::json;

use super::house::{House, MINUTE, SIGNER};

const BUCKET: &str = "all-logs";

/// What a small S3 and CloudTrail answer from.
#[derive(Debug)]
struct World {
    arn: String,
    objects: BTreeMap<String, (Vec<u8>, HashMap<String, String>)>,
}

fn serve(world: World) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let world = Arc::new(world);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let world = Arc::clone(&world);
            std::thread::spawn(move || converse(&world, stream.unwrap()));
        }
    });
    url
}

fn converse(world: &World, mut stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let target = line.split(' ').nth(1).unwrap().to_owned();
        let (mut length, mut operation) = (0, String::new());
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).unwrap();
            let Some((name, value)) = header.trim_end().split_once(": ") else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().unwrap(),
                "x-amz-target" => value.rsplit('.').next().unwrap().clone_into(&mut operation),
                _ => {}
            }
        }
        reader.by_ref().take(length).read_to_end(&mut Vec::new()).unwrap();
        let (head, body) = answer(world, &target, &operation);
        let head = format!("HTTP/1.1 {head}Content-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&body).unwrap();
    }
}

fn answer(world: &World, target: &str, operation: &str) -> (String, Vec<u8>) {
    let ok = |kind: &str, text: String| {
        (format!("200 OK\r\nContent-Type: application/{kind}\r\n"), text.into_bytes())
    };
    match operation {
        "DescribeTrails" => {
            let trail = json!({"Name": "all", "S3BucketName": BUCKET, "HomeRegion": "us-east-1",
                "TrailARN": world.arn, "IsOrganizationTrail": false});
            return ok("x-amz-json-1.1", json!({"trailList": [trail]}).to_string());
        }
        "ListPublicKeys" => {
            let key = SIGNER.public_key();
            let key = json!({"Value": BASE64_STANDARD.encode(key.as_pkcs1()),
                "Fingerprint": key.fingerprint(), "ValidityStartTime": 0,
                "ValidityEndTime": 4_000_000_000_u64});
            return ok("x-amz-json-1.1", json!({"PublicKeyList": [key]}).to_string());
        }
        _ => {}
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let decoded = |text: &str| text.replace("%2F", "/").replace("%2f", "/");
    let parameter = |name: &str| {
        let value = query.split('&').find_map(|it| it.strip_prefix(name)?.strip_prefix('='));
        value.map(decoded).unwrap_or_default()
    };
    if query == "location" {
        return ok("xml", "<LocationConstraint/>".to_owned());
    }
    let key = decoded(path.strip_prefix(&format!("/{BUCKET}")).unwrap_or_default());
    if key.len() < 2 {
        let (prefix, marker) = (parameter("prefix"), parameter("marker"));
        let keys = world.objects.keys().filter(|it| it.starts_with(&prefix) && **it > marker);
        let list: String =
            keys.map(|it| format!("<Contents><Key>{it}</Key><Size>1</Size></Contents>")).collect();
        let name = format!("<Name>{BUCKET}</Name><IsTruncated>false</IsTruncated>");
        return ok("xml", format!("<ListBucketResult>{name}{list}</ListBucketResult>"));
    }
    match world.objects.get(key.trim_start_matches('/')) {
        None => (
            "404 Not Found\r\nContent-Type: application/xml\r\n".to_owned(),
            b"<Error><Code>NoSuchKey</Code><Message>no</Message></Error>".to_vec(),
        ),
        Some((body, metadata)) => {
            let mut head = "200 OK\r\nContent-Type: application/json\r\n".to_owned();
            for (name, value) in metadata {
                write!(head, "x-amz-meta-{name}: {value}\r\n").unwrap();
            }
            (head, body.clone())
        }
    }
}

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
        objects.insert(key, (gzip(&bytes), metadata));
    }
    let world = World { arn: house.trail("all").trail_arn, objects };
    let (arn, url) = (world.arn.clone(), serve(world));
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
