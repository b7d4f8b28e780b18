//! Queries that others published for CloudTrail, as they stand, with their placeholders filled in.
//!
//! They lie beside the project, with their licences; where they are not there, nothing is checked.

use std::{fs, path::Path};

use super::records::{STORE, ask};

fn published(view: &str) -> Vec<(String, String)> {
    let entries = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .find_map(|it| fs::read_dir(it.join("shared/data/lake-queries").join(view)).ok());
    let Some(entries) = entries else { return Vec::new() };
    let mut all: Vec<(String, String)> = entries
        .map(|it| it.unwrap().path())
        .filter(|it| it.extension().is_some_and(|it| it == "sql"))
        .map(|it| {
            let name = it.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(it).unwrap())
        })
        .collect();
    all.sort();
    all
}

/// Published queries that are wrong, with what is wrong in them, and what we say.
const WRONG: [(&str, &str); 2] = [
    // `requestParametersORDER BY`: a space is missing.
    (
        "awssamples__list-attempted-s3-requests..sql",
        "line 17:71: Expected: end of statement, found: BY",
    ),
    // `FROM t AND year = ..`: WHERE is missing.
    ("easttimor__README-001.sql", "line 3:5: Expected: end of statement, found: year"),
];

fn run(view: &str) {
    let mut failed = Vec::new();
    for (name, text) in published(view) {
        let mut text = text;
        for it in ["<event_data_store_id>", "<EDS ID>", "<EDS_ID>"] {
            text = text.replace(it, STORE);
        }
        let text = text
            .replace("${date_filter}", "2023-01-01 00:00:00")
            .replace("####", "2023")
            .replace("##", "01");
        let wrong = WRONG.iter().find(|(it, _)| *it == name);
        match (ask(&text), wrong) {
            (Ok(_), None) => {}
            (Ok(_), Some(_)) => failed.push(format!("{name}: runs, though it is wrong")),
            (Err(error), Some((_, said))) if error.to_string().contains(said) => {}
            (Err(error), _) => failed.push(format!("{name}: {error}")),
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn queries_published_for_lake_run_unchanged() {
    run("lake");
}

#[test]
fn queries_published_for_athena_run_unchanged() {
    run("athena");
}
