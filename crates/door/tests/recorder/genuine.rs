//! Our records beside genuine ones of the same event: the same members, spelt the same way.
//!
//! The genuine ones are those of the sample records' authors; only names of members are kept here.

use serde_json::Value;

use crate::call::Call;

/// Names of the members of a value, with their place.
fn members(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members_of) => {
            for (name, inner) in members_of {
                let at = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                found.push(at.clone());
                members(inner, &at, found);
            }
        }
        Value::Array(elements) => {
            for inner in elements {
                members(inner, &format!("{at}[]"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[track_caller]
fn check(call: &Call, genuine: &[&str]) {
    let mut found = Vec::new();
    members(&call.record(), "", &mut found);
    found.sort();
    found.dedup();
    found.retain(|it| !it.starts_with("userIdentity.") && !it.starts_with("tlsDetails."));
    let mut genuine: Vec<String> = genuine.iter().map(|it| (*it).to_owned()).collect();
    genuine.extend(EVERY_RECORD.iter().map(|it| (*it).to_owned()));
    genuine.sort();
    assert_eq!(found, genuine);
}

const EVERY_RECORD: &[&str] = &[
    "awsRegion",
    "eventCategory",
    "eventID",
    "eventName",
    "eventSource",
    "eventTime",
    "eventType",
    "eventVersion",
    "managementEvent",
    "readOnly",
    "recipientAccountId",
    "requestID",
    "requestParameters",
    "responseElements",
    "sourceIPAddress",
    "tlsDetails",
    "userAgent",
    "userIdentity",
];

const S3_ADDITIONAL: [&str; 7] = [
    "additionalEventData",
    "additionalEventData.AuthenticationMethod",
    "additionalEventData.CipherSuite",
    "additionalEventData.SignatureVersion",
    "additionalEventData.bytesTransferredIn",
    "additionalEventData.bytesTransferredOut",
    "additionalEventData.x-amz-id-2",
];

const BUCKET: [&str; 4] =
    ["resources", "resources[].ARN", "resources[].accountId", "resources[].type"];

fn s3(uri: &str) -> Call {
    Call::new("GET", uri, "s3", "us-east-1").answered(200, &[("x-amz-id-2", "a")], "")
}

fn query(service: &str, form: &str, answer: &str) -> Call {
    let uri = format!("https://{service}.us-east-1.amazonaws.com/");
    Call::new("POST", &uri, service, "us-east-1").form(form).answered(200, &[], answer)
}

#[test]
fn get_object_has_the_members_of_a_genuine_record() {
    let own = ["requestParameters.Host", "requestParameters.bucketName", "requestParameters.key"];
    let genuine = [&own[..], &S3_ADDITIONAL, &BUCKET].concat();
    check(&s3("https://bucket.s3.amazonaws.com/ring.txt"), &genuine);
}

#[test]
fn list_objects_has_the_members_of_a_genuine_record() {
    let own = [
        "requestParameters.Host",
        "requestParameters.bucketName",
        "requestParameters.encoding-type",
        "requestParameters.list-type",
        "requestParameters.prefix",
        "resources[].ARNPrefix",
    ];
    let genuine = [&own[..], &S3_ADDITIONAL, &BUCKET].concat();
    let uri = "https://bucket.s3.amazonaws.com/?list-type=2&prefix=&encoding-type=url";
    check(&s3(uri), &genuine);
}

#[test]
fn get_bucket_location_has_the_members_of_a_genuine_record() {
    let own =
        ["requestParameters.Host", "requestParameters.bucketName", "requestParameters.location"];
    let genuine = [&own[..], &S3_ADDITIONAL, &BUCKET].concat();
    check(&s3("https://s3.us-east-1.amazonaws.com/bucket?location"), &genuine);
}

#[test]
fn put_parameter_has_the_members_of_a_genuine_record() {
    let body = r#"{"Name":"/c/1","Value":"v","Type":"SecureString","Overwrite":false,
        "AllowedPattern":"","Tags":[{"Key":"a","Value":"b"}],"Tier":"Standard"}"#;
    let call = Call::new("POST", "https://ssm.us-east-1.amazonaws.com/", "ssm", "us-east-1")
        .target("AmazonSSM.PutParameter", "1.1", body)
        .answered(200, &[], r#"{"Version":1,"Tier":"Standard"}"#);
    check(
        &call,
        &[
            "requestParameters.allowedPattern",
            "requestParameters.name",
            "requestParameters.overwrite",
            "requestParameters.tags",
            "requestParameters.tags[].key",
            "requestParameters.tags[].value",
            "requestParameters.tier",
            "requestParameters.type",
            "requestParameters.value",
            "resources",
            "resources[].ARN",
            "resources[].accountId",
            "responseElements.tier",
            "responseElements.version",
        ],
    );
}

#[test]
fn create_route_table_has_the_members_of_a_genuine_record() {
    let form = "Action=CreateRouteTable&Version=2016-11-15&VpcId=vpc-1\
         &TagSpecification.1.ResourceType=route-table&TagSpecification.1.Tag.1.Key=Name\
         &TagSpecification.1.Tag.1.Value=a";
    let answer = "<CreateRouteTableResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\
         <requestId>r</requestId><routeTable><routeTableId>rtb-1</routeTableId>\
         <vpcId>vpc-1</vpcId><ownerId>111122223333</ownerId><routeSet><item>\
         <destinationCidrBlock>10.0.0.0/16</destinationCidrBlock><gatewayId>local</gatewayId>\
         <state>active</state><origin>CreateRouteTable</origin></item></routeSet>\
         <associationSet/><propagatingVgwSet/><tagSet><item><key>Name</key><value>a</value></item>\
         </tagSet></routeTable></CreateRouteTableResponse>";
    check(
        &query("ec2", form, answer),
        &[
            "requestParameters.tagSpecificationSet",
            "requestParameters.tagSpecificationSet.items",
            "requestParameters.tagSpecificationSet.items[].resourceType",
            "requestParameters.tagSpecificationSet.items[].tags",
            "requestParameters.tagSpecificationSet.items[].tags[].key",
            "requestParameters.tagSpecificationSet.items[].tags[].value",
            "requestParameters.vpcId",
            "responseElements.requestId",
            "responseElements.routeTable",
            "responseElements.routeTable.associationSet",
            "responseElements.routeTable.ownerId",
            "responseElements.routeTable.propagatingVgwSet",
            "responseElements.routeTable.routeSet",
            "responseElements.routeTable.routeSet.items",
            "responseElements.routeTable.routeSet.items[].destinationCidrBlock",
            "responseElements.routeTable.routeSet.items[].gatewayId",
            "responseElements.routeTable.routeSet.items[].origin",
            "responseElements.routeTable.routeSet.items[].state",
            "responseElements.routeTable.routeTableId",
            "responseElements.routeTable.tagSet",
            "responseElements.routeTable.tagSet.items",
            "responseElements.routeTable.tagSet.items[].key",
            "responseElements.routeTable.tagSet.items[].value",
            "responseElements.routeTable.vpcId",
        ],
    );
}

#[test]
fn create_instance_profile_has_the_members_of_a_genuine_record() {
    let form = "Action=CreateInstanceProfile&Version=2010-05-08&InstanceProfileName=p&Path=%2F\
         &Tags.member.1.Key=a&Tags.member.1.Value=b";
    let answer = "<CreateInstanceProfileResponse><CreateInstanceProfileResult><InstanceProfile>\
         <Path>/</Path><InstanceProfileName>p</InstanceProfileName>\
         <InstanceProfileId>AIPA1</InstanceProfileId><Arn>arn:aws:iam::1:instance-profile/p</Arn>\
         <CreateDate>2026-02-03T09:05:12Z</CreateDate><Roles/><Tags><member><Key>a</Key>\
         <Value>b</Value></member></Tags></InstanceProfile></CreateInstanceProfileResult>\
         <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>\
         </CreateInstanceProfileResponse>";
    check(
        &query("iam", form, answer),
        &[
            "requestParameters.instanceProfileName",
            "requestParameters.path",
            "requestParameters.tags",
            "requestParameters.tags[].key",
            "requestParameters.tags[].value",
            "responseElements.instanceProfile",
            "responseElements.instanceProfile.arn",
            "responseElements.instanceProfile.createDate",
            "responseElements.instanceProfile.instanceProfileId",
            "responseElements.instanceProfile.instanceProfileName",
            "responseElements.instanceProfile.path",
            "responseElements.instanceProfile.roles",
            "responseElements.instanceProfile.tags",
            "responseElements.instanceProfile.tags[].key",
            "responseElements.instanceProfile.tags[].value",
        ],
    );
}

#[test]
fn create_db_subnet_group_has_the_members_of_a_genuine_record() {
    let form = "Action=CreateDBSubnetGroup&Version=2014-10-31&DBSubnetGroupName=g\
         &DBSubnetGroupDescription=d&SubnetIds.SubnetIdentifier.1=subnet-1\
         &Tags.Tag.1.Key=a&Tags.Tag.1.Value=b";
    let answer = "<CreateDBSubnetGroupResponse><CreateDBSubnetGroupResult><DBSubnetGroup>\
         <DBSubnetGroupName>g</DBSubnetGroupName><VpcId>vpc-1</VpcId><Subnets><Subnet>\
         <SubnetIdentifier>subnet-1</SubnetIdentifier><SubnetAvailabilityZone><Name>a</Name>\
         </SubnetAvailabilityZone><SubnetOutpost/><SubnetStatus>Active</SubnetStatus></Subnet>\
         </Subnets></DBSubnetGroup></CreateDBSubnetGroupResult></CreateDBSubnetGroupResponse>";
    check(
        &query("rds", form, answer),
        &[
            "requestParameters.dBSubnetGroupDescription",
            "requestParameters.dBSubnetGroupName",
            "requestParameters.subnetIds",
            "requestParameters.tags",
            "requestParameters.tags[].key",
            "requestParameters.tags[].value",
            "responseElements.dBSubnetGroupName",
            "responseElements.subnets",
            "responseElements.subnets[].subnetAvailabilityZone",
            "responseElements.subnets[].subnetAvailabilityZone.name",
            "responseElements.subnets[].subnetIdentifier",
            "responseElements.subnets[].subnetOutpost",
            "responseElements.subnets[].subnetStatus",
            "responseElements.vpcId",
        ],
    );
}

#[test]
fn get_federation_token_has_the_members_of_a_genuine_record() {
    let form = "Action=GetFederationToken&Version=2011-06-15&Name=n&Policy=%7B%7D";
    let answer = "<GetFederationTokenResponse><GetFederationTokenResult><Credentials>\
         <AccessKeyId>ASIASTJKC5GCM7ZE6LUP</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
         <SessionToken>t</SessionToken><Expiration>2026-02-03T10:05:12Z</Expiration></Credentials>\
         <FederatedUser><FederatedUserId>111122223333:n</FederatedUserId>\
         <Arn>arn:aws:sts::111122223333:federated-user/n</Arn></FederatedUser>\
         <PackedPolicySize>4</PackedPolicySize></GetFederationTokenResult>\
         </GetFederationTokenResponse>";
    check(
        &query("sts", form, answer),
        &[
            "requestParameters.name",
            "requestParameters.policy",
            "responseElements.credentials",
            "responseElements.credentials.accessKeyId",
            "responseElements.credentials.expiration",
            "responseElements.credentials.sessionToken",
            "responseElements.federatedUser",
            "responseElements.federatedUser.arn",
            "responseElements.federatedUser.federatedUserId",
            "responseElements.packedPolicySize",
        ],
    );
}

#[test]
fn add_permission_has_the_members_of_a_genuine_record() {
    let uri = "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/f/policy";
    let body = r#"{"StatementId":"s","Action":"lambda:InvokeFunction","Principal":"*"}"#;
    let call = Call::new("POST", uri, "lambda", "us-east-1").body(body).answered(
        201,
        &[],
        r#"{"Statement":"{\"Sid\":\"s\"}"}"#,
    );
    check(
        &call,
        &[
            "requestParameters.action",
            "requestParameters.functionName",
            "requestParameters.principal",
            "requestParameters.statementId",
            "responseElements.statement",
        ],
    );
}
