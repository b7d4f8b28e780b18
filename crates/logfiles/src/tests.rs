//! Finding and reading log files.

mod changing;

use std::{
    fs,
    io::Write as _,
    path::Path,
    sync::{Arc, Mutex, atomic::Ordering},
};

use datafusion::{
    arrow::util::display::{ArrayFormatter, FormatOptions},
    catalog::TableProvider as _,
    common::DataFusionError,
    prelude::{SessionConfig, SessionContext},
};
use flate2::{Compression, write::GzEncoder};
use object_store::{ObjectStoreExt as _, memory::InMemory};
use tempfile::TempDir;
use views::View;

use crate::{Fault, LogFiles, Progress, Source};

/// What a query gave, and what came of it.
struct Heard {
    /// Values of a row joined by blanks.
    rows: Vec<String>,
    faults: Vec<Fault>,
    found: u64,
    files: u64,
    records: u64,
}

async fn query(
    source: Source,
    view: View,
    is_strict: bool,
    sql: &str,
) -> Result<Heard, DataFusionError> {
    let progress = Arc::new(Progress::default());
    let faults = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&faults);
    let table = LogFiles::new([source].into(), view, |it| sql.contains(it))
        .counting(Arc::clone(&progress))
        .telling(move |it| {
            heard.lock().unwrap().push(it);
            !is_strict
        });
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(2));
    context.register_table("logs", Arc::new(table))?;
    let mut rows = Vec::new();
    for batch in context.sql(sql).await?.collect().await? {
        let options = FormatOptions::default().with_null("null");
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|it| ArrayFormatter::try_new(it, &options).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            let values: Vec<_> = columns.iter().map(|it| it.value(row).to_string()).collect();
            rows.push(values.join(" "));
        }
    }
    let faults = std::mem::take(&mut *faults.lock().unwrap());
    let told = |it: &std::sync::atomic::AtomicU64| it.load(Ordering::Relaxed);
    let (found, files) = (told(&progress.found), told(&progress.files));
    Ok(Heard { rows, faults, found, files, records: told(&progress.records) })
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn write(folder: &Path, key: &str, bytes: &[u8]) {
    let path = folder.join(key);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn key(account: &str, region: &str, time: &str) -> String {
    let day = format!("{}/{}/{}", &time[..4], &time[4..6], &time[6..8]);
    format!(
        "AWSLogs/{account}/CloudTrail/{region}/{day}/\
         {account}_CloudTrail_{region}_{time}Z_AbCdEfGhIjKlMnOp.json.gz"
    )
}

fn record(account: &str, region: &str, time: &str, name: &str) -> String {
    format!(
        r#"{{"eventVersion":"1.11","eventTime":"{time}","eventName":"{name}","awsRegion":"{region}","recipientAccountId":"{account}","eventID":"{name}-{time}"}}"#
    )
}

const ONE: &str = "111111111111";
const TWO: &str = "222222222222";

/// Two accounts, two regions, three days, a record in each file; and what lies beside it.
fn bucket() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for account in [ONE, TWO] {
        for region in ["us-east-1", "eu-west-1"] {
            for day in ["01", "05", "20"] {
                let time = format!("2026-03-{day}T10:00:00Z");
                let record = record(account, region, &time, "GetObject");
                let text = format!("{{\"Records\":[{record}]}}");
                let key = key(account, region, &format!("202603{day}T1005"));
                write(folder.path(), &key, &gzip(&text));
            }
        }
        write(folder.path(), &format!("AWSLogs/{account}/CloudTrail/mark"), b"");
        let beside = "Config/us-east-1/2026/3/1/ConfigHistory/a.json.gz";
        write(folder.path(), &format!("AWSLogs/{account}/{beside}"), &gzip("{\"a\":1}"));
        let digest =
            format!("CloudTrail-Digest/us-east-1/2026/03/01/{account}_CloudTrail-Digest_x");
        let digest = format!("AWSLogs/{account}/{digest}.json.gz");
        write(folder.path(), &digest, &gzip("{\"digestS3Bucket\":\"x\"}"));
    }
    folder
}

async fn ask(folder: &Path, view: View, sql: &str) -> Heard {
    let heard = query(Source::local(folder).unwrap(), view, false, sql).await.unwrap();
    assert_eq!(heard.faults, []);
    heard
}

#[tokio::test]
async fn every_log_file_is_read_and_nothing_else() {
    let bucket = bucket();
    let heard = ask(bucket.path(), View::Lake, "SELECT count(*) FROM logs").await;
    assert_eq!((heard.rows, heard.found, heard.files), (vec!["12".to_owned()], 12, 12));
    assert_eq!(heard.records, 12);
}

