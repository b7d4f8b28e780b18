//! Event data stores over a month of log files: importing them, their size, and questions to the
//! stored table beside DuckDB on the same files.
//!
//! A client of AWS drives the server, and waits for the end of imports and queries by asking again and
//! again. How long a query ran is what the server says of it; DuckDB runs in a process that is warm, as
//! the server is.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use testkit::Delivered;

use crate::{
    Size,
    client::{ACCESS_KEY_ID, SECRET},
    querying::{run, venv},
    report::{Report, Row, median, mib, thousands},
    server::Server,
};

const IMPORT_GOAL: f64 = 200_000.0;

/// What the client says.
#[derive(Deserialize)]
struct Told {
    import_seconds: f64,
    stored_bytes: u64,
    duckdb_seconds: f64,
    /// Ours and DuckDB's seconds, by the name of the question.
    questions: BTreeMap<String, (Vec<f64>, Vec<f64>)>,
}

/// Measures import, size and questions.
pub(crate) fn measure(size: Size, report: &mut Report) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let logs = folder.path().join("logs");
    fs::create_dir(&logs)?;
    let written = Delivered { records: size.records, ..Delivered::default() }.write(&logs)?;
    let config = format!("[buckets.logs]\nfolder = \"{}\"\n", logs.display());
    fs::write(folder.path().join("trailmark.toml"), config)?;
    let server = Server::start(folder.path(), &[])?;
    let said = run(Command::new(venv("python"))
        .args(["-c", CLIENT])
        .arg(&logs)
        .arg(folder.path().join("data/stores/tables"))
        .arg(written.records.to_string())
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_ENDPOINT_URL", format!("http://{}", server.address)))?;
    let told: Told = serde_json::from_str(said.lines().last().context("it says nothing")?)?;
    let peak = server.memory_peak()?;

    let rate = written.records as f64 / told.import_seconds;
    let what = format!("importing {} records", thousands(written.records as f64));
    report.add(
        Row::new(&what, format!("{} records/s", thousands(rate)))
            .goal(format!("≥ {} records/s", thousands(IMPORT_GOAL)), rate >= IMPORT_GOAL),
    );
    let ratio = told.duckdb_seconds / told.import_seconds;
    report.add(
        Row::new(what, format!("{:.2} s", told.import_seconds))
            .goal("≥ 15 times as fast", ratio >= 15.0)
            .peer(format!("DuckDB, JSON to Parquet: {:.2} s", told.duckdb_seconds), ratio),
    );
    let share = told.stored_bytes as f64 / written.json_bytes as f64;
    report.add(
        Row::new("a store's files, of the JSON that they hold", format!("{:.1} %", share * 100.0))
            .goal("≤ 15 %", share <= 0.15),
    );
    for (name, (ours, theirs)) in told.questions {
        let (ours, theirs) = (median(ours), median(theirs));
        let is_key = name.contains("one key");
        let (goal, least) = if is_key { ("≥ 3 times as fast", 3.0) } else { ("no slower", 1.0) };
        report.add(
            Row::new(format!("asking a store: {name}"), format!("{:.0} ms", ours * 1e3))
                .goal(goal, theirs / ours >= least)
                .peer(format!("DuckDB on the same files: {:.0} ms", theirs * 1e3), theirs / ours),
        );
    }
    report.add(
        Row::new("memory of the server in all of that, at most", mib(peak))
            .goal("≤ 512 MiB", peak <= 512 << 20),
    );
    ensure!(Path::new(&logs).exists(), "the log files are gone");
    server.stop()
}

const CLIENT: &str = r#"
import glob, json, os, sys, time
import boto3, duckdb
logs, tables, records = sys.argv[1], sys.argv[2], int(sys.argv[3])
duckdb.sql("SET enable_progress_bar = false")
duckdb.sql("SET preserve_insertion_order = false")
cloudtrail = boto3.client("cloudtrail")
store = cloudtrail.create_event_data_store(Name="bench", TerminationProtectionEnabled=False)["EventDataStoreArn"]
cloudtrail.stop_event_data_store_ingestion(EventDataStore=store)
name = store.rsplit("/")[-1]

began = time.monotonic()
source = {"S3": {"S3LocationUri": "s3://logs/", "S3BucketRegion": "us-east-1",
    "S3BucketAccessRoleArn": "arn:aws:iam::123456789012:role/import"}}
started = cloudtrail.start_import(Destinations=[store], ImportSource=source)["ImportId"]
while (now := cloudtrail.get_import(ImportId=started))["ImportStatus"] in ("INITIALIZING", "IN_PROGRESS"):
    time.sleep(0.02)
import_seconds = time.monotonic() - began
assert now["ImportStatus"] == "COMPLETED" and now["ImportStatistics"]["EventsCompleted"] == records, now

began = time.monotonic()
duckdb.execute(f"""
    COPY (SELECT r.* FROM (SELECT unnest(Records) AS r
        FROM read_json('{logs}/**/*.json.gz', maximum_object_size = 67108864)))
    TO '{logs}/../duckdb.parquet' (COMPRESSION zstd)""").fetchall()
