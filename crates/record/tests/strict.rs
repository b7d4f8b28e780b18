//! What is a record and what is not, held against `serde_json`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may fail")]

use proptest::{prelude::*, sample::Index};
use serde::de::IgnoredAny;
use trailmark_record::{Category, MAX_BYTES, MAX_DEPTH, Reason, bulk, parse};

/// A record with `members` in front, which begin at byte 1 and end with a comma.
fn with(members: &str) -> String {
    format!(
        r#"{{{members}"eventTime":"2026-02-03T09:01:07Z","eventSource":"s3.amazonaws.com","eventName":"GetObject"}}"#
    )
}

#[track_caller]
fn refused(text: &[u8], position: usize, reason: Reason) {
    let invalid = parse(text).unwrap_err();
    assert_eq!((invalid.position, invalid.reason), (position, reason));
}

#[track_caller]
fn category(members: &str, expected: Category) {
    assert_eq!(parse(with(members).as_bytes()).unwrap().category(), expected);
}

#[test]
fn what_is_wrong_is_told_with_its_position() {
    refused(b"", 0, Reason::Ends);
    refused(b"[]", 0, Reason::NotAnObject);
    refused(b"{}", 0, Reason::EventTime);
    refused(with(r#""a":01,"#).as_bytes(), 6, Reason::Syntax);
    refused(with(r#""a":"\x","#).as_bytes(), 7, Reason::Syntax);
    refused(with("\"a\":\"\u{1}\",").as_bytes(), 6, Reason::Syntax);
    refused(with(r#""a":tru,"#).as_bytes(), 5, Reason::Syntax);
    refused(b"{\"a\":\"\xff\"}", 6, Reason::Utf8);
    refused(format!("{} x", with("")).as_bytes(), with("").len() + 1, Reason::Trailing);
    refused(br#"{"eventTime":"yesterday"}"#, 13, Reason::EventTime);
    refused(br#"{"eventTime":"2026-02-03T09:01:07Z"}"#, 0, Reason::Missing("eventSource"));
}

#[test]
fn a_member_that_is_read_stands_once_however_it_is_spelt() {
    refused(with(r#""eventID":"a","event\u0049D":"b","#).as_bytes(), 30, Reason::Duplicate);
    refused(with(r#""userIdentity":{"arn":"a","arn":"b"},"#).as_bytes(), 33, Reason::Duplicate);
    assert!(parse(with(r#""unknown":1,"unknown":2,"#).as_bytes()).is_ok());
}

#[test]
fn depth_and_size_are_bounded() {
    let nested = |levels| with(&format!(r#""a":{}{},"#, "[".repeat(levels), "]".repeat(levels)));
    assert!(parse(nested(MAX_DEPTH - 1).as_bytes()).is_ok());
    assert_eq!(parse(nested(MAX_DEPTH).as_bytes()).unwrap_err().reason, Reason::TooDeep);
    assert_eq!(parse("[".repeat(MAX_BYTES).as_bytes()).unwrap_err().reason, Reason::NotAnObject);
    let long = |bytes: usize| with(&format!(r#""a":"{}","#, "a".repeat(bytes)));
    let room = MAX_BYTES - long(0).len();
    assert!(parse(long(room).as_bytes()).is_ok());
    refused(long(room + 1).as_bytes(), MAX_BYTES, Reason::TooLarge);
}

#[test]
fn half_a_surrogate_pair_hides_no_record() {
    let text = with(r#""errorMessage":"a\ud800b\udc00\ud83d\ude00","#);
    let record = parse(text.as_bytes()).unwrap();
    assert_eq!(record.error_message().unwrap(), "a\u{fffd}b\u{fffd}😀");
}

#[test]
fn records_without_a_category_are_put_where_they_belong() {
    category(r#""eventCategory":"Management","#, Category::Management);
    category(r#""managementEvent":false,"#, Category::Data);
    category(r#""managementEvent":true,"#, Category::Management);
    category("", Category::Data);
    category(r#""eventType":"AwsVpceEvent","#, Category::NetworkActivity);
    category(r#""eventCategory":"Novelty","#, Category::Other);
}

#[test]
fn an_aggregated_event_has_the_time_at_which_its_window_ends() {
    let record = parse(
        br#"{"eventCategory":"Aggregated","eventId":"e","accountId":"123456789012",
            "timeWindow":{"windowStart":"2026-02-03T09:00:00Z","windowEnd":"2026-02-03T09:05:00Z"}}"#,
    )
    .unwrap();
    assert_eq!(record.event_time().unwrap().to_string(), "2026-02-03T09:05:00Z");
    assert_eq!(record.event_id().unwrap(), "e");
    assert_eq!(record.account().unwrap().as_str(), "123456789012");
}

#[test]
fn root_is_called_root_whatever_the_alias_of_the_account() {
    let text = with(r#""userIdentity":{"type":"Root","userName":"alias"},"#);
    assert_eq!(parse(text.as_bytes()).unwrap().username().unwrap(), "root");
}

/// JSON of any shape, small.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        (-1e300_f64..1e300).prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::hash_map(any::<String>(), inner, 0..6)
                .prop_map(|it| serde_json::Value::Object(it.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn the_grammar_is_the_one_of_serde_json(
        value in json(),
        at in any::<Index>(),
        with_byte in any::<u8>(),
        pretty in any::<bool>(),
    ) {
        let shown = if pretty {
            serde_json::to_string_pretty(&value).unwrap()
        } else {
            value.to_string()
        };
        let mut text = with(&format!("\"value\":{shown},")).into_bytes();
        prop_assert!(parse(&text).is_ok());
        let at = 9 + at.index(shown.len());
        text[at] = with_byte;
        let is_ours = match parse(&text) {
            Ok(_) => true,
            // A change may take the record's own members away, or name one twice; the grammar holds.
            Err(invalid) => matches!(
                invalid.reason,
                Reason::EventTime | Reason::Missing(_) | Reason::Kind(_) | Reason::Duplicate
            ),
        };
        let is_theirs = std::str::from_utf8(&text).is_ok()
            && serde_json::from_slice::<IgnoredAny>(&text).is_ok();
        prop_assert_eq!(is_ours, is_theirs, "{}", String::from_utf8_lossy(&text));
    }

    #[test]
    fn no_bytes_make_the_splitter_panic_or_lie_about_positions(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        is_log_file in any::<bool>(),
    ) {
        let body =
            if is_log_file { [b"{\"Records\":[{},", bytes.as_slice()].concat() } else { bytes };
        let mut before = None;
        for item in bulk::split(&body) {
            prop_assert!(item.position <= body.len());
            prop_assert!(before < Some(item.position));
            before = Some(item.position);
            if let Ok(record) = item.record {
                prop_assert!(body[item.position..].starts_with(record.bytes()));
            }
        }
    }

    #[test]
    fn a_log_file_gives_back_what_was_put_into_it(
        notes in prop::collection::vec(any::<String>(), 0..5),
        blanks in "[ \n\r\t]{0,3}",
    ) {
        let records: Vec<String> =
            notes.iter().map(|it| with(&format!("\"note\":{},", serde_json::json!(it)))).collect();
        let separator = format!("{blanks},{blanks}");
        let file = format!("{blanks}{{\"Records\":{blanks}[{}]}}", records.join(&separator));
        for body in [file, records.join("\n")] {
            let read: Vec<Vec<u8>> = bulk::split(body.as_bytes())
                .map(|it| it.record.unwrap().bytes().to_vec())
                .collect();
            prop_assert_eq!(&read, &records.iter().map(|it| it.clone().into_bytes()).collect::<Vec<_>>());
        }
    }
}
