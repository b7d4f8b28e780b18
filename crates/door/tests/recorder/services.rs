//! Records of services that speak each of AWS's protocols.

use serde_json::{Value, json};

use crate::call::{Call, pretty};

fn json_call(service: &str, target: &str, version: &str, body: &str) -> Call {
    let uri = format!("https://{service}.eu-west-1.amazonaws.com/");
    Call::new("POST", &uri, service, "eu-west-1").target(target, version, body)
}

#[test]
fn an_item_of_dynamodb_leaves_the_names_of_its_attributes() {
    let body = r#"{"TableName":"Music","Item":{"Artist":{"S":"No One You Know"},
        "SongTitle":{"S":"Call Me Today"}},"ReturnConsumedCapacity":"TOTAL"}"#;
    let record = json_call("dynamodb", "DynamoDB_20120810.PutItem", "1.0", body)
        .answered(
            200,
            &[("x-amzn-requestid", "4KBNVRGD25RG1KEO9UT4V3FQDJVV4KQNSO5AEMVJF66Q9ASUAAJG")],
            "{}",
        )
        .record();
    assert!(!record.to_string().contains("Call Me Today"), "{record}");
    assert_eq!(record["requestParameters"]["item"], json!(["Artist", "SongTitle"]));
    insta::assert_snapshot!(pretty(&record));
}

#[test]
fn a_transaction_names_every_table() {
    let body = r#"{"TransactItems":[{"Put":{"TableName":"Music","Item":{"Artist":{"S":"secret"}}}},
        {"Delete":{"TableName":"Old","Key":{"Artist":{"S":"secret"}}}}]}"#;
    let record = json_call("dynamodb", "DynamoDB_20120810.TransactWriteItems", "1.0", body)
        .answered(200, &[], "{}")
        .record();
    let arns: Vec<_> =
        record["resources"].as_array().unwrap().iter().map(|it| &it["ARN"]).collect();
    assert_eq!(
        arns,
        [
            "arn:aws:dynamodb:eu-west-1:111122223333:table/Music",
            "arn:aws:dynamodb:eu-west-1:111122223333:table/Old",
        ]
    );
}

#[test]
fn a_decryption_by_kms_shows_the_key_and_the_context_only() {
    let body = r#"{"CiphertextBlob":"Y2lwaGVy","KeyId":"alias/ledger",
        "EncryptionContext":{"department":"audit"}}"#;
    let record = json_call("kms", "TrentService.Decrypt", "1.1", body)
        .answered(
            200,
            &[],
            r#"{"Plaintext":"cGxhaW4=","KeyId":"arn:aws:kms:eu-west-1:111122223333:key/1"}"#,
        )
        .record();
    let text = record.to_string();
    assert!(!text.contains("Y2lwaGVy") && !text.contains("cGxhaW4="), "{text}");
    assert_eq!(record["readOnly"], true);
    insta::assert_snapshot!(pretty(&record));
}

#[test]
fn a_new_key_of_kms_is_named_by_the_answer() {
    let answer = r#"{"KeyMetadata":{"AWSAccountId":"111122223333","KeyId":"1234abcd",
        "Arn":"arn:aws:kms:eu-west-1:111122223333:key/1234abcd","CreationDate":1770109511.25,
        "Enabled":true}}"#;
    let record = json_call("kms", "TrentService.CreateKey", "1.1", r#"{"Description":"ledger"}"#)
        .answered(200, &[], answer)
        .record();
    assert_eq!(
        record["resources"],
        json!([{"accountId": "111122223333", "type": "AWS::KMS::Key",
            "ARN": "arn:aws:kms:eu-west-1:111122223333:key/1234abcd"}])
    );
    insta::assert_snapshot!(pretty(&record));
}

#[test]
fn a_message_of_sqs_is_hidden_and_its_queue_named() {
    let body = r#"{"QueueUrl":"https://sqs.eu-west-1.amazonaws.com/111122223333/orders",
        "MessageBody":"my secret message","MessageGroupId":"g"}"#;
    let record = json_call("sqs", "AmazonSQS.SendMessage", "1.0", body)
        .answered(
            200,
            &[],
            r#"{"MessageId":"m-1","MD5OfMessageBody":"0cc175b9c0f1b6a831c399e269772661"}"#,
        )
        .record();
    assert!(!record.to_string().contains("my secret message"), "{record}");
    insta::assert_snapshot!(pretty(&record));
}