#[tokio::test]
async fn files_that_cannot_hold_what_is_wanted_are_not_read() {
    let bucket = bucket();
    for (condition, rows, found) in [
        ("eventtime = timestamp '2026-03-05T10:00:00'", 4, 4),
        ("eventtime >= timestamp '2026-03-05T00:00:00'", 8, 8),
        ("eventtime > timestamp '2026-03-05T10:00:00'", 4, 8),
        ("eventtime < timestamp '2026-03-02T00:00:00'", 4, 4),
        ("eventtime < timestamp '2026-03-03T12:00:00'", 4, 8),
        ("awsregion = 'eu-west-1'", 6, 6),
        ("awsregion IN ('eu-west-1', 'us-east-1') AND recipientaccountid = '111111111111'", 6, 6),
        ("recipientaccountid LIKE '1111%'", 6, 6),
        ("awsregion <> 'eu-west-1'", 6, 12),
        ("eventname = 'PutObject'", 0, 12),
        ("awsregion = 'eu-west-1' OR eventname = 'GetObject'", 12, 12),
        ("awsregion = 'eu-west-1' OR awsregion = 'ap-south-1'", 6, 6),
    ] {
        let sql = format!("SELECT eventid FROM logs WHERE {condition}");
        let heard = ask(bucket.path(), View::Lake, &sql).await;
        assert_eq!((heard.rows.len(), heard.found), (rows, found), "{condition}");
    }
    for (condition, rows, found) in [
        ("region = 'eu-west-1' AND year = '2026' AND month = '03' AND day = '05'", 2, 2),
        ("account = '222222222222'", 6, 6),
        ("timestamp BETWEEN '2026/03/01' AND '2026/03/05'", 8, 8),
        ("\"date\" = '2026-03-20'", 4, 4),
        ("dt >= '2026-03-05'", 8, 8),
        ("date_partition >= '2026/03/05' AND account_partition IN ('222222222222')", 4, 4),
        ("region_partition = 'eu-west-1' AND date_partition = '2026/03/05'", 2, 2),
        ("year || month || day >= '20260305'", 8, 12),
        ("eventtime >= '2026-03-05T00:00:00Z' AND eventtime < '2026-03-06'", 4, 4),
        // Letter by letter a blank stands before the T of every time of the day.
        ("eventtime >= '2026-03-05 23:59:59' AND eventtime < '2026-03-06'", 4, 4),
        ("eventtime LIKE '2026-03-05%'", 4, 4),
        ("eventtime LIKE '2026-03%'", 12, 12),
    ] {
        let sql = format!("SELECT eventid FROM logs WHERE {condition}");
        let heard = ask(bucket.path(), View::Athena, &sql).await;
        assert_eq!((heard.rows.len(), heard.found), (rows, found), "{condition}");
    }
}

#[tokio::test]
async fn a_record_that_was_delivered_after_its_day_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let text = record(ONE, "us-east-1", "2026-03-05T23:58:00Z", "Late");
    for time in ["20260306T0005", "20260307T2350"] {
        write(
            folder.path(),
            &key(ONE, "us-east-1", time),
            &gzip(&format!("{{\"Records\":[{text}]}}")),
        );
    }
    let sql = "SELECT eventname FROM logs WHERE eventtime BETWEEN timestamp '2026-03-05T00:00:00' \
               AND timestamp '2026-03-05T23:59:59'";
    assert_eq!(ask(folder.path(), View::Lake, sql).await.rows, ["Late", "Late"]);
}

#[tokio::test]
async fn what_keys_say_is_shown_to_who_asks() {
    let bucket = bucket();
    let sql = "SELECT replace(\"$path\", 'x', 'x'), \"$file_size\" > 0, account, region, year, month, \
               day, timestamp, dt FROM logs WHERE account = '111111111111' AND region = 'us-east-1' \
               AND day = '05'";
    let heard = ask(bucket.path(), View::Athena, sql).await;
    let root = bucket.path().canonicalize().unwrap();
    let key = key(ONE, "us-east-1", "20260305T1005");
    let row =
        format!("{}/{key} true {ONE} us-east-1 2026 03 05 2026/03/05 2026-03-05", root.display());
    assert_eq!(heard.rows, [row]);
    let plain = LogFiles::new([].into(), View::Athena, |_| false);
    assert_eq!(plain.schema(), View::Athena.schema());
}

#[tokio::test]
async fn a_deeper_folder_and_a_single_file_are_sources_too() {
    let bucket = bucket();
    let count = "SELECT count(*), max(account) FROM logs";
    for (path, rows) in [
        ("AWSLogs", "12 222222222222".to_owned()),
        ("AWSLogs/111111111111", "6 111111111111".to_owned()),
        ("AWSLogs/111111111111/CloudTrail/eu-west-1/2026", "3 111111111111".to_owned()),
        (&key(ONE, "us-east-1", "20260305T1005"), "1 111111111111".to_owned()),
    ] {
        let heard = ask(&bucket.path().join(path), View::Athena, count).await;
        assert_eq!(heard.rows, [rows], "{path}");
    }
    assert!(Source::local(&bucket.path().join("nowhere")).is_err());
}

