//! `LookupEvents`.

use serde_json::{Value, json};

use crate::house::{ACCOUNT, House, OTHER, REGION, event, ids, now};

/// Six events that differ in every attribute, and some that must not be seen.
async fn house() -> House {
    let house = House::new().await;
    let root = json!({"type": "Root", "principalId": ACCOUNT, "accountId": ACCOUNT,
        "arn": format!("arn:aws:iam::{ACCOUNT}:root"), "accessKeyId": "AKIAQEXAMPLEROOT0001"});
    let session = json!({"type": "AssumedRole", "principalId": "AROAQEXAMPLE:ci-run-42",
        "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/Deploy/ci-run-42"),
        "accountId": ACCOUNT, "accessKeyId": "ASIAQEXAMPLE00000042"});
    let bucket =
        json!([{"type": "AWS::S3::Bucket", "accountId": ACCOUNT, "ARN": "arn:aws:s3:::ledger"}]);
    let records = [
        event("e-0", 0, &json!({})),
        event("e-1", 10, &json!({"eventName": "DescribeKey", "readOnly": true})),
        event(
            "e-2",
            20,
            &json!({"eventName": "PutBucketPolicy", "eventSource": "s3.amazonaws.com",
            "requestParameters": {"bucketName": "ledger"}, "resources": bucket}),
        ),
        event("e-3", 30, &json!({"userIdentity": root})),
        event("e-4", 40, &json!({"userIdentity": session})),
        event("e-5", 40, &json!({"resources": []})),
        event("data", 50, &json!({"eventCategory": "Data", "managementEvent": false})),
        event("elsewhere", 50, &json!({"awsRegion": "us-east-1"})),
        event("other", 50, &json!({"recipientAccountId": OTHER})),
        event(
            "insight",
            60,
            &json!({"eventCategory": "Insight", "eventType": "AwsCloudTrailInsight"}),
        ),
    ];
    let (_, answer) = house.send("root", records.join("\n")).await;
    assert_eq!(answer["accepted"], records.len(), "{answer}");
    house.settle().await;
    house
}

/// Seconds since 1970 of an event's second.
fn at(second: i64) -> i64 {
    now().as_second() - 86_400 + second
}

fn by(key: &str, value: &str) -> Value {
    json!({"LookupAttributes": [{"AttributeKey": key, "AttributeValue": value}]})
}

#[tokio::test]
async fn history_is_the_management_events_of_account_and_region_newest_first() {
    let house = house().await;
    let (found, pages) = house.list(&json!({})).await;
    // Of the same second, the one that came later is first.
    assert_eq!(
        (found, pages),
        (["e-5", "e-4", "e-3", "e-2", "e-1", "e-0"].map(String::from).to_vec(), 1)
    );
    assert_eq!(ids(&house.lookup_as(OTHER, REGION, &json!({})).await.unwrap()), ["other"]);
    assert_eq!(
        ids(&house.lookup_as(ACCOUNT, "us-east-1", &json!({})).await.unwrap()),
        ["elsewhere"]
    );
    assert_eq!(house.list(&json!({"EventCategory": "insight"})).await.0, ["insight"]);
}

#[tokio::test]
async fn events_are_found_by_every_attribute() {
    let house = house().await;
    for (key, value, expected) in [
        ("EventId", "e-3", vec!["e-3"]),
        ("EventName", "DescribeKey", vec!["e-1"]),
        ("ReadOnly", "true", vec!["e-1"]),
        ("Username", "root", vec!["e-3"]),
        ("Username", "ci-run-42", vec!["e-4"]),
        ("Username", "mira", vec!["e-5", "e-2", "e-1", "e-0"]),
        ("ResourceType", "AWS::S3::Bucket", vec!["e-2"]),
        ("ResourceName", "ledger", vec!["e-2"]),
        ("EventSource", "s3.amazonaws.com", vec!["e-2"]),
        ("AccessKeyId", "ASIAQEXAMPLE00000042", vec!["e-4"]),
        ("EventName", "describekey", vec![]),
        ("EventId", "data", vec![]),
    ] {
        assert_eq!(house.list(&by(key, value)).await.0, expected, "{key} {value}");
    }
}

#[tokio::test]
async fn the_time_range_is_inclusive_at_both_ends() {
    let house = house().await;
    for (range, expected) in [
        (json!({"StartTime": at(10), "EndTime": at(30)}), vec!["e-3", "e-2", "e-1"]),
        (json!({"StartTime": at(40)}), vec!["e-5", "e-4"]),
        (json!({"EndTime": at(0)}), vec!["e-0"]),
        (json!({"StartTime": at(20), "EndTime": at(20)}), vec!["e-2"]),
        (json!({"StartTime": at(20) as f64 + 0.5, "EndTime": at(29)}), vec![]),
    ] {
        assert_eq!(house.list(&range).await.0, expected, "{range}");
    }
}