duckdb_seconds = time.monotonic() - began
os.unlink(f"{logs}/../duckdb.parquet")

# Until the files of each day are one.
def files():
    return glob.glob(f"{tables}/stores/{name}/data/*/*.parquet")
from pyiceberg.catalog.sql import SqlCatalog
catalog = SqlCatalog("trailmark", uri=f"sqlite:///{tables}/../../stores.sqlite", warehouse=f"file://{tables}")
def named():
    planned = catalog.load_table(("stores", name)).scan().plan_files()
    return [it.file.file_path.removeprefix("file://") for it in planned]
patience = time.monotonic() + 300
while len(now := named()) > len({it.rsplit("/", 2)[1] for it in now}):
    assert time.monotonic() < patience, f"{len(now)} files"
    time.sleep(0.5)
stored_bytes = sum(os.path.getsize(it) for it in now)

key, arn, day = duckdb.execute("""SELECT useridentity.accesskeyid, useridentity.arn, date_trunc('day', eventtime)::DATE::VARCHAR
    FROM read_parquet(?) WHERE useridentity.accesskeyid IS NOT NULL
    GROUP BY ALL ORDER BY count(*), 1, 2, 3 LIMIT 1""", [now]).fetchall()[0]
QUESTIONS = {
    "calls by name": "SELECT eventname, count(*) AS n FROM T GROUP BY 1 ORDER BY 1",
    "calls by service and day": "SELECT eventsource, date_trunc('day', eventtime) AS d, count(*) AS n FROM T GROUP BY 1, 2 ORDER BY 1, 2",
    "errors by code": "SELECT errorcode, count(*) AS n FROM T WHERE errorcode IS NOT NULL GROUP BY 1 ORDER BY 1",
    "who calls most": "SELECT useridentity.arn AS who, count(*) AS n FROM T GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10",
    "addresses of one caller": f"SELECT sourceipaddress, count(*) AS n FROM T WHERE useridentity.arn = '{arn}' GROUP BY 1 ORDER BY 1",
    "one day by region": f"SELECT awsregion, count(*) AS n FROM T WHERE eventtime >= timestamp '{day} 00:00:00' AND eventtime < timestamp '{day} 23:59:59' GROUP BY 1 ORDER BY 1",
    "writes by root": "SELECT eventname, count(*) AS n FROM T WHERE useridentity.type = 'Root' AND readonly = false GROUP BY 1 ORDER BY 1",
    "denied calls by caller": "SELECT useridentity.arn AS who, eventname, count(*) AS n FROM T WHERE errorcode = 'AccessDenied' GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 20",
    "distinct callers of each service": "SELECT eventsource, count(DISTINCT useridentity.arn) AS n FROM T GROUP BY 1 ORDER BY 1",
    "calls whose name begins so": "SELECT eventname, count(*) AS n FROM T WHERE eventname LIKE 'Delete%' GROUP BY 1 ORDER BY 1",
    "the busiest hours": "SELECT date_trunc('hour', eventtime) AS h, count(*) AS n FROM T GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 5",
    "the last calls of a service": "SELECT eventtime, eventname, eventid FROM T WHERE eventsource = 'iam.amazonaws.com' ORDER BY eventtime DESC, eventid LIMIT 20",
    "one key": f"SELECT eventtime, eventname, sourceipaddress FROM T WHERE useridentity.accesskeyid = '{key}' ORDER BY 1, 2, 3 LIMIT 100",
    "all of one key": f"SELECT count(*) AS n, min(eventtime) AS a, max(eventtime) AS b FROM T WHERE useridentity.accesskeyid = '{key}'",
}
def text(it):
    return "" if it is None else str(it)
def ours(query):
    id = cloudtrail.start_query(QueryStatement=query)["QueryId"]
    # Whoever asks all the time takes one of the processors from the query.
    time.sleep(0.05)
    while (said := cloudtrail.describe_query(QueryId=id))["QueryStatus"] in ("QUEUED", "RUNNING"):
        time.sleep(0.02)
    assert said["QueryStatus"] == "FINISHED", said
    found = cloudtrail.get_query_results(QueryId=id)["QueryStatistics"]["TotalResultsCount"]
    # As DuckDB's: planning, reading, and the rows; ours are on the disk by then.
    return said["QueryStatistics"]["ExecutionTimeInMillis"] / 1000, found
def theirs(query):
    began = time.monotonic()
    rows = duckdb.sql(query).fetchall()
    return time.monotonic() - began, len(rows)
listed = "read_parquet([" + ",".join(f"'{it}'" for it in now) + "])"
questions = {}
for title, query in QUESTIONS.items():
    seconds = ([], [])
    for _ in range(5):
        a, found = ours(query.replace("FROM T", f"FROM {name}"))
        b, expected = theirs(query.replace("FROM T", f"FROM {listed}"))
        assert found == expected, (title, found, expected)
        seconds[0].append(a)
        seconds[1].append(b)
    questions[title] = seconds
print(json.dumps({"import_seconds": import_seconds, "stored_bytes": stored_bytes,
    "duckdb_seconds": duckdb_seconds, "questions": questions}))
"#;
