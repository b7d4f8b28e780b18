//! Resource policies of event data stores and channels.

use serde_json::{Value, json};

use crate::{
    house::{ACCOUNT, House, OTHER, REGION},
    organizations::TRAIL,
};

const DELEGATE: &str = "333333333333";

fn policy(action: &str, resource: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": action, "Resource": resource,
    }]})
}

#[tokio::test]
async fn a_policy_is_put_shown_and_deleted() {
    let house = House::new().await;
    let store = house.store_of("activity", "ActivityAuditLog").await;
    let channel = house.channel("own", &store).await;
    for (arn, action) in
        [(store, "cloudtrail:StartQuery"), (channel, "cloudtrail-data:PutAuditEvents")]
    {
        let name = json!({"ResourceArn": arn});
        for operation in ["GetResourcePolicy", "DeleteResourcePolicy"] {
            let code = house.code(ACCOUNT, operation, &name).await;
            assert_eq!(code, "ResourcePolicyNotFoundException", "{operation}");
        }
        let text = policy(action, &arn).to_string();
        let put = json!({"ResourceArn": arn, "ResourcePolicy": text});
        assert_eq!(house.ok("PutResourcePolicy", put.clone()).await, put);
        assert_eq!(house.ok("GetResourcePolicy", name.clone()).await, put);
        // To others there is nothing to put a policy on.
        for operation in ["GetResourcePolicy", "DeleteResourcePolicy", "PutResourcePolicy"] {
            let code = house.code(OTHER, operation, &put).await;
            assert_eq!(code, "ResourceNotFoundException", "{operation}");
        }
        assert_eq!(house.ok("DeleteResourcePolicy", name.clone()).await, json!({}));
        let code = house.code(ACCOUNT, "GetResourcePolicy", &name).await;
        assert_eq!(code, "ResourcePolicyNotFoundException");
    }
}

#[tokio::test]
async fn a_policy_that_says_more_than_it_may_is_refused() {
    let house = House::new().await;
    let store = house.store("audit", json!({})).await;
    let no_principal = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "cloudtrail:StartQuery", "Resource": store,
    }]});
    for text in [
        "not JSON".to_owned(),
        policy("cloudtrail:DeleteEventDataStore", &store).to_string(),
        policy("s3:GetObject", &store).to_string(),
        policy("cloudtrail:StartQuery", "*").to_string(),
        no_principal.to_string(),
    ] {
        let put = json!({"ResourceArn": store, "ResourcePolicy": text});
        let code = house.code(ACCOUNT, "PutResourcePolicy", &put).await;
        assert_eq!(code, "ResourcePolicyNotValidException", "{text}");
    }
    let put = json!({"ResourceArn": store, "ResourcePolicy": "x".repeat(8193)});
    assert_eq!(house.code(ACCOUNT, "PutResourcePolicy", &put).await, "ValidationException");
    let trail = "arn:aws:cloudtrail:eu-west-1:123456789012:trail/audit";
    let unknown = "arn:aws:cloudtrail:eu-west-1:123456789012:eventdatastore/0f0e0d0c-1111-4222-8333-444455556666";
    for (arn, code) in [
        (trail, "ResourceTypeNotSupportedException"),
        (unknown, "ResourceNotFoundException"),
        ("no-arn", "ResourceARNNotValidException"),
        ("arn:aws:s3:::ledger", "ResourceARNNotValidException"),
    ] {
        for operation in ["GetResourcePolicy", "DeleteResourcePolicy", "PutResourcePolicy"] {
            let request = json!({"ResourceArn": arn, "ResourcePolicy": "{}"});
            assert_eq!(house.code(ACCOUNT, operation, &request).await, code, "{operation} {arn}");
        }
    }
}

#[tokio::test]
async fn the_store_of_an_organization_shows_what_its_delegated_administrators_may() {
    let house = House::new().await;
    house.organization_of(ACCOUNT, &[DELEGATE, OTHER]).await;
    let service = json!({"ServicePrincipal": TRAIL});
    house.organize(ACCOUNT, "EnableAWSServiceAccess", &service).await.unwrap();
    house.ok("RegisterOrganizationDelegatedAdmin", json!({"MemberAccountId": DELEGATE})).await;
    let store = house.store("all", json!({"OrganizationEnabled": true})).await;
    let shown = house.ok("GetResourcePolicy", json!({"ResourceArn": store})).await;
    assert_eq!(shown.get("ResourcePolicy"), None);
    let delegated = shown["DelegatedAdminResourcePolicy"].as_str().unwrap();
    let delegated: Value = serde_json::from_str(delegated).unwrap();
    let statement = &delegated["Statement"][0];
    assert_eq!(statement["Resource"], store);
    let principal = json!({"AWS": [format!("arn:aws:iam::{DELEGATE}:root")]});
    assert_eq!(statement["Principal"], principal);
    let put = json!({"ResourceArn": store,
        "ResourcePolicy": policy("cloudtrail:GetEventDataStore", &store).to_string()});
    let code = house.code(OTHER, "PutResourcePolicy", &put).await;
    assert_eq!(code, "NotOrganizationMasterAccountException");
    house.ask(DELEGATE, REGION, "PutResourcePolicy", &put).await.unwrap();
}
