//! The operations on trails.

use http::StatusCode;
use serde_json::{Value, json};

use crate::house::{ACCOUNT, House, OTHER, REGION};

const ARN: &str = "arn:aws:cloudtrail:eu-west-1:123456789012:trail/audit";

/// What an operation answers; its error code when it refuses.
async fn ask(house: &House, operation: &str, request: Value) -> Result<Value, String> {
    ask_in(house, REGION, operation, request).await
}

async fn ask_in(
    house: &House,
    region: &str,
    operation: &str,
    request: Value,
) -> Result<Value, String> {
    read(house.cloudtrail_as(ACCOUNT, region, operation, &request.to_string()).await)
}

fn read((status, answer): (StatusCode, Value)) -> Result<Value, String> {
    if status == StatusCode::OK {
        return Ok(answer);
    }
    assert!(answer["Message"].as_str().is_some_and(|it| !it.is_empty()), "{answer}");
    Err(answer["__type"].as_str().unwrap().to_owned())
}

#[track_caller]
fn refuses(answer: Result<Value, String>, code: &str) {
    assert_eq!(answer.unwrap_err(), code);
}

async fn with_trail(more: Value) -> House {
    let house = House::new().await;
    let mut request = json!({"Name": "audit", "S3BucketName": "audit-logs"});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    ask(&house, "CreateTrail", request).await.unwrap();
    house
}

#[tokio::test]
async fn a_new_trail_has_the_defaults_and_does_not_log() {
    let house = House::new().await;
    let request = json!({"Name": "audit", "S3BucketName": "audit-logs"});
    let created = ask(&house, "CreateTrail", request).await.unwrap();
    let common = json!({
        "Name": "audit", "S3BucketName": "audit-logs", "IncludeGlobalServiceEvents": true,
        "IsMultiRegionTrail": false, "TrailARN": ARN, "LogFileValidationEnabled": false,
        "IsOrganizationTrail": false, "RecursiveLogging": true,
    });
    assert_eq!(created, common);
    let mut shown = common;
    for (member, value) in [
        ("HomeRegion", json!(REGION)),
        ("HasCustomEventSelectors", json!(false)),
        ("HasInsightSelectors", json!(false)),
    ] {
        shown[member] = value;
    }
    let got = ask(&house, "GetTrail", json!({"Name": "audit"})).await.unwrap();
    assert_eq!(got, json!({"Trail": shown}));
    let described = ask(&house, "DescribeTrails", json!({"trailNameList": [ARN]})).await.unwrap();
    assert_eq!(described, json!({"trailList": [shown]}));
    let status = ask(&house, "GetTrailStatus", json!({"Name": ARN})).await.unwrap();
    assert_eq!(status["IsLogging"], false);
    assert_eq!(status["TimeLoggingStarted"], "");
    assert!(status.get("StartLoggingTime").is_none(), "{status}");
    let selectors = ask(&house, "GetEventSelectors", json!({"TrailName": ARN})).await.unwrap();
    let default = json!([{"ReadWriteType": "All", "IncludeManagementEvents": true,
        "DataResources": [], "ExcludeManagementEventSources": []}]);
    assert_eq!(selectors, json!({"TrailARN": ARN, "EventSelectors": default}));
}

