//! Trails: what each operation answers when all is well.

use catalog::{DeliveryStatus, NewSigningKey, delivery::DeliveryCommit};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::house::{ACCOUNT, House, OTHER, REGION, event, now};

pub(crate) const ARN: &str = "arn:aws:cloudtrail:eu-west-1:123456789012:trail/audit";

impl House {
    /// Calls an operation in the usual region and account, which must succeed.
    pub(crate) async fn trail(&self, operation: &str, request: Value) -> Value {
        self.trail_in(REGION, operation, request).await
    }

    pub(crate) async fn trail_in(&self, region: &str, operation: &str, request: Value) -> Value {
        let answer = self.ask(ACCOUNT, region, operation, &request).await;
        answer.unwrap_or_else(|refusal| panic!("{operation} {request}: {refusal:?}"))
    }

    /// Creates the trail `audit`, with members of the test's.
    pub(crate) async fn audit(&self, with: Value) -> Value {
        let mut request = json!({"Name": "audit", "S3BucketName": "ledger"});
        request.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        self.trail("CreateTrail", request).await
    }

    pub(crate) async fn described(&self, region: &str, request: Value) -> Vec<String> {
        let answer = self.trail_in(region, "DescribeTrails", request).await;
        let list = answer["trailList"].as_array().unwrap();
        list.iter().map(|it| it["TrailARN"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn a_trail_of_a_bucket_alone_has_the_defaults_of_aws() {
    let house = House::new().await;
    let expected = json!({
        "Name": "audit",
        "S3BucketName": "ledger",
        "IncludeGlobalServiceEvents": true,
        "IsMultiRegionTrail": false,
        "TrailARN": ARN,
        "LogFileValidationEnabled": false,
        "IsOrganizationTrail": false,
        "RecursiveLogging": true,
    });
    assert_eq!(house.audit(json!({})).await, expected);
    let mut expected = expected;
    for (name, value) in [
        ("HomeRegion", json!(REGION)),
        ("HasCustomEventSelectors", json!(false)),
        ("HasInsightSelectors", json!(false)),
    ] {
        expected[name] = value;
    }
    for name in ["audit", ARN] {
        let shown = house.trail("GetTrail", json!({"Name": name})).await;
        assert_eq!(shown, json!({"Trail": expected}));
    }
    let all = house.trail("DescribeTrails", json!({})).await;
    assert_eq!(all, json!({"trailList": [expected]}));
    let listed = house.trail("ListTrails", json!({})).await;
    let info = json!({"TrailARN": ARN, "Name": "audit", "HomeRegion": REGION});
    assert_eq!(listed, json!({"Trails": [info]}));
}

#[tokio::test]
async fn everything_that_is_chosen_is_checked_kept_and_shown() {
    let house = House::new().await;
    let group = format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:CloudTrail:*");
    let role = format!("arn:aws:iam::{ACCOUNT}:role/CloudTrail_CloudWatchLogs_Role");
    let created = house
        .audit(json!({
            "S3KeyPrefix": "team/red", "SnsTopicName": "log-files", "IsMultiRegionTrail": true,
            "EnableLogFileValidation": true, "CloudWatchLogsLogGroupArn": group,
            "CloudWatchLogsRoleArn": role, "KmsKeyId": "alias/trail", "RecursiveLogging": false,
        }))
        .await;
    assert_eq!(
        created,
        json!({
            "Name": "audit",
            "S3BucketName": "ledger",
            "S3KeyPrefix": "team/red",
            "SnsTopicName": "log-files",
            "SnsTopicARN": format!("arn:aws:sns:{REGION}:{ACCOUNT}:log-files"),
            "IncludeGlobalServiceEvents": true,
            "IsMultiRegionTrail": true,
            "TrailARN": ARN,
            "LogFileValidationEnabled": true,
            "CloudWatchLogsLogGroupArn": group,
            "CloudWatchLogsRoleArn": role,
            "KmsKeyId": format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/trail"),
            "IsOrganizationTrail": false,
            "RecursiveLogging": false,
        })
    );
    let asked = house.destinations.asked.lock().unwrap().join("\n");
    for part in ["bucket: \"ledger\"", "Some(\"team/red\")", ":log-files", ":key/trail", &role] {
        assert!(asked.contains(part), "{part}: {asked}");
    }
    let house = house.reopened().await;
    let shown = house.trail("GetTrail", json!({"Name": "audit"})).await;
    for (name, value) in created.as_object().unwrap() {
        assert_eq!(shown["Trail"][name], *value, "{name}");
    }
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_an_empty_text_clears() {
    let house = House::new().await;
    let group = format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:CloudTrail:*");
    let role = format!("arn:aws:iam::{ACCOUNT}:role/Logs");
    house
        .audit(json!({
            "S3KeyPrefix": "team", "SnsTopicName": "files", "KmsKeyId": "alias/trail",
            "CloudWatchLogsLogGroupArn": group, "CloudWatchLogsRoleArn": role,
        }))
        .await;
    let before = house.trail("GetTrail", json!({"Name": ARN})).await["Trail"].clone();
    let request =
        json!({"Name": ARN, "S3BucketName": "elsewhere", "EnableLogFileValidation": true});
    let updated = house.trail("UpdateTrail", request).await;
    assert_eq!(updated["S3BucketName"], "elsewhere");
    assert_eq!(updated["LogFileValidationEnabled"], true);
    for same in ["S3KeyPrefix", "SnsTopicARN", "KmsKeyId", "CloudWatchLogsRoleArn", "TrailARN"] {
        assert_eq!(updated[same], before[same], "{same}");
    }
    let request = json!({"Name": "audit", "S3KeyPrefix": "", "SnsTopicName": "", "KmsKeyId": "",
        "CloudWatchLogsLogGroupArn": "", "CloudWatchLogsRoleArn": ""});
    let updated = house.trail("UpdateTrail", request).await;
    let absent = ["S3KeyPrefix", "SnsTopicName", "SnsTopicARN", "KmsKeyId"];
    for absent in absent.into_iter().chain(["CloudWatchLogsLogGroupArn", "CloudWatchLogsRoleArn"]) {
        assert!(updated.get(absent).is_none(), "{updated}");
    }
    let shown = house.trail("GetTrail", json!({"Name": ARN})).await;
    assert_eq!(shown["Trail"]["S3BucketName"], "elsewhere");
}

#[tokio::test]
async fn a_trail_that_becomes_multi_region_includes_global_service_events() {
    let house = House::new().await;
    house.audit(json!({"IncludeGlobalServiceEvents": false})).await;
    let multi = json!({"Name": "audit", "IsMultiRegionTrail": true});
    let updated = house.trail("UpdateTrail", multi).await;
    assert_eq!(updated["IncludeGlobalServiceEvents"], true);
    let single = json!({"Name": "audit", "IsMultiRegionTrail": false});
    let updated = house.trail("UpdateTrail", single).await;
    assert_eq!(updated["IsMultiRegionTrail"], false);
    assert_eq!(updated["IncludeGlobalServiceEvents"], true);
}

#[tokio::test]
async fn a_multi_region_trail_casts_a_shadow_into_every_other_region() {
    let house = House::new().await;
    house.audit(json!({"IsMultiRegionTrail": true})).await;
    house.trail("CreateTrail", json!({"Name": "local", "S3BucketName": "ledger"})).await;
    let local = ARN.replace("audit", "local");

    assert_eq!(house.described(REGION, json!({})).await, [ARN, &local]);
    assert_eq!(house.described("us-east-1", json!({})).await, [ARN]);
    assert_eq!(house.described("cn-north-1", json!({})).await, [""; 0]);
    let without = json!({"includeShadowTrails": false});
    assert_eq!(house.described("us-east-1", without.clone()).await, [""; 0]);
    assert_eq!(house.described(REGION, without).await, [ARN, &local]);
    // Names are of this region; ARNs reach everywhere; what is unknown is left out.
    let names =
        json!({"trailNameList": ["audit", &local, "unknown", ARN.replace("audit", "none")]});
    assert_eq!(house.described("us-east-1", names.clone()).await, [local.as_str()]);
    assert_eq!(house.described(REGION, names).await, [ARN, &local]);

    let listed = house.trail_in("us-east-1", "ListTrails", json!({})).await;
    let info = json!({"TrailARN": ARN, "Name": "audit", "HomeRegion": REGION});
    assert_eq!(listed["Trails"], json!([info]));
    for (operation, member) in
        [("GetTrail", "Name"), ("GetTrailStatus", "Name"), ("GetEventSelectors", "TrailName")]
    {
        house.trail_in("us-east-1", operation, json!({member: ARN})).await;
    }
}

#[tokio::test]
async fn logging_starts_and_stops_any_number_of_times() {
    let house = House::new().await;
    house.audit(json!({})).await;
    let status = house.trail("GetTrailStatus", json!({"Name": "audit"})).await;
    let nothing = json!({
        "IsLogging": false, "LatestDeliveryAttemptTime": "",
        "LatestNotificationAttemptTime": "", "LatestNotificationAttemptSucceeded": "",
        "LatestDeliveryAttemptSucceeded": "", "TimeLoggingStarted": "", "TimeLoggingStopped": "",
    });
    assert_eq!(status, nothing);
    for _ in 0..2 {
        assert_eq!(house.trail("StartLogging", json!({"Name": ARN})).await, json!({}));
    }
    let status = house.trail("GetTrailStatus", json!({"Name": ARN})).await;
    assert_eq!(status["IsLogging"], true);
    assert_eq!(status["StartLoggingTime"], now().as_second());
    assert_eq!(status["TimeLoggingStarted"], "2026-11-20T12:00:00Z");
    assert!(status.get("StopLoggingTime").is_none(), "{status}");
    for _ in 0..2 {
        assert_eq!(house.trail("StopLogging", json!({"Name": "audit"})).await, json!({}));
    }
    let status = house.trail("GetTrailStatus", json!({"Name": ARN})).await;
    assert_eq!(status["IsLogging"], false);
    assert_eq!(status["StopLoggingTime"], now().as_second());
}

#[tokio::test]
async fn status_tells_of_every_kind_of_delivery_in_the_region_of_the_call() {
    let house = House::new().await;
    house.audit(json!({"IsMultiRegionTrail": true, "EnableLogFileValidation": true})).await;
    let (earlier, later) = (now(), now() + SignedDuration::from_mins(1));
    let error = |code: &str| Some(code.to_owned());
    let status = DeliveryStatus {
        latest_delivery: Some(earlier),
        latest_delivery_error: error("NoSuchBucket"),
        latest_delivery_attempt: Some(later),
        latest_delivery_attempt_succeeded: Some(earlier),
        latest_digest_delivery: Some(earlier),
        latest_digest_delivery_error: error("AccessDenied"),
        latest_notification: Some(earlier),
        latest_notification_error: error("AuthorizationError"),
        latest_notification_attempt: Some(later),
        latest_notification_attempt_succeeded: Some(earlier),
        latest_cloud_watch_logs_delivery: Some(earlier),
        latest_cloud_watch_logs_delivery_error: error("ResourceNotFoundException"),
        ..DeliveryStatus::default()
    };
    let place = (ARN.to_owned(), ACCOUNT.to_owned(), REGION.to_owned());
    let region_statuses = vec![(place, status)];
    let commit = DeliveryCommit { region_statuses, ..DeliveryCommit::default() };
    house.catalog.commit_delivery(&commit).await.unwrap();
    let shown = house.trail("GetTrailStatus", json!({"Name": ARN})).await;
    let expected = json!({
        "IsLogging": false,
        "LatestDeliveryError": "NoSuchBucket",
        "LatestNotificationError": "AuthorizationError",
        "LatestDeliveryTime": earlier.as_second(),
        "LatestNotificationTime": earlier.as_second(),
        "LatestCloudWatchLogsDeliveryError": "ResourceNotFoundException",
        "LatestCloudWatchLogsDeliveryTime": earlier.as_second(),
        "LatestDigestDeliveryTime": earlier.as_second(),
        "LatestDigestDeliveryError": "AccessDenied",
        "LatestDeliveryAttemptTime": "2026-11-20T12:01:00Z",
        "LatestNotificationAttemptTime": "2026-11-20T12:01:00Z",
        "LatestNotificationAttemptSucceeded": "2026-11-20T12:00:00Z",
        "LatestDeliveryAttemptSucceeded": "2026-11-20T12:00:00Z",
        "TimeLoggingStarted": "",
        "TimeLoggingStopped": "",
    });
    assert_eq!(shown, expected);
    let elsewhere = house.trail_in("us-east-1", "GetTrailStatus", json!({"Name": ARN})).await;
    let nothing = json!({
        "IsLogging": false, "LatestDeliveryAttemptTime": "", "LatestNotificationAttemptTime": "",
        "LatestNotificationAttemptSucceeded": "", "LatestDeliveryAttemptSucceeded": "",
        "TimeLoggingStarted": "", "TimeLoggingStopped": "",
    });
    assert_eq!(elsewhere, nothing, "there was nothing to deliver of that region");
    let request = json!({"Name": ARN, "EnableLogFileValidation": false});
    house.trail("UpdateTrail", request).await;
    let shown = house.trail("GetTrailStatus", json!({"Name": ARN})).await;
    assert!(shown.get("LatestDigestDeliveryTime").is_none(), "{shown}");

    // Made anew under the old name, of which something was still delivered.
    house.trail("DeleteTrail", json!({"Name": ARN})).await;
    house.catalog.commit_delivery(&commit).await.unwrap();
    house.clock.advance(std::time::Duration::from_secs(120));
    house.audit(json!({"EnableLogFileValidation": true})).await;
    let mut shown = house.trail("GetTrailStatus", json!({"Name": ARN})).await;
    for name in ["LatestCloudWatchLogsDeliveryError", "LatestCloudWatchLogsDeliveryTime"] {
        shown.as_object_mut().unwrap().remove(name);
    }
    assert_eq!(shown, nothing);
}

#[tokio::test]
async fn tags_are_listed_added_and_removed() {
    let house = House::new().await;
    let team = json!({"Key": "team", "Value": "red"});
    house.audit(json!({"TagsList": [team]})).await;
    let tags = async || house.trail("ListTags", json!({"ResourceIdList": [ARN]})).await;
    let expected = json!({"ResourceTagList": [{"ResourceId": ARN, "TagsList": [team]}]});
    assert_eq!(tags().await, expected);
    let (blue, bare) = (json!({"Key": "team", "Value": "blue"}), json!({"Key": "bare"}));
    let request = json!({"ResourceId": ARN, "TagsList": [blue, bare]});
    assert_eq!(house.trail("AddTags", request).await, json!({}));
    assert_eq!(tags().await["ResourceTagList"][0]["TagsList"], json!([bare, blue]));
    let gone = json!([{"Key": "team", "Value": "any"}, {"Key": "bare"}, {"Key": "unknown"}]);
    let request = json!({"ResourceId": ARN, "TagsList": gone});
    assert_eq!(house.trail("RemoveTags", request).await, json!({}));
    assert_eq!(tags().await["ResourceTagList"], json!([{"ResourceId": ARN, "TagsList": []}]));
}

#[tokio::test]
async fn insight_selectors_are_kept_until_an_empty_list_ends_them() {
    let house = House::new().await;
    house.audit(json!({})).await;
    let selectors = json!([
        {"InsightType": "ApiCallRateInsight"},
        {"InsightType": "ApiErrorRateInsight", "EventCategories": ["Management"]},
    ]);
    let request = json!({"TrailName": "audit", "InsightSelectors": selectors});
    let expected = json!({"TrailARN": ARN, "InsightSelectors": selectors});
    assert_eq!(house.trail("PutInsightSelectors", request).await, expected);
    let shown = house.trail("GetInsightSelectors", json!({"TrailName": ARN})).await;
    assert_eq!(shown, expected);
    let trail = house.trail("GetTrail", json!({"Name": ARN})).await;
    assert_eq!(trail["Trail"]["HasInsightSelectors"], true);
    let request = json!({"TrailName": ARN, "InsightSelectors": []});
    let answer = house.trail("PutInsightSelectors", request).await;
    assert_eq!(answer, json!({"TrailARN": ARN, "InsightSelectors": []}));
    let trail = house.trail("GetTrail", json!({"Name": ARN})).await;
    assert_eq!(trail["Trail"]["HasInsightSelectors"], false);
}

#[tokio::test]
async fn public_keys_are_those_of_the_region_valid_in_the_range() {
    let house = House::new().await;
    let day = |it: i64| now() + SignedDuration::from_hours(24 * it);
    for (name, at) in [("old", -40), ("current", -11)] {
        let key = NewSigningKey {
            fingerprint: name.to_owned(),
            public_key: name.as_bytes().to_vec(),
            private_key: catalog::PrivateKey::new(name.as_bytes().to_vec()),
        };
        house.catalog.add_signing_key(REGION, key, day(at)).await.unwrap();
    }
    let names = async |request: Value| -> Vec<String> {
        let answer = house.trail("ListPublicKeys", request).await;
        let keys = answer["PublicKeyList"].as_array().unwrap();
        keys.iter().map(|it| it["Fingerprint"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(json!({})).await, ["current"]);
    assert_eq!(names(json!({"StartTime": day(-20).as_second()})).await, ["old", "current"]);
    let range = json!({"StartTime": day(-30).as_second(), "EndTime": day(-20).as_second()});
    assert_eq!(names(range).await, ["old"]);
    let answer = house.trail("ListPublicKeys", json!({})).await;
    let expected = json!([{
        "Value": "Y3VycmVudA==", "ValidityStartTime": day(-11).as_second(),
        "ValidityEndTime": day(19).as_second(), "Fingerprint": "current",
    }]);
    assert_eq!(answer, json!({"PublicKeyList": expected}));
    let elsewhere = house.trail_in("us-east-1", "ListPublicKeys", json!({})).await;
    assert_eq!(elsewhere, json!({"PublicKeyList": []}));
}

#[tokio::test]
async fn a_change_holds_from_the_end_of_the_log_on_and_an_end_behind_its_own_record() {
    let house = House::new().await;
    house.send(ACCOUNT, event("e-0", 0, &json!({}))).await;
    house.audit(json!({})).await;
    house.trail("StartLogging", json!({"Name": ARN})).await;
    house
        .send(ACCOUNT, [event("e-1", 1, &json!({})), event("e-2", 2, &json!({}))].join("\n"))
        .await;
    house.trail("StopLogging", json!({"Name": ARN})).await;
    let history = house.catalog.trail_history(0).await.unwrap().versions;
    let found: Vec<_> = history.iter().map(|it| (it.from, it.stage)).collect();
    use catalog::Stage::{Logging, Stopped};
    assert_eq!(found, [(1, Stopped), (1, Logging), (4, Stopped)]);
}

#[tokio::test]
async fn an_account_sees_its_own_trails_only() {
    let house = House::new().await;
    house.audit(json!({"IsMultiRegionTrail": true})).await;
    let ask = async |operation, request: Value| house.ask(OTHER, REGION, operation, &request).await;
    assert_eq!(ask("DescribeTrails", json!({})).await.unwrap()["trailList"], json!([]));
    assert_eq!(ask("ListTrails", json!({})).await.unwrap()["Trails"], json!([]));
    let named = json!({"trailNameList": [ARN]});
    assert_eq!(ask("DescribeTrails", named).await.unwrap()["trailList"], json!([]));
    for operation in ["GetTrail", "GetTrailStatus", "StopLogging", "DeleteTrail", "UpdateTrail"] {
        let refusal = ask(operation, json!({"Name": ARN})).await.unwrap_err();
        assert_eq!(refusal.code, "TrailNotFoundException", "{operation}");
        assert_eq!(refusal.message, format!("Unknown trail: {ARN} for the user: {OTHER}"));
    }
    let refusal = ask("ListTags", json!({"ResourceIdList": [ARN]})).await.unwrap_err();
    assert_eq!(refusal.code, "ResourceNotFoundException");
    // The same name is free there.
    let request = json!({"Name": "audit", "S3BucketName": "ledger"});
    let created = ask("CreateTrail", request).await.unwrap();
    assert_eq!(created["TrailARN"], ARN.replace(ACCOUNT, OTHER));
}
