//! `LookupEvents` over a million management records, by every attribute; starting with them; what
//! memory they cost an idle server.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use ambient::Ambient;
use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use crate::{
    Size,
    client::{Client, signed},
    ingest::RECORDS_PER_CALL,
    records::{BUSY_ARN, RARE_ARN, Records},
    report::{Report, Row, mib, ms, percentile, thousands},
    server::{Server, metrics},
};

const P99_GOAL: Duration = Duration::from_millis(50);
const START_GOAL: Duration = Duration::from_secs(1);
const MEMORY_GOAL: u64 = 64 << 20;
/// Records with rare values, spread evenly among the others.
const RARE: u64 = 5;
/// Records of a full page.
const PAGE: usize = 50;

/// Measures look-ups, a start after a stop and after a kill, and memory.
pub(crate) async fn measure(size: Size, report: &mut Report) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut records = Records::new(size.records, Duration::from_hours(24), 0)?;
    let server = Server::start(folder.path(), &[])?;
    fill(&server, &mut records, size.records).await?;
    let settled = settle(&server).await?;
    let stored = thousands(size.records as f64);
    idle(report, &format!("memory with {stored} records, idle after ingest"), &server)?;

    for question in questions(&records)? {
        ask(&server, &question, report).await?;
    }
    settle(&server).await?;
    idle(report, "the same, idle after these look-ups", &server)?;

    server.kill()?;
    let server =
        restart(folder.path(), &format!("start with {stored} records after a kill"), report)?;
    server.stop()?;
    let server =
        restart(folder.path(), &format!("start with {stored} records after a stop"), report)?;
    settle(&server).await?;
    idle(report, "the same, idle after a start", &server)?;
    if !settled {
        return Err(anyhow!("records were still on their way to the table when look-ups began"));
    }
    server.stop()
}

async fn fill(server: &Server, records: &mut Records, total: u64) -> anyhow::Result<()> {
    let mut client = Client::connect(server.address).await?;
    for rare in 1..=RARE {
        while records.taken() < total * rare / (RARE + 1) {
            client.send_records(records.take(RECORDS_PER_CALL), RECORDS_PER_CALL).await?;
        }
        client.send_records(records.take_rare()?, 1).await?;
    }
    while records.taken() < total {
        let count = RECORDS_PER_CALL.min(total - records.taken());
        client.send_records(records.take(count), count).await?;
    }
    Ok(())
}

/// Waits, for a bounded time, until the table has everything and its upkeep is done. Says whether.
async fn settle(server: &Server) -> anyhow::Result<bool> {
    let clock = Ambient::system().clock;
    let mut observer = Client::connect(server.address).await?;
    let (began, mut quiet_since, mut commits) = (Instant::now(), Instant::now(), 0.0);
    while began.elapsed() < SETTLE_MAX {
        let numbers = metrics(&mut observer).await?;
        let number = |name: &str| numbers.get(name).copied().unwrap_or_default();
        if number("lake_commits_total") != commits || number("lake_uncommitted_frames") > FEW {
            (quiet_since, commits) = (Instant::now(), number("lake_commits_total"));
        }
        if quiet_since.elapsed() > QUIET {
            return Ok(true);
        }
        clock.sleep(Duration::from_millis(250)).await;
    }
    Ok(false)
}

fn idle(report: &mut Report, name: &str, server: &Server) -> anyhow::Result<()> {
    let memory = server.memory()?;
    report.add(Row::new(name, mib(memory)).goal("≤ 64 MiB", memory <= MEMORY_GOAL));
    Ok(())
}

fn restart(folder: &Path, name: &str, report: &mut Report) -> anyhow::Result<Server> {
    let server = Server::start(folder, &[])?;
    let took = server.started_in;
    report.add(Row::new(name, ms(took)).goal("≤ 1 s", took <= START_GOAL));
    Ok(server)
}

/// An attribute, values of it that are asked for in turn, and how many records a page must have.
struct Question {
    key: &'static str,
    kind: &'static str,
    values: Vec<String>,
    found: usize,
}

fn questions(records: &Records) -> anyhow::Result<Vec<Question>> {
    let values = [
        ("AccessKeyId", "AKIAQEXAMPLE00000000", "AKIAQEXAMPLERARE0000"),
        ("EventName", "Decrypt", "RareCall"),
        ("EventSource", "ec2.amazonaws.com", "rare.amazonaws.com"),
        ("ResourceName", BUSY_ARN, RARE_ARN),
        ("ResourceType", "AWS::KMS::Key", "AWS::Rare::Thing"),
        ("Username", "user-0", "rare-user"),
    ];
    let mut all = Vec::new();
    for (key, common, rare) in values {
        let mut add = |kind, value: &str, found| {
            all.push(Question { key, kind, values: vec![value.to_owned()], found });
        };
        add("common", common, PAGE);
        add("rare", rare, RARE as usize);
        add("absent", "Nobody-has-this", 0);
    }
    for value in ["true", "false"] {
        let values = vec![value.to_owned()];
        all.push(Question { key: "ReadOnly", kind: value, values, found: PAGE });
    }
    // Any record but a rare one, whose numbers are not asked for here, is there once.
    let every = records.taken() / ASKED as u64;
    let ids = (0..ASKED as u64).map(|it| records.event_id(it * every + every / 3));
    let values = ids.collect::<anyhow::Result<_>>()?;
    all.push(Question { key: "EventId", kind: "rare", values, found: 1 });
    let values = vec!["00000000-0000-4000-8000-000000000000".to_owned()];
    all.push(Question { key: "EventId", kind: "absent", values, found: 0 });
    Ok(all)
}

async fn ask(server: &Server, question: &Question, report: &mut Report) -> anyhow::Result<()> {
    let mut client = Client::connect(server.address).await?;
    let Question { key, kind, values, found } = question;
    let mut times = Vec::new();
    let began = Instant::now();
    for value in values.iter().cycle().take(ASKED) {
        let wanted = json!({
            "LookupAttributes": [{"AttributeKey": key, "AttributeValue": value}],
            "MaxResults": PAGE,
        });
        let request = Request::post("/")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", TARGET)
            .body(Bytes::from(wanted.to_string()))?;
        let request = signed(request, server.address, "cloudtrail")?;
        let asked = Instant::now();
        let answer = client.call(request).await?;
        times.push(asked.elapsed());
        let answer: Value = serde_json::from_slice(&answer)?;
        let events = answer["Events"].as_array().context("an answer without events")?.len();
        if events != *found {
            return Err(anyhow!("{key} `{value}` found {events} records, not {found}"));
        }
        if began.elapsed() > ASK_MAX {
            break;
        }
    }
    let (p50, p99) = (percentile(&mut times, 0.5), percentile(&mut times, 0.99));
    report.add(
        Row::new(
            format!("LookupEvents by {key}, {kind}: p50, p99 of {}", times.len()),
            format!("{}, {}", ms(p50), ms(p99)),
        )
        .goal("p99 ≤ 50 ms", p99 <= P99_GOAL),
    );
    Ok(())
}

/// Times that a question is asked, unless it takes too long.
const ASKED: usize = 100;
const ASK_MAX: Duration = Duration::from_secs(15);
/// How long the table must not have changed to count as settled, and how long that may take.
const QUIET: Duration = Duration::from_secs(12);
const SETTLE_MAX: Duration = Duration::from_secs(90);
/// Frames that may be on their way to a settled table: our own calls are recorded too.
const FEW: f64 = 1_000.0;
const TARGET: &str = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents";
