//! `trailmark import`, and imports whose source, server or client fails in the middle.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

use crate::{
    harness::{Server, eventually},
    stores::{COUNT, Deployment, write_day},
};

const BUCKET: &str = "trailmark-import-123456789012";

impl Deployment {
    /// Runs `trailmark import … --json`: whether it succeeded, what it printed, what it said.
    #[track_caller]
    fn bring(&self, source: &str, store: &str, more: &[&str]) -> (bool, Value, String) {
        let command = ["import", source, "--into", store, "--json"];
        let output = self.server.trailmark_raw(&[&command, more].concat());
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        let printed = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        (output.status.success(), printed, words)
    }

    /// How many objects a bucket has.
    fn objects(&self, bucket: &str) -> usize {
        let listed = self.server.aws_json(&["s3api", "list-objects-v2", "--bucket", bucket]);
        listed["Contents"].as_array().map_or(0, Vec::len)
    }

    /// What the store holds of the records that are imported here, which are as many of each of two.
    #[track_caller]
    fn holds(&self, of_each: usize) {
        let of_each = of_each.to_string();
        let expected = [["GetObject", &of_each], ["PutObject", &of_each]];
        assert_eq!(self.ask(COUNT, &[]).1, expected);
    }
}

fn names(folder: &Path) -> &str {
    folder.to_str().unwrap()
}

#[test]
fn old_logs_of_this_machine_and_of_a_bucket_come_by_one_command() {
    let house = Deployment::start();
    let logs = tempfile::tempdir().unwrap();
    write_day(logs.path(), 1, 100);
    write_day(logs.path(), 2, 100);
    let (is_good, printed, words) = house.bring(names(logs.path()), "audit", &[]);
    assert!(is_good, "{words}");
    assert_eq!(printed["Import"]["ImportStatus"], "COMPLETED", "{printed}");
    let counted = &printed["Import"]["ImportStatistics"];
    assert_eq!(
        (&counted["FilesCompleted"], &counted["EventsCompleted"]),
        (&json!(20), &json!(200))
    );
    assert_eq!(printed["Failures"], json!([]));
    assert_eq!(house.objects(BUCKET), 0, "the copies are gone");
    house.holds(100);
    // Once is enough, and what came since is told of.
    write_day(logs.path(), 3, 10);
    let (is_good, _, words) = house.bring(names(logs.path()), &house.arn, &[]);
    assert!(is_good && words.contains("was complete") && words.contains("1 files"), "{words}");
    house.holds(100);
    let day = logs.path().join("AWSLogs/123456789012/CloudTrail/us-east-1/2026/03/03");
    let (is_good, _, words) = house.bring(names(&day), &house.id, &["--keep"]);
    assert!(is_good, "{words}");
    house.holds(105);
    assert_eq!(house.objects(BUCKET), 1);

    house.server.aws(&["s3", "mb", "s3://old"]);
    let from = tempfile::tempdir().unwrap();
    write_day(from.path(), 4, 50);
    house.server.aws(&["s3", "cp", "--quiet", "--recursive", names(from.path()), "s3://old/"]);
    for _ in 0..2 {
        let (is_good, printed, words) = house.bring("s3://old", "audit", &[]);
        assert!(is_good, "{words}");
        assert_eq!(printed["Import"]["ImportStatistics"]["EventsCompleted"], 50, "{printed}");
        house.holds(130);
    }
    assert_eq!(house.objects("old"), 5);
    let (is_good, _, words) = house.bring("s3://nowhere-at-all", "audit", &[]);
    assert!(!is_good && words.contains("[buckets.NAME]"), "{words}");
    let (is_good, _, words) = house.bring("s3://old", "other", &[]);
    assert!(!is_good && words.contains("there are: audit"), "{words}");
}

#[test]
fn a_broken_file_of_this_machine_is_named_and_comes_when_it_is_mended() {
    let house = Deployment::start();
    let logs = tempfile::tempdir().unwrap();
    write_day(logs.path(), 1, 30);
    let folder = logs.path().join("AWSLogs/123456789012/CloudTrail/us-east-1/2026/03/01");
    let file = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read(&file).unwrap();
    fs::write(&file, b"\x1f\x8bnot gzip").unwrap();
    let (is_good, printed, words) = house.bring(names(logs.path()), "audit", &[]);
    assert!(!is_good && words.contains(file.canonicalize().unwrap().to_str().unwrap()), "{words}");
    assert_eq!(printed["Import"]["ImportStatus"], "FAILED", "{printed}");
    assert_eq!(printed["Failures"][0]["Status"], "FAILED", "{printed}");
    house.holds(10);
    fs::write(&file, whole).unwrap();
    let (is_good, printed, words) = house.bring(names(logs.path()), "audit", &[]);
    assert!(is_good, "{words}");
    assert_eq!(printed["Import"]["ImportStatus"], "COMPLETED", "{printed}");
    house.holds(15);
    assert_eq!(house.objects(BUCKET), 0);
}

