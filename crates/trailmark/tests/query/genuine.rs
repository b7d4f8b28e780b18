//! Queries that others published over genuine records, as they stand. Both lie beside the project;
//! where they are not there, nothing is checked.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{ask, rows};

fn beside(name: &str) -> Option<PathBuf> {
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    folders.map(|it| it.join("shared/data").join(name)).find(|it| it.exists())
}

#[test]
fn genuine_records_are_rows_of_both_views() {
    let Some(samples) = beside("cloudtrail-samples") else { return };
    let from = format!("--from={}", samples.display());
    let lines = "SELECT count(*), count(eventName), count(DISTINCT eventSource) > 40 FROM events";
    let lake = rows(lines, &[&from]);
    let counted: Vec<_> = lake.lines().nth(1).unwrap().split(',').collect();
    assert!(counted[0].parse::<u64>().unwrap() > 800 && counted[0] == counted[1], "{lake}");
    assert_eq!(counted[2], "true");
    // Both views show the same.
    let both = "SELECT count(*) FROM events a JOIN cloudtrail_logs b ON a.eventID = b.eventid AND \
                to_iso8601(a.eventTime) = to_iso8601(from_iso8601_timestamp(b.eventtime)) WHERE \
                a.userIdentity.arn IS DISTINCT FROM b.useridentity.arn OR \
                cast(a.readOnly AS varchar) IS DISTINCT FROM b.readonly OR \
                json_extract_scalar(b.requestparameters, '$.bucketName') IS DISTINCT FROM \
                element_at(a.requestParameters, 'bucketName')";
    let differing = rows(both, &[&from]);
    assert_eq!(differing, "_col0\n0\n");
    let whole = "SELECT count(*) FROM events WHERE json_extract_scalar(eventJson, '$.eventName') = eventName";
    assert_eq!(rows(whole, &[&from]).lines().nth(1).unwrap(), counted[0]);
}

#[test]
fn published_queries_run_unchanged_over_genuine_records() {
    let Some((samples, queries)) = beside("cloudtrail-samples").zip(beside("lake-queries")) else {
        return;
    };
    let from = format!("--from={}", samples.display());
    let mut failed = Vec::new();
    for view in ["lake", "athena"] {
        for entry in fs::read_dir(queries.join(view)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            // The two have an error in them: a blank is missing, and a WHERE.
            let is_wrong =
                ["awssamples__list-attempted-s3-requests..sql", "easttimor__README-001.sql"];
            if !name.ends_with(".sql") || is_wrong.contains(&name.as_str()) {
                continue;
            }
            let mut text = fs::read_to_string(&path).unwrap();
            for it in ["<event_data_store_id>", "<EDS ID>", "<EDS_ID>"] {
                text = text.replace(it, "0e1c5e1c-4b1a-4a2b-9c3d-1234567890ab");
            }
            let text = text
                .replace("${date_filter}", "2023-01-01 00:00:00")
                .replace("####", "2023")
                .replace("##", "01");
            let tables =
                ["cloudtrail", "cloudtrail_logs_table", "cloudtrail_table", "org_cloudtrail"];
            let mut arguments = vec![from.clone(), "--strict".to_owned()];
            arguments.extend(tables.iter().map(|it| format!("--table={it}={view}")));
            // The table that this query speaks of, whatever it is called.
            let mut heard = ask(&text, &borrowed(&arguments));
            while let Some(table) = heard
                .err
                .split_once("--table ")
                .and_then(|(_, rest)| rest.split_once("=lake"))
                .map(|(table, _)| format!("--table={table}={view}"))
                .filter(|it| !arguments.contains(it))
            {
                arguments.push(table);
                heard = ask(&text, &borrowed(&arguments));
            }
            if !heard.content {
                failed.push(format!("{name}: {}", heard.err));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

fn borrowed(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}
