//! Finding and reading log files, and published queries over them.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use datafusion::catalog::TableProvider;
use flate2::{Compression, write::GzEncoder};
use futures::TryStreamExt as _;
use sql::{Engine, Limits, Named, Nulls, Tables, text};
use tempfile::TempDir;
use views::View;

use crate::{Fault, LogFiles, Progress, Source};

const ACCOUNT: &str = "123456789012";

/// A folder of log files.
struct House {
    folder: TempDir,
}

impl House {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn put(&self, key: &str, bytes: &[u8]) {
        let path = self.folder.path().join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// A log file of a day, with one record for each name.
    fn day(&self, region: &str, day: &str, names: &[&str]) {
        let (slashes, compact) = (day.replace('-', "/"), day.replace('-', ""));
        let key = format!(
            "AWSLogs/{ACCOUNT}/CloudTrail/{region}/{slashes}/{ACCOUNT}_CloudTrail_{region}_{compact}T1200Z_abcdefghijklmnop.json.gz"
        );
        let record = |name: &&str| {
            format!(
                r#"{{"eventName":"{name}","eventTime":"{day}T11:58:00Z","awsRegion":"{region}","recipientAccountId":"{ACCOUNT}","userIdentity":{{"arn":"arn:{name}"}},"requestParameters":{{"bucketName":"b-{name}"}}}}"#
            )
        };
        let records: Vec<_> = names.iter().map(record).collect();
        self.put(&key, &gzip(&format!(r#"{{"Records":[{}]}}"#, records.join(","))));
    }

    async fn query(&self, query: &str) -> Heard {
        ask(&[self.folder.path().to_owned()], query)
            .await
            .unwrap_or_else(|error| panic!("{query}: {error}"))
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[derive(Debug)]
struct Heard {
    labels: Vec<String>,
    rows: Vec<String>,
    files: u64,
    faults: Vec<Fault>,
}

#[derive(Debug)]
struct Both {
    sources: Arc<[Source]>,
    progress: Arc<Progress>,
    faults: Arc<Mutex<Vec<Fault>>>,
}

impl Tables for Both {
    fn table(&self, named: &Named) -> Option<Arc<dyn TableProvider>> {
        let view = if named.name.starts_with("cloudtrail") { View::Athena } else { View::Lake };
        let faults = Arc::clone(&self.faults);
        let mentioned = |it: &str| named.mentioned.contains(it);
        let table = LogFiles::new(Arc::clone(&self.sources), view, mentioned)
            .counting(Arc::clone(&self.progress))
            .telling(move |it| {
                faults.lock().unwrap().push(it);
                true
            });
        Some(Arc::new(table))
    }

    fn hint(&self, _: &Named) -> String {
        String::new()
    }
}

async fn ask(folders: &[PathBuf], query: &str) -> Result<Heard, String> {
    let sources = folders.iter().map(|it| Source::local(it).unwrap()).collect();
    let (progress, faults) = (Arc::new(Progress::default()), Arc::default());
    let tables = Both { sources, progress: Arc::clone(&progress), faults: Arc::clone(&faults) };
    let session = Engine::new(Limits::default()).unwrap().session(Arc::new(tables));
    let answer = session.query(query).await.map_err(|it| it.to_string())?;
    let batches: Vec<_> = answer.rows.try_collect().await.map_err(|it| it.to_string())?;
    let mut rows = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let shown = |it: &_| text(it, row, Nulls::Word).unwrap_or_else(|| "null".to_owned());
            let cells: Vec<_> = batch.columns().iter().map(|it| shown(it.as_ref())).collect();
            rows.push(cells.join(" "));
        }
    }
    let faults = faults.lock().unwrap().clone();
    Ok(Heard { labels: answer.labels, rows, files: progress.files.load(Ordering::Relaxed), faults })
}

#[tokio::test]
async fn files_that_cannot_hold_what_is_wanted_are_left_alone() {
    let house = House::new();
    for day in 1..=9 {
        house.day("us-east-1", &format!("2026-03-0{day}"), &["GetObject", "PutObject"]);
        house.day("eu-west-1", &format!("2026-03-0{day}"), &["GetObject"]);
    }
    house.put(
        &format!("AWSLogs/{ACCOUNT}/CloudTrail-Digest/us-east-1/2026/03/01/x.json.gz"),
        b"no log file",
    );
    let all = house.query("SELECT count(*) FROM events").await;
    assert_eq!(
        (all.rows.as_slice(), all.files, all.faults.len()),
        (["27".to_owned()].as_slice(), 18, 0)
    );
    for (condition, files, rows) in [
        (
            "FROM events WHERE eventtime >= '2026-03-05 00:00:00' AND eventtime < '2026-03-06 00:00:00'",
            4,
            "3",
        ),
        ("FROM events WHERE awsRegion = 'eu-west-1'", 9, "9"),
        ("FROM events WHERE recipientaccountid = '999999999999'", 0, "0"),
        (
            "FROM events WHERE eventName IN ('PutObject', 'x') AND awsregion IN ('us-east-1')",
            9,
            "9",
        ),
        ("FROM cloudtrail_logs WHERE eventtime BETWEEN '2026-03-05' AND '2026-03-06'", 4, "3"),
        (
            "FROM cloudtrail_logs WHERE year = '2026' AND month = '03' AND day = '07' AND region = 'us-east-1'",
            1,
            "2",
        ),
        ("FROM cloudtrail_logs WHERE \"timestamp\" BETWEEN '2026/03/08' AND '2026/03/31'", 4, "6"),
        ("FROM cloudtrail_logs WHERE dt = '2026-03-02'", 2, "3"),
        ("FROM cloudtrail_logs WHERE year||month||day >= '20260309'", 18, "3"),
        ("FROM events WHERE useridentity.arn = 'arn:PutObject'", 18, "9"),
        ("FROM events WHERE element_at(requestParameters, 'bucketName') LIKE 'b-Put%'", 18, "9"),
        ("FROM cloudtrail_logs WHERE requestParameters.bucketName = 'b-PutObject'", 18, "9"),
        ("FROM events WHERE eventtime > date_add('day', -1, current_timestamp)", 0, "0"),
    ] {
        let heard = house.query(&format!("SELECT count(*) {condition}")).await;
        assert_eq!((heard.files, heard.rows[0].as_str()), (files, rows), "{condition}");
    }
}

#[tokio::test]
async fn hidden_columns_are_there_for_who_asks() {
    let house = House::new();
    house.day("us-east-1", "2026-03-01", &["GetObject"]);
    let all = house.query("SELECT * FROM cloudtrail_logs").await;
    assert_eq!(all.labels.len(), View::Athena.columns().len());
    let heard = house
        .query("SELECT year, month, day, region, account, \"timestamp\" FROM cloudtrail_logs")
        .await;
    assert_eq!(heard.rows, [format!("2026 03 01 us-east-1 {ACCOUNT} 2026/03/01")]);
    let heard = house
        .query(
            "SELECT count(*) FROM cloudtrail_logs WHERE \"$path\" LIKE '%abcdefghijklmnop.json.gz'",
        )
        .await;
    assert_eq!(heard.rows, ["1"]);
}

#[tokio::test]
async fn a_corrupt_file_is_told_of_and_the_rest_is_read() {
    let house = House::new();
    house.day("us-east-1", "2026-03-01", &["GetObject"]);
    let whole = gzip(r#"{"Records":[{"eventName":"a"},{"eventName":"b"}]}"#);
    house.put("flat/cut.json.gz", &whole[..whole.len() - 9]);
    house.put("flat/no.json.gz", b"\x1f\x8bnonsense");
    house.put("flat/text.json", b"{\"Records\":[{\"eventName\":\"c\"},");
    house.put("flat/lines.ndjson", b"{\"eventName\":\"d\"}\n{\"eventName\":\"e\"}\n");
    house.put(
        "flat/two.json.gz",
        &[gzip("{\"eventName\":\"f\"}\n"), gzip("{\"eventName\":\"g\"}")].concat(),
    );
    house.put("flat/readme.txt", b"not looked at");
    let heard = house.query("SELECT eventname FROM events ORDER BY 1").await;
    assert_eq!(heard.rows, ["GetObject", "c", "d", "e", "f", "g"]);
    let mut files: Vec<_> =
        heard.faults.iter().map(|it| it.file.rsplit('/').next().unwrap()).collect();
    files.sort_unstable();
    assert_eq!(files, ["cut.json.gz", "no.json.gz", "text.json"], "{:?}", heard.faults);
}

#[tokio::test]
async fn a_limit_reads_no_more_than_it_needs() {
    let house = House::new();
    for day in 1..=9 {
        house.day("us-east-1", &format!("2026-03-0{day}"), &["GetObject", "PutObject"]);
    }
    let heard = house.query("SELECT eventname FROM events LIMIT 1").await;
    assert_eq!(heard.rows.len(), 1);
    assert!(heard.files <= 4, "{}", heard.files);
}

#[tokio::test]
async fn one_file_and_many_folders_are_one_table() {
    let (one, other) = (House::new(), House::new());
    one.day("us-east-1", "2026-03-01", &["GetObject"]);
    other.put("x.json", b"{\"eventName\":\"Lone\"}");
    let folders = [one.folder.path().to_owned(), other.folder.path().join("x.json")];
    let heard = ask(&folders, "SELECT eventname FROM events ORDER BY 1").await.unwrap();
    assert_eq!(heard.rows, ["GetObject", "Lone"]);
    assert!(Source::local(Path::new("/nowhere/at/all")).is_err());
}

/// The folder of data that is handed out beside the project, if it is there.
fn shared() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let beside = [beside, Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data")];
    beside.into_iter().find(|it| it.is_dir())
}

/// Published queries that cannot run as they are, and why.
const BROKEN: [(&str, &str); 3] = [
    (
        "awssamples__list-attempted-s3-requests..sql",
        "`requestParametersORDER BY`: a space is missing",
    ),
    ("awssamples__tls-unsupported-version.sql", "`${date_filter}` is to be filled in"),
    ("easttimor__README-001.sql", "`from … and …`: the word `where` is missing"),
];

#[tokio::test]
async fn published_queries_run_unchanged() {
    let Some(shared) = shared() else { return };
    let samples = [shared.join("cloudtrail-samples")];
    let (ran, mut wrong) = (AtomicU64::new(0), BTreeMap::new());
    for face in ["lake", "athena"] {
        for entry in fs::read_dir(shared.join("lake-queries").join(face)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.extension().is_none_or(|it| it != "sql") {
                continue;
            }
            let query = fs::read_to_string(&path).unwrap();
            let heard = ask(&samples, &query).await;
            ran.fetch_add(1, Ordering::Relaxed);
            let is_broken = BROKEN.iter().any(|(it, _)| *it == name);
            match heard {
                Ok(_) if is_broken => drop(wrong.insert(name, "it runs".to_owned())),
                Err(error) if !is_broken => drop(wrong.insert(name, error)),
                Ok(_) | Err(_) => {}
            }
        }
    }
    assert!(ran.into_inner() > 50);
    assert!(wrong.is_empty(), "{wrong:#?}");
}