#[test]
fn neither_a_killed_server_nor_a_killed_command_doubles_or_loses_a_file() {
    let mut house = Deployment::start();
    let logs = tempfile::tempdir().unwrap();
    for day in 1..=3 {
        write_day(logs.path(), day, 1_000);
    }
    let command = ["import", names(logs.path()), "--into", "audit"];
    let mut killed = house.server.trailmark_until(&command, "has begun");
    killed.kill().unwrap();
    killed.wait().unwrap();
    let mut second = house.server.trailmark_until(&command, "import ");
    house.server.kill();
    // It may have seen the end just before.
    let _ended = eventually("the command gives up", || second.try_wait().unwrap());
    house.server.restart();
    let (is_good, printed, words) = house.bring(names(logs.path()), "audit", &[]);
    assert!(is_good, "{words}");
    assert_eq!(printed["Import"]["ImportStatistics"]["EventsCompleted"], 3_000, "{printed}");
    house.holds(1_500);
    assert_eq!(house.objects(BUCKET), 0);
    house.server.kill_and_restart();
    house.holds(1_500);
}

/// What a bucket answers to GETs of keys that contain a text: the status, and how often.
type Faults = Arc<Mutex<BTreeMap<&'static str, (u16, usize)>>>;

/// Stands before a server and answers some GETs in its place.
fn failing(server: &Server, faults: &Faults) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let behind = server.endpoint().strip_prefix("http://").unwrap().to_owned();
    let faults = Arc::clone(faults);
    std::thread::spawn(move || {
        for caller in listener.incoming() {
            let (behind, faults) = (behind.clone(), Arc::clone(&faults));
            // Whoever hangs up early is no fault of the bucket.
            std::thread::spawn(move || drop(caller.and_then(|it| pass(it, &behind, &faults))));
        }
    });
    endpoint
}

/// Passes on one request, which has no body.
fn pass(mut caller: TcpStream, behind: &str, faults: &Faults) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        caller.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let line = head.lines().next().unwrap_or_default();
    let mut faults = faults.lock().unwrap();
    let hit = faults.iter_mut().find(|(key, (_, left))| line.contains(**key) && *left > 0);
    if let Some((_, (status, left))) = hit {
        *left -= 1;
        let answer =
            format!("HTTP/1.1 {status} No\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        return caller.write_all(answer.as_bytes());
    }
    drop(faults);
    let mut server = TcpStream::connect(behind)?;
    let head = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    server.write_all(head.as_bytes())?;
    std::io::copy(&mut server, &mut caller).map(drop)
}

#[test]
fn a_bucket_that_fails_in_the_middle_loses_and_doubles_nothing() {
    let away = Server::start(&[]);
    let logs = tempfile::tempdir().unwrap();
    write_day(logs.path(), 1, 100);
    write_day(logs.path(), 2, 100);
    away.aws(&["s3", "mb", "s3://old"]);
    away.aws(&["s3", "cp", "--quiet", "--recursive", names(logs.path()), "s3://old/"]);
    away.trailmark(&["user", "add", "reader"]);
    let key = away.trailmark(&["key", "create", "reader", "--json"]);
    let key: Value = serde_json::from_str(&key).unwrap();
    let faults = Faults::default();
    let endpoint = failing(&away, &faults);
    let house = Deployment::start_with(&[
        ("TRAILMARK_BUCKETS__OLD__ENDPOINT", &endpoint),
        ("TRAILMARK_BUCKETS__OLD__ACCESS_KEY_ID", key["AccessKeyId"].as_str().unwrap()),
        ("TRAILMARK_BUCKETS__OLD__SECRET_ACCESS_KEY", key["SecretAccessKey"].as_str().unwrap()),
    ]);
    // One that passes, and two that stay.
    faults.lock().unwrap().extend([
        ("20260301T0300Z", (500, 2)),
        ("20260301T0500Z", (403, usize::MAX)),
        ("20260302T0700Z", (403, usize::MAX)),
    ]);
    let (is_good, printed, words) = house.bring("s3://old/AWSLogs/", "audit", &[]);
    assert!(!is_good && words.contains("2 files could not be imported"), "{words}");
    let counted = &printed["Import"]["ImportStatistics"];
    assert_eq!(printed["Import"]["ImportStatus"], "FAILED", "{printed}");
    assert_eq!((&counted["EventsCompleted"], &counted["FailedEntries"]), (&json!(180), &json!(2)));
    let failures = printed["Failures"].as_array().unwrap();
    let told: Vec<_> = failures.iter().map(|it| it["ErrorType"].as_str().unwrap()).collect();
    assert_eq!(told, ["AccessDenied"; 2], "{printed}");
    house.holds(90);
    // One of them is mended, then the other: each time the rest comes, and nothing else.
    faults.lock().unwrap().remove("20260301T0500Z");
    let (is_good, printed, _) = house.bring("s3://old/AWSLogs/", "audit", &[]);
    let left = printed["Failures"][0]["Location"].as_str().unwrap();
    assert!(!is_good && left.contains("20260302T0700Z"), "{printed}");
    house.holds(95);
    faults.lock().unwrap().clear();
    let (is_good, printed, words) = house.bring("s3://old/AWSLogs/", "audit", &[]);
    assert!(is_good, "{words}");
    assert_eq!(printed["Import"]["ImportStatistics"]["FailedEntries"], 0, "{printed}");
    house.holds(100);
}