#[tokio::test]
async fn files_of_every_form_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let text = record(ONE, "us-east-1", "2026-03-05T23:58:00Z", "A");
    write(folder.path(), "a.json", format!("{{\"Records\":[{text}]}}").as_bytes());
    write(folder.path(), "b.ndjson", format!("{text}\n{text}\n").as_bytes());
    write(folder.path(), "deep/c.ndjson.gz", &gzip(&format!("{text}\n{text}\n")));
    write(folder.path(), "deep/d.json", text.as_bytes());
    write(
        folder.path(),
        "deep/e.json.gz",
        &[gzip(&format!("[{text},")), gzip(&format!("{text}]"))].concat(),
    );
    write(folder.path(), "notes.txt", b"nothing");
    let organization =
        format!("AWSLogs/o-abcdefghij/{}", &key(ONE, "us-east-1", "20260305T1005")[8..]);
    write(folder.path(), &organization, &gzip(&format!("{{\"Records\":[{text}]}}")));
    let heard = ask(folder.path(), View::Lake, "SELECT count(*) FROM logs").await;
    assert_eq!((heard.rows, heard.files), (vec!["9".to_owned()], 6));
}

#[tokio::test]
async fn what_is_broken_is_told_and_the_rest_is_read() {
    let bucket = bucket();
    let broken = key(ONE, "us-east-1", "20260306T0000");
    let text = record(ONE, "us-east-1", "2026-03-06T00:00:00Z", "GetObject");
    let whole = gzip(&format!("{{\"Records\":[{text}]}}"));
    write(bucket.path(), &broken, &whole[..whole.len() / 2]);
    let second = key(TWO, "us-east-1", "20260306T0000");
    write(
        bucket.path(),
        &second,
        &gzip(&format!("{{\"Records\":[{text},{{\"eventID\":oops}},{text}]}}")),
    );
    let source = || Source::local(bucket.path()).unwrap();
    let sql = "SELECT count(*) FROM logs";
    let heard = query(source(), View::Lake, false, sql).await.unwrap();
    assert_eq!(heard.rows, ["14"]);
    let mut told: Vec<_> = heard.faults.iter().map(ToString::to_string).collect();
    told.sort();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains(&broken) && told[0].contains("cannot be read to its end"), "{told:?}");
    assert!(told[1].contains(&second) && told[1].contains("it is no value at line 1"), "{told:?}");
    let error = query(source(), View::Lake, true, sql).await.err().unwrap();
    assert!(error.to_string().contains("202603"), "{error}");
}

#[tokio::test]
async fn a_limit_is_answered_without_reading_everything() {
    let folder = tempfile::tempdir().unwrap();
    let text = record(ONE, "us-east-1", "2026-03-05T23:58:00Z", "A");
    let file = gzip(&format!("{{\"Records\":[{}]}}", vec![text; 500].join(",")));
    for minute in 0..60 {
        write(folder.path(), &key(ONE, "us-east-1", &format!("20260305T10{minute:02}")), &file);
    }
    let heard = ask(folder.path(), View::Lake, "SELECT eventid FROM logs LIMIT 3").await;
    assert_eq!(heard.rows.len(), 3);
    assert!(heard.files <= 2, "{}", heard.files);
    let sql = "SELECT eventid FROM logs WHERE eventname LIKE '%A' LIMIT 3";
    let heard = ask(folder.path(), View::Lake, sql).await;
    assert_eq!(heard.rows.len(), 3);
    assert!(heard.files <= 20, "{}", heard.files);
}

#[tokio::test]
async fn a_table_may_be_read_twice_in_one_query() {
    let bucket = bucket();
    let sql = "SELECT count(*) FROM logs a JOIN logs b ON a.eventid = b.eventid \
               AND a.recipientaccountid = b.recipientaccountid AND a.awsregion = b.awsregion";
    let heard = ask(bucket.path(), View::Lake, sql).await;
    assert_eq!((heard.rows, heard.files), (vec!["12".to_owned()], 24));
}

#[tokio::test]
async fn a_bucket_is_read_below_its_prefix() {
    let store = Arc::new(InMemory::new());
    let text = record(ONE, "us-east-1", "2026-03-05T23:58:00Z", "A");
    for prefix in ["trails/", ""] {
        let key = format!("{prefix}{}", key(ONE, "us-east-1", "20260305T1005"));
        let body = gzip(&format!("{{\"Records\":[{text}]}}"));
        store.put(&key.into(), body.into()).await.unwrap();
    }
    let source = |prefix| Source::bucket(store.clone(), prefix, "s3://logs");
    let sql = "SELECT \"$path\" FROM logs ORDER BY 1";
    let heard = query(source("trails/"), View::Lake, false, sql).await.unwrap();
    let shown = format!("s3://logs/trails/{}", key(ONE, "us-east-1", "20260305T1005"));
    assert_eq!(heard.rows, [shown.as_str()]);
    let heard = query(source(""), View::Lake, false, sql).await.unwrap();
    assert_eq!(heard.rows.len(), 2);
    let file = shown.strip_prefix("s3://logs/").unwrap();
    let heard = query(source(file), View::Lake, false, sql).await.unwrap();
    assert_eq!(heard.rows, [shown.as_str()]);
    let missing = query(source("trails/x.json.gz"), View::Lake, false, sql).await;
    assert!(missing.err().unwrap().to_string().contains("x.json.gz"));
}
