//! An organization of three accounts and its trail, by the clients that people have.

use crate::harness::{Server, eventually};

const INVITED: &str = "222233334444";

/// Puts a root key of another account into the clients' credentials, as a profile.
fn add_account(server: &Server, id: &str) {
    let credentials = std::path::PathBuf::from(&server.environment["AWS_SHARED_CREDENTIALS_FILE"]);
    let profile = server.trailmark(&["account", "add", id, "--name", "invited"]);
    append(&credentials, &profile);
}

/// Gives an account that was created inside the organization a user, and the user a profile.
fn add_user(server: &Server, account: &str, profile: &str) {
    let credentials = std::path::PathBuf::from(&server.environment["AWS_SHARED_CREDENTIALS_FILE"]);
    let policy = ["--policy", "full-access"];
    server.trailmark(&[&["user", "add", "mira", "--account", account], &policy[..]].concat());
    let key = ["key", "create", "mira", "--account", account, "--profile", profile];
    append(&credentials, &server.trailmark(&key));
}

fn append(file: &std::path::Path, text: &str) {
    let before = std::fs::read_to_string(file).unwrap();
    std::fs::write(file, format!("{before}\n{text}")).unwrap();
}

#[test]
fn three_accounts_share_a_trail_that_one_of_them_governs() {
    let mut server = Server::start_with(&[], &[("TRAILMARK_DELIVERY__FILE_AGE_SECONDS", "1")]);
    add_account(&server, INVITED);
    let made = server.aws_json(&["organizations", "create-organization", "--feature-set", "ALL"]);
    let organization = made["Organization"]["Id"].as_str().unwrap().to_owned();
    let made = server.aws_json(&[
        "organizations",
        "create-account",
        "--account-name",
        "audit",
        "--email",
        "audit@example.com",
    ]);
    let created = made["CreateAccountStatus"]["AccountId"].as_str().unwrap().to_owned();
    add_user(&server, &created, "delegate");
    let target = format!("Type=ACCOUNT,Id={INVITED}");
    server.aws(&["organizations", "invite-account-to-organization", "--target", &target]);
    let trail = ["--service-principal", "cloudtrail.amazonaws.com"];
    server.aws(&[&["organizations", "enable-aws-service-access"], &trail[..]].concat());
    let member = ["--account-id", &created];
    server.aws(
        &[&["organizations", "register-delegated-administrator"], &trail[..], &member].concat(),
    );
    server.aws(&["s3", "mb", "s3://ledger"]);
    server.kill_and_restart();

    server.environment.insert("ORGANIZATION".to_owned(), organization.clone());
    server.environment.insert("CREATED".to_owned(), created.clone());
    server.environment.insert("INVITED".to_owned(), INVITED.to_owned());
    let said = server.python(
        r#"
import os, boto3
from botocore.exceptions import ClientError
created, invited = os.environ["CREATED"], os.environ["INVITED"]
def client(service, profile=None):
    return boto3.Session(profile_name=profile).client(service)
def refused(code, call, **request):
    try:
        call(**request)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, (call, error)
        return error.response
    raise AssertionError((call, request))

o = client("organizations")
pages = o.get_paginator("list_accounts").paginate(PaginationConfig={"PageSize": 2})
accounts = {it["Id"]: it for page in pages for it in page["Accounts"]}
assert set(accounts) == {"123456789012", created, invited}, accounts
assert accounts[created]["JoinedMethod"] == "CREATED" and accounts[invited]["JoinedMethod"] == "INVITED"
service = "cloudtrail.amazonaws.com"
assert [it["Id"] for it in o.list_delegated_administrators(ServicePrincipal=service)["DelegatedAdministrators"]] == [created]
refused("AccountAlreadyRegisteredException", o.register_delegated_administrator, AccountId=created, ServicePrincipal=service)
answer = refused("ConstraintViolationException", o.disable_aws_service_access, ServicePrincipal=service)
assert answer["Reason"] == "DELEGATED_ADMINISTRATOR_EXISTS_FOR_THIS_SERVICE", answer
refused("AlreadyInOrganizationException", client("organizations", "delegate").create_organization)

delegate, member, management = (client("cloudtrail", it) for it in ("delegate", "root-" + invited, None))
refused("NotOrganizationMasterAccountException", member.create_trail, Name="audit", S3BucketName="ledger", IsOrganizationTrail=True)
made = delegate.create_trail(Name="audit", S3BucketName="ledger", IsOrganizationTrail=True, IsMultiRegionTrail=True)
arn = made["TrailARN"]
assert arn == "arn:aws:cloudtrail:us-east-1:123456789012:trail/audit" and made["IsOrganizationTrail"], made
for c in (management, delegate, member):
    trail, = c.describe_trails()["trailList"]
    assert trail["TrailARN"] == arn and trail["IsOrganizationTrail"], trail
    assert c.get_trail(Name=arn)["Trail"]["S3BucketName"] == "ledger"
    assert c.get_trail_status(Name=arn)["IsLogging"] is False
    assert c.get_event_selectors(TrailName=arn)["TrailARN"] == arn
    assert [it["TrailARN"] for it in c.list_trails()["Trails"]] == [arn]
code = "NotOrganizationMasterAccountException"
refused(code, member.delete_trail, Name=arn)
refused(code, member.update_trail, Name=arn, IsMultiRegionTrail=False)
refused(code, member.add_tags, ResourceId=arn, TagsList=[{"Key": "a", "Value": "b"}])
refused(code, member.put_event_selectors, TrailName=arn, EventSelectors=[{"ReadWriteType": "All", "IncludeManagementEvents": True}])
refused("NotOrganizationManagementAccountException", member.register_organization_delegated_admin, MemberAccountId=invited)
delegate.update_trail(Name=arn, S3KeyPrefix="logs")
refused(code, delegate.update_trail, Name=arn, IsOrganizationTrail=False)
refused("CannotDelegateManagementAccountException", management.register_organization_delegated_admin, MemberAccountId="123456789012")
management.deregister_organization_delegated_admin(DelegatedAdminAccountId=created)
refused("AccountNotRegisteredException", o.list_delegated_services_for_account, AccountId=created)
refused(code, delegate.delete_trail, Name=arn)
management.delete_trail(Name=arn)
assert member.describe_trails()["trailList"] == []
print("shared")
"#,
    );
    assert_eq!(said.trim(), "shared");
    server.aws(&[
        "cloudtrail",
        "create-trail",
        "--name",
        "second",
        "--s3-bucket-name",
        "ledger",
        "--is-organization-trail",
    ]);
    let member = ["--profile", &format!("root-{INVITED}")];
    let seen = server.aws_json(&[&["cloudtrail", "describe-trails"], &member[..]].concat());
    let arn = seen["trailList"][0]["TrailARN"].as_str().unwrap();
    assert_eq!(arn, "arn:aws:cloudtrail:us-east-1:123456789012:trail/second");
    let refused =
        server.aws_raw(&[&["cloudtrail", "delete-trail", "--name", arn], &member[..]].concat());
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(words.contains("NotOrganizationMasterAccountException"), "{words}");
    let recorded = server.lookup("EventName", "CreateAccount");
    assert_eq!(recorded.len(), 1);
    assert_eq!(recorded[0]["eventSource"], "organizations.amazonaws.com");
    let shown = &recorded[0]["responseElements"]["createAccountStatus"];
    assert_eq!(shown["accountId"], created.as_str(), "{recorded:#?}");

    server.aws(&["cloudtrail", "start-logging", "--name", "second"]);
    server.aws(&[&["sts", "get-caller-identity"], &member[..]].concat());
    let folder = format!("AWSLogs/{organization}/{INVITED}/CloudTrail/us-east-1/");
    eventually("the member's call is in the organization's folder of the bucket", || {
        let list = ["s3api", "list-objects-v2", "--bucket", "ledger", "--prefix", &folder];
        let list = server.aws_json(&list);
        list["Contents"].as_array().filter(|it| !it.is_empty()).map(drop)
    });
}
