//! A bucket on moto's S3.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use crate::{COUNT, ask, clean, folder, rows, venv};

/// moto's server. Killed when dropped.
struct Moto {
    child: Child,
    url: String,
}

impl Moto {
    fn start() -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut child = Command::new(venv("moto_server"))
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut words = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(words.any(|line| line.unwrap().contains("Running on")));
        // It writes a line for each request, and must not wait for a reader.
        std::thread::spawn(move || words.for_each(drop));
        Self { child, url: format!("http://127.0.0.1:{port}") }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

const UPLOAD: &str = r#"
import boto3, pathlib, sys
s3, folder = boto3.client("s3"), pathlib.Path(sys.argv[1])
s3.create_bucket(Bucket="audit-logs")
s3.put_object(Bucket="audit-logs", Key="trails/AWSLogs/123456789012/CloudTrail/", Body=b"")
for file in folder.rglob("*.gz"):
    s3.put_object(Bucket="audit-logs", Key="trails/" + str(file.relative_to(folder)), Body=file.read_bytes(),
        ContentType="application/json", ContentEncoding="gzip")
s3.put_object(Bucket="audit-logs", Key="broken/bad.json.gz", Body=b"\x1f\x8bnonsense")
"#;

#[test]
fn a_bucket_is_asked_where_it_lies() {
    let (moto, logs) = (Moto::start(), folder());
    let mut upload = clean(venv("python"));
    upload.args(["-c", UPLOAD, logs.path().to_str().unwrap()]).env("AWS_ENDPOINT_URL", &moto.url);
    let output = upload.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let endpoint = format!("--endpoint-url={}", moto.url);
    let whole = "eventName,Calls\nGetObject,5\nPutObject,5\n";
    for from in [
        "--from=s3://audit-logs/trails",
        "--from=s3://audit-logs/trails/AWSLogs/",
        "--from=s3://audit-logs/trails/AWSLogs/123456789012/CloudTrail/us-east-1",
    ] {
        assert_eq!(rows(COUNT, &[from, &endpoint]), whole, "{from}");
    }
    let day = "SELECT DISTINCT \"$path\" FROM events WHERE eventTime > '2026-03-05'";
    let asked = ask(day, &["--from=s3://audit-logs/trails", &endpoint, "--statistics"]);
    assert!(asked.out.contains("s3://audit-logs/trails/AWSLogs/123456789012/"), "{asked:?}");
    assert!(asked.err.contains("1 of 1 files"), "{asked:?}");

    let all = ask(COUNT, &["--from=s3://audit-logs", &endpoint]);
    assert!(all.content && all.out == whole, "{all:?}");
    assert!(
        all.err.contains("`s3://audit-logs/broken/bad.json.gz`: it cannot be read to its end"),
        "{all:?}"
    );
    let strict = ask(COUNT, &["--from=s3://audit-logs", &endpoint, "--strict"]);
    assert!(!strict.content && strict.err.contains("bad.json.gz"), "{strict:?}");
    let missing = ask(COUNT, &["--from=s3://no-such-bucket", &endpoint]);
    assert!(!missing.content && missing.err.contains("no-such-bucket"), "{missing:?}");
}
