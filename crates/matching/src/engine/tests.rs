//! The engine against the oracle, over made and genuine records, and what single rules mean.

use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Value, json};

use super::*;
use crate::{
    AdvancedEventSelector, DataResource, EventSelector, FieldSelector, Given, ReadWriteType,
    Target, oracle,
};

const GENUINE: &str = include_str!("../../../record/tests/fixtures/records.ndjson");

fn genuine() -> Vec<Value> {
    GENUINE.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn selectors(given: Value) -> Selectors {
    let given: Given = serde_json::from_value(given).unwrap();
    Selectors::parse(given, Target::Trail).unwrap()
}

fn judge(selection: &Selection, record: &Value) -> Vec<usize> {
    let text = record.to_string();
    let chosen = selection.judge(&record::parse(text.as_bytes()).unwrap());
    let sets: Vec<_> = chosen.iter().collect();
    assert_eq!(sets.len(), chosen.len());
    assert_eq!(sets.is_empty(), chosen.is_empty());
    assert!((0..selection.len()).all(|set| chosen.contains(set) == sets.contains(&set)));
    sets
}

/// A data event about resources, each of a type and an ARN.
fn data_event(resources: &[(&str, &str)]) -> Value {
    let resources: Vec<_> =
        resources.iter().map(|(kind, arn)| json!({"type": kind, "ARN": arn})).collect();
    json!({
        "eventTime": "2026-02-03T09:05:12Z", "eventSource": "s3.amazonaws.com",
        "eventName": "GetObject", "readOnly": true, "managementEvent": false,
        "eventCategory": "Data", "resources": resources,
    })
}

#[track_caller]
fn check(given: Value, record: &Value, expected: bool) {
    let selectors = selectors(given);
    assert_eq!(oracle::chooses(&selectors, record), expected, "oracle");
    let selection = Selection::compile([&selectors]);
    assert_eq!(!judge(&selection, record).is_empty(), expected, "engine");
}

/// Advanced event selectors for data events on S3 objects with a condition on their ARN.
fn objects(operator: &str, values: &[&str]) -> Value {
    json!({"AdvancedEventSelectors": [{"FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Data"]},
        {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
        {"Field": "resources.ARN", operator: values},
    ]}]})
}

fn basic_objects(values: &[&str]) -> Value {
    json!({"EventSelectors": [{
        "IncludeManagementEvents": false,
        "DataResources": [{"Type": "AWS::S3::Object", "Values": values}],
    }]})
}

#[test]
fn default_selectors_choose_management_events_alone() {
    let selection = Selection::compile([&Selectors::default()]);
    for record in genuine() {
        let expected = record["eventCategory"] == "Management";
        assert_eq!(!judge(&selection, &record).is_empty(), expected);
    }
}

#[test]
fn insight_events_are_never_chosen_by_selectors_of_a_trail() {
    let insight = json!({"eventTime": "2026-02-03T09:05:12Z", "eventCategory": "Insight"});
    let old = json!({"eventTime": "2026-02-03T09:05:12Z", "eventType": "AwsCloudTrailInsight"});
    for record in [insight, old] {
        check(json!({"EventSelectors": [{}]}), &record, false);
    }
}

#[test]
fn a_bucket_neither_satisfies_nor_spoils_what_is_said_about_objects() {
    let record = data_event(&[
        ("AWS::S3::Object", "arn:aws:s3:::ledger/a.csv"),
        ("AWS::S3::Bucket", "arn:aws:s3:::ledger"),
    ]);
    check(objects("EndsWith", &["ledger"]), &record, false);
    check(objects("NotEndsWith", &["ledger"]), &record, true);
    check(objects("StartsWith", &["arn:aws:s3:::ledger/"]), &record, true);
    check(objects("NotStartsWith", &["arn:aws:s3:::ledger/"]), &record, false);
}

#[test]
fn what_one_trail_says_of_access_points_leaves_the_objects_of_another_alone() {
    let record = data_event(&[
        ("AWS::S3::AccessPoint", "arn:aws:s3:eu-west-1:111122223333:accesspoint/a"),
        ("AWS::S3::Object", "arn:aws:s3:::ledger/a"),
    ]);
    let points = json!({"AdvancedEventSelectors": [{"FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Data"]},
        {"Field": "resources.type", "Equals": ["AWS::S3::AccessPoint"]},
        {"Field": "resources.ARN", "NotStartsWith": ["arn:aws:s3:::ledger/"]},
    ]}]});
    let sets = [objects("NotStartsWith", &["arn:aws:s3:eu-west-1:"]), points].map(selectors);
    assert_eq!(judge(&Selection::compile(&sets), &record), [0, 1]);
    agree(&sets, &[record]);
}

