//! Organization trails: whose they are, who sees them, who may change them.

use serde_json::{Value, json};
use trailmark_api::trails::Organization;

use crate::{
    house::{ACCOUNT, House, OTHER, REGION, account},
    trails::ARN,
};

const DELEGATE: &str = "333333333333";

fn organization() -> Organization {
    Organization {
        id: "o-exampleorgid".to_owned(),
        management: account(ACCOUNT),
        delegated: vec![account(DELEGATE)],
        has_all_features: true,
        trusts_cloudtrail: true,
    }
}

impl House {
    fn organize(&self, organization: Organization) {
        let members = [ACCOUNT, DELEGATE, OTHER].map(account).to_vec();
        *self.organizations.0.lock().unwrap() = Some((organization, members));
    }
}

/// What making an organization trail answers: nothing, or a code.
async fn check(house: &House, who: &str, expected: Result<(), &str>) {
    let request = json!({"Name": "other", "S3BucketName": "ledger", "IsOrganizationTrail": true});
    let answer = house.ask(who, REGION, "CreateTrail", &request).await;
    let code = answer.map(drop).map_err(|it| it.code);
    assert_eq!(code, expected.map_err(str::to_owned), "{who}");
}

#[tokio::test]
async fn an_organization_trail_needs_an_organization_that_lets_the_caller() {
    let house = House::new().await;
    check(&house, ACCOUNT, Err("OrganizationsNotInUseException")).await;
    house.organize(Organization { has_all_features: false, ..organization() });
    check(&house, ACCOUNT, Err("OrganizationNotInAllFeaturesModeException")).await;
    house.organize(Organization { trusts_cloudtrail: false, ..organization() });
    check(&house, ACCOUNT, Err("CloudTrailAccessNotEnabledException")).await;
    house.organize(organization());
    check(&house, OTHER, Err("NotOrganizationMasterAccountException")).await;
    check(&house, "444444444444", Err("OrganizationsNotInUseException")).await;
    check(&house, ACCOUNT, Ok(())).await;
    check(&house, DELEGATE, Err("TrailAlreadyExistsException")).await;
}

#[tokio::test]
async fn members_see_the_trail_by_arn_and_cannot_change_it() {
    let house = House::new().await;
    house.organize(organization());
    house.trail("CreateTrail", json!({"Name": "own", "S3BucketName": "ledger"})).await;
    let request = json!({"Name": "audit", "S3BucketName": "ledger", "IsOrganizationTrail": true});
    let created = house.ask(DELEGATE, REGION, "CreateTrail", &request).await.unwrap();
    assert_eq!(created["TrailARN"], ARN);
    assert_eq!(created["IsOrganizationTrail"], true);
    let kept = house.catalog.all_trails().await.unwrap();
    assert_eq!(kept[0].settings.organization.as_deref(), Some("o-exampleorgid"));

    let ask = async |who: &str, operation: &str, request: Value| {
        house.ask(who, REGION, operation, &request).await
    };
    let seen = ask(OTHER, "DescribeTrails", json!({})).await.unwrap();
    assert_eq!(seen["trailList"].as_array().unwrap().len(), 1);
    assert_eq!(seen["trailList"][0]["TrailARN"], ARN);
    let hidden = ask(OTHER, "DescribeTrails", json!({"includeShadowTrails": false})).await.unwrap();
    assert_eq!(hidden["trailList"], json!([]));
    let listed = ask(OTHER, "ListTrails", json!({})).await.unwrap();
    assert_eq!(listed["Trails"][0]["TrailARN"], ARN);
    for operation in ["GetTrail", "GetTrailStatus"] {
        ask(OTHER, operation, json!({"Name": ARN})).await.unwrap();
        let refusal = ask(OTHER, operation, json!({"Name": "audit"})).await.unwrap_err();
        assert_eq!(refusal.code, "TrailNotFoundException");
    }
    for (operation, request) in [
        ("StartLogging", json!({"Name": ARN})),
        ("StopLogging", json!({"Name": ARN})),
        ("DeleteTrail", json!({"Name": ARN})),
        ("UpdateTrail", json!({"Name": ARN})),
        ("PutEventSelectors", json!({"TrailName": ARN, "EventSelectors": []})),
        ("PutInsightSelectors", json!({"TrailName": ARN, "InsightSelectors": []})),
        ("AddTags", json!({"ResourceId": ARN, "TagsList": [{"Key": "a"}]})),
        ("RemoveTags", json!({"ResourceId": ARN, "TagsList": [{"Key": "a"}]})),
    ] {
        let refusal = ask(OTHER, operation, request.clone()).await.unwrap_err();
        assert_eq!(refusal.code, "NotOrganizationMasterAccountException", "{operation}");
        // Outside the organization there is no such trail.
        let refusal = ask("444444444444", operation, request).await.unwrap_err();
        assert!(refusal.code.ends_with("NotFoundException"), "{operation} {refusal:?}");
    }
    ask(DELEGATE, "StartLogging", json!({"Name": ARN})).await.unwrap();
    let convert = json!({"Name": ARN, "IsOrganizationTrail": false});
    let refusal = ask(DELEGATE, "UpdateTrail", convert.clone()).await.unwrap_err();
    assert_eq!(refusal.code, "NotOrganizationMasterAccountException");
    let converted = ask(ACCOUNT, "UpdateTrail", convert).await.unwrap();
    assert_eq!(converted["IsOrganizationTrail"], false);
    let refusal = ask(OTHER, "GetTrail", json!({"Name": ARN})).await.unwrap_err();
    assert_eq!(refusal.code, "TrailNotFoundException");
    let back = json!({"Name": ARN, "IsOrganizationTrail": true});
    ask(ACCOUNT, "UpdateTrail", back).await.unwrap();
    ask(OTHER, "GetTrail", json!({"Name": ARN})).await.unwrap();
    // A trail of the management account that is not the organization's stays its own.
    let own = ARN.replace("audit", "own");
    let refusal = ask(OTHER, "GetTrail", json!({"Name": own})).await.unwrap_err();
    assert_eq!(refusal.code, "TrailNotFoundException");
}
