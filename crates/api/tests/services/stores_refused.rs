//! What CloudTrail refuses about event data stores is refused with its code.

use std::time::Duration;

use serde_json::{Value, json};
use trailmark_api::trails::DestinationProblem;

use crate::{
    house::{ACCOUNT, House, OTHER, REGION},
    organizations::TRAIL,
    stores::{id, of},
};

const DELEGATE: &str = "333333333333";
const UNKNOWN: &str =
    "arn:aws:cloudtrail:eu-west-1:123456789012:eventdatastore/0f0e0d0c-1111-4222-8333-444455556666";

impl House {
    /// What an operation answers to an account: nothing, or a code.
    pub(crate) async fn code(&self, who: &str, operation: &str, request: &Value) -> String {
        match self.ask(who, REGION, operation, request).await {
            Ok(_) => String::new(),
            Err(refusal) => {
                assert!(!refusal.message.is_empty(), "{operation}");
                refusal.code
            }
        }
    }
}

async fn check(house: &House, operation: &str, request: Value, code: &str) {
    assert_eq!(house.code(ACCOUNT, operation, &request).await, code, "{operation} {request}");
}

/// The operations on one store, with what they need besides.
fn by_name() -> [(&'static str, Value); 12] {
    let role = format!("arn:aws:iam::{ACCOUNT}:role/Federation");
    [
        ("DeleteEventDataStore", json!({})),
        ("DisableFederation", json!({})),
        ("EnableFederation", json!({"FederationRoleArn": role})),
        ("GetEventConfiguration", json!({})),
        ("GetEventDataStore", json!({})),
        ("GetInsightSelectors", json!({})),
        ("ListQueries", json!({})),
        ("PutEventConfiguration", json!({"MaxEventSize": "Large"})),
        ("PutInsightSelectors", json!({"InsightSelectors": []})),
        ("StartEventDataStoreIngestion", json!({})),
        ("StopEventDataStoreIngestion", json!({})),
        ("UpdateEventDataStore", json!({"RetentionPeriod": 10})),
    ]
}

fn named(request: &Value, store: &str) -> Value {
    let mut request = request.clone();
    request["EventDataStore"] = json!(store);
    request
}

#[tokio::test]
async fn a_name_that_is_none_is_refused_everywhere() {
    let house = House::new().await;
    let own = house.store("audit", json!({})).await;
    for (operation, request) in by_name() {
        for (name, code) in [
            (UNKNOWN, "EventDataStoreNotFoundException"),
            (id(UNKNOWN), "EventDataStoreNotFoundException"),
            ("no-id", "EventDataStoreARNInvalidException"),
            ("arn:aws:s3:::ledger", "EventDataStoreARNInvalidException"),
            (&own.replace("eu-west-1", "us-east-1"), "EventDataStoreARNInvalidException"),
            (&own.replace(ACCOUNT, OTHER), "EventDataStoreNotFoundException"),
        ] {
            check(&house, operation, named(&request, name), code).await;
        }
    }
    check(&house, "GetEventDataStore", json!({}), "ValidationException").await;
}

#[tokio::test]
async fn another_account_does_not_see_the_store() {
    let house = House::new().await;
    let arn = house.store("audit", json!({})).await;
    for (operation, request) in by_name() {
        for name in [arn.as_str(), id(&arn)] {
            let code = house.code(OTHER, operation, &named(&request, name)).await;
            assert_eq!(code, "EventDataStoreNotFoundException", "{operation}");
        }
    }
    let listed = house.ask(OTHER, REGION, "ListEventDataStores", &json!({})).await.unwrap();
    assert_eq!(listed, json!({"EventDataStores": []}));
    let tags = json!({"ResourceIdList": [arn]});
    assert_eq!(house.code(OTHER, "ListTags", &tags).await, "EventDataStoreNotFoundException");
}

#[tokio::test]
async fn what_a_store_cannot_be_is_refused() {
    let house = House::new().await;
    let arn = house.store("audit", json!({})).await;
    let mixed = json!([
        {"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]},
        {"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Insight"]}]},
    ]);
    let many: Vec<_> = (0..51).map(|it| json!({"Key": format!("k{it}")})).collect();
    for (with, code) in [
        (json!({"Name": "ab"}), "ValidationException"),
        (json!({"Name": "a/b/c"}), "ValidationException"),
        (json!({"Name": "audit"}), "EventDataStoreAlreadyExistsException"),
        (json!({"RetentionPeriod": 6}), "ValidationException"),
        (json!({"RetentionPeriod": 3654}), "ValidationException"),
        (
            json!({"RetentionPeriod": 2558, "BillingMode": "FIXED_RETENTION_PRICING"}),
            "InvalidParameterException",
        ),
        (json!({"BillingMode": "FREE"}), "ValidationException"),
        (json!({"AdvancedEventSelectors": mixed}), "InvalidEventSelectorsException"),
        (json!({"AdvancedEventSelectors": of("Weather")}), "InvalidEventSelectorsException"),
        (json!({"TagsList": many}), "TagsLimitExceededException"),
        (json!({"TagsList": [{"Key": "a"}, {"Key": "a"}]}), "InvalidTagParameterException"),
        (json!({"OrganizationEnabled": true}), "OrganizationsNotInUseException"),
        (
            json!({"AdvancedEventSelectors": of("ActivityAuditLog"), "StartIngestion": false}),
            "InvalidParameterException",
        ),
    ] {
        let mut request = json!({"Name": "other"});
        request.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        check(&house, "CreateEventDataStore", request, code).await;
    }
    // Nothing of that left a table behind.
    assert_eq!(house.plane.tables.lock().unwrap().len(), 1);
    for (with, code) in [
        (json!({}), "InvalidParameterException"),
        (json!({"RetentionPeriod": 3654}), "ValidationException"),
        (json!({"BillingMode": "FIXED_RETENTION_PRICING"}), "InvalidParameterException"),
        (json!({"AdvancedEventSelectors": of("Insight")}), "InvalidEventSelectorsException"),
        (json!({"OrganizationEnabled": true}), "OrganizationsNotInUseException"),
    ] {
        check(&house, "UpdateEventDataStore", named(&with, &arn), code).await;
    }
    house.store("second", json!({})).await;
    let taken = json!({"EventDataStore": arn, "Name": "second"});
    check(&house, "UpdateEventDataStore", taken, "EventDataStoreAlreadyExistsException").await;
}

