//! `trailmark query` over a month of log files beside DuckDB and chdb on the same files, and beside
//! what nobody can leave out: inflating them and reading one member of each record.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow, ensure};
use libdeflater::Decompressor;
use serde::Deserialize;
use testkit::{Delivered, Written};

use crate::{
    Size,
    report::{Report, Row, median, mib, thousands},
};

/// Measures a count of everything, a narrow query, and a question with a limit.
pub(crate) fn measure(size: Size, report: &mut Report) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let delivered = Delivered { records: size.records, ..Delivered::default() };
    let written = delivered.write(folder.path())?;
    let files = files(folder.path())?;
    ensure!(files.len() as u64 == written.files, "not every file is where it should be");
    let from = folder.path().to_str().context("a folder with a plain name")?;

    let limit = repeated(|| inflate_and_read(&files))?;
    let (count, counted) = ours(COUNT, from)?;
    report.add(
        Row::new(words(&written, "calls by name"), format!("{count:.2} s"))
            .goal("≤ 1.5 times", count <= 1.5 * limit)
            .peer(format!("inflate and read one member, both cores: {limit:.2} s"), count / limit),
    );
    for (name, script, least) in [("DuckDB", DUCKDB_COUNT, 30.0), ("chdb", CHDB_COUNT, 5.0)] {
        let (theirs, said) = theirs(script, from)?;
        ensure!(said == counted, "{name} counts differently:\n{said}\n{counted}");
        report.add(
            Row::new(words(&written, "calls by name"), format!("{count:.2} s"))
                .goal(format!("≥ {least} times as fast"), theirs / count >= least)
                .peer(format!("{name}: {theirs:.2} s"), theirs / count),
        );
    }
    let (narrow, found) = ours(NARROW, from)?;
    for (name, script, least) in [
        ("DuckDB on all files", DUCKDB_NARROW, 20.0),
        ("chdb on the files of that day", CHDB_NARROW, 1.0),
    ] {
        let (theirs, said) = theirs(script, from)?;
        ensure!(said == found, "{name} finds something else:\n{said}\n{found}");
        report.add(
            Row::new(words(&written, "one user on one day"), format!("{narrow:.3} s"))
                .goal(format!("≥ {least} times as fast"), theirs / narrow >= least)
                .peer(format!("{name}: {theirs:.2} s"), theirs / narrow),
        );
    }
    report.add(
        Row::new(words(&written, "memory for calls by name"), mib(memory_peak(COUNT, from)?))
            .goal("≤ 512 MiB", memory_peak(COUNT, from)? <= 512 << 20),
    );
    let (first, _) = ours("SELECT eventid FROM events LIMIT 10", from)?;
    report.add(
        Row::new(words(&written, "the first ten"), format!("{first:.2} s"))
            .goal("≤ 0.2 s", first <= 0.2),
    );
    Ok(())
}

fn words(written: &Written, what: &str) -> String {
    let Written { files, records, json_bytes, .. } = *written;
    let gigabytes = json_bytes as f64 / 1e9;
    format!(
        "`query` of {files} files, {} records, {gigabytes:.2} GB of JSON: {what}",
        thousands(records as f64)
    )
}

/// How long `trailmark query` takes, and its rows.
fn ours(query: &str, from: &str) -> anyhow::Result<(f64, String)> {
    let mut said = String::new();
    let took = repeated(|| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trailmark"));
        let began = Instant::now();
        said = run(command.args(["query", query, "--from", from, "--strict"]))?;
        Ok(began.elapsed())
    })?;
    let rows = said.split_once('\n').map(|(_, rows)| rows.to_owned()).unwrap_or_default();
    Ok((took, rows))
}

/// How long a script says that its query took, without the start of the interpreter; and its rows.
fn theirs(script: &str, from: &str) -> anyhow::Result<(f64, String)> {
    let mut rows = String::new();
    let took = repeated(|| {
        let said = run(Command::new(venv("python")).args(["-c", script, from]))?;
        let (seconds, said) = said.split_once('\n').context("a script that says nothing")?;
        rows = said.replace('"', "");
        Ok(Duration::from_secs_f64(seconds.parse()?))
    })?;
    Ok((took, rows))
}

/// The most memory that `trailmark query` has, in bytes, as the system tells its parent.
fn memory_peak(query: &str, from: &str) -> anyhow::Result<u64> {
    let script = "import resource, subprocess, sys\n\
                  subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n\
                  print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
    let mut command = Command::new(venv("python"));
    let ours = [env!("CARGO_BIN_EXE_trailmark"), "query", query, "--from", from];
    let kibibytes: u64 = run(command.args(["-c", script]).args(ours))?.trim().parse()?;
    Ok(kibibytes << 10)
}

fn repeated(mut once: impl FnMut() -> anyhow::Result<Duration>) -> anyhow::Result<f64> {
    let mut seconds = Vec::new();
    for _ in 0..RUNS {
        seconds.push(once()?.as_secs_f64());
    }
    Ok(median(seconds))
}

pub(crate) fn run(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot run {command:?}"))?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8(output.stdout)?)
}

fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let (mut waiting, mut files) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let into = if entry.file_type()?.is_dir() { &mut waiting } else { &mut files };
            into.push(entry.path());
        }
    }
    Ok(files)
}

