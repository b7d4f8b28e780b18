//! Rules of the house that no compiler checks: floors, module docs, the size of files, words that
//! must not be written down.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests may fail"
)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Which floor a crate stands on. A crate may use the floors below it, never one beside or above.
const FLOORS: [(&str, u8); 21] = [
    ("trailmark", 5),
    ("api", 4),
    ("door", 4),
    ("stores", 4),
    ("buckets", 3),
    ("delivery", 3),
    ("lake", 3),
    ("ledger", 3),
    ("logfiles", 3),
    ("catalog", 2),
    ("integrity", 2),
    ("log", 2),
    ("matching", 2),
    ("objects", 2),
    ("sql", 2),
    ("tables", 2),
    ("views", 2),
    ("wire", 2),
    ("record", 1),
    ("ambient", 0),
    ("testkit", 2),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target" && name != "snapshots") {
                sources(&path, into);
            }
        } else if path.extension().is_some_and(|it| it == "rs") {
            into.push(path);
        }
    }
}

fn crates() -> Vec<PathBuf> {
    let mut found: Vec<_> =
        fs::read_dir(root().join("crates")).unwrap().map(|it| it.unwrap().path()).collect();
    found.sort();
    found
}

#[test]
fn a_crate_uses_only_the_floors_below_it() {
    let floors = BTreeMap::from(FLOORS);
    for folder in crates() {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let floor = floors.get(name.as_str()).unwrap_or_else(|| panic!("`{name}` has no floor"));
        let text = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let manifest: toml::Table = text.parse().unwrap();
        let uses = |section: &str| -> Vec<String> {
            manifest
                .get(section)
                .and_then(toml::Value::as_table)
                .map(|it| it.keys().cloned().collect())
                .unwrap_or_default()
        };
        for used in uses("dependencies") {
            assert_ne!(used, "testkit", "`{name}` uses `testkit` outside its tests");
            if let Some(below) = floors.get(used.as_str()) {
                assert!(below < floor, "`{name}` (floor {floor}) uses `{used}` (floor {below})");
            }
        }
    }
}

#[test]
fn every_module_says_what_lives_in_it() {
    let mut files = Vec::new();
    for folder in crates() {
        sources(&folder, &mut files);
    }
    assert!(files.len() > 20, "the sources were found");
    let silent: Vec<_> = files
        .iter()
        .filter(|path| !path.components().any(|part| part.as_os_str() == "generated"))
        .filter(|path| {
            let text = fs::read_to_string(path).unwrap();
            !text.lines().next().is_some_and(|line| line.starts_with("//!"))
        })
        .collect();
    assert!(silent.is_empty(), "files without a module doc: {silent:#?}");
}

#[test]
fn a_file_fits_in_the_head() {
    let mut files = Vec::new();
    for folder in crates() {
        sources(&folder, &mut files);
    }
    let long: Vec<_> = files
        .iter()
        .filter(|path| !path.components().any(|part| part.as_os_str() == "generated"))
        .filter(|path| fs::read_to_string(path).unwrap().lines().count() > 800)
        .collect();
    assert!(long.is_empty(), "files of more than 800 lines: {long:#?}");
}

#[test]
fn only_the_binary_ends_the_process_and_only_wire_knows_how_targets_are_spelt() {
    let mut files = Vec::new();
    for folder in crates() {
        sources(&folder.join("src"), &mut files);
    }
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let within = |name: &str| path.starts_with(root().join("crates").join(name));
        if !within("trailmark") {
            assert!(!text.contains("process::exit"), "{} ends the process", path.display());
            assert!(!text.contains("anyhow::"), "{} uses anyhow", path.display());
        }
        let is_test = path.file_stem().is_some_and(|it| it.to_string_lossy().ends_with("tests"));
        if !is_test && ["api", "buckets", "door", "lake"].into_iter().any(within) {
            let spelt = text.to_lowercase().contains("\"x-amz-target\"");
            assert!(!spelt, "{} knows X-Amz-Target", path.display());
        }
    }
}
