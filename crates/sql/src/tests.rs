//! Queries as users write them, over no table at all: what expressions give.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use futures::TryStreamExt as _;

use crate::{Engine, Limits, Named, Nulls, Tables, text};

#[derive(Debug)]
struct None_;

impl Tables for None_ {
    fn table(&self, _: &Named) -> Option<Arc<dyn TableProvider>> {
        None
    }

    fn hint(&self, _: &Named) -> String {
        String::new()
    }
}

async fn run(query: &str) -> Result<(Vec<String>, Vec<Vec<String>>), String> {
    let session = Engine::new(Limits::default()).unwrap().session(Arc::new(None_));
    let answer = session.query(query).await.map_err(|it| it.to_string())?;
    let batches: Vec<_> = answer.rows.try_collect().await.map_err(|it| it.to_string())?;
    let mut rows = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let shown = |it: &_| text(it, row, Nulls::Word).unwrap_or_else(|| "null".to_owned());
            rows.push(batch.columns().iter().map(|it| shown(it.as_ref())).collect());
        }
    }
    Ok((answer.labels, rows))
}

/// Lines of `expression ~ what it gives`, or `! what its error says`.
#[tokio::test]
async fn expressions_give_what_trino_gives() {
    let mut wrong = Vec::new();
    for line in include_str!("../tests/functions.txt").lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (expression, expected) = line.split_once(" ~ ").unwrap();
        let got = run(&format!("SELECT {expression}")).await;
        let is_right = match (&got, expected.strip_prefix("! ")) {
            (Ok((_, rows)), None) => rows[0][0] == expected,
            (Err(words), Some(error)) => words.contains(error),
            _ => false,
        };
        if !is_right {
            wrong.push(format!("{expression}\n    wanted {expected}\n    got {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn columns_are_named_as_they_are_written() {
    let query = "SELECT a, A AS Alias, t.a, a + 1, count(*) OVER (), r.Fieldname, a FROM \
                 (SELECT 1 AS a, CAST(ROW(2) AS ROW(fieldname bigint)) AS r) t";
    let (labels, rows) = run(query).await.unwrap();
    assert_eq!(labels, ["a", "Alias", "a", "_col3", "_col4", "Fieldname", "a"]);
    assert_eq!(rows, [["1", "1", "1", "2", "1", "2", "1"]]);
}

#[tokio::test]
async fn unnest_is_known_in_all_its_forms() {
    let all = |query: &'static str| async move {
        let (_, rows) = run(query).await.unwrap_or_else(|error| panic!("{query}: {error}"));
        rows.into_iter().map(|it| it.join(" ")).collect::<Vec<_>>()
    };
    let from = "FROM (SELECT 'x' AS k, ARRAY[1, 2] AS l UNION ALL SELECT 'y', CAST(NULL AS ARRAY(bigint))) t";
    let with = |rest: &str| -> &'static str {
        Box::leak(format!("SELECT k, e {from} {rest} ORDER BY 1, 2").into_boxed_str())
    };
    assert_eq!(all(with("CROSS JOIN UNNEST(l) AS u(e)")).await, ["x 1", "x 2"]);
    assert_eq!(all(with(", UNNEST(t.l) u (e)")).await, ["x 1", "x 2"]);
    assert_eq!(all(with("LEFT JOIN UNNEST(l) AS u(e) ON true")).await, ["x 1", "x 2", "y null"]);
    let ordered = "SELECT e, n FROM (SELECT ARRAY['a', 'b'] AS l) CROSS JOIN UNNEST(l) WITH ORDINALITY AS u(e, n) ORDER BY n";
    assert_eq!(all(ordered).await, ["a 1", "b 2"]);
    let map = "SELECT k, v FROM (SELECT map(ARRAY['a', 'b'], ARRAY[1, 2]) AS m) t CROSS JOIN UNNEST(m) AS u(k, v) ORDER BY k";
    assert_eq!(all(map).await, ["a 1", "b 2"]);
    let two = "SELECT a, b FROM (SELECT ARRAY[1, 2] AS x, ARRAY['p'] AS y) t CROSS JOIN UNNEST(x, y) AS u(a, b) ORDER BY a";
    assert_eq!(all(two).await, ["1 p", "2 null"]);
    let rows = "FROM (SELECT ARRAY[CAST(ROW('n', 1) AS ROW(name varchar, size bigint))] AS l) t";
    let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    assert_eq!(
        all(leak(format!("SELECT rt.name, rt.size {rows}, unnest(l) AS rt"))).await,
        ["n 1"]
    );
    assert_eq!(
        all(leak(format!("SELECT a, b {rows} CROSS JOIN UNNEST(l) AS u(a, b)"))).await,
        ["n 1"]
    );
    assert_eq!(
        all(leak(format!("SELECT u.r.NAME, r.size {rows} CROSS JOIN UNNEST(l) u (r)"))).await,
        ["n 1"]
    );
}

#[tokio::test]
async fn what_is_no_query_or_too_much_of_one_is_refused() {
    let deep = format!("SELECT {}1{}", "(".repeat(1_000), ")".repeat(1_000));
    let long = format!("SELECT {}", "1,".repeat(6_000));
    for (query, words) in [
        ("DROP TABLE x", "only one SELECT"),
        ("INSERT INTO x VALUES (1)", "only one SELECT"),
        ("COPY (SELECT 1) TO '/tmp/x'", "only one SELECT"),
        ("SELECT 1; SELECT 2", "only one SELECT"),
        ("", "only one SELECT"),
        ("SELEC 1", "Expected"),
        ("SELECT 1\nFROM t\n WHERE )", "Line: 3"),
        ("SELECT 1 FROM nowhere", "there is no table `nowhere`"),
        ("SELECT jsn_extract('{}', '$')", "did you mean `json_extract`"),
        ("SELECT a FROM (SELECT 1 AS aa)", "there is no column `a`: did you mean `aa`"),
        (deep.as_str(), "recursion"),
        (long.as_str(), "more than 10000 characters"),
    ] {
        let error = run(query).await.unwrap_err();
        assert!(error.contains(words), "{}: {error}", &query[..query.len().min(60)]);
    }
    let (_, rows) = run("SELECT 1;").await.unwrap();
    assert_eq!(rows, [["1"]]);
}
