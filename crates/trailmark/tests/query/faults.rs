//! What is wrong with files and with queries.

use std::fs;

use crate::{COUNT, Heard, ask, folder, from, key, log_file, record, rows};

#[test]
fn a_broken_file_is_told_of_and_the_rest_is_read() {
    let folder = folder();
    let from = from(&folder);
    let broken = folder.path().join(key(3));
    let whole = fs::read(&broken).unwrap();
    fs::write(&broken, &whole[..whole.len() - 40]).unwrap();
    let text = format!(
        "{}\n{{\"eventID\":nonsense}}\n{}\n",
        record(6, "GetObject"),
        record(6, "GetObject")
    );
    fs::write(folder.path().join("more.ndjson"), text).unwrap();
    let Heard { content, out, err } =
        ask("SELECT count(*) FROM events WHERE eventName = 'GetObject'", &[&from]);
    assert!(content && (out == "_col0\n6\n" || out == "_col0\n7\n"), "{out}{err}");
    assert_eq!(err.lines().count(), 2, "{err}");
    assert!(err.contains("not read whole") && err.contains("20260303T1200Z"), "{err}");
    assert!(err.contains("more.ndjson`: it is no value at line 2 column 12"), "{err}");
    let strict = ask(COUNT, &[&from, "--strict"]);
    assert!(!strict.content, "{strict:?}");
    assert!(
        strict.err.contains("20260303T1200Z") || strict.err.contains("more.ndjson"),
        "{strict:?}"
    );
}

#[test]
fn a_file_of_an_answer_is_whole_or_not_there() {
    let folder = folder();
    fs::write(folder.path().join("bad.json"), "{").unwrap();
    let output = folder.path().join("rows.csv");
    let failed = ask(COUNT, &[&from(&folder), "--strict", "--output", output.to_str().unwrap()]);
    assert!(!failed.content && !output.exists(), "{failed:?}");
    let nowhere = ask(COUNT, &[&from(&folder), "--output", "/nonexistent/rows.csv"]);
    assert!(!nowhere.content && nowhere.err.contains("cannot write `/nonexistent/rows.csv"));
}

#[test]
fn names_of_tables_stand_for_views() {
    let folder = folder();
    let from = from(&folder);
    for (table, more) in [
        ("Events", None),
        ("0e1c5e1c-4b1a-4a2b-9c3d-1234567890ab", None),
        ("\"aws:cloudtrail\".\"0e1c5e1c-4b1a-4a2b-9c3d-1234567890ab\"", None),
        ("$EDS_ID", None),
        ("Saved", Some("--table=saved=lake")),
        ("logs.saved", Some("--table=SAVED=lake")),
    ] {
        let query = format!("SELECT count(*) FROM {table} WHERE readOnly = true");
        let arguments: Vec<_> = [from.as_str()].into_iter().chain(more).collect();
        assert_eq!(rows(&query, &arguments), "_col0\n10\n", "{table}");
    }
    let athena =
        "SELECT count(*) FROM my_logs WHERE json_extract_scalar(requestparameters, '$.n') = '1'";
    assert_eq!(rows(athena, &[&from, "--table=my_logs=athena"]), "_col0\n10\n");
    let both = "SELECT count(*) FROM events a JOIN cloudtrail_logs b ON a.eventID = b.eventid";
    assert_eq!(rows(both, &[&from]), "_col0\n10\n");
}

#[test]
fn a_query_that_cannot_be_run_is_refused_with_what_helps() {
    let folder = folder();
    let from = from(&folder);
    for (query, expected) in [
        ("SELECT 1 FROM elsewhere", "--table elsewhere=lake"),
        ("SELECT eventNam FROM events", "did you mean `eventname`"),
        ("SELECT json_formt('') FROM events", "did you mean `json_format`"),
        ("DELETE FROM events", "only a single SELECT"),
        ("SELECT 1; SELECT 2", "only a single SELECT"),
        ("SELECT\n  FROM WHERE", "line 2:"),
    ] {
        let Heard { content, out, err } = ask(query, &[&from]);
        assert!(!content && out.is_empty() && err.contains(expected), "{query}: {err}");
    }
    let nowhere = ask(COUNT, &["--from=/no/such/folder"]);
    assert!(
        !nowhere.content && nowhere.err.contains("cannot open `/no/such/folder`"),
        "{nowhere:?}"
    );
    let view = ask(COUNT, &[&from, "--table=a=b"]);
    assert!(!view.content && view.err.contains("neither `lake` nor `athena`"), "{view:?}");
    let endless = "SELECT count(*) FROM events a, events b, events c, events d, events e, events f, \
                   events g, events h, events i, events j WHERE a.eventid || j.eventid > b.eventid";
    let late = ask(endless, &[&from, "--timeout=1"]);
    assert!(!late.content && late.err.contains("longer than 1 seconds"), "{late:?}");
}

#[test]
fn several_sources_are_one_table() {
    let (one, other) = (folder(), folder());
    let single = tempfile::tempdir().unwrap();
    let file = single.path().join("single.json.gz");
    fs::write(&file, log_file(1, &["GetObject"])).unwrap();
    let third = format!("--from={}", file.display());
    assert_eq!(
        rows("SELECT count(*) FROM events", &[&from(&one), &from(&other), &third]),
        "_col0\n21\n"
    );
}
