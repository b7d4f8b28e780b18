//! `trailmark query` as a process: over folders, over an S3 that is not ours, over genuine records.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "tests may fail"
)]

mod faults;
mod formats;
mod genuine;
mod pruning;
mod s3;

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use flate2::{Compression, write::GzEncoder};

/// What the command said.
#[derive(Debug)]
struct Heard {
    content: bool,
    out: String,
    err: String,
}

/// A command in an environment that holds nothing of the machine's.
fn clean(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    command
        .env_clear()
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_CONFIG_FILE", "/nonexistent")
        .stdin(Stdio::null());
    command
}

/// Asks, with these arguments after the query.
fn ask(query: &str, arguments: &[&str]) -> Heard {
    let mut command = clean(env!("CARGO_BIN_EXE_trailmark"));
    let output = command.args(["query", query]).args(arguments).output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap());
    Heard { content: output.status.success(), out, err }
}

/// What a query that succeeds without a word prints.
#[track_caller]
fn rows(query: &str, arguments: &[&str]) -> String {
    let Heard { content, out, err } = ask(query, arguments);
    assert!(content && err.is_empty(), "{query}\n{out}{err}");
    out
}

fn venv(program: &str) -> PathBuf {
    let venv = std::env::var_os("TRAILMARK_VENV")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv"), PathBuf::from);
    venv.join("bin").join(program)
}

const KEY: &str = "AWSLogs/123456789012/CloudTrail/us-east-1/2026/03/0";
const COUNT: &str = "SELECT eventName, COUNT(*) AS Calls FROM events GROUP BY 1 ORDER BY 1";

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn record(day: u8, name: &str) -> String {
    format!(
        r#"{{"eventVersion":"1.11","eventID":"{name}-{day}","eventName":"{name}","eventTime":"2026-03-0{day}T11:58:00Z","awsRegion":"us-east-1","readOnly":true,"recipientAccountId":"123456789012","userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::123456789012:user/{name}"}},"requestParameters":{{"bucketName":"a, \"{name}\"","n":1}}}}"#
    )
}

/// A log file of a day of March 2026: a call of each name.
fn log_file(day: u8, names: &[&str]) -> Vec<u8> {
    let records: Vec<_> = names.iter().map(|it| record(day, it)).collect();
    gzip(&format!(r#"{{"Records":[{}]}}"#, records.join(",")))
}

fn key(day: u8) -> String {
    let name = "123456789012_CloudTrail_us-east-1_2026030";
    format!("{KEY}{day}/{name}{day}T1200Z_abcdefghijklmnop.json.gz")
}

/// A folder with log files of five days, two calls in each.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for day in 1..=5 {
        let file = folder.path().join(key(day));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, log_file(day, &["GetObject", "PutObject"])).unwrap();
    }
    folder
}

/// The argument that names a folder.
fn from(folder: &tempfile::TempDir) -> String {
    format!("--from={}", folder.path().display())
}