#[tokio::test]
async fn a_key_that_does_not_do_is_refused_and_one_that_does_stays() {
    let house = House::new().await;
    for (problem, code) in [
        (DestinationProblem::KeyMissing, "KmsKeyNotFoundException"),
        (DestinationProblem::KeyDenies, "InsufficientEncryptionPolicyException"),
        (DestinationProblem::KeyDisabled, "KmsException"),
    ] {
        *house.plane.problem.lock().unwrap() = Some(problem);
        let request = json!({"Name": "audit", "KmsKeyId": "alias/lake"});
        check(&house, "CreateEventDataStore", request, code).await;
    }
    let elsewhere = format!("arn:aws:kms:us-east-1:{ACCOUNT}:key/k");
    for key in ["alias/", "a/b", "arn:aws:s3:::ledger", "kms:key", &elsewhere] {
        let request = json!({"Name": "audit", "KmsKeyId": key});
        check(&house, "CreateEventDataStore", request, "InvalidKmsKeyIdException").await;
    }
    assert!(house.plane.tables.lock().unwrap().is_empty());
    let arn = house.store("audit", json!({"KmsKeyId": "alias/lake"})).await;
    let other = json!({"EventDataStore": arn, "KmsKeyId": "alias/other"});
    check(&house, "UpdateEventDataStore", other, "InvalidParameterException").await;
}

