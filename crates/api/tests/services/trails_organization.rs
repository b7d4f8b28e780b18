//! Organization trails: whose they are, who sees them, who may change them.

use catalog::{DeliveryStatus, delivery::DeliveryCommit};
use serde_json::{Value, json};

use crate::{
    house::{ACCOUNT, House, OTHER, REGION, account},
    organizations::TRAIL,
    trails::ARN,
};

const DELEGATE: &str = "333333333333";

impl House {
    /// Makes the account the management account of an organization with two members, of which one
    /// administers CloudTrail.
    async fn with_organization(&self) -> String {
        let organization = self.organization_of(ACCOUNT, &[DELEGATE, OTHER]).await;
        let service = json!({"ServicePrincipal": TRAIL});
        self.organize(ACCOUNT, "EnableAWSServiceAccess", &service).await.unwrap();
        let delegate = json!({"MemberAccountId": DELEGATE});
        self.trail("RegisterOrganizationDelegatedAdmin", delegate).await;
        organization
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
    house.organization_of(ACCOUNT, &[DELEGATE, OTHER]).await;
    check(&house, ACCOUNT, Err("CloudTrailAccessNotEnabledException")).await;
    let service = json!({"ServicePrincipal": TRAIL});
    house.organize(ACCOUNT, "EnableAWSServiceAccess", &service).await.unwrap();
    let delegate = json!({"MemberAccountId": DELEGATE});
    house.trail("RegisterOrganizationDelegatedAdmin", delegate).await;
    check(&house, OTHER, Err("NotOrganizationMasterAccountException")).await;
    check(&house, "444444444444", Err("OrganizationsNotInUseException")).await;
    check(&house, ACCOUNT, Ok(())).await;
    check(&house, DELEGATE, Err("TrailAlreadyExistsException")).await;
    // To pay together is not enough.
    house.catalog.add_account(account("555555555555"), "payer").await.unwrap();
    let billing = json!({"FeatureSet": "CONSOLIDATED_BILLING"});
    house.organize("555555555555", "CreateOrganization", &billing).await.unwrap();
    check(&house, "555555555555", Err("OrganizationNotInAllFeaturesModeException")).await;
}

/// What an operation on delegated administrators answers: nothing, or a code.
async fn check_admin(
    house: &House,
    who: &str,
    what: &str,
    member: &str,
    expected: Result<(), &str>,
) {
    let member_of = if what == "Register" { "MemberAccountId" } else { "DelegatedAdminAccountId" };
    let operation = format!("{what}OrganizationDelegatedAdmin");
    let answer = house.ask(who, REGION, &operation, &json!({member_of: member})).await;
    let answer = answer.map_err(|it| it.code);
    assert_eq!(answer, expected.map(|()| json!({})).map_err(str::to_owned), "{what} {member}");
}

#[tokio::test]
async fn the_management_account_chooses_who_administers_cloudtrail() {
    let house = House::new().await;
    check_admin(&house, ACCOUNT, "Register", OTHER, Err("OrganizationsNotInUseException")).await;
    let more = ["333333333331", "333333333332", DELEGATE];
    house.organization_of(ACCOUNT, &[OTHER, more[0], more[1], more[2]]).await;
    check_admin(&house, ACCOUNT, "Register", OTHER, Err("CloudTrailAccessNotEnabledException"))
        .await;
    let service = json!({"ServicePrincipal": TRAIL});
    house.organize(ACCOUNT, "EnableAWSServiceAccess", &service).await.unwrap();
    let refused = Err("NotOrganizationManagementAccountException");
    check_admin(&house, OTHER, "Register", OTHER, refused).await;
    let refused = Err("CannotDelegateManagementAccountException");
    check_admin(&house, ACCOUNT, "Register", ACCOUNT, refused).await;
    let unknown = Err("AccountNotFoundException");
    check_admin(&house, ACCOUNT, "Register", "444444444444", unknown).await;
    check_admin(&house, ACCOUNT, "Deregister", "4444444444444444", unknown).await;
    check_admin(&house, ACCOUNT, "Deregister", OTHER, Err("AccountNotRegisteredException")).await;
    for member in more {
        check_admin(&house, ACCOUNT, "Register", member, Ok(())).await;
    }
    check_admin(&house, ACCOUNT, "Register", more[0], Err("AccountRegisteredException")).await;
    let full = Err("DelegatedAdminAccountLimitExceededException");
    check_admin(&house, ACCOUNT, "Register", OTHER, full).await;
    // Terraform reads back here.
    let listed = house.organize(ACCOUNT, "ListDelegatedAdministrators", &service).await.unwrap();
    assert_eq!(listed["DelegatedAdministrators"].as_array().unwrap().len(), 3);
    check_admin(&house, ACCOUNT, "Deregister", more[0], Ok(())).await;
    check_admin(&house, ACCOUNT, "Register", OTHER, Ok(())).await;
}

#[tokio::test]
async fn members_see_the_trail_by_arn_and_cannot_change_it() {
    let house = House::new().await;
    let organization = house.with_organization().await;
    house.trail("CreateTrail", json!({"Name": "own", "S3BucketName": "ledger"})).await;
    let request = json!({"Name": "audit", "S3BucketName": "ledger", "IsOrganizationTrail": true});
    let created = house.ask(DELEGATE, REGION, "CreateTrail", &request).await.unwrap();
    assert_eq!(created["TrailARN"], ARN);
    assert_eq!(created["IsOrganizationTrail"], true);
    let kept = house.catalog.all_trails().await.unwrap();
    assert_eq!(kept[0].settings.organization.as_deref(), Some(&*organization));

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
    let selectors = ask(OTHER, "GetEventSelectors", json!({"TrailName": ARN})).await.unwrap();
    assert_eq!(selectors["TrailARN"], ARN);
    for operation in ["GetTrail", "GetTrailStatus"] {
        ask(OTHER, operation, json!({"Name": ARN})).await.unwrap();
        let refusal = ask(OTHER, operation, json!({"Name": "audit"})).await.unwrap_err();
        assert_eq!(refusal.code, "TrailNotFoundException");
    }
    // Each tells of its own account.
    let denied = DeliveryStatus {
        latest_delivery_error: Some("AccessDenied".to_owned()),
        ..DeliveryStatus::default()
    };
    let place = (ARN.to_owned(), OTHER.to_owned(), REGION.to_owned());
    let region_statuses = vec![(place, denied)];
    let commit = DeliveryCommit { region_statuses, ..DeliveryCommit::default() };
    house.catalog.commit_delivery(&commit).await.unwrap();
    for (who, error) in [(OTHER, json!("AccessDenied")), (ACCOUNT, Value::Null)] {
        let status = ask(who, "GetTrailStatus", json!({"Name": ARN})).await.unwrap();
        assert_eq!(status["LatestDeliveryError"], error, "{who}");
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
