//! Decoding, against records that were written by hand and genuine ones.

use arrow_array::{
    Array as _, RecordBatch,
    cast::AsArray as _,
    types::{Float64Type, TimestampMicrosecondType},
};
use proptest::prelude::*;

use super::*;

const FILE: &str = r#"{"Records":[
  {"eventVersion":"1.11","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::1:user/a","accountId":"000000000001",
   "sessionContext":{"attributes":{"creationDate":"2026-01-02T03:04:05Z","mfaAuthenticated":"true"}}},
   "eventTime":"2026-01-02T03:04:06Z","eventName":"GetObject","readOnly":true,
   "requestParameters":{"bucketName":"logs","n":1,"nested": {"a": [1, "x y"]},"none":null},
   "resources":[{"accountId":"1","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::logs"},{"type":"t"}],
   "eventID":"one"},
  {"eventName":"Quo\"ted","eventTime":"nonsense","requestParameters":null,"eventID":"two"}
]}"#;

fn index(view: View, name: &str) -> usize {
    view.columns().iter().position(|it| it.name == name).unwrap()
}

fn decode(view: View, names: &[&str], filters: Vec<Filter>, text: &str) -> RecordBatch {
    let projection: Vec<_> = names.iter().map(|it| index(view, it)).collect();
    let mut decoder = Decoder::new(view, &projection, filters);
    decoder.read(text).unwrap();
    decoder.take().unwrap()
}

fn texts(batch: &RecordBatch, column: usize) -> Vec<Option<String>> {
    batch.column(column).as_string::<i32>().iter().map(|it| it.map(str::to_owned)).collect()
}

