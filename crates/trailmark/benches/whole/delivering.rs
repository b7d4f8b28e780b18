//! Trails beside ingest: how soon a record lies in a bucket and can be proven, and whether
//! deliveries and the Merkle tree keep up with what comes in.
//!
//! The bucket is a folder of the same disk, the trail takes everything, and a log file is due after
//! a second.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use ambient::Ambient;
use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use flate2::read::GzDecoder;
use futures::future::{try_join, try_join_all};
use http::Request;
use http_body_util::Full;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::json;

use crate::{
    Size,
    client::{Client, signed},
    ingest::Load,
    records::Records,
    report::{Report, Row, ms, percentile, thousands},
    server::{Server, metrics},
};

const PROMPT_GOAL: Duration = Duration::from_secs(3);
const RATE_GOAL: f64 = 50_000.0;
/// Records that are proven.
const PROVEN: u64 = 30;
/// Records that are sent one by one, and the pause between two.
const SINGLE: u64 = 500;
const SINGLE_EVERY: Duration = Duration::from_millis(20);
const LOOK_EVERY: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_mins(2);

/// Measures both.
pub(crate) async fn measure(size: Size, report: &mut Report) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let bucket = folder.path().join(BUCKET);
    fs::create_dir(&bucket)?;
    let server = Server::start(set_up(folder.path(), "file_age_seconds = 1")?, &[])?;
    let mut client = Client::connect(server.address).await?;
    create_trail(&mut client, &server).await?;
    let mut records = Records::new(10_000_000, Duration::from_hours(1), 0)?;
    promptness(&server, &bucket, &mut records, report).await?;
    provable(&server, folder.path(), &mut records, report).await?;
    together(&server, &bucket, records, size, report).await?;
    server.stop()
}

/// What a server needs to deliver into a folder of `folder`: `BUCKET`.
pub(crate) fn set_up<'a>(folder: &'a Path, delivery: &str) -> anyhow::Result<&'a Path> {
    let bucket = folder.join(BUCKET).display().to_string();
    let settings = format!("[delivery]\n{delivery}\n\n[buckets.{BUCKET}]\nfolder = {bucket:?}\n");
    fs::write(folder.join("trailmark.toml"), settings)?;
    Ok(folder)
}

/// A trail that takes management events and those of objects, and has begun.
pub(crate) async fn create_trail(client: &mut Client, server: &Server) -> anyhow::Result<()> {
    let events = [json!({"Field": "eventCategory", "Equals": ["Management"]})];
    let data = [
        json!({"Field": "eventCategory", "Equals": ["Data"]}),
        json!({"Field": "resources.type", "Equals": ["AWS::S3::Object"]}),
    ];
    let selectors = json!([{"FieldSelectors": events}, {"FieldSelectors": data}]);
    for (operation, wanted) in [
        ("CreateTrail", json!({"Name": "audit", "S3BucketName": BUCKET})),
        ("PutEventSelectors", json!({"TrailName": "audit", "AdvancedEventSelectors": selectors})),
        ("StartLogging", json!({"Name": "audit"})),
    ] {
        let request = Request::post("/")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("{TARGET}.{operation}"))
            .body(Bytes::from(wanted.to_string()))?;
        client.call(signed(request, server.address, "cloudtrail")?).await?;
    }
    Ok(())
}

