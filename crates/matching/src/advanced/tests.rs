//! Which advanced event selectors are accepted, and what is said of those that are not.

use serde_json::{Value, json};

use crate::{Error, Field, Given, Selectors, Target};

fn parse(selectors: Value, target: Target) -> Result<Selectors, Error> {
    let given = json!({"AdvancedEventSelectors": selectors});
    Selectors::parse(serde_json::from_value::<Given>(given).unwrap(), target)
}

/// One selector of a category, with more fields.
fn of(category: &str, fields: &[Value]) -> Value {
    let category = json!({"Field": "eventCategory", "Equals": [category]});
    let fields: Vec<_> = std::iter::once(&category).chain(fields).collect();
    json!({"FieldSelectors": fields})
}

/// One selector of data events on a type of resource, with more fields.
fn data(kind: &str, fields: &[Value]) -> Value {
    let kind = json!({"Field": "resources.type", "Equals": [kind]});
    of("Data", &std::iter::once(kind).chain(fields.iter().cloned()).collect::<Vec<_>>())
}

#[track_caller]
fn accept(selector: Value) {
    let given = json!([selector]);
    let parsed = parse(given.clone(), Target::Trail).unwrap();
    assert_eq!(serde_json::to_value(&parsed).unwrap(), json!({"AdvancedEventSelectors": given}));
    assert_eq!(serde_json::from_value::<Selectors>(json!(parsed)).unwrap(), parsed);
}

/// `part` is in what is said of it.
#[track_caller]
fn refuse(selector: Value, part: &str) {
    let error = parse(json!([selector]), Target::Trail).unwrap_err();
    assert_eq!(error.code(), "InvalidEventSelectorsException");
    let message = error.to_string();
    assert!(message.starts_with("AdvancedEventSelectors[0]: "), "{message}");
    assert!(message.contains(part), "{message}");
}

#[test]
fn what_is_accepted_comes_back_as_it_was_sent() {
    accept(of("Management", &[]));
    accept(of("Management", &[json!({"Field": "readOnly", "Equals": ["false"]})]));
    accept(of(
        "Management",
        &[json!({
            "Field": "eventSource", "NotEquals": ["rdsdata.amazonaws.com", "kms.amazonaws.com"],
        })],
    ));
    accept(data(
        "AWS::S3::Object",
        &[
            json!({
                "Field": "resources.ARN",
                "StartsWith": ["arn:aws:s3:::ledger/"],
                "NotStartsWith": ["arn:aws:s3:::ledger/tmp/", "arn:aws:s3:::ledger/cache/"],
            }),
            json!({"Field": "eventName", "EndsWith": ["Object"], "NotEquals": ["GetObject"]}),
            json!({"Field": "userIdentity.arn", "NotEndsWith": ["/ci"]}),
            json!({"Field": "sessionCredentialFromConsole", "NotEquals": ["true"]}),
            json!({"Field": "eventType", "Equals": ["AwsApiCall"]}),
            json!({"Field": "eventSource", "Equals": ["s3.amazonaws.com"]}),
        ],
    ));
    accept(of(
        "NetworkActivity",
        &[
            json!({"Field": "eventSource", "Equals": ["kms.amazonaws.com"]}),
            json!({"Field": "errorCode", "Equals": ["VpceAccessDenied"]}),
            json!({"Field": "vpcEndpointId", "StartsWith": ["vpce-"]}),
            json!({"Field": "eventName", "NotStartsWith": ["Get"]}),
        ],
    ));
}

#[test]
fn an_empty_name_is_kept_and_no_name_stays_none() {
    let mut selector = of("Management", &[]);
    accept(selector.clone());
    selector["Name"] = json!("");
    accept(selector.clone());
    selector["Name"] = json!("ä".repeat(1000));
    accept(selector.clone());
    selector["Name"] = json!("a".repeat(1001));
    refuse(selector, "Name has more than 1000 characters");
}

#[test]
fn every_selector_has_a_category() {
    refuse(json!({}), "must include eventCategory");
    refuse(json!({"FieldSelectors": []}), "must include eventCategory");
    let fields = json!([{"Field": "eventCategory", "StartsWith": ["Data"]}]);
    refuse(json!({"FieldSelectors": fields}), "eventCategory takes Equals with exactly one value");
    let fields = json!([{"Field": "eventCategory", "Equals": ["Data", "Management"]}]);
    refuse(json!({"FieldSelectors": fields}), "eventCategory takes Equals with exactly one value");
    refuse(of("Insight", &[]), "specify Management, Data, NetworkActivity");
    refuse(of("management", &[]), "Value management for eventCategory is invalid");
}

#[test]
fn a_selector_of_data_events_has_one_type_of_resource() {
    refuse(of("Data", &[]), "must include resources.type");
    let kinds = ["AWS::S3::Object", "AWS::SQS::Queue"];
    let two = json!({"Field": "resources.type", "Equals": kinds});
    refuse(of("Data", &[two]), "resources.type takes Equals with exactly one value");
    refuse(data("AWS::S3::Objekt", &[]), "did you mean AWS::S3::Object?");
    refuse(data("AWS::S3::Bucket", &[]), "resources.type is unknown");
    let kind = json!({"Field": "resources.type", "Equals": ["AWS::S3::Object"]});
    refuse(of("Management", &[kind]), "resources.type cannot be used for Management events");
}