#[test]
fn a_secret_is_never_in_a_record_of_secrets_manager() {
    let body = r#"{"Name":"prod/db","SecretString":"hunter2","Description":"the database"}"#;
    let record = json_call("secretsmanager", "secretsmanager.CreateSecret", "1.1", body)
        .answered(200, &[], r#"{"ARN":"arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/db-a1","Name":"prod/db"}"#)
        .record();
    assert!(!record.to_string().contains("hunter2"), "{record}");
    insta::assert_snapshot!(pretty(&record));
}

#[test]
fn a_parameter_of_systems_manager_is_hidden_at_its_place() {
    let body = r#"{"Name":"/credentials/db","Value":"hunter2","Type":"String","Overwrite":false}"#;
    let record = json_call("ssm", "AmazonSSM.PutParameter", "1.1", body)
        .answered(200, &[], r#"{"Version":1,"Tier":"Standard"}"#)
        .record();
    assert_eq!(record["requestParameters"]["value"], "HIDDEN_DUE_TO_SECURITY_REASONS");
    insta::assert_snapshot!(pretty(&record));
}

#[test]
fn an_access_key_of_iam_is_shown_without_its_secret() {
    let answer = "<CreateAccessKeyResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\
        <CreateAccessKeyResult><AccessKey><UserName>bob</UserName>\
        <AccessKeyId>AKIAIOSFODNN7EXAMPLE</AccessKeyId><Status>Active</Status>\
        <SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY</SecretAccessKey>\
        <CreateDate>2026-02-03T09:05:12Z</CreateDate></AccessKey></CreateAccessKeyResult>\
        <ResponseMetadata><RequestId>7a62c49f</RequestId></ResponseMetadata>\
        </CreateAccessKeyResponse>";
    let record = Call::new("POST", "https://iam.amazonaws.com/", "iam", "eu-west-1")
        .form("Action=CreateAccessKey&Version=2010-05-08&UserName=bob")
        .answered(200, &[], answer)
        .record();
    assert!(!record.to_string().contains("wJalrXUtnFEMI"), "{record}");
    assert_eq!(record["awsRegion"], "us-east-1");
    insta::assert_snapshot!(pretty(&record));
}

#[test]
fn a_route_table_of_ec2_has_lists_of_items() {
    let answer = "<CreateRouteTableResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\
        <requestId>9007904f-0f30-4657-80a9-abddd3b2bdc9</requestId><routeTable>\
        <routeTableId>rtb-0d49</routeTableId><vpcId>vpc-06fe</vpcId>\
        <ownerId>111122223333</ownerId><routeSet><item>\
        <destinationCidrBlock>10.0.0.0/16</destinationCidrBlock><gatewayId>local</gatewayId>\
        <state>active</state><origin>CreateRouteTable</origin></item></routeSet>\
        <associationSet/><propagatingVgwSet/><tagSet><item><key>Name</key><value>a</value></item>\
        </tagSet></routeTable></CreateRouteTableResponse>";
    let record = Call::new("POST", "https://ec2.eu-west-1.amazonaws.com/", "ec2", "eu-west-1")
        .form(
            "Action=CreateRouteTable&Version=2016-11-15&VpcId=vpc-06fe\
             &TagSpecification.1.ResourceType=route-table&TagSpecification.1.Tag.1.Key=Name\
             &TagSpecification.1.Tag.1.Value=a",
        )
        .answered(200, &[], answer)
        .record();
    insta::assert_snapshot!(pretty(&record));
}

#[test]
fn a_metric_of_cloudwatch_is_read_from_cbor() {
    let mut body = Vec::new();
    let alarm = json!({
        "AlarmName": "errors",
        "MetricName": "Errors",
        "Namespace": "Ledger",
        "Threshold": 1.5,
    });
    ciborium::into_writer(&alarm, &mut body).unwrap();
    let path = "/service/GraniteServiceVersion20100801/operation/PutMetricAlarm";
    let uri = format!("https://monitoring.eu-west-1.amazonaws.com{path}");
    let record = Call::new("POST", &uri, "monitoring", "eu-west-1")
        .header("smithy-protocol", "rpc-v2-cbor")
        .header("content-type", "application/cbor")
        .body(body)
        .answered(200, &[("smithy-protocol", "rpc-v2-cbor")], "")
        .record();
    insta::assert_snapshot!(pretty(&record));
}

#[test]
fn a_function_of_lambda_is_shown_without_code_and_environment() {
    let body = r#"{"FunctionName":"nightly","Runtime":"python3.13","Role":"arn:aws:iam::111122223333:role/l",
        "Handler":"a.b","Code":{"ZipFile":"UEsDBA=="},"Environment":{"Variables":{"DB_PASSWORD":"hunter2"}}}"#;
    let answer = r#"{"FunctionName":"nightly","FunctionArn":"arn:aws:lambda:eu-west-1:111122223333:function:nightly",
        "Environment":{"Variables":{"DB_PASSWORD":"hunter2"}},"MemorySize":128}"#;
    let uri = "https://lambda.eu-west-1.amazonaws.com/2015-03-31/functions";
    let record = Call::new("POST", uri, "lambda", "eu-west-1")
        .header("content-type", "application/json")
        .body(body)
        .answered(201, &[], answer)
        .record();
    let text = record.to_string();
    assert!(!text.contains("hunter2") && !text.contains("UEsDBA"), "{text}");
    assert!(!text.contains("DB_PASSWORD"), "{text}");
    assert_eq!(record["eventName"], "CreateFunction20150331");
    insta::assert_snapshot!(pretty(&record));
}