/// From the answer to a record until it lies in the bucket.
async fn promptness(
    server: &Server,
    bucket: &Path,
    records: &mut Records,
    report: &mut Report,
) -> anyhow::Result<()> {
    let clock = Ambient::system().clock;
    let mut sender = Client::connect(server.address).await?;
    let first = records.taken();
    let ids = (first..first + SINGLE).map(|it| records.event_id(it));
    let mut wanted = ids.collect::<anyhow::Result<BTreeSet<String>>>()?;
    let mut answered = BTreeMap::new();
    let sending = async {
        for number in first..first + SINGLE {
            let id = records.event_id(number)?;
            sender.send_records(records.take(1), 1).await?;
            answered.insert(id, Instant::now());
            clock.sleep(SINGLE_EVERY).await;
        }
        anyhow::Ok(())
    };
    let watching = async {
        let (mut delivered, mut read) = (BTreeMap::new(), BTreeSet::new());
        let began = Instant::now();
        while !wanted.is_empty() {
            if began.elapsed() > PATIENCE {
                return Err(anyhow!("{} of {SINGLE} records were not delivered", wanted.len()));
            }
            for file in log_files(bucket)? {
                if !read.contains(&file) {
                    let ids = event_ids(&file)?.into_iter().filter(|it| wanted.remove(it));
                    delivered.extend(ids.map(|it| (it, Instant::now())));
                    read.insert(file);
                }
            }
            clock.sleep(LOOK_EVERY).await;
        }
        Ok(delivered)
    };
    let ((), delivered) = try_join(sending, watching).await?;
    let since = |(id, at): (String, Instant)| {
        answered.get(&id).map(|answered| at.saturating_duration_since(*answered))
    };
    let mut times: Vec<_> = delivered.into_iter().filter_map(since).collect();
    prompt("the object, files of 1 s", &mut times, SINGLE, report);
    Ok(())
}

/// From the answer to a record until `trailmark prove` proves it, one record at a time.
async fn provable(
    server: &Server,
    folder: &Path,
    records: &mut Records,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut sender = Client::connect(server.address).await?;
    let mut times = Vec::new();
    for _ in 0..PROVEN {
        let id = records.event_id(records.taken())?;
        sender.send_records(records.take(1), 1).await?;
        let answered = Instant::now();
        let prove = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_trailmark"));
            command.args(["prove", &id, "--output", "proof", "--data-dir"]);
            command.arg(folder.join("data")).current_dir(folder).output()
        };
        while !prove()?.status.success() {
            if answered.elapsed() > PATIENCE {
                return Err(anyhow!("a record could not be proven within {PATIENCE:?}"));
            }
            Ambient::system().clock.sleep(LOOK_EVERY).await;
        }
        times.push(answered.elapsed());
    }
    prompt("a proof, its making included", &mut times, PROVEN, report);
    Ok(())
}

fn prompt(what: &str, times: &mut [Duration], all: u64, report: &mut Report) {
    let (p50, p99) = (percentile(times, 0.5), percentile(times, 0.99));
    report.add(
        Row::new(
            format!("from the answer to {what}: p50, p99 of {all}"),
            format!("{}, {}", ms(p50), ms(p99)),
        )
        .goal("p99 ≤ 3 s", p99 <= PROMPT_GOAL && times.len() == all as usize),
    );
}