#[tokio::test]
async fn every_setting_is_kept_and_shown_and_an_empty_one_removes() {
    let role = "arn:aws:iam::123456789012:role/logs";
    let group = "arn:aws:logs:eu-west-1:123456789012:log-group:audit:*";
    let key = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let house = with_trail(json!({
        "S3KeyPrefix": "trails", "SnsTopicName": "files", "IsMultiRegionTrail": true,
        "EnableLogFileValidation": true, "CloudWatchLogsLogGroupArn": group,
        "CloudWatchLogsRoleArn": role, "KmsKeyId": key, "RecursiveLogging": false,
        "TagsList": [{"Key": "team", "Value": "audit"}, {"Key": "bare"}],
    }))
    .await;
    let get =
        || async { ask(&house, "GetTrail", json!({"Name": ARN})).await.unwrap()["Trail"].clone() };
    let trail = get().await;
    for (member, value) in [
        ("S3KeyPrefix", json!("trails")),
        ("SnsTopicARN", json!("arn:aws:sns:eu-west-1:123456789012:files")),
        ("IsMultiRegionTrail", json!(true)),
        ("LogFileValidationEnabled", json!(true)),
        ("CloudWatchLogsLogGroupArn", json!(group)),
        ("CloudWatchLogsRoleArn", json!(role)),
        ("KmsKeyId", json!(key)),
        ("RecursiveLogging", json!(false)),
    ] {
        assert_eq!(trail[member], value, "{member}");
    }
    let tags = ask(&house, "ListTags", json!({"ResourceIdList": [ARN]})).await.unwrap();
    let expected = json!([{"Key": "bare"}, {"Key": "team", "Value": "audit"}]);
    assert_eq!(tags["ResourceTagList"], json!([{"ResourceId": ARN, "TagsList": expected}]));

    // As Terraform removes them; what it does not name stays.
    let removal = json!({"Name": ARN, "S3KeyPrefix": "", "SnsTopicName": "", "KmsKeyId": "",
        "CloudWatchLogsLogGroupArn": "", "CloudWatchLogsRoleArn": ""});
    ask(&house, "UpdateTrail", removal).await.unwrap();
    let trail = get().await;
    for member in
        ["S3KeyPrefix", "SnsTopicARN", "SnsTopicName", "KmsKeyId", "CloudWatchLogsLogGroupArn"]
    {
        assert!(trail.get(member).is_none(), "{member}: {trail}");
    }
    assert_eq!(trail["IsMultiRegionTrail"], true);
    let house = house.reopened().await;
    let again = ask(&house, "GetTrail", json!({"Name": ARN})).await.unwrap();
    assert_eq!(again["Trail"], trail);
}

#[tokio::test]
async fn what_aws_refuses_is_refused_with_its_code() {
    let house = with_trail(json!({})).await;
    for (operation, change, code) in [
        ("CreateTrail", json!({}), "TrailAlreadyExistsException"),
        ("CreateTrail", json!({"Name": "a"}), "InvalidTrailNameException"),
        (
            "CreateTrail",
            json!({"Name": "new", "S3BucketName": "Big"}),
            "InvalidS3BucketNameException",
        ),
        (
            "CreateTrail",
            json!({"Name": "new", "S3BucketName": "missing-it"}),
            "S3BucketDoesNotExistException",
        ),
        (
            "CreateTrail",
            json!({"Name": "new", "S3BucketName": "foreign-it"}),
            "InsufficientS3BucketPolicyException",
        ),
        (
            "CreateTrail",
            json!({"Name": "new", "S3KeyPrefix": "x".repeat(201)}),
            "InvalidS3PrefixException",
        ),
        (
            "CreateTrail",
            json!({"Name": "new", "SnsTopicName": "a b"}),
            "InvalidSnsTopicNameException",
        ),
        (
            "CreateTrail",
            json!({"Name": "new", "SnsTopicName": "a.fifo"}),
            "InvalidSnsTopicNameException",
        ),
        ("CreateTrail", json!({"Name": "new", "KmsKeyId": "nonsense"}), "InvalidKmsKeyIdException"),
        (
            "CreateTrail",
            json!({"Name": "new", "IsOrganizationTrail": true}),
            "OrganizationsNotInUseException",
        ),
        (
            "CreateTrail",
            json!({"Name": "new", "IsMultiRegionTrail": true, "IncludeGlobalServiceEvents": false}),
            "InvalidParameterCombinationException",
        ),
        (
            "CreateTrail",
            json!({"Name": "new", "CloudWatchLogsRoleArn": "arn:aws:iam::123456789012:role/r"}),
            "InvalidCloudWatchLogsLogGroupArnException",
        ),
        (
            "CreateTrail",
            json!({"Name": "new", "TagsList": [{"Key": "a"}, {"Key": "a"}]}),
            "InvalidTagParameterException",
        ),
        ("UpdateTrail", json!({"Name": "nobody"}), "TrailNotFoundException"),
        ("UpdateTrail", json!({"S3BucketName": "missing-it"}), "S3BucketDoesNotExistException"),
    ] {
        let mut request = json!({"Name": "audit", "S3BucketName": "audit-logs"});
        request.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer = ask(&house, operation, request.clone()).await;
        assert_eq!(answer, Err(code.to_owned()), "{operation} {request}");
    }
    refuses(ask(&house, "GetTrail", json!({"Name": "nobody"})).await, "TrailNotFoundException");
    let foreign = ARN.replace("123456789012", OTHER);
    refuses(ask(&house, "GetTrail", json!({"Name": foreign})).await, "TrailNotFoundException");
    let malformed = "arn:aws:cloudtrail:eu-west-1:1:trail/audit";
    refuses(
        ask(&house, "GetTrailStatus", json!({"Name": malformed})).await,
        "CloudTrailARNInvalidException",
    );
}

