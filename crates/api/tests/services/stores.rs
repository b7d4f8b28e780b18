//! Event data stores: what each operation answers when all is well.

use std::time::Duration;

use catalog::{StoreStatus, lake_id};
use serde_json::{Value, json};

use crate::house::{ACCOUNT, House, REGION, now};

impl House {
    /// Calls an operation in the usual region and account, which must succeed.
    pub(crate) async fn ok(&self, operation: &str, request: Value) -> Value {
        let answer = self.ask(ACCOUNT, REGION, operation, &request).await;
        answer.unwrap_or_else(|refusal| panic!("{operation} {request}: {refusal:?}"))
    }

    /// Creates a store with members of the test's; its ARN.
    pub(crate) async fn store(&self, name: &str, with: Value) -> String {
        let mut request = json!({"Name": name, "TerminationProtectionEnabled": false});
        request.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        let store = self.ok("CreateEventDataStore", request).await;
        store["EventDataStoreArn"].as_str().unwrap().to_owned()
    }

    /// A store of another category.
    pub(crate) async fn store_of(&self, name: &str, category: &str) -> String {
        let with = json!({"AdvancedEventSelectors": of(category), "MultiRegionEnabled": false});
        self.store(name, with).await
    }

    pub(crate) async fn status(&self, store: &str) -> String {
        let store = self.ok("GetEventDataStore", json!({"EventDataStore": store})).await;
        store["Status"].as_str().unwrap().to_owned()
    }
}

/// Advanced event selectors of one category.
pub(crate) fn of(category: &str) -> Value {
    json!([{"Name": category, "FieldSelectors": [{"Field": "eventCategory", "Equals": [category]}]}])
}

pub(crate) fn id(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap()
}

