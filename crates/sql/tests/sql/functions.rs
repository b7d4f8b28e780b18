//! What each function returns, by a table of examples.

use super::records::ask;

const EXAMPLES: &str = include_str!("functions.txt");

/// Expressions, and what they are worth.
pub(crate) fn examples() -> impl Iterator<Item = (&'static str, &'static str)> {
    EXAMPLES.lines().filter(|it| !it.is_empty() && !it.starts_with('#')).map(|it| {
        it.rsplit_once(" → ")
            .or_else(|| Some((it.strip_suffix(" →")?, "")))
            .unwrap_or_else(|| panic!("no arrow: {it}"))
    })
}

#[test]
fn functions_return_what_trino_returns() {
    let mut failed = Vec::new();
    let mut asked = 0;
    for (question, expected) in examples() {
        asked += 1;
        let sql = if question.starts_with("SELECT ") {
            question.to_owned()
        } else {
            format!("SELECT {question}")
        };
        let said = match ask(&sql) {
            Ok((_, rows)) => {
                let rows: Vec<String> = rows.into_iter().map(|it| it.join(" | ")).collect();
                rows.join(" / ")
            }
            Err(error) => format!("error: {error}"),
        };
        let fits = match expected.strip_prefix("error: ") {
            Some(words) => said.strip_prefix("error: ").is_some_and(|it| it.contains(words)),
            None => said == expected,
        };
        if !fits {
            failed.push(format!("{question}\n    expected {expected}\n    said     {said}"));
        }
    }
    assert!(asked > 300, "the examples were found");
    assert!(failed.is_empty(), "{} of {asked}:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn every_function_of_the_table_has_an_example() {
    let text = EXAMPLES.to_lowercase();
    let missing: Vec<&str> = trailmark_sql::FUNCTIONS
        .iter()
        .map(|it| it.name)
        .filter(|it| !text.contains(&format!("{it}(")))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
