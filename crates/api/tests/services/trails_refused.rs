//! What CloudTrail refuses about trails is refused with its code.

use serde_json::{Value, json};
use trailmark_api::trails::DestinationProblem;

use crate::{
    house::{ACCOUNT, House, REGION},
    trails::ARN,
};

async fn check_in(house: &House, region: &str, operation: &str, request: Value, code: &str) {
    let refusal = house.ask(ACCOUNT, region, operation, &request).await.unwrap_err();
    assert_eq!(refusal.code, code, "{operation} {request} {refusal:?}");
    assert!(!refusal.message.is_empty());
}

async fn check(house: &House, operation: &str, request: Value, code: &str) {
    check_in(house, REGION, operation, request, code).await;
}

/// The operations that take one trail by name, and the member that names it.
const BY_NAME: [(&str, &str); 10] = [
    ("DeleteTrail", "Name"),
    ("GetEventSelectors", "TrailName"),
    ("GetInsightSelectors", "TrailName"),
    ("GetTrail", "Name"),
    ("GetTrailStatus", "Name"),
    ("PutEventSelectors", "TrailName"),
    ("PutInsightSelectors", "TrailName"),
    ("StartLogging", "Name"),
    ("StopLogging", "Name"),
    ("UpdateTrail", "Name"),
];

#[tokio::test]
async fn a_name_or_an_arn_that_is_none_is_refused_everywhere() {
    let house = House::new().await;
    for (operation, member) in BY_NAME {
        for (name, code) in [
            ("unknown", "TrailNotFoundException"),
            (ARN, "TrailNotFoundException"),
            ("ab", "InvalidTrailNameException"),
            ("my--trail", "InvalidTrailNameException"),
            ("arn:aws:cloudtrail", "CloudTrailARNInvalidException"),
            ("arn:aws:s3:::ledger", "CloudTrailARNInvalidException"),
        ] {
            let request = json!({member: name, "EventSelectors": [], "InsightSelectors": []});
            check(&house, operation, request, code).await;
        }
    }
    let request = json!({"trailNameList": ["a/b"]});
    check(&house, "DescribeTrails", request, "InvalidTrailNameException").await;
    let request = json!({"trailNameList": ["arn:x"]});
    check(&house, "DescribeTrails", request, "CloudTrailARNInvalidException").await;
    let refusal = house.ask(ACCOUNT, REGION, "GetTrail", &json!({"Name": "unknown"})).await;
    let unknown = ARN.replace("audit", "unknown");
    let expected = format!("Unknown trail: {unknown} for the user: {ACCOUNT}");
    assert_eq!(refusal.unwrap_err().message, expected);
}

#[tokio::test]
async fn a_trail_is_changed_in_its_home_region_only() {
    let house = House::new().await;
    house.audit(json!({"IsMultiRegionTrail": true})).await;
    house.trail("CreateTrail", json!({"Name": "local", "S3BucketName": "ledger"})).await;
    let local = ARN.replace("audit", "local");
    for (operation, member) in BY_NAME {
        let request =
            |name: &str| json!({member: name, "EventSelectors": [], "InsightSelectors": []});
        check_in(&house, "us-east-1", operation, request("audit"), "TrailNotFoundException").await;
        if operation.starts_with("Get") {
            let wrong = "CloudTrailARNInvalidException";
            check_in(&house, "us-east-1", operation, request(&local), wrong).await;
        } else {
            for arn in [ARN, &local] {
                let wrong = "InvalidHomeRegionException";
                check_in(&house, "us-east-1", operation, request(arn), wrong).await;
            }
        }
    }
    let tags = json!({"ResourceId": ARN, "TagsList": [{"Key": "a"}]});
    for operation in ["AddTags", "RemoveTags"] {
        let wrong = "CloudTrailARNInvalidException";
        check_in(&house, "us-east-1", operation, tags.clone(), wrong).await;
    }
}

