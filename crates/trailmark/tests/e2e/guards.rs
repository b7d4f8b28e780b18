//! Buckets of trails, as those try them who would hide something, and those who look after them.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    deliveries::{FAST, keys},
    harness::{Moto, Server, eventually},
};

/// Makes and starts a trail of its own name, and waits for its first log file.
fn trail(server: &Server, name: &str, more: &[&str]) {
    let trail = ["--name", name];
    server.aws(&[&["cloudtrail", "create-trail"], &trail[..], more].concat());
    server.aws(&[&["cloudtrail", "start-logging"], &trail[..]].concat());
    eventually("a log file is delivered", || {
        let status = server.aws_json(&[&["cloudtrail", "get-trail-status"], &trail[..]].concat());
        status.get("LatestDeliveryTime").map(drop)
    });
}

/// What `trailmark check` found of a trail, or of the account, as "state check"; and what it said.
fn checked(server: &Server, name: Option<&str>, arguments: &[&str]) -> (Vec<String>, String) {
    let output = server.trailmark_raw(&[&["check", "--json"], arguments].concat());
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    let report: Value = serde_json::from_str(&words)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let all = report["findings"].as_array().unwrap();
    let fails = all.iter().any(|it| it["state"] == "fail");
    assert_eq!(output.status.success(), !fails, "{words}");
    let is_of = |it: &&Value| match name {
        Some(name) => it["trail"].as_str().is_some_and(|it| it.ends_with(&format!("/{name}"))),
        None => true,
    };
    let of_account = |it: &Value| it["check"] == "all-regions" || it["check"] == "organization";
    let of = |it: &&Value| of_account(it) == name.is_none() && is_of(it);
    (all.iter().filter(of).map(line).collect(), words)
}

fn line(finding: &Value) -> String {
    let word = |name: &str| finding[name].as_str().unwrap().to_owned();
    format!("{} {}", word("state"), word("check"))
}

/// Checks that `trailmark check` says the same in words, and ends the same, as it does in JSON.
fn check_words(server: &Server) {
    let [json, words] = [&["check", "--json"][..], &["check"]].map(|it| server.trailmark_raw(it));
    assert_eq!(json.status, words.status);
    let report: Value = serde_json::from_slice(&json.stdout).unwrap();
    let told: Vec<_> = report["findings"].as_array().unwrap().iter().map(line).collect();
    let words = String::from_utf8(words.stdout).unwrap();
    let said = words.lines().map(|it| it.split_once(':').unwrap().0.split_whitespace());
    assert_eq!(said.map(|it| it.collect::<Vec<_>>().join(" ")).collect::<Vec<_>>(), told);
}

#[test]
fn what_a_trail_wrote_stays_in_view_whatever_is_tried_and_each_try_is_recorded() {
    let server = Server::start_with(&[], &[FAST]);
    server.aws(&["s3", "mb", "s3://audit-logs"]);
    trail(&server, "audit", &["--s3-bucket-name", "audit-logs"]);
    let key = keys(&server, "audit-logs").into_iter().find(|it| it.ends_with(".gz")).unwrap();
    let (mut tail, lines) = server.tail();
    let program = TRIES.replace("KEY", &format!("{key:?}"));
    assert_eq!(server.python(&program).trim(), "it is there");
    let wanted =
        ["CompleteMultipartUpload", "CopyObject", "DeleteObject", "DeleteObject", "PutObject"];
    let mut refused = Vec::new();
    for line in std::io::BufRead::lines(lines) {
        let record: Value = serde_json::from_str(&line.unwrap()).unwrap();
        if record["errorCode"] == "AccessDenied" {
            assert_eq!(record["errorMessage"], LOCKED, "{record}");
            assert!(record["resources"].to_string().contains(&key), "{record}");
            refused.push(record["eventName"].as_str().unwrap().to_owned());
        }
        if record["eventName"] == "DeleteTrail" {
            break;
        }
    }
    refused.sort();
    assert_eq!(refused, wanted);
    tail.kill().unwrap();
    tail.wait().unwrap();
}

