//! What is not built yet is refused as AWS refuses it.

use http::StatusCode;
use serde_json::json;
use wire::shapes::cloudtrail::Operation;

use crate::house::{ACCOUNT, House, cloudtrail_data, sts};

#[tokio::test]
async fn every_other_operation_is_read_and_then_refused_by_its_name() {
    let house = House::new().await;
    let valid = json!({"Channel": "arn:aws:cloudtrail:eu-west-1:123456789012:channel/c1"});
    for operation in [Operation::GetChannel, Operation::ListChannels, Operation::ListDashboards] {
        let (status, answer) = house.bare(operation.as_str(), &valid.to_string()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(answer["__type"], "UnsupportedOperationException", "{answer}");
    }
    let (_, answer) = house.cloudtrail("ListDashboards", "{}").await;
    assert_eq!(answer["__type"], "UnsupportedOperationException", "{answer}");
    let store = "arn:aws:cloudtrail:eu-west-1:123456789012:eventdatastore/0f0e0d0c-1111-4222-8333-444455556666";
    for (operation, request) in [
        ("GetInsightSelectors", json!({"EventDataStore": store})),
        ("PutInsightSelectors", json!({"EventDataStore": store, "InsightSelectors": []})),
        ("AddTags", json!({"ResourceId": store, "TagsList": [{"Key": "a"}]})),
        ("RemoveTags", json!({"ResourceId": store, "TagsList": [{"Key": "a"}]})),
        ("ListTags", json!({"ResourceIdList": [store]})),
    ] {
        let (_, answer) = house.bare(operation, &request.to_string()).await;
        assert_eq!(answer["__type"], "UnsupportedOperationException", "{operation} {answer}");
    }
    for operation in Operation::ALL {
        let (_, answer) = house.cloudtrail(operation.as_str(), "[]").await;
        assert_eq!(answer["__type"], "SerializationException", "{operation:?}");
        let (_, answer) = house.cloudtrail(operation.as_str(), "{").await;
        assert_eq!(answer["__type"], "SerializationException", "{operation:?}");
    }
}

#[tokio::test]
async fn a_request_that_violates_the_model_is_refused_before_that() {
    let house = House::new().await;
    let (status, answer) = house.cloudtrail("CreateTrail", "{}").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(answer["__type"], "ValidationException", "{answer}");
    let (_, answer) = house.cloudtrail("StartLogging", r#"{"Name":7}"#).await;
    assert_eq!(answer["__type"], "SerializationException", "{answer}");
    let (_, answer) = house.cloudtrail("FlyToTheMoon", "{}").await;
    assert_eq!(answer["__type"], "UnknownOperationException", "{answer}");
}

#[tokio::test]
async fn audit_events_are_read_and_then_refused() {
    let uri = "/PutAuditEvents?channelArn=arn%3Aaws%3Acloudtrail%3Aeu-west-1%3A123456789012%3Achannel%2Fc1";
    let body = json!({"auditEvents": [{"id": "1", "eventData": "{}"}]}).to_string();
    let (status, answer) = cloudtrail_data(uri, &body).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
    assert!(answer.to_string().contains("PutAuditEvents is not available"), "{answer}");
    let (_, answer) = cloudtrail_data("/PutAuditEvents", &body).await;
    assert!(answer.to_string().contains("channelArn"), "{answer}");
    // What belongs to the query is not read from the body.
    let body = body.replacen('{', r#"{"channelArn":"arn:aws:x","#, 1);
    let (_, answer) = cloudtrail_data("/PutAuditEvents", &body).await;
    assert!(answer.to_string().contains("channelArn"), "{answer}");
}

#[tokio::test]
async fn a_caller_learns_who_it_is() {
    let (status, text) = sts("GetCallerIdentity").await;
    assert_eq!(status, StatusCode::OK);
    for part in [
        format!("<Account>{ACCOUNT}</Account>"),
        format!("<Arn>arn:aws:iam::{ACCOUNT}:user/mira</Arn>"),
        "<UserId>AIDAQEXAMPLEUSER00001</UserId>".to_owned(),
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
            .to_owned(),
    ] {
        assert!(text.contains(&part), "{text}");
    }
    let (status, text) = sts("AssumeRole").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(text.contains("<Code>UnsupportedOperation</Code>"), "{text}");
    let (_, text) = sts("Nonsense").await;
    assert!(text.contains("<Code>InvalidAction</Code>"), "{text}");
}