#[test]
fn an_arn_that_is_compared_whole_is_one_of_the_type() {
    let arn = |operator: &str, arn: &str| {
        data("AWS::DynamoDB::Table", &[json!({"Field": "resources.ARN", operator: [arn]})])
    };
    let table = "arn:aws:dynamodb:eu-west-1:111122223333:table/orders";
    accept(arn("Equals", table));
    accept(arn("NotEquals", table));
    accept(arn("StartsWith", "arn:aws:dynamodb"));
    accept(arn("NotEndsWith", "orders"));
    let queue = "arn:aws:sqs:eu-west-1:111122223333:orders";
    refuse(arn("Equals", queue), "is not an ARN of AWS::DynamoDB::Table");
    refuse(arn("NotEquals", "orders"), "table/<table_name>");
}

#[test]
fn network_activity_events_are_of_one_service() {
    refuse(of("NetworkActivity", &[]), "must include eventSource");
    let source = |it: Value| of("NetworkActivity", &[it]);
    let two = json!({"Field": "eventSource", "Equals": ["kms.amazonaws.com", "s3.amazonaws.com"]});
    refuse(source(two), "exactly one value");
    refuse(
        source(json!({"Field": "eventSource", "Equals": ["kms"]})),
        "such as `s3.amazonaws.com`",
    );
    let other = json!({"Field": "eventSource", "StartsWith": ["kms"]});
    refuse(source(other), "eventSource does not take StartsWith here; use Equals.");
    let fields = [
        json!({"Field": "eventSource", "Equals": ["kms.amazonaws.com"]}),
        json!({"Field": "errorCode", "Equals": ["AccessDenied"]}),
    ];
    refuse(of("NetworkActivity", &fields), "specify `VpceAccessDenied`");
}

#[test]
fn management_events_of_a_trail_leave_out_two_sources_at_most() {
    let source = |operator: &str, source: &str| {
        of("Management", &[json!({"Field": "eventSource", operator: [source]})])
    };
    refuse(source("Equals", "kms.amazonaws.com"), "does not take Equals here; use NotEquals.");
    refuse(source("NotEquals", "s3.amazonaws.com"), "specify `kms.amazonaws.com` or");
    let name = json!({"Field": "eventName", "Equals": ["RunInstances"]});
    refuse(of("Management", std::slice::from_ref(&name)), "Management events of a trail");
    // An event data store may ask for more.
    for selector in [of("Management", &[name]), source("Equals", "ec2.amazonaws.com")] {
        parse(json!([selector]), Target::EventDataStore).unwrap();
    }
}

#[test]
fn read_only_is_true_or_false() {
    let read_only =
        |values: Value| of("Management", &[json!({"Field": "readOnly", "Equals": values})]);
    refuse(read_only(json!(["True"])), "specify `true` or `false`");
    refuse(read_only(json!(["true", "false"])), "exactly one value");
    let negative = json!({"Field": "readOnly", "NotEquals": ["true"]});
    refuse(of("Management", &[negative]), "readOnly does not take NotEquals here");
}

#[test]
fn a_field_is_known_stands_once_and_has_values() {
    let field = |it: Value| data("AWS::S3::Object", &[it]);
    refuse(field(json!({"Field": "eventname", "Equals": ["a"]})), "did you mean eventName?");
    refuse(
        field(json!({"Field": "resources.arn", "Equals": ["a"]})),
        "did you mean resources.ARN?",
    );
    refuse(field(json!({"Equals": ["a"]})), "Field  is unknown.");
    refuse(field(json!({"Field": "eventName"})), "eventName has no operator");
    refuse(
        field(json!({"Field": "eventName", "Equals": []})),
        "Equals of eventName is an empty list",
    );
    refuse(field(json!({"Field": "eventName", "Equals": [""]})), "1 to 2048 characters");
    refuse(field(json!({"Field": "eventName", "Equals": ["a".repeat(2049)]})), "1 to 2048");
    accept(field(json!({"Field": "eventName", "Equals": ["ä".repeat(2048)]})));
    let name = json!({"Field": "eventName", "Equals": ["a"]});
    refuse(data("AWS::S3::Object", &[name.clone(), name]), "eventName stands in more than one");
}

#[test]
fn all_conditions_together_hold_at_most_500_values() {
    // Two values of each selector are its category and its type.
    let names = |count| vec!["a"; count];
    let field = |count| json!({"Field": "eventName", "Equals": names(count)});
    let pair = |last| {
        let selectors = [data("AWS::S3::Object", &[field(248)]), data("AWS::SQS::Queue", &[last])];
        parse(json!(selectors), Target::Trail)
    };
    pair(field(248)).unwrap();
    assert_eq!(pair(field(249)).unwrap_err(), Error::Conditions { given: 501 });
}

#[test]
fn an_event_data_store_holds_one_kind_of_item() {
    let insight = of("Insight", &[]);
    parse(json!([insight]), Target::EventDataStore).unwrap();
    let calls = json!([of("Management", &[]), data("AWS::S3::Object", &[])]);
    parse(calls, Target::EventDataStore).unwrap();
    let mixed = json!([of("Management", &[]), insight]);
    let error = parse(mixed, Target::EventDataStore).unwrap_err();
    assert_eq!(error, Error::MixedCategories { first: "Management", second: "Insight" });
    let name = json!({"Field": "eventName", "Equals": ["a"]});
    let error = parse(json!([of("Evidence", &[name])]), Target::EventDataStore).unwrap_err();
    assert!(
        error.to_string().contains("cannot be used for Evidence events of an event data store")
    );
}

#[test]
fn the_message_names_the_selector() {
    let selectors = json!([of("Management", &[]), of("Data", &[])]);
    let error = parse(selectors, Target::Trail).unwrap_err();
    let expected =
        "AdvancedEventSelectors[1]: FieldSelectors for Data events must include resources.type.";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn every_field_has_a_word_of_its_own() {
    for field in Field::ALL {
        assert_eq!(Field::from_word(field.as_str()), Some(field));
        assert_eq!(json!(field), field.as_str());
    }
}