const LOCKED: &str = "Access Denied because object protected by object lock.";
const TRIES: &str = r#"
import boto3
from botocore.exceptions import ClientError
s3, trails = boto3.client("s3"), boto3.client("cloudtrail")
it, elsewhere = {"Bucket": "audit-logs", "Key": KEY}, {"Bucket": "audit-logs", "Key": "mine"}
body = s3.get_object(**it)["Body"].read()
def refused(code, call, **arguments):
    try:
        call(**arguments)
        raise SystemExit(f"{call} was allowed")
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
    assert s3.get_object(**it)["Body"].read() == body
    assert it["Key"] in [it["Key"] for it in s3.list_objects_v2(Bucket="audit-logs")["Contents"]]
s3.put_object(**elsewhere, Body=b"mine")
refused("AccessDenied", s3.delete_object, **it)
gone = s3.delete_objects(Bucket="audit-logs", Delete={"Objects": [{"Key": it["Key"]}], "Quiet": True})
assert [it["Code"] for it in gone["Errors"]] == ["AccessDenied"], gone
refused("AccessDenied", s3.put_object, **it, Body=b"other")
refused("AccessDenied", s3.copy_object, **it, CopySource=elsewhere)
upload = s3.create_multipart_upload(**it)["UploadId"]
part = s3.upload_part(**it, UploadId=upload, PartNumber=1, Body=b"other")
parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
refused("AccessDenied", s3.complete_multipart_upload, **it, UploadId=upload, MultipartUpload=parts)
# There are no versions to hide it behind, nor anything that moves or ages it away.
refused("NotImplemented", s3.put_bucket_versioning, Bucket="audit-logs",
    VersioningConfiguration={"Status": "Enabled"})