#[tokio::test]
async fn an_account_has_ten_stores_and_no_eleventh_table() {
    let house = House::new().await;
    for number in 0..10 {
        house.store(&format!("store-{number}"), json!({})).await;
    }
    let request = json!({"Name": "eleventh"});
    check(&house, "CreateEventDataStore", request, "EventDataStoreMaxLimitExceededException").await;
    assert_eq!(house.plane.tables.lock().unwrap().len(), 10);
}

#[tokio::test]
async fn a_store_is_deleted_only_when_nothing_needs_it() {
    let house = House::new().await;
    let arn = house.store("audit", json!({"TerminationProtectionEnabled": true})).await;
    let name = json!({"EventDataStore": arn});
    let protected = "EventDataStoreTerminationProtectedException";
    check(&house, "DeleteEventDataStore", name.clone(), protected).await;
    let off = json!({"EventDataStore": arn, "TerminationProtectionEnabled": false});
    house.ok("UpdateEventDataStore", off).await;
    let import = house.import(&arn).await;
    let busy = "EventDataStoreHasOngoingImportException";
    check(&house, "DeleteEventDataStore", name.clone(), busy).await;
    let renamed = json!({"EventDataStore": arn, "Name": "renamed"});
    check(&house, "UpdateEventDataStore", renamed, busy).await;
    house.ok("StopImport", json!({"ImportId": import})).await;
    house.ok("DeleteEventDataStore", name.clone()).await;
    // From now on it can be looked at and restored, and nothing else.
    for (operation, request) in by_name() {
        let expected = match operation {
            "GetEventDataStore" => "",
            "GetEventConfiguration"
            | "StartEventDataStoreIngestion"
            | "StopEventDataStoreIngestion" => "InvalidEventDataStoreStatusException",
            _ => "InactiveEventDataStoreException",
        };
        check(&house, operation, named(&request, &arn), expected).await;
    }
    let tags = json!({"ResourceId": arn, "TagsList": [{"Key": "a"}]});
    check(&house, "AddTags", tags, "InactiveEventDataStoreException").await;
    house.ok("RestoreEventDataStore", name.clone()).await;
    let wrong = "InvalidEventDataStoreStatusException";
    check(&house, "RestoreEventDataStore", name, wrong).await;

    let activity = house.store_of("activity", "ActivityAuditLog").await;
    house.channel("own", &activity).await;
    let name = json!({"EventDataStore": activity});
    check(&house, "DeleteEventDataStore", name, "ChannelExistsForEDSException").await;
}

#[tokio::test]
async fn ingestion_stops_and_starts_only_where_it_can() {
    let house = House::new().await;
    let arn = house.store("audit", json!({})).await;
    let name = json!({"EventDataStore": arn});
    let wrong = "InvalidEventDataStoreStatusException";
    check(&house, "StartEventDataStoreIngestion", name.clone(), wrong).await;
    house.ok("StopEventDataStoreIngestion", name.clone()).await;
    check(&house, "StopEventDataStoreIngestion", name, wrong).await;
    for category in ["ActivityAuditLog", "Insight", "Evidence"] {
        let arn = house.store_of(category, category).await;
        let name = json!({"EventDataStore": arn});
        for operation in ["StartEventDataStoreIngestion", "StopEventDataStoreIngestion"] {
            let wrong = "InvalidEventDataStoreCategoryException";
            check(&house, operation, name.clone(), wrong).await;
        }
    }
}

