//! Texts that mean harm: too deep, too long, too large, too slow.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use proptest::{prelude::*, sample::Index};
use trailmark_sql::{Engine, Error, Limits, Settings};

use super::{
    functions,
    records::{ask, ask_in, ask_with},
};

/// Room for any text, so that other bounds are met.
fn long() -> Limits {
    Limits { characters: 4 << 20, ..Limits::default() }
}

#[track_caller]
fn too_complex(sql: &str) {
    let said = ask_with(sql, long()).map(|it| it.1.len());
    assert!(matches!(said, Err(Error::TooComplex { .. })), "{said:?}");
}

#[test]
fn depth_is_bounded() {
    let n = 10_000;
    too_complex(&format!("SELECT {}1{}", "(".repeat(n), ")".repeat(n)));
    too_complex(&format!("SELECT {}1", "- ".repeat(n)));
    too_complex(&format!("SELECT {}true", "NOT ".repeat(n)));
    too_complex(&format!("SELECT {}1{}", "lower(".repeat(n), ")".repeat(n)));
    too_complex(&format!("SELECT {}1{}", "(SELECT ".repeat(n), ")".repeat(n)));
    too_complex(&format!("SELECT * FROM {}eds{}", "(SELECT * FROM ".repeat(n), ")".repeat(n)));
    too_complex(&format!("SELECT {}1{}", "CASE WHEN true THEN ".repeat(n), " END".repeat(n)));
    too_complex(&format!("SELECT 1{}", " + 1".repeat(n)));
    too_complex(&format!("SELECT x{}", "[1]".repeat(n)));
    too_complex(&format!("SELECT CAST(1 AS {}bigint{})", "array(".repeat(n), ")".repeat(n)));
    too_complex(&format!("SELECT {}1", "x -> ".repeat(n)));
}

#[test]
fn long_chains_of_conditions_are_fine() {
    let many: Vec<String> = (0..2_000).map(|n| format!("eventname = 'E{n}'")).collect();
    let said = ask_with(&format!("SELECT count(*) FROM eds WHERE {}", many.join(" OR ")), long());
    assert_eq!(said.unwrap().1, [["0"]]);
}

#[test]
fn lists_and_texts_are_bounded() {
    let many: Vec<String> = (0..200_000).map(|it| it.to_string()).collect();
    too_complex(&format!("SELECT count(*) FROM eds WHERE eventversion IN ({})", many.join(",")));
    let said = ask_with(&format!("SELECT '{}'", "x".repeat(10_001)), Limits::default());
    assert!(matches!(said, Err(Error::TooLong { .. })), "{said:?}");
}

#[test]
fn time_is_bounded() {
    // The clock of these tests stands still: what is over before it begins shows the bound.
    let limits = Limits { time: Duration::ZERO, ..Limits::default() };
    assert_eq!(ask_with("SELECT 1", limits), Err(Error::TimedOut { seconds: 0 }));
}

#[test]
fn a_query_that_would_run_for_years_is_ended() {
    let engine = Engine::new(&Settings::default(), Arc::new(ambient::SystemClock)).unwrap();
    let mut session = engine.session();
    session.limits(Limits { time: Duration::from_secs(1), ..Limits::default() });
    let ten = "(VALUES 1,2,3,4,5,6,7,8,9,10)";
    let many: Vec<String> = (0..14).map(|n| format!("{ten} t{n}(x)")).collect();
    let started = Instant::now();
    for select in ["sum(t0.x * t13.x)", "max(concat(cast(t0.x AS varchar), 'x'))"] {
        let said = ask_in(&session, &format!("SELECT {select} FROM {}", many.join(", ")));
        assert_eq!(said, Err(Error::TimedOut { seconds: 1 }));
    }
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
}

#[test]
fn rows_are_bounded() {
    let limits = Limits { rows: Some(100), ..Limits::default() };
    let said = ask_with("SELECT 1 FROM eds a, eds b", limits.clone());
    assert_eq!(said, Err(Error::TooManyRows { limit: 100 }));
    assert_eq!(ask_with("SELECT 1 FROM eds", limits).unwrap().1.len(), 12);
}

#[test]
fn memory_is_bounded() {
    let cross = "SELECT array_agg(a.eventjson || b.eventjson || c.eventjson || d.eventjson || e.eventjson) FROM eds a, eds b, eds c, eds d, eds e";
    let said = ask_with(cross, Limits::default());
    assert!(matches!(said, Err(Error::Exhausted(_))), "{:?}", said.map(|it| it.1.len()));
}

#[test]
fn growth_within_one_value_is_bounded() {
    for sql in [
        "SELECT rpad('x', 1000000000, 'y')",
        "SELECT lpad('x', 2147483647, 'y')",
        "SELECT sequence(1, 9223372036854775807)",
        "SELECT repeat('x', 2147483647)",
        "SELECT cardinality(flatten(transform(repeat(1, 10000), x -> repeat(x, 10000))))",
        "SELECT replace(rpad('x', 1000000, 'x'), 'x', rpad('y', 1000000, 'y'))",
        "SELECT regexp_replace(rpad('x', 1000000, 'x'), '', rpad('y', 1000000, 'y'))",
        "SELECT regexp_like('aaaa', 'a{1000}{1000}{1000}')",
        "SELECT levenshtein_distance(rpad('x', 100000, 'x'), rpad('y', 100000, 'y'))",
        "SELECT format('%1000000000s', 'x')",
        "SELECT array_sort(sequence(1, 10000), (a, b) -> 0)",
    ] {
        let said = ask_with(sql, Limits::default()).map(|it| it.1.len());
        assert!(matches!(said, Err(Error::Failed(_))), "{sql}: {said:?}");
    }
}

