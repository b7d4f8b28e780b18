//! The sequences of calls that Terraform's `aws_cloudtrail` makes: what it wrote is what it reads.

use serde_json::{Value, json};

use crate::{
    house::{ACCOUNT, House, REGION},
    trails::ARN,
};

/// The members that the provider reads, and what it asks for besides when they say so.
async fn read(house: &House) -> Value {
    let answer = house.trail("DescribeTrails", json!({"trailNameList": [ARN]})).await;
    let list = answer["trailList"].as_array().unwrap();
    assert_eq!(list.len(), 1, "{answer}");
    let mut state = list[0].clone();
    let status = house.trail("GetTrailStatus", json!({"Name": ARN})).await;
    state["IsLogging"] = status["IsLogging"].clone();
    let tags = house.trail("ListTags", json!({"ResourceIdList": [ARN]})).await;
    state["Tags"] = tags["ResourceTagList"][0]["TagsList"].clone();
    if state["HasCustomEventSelectors"] == true {
        let selectors = house.trail("GetEventSelectors", json!({"TrailName": ARN})).await;
        assert_eq!(selectors["TrailARN"], ARN);
        state["EventSelectors"] = selectors["EventSelectors"].clone();
        state["AdvancedEventSelectors"] = selectors["AdvancedEventSelectors"].clone();
    }
    if state["HasInsightSelectors"] == true {
        let selectors = house.trail("GetInsightSelectors", json!({"TrailName": ARN})).await;
        state["InsightSelectors"] = selectors["InsightSelectors"].clone();
    }
    state
}

/// Every member of `expected` is in `state` as it is there.
#[track_caller]
fn check(state: &Value, expected: &Value) {
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(state[name], *value, "{name} of {state}");
    }
}

#[tokio::test]
async fn apply_change_and_destroy_round_trip() {
    let house = House::new().await;
    let group = format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:trail:*");
    let role = format!("arn:aws:iam::{ACCOUNT}:role/trail");
    let key = format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/0f0e0d0c-1111-2222-3333-444455556666");
    let topic = format!("arn:aws:sns:{REGION}:{ACCOUNT}:files");
    let tags = json!([{"Key": "env", "Value": "prod"}]);

    // Create.
    let created = house
        .trail(
            "CreateTrail",
            json!({
                "Name": "audit", "S3BucketName": "ledger", "S3KeyPrefix": "prefix",
                "IncludeGlobalServiceEvents": true, "IsMultiRegionTrail": true,
                "EnableLogFileValidation": true, "IsOrganizationTrail": false,
                "CloudWatchLogsLogGroupArn": group, "CloudWatchLogsRoleArn": role,
                "KmsKeyId": key, "SnsTopicName": "files", "TagsList": tags,
            }),
        )
        .await;
    assert_eq!(created["TrailARN"], ARN);
    house.trail("StartLogging", json!({"Name": ARN})).await;
    let basic = json!([{
        "ReadWriteType": "WriteOnly", "IncludeManagementEvents": true,
        "ExcludeManagementEventSources": ["kms.amazonaws.com"],
        "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::ledger/"]}],
    }]);
    let request = json!({"TrailName": ARN, "EventSelectors": basic});
    let answer = house.trail("PutEventSelectors", request).await;
    assert_eq!(answer, json!({"TrailARN": ARN, "EventSelectors": basic}));
    let insights = json!([{"InsightType": "ApiCallRateInsight"}]);
    let request = json!({"TrailName": ARN, "InsightSelectors": insights});
    house.trail("PutInsightSelectors", request).await;
    let state = read(&house).await;
    check(
        &state,
        &json!({
            "TrailARN": ARN, "Name": "audit", "S3BucketName": "ledger", "S3KeyPrefix": "prefix",
            "HomeRegion": REGION, "IncludeGlobalServiceEvents": true, "IsMultiRegionTrail": true,
            "LogFileValidationEnabled": true, "IsOrganizationTrail": false,
            "CloudWatchLogsLogGroupArn": group, "CloudWatchLogsRoleArn": role, "KmsKeyId": key,
            "SnsTopicARN": topic, "IsLogging": true, "Tags": tags, "EventSelectors": basic,
            "AdvancedEventSelectors": null, "InsightSelectors": insights,
        }),
    );

    // Change: only what changed is sent, an empty text for what was taken out.
    let request = json!({"Name": ARN, "S3KeyPrefix": "", "SnsTopicName": "", "KmsKeyId": "",
        "CloudWatchLogsLogGroupArn": "", "CloudWatchLogsRoleArn": "", "IsMultiRegionTrail": false});
    house.trail("UpdateTrail", request).await;
    house.trail("StopLogging", json!({"Name": ARN})).await;
    let advanced = json!([
        {"Name": "", "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]},
        {"Name": "objects", "FieldSelectors": [
            {"Field": "eventCategory", "Equals": ["Data"]},
            {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
            {"Field": "resources.ARN", "StartsWith": ["arn:aws:s3:::b/", "arn:aws:s3:::a/"]},
            {"Field": "readOnly", "Equals": ["false"]},
        ]},
    ]);
    let request = json!({"TrailName": ARN, "AdvancedEventSelectors": advanced});
    house.trail("PutEventSelectors", request).await;
    let request = json!({"TrailName": ARN, "InsightSelectors": []});
    house.trail("PutInsightSelectors", request).await;
    house.trail("RemoveTags", json!({"ResourceId": ARN, "TagsList": [{"Key": "env"}]})).await;
    let tags = json!([{"Key": "owner", "Value": "mira"}]);
    house.trail("AddTags", json!({"ResourceId": ARN, "TagsList": tags})).await;
    let state = read(&house).await;
    check(
        &state,
        &json!({
            "S3BucketName": "ledger", "S3KeyPrefix": null, "SnsTopicARN": null, "KmsKeyId": null,
            "CloudWatchLogsLogGroupArn": null, "CloudWatchLogsRoleArn": null,
            "IncludeGlobalServiceEvents": true, "IsMultiRegionTrail": false, "IsLogging": false,
            "LogFileValidationEnabled": true, "Tags": tags, "EventSelectors": null,
            "AdvancedEventSelectors": advanced, "HasInsightSelectors": false,
        }),
    );

    // Selectors are taken out by putting the default one.
    let default = json!([
        {"IncludeManagementEvents": true, "ReadWriteType": "All", "DataResources": []}
    ]);
    let request = json!({"TrailName": ARN, "EventSelectors": default});
    house.trail("PutEventSelectors", request).await;
    let state = read(&house).await;
    check(&state, &json!({"HasCustomEventSelectors": false}));
    let shown = house.trail("GetEventSelectors", json!({"TrailName": ARN})).await;
    let expected = json!({"TrailARN": ARN, "EventSelectors": [{
        "ReadWriteType": "All", "IncludeManagementEvents": true, "DataResources": [],
        "ExcludeManagementEventSources": [],
    }]});
    assert_eq!(shown, expected);

    // Destroy, and destroy again.
    assert_eq!(house.trail("DeleteTrail", json!({"Name": ARN})).await, json!({}));
    let gone = house.ask(ACCOUNT, REGION, "DeleteTrail", &json!({"Name": ARN})).await.unwrap_err();
    assert_eq!(gone.code, "TrailNotFoundException");
    let answer = house.trail("DescribeTrails", json!({"trailNameList": [ARN]})).await;
    assert_eq!(answer, json!({"trailList": []}));
}