/// Ingest without a pause; what is delivered and covered when it ends, and how long the rest takes.
async fn together(
    server: &Server,
    bucket: &Path,
    records: Records,
    size: Size,
    report: &mut Report,
) -> anyhow::Result<()> {
    let earlier = log_files(bucket)?;
    let mut senders = Vec::new();
    for _ in 0..CONNECTIONS {
        senders.push(Client::connect(server.address).await?);
    }
    let mut observer = Client::connect(server.address).await?;
    let before = leaves(&mut observer).await?;
    let load = Load::new(records, size.run * size.runs as u32);
    let sending = try_join_all(senders.iter_mut().map(|client| load.send(client)));
    sending.await?;
    let accepted = load.accepted();
    let (sent_in, ended) = (load.elapsed(), Instant::now());

    let clock = Ambient::system().clock;
    let (mut delivered_in, mut covered_in) = (None, None);
    while delivered_in.is_none() || covered_in.is_none() {
        if ended.elapsed() > PATIENCE {
            return Err(anyhow!("deliveries or tree were not through after {PATIENCE:?}"));
        }
        if is_delivered(&mut observer).await? {
            delivered_in.get_or_insert(sent_in + ended.elapsed());
        }
        if leaves(&mut observer).await? >= before + accepted {
            covered_in.get_or_insert(sent_in + ended.elapsed());
        }
        clock.sleep(LOOK_EVERY).await;
    }
    let mut found = 0;
    for file in log_files(bucket)?.difference(&earlier) {
        found += count(file)?;
    }
    let rate = |time: Option<Duration>| accepted as f64 / time.unwrap_or(sent_in).as_secs_f64();
    let rows = [
        ("ingest, table, tree and deliveries at once: in", Some(sent_in)),
        ("the same: out, in the bucket", delivered_in),
        ("the same: covered by a checkpoint", covered_in),
    ];
    for (name, time) in rows {
        let rate = rate(time);
        let all = found >= accepted;
        report.add(
            Row::new(name, format!("{} records/s", thousands(rate)))
                .goal(format!("≥ {} records/s", thousands(RATE_GOAL)), rate >= RATE_GOAL && all),
        );
    }
    let behind = delivered_in.max(covered_in).unwrap_or_default().saturating_sub(sent_in);
    report.add(
        Row::new(
            format!(
                "the slower of both is through after the last of {}",
                thousands(accepted as f64)
            ),
            ms(behind),
        )
        .goal("≤ 5 s", behind <= LAG_MAX),
    );
    if found < accepted {
        return Err(anyhow!("{accepted} records were accepted and {found} delivered"));
    }
    Ok(())
}

/// Whether deliveries have nothing left to do.
pub(crate) async fn is_delivered(observer: &mut Client) -> anyhow::Result<bool> {
    let numbers = metrics(observer).await?;
    let number = |name: &str| numbers.get(name).copied().unwrap_or(f64::MAX);
    Ok(number("delivery_undecided_frames") < FEW && number("delivery_waiting_files") == 0.0)
}

/// Leaves that the last checkpoint covers.
async fn leaves(client: &mut Client) -> anyhow::Result<u64> {
    let request = Request::get("/_trailmark/log/checkpoint")
        .header("host", "127.0.0.1")
        .body(Full::new(Bytes::new()))?;
    let note = client.call(request).await?;
    let note = str::from_utf8(&note)?;
    Ok(note.lines().nth(1).context("a checkpoint without a size")?.parse()?)
}

/// The log files of the bucket, without digests.
pub(crate) fn log_files(bucket: &Path) -> anyhow::Result<BTreeSet<PathBuf>> {
    let (mut files, mut folders) = (BTreeSet::new(), vec![bucket.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "gz")
                && !path.components().any(|it| it.as_os_str() == "CloudTrail-Digest")
            {
                files.insert(path);
            }
        }
    }
    Ok(files)
}

#[derive(Deserialize)]
struct Document<T> {
    #[serde(rename = "Records")]
    records: Vec<T>,
}

#[derive(Deserialize)]
struct Id {
    #[serde(rename = "eventID")]
    event_id: String,
}

fn event_ids(file: &Path) -> anyhow::Result<Vec<String>> {
    let document: Document<Id> = serde_json::from_str(&text(file)?)?;
    Ok(document.records.into_iter().map(|it| it.event_id).collect())
}

pub(crate) fn count(file: &Path) -> anyhow::Result<u64> {
    let document: Document<IgnoredAny> = serde_json::from_str(&text(file)?)?;
    Ok(document.records.len() as u64)
}

fn text(file: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    GzDecoder::new(File::open(file)?).read_to_string(&mut text)?;
    Ok(text)
}

/// Name of the bucket, and of the folder that it is.
pub(crate) const BUCKET: &str = "evidence";
const CONNECTIONS: usize = 4;
/// How long deliveries and tree may take after the last record.
const LAG_MAX: Duration = Duration::from_secs(5);
/// Frames that may be on their way: our own calls are recorded too.
const FEW: f64 = 100.0;
const TARGET: &str = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101";