/// A log file of which one member is read.
#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow, rename = "Records")]
    records: Vec<Call<'a>>,
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(rename = "eventName")]
    event_name: &'a str,
}

/// Every file read, inflated and parsed by two threads for the names of calls, and nothing else.
fn inflate_and_read(files: &[PathBuf]) -> anyhow::Result<Duration> {
    let (next, began) = (AtomicUsize::new(0), Instant::now());
    let work = || {
        let (mut decompressor, mut inflated) = (Decompressor::new(), Vec::new());
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            let bytes = fs::read(file)?;
            let size = bytes.last_chunk().map_or(0, |it| u32::from_le_bytes(*it) as usize);
            inflated.resize(size.max(inflated.len()), 0);
            let size = decompressor.gzip_decompress(&bytes, &mut inflated)?;
            let file: File<'_> = serde_json::from_slice(&inflated[..size])?;
            std::hint::black_box(file.records.iter().map(|it| it.event_name.len()).sum::<usize>());
        }
        anyhow::Ok(())
    };
    thread::scope(|scope| {
        let threads = [scope.spawn(work), scope.spawn(work)];
        threads.into_iter().try_for_each(|it| it.join().map_err(|_| anyhow!("panicked"))?)
    })?;
    Ok(began.elapsed())
}

/// A program of the tests' Python environment.
pub(crate) fn venv(program: &str) -> PathBuf {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv");
        env::var_os("TRAILMARK_VENV").map_or_else(beside, PathBuf::from)
    });
    FOLDER.join("bin").join(program)
}

const RUNS: usize = 3;

const COUNT: &str =
    "SELECT eventname, count(*) AS calls FROM cloudtrail_logs GROUP BY 1 ORDER BY 1";
const DUCKDB_COUNT: &str = r#"
import sys, time, duckdb
duckdb.sql("SET enable_progress_bar = false")
began = time.monotonic()
rows = duckdb.sql(f"""
    SELECT r.eventName, count(*) FROM (
        SELECT unnest(Records) AS r FROM read_json('{sys.argv[1]}/**/*.json.gz',
            columns = {{Records: 'STRUCT(eventName VARCHAR)[]'}}))
    GROUP BY 1 ORDER BY 1""").fetchall()
print(time.monotonic() - began)
for row in rows: print(*row, sep=',')
"#;
const CHDB_COUNT: &str = r#"
import sys, time, chdb
began = time.monotonic()
rows = str(chdb.query(f"""
    SELECT r.eventName AS name, count() FROM (
        SELECT arrayJoin(Records) AS r FROM file('{sys.argv[1]}/**/*.json.gz', JSONEachRow,
            'Records Array(Tuple(eventName String))'))
    GROUP BY name ORDER BY name
    SETTINGS input_format_json_ignore_unknown_keys_in_named_tuple = 1,
        input_format_parallel_parsing = 1""", 'CSV'))
print(time.monotonic() - began)
print(rows, end='')
"#;

/// What an investigation asks: where from did this user call what, on that day.
const NARROW: &str = "SELECT eventname, sourceipaddress, count(*) AS calls FROM cloudtrail_logs \
     WHERE account = '222222222222' AND timestamp = '2026/03/15' \
     AND useridentity.arn = 'arn:aws:iam::222222222222:user/user-5' GROUP BY 1, 2 ORDER BY 1, 2";
const DUCKDB_NARROW: &str = r#"
import sys, time, duckdb
duckdb.sql("SET enable_progress_bar = false")
began = time.monotonic()
rows = duckdb.sql(f"""
    SELECT r.eventName, r.sourceIPAddress, count(*) FROM (
        SELECT unnest(Records) AS r
        FROM read_json('{sys.argv[1]}/**/*.json.gz',
            columns = {{Records: 'STRUCT(eventName VARCHAR, eventTime VARCHAR, recipientAccountId VARCHAR, sourceIPAddress VARCHAR, userIdentity STRUCT(arn VARCHAR))[]'}}))
    WHERE r.userIdentity.arn = 'arn:aws:iam::222222222222:user/user-5'
        AND r.eventTime LIKE '2026-03-15T%' AND r.recipientAccountId = '222222222222'
    GROUP BY 1, 2 ORDER BY 1, 2""").fetchall()
print(time.monotonic() - began)
for row in rows: print(*row, sep=',')
"#;
const CHDB_NARROW: &str = r#"
import sys, time, chdb
began = time.monotonic()
rows = str(chdb.query(f"""
    SELECT r.eventName AS name, r.sourceIPAddress AS address, count() FROM (
        SELECT arrayJoin(Records) AS r
        FROM file('{sys.argv[1]}/AWSLogs/222222222222/**/2026/03/15/*.json.gz', JSONEachRow,
            'Records Array(Tuple(eventName String, sourceIPAddress String, userIdentity Tuple(arn String)))'))
    WHERE r.userIdentity.arn = 'arn:aws:iam::222222222222:user/user-5'
    GROUP BY name, address ORDER BY name, address
    SETTINGS input_format_json_ignore_unknown_keys_in_named_tuple = 1""", 'CSV'))
print(time.monotonic() - began)
print(rows, end='')
"#;