#[test]
fn of_several_objects_one_is_enough_to_choose_and_one_to_exclude() {
    let record = data_event(&[
        ("AWS::S3::Object", "arn:aws:s3:::one/a"),
        ("AWS::S3::Object", "arn:aws:s3:::two/b"),
    ]);
    check(objects("Equals", &["arn:aws:s3:::two/b"]), &record, true);
    check(objects("NotEquals", &["arn:aws:s3:::two/b"]), &record, false);
    check(objects("NotEquals", &["arn:aws:s3:::two/c"]), &record, true);
}

#[test]
fn a_bucket_with_its_slash_is_not_a_longer_bucket() {
    let record = data_event(&[("AWS::S3::Object", "arn:aws:s3:::ledger-archive/a")]);
    check(basic_objects(&["arn:aws:s3:::ledger/"]), &record, false);
    check(basic_objects(&["arn:aws:s3:::ledger-archive/"]), &record, true);
    check(basic_objects(&["arn:aws:s3:::ledger-archive/b", "arn:aws:s3"]), &record, true);
    check(basic_objects(&["arn:aws:s3:::"]), &record, true);
    check(basic_objects(&[]), &record, false);
}

#[test]
fn listing_a_bucket_is_chosen_by_the_prefix_that_it_names() {
    let record = genuine().into_iter().find(|it| it["eventName"] == "ListObjects").unwrap();
    let prefix = record["resources"][0]["ARNPrefix"].as_str().unwrap();
    check(basic_objects(&[prefix]), &record, true);
    check(objects("StartsWith", &[prefix]), &record, true);
    check(objects("NotStartsWith", &[prefix]), &record, false);
}

#[test]
fn a_function_is_named_by_the_whole_of_its_arn() {
    let arn = "arn:aws:lambda:eu-west-1:111122223333:function:nightly";
    let record = data_event(&[("AWS::Lambda::Function", &format!("{arn}-2"))]);
    let functions = |value: &str| {
        json!({"EventSelectors": [{"DataResources": [
            {"Type": "AWS::Lambda::Function", "Values": [value]},
        ]}]})
    };
    check(functions(arn), &record, false);
    check(functions(&format!("{arn}-2")), &record, true);
    check(functions("arn:aws:lambda"), &record, true);
}

#[test]
fn selecting_a_table_catches_reads_of_its_stream() {
    let table = "arn:aws:dynamodb:eu-west-1:111122223333:table/orders";
    let record = data_event(&[
        ("AWS::DynamoDB::Table", table),
        ("AWS::DynamoDB::Stream", &format!("{table}/stream/2026-02-03T09:05:12.000")),
    ]);
    let tables = json!({"EventSelectors": [{"DataResources": [
        {"Type": "AWS::DynamoDB::Table", "Values": [table]},
    ]}]});
    check(tables, &record, true);
}

#[test]
fn excluded_sources_are_excluded_from_management_events_only() {
    let mut record = json!({
        "eventTime": "2026-02-03T09:05:12Z", "eventSource": "kms.amazonaws.com",
        "eventName": "Decrypt", "readOnly": true, "eventCategory": "Management",
    });
    let exclude = json!({"EventSelectors": [
        {"ExcludeManagementEventSources": ["kms.amazonaws.com"]},
    ]});
    let advanced = json!({"AdvancedEventSelectors": [{"FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Management"]},
        {"Field": "eventSource", "NotEquals": ["kms.amazonaws.com", "rdsdata.amazonaws.com"]},
    ]}]});
    check(exclude.clone(), &record, false);
    check(advanced.clone(), &record, false);
    record["eventSource"] = json!("sts.amazonaws.com");
    check(exclude, &record, true);
    check(advanced, &record, true);
}

#[test]
fn a_record_that_does_not_say_whether_it_reads_counts_as_a_write() {
    let record = json!({
        "eventTime": "2026-02-03T09:05:12Z", "eventSource": "s3.amazonaws.com",
        "eventName": "ListBuckets",
    });
    check(json!({"EventSelectors": [{"ReadWriteType": "ReadOnly"}]}), &record, false);
    check(json!({"EventSelectors": [{"ReadWriteType": "WriteOnly"}]}), &record, true);
}

