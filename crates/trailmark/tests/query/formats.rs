//! Rows as they are written.

use std::process::Stdio;

use serde_json::Value;

use crate::{COUNT, clean, folder, from, rows, venv};

#[test]
fn rows_are_csv_unless_told_otherwise() {
    let folder = folder();
    let from = from(&folder);
    assert_eq!(rows(COUNT, &[&from]), "eventName,Calls\nGetObject,5\nPutObject,5\n");
    let quoted = "SELECT element_at(requestParameters, 'bucketName'), errorCode, requestParameters \
                  FROM events ORDER BY eventID LIMIT 1";
    assert_eq!(
        rows(quoted, &[&from]),
        "_col0,errorCode,requestParameters\n\
         \"a, \"\"GetObject\"\"\",,\"{bucketName=a, \"\"GetObject\"\", n=1}\"\n"
    );
    let times = "SELECT max(eventTime) AS latest FROM events";
    assert_eq!(rows(times, &[&from]), "latest\n2026-03-05 11:58:00.000\n");
}

#[test]
fn json_keeps_types_and_columns_of_one_name() {
    let folder = folder();
    let from = from(&folder);
    let query = "SELECT eventName, eventName, count(*), arbitrary(userIdentity) AS who, true FROM \
                 events GROUP BY 1 ORDER BY 1";
    let json: Value = serde_json::from_str(&rows(query, &[&from, "--format=json"])).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 2);
    let row = &json[0];
    assert_eq!(
        (&row["eventName"], &row["eventName_2"]),
        (&"GetObject".into(), &"GetObject".into())
    );
    assert_eq!((&row["_col2"], &row["who"]["type"]), (&5.into(), &"IAMUser".into()));
    assert_eq!(row["_col4"], true);
    let lines = rows(query, &[&from, "--format=ndjson"]);
    let lines: Vec<Value> = lines.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    assert_eq!(&Value::from(lines), &json);
    let none = "SELECT eventName FROM events WHERE false";
    assert_eq!(rows(none, &[&from, "--format=json"]), "[]\n");
    assert_eq!(rows(none, &[&from, "--format=ndjson"]), "");
    assert_eq!(rows(none, &[&from]), "eventName\n");
}

#[test]
fn a_table_is_drawn_for_people() {
    let folder = folder();
    let table = rows(COUNT, &[&from(&folder), "--format=table"]);
    let lines = ["eventName  Calls", "─────────  ─────", "GetObject  5", "PutObject  5", ""];
    assert_eq!(table, lines.join("\n"));
}

#[test]
fn parquet_is_what_others_read() {
    let folder = folder();
    let file = folder.path().join("rows.parquet");
    let name = file.to_str().unwrap();
    let query = "SELECT eventTime, eventName, userIdentity, requestParameters, resources, readOnly, \
                 count(*) OVER () AS n FROM events";
    assert_eq!(rows(query, &[&from(&folder), "--output", name]), "");
    assert!(!folder.path().join("rows.parquet.part").exists());
    let script = "import duckdb, sys\nprint(duckdb.sql(f\"SELECT count(*), min(userIdentity.arn), \
                  max(eventTime)::varchar, min(requestParameters['n']), min(n) FROM '{sys.argv[1]}'\").fetchall())";
    let output = clean(venv("python")).args(["-c", script, name]).output().unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap().trim(),
        "[(10, 'arn:aws:iam::123456789012:user/GetObject', '2026-03-05 11:58:00', '1', 10)]",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_query_comes_from_a_file_or_from_standard_input() {
    let folder = folder();
    let saved = folder.path().join("saved.sql");
    std::fs::write(&saved, format!("-- all calls\n{COUNT};\n")).unwrap();
    let expected = "eventName,Calls\nGetObject,5\nPutObject,5\n";
    let from = from(&folder);
    let mut command = clean(env!("CARGO_BIN_EXE_trailmark"));
    let output = command.args(["query", &from, "--file"]).arg(&saved).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    let mut command = clean(env!("CARGO_BIN_EXE_trailmark"));
    let input = Stdio::from(std::fs::File::open(&saved).unwrap());
    let output = command.args(["query", &from]).stdin(input).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
}