#[tokio::test]
async fn event_configurations_that_cannot_be_are_refused() {
    let house = House::new().await;
    let arn = house.store("audit", json!({})).await;
    let insights = house.store_of("insights", "Insight").await;
    let keys = |kind: &str, keys: Value| json!([{"Type": kind, "Equals": keys}]);
    let many: Vec<_> = (0..51).map(|it| format!("k{it}")).collect();
    for (with, code) in [
        (json!({"TrailName": "audit"}), "InvalidParameterCombinationException"),
        (json!({"MaxEventSize": "Huge"}), "ValidationException"),
        (
            json!({"ContextKeySelectors": keys("TagContext", json!(["team"]))}),
            "InvalidParameterException",
        ),
        (
            json!({"MaxEventSize": "Large",
                "ContextKeySelectors": keys("RequestContext", json!(["aws:Weather"]))}),
            "InvalidParameterException",
        ),
        (
            json!({"MaxEventSize": "Large", "ContextKeySelectors": [
                {"Type": "TagContext", "Equals": ["a"]}, {"Type": "TagContext", "Equals": ["b"]},
            ]}),
            "InvalidParameterException",
        ),
        (
            json!({"MaxEventSize": "Large", "ContextKeySelectors": keys("TagContext", json!(many))}),
            "ValidationException",
        ),
        (
            json!({"AggregationConfigurations": [{"EventCategory": "Data",
                "Templates": ["API_ACTIVITY"]}]}),
            "InvalidParameterCombinationException",
        ),
    ] {
        check(&house, "PutEventConfiguration", named(&with, &arn), code).await;
    }
    let none = json!({"MaxEventSize": "Large"});
    check(&house, "PutEventConfiguration", none, "InvalidParameterCombinationException").await;
    let trail = json!({"TrailName": "audit"});
    check(&house, "GetEventConfiguration", trail, "UnsupportedOperationException").await;
    let wrong = "InvalidEventDataStoreCategoryException";
    let name = json!({"EventDataStore": insights});
    check(&house, "GetEventConfiguration", name, wrong).await;
}

#[tokio::test]
async fn insights_that_could_find_nothing_are_refused() {
    let house = House::new().await;
    let arn = house.store("audit", json!({})).await;
    let insights = house.store_of("insights", "Insight").await;
    let reads = json!([{"FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Management"]},
        {"Field": "readOnly", "Equals": ["true"]},
    ]}]);
    let reading = house.store("reading", json!({"AdvancedEventSelectors": reads})).await;
    let rate = json!([{"InsightType": "ApiCallRateInsight"}]);
    let errors = json!([{"InsightType": "ApiErrorRateInsight"}]);
    let put = |store: &str, to: &str, selectors: &Value| json!({"EventDataStore": store, "InsightsDestination": to, "InsightSelectors": selectors});
    let wrong = "InvalidInsightSelectorsException";
    check(&house, "PutInsightSelectors", put(&reading, &insights, &rate), wrong).await;
    check(&house, "PutInsightSelectors", put(&reading, &insights, &errors), "").await;
    check(&house, "PutInsightSelectors", put(&insights, &insights, &errors), wrong).await;
    let twice =
        json!([{"InsightType": "ApiErrorRateInsight"}, {"InsightType": "ApiErrorRateInsight"}]);
    check(&house, "PutInsightSelectors", put(&arn, &insights, &twice), wrong).await;
    let data = json!([{"InsightType": "ApiErrorRateInsight", "EventCategories": ["Data"]}]);
    check(&house, "PutInsightSelectors", put(&arn, &insights, &data), wrong).await;
    let to_itself = put(&arn, &arn, &rate);
    check(&house, "PutInsightSelectors", to_itself, "InvalidParameterException").await;
    let nowhere = json!({"EventDataStore": arn, "InsightSelectors": rate});
    check(&house, "PutInsightSelectors", nowhere, "InvalidParameterException").await;
    let both = json!({"TrailName": "audit", "EventDataStore": arn, "InsightSelectors": rate});
    check(&house, "PutInsightSelectors", both, "InvalidParameterCombinationException").await;
    // What is looked at must go on being taken.
    check(&house, "PutInsightSelectors", put(&arn, &insights, &rate), "").await;
    let data = json!([{"FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Data"]},
        {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
    ]}]);
    let update = json!({"EventDataStore": arn, "AdvancedEventSelectors": data});
    check(&house, "UpdateEventDataStore", update, wrong).await;
}