#[test]
fn a_session_that_is_not_from_the_console_need_not_say_so() {
    let mut record = data_event(&[("AWS::S3::Object", "arn:aws:s3:::ledger/a")]);
    let given = |operator: &str| {
        json!({"AdvancedEventSelectors": [{"FieldSelectors": [
            {"Field": "eventCategory", "Equals": ["Data"]},
            {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
            {"Field": "sessionCredentialFromConsole", operator: ["true"]},
        ]}]})
    };
    check(given("Equals"), &record, false);
    check(given("NotEquals"), &record, true);
    record["sessionCredentialFromConsole"] = json!("true");
    check(given("Equals"), &record, true);
    check(given("NotEquals"), &record, false);
}

#[test]
fn denied_calls_through_an_endpoint_are_chosen_by_error_and_endpoint() {
    let record = json!({
        "eventTime": "2026-02-03T09:05:12Z", "eventSource": "kms.amazonaws.com",
        "eventName": "CreateKey", "eventCategory": "NetworkActivity",
        "errorCode": "VpceAccessDenied", "vpcEndpointId": "vpce-0a1b2c3d",
    });
    let given = |endpoint: &str| {
        json!({"AdvancedEventSelectors": [{"FieldSelectors": [
            {"Field": "eventCategory", "Equals": ["NetworkActivity"]},
            {"Field": "eventSource", "Equals": ["kms.amazonaws.com"]},
            {"Field": "errorCode", "Equals": ["VpceAccessDenied"]},
            {"Field": "vpcEndpointId", "Equals": [endpoint]},
        ]}]})
    };
    check(given("vpce-0a1b2c3d"), &record, true);
    check(given("vpce-0a1b2c3"), &record, false);
}

#[test]
fn a_selection_of_nothing_chooses_nothing() {
    let selection = Selection::compile([]);
    assert!(selection.is_empty());
    genuine().iter().for_each(|record| assert_eq!(judge(&selection, record), [0; 0]));
    // A set without predicates is not one with a predicate that always holds.
    let selection = Selection::of_predicates([Vec::new(), vec![Predicate::default()]]);
    genuine().iter().for_each(|record| assert_eq!(judge(&selection, record), [1]));
}

/// Texts that begin and end alike, so that tests on them often nearly fit.
fn words(field: Field) -> Vec<&'static str> {
    match field {
        Field::EventCategory => vec!["Management", "Data", "NetworkActivity", "Insight", "Other"],
        Field::EventSource => {
            vec!["kms.amazonaws.com", "s3.amazonaws.com", "rdsdata.amazonaws.com"]
        }
        Field::ReadOnly | Field::SessionCredentialFromConsole => vec!["true", "false"],
        Field::EventName => vec!["Get", "GetObject", "GetObjectAcl", "Object", "PutObject", "ä\n"],
        Field::EventType => vec!["AwsApiCall", "AwsServiceEvent", "AwsConsoleSignIn"],
        Field::ErrorCode => vec!["VpceAccessDenied", "AccessDenied", "Denied"],
        Field::VpcEndpointId => vec!["vpce-1", "vpce-12", "vpce"],
        Field::UserIdentityArn => vec!["arn:aws:iam::1:user/a", "arn:aws:iam::1:user/ab", "/ab"],
        Field::ResourceType => vec![
            "AWS::S3::Object",
            "AWS::S3::Bucket",
            "AWS::Lambda::Function",
            "AWS::DynamoDB::Table",
        ],
        Field::ResourceArn => vec![
            "arn:aws:s3:::b/",
            "arn:aws:s3:::b",
            "arn:aws:s3:::b/key",
            "arn:aws:s3:::bb/key",
            "arn:aws:s3",
            "arn:aws:lambda",
            "arn:aws:lambda:eu-west-1:1:function:f",
            "key",
        ],
    }
}

fn any_word(field: Field) -> impl Strategy<Value = String> {
    prop_oneof![8 => select(words(field)).prop_map(str::to_owned), 1 => "[a-zA:/]{1,3}"]
}

fn any_field_selector() -> impl Strategy<Value = FieldSelector> {
    select(&Field::ALL[..]).prop_flat_map(|field| {
        let list = || vec(any_word(field), 0..3);
        (list(), list(), list(), list(), list(), list()).prop_map(move |lists| FieldSelector {
            field,
            equals: lists.0,
            starts_with: lists.1,
            ends_with: lists.2,
            not_equals: lists.3,
            not_starts_with: lists.4,
            not_ends_with: lists.5,
        })
    })
}

fn any_advanced() -> impl Strategy<Value = AdvancedEventSelector> {
    vec(any_field_selector(), 0..4).prop_map(|mut field_selectors| {
        field_selectors.sort_by_key(|it| it.field);
        field_selectors.dedup_by_key(|it| it.field);
        AdvancedEventSelector { name: None, field_selectors }
    })
}

