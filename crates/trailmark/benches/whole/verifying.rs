//! `trailmark verify` beside `aws cloudtrail validate-logs` and beside what nobody can leave out: a
//! day of one busy account, 24 digests and 300 log files, in the embedded S3.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow};
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::Request;
use integrity::digest::{LogFile, SHA_256, Signer as _, gzip, sha256_hex};
use libdeflater::Decompressor;

use crate::{
    Size,
    bucket::{Bucket, NAME, SIGNER, log_file_key, stamp},
    client::{ACCESS_KEY_ID, Client, REGION, SECRET, signed},
    records::Records,
    report::{Report, Row, median, thousands},
    server::Server,
    stub::{World, serve, trail_arn},
};

const HOURS: u64 = 24;
const FILES: u64 = 300;

/// Measures the three.
pub(crate) async fn measure(size: Size, report: &mut Report) -> anyhow::Result<()> {
    let (bucket, records) = a_day(size.records)?;
    let folder = tempfile::tempdir()?;
    let server = Server::start(folder.path(), &[])?;
    let mut client = Client::connect(server.address).await?;
    upload(&mut client, &server, &bucket).await?;
    let (from, until) = (stamp("2026-02-20T00:00:00Z"), stamp("2026-03-22T00:00:00Z"));
    let latest_digest = bucket.chain.previous.as_ref().context("a digest")?.end.plus_seconds(600);
    let mut known = bucket.clone();
    known.objects.clear();
    let keys = vec![(SIGNER.public_key().clone(), from, until)];
    let cloudtrail = serve(World { bucket: known, keys, latest_digest });
    let s3 = format!("http://{}", server.address);

    let ours = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trailmark"));
        command
            .args(["verify", &format!("s3://{NAME}"), "--endpoint-url", &s3])
            .args(["--endpoint", &cloudtrail]);
        command
    };
    let theirs = || {
        let mut command = Command::new(venv("aws"));
        command
            .args(["cloudtrail", "validate-logs", "--trail-arn", &trail_arn(&bucket)])
            .args(["--start-time", "2026-03-01T00:00:00Z", "--end-time", "2026-03-02T00:00:00Z"])
            .env("AWS_ENDPOINT_URL_S3", &s3)
            .env("AWS_ENDPOINT_URL_CLOUDTRAIL", &cloudtrail);
        command
    };
    let (mut verified, mut validated, mut inflated) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        inflated.push(inflate_and_hash(&bucket)?.as_secs_f64());
        verified.push(timed(ours())?.as_secs_f64());
    }
    for _ in 0..RUNS.min(2) {
        validated.push(timed(theirs())?.as_secs_f64());
    }
    let (verified, validated, inflated) = (median(verified), median(validated), median(inflated));
    let words =
        format!("`verify` of a day in S3: {FILES} files, {} records", thousands(records as f64));
    report.add(
        Row::new(words.clone(), format!("{verified:.2} s"))
            .goal("at least 5 times faster", validated >= 5.0 * verified)
            .peer(
                format!("`aws cloudtrail validate-logs`: {validated:.2} s"),
                verified / validated,
            ),
    );
    report.add(
        Row::new(words, format!("{verified:.2} s"))
            .goal("≤ 2 times", verified <= 2.0 * inflated)
            .peer(
                format!("inflate and SHA-256 alone, both cores: {inflated:.2} s"),
                verified / inflated,
            ),
    );
    server.stop()
}

/// The bucket, and how many records it holds.
fn a_day(records: u64) -> anyhow::Result<(Bucket, u64)> {
    let mut bucket = Bucket::new();
    let mut source = Records::new(records, Duration::from_hours(24), 20)?;
    let (mut made, each) = (0, records / FILES);
    for hour in 0..HOURS {
        let window = bucket.chain.next();
        let mut files = Vec::new();
        while made < FILES * (hour + 1) / HOURS {
            made += 1;
            let lines = source.take(each);
            let text = str::from_utf8(&lines)?.trim_end().replace('\n', ",");
            let bytes = format!("{{\"Records\":[{text}]}}").into_bytes();
            let delivered = window.start.plus_seconds(300 + i64::try_from(made)?);
            let key = log_file_key(&bucket.chain.root, delivered, made);
            bucket.put(&key, gzip(&bytes));
            files.push(LogFile {
                s3_bucket: NAME.to_owned(),
                s3_object: key,
                hash_value: sha256_hex(&bytes),
                hash_algorithm: SHA_256.to_owned(),
                newest_event_time: Some(delivered),
                oldest_event_time: Some(window.start),
            });
        }
        bucket.digest(window, files, &SIGNER);
    }
    Ok((bucket, each * FILES))
}

async fn upload(client: &mut Client, server: &Server, bucket: &Bucket) -> anyhow::Result<()> {
    let made = Request::put(format!("/{NAME}")).body(Bytes::new())?;
    client.call(signed(made, server.address, "s3")?).await?;
    for (key, object) in &bucket.objects {
        let mut request = Request::put(format!("/{NAME}/{key}"))
            .header("content-type", "application/json")
            .header("content-encoding", "gzip");
        for (name, value) in &object.metadata {
            request = request.header(format!("x-amz-meta-{name}"), value);
        }
        let request = request.body(Bytes::from(object.body.clone()))?;
        client.call(signed(request, server.address, "s3")?).await?;
    }
    Ok(())
}

/// The bytes of every log file inflated and hashed by two threads, and nothing else.
fn inflate_and_hash(bucket: &Bucket) -> anyhow::Result<Duration> {
    let files: Vec<_> = bucket
        .objects
        .values()
        .filter(|it| it.metadata.is_empty())
        .map(|it| it.body.as_slice())
        .collect();
    let (next, began) = (AtomicUsize::new(0), Instant::now());
    let work = || {
        let (mut decompressor, mut inflated) = (Decompressor::new(), Vec::new());
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            let size = file.last_chunk().map_or(0, |it| u32::from_le_bytes(*it) as usize);
            inflated.resize(size.max(inflated.len()), 0);
            let size = decompressor.gzip_decompress(file, &mut inflated)?;
            std::hint::black_box(digest(&SHA256, &inflated[..size]));
        }
        anyhow::Ok(())
    };
    thread::scope(|scope| {
        let threads = [scope.spawn(work), scope.spawn(work)];
        threads.into_iter().try_for_each(|it| it.join().map_err(|_| anyhow!("panicked"))?)
    })?;
    Ok(began.elapsed())
}

/// How long the command takes; it must be content.
fn timed(mut command: Command) -> anyhow::Result<Duration> {
    command
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_DEFAULT_REGION", REGION)
        .env("AWS_CONFIG_FILE", "/nonexistent");
    let began = Instant::now();
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    if output.status.success() {
        return Ok(began.elapsed());
    }
    let words = [output.stdout, output.stderr].concat();
    Err(anyhow!("{}", String::from_utf8_lossy(&words).trim()))
}

/// A program of the tests' Python environment.
fn venv(program: &str) -> PathBuf {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv");
        env::var_os("TRAILMARK_VENV").map_or_else(beside, PathBuf::from)
    });
    FOLDER.join("bin").join(program)
}

const RUNS: usize = 3;