#[test]
fn columns_of_the_lake_have_its_types() {
    let names =
        ["eventname", "eventtime", "readonly", "requestparameters", "resources", "useridentity"];
    let batch = decode(View::Lake, &names, Vec::new(), FILE);
    assert_eq!(texts(&batch, 0), [Some("GetObject".to_owned()), Some("Quo\"ted".to_owned())]);
    let times = batch.column(1).as_primitive::<TimestampMicrosecondType>();
    assert_eq!((times.value(0), times.is_null(1)), (1_767_323_046_000_000, true));
    assert!(batch.column(2).as_boolean().value(0) && batch.column(2).is_null(1));
    let map = batch.column(3).as_map();
    let entry = map.value(0);
    let values = entry.column(1).as_string::<i32>();
    let values: Vec<_> = values.iter().collect();
    assert_eq!(values, [Some("logs"), Some("1"), Some(r#"{"a":[1,"x y"]}"#), None]);
    assert!(map.is_null(1));
    let resources = batch.column(4).as_list::<i32>();
    assert_eq!((resources.value(0).len(), resources.is_null(1)), (2, true));
    let arns = resources.value(0);
    assert_eq!(
        arns.as_struct().column_by_name("arn").unwrap().as_string::<i32>().value(0),
        "arn:aws:s3:::logs"
    );
    let session = batch.column(5).as_struct().column_by_name("sessioncontext").unwrap().as_struct();
    let attributes = session.column_by_name("attributes").unwrap().as_struct();
    let created = attributes.column_by_name("creationdate").unwrap();
    assert_eq!(created.as_primitive::<TimestampMicrosecondType>().value(0), 1_767_323_045_000_000);
}

#[test]
fn columns_of_athena_are_texts() {
    let names = ["eventtime", "readonly", "requestparameters"];
    let batch = decode(View::Athena, &names, Vec::new(), FILE);
    assert_eq!(texts(&batch, 0)[0].as_deref(), Some("2026-01-02T03:04:06Z"));
    assert_eq!(texts(&batch, 1)[0].as_deref(), Some("true"));
    let parameters = r#"{"bucketName":"logs","n":1,"nested":{"a":[1,"x y"]},"none":null}"#;
    assert_eq!(texts(&batch, 2), [Some(parameters.to_owned()), None]);
}

#[test]
fn the_whole_record_is_as_it_was_delivered() {
    let record = r#"{"eventID": "x", "a": [1, 2]}"#;
    for text in [format!(r#"{{"Records":[{record}]}}"#), format!("[{record}]")] {
        let batch = decode(View::Lake, &["eventid", "eventjson"], Vec::new(), &text);
        assert_eq!(texts(&batch, 1), [Some(record.to_owned())], "{text}");
    }
    let lines = format!("\n {record}\n{record}");
    let batch = decode(View::Lake, &["eventjson"], Vec::new(), &lines);
    assert_eq!(texts(&batch, 0), [Some(record.to_owned()), Some(record.to_owned())]);
}

#[test]
fn records_come_in_files_lists_and_lines() {
    let lines =
        "{\"eventID\":\"a\"}\n{\"Records\":[{\"eventID\":\"b\"}]}\n[{\"eventID\":\"c\"}]\n\n";
    let batch = decode(View::Lake, &["eventid"], Vec::new(), lines);
    assert_eq!(texts(&batch, 0), ["a", "b", "c"].map(|it| Some(it.to_owned())));
    let batch = decode(View::Lake, &[], Vec::new(), FILE);
    assert_eq!((batch.num_rows(), batch.num_columns()), (2, 0));
}

/// The ids of all records that can be read, and the faults.
fn survivors(text: &str) -> (Vec<Option<String>>, Vec<String>) {
    let mut decoder = Decoder::new(View::Lake, &[index(View::Lake, "eventid")], Vec::new());
    let mut text = Text::new(text);
    while decoder.fill(&mut text, usize::MAX) {}
    let faults = text.faults().iter().map(ToString::to_string).collect();
    (texts(&decoder.take().unwrap(), 0), faults)
}

#[test]
fn what_stands_around_a_fault_is_read() {
    let ids = |ids: &[&str]| ids.iter().map(|it| Some((*it).to_owned())).collect::<Vec<_>>();
    let good = |id: &str| format!(r#"{{"eventVersion":"1.11","eventID":"{id}"}}"#);
    for (bad, reason) in [
        (
            r#"{"eventVersion":"1.11","eventID" "b"}"#,
            "no colon follows the name at line 2 column 34",
        ),
        (r#"{"eventVersion":"1.11","eventID":"b""#, "it is the wrong bracket"),
        (r#"{"eventVersion":"1.11","eventID":"b]"#, "neither another one follows nor the end"),
        (r#"{"eventVersion":nul}"#, "it is no value at line 2 column 17"),
        ("4", "another bracket is expected at line 2 column 1"),
    ] {
        let text = format!("{{\"Records\":[{},\n{bad},\n{}]}}", good("a"), good("c"));
        let (read, faults) = survivors(&text);
        assert_eq!(read, ids(&["a", "c"]), "{bad}");
        assert_eq!(faults.len(), 1, "{bad}: {faults:?}");
        if reason.contains("line") {
            assert_eq!(faults[0], reason);
        }
        let lines = format!("{}\n{bad}\n{}\n", good("a"), good("c"));
        let (read, faults) = survivors(&lines);
        assert_eq!((read, faults.len()), (ids(&["a", "c"]), 1), "{bad} {faults:?}");
    }
    let cut = format!("{{\"Records\":[{},\n{}", good("a"), &good("b")[..20]);
    assert_eq!(survivors(&cut).0, ids(&["a"]));
    assert_eq!(survivors(&cut).1.len(), 1);
    let no_comma = format!("[{} {}]", good("a"), good("b"));
    assert_eq!(survivors(&no_comma).0, ids(&["a", "b"]));
    assert_eq!(survivors(&no_comma).1.len(), 1);
}

#[test]
fn what_is_no_log_file_gives_no_rows() {
    let deep = "[".repeat(100_000);
    for text in [
        "{\"Records\":3}",
        "7",
        "\"x\"",
        "{\"Records\":[4]}",
        "nonsense",
        "{\"digestS3Bucket\":\"logs\"}",
        "{\"configurationItems\":[{\"a\":1}]}",
        &format!("{{\"eventID\":{deep}"),
    ] {
        let (read, faults) = survivors(text);
        assert_eq!((read.len(), faults.len()), (0, 1), "{} {faults:?}", &text[..7.min(text.len())]);
    }
    assert_eq!(
        survivors("").1.len() + survivors(" \n").1.len() + survivors("{\"Records\":[]}").1.len(),
        0
    );
}

#[test]
fn a_fault_inside_a_member_leaves_the_rest_of_the_record() {
    let names = ["eventid", "useridentity"];
    let projection: Vec<_> = names.iter().map(|it| index(View::Lake, it)).collect();
    let mut decoder = Decoder::new(View::Lake, &projection, Vec::new());
    let fault = decoder.read(r#"[{"eventID":"a","userIdentity":{"type" "Root"}}]"#).unwrap_err();
    assert_eq!(fault.to_string(), "a member of this record is broken at line 1 column 2");
    assert_eq!(texts(&decoder.take().unwrap(), 0), [Some("a".to_owned())]);
}

#[test]
fn records_that_follow_other_members_are_found() {
    let text = r#"{"made":{"by":["x"]},"Records":[{"eventID":"a"}],"more":1} {"eventID":"b"}"#;
    let batch = decode(View::Lake, &["eventid"], Vec::new(), text);
    assert_eq!(texts(&batch, 0), ["a", "b"].map(|it| Some(it.to_owned())));
}

#[test]
fn batches_are_as_long_as_wanted() {
    let mut decoder = Decoder::new(View::Lake, &[index(View::Lake, "eventid")], Vec::new());
    let file = format!("[{}]", ["{\"eventID\":\"x\"}"; 5].join(","));
    let mut text = Text::new(&file);
    let mut lengths = Vec::new();
    loop {
        let goes_on = decoder.fill(&mut text, 2);
        lengths.push(decoder.take().unwrap().num_rows());
        if !goes_on {
            break;
        }
    }
    assert_eq!((lengths, decoder.seen()), (vec![2, 2, 1], 5));
}

#[test]
fn insight_events_of_trails_and_of_stores_fill_the_same_columns() {
    let trail = r#"{"eventID":"x","insightDetails":{"state":"Start","eventName":"RunInstances",
        "insightContext":{"statistics":{"baseline":{"average":0.5},"insight":{"average":9},
        "insightDuration":5},"attributions":[{"attribute":"userAgent","insight":[{"value":"a","average":9}]}]}}}"#;
    let store = r#"{"eventID":"x","insightState":"Start","insightEventName":"RunInstances",
        "insightContext":{"baselineAverage":0.5,"insightAverage":9.0,"insightDuration":5,
        "attributions":[{"attribute":"userAgent","insight":[{"value":"a","average":9}]}]}}"#;
    let names = ["insightstate", "insighteventname", "insightcontext"];
    let [trail, store] = [trail, store].map(|it| decode(View::Lake, &names, Vec::new(), it));
    assert_eq!(trail, store);
    assert_eq!(texts(&trail, 0), [Some("Start".to_owned())]);
    let context = trail.column(2).as_struct();
    let average = context.column_by_name("insightaverage").unwrap();
    assert!((average.as_primitive::<Float64Type>().value(0) - 9.0).abs() < 1e-9);
}

#[test]
fn a_text_that_says_half_a_character_is_kept() {
    let text = r#"[{"eventID":"\ud83d\ude00 \u00e9\n\ud800 \x \"","userAgent":"\u0041"}]"#;
    let batch = decode(View::Lake, &["eventid", "useragent"], Vec::new(), text);
    assert_eq!(texts(&batch, 0)[0].as_deref(), Some("\u{1f600} é\n\u{fffd} \u{fffd} \""));
    assert_eq!(texts(&batch, 1)[0].as_deref(), Some("A"));
    let named = r#"[{"event\u0049D":"a"}]"#;
    assert_eq!(
        texts(&decode(View::Lake, &["eventid"], Vec::new(), named), 0)[0].as_deref(),
        Some("a")
    );
}

#[test]
fn times_are_read_in_every_spelling() {
    let micros = |text| builder::time(text);
    let expected = |text: &str| text.parse::<jiff::Timestamp>().ok().map(|it| it.as_microsecond());
    for text in [
        "2026-01-02T03:04:06Z",
        "1969-12-31T23:59:59Z",
        "2024-02-29T00:00:00Z",
        "2026-01-02T03:04:06.789Z",
        "2026-01-02T03:04:06+02:00",
    ] {
        assert_eq!(micros(text), expected(text), "{text}");
        assert!(micros(text).is_some(), "{text}");
    }
    for text in ["2026-13-02T03:04:06Z", "2026-02-30T03:04:06Z", "2026-01-02T24:04:06Z", "x", ""] {
        assert_eq!(micros(text), None, "{text}");
    }
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        (-999..999_i32).prop_map(|it| (f64::from(it) / 8.0).into()),
        any::<String>().prop_map(Into::into),
        "[\"\\\\{}\\[\\]a-c ]{0,24}".prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            proptest::collection::hash_map("[a-z\"\\\\]{0,12}", inner, 0..6)
                .prop_map(|it| serde_json::Value::Object(it.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn values_end_where_a_parser_says_so(value in json(), other in json(), pretty: bool) {
        let written = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        let written = written.unwrap();
        let both = format!(" {written} ,{other}");
        let mut cursor = cursor::Cursor::new(&both);
        prop_assert_eq!(cursor.value().unwrap(), &written);
        let goes_on = cursor.goes_on(b'}').unwrap();
        prop_assert!(goes_on);
        let shown = cursor::text(&written);
        match value.as_str() {
            None if value.is_null() => prop_assert_eq!(shown, None),
            Some(text) => prop_assert_eq!(shown.as_deref(), Some(text)),
            None => prop_assert_eq!(shown.unwrap().into_owned(), serde_json::to_string(&value).unwrap()),
        }
        let mut names = Vec::new();
        let is_whole = cursor::members(&written, |name, value| names.push((name.to_owned(), value)));
        prop_assert_eq!(is_whole, value.is_object());
        for (name, json) in names {
            prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(json).unwrap(), &value[name]);
        }
    }

    #[test]
    fn no_text_is_too_bad_to_be_read(text in "[\"\\\\{}\\[\\]:,a-c0\n ]{0,60}", begin in 0..3_usize) {
        let begin = ["", "{\"Records\":[", "{\"eventVersion\":\"1\",\"userIdentity\":"][begin];
        let columns: Vec<_> = (0..View::Lake.columns().len()).collect();
        let text = format!("{begin}{text}");
        let mut decoder = Decoder::new(View::Lake, &columns, Vec::new());
        let fault = decoder.read(&text).err();
        let rows = decoder.rows();
        prop_assert!(rows as u64 <= decoder.seen());
        prop_assert_eq!(decoder.take().unwrap().num_rows(), rows);
        if let Some(fault) = fault {
            prop_assert!(fault.line <= text.lines().count() + 1);
        }
    }
}

#[test]
fn records_that_meet_no_filter_are_passed_over() {
    let met = |path: &[&'static str], test: Test| {
        let filter = Filter { path: path.to_vec(), test };
        decode(View::Lake, &["eventid"], vec![filter], FILE).num_rows()
    };
    assert_eq!(met(&["eventName"], Test::OneOf(vec!["GetObject".into(), "x".into()])), 1);
    assert_eq!(met(&["eventName"], Test::Prefix("Q".into())), 1);
    assert_eq!(met(&["eventName"], Test::Between(None, Some("H".into()))), 1);
    assert_eq!(met(&["eventTime"], Test::Time(0, i64::MAX)), 1);
    assert_eq!(met(&["eventTime"], Test::Time(0, 5)), 0);
    assert_eq!(met(&["userIdentity", "arn"], Test::OneOf(vec!["arn:aws:iam::1:user/a".into()])), 1);
    assert_eq!(met(&["userIdentity", "sessionContext", "x"], Test::Prefix(String::new())), 0);
}

#[test]
fn no_more_rows_are_read_than_wanted() {
    let mut decoder = Decoder::new(View::Lake, &[index(View::Lake, "eventid")], Vec::new());
    decoder.limit(1);
    decoder.read(FILE).unwrap();
    assert_eq!((decoder.rows(), decoder.is_done()), (1, true));
}