/// One that is about the ARNs of resources of a type, as most selectors of data events are.
fn any_about_resources() -> impl Strategy<Value = AdvancedEventSelector> {
    let arns = || vec(any_word(Field::ResourceArn), 0..3);
    let lists = (arns(), arns(), arns(), arns());
    (vec(any_word(Field::ResourceType), 0..2), lists).prop_map(|(kinds, lists)| {
        let kind = FieldSelector { equals: kinds, ..FieldSelector::on(Field::ResourceType) };
        let arn = FieldSelector {
            starts_with: lists.0,
            ends_with: lists.1,
            not_equals: lists.2,
            not_ends_with: lists.3,
            ..FieldSelector::on(Field::ResourceArn)
        };
        AdvancedEventSelector { name: None, field_selectors: vec![kind, arn] }
    })
}

fn any_basic() -> impl Strategy<Value = EventSelector> {
    const KINDS: [&str; 3] = ["AWS::S3::Object", "AWS::Lambda::Function", "AWS::DynamoDB::Table"];
    let resource = (select(&KINDS[..]), vec(any_word(Field::ResourceArn), 0..3))
        .prop_map(|(kind, values)| DataResource { r#type: kind.to_owned(), values });
    const TYPES: [ReadWriteType; 3] =
        [ReadWriteType::All, ReadWriteType::ReadOnly, ReadWriteType::WriteOnly];
    let sources = vec(any_word(Field::EventSource), 0..2);
    (select(&TYPES[..]), any::<bool>(), vec(resource, 0..3), sources).prop_map(|it| EventSelector {
        read_write_type: it.0,
        include_management_events: it.1,
        data_resources: it.2,
        exclude_management_event_sources: it.3,
    })
}

fn any_selectors() -> impl Strategy<Value = Selectors> {
    prop_oneof![
        vec(any_advanced(), 0..4).prop_map(Selectors::Advanced),
        vec(any_about_resources(), 1..3).prop_map(Selectors::Advanced),
        vec(any_basic(), 0..4).prop_map(Selectors::Basic),
    ]
}

fn any_record() -> impl Strategy<Value = Value> {
    let text = |field| option::weighted(0.8, any_word(field));
    let flag = || option::of(prop_oneof![any::<bool>().prop_map(Value::Bool), Just(json!("true"))]);
    let name = option::weighted(0.9, select(&["ARN", "ARNPrefix", "arn"][..]));
    let resource = (text(Field::ResourceType), name, any_word(Field::ResourceArn)).prop_map(
        |(kind, name, arn)| {
            let mut resource = json!({});
            kind.into_iter().for_each(|it| resource["type"] = json!(it));
            name.into_iter().for_each(|it| resource[it] = json!(arn));
            resource
        },
    );
    let texts = (
        text(Field::EventCategory),
        text(Field::EventType),
        text(Field::ErrorCode),
        text(Field::VpcEndpointId),
        text(Field::UserIdentityArn),
    );
    let rest = (flag(), flag(), option::weighted(0.9, vec(resource, 0..4)));
    (any_word(Field::EventSource), any_word(Field::EventName), texts, rest).prop_map(
        |(source, name, texts, rest)| {
            let mut record = json!({
                "eventTime": "2026-02-03T09:05:12Z", "eventSource": source, "eventName": name,
            });
            let mut set = |name: &str, value: Option<Value>| {
                value.into_iter().for_each(|it| record[name] = it);
            };
            set("eventCategory", texts.0.map(Value::String));
            set("eventType", texts.1.map(Value::String));
            set("errorCode", texts.2.map(Value::String));
            set("vpcEndpointId", texts.3.map(Value::String));
            set("userIdentity", texts.4.map(|it| json!({"arn": it})));
            set("readOnly", rest.0);
            set("sessionCredentialFromConsole", rest.1);
            set("resources", rest.2.map(Value::Array));
            record
        },
    )
}

#[track_caller]
fn agree(sets: &[Selectors], records: &[Value]) {
    let selection = Selection::compile(sets);
    for record in records {
        let expected: Vec<_> =
            (0..sets.len()).filter(|set| oracle::chooses(&sets[*set], record)).collect();
        assert_eq!(judge(&selection, record), expected, "{record}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_agrees_with_the_oracle(
        sets in vec(any_selectors(), 0..12),
        records in vec(any_record(), 1..12),
    ) {
        agree(&sets, &records);
    }

    #[test]
    fn the_engine_agrees_with_the_oracle_on_genuine_records(
        sets in vec(any_selectors(), 0..6),
    ) {
        agree(&sets, &genuine());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_agrees_with_the_oracle_on_hundreds_of_sets(
        sets in vec(any_selectors(), 300..400),
        records in vec(any_record(), 1..12),
    ) {
        agree(&sets, &records);
    }
}