#[tokio::test]
async fn what_a_trail_cannot_be_is_refused_before_anyone_is_asked() {
    let house = House::new().await;
    house.audit(json!({})).await;
    let role = format!("arn:aws:iam::{ACCOUNT}:role/Logs");
    let group = format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:CloudTrail:*");
    let asked = house.destinations.asked.lock().unwrap().len();
    for (with, code) in [
        (
            json!({"IsMultiRegionTrail": true, "IncludeGlobalServiceEvents": false}),
            "InvalidParameterCombinationException",
        ),
        (json!({"S3BucketName": "Not A Bucket"}), "InvalidS3BucketNameException"),
        (json!({"S3BucketName": ""}), "InvalidS3BucketNameException"),
        (json!({"S3KeyPrefix": "x".repeat(201)}), "InvalidS3PrefixException"),
        (json!({"SnsTopicName": "orders.fifo"}), "InvalidSnsTopicNameException"),
        (json!({"KmsKeyId": "arn:aws:s3:::ledger"}), "KmsKeyNotFoundException"),
        (json!({"CloudWatchLogsLogGroupArn": group}), "InvalidCloudWatchLogsRoleArnException"),
        (json!({"CloudWatchLogsRoleArn": role}), "InvalidCloudWatchLogsLogGroupArnException"),
        (
            json!({"CloudWatchLogsLogGroupArn": "group", "CloudWatchLogsRoleArn": role}),
            "InvalidCloudWatchLogsLogGroupArnException",
        ),
        (
            json!({"CloudWatchLogsLogGroupArn": group, "CloudWatchLogsRoleArn": "role"}),
            "InvalidCloudWatchLogsRoleArnException",
        ),
    ] {
        let mut request = json!({"Name": "other", "S3BucketName": "ledger"});
        request.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        check(&house, "CreateTrail", request.clone(), code).await;
        request["Name"] = json!("audit");
        check(&house, "UpdateTrail", request, code).await;
    }
    for (tags, code) in [
        (json!([{"Key": "a"}, {"Key": "a"}]), "InvalidTagParameterException"),
        (json!([{"Key": "aws:a"}]), "InvalidTagParameterException"),
    ] {
        let request = json!({"Name": "other", "S3BucketName": "ledger", "TagsList": tags});
        check(&house, "CreateTrail", request, code).await;
        check(&house, "AddTags", json!({"ResourceId": ARN, "TagsList": tags}), code).await;
    }
    let request = json!({"Name": "audit", "S3BucketName": "elsewhere"});
    check(&house, "CreateTrail", request, "TrailAlreadyExistsException").await;
    assert_eq!(house.destinations.asked.lock().unwrap().len(), asked);
    assert_eq!(house.described(REGION, json!({})).await, [ARN]);
}

#[tokio::test]
async fn a_destination_that_does_not_take_the_trail_is_refused_with_its_own_code() {
    use DestinationProblem as P;
    let house = House::new().await;
    house.audit(json!({})).await;
    for (problem, code) in [
        (P::BucketDenies, "InsufficientS3BucketPolicyException"),
        (P::BucketMissing, "S3BucketDoesNotExistException"),
        (P::KeyDenies, "InsufficientEncryptionPolicyException"),
        (P::KeyDisabled, "KmsException"),
        (P::KeyMissing, "KmsKeyNotFoundException"),
        (P::LogGroup, "InvalidCloudWatchLogsLogGroupArnException"),
        (P::LogsRole, "InvalidCloudWatchLogsRoleArnException"),
        (P::Topic, "InsufficientSnsTopicPolicyException"),
        (P::Unreachable("no route".into()), "ServiceUnavailable"),
    ] {
        *house.destinations.problem.lock().unwrap() = Some(problem);
        let request = json!({"Name": "other", "S3BucketName": "ledger", "KmsKeyId": "alias/a"});
        check(&house, "CreateTrail", request, code).await;
    }
    *house.destinations.problem.lock().unwrap() = Some(P::BucketMissing);
    let request = json!({"Name": "audit", "S3BucketName": "elsewhere"});
    check(&house, "UpdateTrail", request, "S3BucketDoesNotExistException").await;
    // What was refused is not there.
    let trail = house.trail("GetTrail", json!({"Name": "audit"})).await;
    assert_eq!(trail["Trail"]["S3BucketName"], "ledger");
    assert_eq!(house.described(REGION, json!({})).await, [ARN]);
}

#[tokio::test]
async fn there_are_five_trails_in_a_region() {
    let house = House::new().await;
    for number in 0..5 {
        let name = format!("trail-{number}");
        house.trail("CreateTrail", json!({"Name": name, "S3BucketName": "ledger"})).await;
    }
    let request = json!({"Name": "audit", "S3BucketName": "ledger"});
    let refusal = house.ask(ACCOUNT, REGION, "CreateTrail", &request).await.unwrap_err();
    assert_eq!(refusal.code, "MaximumNumberOfTrailsExceededException");
    assert_eq!(refusal.message, format!("User: {ACCOUNT} already has 5 trails in {REGION}."));
    house.trail_in("us-east-1", "CreateTrail", request).await;
}

