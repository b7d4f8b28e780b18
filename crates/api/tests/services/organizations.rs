//! AWS Organizations over the accounts of the catalog.

use serde_json::{Value, json};

use crate::house::{ACCOUNT, House, OTHER, REGION, Refusal, account};

pub(crate) const TRAIL: &str = "cloudtrail.amazonaws.com";

const THIRD: &str = "333333333333";

impl House {
    /// Makes an organization of accounts that the catalog does not know yet, and tells its id.
    pub(crate) async fn organization_of(&self, management: &str, members: &[&str]) -> String {
        for id in [&[management], members].concat() {
            self.catalog.add_account(account(id), &format!("account {id}")).await.unwrap();
        }
        let made = self.organize(management, "CreateOrganization", &json!({})).await.unwrap();
        for id in members {
            let target = json!({"Target": {"Type": "ACCOUNT", "Id": id}});
            self.organize(management, "InviteAccountToOrganization", &target).await.unwrap();
        }
        made["Organization"]["Id"].as_str().unwrap().to_owned()
    }

    /// An organization of two, and a third account outside, in which CloudTrail may act.
    async fn organized() -> (Self, String) {
        let house = Self::new().await;
        let organization = house.organization_of(ACCOUNT, &[OTHER]).await;
        house.catalog.add_account(account(THIRD), "outside").await.unwrap();
        house.governed("EnableAWSServiceAccess", json!({"ServicePrincipal": TRAIL})).await;
        (house, organization)
    }

    /// Calls an operation as the management account, which must succeed.
    async fn governed(&self, operation: &str, request: Value) -> Value {
        let answer = self.organize(ACCOUNT, operation, &request).await;
        answer.unwrap_or_else(|refusal| panic!("{operation} {request}: {refusal:?}"))
    }
}

/// Calls an operation that must refuse, with a reason if the model has any.
async fn check(
    house: &House,
    who: &str,
    operation: &str,
    request: Value,
    code: &str,
    reason: Option<&str>,
) {
    let Refusal { code: found, reason: why, message } =
        house.organize(who, operation, &request).await.unwrap_err();
    assert_eq!((&*found, why.as_deref()), (code, reason), "{operation} {request}: {message}");
}

