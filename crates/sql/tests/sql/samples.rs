//! The library of sample queries that `SearchSampleQueries` offers: each runs as it stands.

use super::records::ask;

#[test]
fn every_sample_query_runs_over_a_store() {
    let library = include_str!("../../../api/src/queries/samples.sql");
    let statements: Vec<_> = library.split("-- name: ").skip(1).collect();
    assert!(!statements.is_empty());
    let mut failed = Vec::new();
    for statement in statements {
        // Name and description are comments of the statement.
        if let Err(error) = ask(&format!("-- {statement}")) {
            failed.push(format!("{}: {error}", statement.lines().next().unwrap_or_default()));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
