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

/// What Terraform's provider calls for `aws_cloudtrail`, with the SDK that it uses, and for what goes
/// with an organization trail. Each plan must find nothing to do after what was applied.
const PROVIDER: &str = r#"
import os, boto3
from botocore.exceptions import ClientError

def client(service, profile=None, region=None):
    made = boto3.Session(profile_name=profile, region_name=region).client(service)
    def like_go(request, **_):
        target = request.headers["X-Amz-Target"]
        operation = (target if isinstance(target, str) else target.decode()).rpartition(".")[2]
        del request.headers["X-Amz-Target"]
        request.headers["X-Amz-Target"] = "CloudTrail_20131101." + operation
    if service == "cloudtrail":
        made.meta.events.register("before-sign.cloudtrail", like_go)
    return made

def code(call, **request):
    try:
        call(**request)
    except ClientError as error:
        return error.response["Error"]["Code"]

DEFAULT = [{"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": [],
            "ExcludeManagementEventSources": []}]

class Trail:
    """One `aws_cloudtrail`: configuration in, state out."""
    def __init__(self, cloudtrail):
        self.c, self.id = cloudtrail, None

    def create(self, config):
        request = dict(Name=config["name"], S3BucketName=config["bucket"],
            IncludeGlobalServiceEvents=config.get("global", True), TagsList=tags(config))
        for name, key in OPTIONS.items():
            if key in config:
                request[name] = config[key]
        self.id = self.c.create_trail(**request)["TrailARN"]
        if config.get("logging", True):
            self.c.start_logging(Name=self.id)
        self.selectors(config)
        return self.read()

    def selectors(self, config):
        if "advanced" in config:
            self.c.put_event_selectors(TrailName=self.id, AdvancedEventSelectors=config["advanced"])
        elif "basic" in config:
            self.c.put_event_selectors(TrailName=self.id, EventSelectors=config["basic"])

    def read(self):
        found = self.c.describe_trails(trailNameList=[self.id])["trailList"]
        if not found:
            return None
        trail, = found
        # Imported by name, known by ARN from then on.
        self.id = trail["TrailARN"]
        state = dict(name=trail["Name"], bucket=trail["S3BucketName"], home=trail["HomeRegion"])
        state["global"] = trail["IncludeGlobalServiceEvents"]
        for name, key in OPTIONS.items():
            shown = {"SnsTopicName": "SnsTopicARN", "EnableLogFileValidation": "LogFileValidationEnabled"}.get(name, name)
            if trail.get(shown):
                state[key] = trail[shown].split(":")[-1] if key == "topic" else trail[shown]
        state["logging"] = self.c.get_trail_status(Name=self.id)["IsLogging"]
        if trail["HasCustomEventSelectors"]:
            answer = self.c.get_event_selectors(TrailName=self.id)
            if answer.get("AdvancedEventSelectors"):
                state["advanced"] = answer["AdvancedEventSelectors"]
            elif answer["EventSelectors"] != DEFAULT:
                state["basic"] = answer["EventSelectors"]
        assert trail["HasInsightSelectors"] is False
        listed, = self.c.list_tags(ResourceIdList=[self.id])["ResourceTagList"]
        state["tags"] = {it["Key"]: it["Value"] for it in listed["TagsList"]}
        return state

    def update(self, old, new):
        changed = {name: new.get(key, False if isinstance(old.get(key), bool) else "")
                   for name, key in OPTIONS.items() if old.get(key) != new.get(key)}
        if old["bucket"] != new["bucket"]:
            changed["S3BucketName"] = new["bucket"]
        if changed:
            self.c.update_trail(Name=self.id, **changed)
        if old.get("logging", True) != new.get("logging", True):
            (self.c.start_logging if new.get("logging", True) else self.c.stop_logging)(Name=self.id)
        if {"basic", "advanced"} & set(old) and not {"basic", "advanced"} & set(new):
            self.c.put_event_selectors(TrailName=self.id, EventSelectors=[
                {"IncludeManagementEvents": True, "ReadWriteType": "All", "DataResources": []}])
        else:
            self.selectors(new)
        gone = [{"Key": key} for key in old.get("tags", {}) if key not in new.get("tags", {})]
        if gone:
            self.c.remove_tags(ResourceId=self.id, TagsList=gone)
        if new.get("tags", {}) != old.get("tags", {}) and new.get("tags"):
            self.c.add_tags(ResourceId=self.id, TagsList=tags(new))
        return self.read()

    def delete(self):
        self.c.delete_trail(Name=self.id)
        assert code(self.c.delete_trail, Name=self.id) == "TrailNotFoundException"
        assert self.read() is None

def tags(config):
    return [{"Key": key, "Value": value} for key, value in config.get("tags", {}).items()]

OPTIONS = {"S3KeyPrefix": "prefix", "SnsTopicName": "topic", "IsMultiRegionTrail": "multi_region",
    "EnableLogFileValidation": "validation", "IsOrganizationTrail": "organization", "KmsKeyId": "key"}

