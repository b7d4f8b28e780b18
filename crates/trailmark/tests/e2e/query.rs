//! `trailmark query` over a bucket of the embedded S3.

use std::{fs, io::Write as _, path::Path};

use crate::harness::Server;
use flate2::{Compression, write::GzEncoder};

const KEY: &str = "AWSLogs/123456789012/CloudTrail/us-east-1/2026/03/0";

/// A log file of a day of March 2026: a call of each name.
fn log_file(day: u8, names: &[&str]) -> Vec<u8> {
    let record = |name: &&str| {
        format!(
            r#"{{"eventName":"{name}","eventTime":"2026-03-0{day}T11:58:00Z","awsRegion":"us-east-1","recipientAccountId":"123456789012","userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::123456789012:user/{name}"}},"requestParameters":{{"bucketName":"bucket, \"{name}\""}}}}"#
        )
    };
    let records: Vec<_> = names.iter().map(record).collect();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(format!(r#"{{"Records":[{}]}}"#, records.join(",")).as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn fill(folder: &Path) {
    for day in 1..=3 {
        let key = format!(
            "{KEY}{day}/123456789012_CloudTrail_us-east-1_2026030{day}T1200Z_abcdefghijklmnop.json.gz"
        );
        let file = folder.join(key);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, log_file(day, &["GetObject", "PutObject"])).unwrap();
    }
}

const COUNT: &str = "SELECT eventName, COUNT(*) AS Calls FROM events GROUP BY 1 ORDER BY 1";

#[test]
fn a_bucket_is_asked_and_its_faults_are_told() {
    let server = Server::start(&[]);
    let logs = server.folder().join("logs");
    fill(&logs);
    server.aws(&["s3", "mb", "s3://audit-logs"]);
    server.aws(&[
        "s3",
        "cp",
        "--quiet",
        "--recursive",
        logs.to_str().unwrap(),
        "s3://audit-logs/trails",
    ]);
    let ask = |from: &str, query: &str, more: &[&str]| {
        let output = server.trailmark_raw(&[&["query", query, "--from", from], more].concat());
        let [out, err] = [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap());
        (output.status.success(), out, err)
    };
    let whole = (true, "eventName,Calls\nGetObject,3\nPutObject,3\n".to_owned(), String::new());
    for from in [
        "s3://audit-logs",
        "s3://audit-logs/trails/",
        "s3://audit-logs/trails/AWSLogs/123456789012",
    ] {
        assert_eq!(ask(from, COUNT, &[]), whole, "{from}");
    }
    let day = "SELECT \"$path\" FROM events WHERE eventtime > '2026-03-03' LIMIT 1";
    let (_, path, _) = ask("s3://audit-logs", day, &[]);
    assert!(path.contains("s3://audit-logs/trails/AWSLogs/"), "{path}");

    fs::write(server.folder().join("bad.json.gz"), &log_file(1, &["GetObject"])[..60]).unwrap();
    let bad = server.folder().join("bad.json.gz");
    server.aws(&["s3", "cp", "--quiet", bad.to_str().unwrap(), "s3://audit-logs/bad.json.gz"]);
    let (done, rows, words) = ask("s3://audit-logs", COUNT, &[]);
    assert!(
        done && rows == whole.1
            && words.contains("not read whole")
            && words.contains("bad.json.gz"),
        "{words}"
    );
    let (done, _, words) = ask("s3://audit-logs", COUNT, &["--strict"]);
    assert!(!done && words.contains("bad.json.gz"), "{words}");
    let (done, _, words) = ask("s3://no-such-bucket", COUNT, &[]);
    assert!(!done && !words.is_empty(), "{words}");
}