#[tokio::test]
async fn an_organization_is_described_to_its_members() {
    let (house, id) = House::organized().await;
    let arn = format!("arn:aws:organizations::{ACCOUNT}:organization/{id}");
    let expected = json!({"Organization": {
        "Id": id,
        "Arn": arn,
        "FeatureSet": "ALL",
        "MasterAccountArn": format!("arn:aws:organizations::{ACCOUNT}:account/{id}/{ACCOUNT}"),
        "MasterAccountId": ACCOUNT,
        "MasterAccountEmail": format!("root@{ACCOUNT}.invalid"),
        "AvailablePolicyTypes": [],
    }});
    for member in [ACCOUNT, OTHER] {
        let shown = house.organize(member, "DescribeOrganization", &json!({})).await.unwrap();
        assert_eq!(shown, expected);
    }
    let unused = "AWSOrganizationsNotInUseException";
    check(&house, THIRD, "DescribeOrganization", json!({}), unused, None).await;
    let already = "AlreadyInOrganizationException";
    check(&house, OTHER, "CreateOrganization", json!({}), already, None).await;
    let roots = house.governed("ListRoots", json!({})).await;
    let root = &roots["Roots"][0];
    let root_id = root["Id"].as_str().unwrap();
    assert!(root_id.starts_with("r-"), "{roots}");
    let arn = format!("arn:aws:organizations::{ACCOUNT}:root/{id}/{root_id}");
    assert_eq!(root["Arn"], arn);
    assert_eq!(roots["Roots"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_member_learns_of_the_others_when_it_administers_a_service() {
    let (house, _) = House::organized().await;
    let denied = "AccessDeniedException";
    let one = json!({"AccountId": OTHER});
    let both = json!({"AccountId": OTHER, "ServicePrincipal": TRAIL});
    let reads = [
        ("ListAccounts", json!({})),
        ("ListRoots", json!({})),
        ("DescribeAccount", one.clone()),
        ("ListAWSServiceAccessForOrganization", json!({})),
        ("ListDelegatedAdministrators", json!({})),
        ("ListDelegatedServicesForAccount", one),
    ];
    let writes = [
        ("CreateAccount", json!({"AccountName": "New", "Email": "new@example.com"})),
        ("InviteAccountToOrganization", json!({"Target": {"Type": "ACCOUNT", "Id": THIRD}})),
        ("EnableAWSServiceAccess", json!({"ServicePrincipal": TRAIL})),
        ("DisableAWSServiceAccess", json!({"ServicePrincipal": TRAIL})),
        ("RegisterDelegatedAdministrator", both.clone()),
        ("DeregisterDelegatedAdministrator", both.clone()),
    ];
    for (operation, request) in reads.iter().chain(&writes) {
        check(&house, OTHER, operation, request.clone(), denied, None).await;
        let unused = "AWSOrganizationsNotInUseException";
        check(&house, THIRD, operation, request.clone(), unused, None).await;
    }
    house.governed("RegisterDelegatedAdministrator", both).await;
    for (operation, request) in &reads {
        house.organize(OTHER, operation, request).await.unwrap();
    }
    for (operation, request) in &writes {
        check(&house, OTHER, operation, request.clone(), denied, None).await;
    }
}

#[tokio::test]
async fn a_new_account_is_there_at_once() {
    let (house, id) = House::organized().await;
    let wish = json!({"AccountName": "Audit", "Email": "audit@example.com", "RoleName": "Admin"});
    let made = house.governed("CreateAccount", wish.clone()).await;
    let status = &made["CreateAccountStatus"];
    assert_eq!(status["State"], "SUCCEEDED");
    let request = json!({"CreateAccountRequestId": status["Id"]});
    let again = house.governed("DescribeCreateAccountStatus", request).await;
    assert_eq!(again, made);
    let account_id = status["AccountId"].as_str().unwrap();
    let shown = house.governed("DescribeAccount", json!({"AccountId": account_id})).await;
    let arn = format!("arn:aws:organizations::{ACCOUNT}:account/{id}/{account_id}");
    assert_eq!(shown["Account"]["Arn"], arn);
    assert_eq!(shown["Account"]["Name"], "Audit");
    assert_eq!(shown["Account"]["JoinedMethod"], "CREATED");
    // The catalog has it like any other, so it can have users and keys.
    assert!(house.catalog.users(account(account_id)).await.unwrap().is_empty());

    let failed = house.governed("CreateAccount", wish).await;
    assert_eq!(failed["CreateAccountStatus"]["State"], "FAILED");
    assert_eq!(failed["CreateAccountStatus"]["FailureReason"], "EMAIL_ALREADY_EXISTS");
    let tagged = json!({
        "AccountName": "T", "Email": "tagged@example.com", "Tags": [{"Key": "a", "Value": "b"}],
    });
    let (invalid, reason) = ("InvalidInputException", Some("TARGET_NOT_SUPPORTED"));
    check(&house, ACCOUNT, "CreateAccount", tagged, invalid, reason).await;
    let no_address = json!({"AccountName": "T", "Email": "nobody"});
    check(&house, ACCOUNT, "CreateAccount", no_address, invalid, None).await;
    let unknown = json!({"CreateAccountRequestId": "car-00000000000000000000000000000000"});
    let code = "CreateAccountStatusNotFoundException";
    check(&house, ACCOUNT, "DescribeCreateAccountStatus", unknown, code, None).await;
    let outside = json!({"AccountId": THIRD});
    check(&house, ACCOUNT, "DescribeAccount", outside, "AccountNotFoundException", None).await;
}

#[tokio::test]
async fn an_invited_account_of_the_catalog_is_a_member_at_once() {
    let (house, id) = House::organized().await;
    let target = |kind: &str, id: &str| json!({"Target": {"Type": kind, "Id": id}});
    let invite = "InviteAccountToOrganization";
    let answer = house.governed(invite, target("ACCOUNT", THIRD)).await;
    let handshake = &answer["Handshake"];
    assert_eq!((&handshake["State"], &handshake["Action"]), (&json!("ACCEPTED"), &json!("INVITE")));
    let arn = handshake["Arn"].as_str().unwrap();
    let place = format!("arn:aws:organizations::{ACCOUNT}:handshake/{id}/invite/h-");
    assert!(arn.starts_with(&place), "{arn}");
    let shown = house.organize(THIRD, "DescribeOrganization", &json!({})).await.unwrap();
    assert_eq!(shown["Organization"]["Id"], id.as_str());
    let code = "HandshakeConstraintViolationException";
    let again = target("ACCOUNT", THIRD);
    check(&house, ACCOUNT, invite, again, code, Some("ALREADY_IN_AN_ORGANIZATION")).await;
    let unknown = target("ACCOUNT", "444444444444");
    check(&house, ACCOUNT, invite, unknown, code, Some("TARGET_ACCOUNT_VALIDATION_FAILURE")).await;
    let address = target("EMAIL", "somebody@example.com");
    let (code, reason) = ("InvalidInputException", Some("INVALID_PARTY_TYPE_TARGET"));
    check(&house, ACCOUNT, invite, address, code, reason).await;
}

#[tokio::test]
async fn accounts_come_in_pages() {
    let (house, _) = House::organized().await;
    for number in 0..23 {
        let email = format!("{number}@example.com");
        house.governed("CreateAccount", json!({"AccountName": "Member", "Email": email})).await;
    }
    let (mut seen, mut sizes, mut request) = (Vec::new(), Vec::new(), json!({}));
    loop {
        let answer = house.governed("ListAccounts", request.clone()).await;
        let accounts = answer["Accounts"].as_array().unwrap();
        seen.extend(accounts.iter().map(|it| it["Id"].as_str().unwrap().to_owned()));
        sizes.push(accounts.len());
        match answer.get("NextToken") {
            Some(token) => request["NextToken"] = token.clone(),
            None => break,
        }
    }
    assert_eq!(sizes, [20, 5]);
    assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
    let (invalid, reason) = ("InvalidInputException", Some("INVALID_NEXT_TOKEN"));
    check(&house, ACCOUNT, "ListAccounts", json!({"NextToken": "?"}), invalid, reason).await;
    check(&house, ACCOUNT, "ListAccounts", json!({"MaxResults": 21}), invalid, None).await;
}

#[tokio::test]
async fn a_delegated_administrator_is_a_member_of_an_organization_that_trusts_the_service() {
    let (house, id) = House::organized().await;
    let register = "RegisterDelegatedAdministrator";
    let request =
        |account: &str, service: &str| json!({"AccountId": account, "ServicePrincipal": service});
    let violated = "ConstraintViolationException";
    let config = "config.amazonaws.com";
    for (account, service, reason) in [
        (ACCOUNT, TRAIL, "CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR"),
        (OTHER, config, "SERVICE_ACCESS_NOT_ENABLED"),
    ] {
        let request = request(account, service);
        check(&house, ACCOUNT, register, request, violated, Some(reason)).await;
    }
    let (unknown, invalid) = ("AccountNotFoundException", "InvalidInputException");
    check(&house, ACCOUNT, register, request(THIRD, TRAIL), unknown, None).await;
    let reason = Some("UNRECOGNIZED_SERVICE_PRINCIPAL");
    check(&house, ACCOUNT, register, request(OTHER, "cloudtrail"), invalid, reason).await;
    let services = "ListDelegatedServicesForAccount";
    let other = json!({"AccountId": OTHER});
    let unregistered = "AccountNotRegisteredException";
    check(&house, ACCOUNT, services, other.clone(), unregistered, None).await;

    house.governed("EnableAWSServiceAccess", json!({"ServicePrincipal": config})).await;
    house.governed(register, request(OTHER, TRAIL)).await;
    house.governed(register, request(OTHER, config)).await;
    let already = "AccountAlreadyRegisteredException";
    check(&house, ACCOUNT, register, request(OTHER, TRAIL), already, None).await;
    let listed = house.governed("ListDelegatedAdministrators", json!({})).await;
    let [administrator] = listed["DelegatedAdministrators"].as_array().unwrap().as_slice() else {
        panic!("{listed}")
    };
    assert_eq!(administrator["Id"], OTHER);
    let arn = format!("arn:aws:organizations::{ACCOUNT}:account/{id}/{OTHER}");
    assert_eq!(administrator["Arn"], arn);
    assert!(administrator["DelegationEnabledDate"].is_number(), "{listed}");
    let listed = house.governed(services, other).await;
    let names: Vec<_> = listed["DelegatedServices"].as_array().unwrap().iter().collect();
    assert_eq!(names.len(), 2);
    let access = house.governed("ListAWSServiceAccessForOrganization", json!({})).await;
    assert_eq!(access["EnabledServicePrincipals"][0]["ServicePrincipal"], TRAIL);
    assert_eq!(access["EnabledServicePrincipals"][1]["ServicePrincipal"], config);

    let disable = "DisableAWSServiceAccess";
    let reason = Some("DELEGATED_ADMINISTRATOR_EXISTS_FOR_THIS_SERVICE");
    let service = json!({"ServicePrincipal": TRAIL});
    check(&house, ACCOUNT, disable, service.clone(), violated, reason).await;
    house.governed("DeregisterDelegatedAdministrator", request(OTHER, TRAIL)).await;
    house.governed(disable, service).await;
    let deregister = "DeregisterDelegatedAdministrator";
    check(&house, ACCOUNT, deregister, request(OTHER, TRAIL), unregistered, None).await;
}

#[tokio::test]
async fn what_is_not_there_says_so_after_it_checked_the_request() {
    let (house, _) = House::organized().await;
    let request = json!({"AccountId": OTHER});
    let code = "UnsupportedOperationException";
    check(&house, ACCOUNT, "CloseAccount", request, code, None).await;
    let code = "InvalidInputException";
    check(&house, ACCOUNT, "CloseAccount", json!({}), code, None).await;
    check(&house, ACCOUNT, "Nothing", json!({}), "UnknownOperationException", None).await;
}

#[tokio::test]
async fn an_account_that_is_removed_or_leaves_stands_alone_and_sees_no_organization_trail() {
    let (house, _) = House::organized().await;
    let target = json!({"Target": {"Type": "ACCOUNT", "Id": THIRD}});
    house.governed("InviteAccountToOrganization", target.clone()).await;
    let made = house.trail(
        "CreateTrail",
        json!({"Name": "all", "S3BucketName": "ledger",
        "IsOrganizationTrail": true, "IsMultiRegionTrail": true}),
    );
    let arn = made.await["TrailARN"].clone();
    let sees = async |who: &str| {
        let asked = house.ask(who, REGION, "GetTrail", &json!({"Name": arn})).await;
        asked.map(drop).map_err(|it| it.code)
    };
    assert_eq!((sees(OTHER).await, sees(THIRD).await), (Ok(()), Ok(())));
    let operation = "RemoveAccountFromOrganization";
    let of = |id: &str| json!({"AccountId": id});
    check(&house, OTHER, operation, of(THIRD), "AccessDeniedException", None).await;
    let unknown = "AccountNotFoundException";
    check(&house, ACCOUNT, operation, of("999999999999"), unknown, None).await;
    let governs = "MasterCannotLeaveOrganizationException";
    check(&house, ACCOUNT, operation, of(ACCOUNT), governs, None).await;
    check(&house, ACCOUNT, "LeaveOrganization", json!({}), governs, None).await;
    let delegate = json!({"AccountId": OTHER, "ServicePrincipal": TRAIL});
    house.governed("RegisterDelegatedAdministrator", delegate.clone()).await;
    let reason = Some("CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG");
    let code = "ConstraintViolationException";
    check(&house, ACCOUNT, operation, of(OTHER), code, reason).await;
    check(&house, OTHER, "LeaveOrganization", json!({}), code, reason).await;
    house.governed("DeregisterDelegatedAdministrator", delegate).await;
    assert_eq!(house.governed(operation, of(OTHER)).await, json!({}));
    let left = house.organize(THIRD, "LeaveOrganization", &json!({})).await.unwrap();
    assert_eq!(left, json!({}));
    let gone = || Err("TrailNotFoundException".to_owned());
    assert_eq!((sees(OTHER).await, sees(THIRD).await), (gone(), gone()));
    let alone = "AWSOrganizationsNotInUseException";
    check(&house, OTHER, "DescribeOrganization", json!({}), alone, None).await;
    check(&house, THIRD, "LeaveOrganization", json!({}), alone, None).await;
    let accounts = house.governed("ListAccounts", json!({})).await;
    assert_eq!(accounts["Accounts"].as_array().unwrap().len(), 1);
    // Whoever left may come back.
    house.governed("InviteAccountToOrganization", target).await;
    assert_eq!(sees(THIRD).await, Ok(()));
}