#[tokio::test]
async fn a_trail_of_every_region_has_shadows_and_is_changed_at_home() {
    let house = with_trail(json!({"IsMultiRegionTrail": true})).await;
    let away = "us-east-1";
    ask_in(&house, away, "CreateTrail", json!({"Name": "local", "S3BucketName": "audit-logs"}))
        .await
        .unwrap();
    let names = |answer: &Value, list: &str| -> Vec<String> {
        let trails = answer[list].as_array().unwrap();
        trails.iter().map(|it| it["Name"].as_str().unwrap().to_owned()).collect()
    };
    let described = ask_in(&house, away, "DescribeTrails", json!({})).await.unwrap();
    assert_eq!(names(&described, "trailList"), ["audit", "local"]);
    assert_eq!(described["trailList"][0]["HomeRegion"], REGION);
    let own = json!({"includeShadowTrails": false});
    let described = ask_in(&house, away, "DescribeTrails", own).await.unwrap();
    assert_eq!(names(&described, "trailList"), ["local"]);
    let listed = ask(&house, "ListTrails", json!({})).await.unwrap();
    assert_eq!(names(&listed, "Trails"), ["audit"]);
    // By name it is nobody's there, by ARN it is read but not changed.
    refuses(
        ask_in(&house, away, "GetTrailStatus", json!({"Name": "audit"})).await,
        "TrailNotFoundException",
    );
    ask_in(&house, away, "GetTrailStatus", json!({"Name": ARN})).await.unwrap();
    for operation in ["UpdateTrail", "DeleteTrail"] {
        refuses(
            ask_in(&house, away, operation, json!({"Name": ARN})).await,
            "InvalidHomeRegionException",
        );
    }
    let taken = json!({"Name": "audit", "S3BucketName": "audit-logs"});
    refuses(ask_in(&house, away, "CreateTrail", taken).await, "TrailAlreadyExistsException");
    // Another account sees none of it.
    let (_, others) = house.cloudtrail_as(OTHER, REGION, "DescribeTrails", "{}").await;
    assert_eq!(others, json!({"trailList": []}));
}

#[tokio::test]
async fn a_region_takes_five_trails() {
    let house = with_trail(json!({"IsMultiRegionTrail": true})).await;
    let create = |name: String| {
        let house = &house;
        async move {
            let request = json!({"Name": name, "S3BucketName": "audit-logs"});
            ask_in(house, "us-east-1", "CreateTrail", request).await
        }
    };
    for number in 0..4 {
        create(format!("trail-{number}")).await.unwrap();
    }
    refuses(create("trail-5".to_owned()).await, "MaximumNumberOfTrailsExceededException");
    ask_in(&house, "us-east-1", "DeleteTrail", json!({"Name": "trail-1"})).await.unwrap();
    create("trail-5".to_owned()).await.unwrap();
}

#[tokio::test]
async fn a_deleted_trail_is_gone_with_its_tags_and_its_name_is_free() {
    let house = with_trail(json!({"TagsList": [{"Key": "team", "Value": "audit"}]})).await;
    assert_eq!(ask(&house, "DeleteTrail", json!({"Name": ARN})).await, Ok(json!({})));
    refuses(ask(&house, "DeleteTrail", json!({"Name": ARN})).await, "TrailNotFoundException");
    let described = ask(&house, "DescribeTrails", json!({"trailNameList": [ARN]})).await.unwrap();
    assert_eq!(described, json!({"trailList": []}));
    let request = json!({"Name": "audit", "S3BucketName": "audit-logs"});
    ask(&house, "CreateTrail", request).await.unwrap();
    let tags = ask(&house, "ListTags", json!({"ResourceIdList": [ARN]})).await.unwrap();
    assert_eq!(tags["ResourceTagList"][0]["TagsList"], json!([]));
}