#[tokio::test]
async fn a_store_of_a_name_alone_has_the_defaults_of_aws() {
    let house = House::new().await;
    let created = house.ok("CreateEventDataStore", json!({"Name": "audit"})).await;
    let arn = created["EventDataStoreArn"].as_str().unwrap();
    let expected = json!({
        "EventDataStoreArn": arn,
        "Name": "audit",
        "Status": "ENABLED",
        "AdvancedEventSelectors": [{
            "Name": "Default management events",
            "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}],
        }],
        "MultiRegionEnabled": true,
        "OrganizationEnabled": false,
        "RetentionPeriod": 366,
        "TerminationProtectionEnabled": true,
        "CreatedTimestamp": now().as_second(),
        "UpdatedTimestamp": now().as_second(),
        "BillingMode": "EXTENDABLE_RETENTION_PRICING",
    });
    assert_eq!(created, expected);
    let prefix = format!("arn:aws:cloudtrail:{REGION}:{ACCOUNT}:eventdatastore/");
    assert!(arn.starts_with(&prefix) && lake_id(id(arn)).is_some(), "{arn}");
    // By ARN and by id, with what only this operation shows.
    for name in [arn, id(arn)] {
        let mut shown = house.ok("GetEventDataStore", json!({"EventDataStore": name})).await;
        let shown = shown.as_object_mut().unwrap();
        assert_eq!(shown.remove("FederationStatus"), Some(json!("DISABLED")));
        let keys = json!([
            {"Name": "calendarday", "Type": "string"}, {"Name": "eventname", "Type": "string"},
        ]);
        assert_eq!(shown.remove("PartitionKeys"), Some(keys));
        assert_eq!(&json!(shown), &expected);
    }
    assert_eq!(house.plane.tables.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_store_is_what_its_owner_chooses() {
    let house = House::new().await;
    let request = json!({
        "Name": "fixed", "AdvancedEventSelectors": of("ConfigurationItem"),
        "MultiRegionEnabled": false, "RetentionPeriod": 7,
        "TerminationProtectionEnabled": false, "KmsKeyId": "alias/lake", "StartIngestion": false,
        "BillingMode": "FIXED_RETENTION_PRICING", "TagsList": [{"Key": "team", "Value": "blue"}],
    });
    let created = house.ok("CreateEventDataStore", request.clone()).await;
    for member in [
        "Name",
        "AdvancedEventSelectors",
        "MultiRegionEnabled",
        "RetentionPeriod",
        "TerminationProtectionEnabled",
        "BillingMode",
        "TagsList",
    ] {
        assert_eq!(created[member], request[member], "{member}");
    }
    assert_eq!(created["Status"], "STOPPED_INGESTION");
    assert_eq!(created["KmsKeyId"], format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/lake"));
    let arn = &created["EventDataStoreArn"];
    let tags = house.ok("ListTags", json!({"ResourceIdList": [arn]})).await;
    let expected = json!([{"ResourceId": arn, "TagsList": [{"Key": "team", "Value": "blue"}]}]);
    assert_eq!(tags["ResourceTagList"], expected);
    let default = json!({"Name": "long", "BillingMode": "FIXED_RETENTION_PRICING"});
    assert_eq!(house.ok("CreateEventDataStore", default).await["RetentionPeriod"], 2557);
}

#[tokio::test]
async fn ingestion_stops_and_starts_at_positions_of_the_log() {
    let house = House::new().await;
    let arn = house.store("audit", json!({})).await;
    let name = json!({"EventDataStore": arn});
    assert_eq!(house.ok("StopEventDataStoreIngestion", name.clone()).await, json!({}));
    assert_eq!(house.status(&arn).await, "STOPPED_INGESTION");
    assert_eq!(house.ok("StartEventDataStoreIngestion", name).await, json!({}));
    assert_eq!(house.status(&arn).await, "ENABLED");
    let history = house.catalog.store_history(0).await.unwrap();
    let seen: Vec<_> = history.stores.iter().map(|it| (it.from, it.status)).collect();
    // The record of the call that stops it still belongs to it.
    assert_eq!(seen.last(), Some(&(1, StoreStatus::Enabled)));
    let at = |position| {
        let arn = history.stores[0].arn.clone();
        let catalog = house.catalog.clone();
        async move { catalog.store_version_at(&arn, position).await.unwrap().unwrap().status }
    };
    assert_eq!(at(0).await, StoreStatus::Enabled);
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_keeps_the_rest() {
    let house = House::new().await;
    let arn = house.store("audit", json!({"BillingMode": "FIXED_RETENTION_PRICING"})).await;
    let before = house.ok("GetEventDataStore", json!({"EventDataStore": arn})).await;
    house.clock.advance(Duration::from_secs(60));
    let data = json!([{"FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Data"]},
        {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
    ]}]);
    for (change, shown) in [
        (json!({"Name": "renamed"}), json!("renamed")),
        (json!({"AdvancedEventSelectors": data}), data),
        (json!({"MultiRegionEnabled": false}), json!(false)),
        (json!({"RetentionPeriod": 30}), json!(30)),
        (json!({"TerminationProtectionEnabled": true}), json!(true)),
        (
            json!({"BillingMode": "EXTENDABLE_RETENTION_PRICING"}),
            json!("EXTENDABLE_RETENTION_PRICING"),
        ),
        (json!({"RetentionPeriod": 3653}), json!(3653)),
        (json!({"KmsKeyId": "k"}), json!(format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/k"))),
        // The same key again is no change.
        (json!({"KmsKeyId": "alias/k"}), json!(format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/k"))),
    ] {
        let mut request = change.clone();
        request["EventDataStore"] = json!(arn);
        let updated = house.ok("UpdateEventDataStore", request).await;
        let member = change.as_object().unwrap().keys().next().unwrap().clone();
        assert_eq!(updated[&member], shown, "{change}");
        assert_eq!(updated["CreatedTimestamp"], before["CreatedTimestamp"]);
        assert_eq!(updated["UpdatedTimestamp"], now().as_second() + 60);
    }
    let after = house.ok("GetEventDataStore", json!({"EventDataStore": arn})).await;
    assert_eq!((&after["Name"], &after["RetentionPeriod"]), (&json!("renamed"), &json!(3653)));
}

#[tokio::test]
async fn a_deleted_store_can_be_restored_for_seven_days_and_then_is_gone() {
    let house = House::new().await;
    let arn = house.store("audit", json!({})).await;
    let name = json!({"EventDataStore": arn});
    assert_eq!(house.ok("DeleteEventDataStore", name.clone()).await, json!({}));
    assert_eq!(house.status(&arn).await, "PENDING_DELETION");
    house.clock.advance(Duration::from_secs(7 * 24 * 3600 - 1));
    house.upkeep().await.unwrap();
    let restored = house.ok("RestoreEventDataStore", name.clone()).await;
    assert_eq!((&restored["Status"], &restored["Name"]), (&json!("ENABLED"), &json!("audit")));
    house.ok("DeleteEventDataStore", name.clone()).await;
    house.clock.advance(Duration::from_secs(7 * 24 * 3600));
    // Gone at once, and its table with the next upkeep.
    let refusal = house.ask(ACCOUNT, REGION, "RestoreEventDataStore", &name).await.unwrap_err();
    assert_eq!(refusal.code, "EventDataStoreNotFoundException");
    let list = house.ok("ListEventDataStores", json!({})).await;
    assert_eq!(list, json!({"EventDataStores": []}));
    house.upkeep().await.unwrap();
    assert!(house.plane.tables.lock().unwrap().is_empty());
    // The name is free again.
    house.store("audit", json!({})).await;
}

#[tokio::test]
async fn a_list_shows_arn_and_name_of_each_store_once_over_any_pages() {
    let house = House::new().await;
    let mut made = Vec::new();
    for number in 0..5 {
        made.push(house.store(&format!("store-{number}"), json!({})).await);
    }
    made.sort();
    for size in [1, 2, 5, 1000] {
        let (mut seen, mut request) = (Vec::new(), json!({"MaxResults": size}));
        loop {
            let page = house.ok("ListEventDataStores", request.clone()).await;
            for store in page["EventDataStores"].as_array().unwrap() {
                assert_eq!(store.as_object().unwrap().len(), 2, "{store}");
                seen.push(store["EventDataStoreArn"].as_str().unwrap().to_owned());
            }
            match page.get("NextToken") {
                Some(token) => request["NextToken"] = token.clone(),
                None => break,
            }
        }
        assert_eq!(seen, made, "{size}");
    }
    let elsewhere = house.ask(ACCOUNT, "us-east-1", "ListEventDataStores", &json!({})).await;
    assert_eq!(elsewhere.unwrap(), json!({"EventDataStores": []}));
}

#[tokio::test]
async fn an_event_configuration_is_put_shown_and_taken_back() {
    let house = House::new().await;
    let arn = house.store("audit", json!({})).await;
    let get = json!({"EventDataStore": arn});
    let default = json!({
        "EventDataStoreArn": arn, "MaxEventSize": "Standard", "ContextKeySelectors": [],
    });
    assert_eq!(house.ok("GetEventConfiguration", get.clone()).await, default);
    let wanted = json!({
        "EventDataStore": arn, "MaxEventSize": "Large", "ContextKeySelectors": [
            {"Type": "TagContext", "Equals": ["team", "cost-center"]},
            {"Type": "RequestContext", "Equals": ["aws:PrincipalOrgID"]},
        ],
    });
    let put = house.ok("PutEventConfiguration", wanted.clone()).await;
    assert_eq!(put["ContextKeySelectors"], wanted["ContextKeySelectors"]);
    assert_eq!(house.ok("GetEventConfiguration", get.clone()).await, put);
    let history = house.catalog.store_history(0).await.unwrap();
    assert!(history.stores.last().unwrap().settings.events.is_large);
    let back =
        json!({"EventDataStore": arn, "MaxEventSize": "Standard", "ContextKeySelectors": []});
    assert_eq!(house.ok("PutEventConfiguration", back).await, default);
}

#[tokio::test]
async fn insights_of_a_store_go_into_a_store_of_their_own() {
    let house = House::new().await;
    let arn = house.store("audit", json!({})).await;
    let insights = house.store_of("insights", "Insight").await;
    let wanted =
        json!([{"InsightType": "ApiCallRateInsight"}, {"InsightType": "ApiErrorRateInsight"}]);
    let put = json!({
        "EventDataStore": arn, "InsightsDestination": insights, "InsightSelectors": wanted,
    });
    let expected = json!({
        "InsightSelectors": wanted, "EventDataStoreArn": arn, "InsightsDestination": insights,
    });
    assert_eq!(house.ok("PutInsightSelectors", put).await, expected);
    let get = json!({"EventDataStore": id(&arn)});
    assert_eq!(house.ok("GetInsightSelectors", get.clone()).await, expected);
    let off = json!({"EventDataStore": arn, "InsightSelectors": []});
    let expected = json!({"EventDataStoreArn": arn, "InsightSelectors": []});
    assert_eq!(house.ok("PutInsightSelectors", off).await, expected);
    let refusal = house.ask(ACCOUNT, REGION, "GetInsightSelectors", &get).await.unwrap_err();
    assert_eq!(refusal.code, "InsightNotEnabledException");
}

#[tokio::test]
async fn tags_of_stores_and_channels_are_those_of_trails() {
    let house = House::new().await;
    let store = house.store_of("activity", "ActivityAuditLog").await;
    let channel = house.channel("own", &store).await;
    for arn in [store, channel] {
        let tags = json!([{"Key": "a", "Value": "1"}, {"Key": "b"}]);
        house.ok("AddTags", json!({"ResourceId": arn, "TagsList": tags})).await;
        let list = json!({"ResourceIdList": [arn]});
        let shown = house.ok("ListTags", list.clone()).await;
        assert_eq!(shown["ResourceTagList"], json!([{"ResourceId": arn, "TagsList": tags}]));
        house.ok("RemoveTags", json!({"ResourceId": arn, "TagsList": [{"Key": "a"}]})).await;
        let shown = house.ok("ListTags", list).await;
        let left = json!([{"ResourceId": arn, "TagsList": [{"Key": "b"}]}]);
        assert_eq!(shown["ResourceTagList"], left);
    }
}

#[tokio::test]
async fn federation_is_off_and_stays_off() {
    let house = House::new().await;
    let arn = house.store("audit", json!({})).await;
    let off = house.ok("DisableFederation", json!({"EventDataStore": arn})).await;
    assert_eq!(off, json!({"EventDataStoreArn": arn, "FederationStatus": "DISABLED"}));
    let role = format!("arn:aws:iam::{ACCOUNT}:role/Federation");
    for (role, code) in [
        (role.as_str(), "UnsupportedOperationException"),
        ("not a role", "InvalidParameterException"),
    ] {
        let request = json!({"EventDataStore": arn, "FederationRoleArn": role});
        let refusal = house.ask(ACCOUNT, REGION, "EnableFederation", &request).await.unwrap_err();
        assert!(
            [code, "ValidationException"].contains(&refusal.code.as_str()),
            "{role}: {refusal:?}"
        );
    }
}