expiry = {"Rules": [{"ID": "1", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]}
refused("NotImplemented", s3.put_bucket_lifecycle_configuration, Bucket="audit-logs",
    LifecycleConfiguration=expiry)
refused("NotImplemented", s3.rename_object, **elsewhere, RenameSource=f"audit-logs/{it['Key']}")
assert s3.get_object(**elsewhere)["Body"].read() == b"mine"
refused("BucketNotEmpty", s3.delete_bucket, Bucket="audit-logs")
trails.delete_trail(Name="audit")
refused("AccessDenied", s3.delete_object, **it)
print("it is there")
"#;

/// A service that answers every request with what `answer` gives; with none, never.
struct Service {
    endpoint: String,
    /// The first lines of all requests.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Service {
    /// How often a trail has asked whether it may write.
    fn markers(&self) -> usize {
        self.asked.lock().unwrap().iter().filter(|it| it.contains("/CloudTrail/ HTTP")).count()
    }
}

fn service(answer: impl Fn() -> Option<String> + Send + 'static) -> Service {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let seen = Arc::clone(&asked);
    thread::spawn(move || {
        let mut held = Vec::new();
        for caller in listener.incoming() {
            let mut caller = caller.unwrap();
            let mut head = [0; 4096];
            let Ok(count @ 1..) = caller.read(&mut head) else { continue };
            let head = String::from_utf8_lossy(&head[..count]).into_owned();
            seen.lock().unwrap().push(head.lines().next().unwrap().to_owned());
            match answer() {
                Some(answer) => {
                    caller.write_all(answer.as_bytes()).unwrap();
                    caller.shutdown(Shutdown::Write).unwrap();
                    // What was not read when a connection closes would take the answer with it.
                    thread::spawn(move || std::io::copy(&mut caller, &mut std::io::sink()));
                }
                None => held.push(caller),
            }
        }
    });
    Service { endpoint, asked }
}

fn http(status: &str, body: &str) -> Option<String> {
    let length = body.len();
    Some(format!(
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    ))
}

#[test]
fn a_bucket_that_never_answers_holds_up_nobody_else() {
    let is_dead = Arc::new(AtomicBool::new(false));
    let dead = Arc::clone(&is_dead);
    let bucket = service(move || http("200 OK", "").filter(|_| !dead.load(Ordering::Relaxed)));
    let mut server = Server::start_with(
        &[],
        &[
            FAST,
            ("TRAILMARK_DELIVERY__PUT_TIMEOUT_SECONDS", "1"),
            ("TRAILMARK_BUCKETS__DEAD__ENDPOINT", &bucket.endpoint),
            ("TRAILMARK_BUCKETS__DEAD__ACCESS_KEY_ID", "test"),
            ("TRAILMARK_BUCKETS__DEAD__SECRET_ACCESS_KEY", "test"),
        ],
    );
    server.environment.insert("AWS_MAX_ATTEMPTS".to_owned(), "1".to_owned());
    server.aws(&["s3", "mb", "s3://audit-logs"]);
    trail(&server, "dying", &["--s3-bucket-name", "dead"]);
    is_dead.store(true, Ordering::Relaxed);
    server.aws(&["sts", "get-caller-identity"]);
    eventually("it is told that the bucket is silent", || {
        let (found, words) = checked(&server, Some("dying"), &[]);
        assert!(found[0] == "pass delivery" || words.contains("did not answer"), "{words}");
        (found[0] == "fail delivery").then_some(())
    });

    let make = ["cloudtrail", "create-trail", "--name", "dead", "--s3-bucket-name", "dead"];
    thread::scope(|scope| {
        let (asked, waiting) = (Instant::now(), scope.spawn(|| server.aws_raw(&make)));
        eventually("the bucket is asked", || (bucket.markers() > 1).then_some(()));
        trail(&server, "audit", &["--s3-bucket-name", "audit-logs"]);
        for page in ["metrics", "healthz", "readyz"] {
            let at = format!("{}/_trailmark/{page}", server.endpoint());
            server.python(&format!("import urllib.request as r; r.urlopen('{at}', timeout=5)"));
        }
        let (found, words) =
            checked(&server, Some("audit"), &["--s3-endpoint-url", &bucket.endpoint]);
        assert!(words.contains("does not answer"), "{words}");
        assert_eq!(found[0], "pass delivery");
        assert_eq!(found[2..], UNASKED[2..]);
        for end in ["stop-logging", "delete-trail"] {
            server.aws(&["cloudtrail", end, "--name", "dying"]);
        }
        let refused = waiting.join().unwrap();
        let words = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(words.contains("ServiceUnavailable") && words.contains("bucket dead"), "{words}");
        assert!(asked.elapsed() < Duration::from_mins(2), "{:?}", asked.elapsed());
    });

    let before = bucket.markers();
    let asked = thread::scope(|scope| {
        let waiting = scope.spawn(|| server.aws_raw(&make));
        eventually("the bucket is asked", || (bucket.markers() > before).then_some(()));
        let asked = Instant::now();
        server.terminate();
        waiting.join().unwrap();
        asked
    });
    let status = server.ended();
    assert!(status.success(), "{status}: {}", server.words());
    assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
}

/// What is found of a trail that delivers and validates when nothing can be asked of its bucket.
const UNASKED: [&str; 6] = [
    "pass delivery",
    "pass validation",
    "unknown write-once",
    "unknown encryption",
    "unknown public-access",
    "unknown dedicated-bucket",
];

#[test]
fn check_tells_what_it_saw_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_str().unwrap();
    let settings = [
        FAST,
        ("TRAILMARK_TRAIL_RETENTION_DAYS", "0"),
        ("TRAILMARK_BUCKETS__EVIDENCE__FOLDER", place),
    ];
    let server = Server::start_with(&[], &settings);
    let account = |server: &Server| checked(server, None, &[]).0;
    assert_eq!(account(&server), ["fail all-regions", "pass organization"]);
    for bucket in ["audit-logs", "shared"] {
        server.aws(&["s3", "mb", &format!("s3://{bucket}")]);
    }
    let more = ["--is-multi-region-trail", "--enable-log-file-validation"];
    trail(&server, "audit", &[&["--s3-bucket-name", "audit-logs"], &more[..]].concat());
    assert_eq!(account(&server), ["pass all-regions", "pass organization"]);
    let of = |name: &str, arguments: &[&str]| checked(&server, Some(name), arguments).0;
    let kept = |state: &'static str| {
        [
            "pass delivery",
            "pass validation",
            state,
            "warn encryption",
            "pass public-access",
            "pass dedicated-bucket",
        ]
    };
    assert_eq!(of("audit", &[]), kept("fail write-once"));

    // A service that says no to all, or takes each question for another one.
    let denied = "<Error><Code>AccessDenied</Code></Error>";
    let unknown_here = "<Error><Code>NotImplemented</Code></Error>";
    for answer in [
        http("403 Forbidden", denied),
        http("501 Not Implemented", unknown_here),
        http("405 Method Not Allowed", unknown_here),
        http("404 Not Found", "<Error><Code>NoSuchBucket</Code></Error>"),
        http("200 OK", "<ListBucketResult></ListBucketResult>"),
        http("200 OK", "no document at all"),
    ] {
        let words = answer.clone();
        let other = service(move || answer.clone());
        assert_eq!(of("audit", &["--s3-endpoint-url", &other.endpoint]), UNASKED, "{words:?}");
    }

    // What lies in a folder cannot be asked; that it was delivered can.
    trail(&server, "folder", &["--s3-bucket-name", "evidence"]);
    assert_eq!(of("folder", &[])[0], "pass delivery");
    assert_eq!(of("folder", &[])[2..], UNASKED[2..]);

    // Two trails may share a bucket, and what else lies there is found at any depth.
    for name in ["first", "second"] {
        let prefix = format!("team/{name}");
        trail(&server, name, &["--s3-bucket-name", "shared", "--s3-key-prefix", &prefix]);
    }
    assert_eq!(of("first", &[])[5], "pass dedicated-bucket");
    server.aws(&["s3api", "put-object", "--bucket", "shared", "--key", "team/notes"]);
    assert_eq!(of("second", &[])[5], "warn dedicated-bucket");

    server.aws(&["cloudtrail", "stop-logging", "--name", "audit"]);
    assert_eq!(account(&server), ["fail all-regions", "pass organization"]);
    assert_eq!(of("audit", &[])[0], "fail delivery");
    check_words(&server);

    // The embedded S3 does not encrypt: files wait for a key that it never asks.
    let key = "arn:aws:kms:us-east-1:123456789012:key/1b2c3d4e-0000-4000-8000-123456789012";
    server.aws(&["s3", "mb", "s3://sealed"]);
    let sealed = ["--s3-bucket-name", "sealed", "--kms-key-id", key];
    server.aws(&[&["cloudtrail", "create-trail", "--name", "sealed"], &sealed[..]].concat());
    server.aws(&["cloudtrail", "start-logging", "--name", "sealed"]);
    let refused = eventually("a file is refused", || {
        Some(of("sealed", &[])).filter(|it| it[0] == "fail delivery")
    });
    assert_eq!(refused[2..4], ["unknown write-once", "unknown encryption"]);
}