#[tokio::test]
async fn selectors_replace_each_other_and_the_default_ones_are_not_custom() {
    let house = with_trail(json!({})).await;
    let is_custom = || async {
        let trail = ask(&house, "GetTrail", json!({"Name": ARN})).await.unwrap();
        trail["Trail"]["HasCustomEventSelectors"].as_bool().unwrap()
    };
    let advanced = json!([{"Name": "", "FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Data"]},
        {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
        {"Field": "resources.ARN", "StartsWith": ["arn:aws:s3:::ledger/"]},
    ]}]);
    let put = json!({"TrailName": ARN, "AdvancedEventSelectors": advanced});
    let shown = json!({"TrailARN": ARN, "AdvancedEventSelectors": advanced});
    assert_eq!(ask(&house, "PutEventSelectors", put).await.unwrap(), shown);
    assert_eq!(
        ask(&house, "GetEventSelectors", json!({"TrailName": "audit"})).await.unwrap(),
        shown
    );
    assert!(is_custom().await);
    for bad in [
        json!({"TrailName": ARN}),
        json!({"TrailName": ARN, "AdvancedEventSelectors": [{"FieldSelectors": [
            {"Field": "eventCategory", "Equals": ["Nonsense"]}]}]}),
        json!({"TrailName": ARN, "EventSelectors": [{"IncludeManagementEvents": false}]}),
    ] {
        refuses(ask(&house, "PutEventSelectors", bad).await, "InvalidEventSelectorsException");
    }
    // What Terraform sends to remove them.
    let default =
        json!([{"IncludeManagementEvents": true, "ReadWriteType": "All", "DataResources": []}]);
    let put = json!({"TrailName": ARN, "EventSelectors": default});
    let answer = ask(&house, "PutEventSelectors", put).await.unwrap();
    assert!(answer.get("AdvancedEventSelectors").is_none(), "{answer}");
    assert!(!is_custom().await);
}

#[tokio::test]
async fn tags_are_added_replaced_and_removed_within_their_limit() {
    let house = with_trail(json!({})).await;
    let list = || async {
        let request = json!({"ResourceIdList": [ARN]});
        let answer = ask(&house, "ListTags", request).await.unwrap();
        answer["ResourceTagList"][0]["TagsList"].clone()
    };
    let add = |tags: Value| json!({"ResourceId": ARN, "TagsList": tags});
    ask(&house, "AddTags", add(json!([{"Key": "a", "Value": "1"}, {"Key": "b"}]))).await.unwrap();
    ask(&house, "AddTags", add(json!([{"Key": "a", "Value": "2"}]))).await.unwrap();
    assert_eq!(list().await, json!([{"Key": "a", "Value": "2"}, {"Key": "b"}]));
    let many: Vec<_> = (0..49).map(|it| json!({"Key": format!("k{it}")})).collect();
    refuses(ask(&house, "AddTags", add(json!(many))).await, "TagsLimitExceededException");
    assert_eq!(list().await.as_array().unwrap().len(), 2);
    ask(&house, "RemoveTags", add(json!([{"Key": "b"}, {"Key": "unknown"}]))).await.unwrap();
    assert_eq!(list().await, json!([{"Key": "a", "Value": "2"}]));
    for (resource, code) in [
        ("audit", "CloudTrailARNInvalidException"),
        ("arn:aws:s3:::audit-logs", "CloudTrailARNInvalidException"),
        (&ARN.replace("audit", "nobody"), "ResourceNotFoundException"),
    ] {
        let request = json!({"ResourceId": resource, "TagsList": [{"Key": "a"}]});
        refuses(ask(&house, "AddTags", request).await, code);
    }
    let reserved = add(json!([{"Key": "aws:it"}]));
    refuses(ask(&house, "AddTags", reserved).await, "InvalidTagParameterException");
}
