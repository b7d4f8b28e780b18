//! What is read, and what is not.

use crate::{ask, folder, from, rows};

/// Files that were found and read, as the command says.
#[track_caller]
fn read(query: &str, from: &str, more: &[&str]) -> (String, String) {
    let heard = ask(query, &[&[from, "--statistics"], more].concat());
    assert!(heard.content, "{query}: {}", heard.err);
    let files = heard.err.split("; ").nth(1).unwrap_or_default();
    let files = files.split(" read").next().unwrap_or_default().to_owned();
    (heard.out, files)
}

#[test]
fn only_files_that_can_hold_what_is_wanted_are_read() {
    let folder = folder();
    let from = from(&folder);
    for (condition, expected) in [
        ("true", "5 of 5 files"),
        ("eventTime > '2026-03-05 00:00:00'", "1 of 1 files"),
        (
            "eventTime >= timestamp '2026-03-04 00:00:00' AND eventTime < timestamp '2026-03-05 00:00:00'",
            "2 of 2 files",
        ),
        ("eventTime < '2026-03-01T23:00:00Z'", "3 of 3 files"),
        ("eventTime BETWEEN '2026-03-05' AND '2026-03-06'", "1 of 1 files"),
        ("eventTime > from_iso8601_timestamp('2026-03-05T00:00:00Z')", "1 of 1 files"),
        ("eventTime > date_add('day', -1, timestamp '2026-03-06 00:00:00')", "1 of 1 files"),
        ("awsRegion = 'us-east-1'", "5 of 5 files"),
    ] {
        let query = format!("SELECT count(*) FROM events WHERE {condition}");
        assert_eq!(read(&query, &from, &[]).1, expected, "{condition}");
    }
    for (condition, expected) in [
        ("timestamp BETWEEN '2026/03/02' AND '2026/03/03'", "2 of 2 files"),
        ("year = '2026' AND month = '03' AND day IN ('01', '05')", "2 of 2 files"),
        ("account = '123456789012' AND region = 'us-east-1'", "5 of 5 files"),
        ("eventtime >= '2026-03-05T00:00:00Z'", "1 of 1 files"),
        ("eventtime LIKE '2026-03-05%'", "1 of 1 files"),
    ] {
        let query = format!("SELECT count(*) FROM cloudtrail_logs WHERE {condition}");
        assert_eq!(read(&query, &from, &[]).1, expected, "{condition}");
    }
    let elsewhere = ask("SELECT * FROM events WHERE awsRegion = 'eu-west-1'", &[&from]);
    assert!(elsewhere.content && elsewhere.err.contains("no log file was found"), "{elsewhere:?}");
}

#[test]
fn a_limit_ends_the_reading() {
    let folder = folder();
    let from = from(&folder);
    let (out, _) = read("SELECT eventName FROM events", &from, &["--limit=3"]);
    assert_eq!(out.lines().count(), 4);
    assert_eq!(rows("SELECT eventName FROM events LIMIT 3", &[&from]).lines().count(), 4);
}

#[test]
fn hidden_columns_are_shown_to_who_names_them() {
    let folder = folder();
    let from = from(&folder);
    let all = rows("SELECT * FROM cloudtrail_logs WHERE eventtime > '2026'", &[&from]);
    let names = all.lines().next().unwrap();
    assert!(!names.contains('$') && !names.contains("region,year"), "{names}");
    let path = "SELECT \"$path\" LIKE '%2026/03/05%', \"$file_size\" > 100, month FROM cloudtrail_logs \
                WHERE \"$path\" LIKE '%0305T1200Z%'";
    assert_eq!(rows(path, &[&from]), "_col0,_col1,month\ntrue,true,03\ntrue,true,03\n");
    let name = "SELECT date_trunc('month', eventTime) AS month, count(*) FROM events GROUP BY 1";
    assert_eq!(rows(name, &[&from]), "month,_col1\n2026-03-01 00:00:00.000,10\n");
}

#[test]
fn how_a_query_is_run_is_told_without_running_it() {
    let folder = folder();
    let query = "SELECT eventName, count(*) FROM events WHERE eventSource = 'a' GROUP BY 1";
    let plan = rows(query, &[&from(&folder), "--explain"]);
    assert!(plan.contains("AggregateExec"), "{plan}");
}