#[test]
fn an_invocation_of_lambda_is_a_data_event_about_the_function() {
    let uri = "https://lambda.eu-west-1.amazonaws.com/2015-03-31/functions/nightly%3A7/invocations";
    let record = Call::new("POST", uri, "lambda", "eu-west-1")
        .header("x-amz-invocation-type", "Event")
        .object(100)
        .streamed(202, &[("x-amz-executed-version", "7")], 0)
        .record();
    assert_eq!(record["eventCategory"], "Data");
    insta::assert_snapshot!(pretty(&record));
}

#[test]
fn a_hosted_zone_of_route_53_is_read_from_xml() {
    let body = "<CreateHostedZoneRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">\
        <Name>example.com</Name><CallerReference>r-1</CallerReference>\
        <HostedZoneConfig><Comment>c</Comment><PrivateZone>false</PrivateZone></HostedZoneConfig>\
        </CreateHostedZoneRequest>";
    let answer = "<CreateHostedZoneResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">\
        <HostedZone><Id>/hostedzone/Z1</Id><Name>example.com.</Name>\
        <CallerReference>r-1</CallerReference></HostedZone>\
        <ChangeInfo><Id>/change/C1</Id><Status>PENDING</Status>\
        <SubmittedAt>2026-02-03T09:05:12Z</SubmittedAt></ChangeInfo>\
        <DelegationSet><NameServers><NameServer>ns-1.example</NameServer></NameServers>\
        </DelegationSet></CreateHostedZoneResponse>";
    let uri = "https://route53.amazonaws.com/2013-04-01/hostedzone";
    let record = Call::new("POST", uri, "route53", "us-east-1")
        .body(body)
        .answered(
            201,
            &[("location", "https://route53.amazonaws.com/2013-04-01/hostedzone/Z1")],
            answer,
        )
        .record();
    insta::assert_snapshot!(pretty(&record));
}

#[test]
fn a_database_of_rds_hides_its_password_on_both_sides() {
    let answer = "<CreateDBInstanceResponse xmlns=\"http://rds.amazonaws.com/doc/2014-10-31/\">\
        <CreateDBInstanceResult><DBInstance><DBInstanceIdentifier>ledger</DBInstanceIdentifier>\
        <PendingModifiedValues><MasterUserPassword>hunter2</MasterUserPassword>\
        </PendingModifiedValues><DBInstanceArn>arn:aws:rds:eu-west-1:111122223333:db:ledger\
        </DBInstanceArn></DBInstance></CreateDBInstanceResult><ResponseMetadata>\
        <RequestId>r-1</RequestId></ResponseMetadata></CreateDBInstanceResponse>";
    let record = Call::new("POST", "https://rds.eu-west-1.amazonaws.com/", "rds", "eu-west-1")
        .form(
            "Action=CreateDBInstance&Version=2014-10-31&DBInstanceIdentifier=ledger\
             &DBInstanceClass=db.t3.micro&Engine=mysql&MasterUsername=admin\
             &MasterUserPassword=hunter2&AllocatedStorage=10&Tags.Tag.1.Key=k&Tags.Tag.1.Value=v",
        )
        .answered(200, &[], answer)
        .record();
    assert!(!record.to_string().contains("hunter2"), "{record}");
    assert_eq!(record["requestParameters"]["masterUserPassword"], "HIDDEN_DUE_TO_SECURITY_REASONS");
    // As AWS does, without the element that wraps it.
    assert_eq!(record["responseElements"]["dBInstanceIdentifier"], "ledger");
    insta::assert_snapshot!(pretty(&record));
}

#[test]
fn a_read_only_call_has_no_response_elements() {
    let record =
        json_call("ssm", "AmazonSSM.GetParameter", "1.1", r#"{"Name":"/a","WithDecryption":true}"#)
            .answered(200, &[], r#"{"Parameter":{"Name":"/a","Value":"hunter2"}}"#)
            .record();
    assert_eq!(record["responseElements"], Value::Null);
    assert!(!record.to_string().contains("hunter2"));
    assert_eq!(
        record["resources"],
        json!([{"accountId": "111122223333",
            "ARN": "arn:aws:ssm:eu-west-1:111122223333:parameter/a"}])
    );
}

#[test]
fn a_compressed_body_is_read() {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(br#"{"Name":"/a"}"#).unwrap();
    let record = Call::new("POST", "https://ssm.eu-west-1.amazonaws.com/", "ssm", "eu-west-1")
        .target("AmazonSSM.GetParameter", "1.1", "")
        .header("content-encoding", "gzip")
        .body(encoder.finish().unwrap())
        .answered(200, &[], "{}")
        .record();
    assert_eq!(record["requestParameters"], json!({"name": "/a"}));
}
