//! Decoding, against records that were written by hand and genuine ones.

use arrow_array::{Array as _, RecordBatch, cast::AsArray as _, types::TimestampMicrosecondType};

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
    let batch = decode(View::Lake, &["eventjson"], Vec::new(), record);
    assert_eq!(texts(&batch, 0), [Some(r#"{"eventID":"x","a":[1, 2]}"#.to_owned())]);
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

#[test]
fn what_was_read_before_a_fault_stays() {
    let mut decoder = Decoder::new(View::Lake, &[index(View::Lake, "eventid")], Vec::new());
    let fault = decoder.read("{\"Records\":[{\"eventID\":\"a\"},\n{\"eventID\":\"b\"").unwrap_err();
    assert_eq!((fault.line, decoder.rows()), (2, 1), "{fault}");
    for text in ["{\"Records\":3}", "7", "\"x\"", "{\"Records\":[4]}", "nonsense"] {
        assert!(decoder.read(text).is_err(), "{text}");
    }
    let deep = "[".repeat(100_000);
    assert!(decoder.read(&format!("{{\"eventID\":{deep}")).is_err());
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
