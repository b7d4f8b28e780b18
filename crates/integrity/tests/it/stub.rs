//! A small HTTP server that answers what `aws cloudtrail validate-logs` asks: S3 reads of one bucket,
//! `DescribeTrails`, `GetTrailStatus` and `ListPublicKeys`.

use std::{
    fmt::Write as _,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use integrity::digest::{PublicKey, Stamp};
use serde_json::json;

use crate::bucket::{ACCOUNT, Bucket, NAME};

/// What the server answers from.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) bucket: Bucket,
    pub(crate) keys: Vec<(PublicKey, Stamp, Stamp)>,
    /// What `GetTrailStatus` says of the newest digest.
    pub(crate) latest_digest: Stamp,
}

/// Serves until the test's process ends; gives the URL.
pub(crate) fn serve(world: World) -> String {
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
    let json = |value: serde_json::Value| {
        (
            "200 OK\r\nContent-Type: application/x-amz-json-1.1\r\n".to_owned(),
            value.to_string().into_bytes(),
        )
    };
    let xml = |text: String| {
        ("200 OK\r\nContent-Type: application/xml\r\n".to_owned(), text.into_bytes())
    };
    match operation {
        "DescribeTrails" => {
            let chain = &world.bucket.chain;
            return json(json!({"trailList": [{
                "Name": chain.id.trail,
                "S3BucketName": NAME,
                "S3KeyPrefix": chain.root.prefix,
                "HomeRegion": chain.id.home_region,
                "TrailARN": trail_arn(&world.bucket),
                "IsOrganizationTrail": false,
            }]}));
        }
        "ListPublicKeys" => {
            let keys: Vec<_> = world
                .keys
                .iter()
                .map(|(key, from, until)| {
                    json!({
                        "Value": BASE64_STANDARD.encode(key.as_pkcs1()),
                        "Fingerprint": key.fingerprint(),
                        "ValidityStartTime": from.timestamp().as_second(),
                        "ValidityEndTime": until.timestamp().as_second(),
                    })
                })
                .collect();
            return json(json!({"PublicKeyList": keys}));
        }
        "GetTrailStatus" => {
            let latest = world.latest_digest.timestamp().as_second();
            return json(json!({"IsLogging": true, "LatestDigestDeliveryTime": latest}));
        }
        _ => {}
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let parameter = |name: &str| {
        query.split('&').find_map(|it| it.strip_prefix(name)?.strip_prefix('=')).map(decoded)
    };
    if query == "location" {
        return xml("<LocationConstraint/>".to_owned());
    }
    let key = path.strip_prefix(&format!("/{NAME}")).unwrap_or_default();
    if key.len() < 2 {
        let prefix = parameter("prefix").unwrap_or_default();
        let marker = parameter("marker").unwrap_or_default();
        let mut contents = String::new();
        let keys = world.bucket.objects.keys();
        for key in keys.filter(|it| it.starts_with(&prefix) && **it > marker) {
            write!(contents, "<Contents><Key>{key}</Key><Size>1</Size></Contents>").unwrap();
        }
        return xml(format!(
            "<ListBucketResult><Name>{NAME}</Name><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
        ));
    }
    match world.bucket.objects.get(&decoded(&key[1..])) {
        None => (
            "404 Not Found\r\nContent-Type: application/xml\r\n".to_owned(),
            b"<Error><Code>NoSuchKey</Code><Message>no</Message></Error>".to_vec(),
        ),
        Some(object) => {
            let mut head = "200 OK\r\nContent-Type: application/json\r\n".to_owned();
            for (name, value) in &object.metadata {
                write!(head, "x-amz-meta-{name}: {value}\r\n").unwrap();
            }
            (head, object.body.clone())
        }
    }
}

pub(crate) fn trail_arn(bucket: &Bucket) -> String {
    let id = &bucket.chain.id;
    format!("arn:aws:cloudtrail:{}:{ACCOUNT}:trail/{}", id.home_region, id.trail)
}

fn decoded(text: &str) -> String {
    text.replace("%2F", "/").replace("%3A", ":").replace("%2f", "/")
}