def same(config, state):
    """What a plan compares."""
    expected = {"global": True, "logging": True, "home": "us-east-1", "tags": {}, **config}
    assert state == {k: v for k, v in expected.items() if v is not False or k == "logging"}, (expected, state)

def organization(o):
    """Reading `aws_organizations_organization`."""
    described = o.describe_organization()["Organization"]
    pages = o.get_paginator("list_accounts").paginate()
    accounts = sorted(it["Id"] for page in pages for it in page["Accounts"])
    roots = [it for page in o.get_paginator("list_roots").paginate() for it in page["Roots"]]
    pages = o.get_paginator("list_aws_service_access_for_organization").paginate()
    services = [it["ServicePrincipal"] for page in pages for it in page["EnabledServicePrincipals"]]
    assert described["FeatureSet"] == "ALL" and len(roots) == 1, (described, roots)
    return described["Id"], accounts, services

def delegates(o):
    """Reading `aws_cloudtrail_organization_delegated_admin_account`."""
    pages = o.get_paginator("list_delegated_administrators").paginate(ServicePrincipal="cloudtrail.amazonaws.com")
    return {it["Id"]: (it["Arn"], it["Email"], it["Name"]) for page in pages for it in page["DelegatedAdministrators"]}
"#;

#[test]
fn what_terraform_calls_for_an_organization_trail_round_trips() {
    let server = Server::start(&[]);
    add_account(&server, INVITED);
    for bucket in ["ledger", "second"] {
        server.aws(&["s3", "mb", &format!("s3://{bucket}")]);
    }
    let script = r#"
management, home, member = "123456789012", "us-east-1", "222233334444"
o, c = client("organizations"), client("cloudtrail")
service = "cloudtrail.amazonaws.com"
assert code(o.describe_organization) == "AWSOrganizationsNotInUseException"
plain = {"name": "audit", "bucket": "ledger"}
wanted = {**plain, "organization": True, "multi_region": True, "validation": True}
assert code(c.create_trail, Name="audit", S3BucketName="ledger", IsOrganizationTrail=True) == "OrganizationsNotInUseException"
made = o.create_organization(FeatureSet="ALL")["Organization"]
assert code(c.create_trail, Name="audit", S3BucketName="ledger", IsOrganizationTrail=True) == "CloudTrailAccessNotEnabledException"
o.enable_aws_service_access(ServicePrincipal=service)
o.invite_account_to_organization(Target={"Type": "ACCOUNT", "Id": member})
assert organization(o) == (made["Id"], sorted([management, member]), [service])

# Apply, refresh, and a plan that finds nothing to do.
trail = Trail(c)
config = {**wanted, "prefix": "logs", "topic": "files", "tags": {"env": "prod"},
    "advanced": [{"Name": "", "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]}]}
same(config, trail.create(config))
same(config, trail.read())

# In place: selectors, tags, prefix and topic go, the bucket changes.
changed = {**wanted, "bucket": "second", "tags": {"team": "audit"}, "logging": False}
same(changed, trail.update(config, changed))
again = {**wanted, "basic": [{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True,
    "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}], "ExcludeManagementEventSources": ["kms.amazonaws.com"]}]}
same(again, trail.update(changed, again))
# An organization's trail becomes the account's own, and the organization's again.
own = {**again, "organization": False}
same(own, trail.update(again, own))
same(again, trail.update(own, again))

# Import, by ARN and by name; from another account or region it is to be seen, not to be had.
for known in (trail.id, "audit"):
    imported = Trail(c)
    imported.id = known
    same(again, imported.read())
for profile, region, refusal in (("root-" + member, home, "NotOrganizationMasterAccountException"), (None, "eu-west-1", "InvalidHomeRegionException")):
    other = Trail(client("cloudtrail", profile, region))
    other.id = trail.id
    same(again, other.read())
    assert code(other.c.update_trail, Name=trail.id, IsMultiRegionTrail=False) == refusal
    assert code(other.c.delete_trail, Name=trail.id) == refusal

# A delegated administrator, who takes the trail over and cannot be removed meanwhile.
c.register_organization_delegated_admin(MemberAccountId=member)
assert delegates(o)[member][0].endswith(f"account/{made['Id']}/{member}"), delegates(o)
taken = Trail(client("cloudtrail", "root-" + member))
taken.id = trail.id
same({**again, "logging": False}, taken.update(again, {**again, "logging": False}))
assert code(o.remove_account_from_organization, AccountId=member) == "ConstraintViolationException"
c.deregister_organization_delegated_admin(DelegatedAdminAccountId=member)
assert delegates(o) == {}

# Out of the organization, out of its trail.
o.remove_account_from_organization(AccountId=member)
assert taken.read() is None
assert organization(o)[1] == [management]
trail.delete()
print("round trip")
"#;
    let said = server.python(&format!("{PROVIDER}\n{script}"));
    assert_eq!(said.trim(), "round trip");
}
