//! A bucket on moto's S3: the AWS CLI and `trailmark verify` side by side.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use integrity::digest::gzip;

use crate::{
    Heard,
    bucket::{Bucket, NAME, event, log_file},
    clean, cloudtrail,
    stub::trail_arn,
    trailmark, venv, write,
};

/// moto's server, which holds one bucket. Killed when dropped.
pub(crate) struct Moto {
    child: Child,
    pub(crate) url: String,
    pub(crate) cloudtrail: String,
    arn: String,
}

impl Moto {
    pub(crate) fn holding(bucket: &Bucket) -> Self {
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
        let url = format!("http://127.0.0.1:{port}");
        let moto = Self { child, url, cloudtrail: cloudtrail(bucket), arn: trail_arn(bucket) };
        moto.upload(bucket);
        moto
    }

    /// Makes the bucket hold exactly these objects.
    fn upload(&self, bucket: &Bucket) {
        let folder = tempfile::tempdir().unwrap();
        write(bucket, folder.path(), true);
        let mut command = clean(venv("python"));
        command.args(["-c", UPLOAD, NAME, &folder.path().display().to_string()]);
        let output = command.env("AWS_ENDPOINT_URL", &self.url).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn validate_logs(&self) -> Heard {
        let mut command = clean(venv("aws"));
        command
            .args(["cloudtrail", "validate-logs", "--verbose", "--trail-arn", &self.arn])
            .args(["--start-time", "2026-03-01T00:00:00Z", "--end-time", "2026-03-01T05:30:00Z"])
            .env("AWS_ENDPOINT_URL_S3", &self.url)
            .env("AWS_ENDPOINT_URL_CLOUDTRAIL", &self.cloudtrail);
        Heard::of(command.output().unwrap())
    }

    fn verify(&self, arguments: &[&str]) -> Heard {
        let bucket = format!("s3://{NAME}");
        let mut all = vec![bucket.as_str(), "--endpoint-url", &self.url];
        all.extend(arguments);
        trailmark(&all)
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

const UPLOAD: &str = r#"
import boto3, json, pathlib, sys
name, folder = sys.argv[1], pathlib.Path(sys.argv[2])
s3 = boto3.client("s3")
s3.create_bucket(Bucket=name)
for held in s3.list_objects_v2(Bucket=name).get("Contents", []):
    s3.delete_object(Bucket=name, Key=held["Key"])
for file in folder.rglob("*.gz"):
    beside = pathlib.Path(str(file) + ".metadata.json")
    s3.put_object(
        Bucket=name, Key=str(file.relative_to(folder)), Body=file.read_bytes(),
        ContentType="application/json", ContentEncoding="gzip",
        Metadata=json.loads(beside.read_text()) if beside.exists() else {},
    )
"#;

#[test]
fn both_find_a_good_bucket_valid_and_name_what_is_wrong_with_another() {
    let good = Bucket::day();
    let moto = Moto::holding(&good);
    moto.validate_logs().check(true, &["6/6 digest files valid", "8/8 log files valid"]);
    let cloudtrail = moto.cloudtrail.clone();
    let from_server = ["--endpoint", cloudtrail.as_str()];
    let words = ["6/6 digest files valid", "8/8 log files valid", "VALID"];
    moto.verify(&from_server).check(true, &words);
    let range = ["--start-time", "2026-03-01T02:30:00Z", "--end-time", "2026-03-01T04:30:00Z"];
    moto.verify(&[&from_server[..], &range].concat()).check(true, &["VALID"]);
    let report = moto.verify(&["--endpoint", &cloudtrail, "--json"]);
    report.check(true, &[]);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &report.out).unwrap();

    let mut tampered = good.clone();
    let (changed, missing) = (good.log_files[0].clone(), good.log_files[1].clone());
    tampered.put(&changed, gzip(&log_file(&[event(1, "PutObject")])));
    tampered.objects.remove(&missing);
    moto.upload(&tampered);
    moto.validate_logs().check(false, &["hash value doesn't match", "INVALID: not found"]);
    moto.verify(&from_server).check(false, &["changed-event", "missing-log-file", "INVALID"]);

    let mut cut = good.clone();
    for key in good.digests[3..].iter().chain(&good.log_files[4..]) {
        cut.objects.remove(key);
    }
    moto.upload(&cut);
    moto.validate_logs().check(true, &["3/3 digest files valid"]);
    // The server knows how far its trail had come; so does a report that somebody kept.
    moto.verify(&from_server).check(false, &["cut-tail", "the server knows"]);
    let keys = tempfile::NamedTempFile::new().unwrap();
    let listed = clean(venv("aws"))
        .args(["cloudtrail", "list-public-keys", "--start-time", "2026-03-01", "--output", "json"])
        .env("AWS_ENDPOINT_URL", &cloudtrail)
        .output()
        .unwrap();
    std::fs::write(keys.path(), &listed.stdout).unwrap();
    let keys = keys.path().display().to_string();
    let report = file.path().display().to_string();
    moto.verify(&["--public-key", &keys]).check(true, &["which only a witness can tell"]);
    let heard = moto.verify(&["--public-key", &keys, "--earlier-report", &report]);
    heard.check(false, &["cut-tail", "the report of"]);
}