#[tokio::test]
async fn an_event_shows_what_aws_shows() {
    let house = house().await;
    let answer = house.lookup(&by("EventId", "e-2")).await.unwrap();
    assert!(answer.get("NextToken").is_none());
    let shown = &answer["Events"][0];
    assert_eq!(shown["EventName"], "PutBucketPolicy");
    assert_eq!(shown["EventSource"], "s3.amazonaws.com");
    assert_eq!(shown["EventTime"], at(20));
    assert_eq!(shown["ReadOnly"], "false");
    assert_eq!(shown["Username"], "mira");
    assert_eq!(shown["AccessKeyId"], "AKIAQEXAMPLE00000001");
    assert_eq!(
        shown["Resources"],
        json!([{"ResourceType": "AWS::S3::Bucket", "ResourceName": "ledger"}])
    );
    let text = shown["CloudTrailEvent"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(text).unwrap()["eventID"], "e-2");
}

#[tokio::test]
async fn pages_neither_lose_nor_repeat_while_records_arrive() {
    let house = House::new().await;
    let records: Vec<_> =
        (0..130).map(|it| event(&format!("old-{it:03}"), it / 7, &json!({}))).collect();
    house.send(ACCOUNT, records.join("\n")).await;
    house.settle().await;
    let (expected, pages) = house.list(&json!({})).await;
    assert_eq!((expected.len(), pages), (130, 3));

    let mut request = json!({"MaxResults": 7});
    let mut found = Vec::new();
    for round in 0.. {
        let answer = house.lookup(&request).await.unwrap();
        found.extend(ids(&answer));
        let Some(token) = answer.get("NextToken") else { break };
        request["NextToken"] = token.clone();
        // Before, among and behind what is listed.
        let news: Vec<_> =
            [-5, 9, 90].map(|at| event(&format!("new-{round}-{at}"), at, &json!({}))).into();
        house.send(ACCOUNT, news.join("\n")).await;
        house.settle().await;
    }
    assert_eq!(found, expected);
    assert!(house.list(&json!({})).await.0.len() > 180);
}

#[tokio::test]
async fn what_aws_refuses_is_refused_with_its_code() {
    let house = house().await;
    let first = house.lookup(&json!({"MaxResults": 2})).await.unwrap();
    let token = first["NextToken"].as_str().unwrap();
    let two = json!([{"AttributeKey": "EventId", "AttributeValue": "a"},
        {"AttributeKey": "EventName", "AttributeValue": "b"}]);
    for (request, code) in [
        (json!({"MaxResults": 0}), "InvalidMaxResultsException"),
        (json!({"MaxResults": 51}), "InvalidMaxResultsException"),
        (json!({"MaxResults": -1}), "InvalidMaxResultsException"),
        (json!({"MaxResults": "many"}), "SerializationException"),
        (json!({"StartTime": 20, "EndTime": 10}), "InvalidTimeRangeException"),
        (json!({"EventCategory": "Insight"}), "InvalidEventCategoryException"),
        (json!({"EventCategory": "management"}), "InvalidEventCategoryException"),
        (json!({"LookupAttributes": two}), "InvalidLookupAttributesException"),
        (by("EventId", &"_".repeat(1001)), "InvalidLookupAttributesException"),
        (
            json!({"EventCategory": "insight", "LookupAttributes": [
            {"AttributeKey": "Username", "AttributeValue": "mira"}]}),
            "InvalidLookupAttributesException",
        ),
        (json!({"LookupAttributes": [{"AttributeKey": "EventId"}]}), "ValidationException"),
        (json!({"NextToken": "nonsense"}), "InvalidNextTokenException"),
        (json!({"NextToken": ""}), "InvalidNextTokenException"),
        // A token is good for the same question only; the size of the pages may change.
        (json!({"NextToken": token, "StartTime": 1}), "InvalidNextTokenException"),
        (json!({"NextToken": token, "EventCategory": "insight"}), "InvalidNextTokenException"),
    ] {
        assert_eq!(house.lookup(&request).await.unwrap_err(), code, "{request}");
    }
    let request = json!({"NextToken": token, "MaxResults": 50});
    assert_eq!(ids(&house.lookup(&request).await.unwrap()).len(), 4);
    let elsewhere = house.lookup_as(ACCOUNT, "us-east-1", &request).await;
    assert_eq!(elsewhere.unwrap_err(), "InvalidNextTokenException");
    let someone = house.lookup_as(OTHER, REGION, &request).await;
    assert_eq!(someone.unwrap_err(), "InvalidNextTokenException");
}
