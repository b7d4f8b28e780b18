//! Which basic event selectors are accepted, and what is said of those that are not.

use serde_json::{Value, json};

use crate::{Error, Given, Selectors, Target};

fn parse(given: Value) -> Result<Selectors, Error> {
    Selectors::parse(serde_json::from_value::<Given>(given).unwrap(), Target::Trail)
}

#[track_caller]
fn accept(selector: Value, shown: Value) {
    let parsed = parse(json!({"EventSelectors": [selector]})).unwrap();
    assert_eq!(serde_json::to_value(&parsed).unwrap(), json!({"EventSelectors": [shown]}));
    assert_eq!(serde_json::from_value::<Selectors>(json!(parsed)).unwrap(), parsed);
    assert_eq!(parse(json!(parsed)).unwrap(), parsed);
}

#[track_caller]
fn refuse(selector: Value, message: &str) {
    let error = parse(json!({"EventSelectors": [selector]})).unwrap_err();
    assert_eq!(error.code(), "InvalidEventSelectorsException");
    assert_eq!(error.to_string(), message);
}

fn resource(kind: &str, values: &[&str]) -> Value {
    json!({"DataResources": [{"Type": kind, "Values": values}]})
}

#[track_caller]
fn check_value(kind: &str, value: &str, expected: bool) {
    let parsed = parse(json!({"EventSelectors": [resource(kind, &[value])]}));
    match expected {
        true => assert!(parsed.is_ok(), "{parsed:?}"),
        false => assert_eq!(
            parsed.unwrap_err().to_string(),
            format!("Value {value} for DataResources.Values is invalid.")
        ),
    }
}

#[test]
fn what_is_left_out_is_shown_as_the_default() {
    let default = json!({
        "ReadWriteType": "All", "IncludeManagementEvents": true, "DataResources": [],
        "ExcludeManagementEventSources": [],
    });
    accept(json!({}), default.clone());
    accept(default.clone(), default.clone());
    assert_eq!(json!(Selectors::default()), json!({"EventSelectors": [default]}));
}

#[test]
fn what_terraform_sends_to_remove_selectors_is_not_custom() {
    let sent = json!({"EventSelectors": [
        {"IncludeManagementEvents": true, "ReadWriteType": "All", "DataResources": []},
    ]});
    assert!(!parse(sent).unwrap().is_custom());
    assert!(parse(json!({"EventSelectors": [{"ReadWriteType": "ReadOnly"}]})).unwrap().is_custom());
    assert!(Selectors::of_new_event_data_store().is_custom());
}

#[test]
fn one_form_is_given_at_a_time() {
    let category = json!({"Field": "eventCategory", "Equals": ["Management"]});
    let advanced = json!([{"FieldSelectors": [category]}]);
    let both = json!({"EventSelectors": [{}], "AdvancedEventSelectors": advanced});
    assert_eq!(parse(both).unwrap_err(), Error::BothForms);
    assert_eq!(parse(json!({})).unwrap_err(), Error::NoSelectors);
    assert_eq!(parse(json!({"EventSelectors": []})).unwrap_err(), Error::NoSelectors);
    parse(json!({"EventSelectors": [], "AdvancedEventSelectors": advanced})).unwrap();
    let given = serde_json::from_value(json!({"EventSelectors": [{}]})).unwrap();
    let error = Selectors::parse(given, Target::EventDataStore).unwrap_err();
    assert_eq!(error, Error::BasicForEventDataStore);
}

#[test]
fn a_trail_has_at_most_five() {
    parse(json!({"EventSelectors": vec![json!({}); 5]})).unwrap();
    let error = parse(json!({"EventSelectors": vec![json!({}); 6]})).unwrap_err();
    assert_eq!(error, Error::Selectors { given: 6 });
}

#[test]
fn words_are_those_of_the_api() {
    refuse(
        json!({"ReadWriteType": "readonly"}),
        "Value readonly for ReadWriteType is invalid; specify All, ReadOnly or WriteOnly.",
    );
    refuse(
        json!({"ExcludeManagementEventSources": ["s3.amazonaws.com"]}),
        "Value s3.amazonaws.com for ExcludeManagementEventSources is invalid; \
         specify kms.amazonaws.com or rdsdata.amazonaws.com.",
    );
    refuse(
        resource("AWS::SQS::Queue", &[]),
        "Value AWS::SQS::Queue for DataResources.Type is invalid; specify AWS::DynamoDB::Table, \
         AWS::Lambda::Function or AWS::S3::Object, or use AdvancedEventSelectors for other types.",
    );
}

#[test]
fn a_selector_chooses_something() {
    refuse(
        json!({"IncludeManagementEvents": false}),
        "Invalid combination of parameters in EventSelectors. When includeManagementEvents is \
         false, DataResources must not be empty.",
    );
}

#[test]
fn objects_are_named_by_bucket_and_slash() {
    for value in ["arn:aws:s3", "arn:aws:s3:::", "arn:aws:s3:::b/", "arn:aws:s3:::b/a/c"] {
        check_value("AWS::S3::Object", value, true);
    }
    for value in ["arn:aws:s3:::b", "arn:aws:s3:::b/*", "b", "", "arn:aws:lambda", "arn:x:s3"] {
        check_value("AWS::S3::Object", value, false);
    }
    check_value("AWS::S3::Object", "arn:aws-us-gov:s3", true);
}

#[test]
fn functions_and_tables_are_named_by_their_arn() {
    let function = "arn:aws:lambda:eu-west-1:111122223333:function:nightly";
    let table = "arn:aws:dynamodb:eu-west-1:111122223333:table/orders";
    check_value("AWS::Lambda::Function", function, true);
    check_value("AWS::Lambda::Function", "arn:aws:lambda", true);
    check_value("AWS::Lambda::Function", table, false);
    check_value("AWS::Lambda::Function", "arn:aws:lambda:::", false);
    check_value("AWS::DynamoDB::Table", table, true);
    check_value("AWS::DynamoDB::Table", "arn:aws:dynamodb", true);
    check_value("AWS::DynamoDB::Table", function, false);
}

#[test]
fn all_selectors_together_name_at_most_250_resources() {
    let of = |count| {
        json!({"DataResources": [
            {"Type": "AWS::S3::Object", "Values": vec!["arn:aws:s3:::b/"; count]},
            {"Type": "AWS::Lambda::Function", "Values": vec!["arn:aws:lambda"; 9]},
        ]})
    };
    parse(json!({"EventSelectors": [of(125), of(125)]})).unwrap();
    let error = parse(json!({"EventSelectors": [of(125), of(126)]})).unwrap_err();
    assert_eq!(error, Error::DataResources { given: 251 });
    assert!(error.to_string().starts_with(
        "Specify a valid number of DataResources.Values (0 to 250) for all your selectors"
    ));
}