#[tokio::test]
async fn pages_have_sizes_and_tokens_of_their_own() {
    let house = House::new().await;
    for number in 0..3 {
        house.store(&format!("store-{number}"), json!({})).await;
    }
    for size in [0, 1001] {
        let request = json!({"MaxResults": size});
        check(&house, "ListEventDataStores", request, "InvalidMaxResultsException").await;
    }
    let request = json!({"NextToken": "not a token"});
    check(&house, "ListEventDataStores", request, "InvalidNextTokenException").await;
    let page = house.ok("ListEventDataStores", json!({"MaxResults": 1})).await;
    let request = json!({"NextToken": page["NextToken"]});
    assert_eq!(
        house.code(OTHER, "ListEventDataStores", &request).await,
        "InvalidNextTokenException"
    );
    check(&house, "ListEventDataStores", request, "").await;
}

#[tokio::test]
async fn an_organizations_store_is_its_management_accounts() {
    let house = House::new().await;
    let create = json!({"Name": "all", "OrganizationEnabled": true,
        "TerminationProtectionEnabled": false});
    let code = async |who: &str| house.code(who, "CreateEventDataStore", &create).await;
    assert_eq!(code(ACCOUNT).await, "OrganizationsNotInUseException");
    house.organization_of(ACCOUNT, &[DELEGATE, OTHER]).await;
    assert_eq!(code(ACCOUNT).await, "CloudTrailAccessNotEnabledException");
    let service = json!({"ServicePrincipal": TRAIL});
    house.organize(ACCOUNT, "EnableAWSServiceAccess", &service).await.unwrap();
    house.ok("RegisterOrganizationDelegatedAdmin", json!({"MemberAccountId": DELEGATE})).await;
    assert_eq!(code(OTHER).await, "NotOrganizationMasterAccountException");
    let created = house.ask(DELEGATE, REGION, "CreateEventDataStore", &create).await.unwrap();
    let arn = created["EventDataStoreArn"].as_str().unwrap().to_owned();
    assert!(arn.contains(ACCOUNT) && created["OrganizationEnabled"] == true, "{created}");

    let name = json!({"EventDataStore": arn});
    for who in [ACCOUNT, DELEGATE, OTHER] {
        assert_eq!(house.code(who, "GetEventDataStore", &name).await, "", "{who}");
        let listed = house.ask(who, REGION, "ListEventDataStores", &json!({})).await.unwrap();
        assert_eq!(listed["EventDataStores"][0]["EventDataStoreArn"], arn, "{who}");
    }
    for (operation, request) in by_name() {
        if matches!(
            operation,
            "GetEventDataStore" | "GetEventConfiguration" | "GetInsightSelectors"
        ) {
            continue;
        }
        let request = named(&request, &arn);
        let code = house.code(OTHER, operation, &request).await;
        assert_eq!(code, "NotOrganizationMasterAccountException", "{operation}");
        let code = house.code("444444444444", operation, &request).await;
        assert_eq!(code, "EventDataStoreNotFoundException", "{operation}");
    }
    let statement = json!({"QueryStatement": format!("SELECT * FROM {}", id(&arn))});
    let code = house.code(OTHER, "StartQuery", &statement).await;
    assert_eq!(code, "NotOrganizationMasterAccountException");
    let started = house.ask(DELEGATE, REGION, "StartQuery", &statement).await.unwrap();
    assert_eq!(started["EventDataStoreOwnerAccountId"], ACCOUNT);

    // Only the management account converts it, or imports into it.
    let convert = json!({"EventDataStore": arn, "OrganizationEnabled": false});
    let code = house.code(DELEGATE, "UpdateEventDataStore", &convert).await;
    assert_eq!(code, "NotOrganizationMasterAccountException");
    let code = house.code(DELEGATE, "StartImport", &House::import_request(&arn)).await;
    assert_eq!(code, "NotOrganizationMasterAccountException");
    house.ok("UpdateEventDataStore", convert).await;
    assert_eq!(
        house.code(OTHER, "GetEventDataStore", &name).await,
        "EventDataStoreNotFoundException"
    );
    house.ask(DELEGATE, REGION, "DeleteEventDataStore", &name).await.unwrap_err();
    house.ok("DeleteEventDataStore", name).await;
    house.clock.advance(Duration::from_secs(1));
}