#[tokio::test]
async fn selectors_that_break_a_rule_are_refused_and_the_old_ones_stay() {
    let house = House::new().await;
    house.audit(json!({})).await;
    let basic = json!([{"ReadWriteType": "All"}]);
    let advanced = json!([
        {"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]}
    ]);
    for selectors in [
        json!({}),
        json!({"EventSelectors": []}),
        json!({"EventSelectors": basic, "AdvancedEventSelectors": advanced}),
        json!({"EventSelectors": [{"IncludeManagementEvents": false}]}),
        json!({"EventSelectors": [{"ReadWriteType": "Some"}]}),
        json!({"AdvancedEventSelectors": [{"FieldSelectors": []}]}),
        json!({"AdvancedEventSelectors": [
            {"FieldSelectors": [{"Field": "colour", "Equals": ["red"]}]}
        ]}),
    ] {
        let mut request = json!({"TrailName": "audit"});
        request.as_object_mut().unwrap().extend(selectors.as_object().unwrap().clone());
        check(&house, "PutEventSelectors", request, "InvalidEventSelectorsException").await;
    }
    let request = json!({"TrailName": "audit", "EventSelectors": "all"});
    check(&house, "PutEventSelectors", request, "SerializationException").await;
    let trail = house.trail("GetTrail", json!({"Name": "audit"})).await;
    assert_eq!(trail["Trail"]["HasCustomEventSelectors"], false);
}

#[tokio::test]
async fn insights_need_the_events_that_they_look_at() {
    let house = House::new().await;
    house.audit(json!({})).await;
    let request = json!({"TrailName": "audit"});
    check(&house, "GetInsightSelectors", request, "InsightNotEnabledException").await;
    let rate = json!([{"InsightType": "ApiCallRateInsight"}]);
    let errors = json!([{"InsightType": "ApiErrorRateInsight"}]);
    let data = json!([{"InsightType": "ApiCallRateInsight", "EventCategories": ["Data"]}]);
    let put = |selectors: &Value| json!({"TrailName": "audit", "InsightSelectors": selectors});
    let refused = "InvalidInsightSelectorsException";
    check(&house, "PutInsightSelectors", put(&data), refused).await;
    check(&house, "PutInsightSelectors", put(&json!([{}])), refused).await;
    let twice =
        json!([{"InsightType": "ApiCallRateInsight"}, {"InsightType": "ApiCallRateInsight"}]);
    check(&house, "PutInsightSelectors", put(&twice), refused).await;
    for selectors in [
        json!({"TrailName": "audit", "EventSelectors": [{"ReadWriteType": "ReadOnly"}]}),
        json!({"TrailName": "audit", "AdvancedEventSelectors": [{"FieldSelectors": [
            {"Field": "eventCategory", "Equals": ["Management"]},
            {"Field": "readOnly", "Equals": ["true"]},
        ]}]}),
    ] {
        house.trail("PutEventSelectors", selectors).await;
        check(&house, "PutInsightSelectors", put(&rate), refused).await;
        house.trail("PutInsightSelectors", put(&errors)).await;
    }
    let objects = json!([{"FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Data"]},
        {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
    ]}]);
    let request = json!({"TrailName": "audit", "AdvancedEventSelectors": objects});
    house.trail("PutEventSelectors", request).await;
    house.trail("PutInsightSelectors", put(&data)).await;
    check(&house, "PutInsightSelectors", put(&errors), refused).await;

    let both = json!({"TrailName": "audit", "EventDataStore": "abc", "InsightSelectors": []});
    check(&house, "PutInsightSelectors", both, "InvalidParameterCombinationException").await;
    check(&house, "GetInsightSelectors", json!({}), "InvalidParameterException").await;
}

#[tokio::test]
async fn tags_belong_to_trails_that_are_there() {
    let house = House::new().await;
    house.audit(json!({})).await;
    let other = |kind: &str| format!("arn:aws:cloudtrail:{REGION}:{ACCOUNT}:{kind}");
    for (id, code) in [
        ("audit".to_owned(), "CloudTrailARNInvalidException"),
        ("arn:aws:s3:::ledger".to_owned(), "CloudTrailARNInvalidException"),
        (other("trail/unknown"), "ResourceNotFoundException"),
        (other("channel/c1"), "ChannelARNInvalidException"),
        (other("eventdatastore/e1"), "EventDataStoreARNInvalidException"),
    ] {
        let tags = json!([{"Key": "a"}]);
        let request = json!({"ResourceId": id, "TagsList": tags});
        check(&house, "AddTags", request.clone(), code).await;
        check(&house, "RemoveTags", request, code).await;
        check(&house, "ListTags", json!({"ResourceIdList": [ARN, id]}), code).await;
    }
    let many: Vec<_> = (0..51).map(|it| json!({"Key": format!("k{it}")})).collect();
    let limit = "TagsLimitExceededException";
    check(&house, "AddTags", json!({"ResourceId": ARN, "TagsList": many}), limit).await;
    house.trail("AddTags", json!({"ResourceId": ARN, "TagsList": many[..50]})).await;
    check(&house, "AddTags", json!({"ResourceId": ARN, "TagsList": [{"Key": "x"}]}), limit).await;
    let request = json!({"ResourceIdList": vec![ARN; 21]});
    check(&house, "ListTags", request, "ValidationException").await;
    let request = json!({"ResourceIdList": [ARN], "NextToken": "x"});
    check(&house, "ListTags", request, "InvalidTokenException").await;
}

#[tokio::test]
async fn public_keys_are_asked_for_by_a_range_that_can_be() {
    let house = House::new().await;
    let range = json!({"StartTime": 20, "EndTime": 10});
    check(&house, "ListPublicKeys", range, "InvalidTimeRangeException").await;
    check(&house, "ListPublicKeys", json!({"NextToken": "x"}), "InvalidTokenException").await;
}