#[test]
fn check_reads_locks_keys_and_grants_of_a_bucket_elsewhere() {
    let moto = Moto::start();
    let server = Server::start_with(
        &[],
        &[
            FAST,
            ("TRAILMARK_DOOR__UPSTREAMS__S3__URL", &moto.endpoint),
            ("TRAILMARK_BUCKETS__AUDIT-LOGS__ENDPOINT", &moto.endpoint),
            ("TRAILMARK_BUCKETS__AUDIT-LOGS__ACCESS_KEY_ID", "test"),
            ("TRAILMARK_BUCKETS__AUDIT-LOGS__SECRET_ACCESS_KEY", "test"),
            ("TRAILMARK_BUCKETS__AUDIT-LOGS__OBJECT_LOCK_DAYS", "7"),
        ],
    );
    let bucket = ["--bucket", "audit-logs"];
    let s3 = |arguments: &[&str]| server.aws(&[&["s3api"], arguments, &bucket[..]].concat());
    s3(&["create-bucket", "--object-lock-enabled-for-bucket"]);
    let key = "arn:aws:kms:us-east-1:123456789012:key/1b2c3d4e-0000-4000-8000-123456789012";
    trail(&server, "audit", &["--s3-bucket-name", "audit-logs", "--kms-key-id", key]);
    let found = || checked(&server, Some("audit"), &[]).0;
    assert_eq!(found()[2..4], ["pass write-once", "pass encryption"]);
    assert_eq!(found()[4], "pass public-access");
    s3(&["put-bucket-acl", "--acl", "public-read"]);
    assert_eq!(found()[4], "fail public-access");
}