#[test]
fn deep_json_costs_no_stack() {
    let said = ask_with("SELECT json_parse(rpad('', 1000000, '[')), 1", Limits::default());
    assert!(matches!(said, Err(Error::Failed(_))), "{said:?}");
    let said =
        ask_with("SELECT json_extract(rpad('', 1000000, '['), '$[0][0]')", Limits::default());
    assert_eq!(said.unwrap().1, [["NULL"]]);
}

#[test]
fn expressions_of_text_are_linear() {
    let said = ask_with("SELECT regexp_like(rpad('a', 100000, 'a'), '(a*)*$b')", Limits::default());
    assert_eq!(said.unwrap().1, [["false"]]);
}

#[test]
fn no_function_reads_a_file() {
    for sql in [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM \"/etc/passwd\"",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM generate_series(1, 1000000000000)",
        "COPY eds TO '/tmp/x'",
        "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'",
        "SELECT version()",
    ] {
        let said = ask_with(sql, Limits::default());
        assert!(said.as_ref().is_err_and(Error::is_refusal), "{sql}: {said:?}");
    }
}

/// Words that a query may be made of.
const WORDS: [&str; 64] = [
    "SELECT",
    "FROM",
    "WHERE",
    "eds",
    "eventname",
    "useridentity",
    ".",
    "arn",
    "(",
    ")",
    ",",
    "*",
    "'x'",
    "1",
    "->",
    "x",
    "[",
    "]",
    "ARRAY",
    "MAP",
    "CAST",
    "AS",
    "json",
    "varchar",
    "UNNEST",
    "CROSS JOIN",
    "LEFT JOIN",
    "ON",
    "true",
    "WITH ORDINALITY",
    "t",
    "GROUP BY",
    "ORDER BY",
    "HAVING",
    "UNION ALL",
    "VALUES",
    "CASE",
    "WHEN",
    "THEN",
    "END",
    "IN",
    "BETWEEN",
    "AND",
    "OR",
    "NOT",
    "LIKE",
    "ESCAPE",
    "IS NULL",
    "=",
    "<",
    "+",
    "-",
    "||",
    "count",
    "filter",
    "element_at",
    "json_extract",
    "date_trunc",
    "'day'",
    "eventtime",
    "interval '1' day",
    "\"",
    "--",
    "\u{e9}",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_row_of_words_is_a_fault_of_ours(words in prop::collection::vec(0..WORDS.len(), 1..24)) {
        let words: Vec<&str> = words.into_iter().map(|it| WORDS[it]).collect();
        for start in ["SELECT", "SELECT * FROM eds,", "SELECT eventname, ", "WITH t AS ("] {
            let said = ask(&format!("{start} {}", words.join(" ")));
            prop_assert!(!matches!(said, Err(Error::Internal(_))), "{said:?}");
        }
    }

    #[test]
    fn no_text_is_a_fault_of_ours(text in "\\PC{0,200}") {
        let said = ask(&text);
        prop_assert!(!matches!(said, Err(Error::Internal(_))), "{said:?}");
        let said = ask(&format!("SELECT json_extract('{{}}', '{}')", text.replace('\'', "''")));
        prop_assert!(!matches!(said, Err(Error::Internal(_))), "{said:?}");
    }

    #[test]
    fn no_mixture_of_examples_is_a_fault_of_ours(
        cuts in prop::collection::vec((any::<Index>(), any::<Index>(), any::<Index>()), 1..4),
        (first, is_of_rows) in (any::<Index>(), any::<bool>()),
    ) {
        let examples: Vec<&str> = functions::examples()
            .map(|it| it.0)
            .filter(|it| !it.starts_with("SELECT"))
            .collect();
        let mut mixed = words(examples[first.index(examples.len())]);
        for (other, from, at) in cuts {
            // A part of another example, in place of a part of this one.
            let other = words(examples[other.index(examples.len())]);
            let from = from.index(other.len());
            let part = other[from..closing(&other, from)].to_vec();
            let at = at.index(mixed.len());
            let end = closing(&mixed, at);
            mixed.splice(at..end, part);
        }
        let from = if is_of_rows { "FROM eds" } else { "" };
        let sql = format!("SELECT {} {from}", mixed.concat());
        let said = ask(&sql);
        prop_assert!(!matches!(said, Err(Error::Internal(_))), "{sql}: {said:?}");
    }
}

/// A text as names, numbers and quoted texts, and single characters of everything else.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut is_quoted = false;
    for it in text.chars() {
        let goes_on = words.last().is_some_and(|word| {
            is_quoted || it.is_alphanumeric() && word.ends_with(|it: char| it.is_alphanumeric())
        });
        if it == '\'' {
            is_quoted = !is_quoted;
            if is_quoted {
                words.push(String::new());
            }
        } else if !goes_on {
            words.push(String::new());
        }
        words.last_mut().unwrap().push(it);
    }
    words
}

/// The end of the part that begins at a word: behind the brackets that it opens, if it does.
fn closing(words: &[String], from: usize) -> usize {
    let opens = |at: usize| words.get(at).is_some_and(|it| matches!(it.as_str(), "(" | "["));
    let begin = if opens(from + 1) { from + 1 } else { from };
    let mut depth = 0;
    for (at, word) in words.iter().enumerate().skip(begin) {
        match word.as_str() {
            "(" | "[" => depth += 1,
            ")" | "]" => depth -= 1,
            _ => {}
        }
        if depth <= 0 {
            return at + 1;
        }
    }
    words.len()
}
