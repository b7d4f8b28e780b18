//! Trails, by the clients that people have.

use std::{
    net::{TcpListener, TcpStream},
    sync::{Arc, OnceLock},
    thread,
};

use crate::harness::{Server, eventually};

const ARN: &str = "arn:aws:cloudtrail:us-east-1:123456789012:trail/audit";

#[test]
fn the_cli_creates_describes_and_deletes_a_trail_and_each_call_is_recorded() {
    let mut server = Server::start(&[]);
    let missing = server.aws_raw(&[
        "cloudtrail",
        "create-trail",
        "--name",
        "audit",
        "--s3-bucket-name",
        "audit-logs",
    ]);
    let words = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(words.contains("S3BucketDoesNotExistException"), "{words}");
    server.aws(&["s3", "mb", "s3://audit-logs"]);
    let created = server.aws_json(&[
        "cloudtrail",
        "create-trail",
        "--name",
        "audit",
        "--s3-bucket-name",
        "audit-logs",
        "--is-multi-region-trail",
        "--enable-log-file-validation",
        "--tags-list",
        "Key=team,Value=audit",
    ]);
    assert_eq!(created["TrailARN"], ARN);
    let selectors = r#"[{"Name":"objects","FieldSelectors":[{"Field":"eventCategory","Equals":["Data"]},{"Field":"resources.type","Equals":["AWS::S3::Object"]}]}]"#;
    server.aws(&[
        "cloudtrail",
        "put-event-selectors",
        "--trail-name",
        "audit",
        "--advanced-event-selectors",
        selectors,
    ]);
    server.kill_and_restart();
    let described = server.aws_json(&["cloudtrail", "describe-trails"]);
    let trail = &described["trailList"][0];
    assert_eq!(trail["HasCustomEventSelectors"], true);
    assert_eq!(trail["HomeRegion"], "us-east-1");
    let away = server.aws_json(&["cloudtrail", "describe-trails", "--region", "eu-west-1"]);
    assert_eq!(away, described);
    let tags = server.aws_json(&["cloudtrail", "list-tags", "--resource-id-list", ARN]);
    assert_eq!(tags["ResourceTagList"][0]["TagsList"][0]["Value"], "audit");
    server.aws(&["cloudtrail", "delete-trail", "--name", "audit"]);
    let described = server.aws_json(&["cloudtrail", "describe-trails"]);
    assert_eq!(described["trailList"], serde_json::json!([]));

    let mut created = server.lookup("EventName", "CreateTrail");
    created.sort_by_key(|it| it.get("errorCode").is_some());
    assert_eq!(created.len(), 2);
    assert_eq!(created[0]["requestParameters"]["s3BucketName"], "audit-logs");
    assert_eq!(created[0]["responseElements"]["trailARN"], ARN);
    assert_eq!(created[1]["errorCode"], "S3BucketDoesNotExistException");
    assert_eq!(server.lookup("EventName", "DeleteTrail").len(), 1);
}

#[test]
fn what_terraform_calls_round_trips() {
    let server = Server::start(&[]);
    server.aws(&["s3", "mb", "s3://audit-logs"]);
    let said = server.python(
        r#"
import boto3
from botocore.exceptions import ClientError
c = boto3.client("cloudtrail")
key = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
made = c.create_trail(Name="audit", S3BucketName="audit-logs", S3KeyPrefix="logs", KmsKeyId=key,
    IncludeGlobalServiceEvents=True, SnsTopicName="files", TagsList=[{"Key": "env", "Value": "test"}])
arn = made["TrailARN"]
def read():
    trails = c.describe_trails(trailNameList=[arn])["trailList"]
    assert len(trails) == 1, trails
    assert c.get_trail_status(Name=arn)["IsLogging"] is False
    return trails[0]
trail = read()
assert (trail["S3KeyPrefix"], trail["KmsKeyId"]) == ("logs", key), trail
assert trail["SnsTopicARN"] == "arn:aws:sns:us-east-1:123456789012:files", trail
assert c.list_tags(ResourceIdList=[arn])["ResourceTagList"][0]["TagsList"] == [{"Key": "env", "Value": "test"}]
c.update_trail(Name=arn, S3KeyPrefix="", KmsKeyId="", SnsTopicName="", IsMultiRegionTrail=True)
trail = read()
assert not {"S3KeyPrefix", "KmsKeyId", "SnsTopicARN"} & set(trail), trail
assert trail["IsMultiRegionTrail"] is True
data = [{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True,
         "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}]}]
c.put_event_selectors(TrailName=arn, EventSelectors=data)
assert read()["HasCustomEventSelectors"] is True
assert c.get_event_selectors(TrailName=arn)["EventSelectors"][0]["DataResources"] == data[0]["DataResources"]
c.put_event_selectors(TrailName=arn, EventSelectors=[
    {"IncludeManagementEvents": True, "ReadWriteType": "All", "DataResources": []}])
assert read()["HasCustomEventSelectors"] is False
c.add_tags(ResourceId=arn, TagsList=[{"Key": "env", "Value": "prod"}])
c.remove_tags(ResourceId=arn, TagsList=[{"Key": "env"}])
assert c.list_tags(ResourceIdList=[arn])["ResourceTagList"] == [{"ResourceId": arn, "TagsList": []}]
c.delete_trail(Name=arn)
assert c.describe_trails(trailNameList=[arn])["trailList"] == []
for call in (c.delete_trail, c.get_trail_status, c.get_trail):
    try:
        call(Name=arn)
        raise AssertionError(call)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "TrailNotFoundException", error
print("round trip")
"#,
    );
    assert_eq!(said.trim(), "round trip");
}

/// A door in front of the server's own: a port that is known before the server has one.
fn relay() -> (u16, Arc<OnceLock<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, target) =
        (listener.local_addr().unwrap().port(), Arc::<OnceLock<String>>::default());
    let of = Arc::clone(&target);
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(of.wait()).unwrap());
            for (mut from, mut to) in
                [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)]
            {
                thread::spawn(move || {
                    std::io::copy(&mut from, &mut to).ok();
                    to.shutdown(std::net::Shutdown::Write).ok();
                });
            }
        }
    });
    (port, target)
}

#[test]
fn a_trail_whose_bucket_lies_behind_the_door_does_not_feed_itself() {
    let (port, target) = relay();
    let (id, secret) = ("AKIAIOSFODNN7DELIVER", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY");
    let server = Server::start_with(
        &[],
        &[
            ("TRAILMARK_ROOT_ACCESS_KEY_ID", id),
            ("TRAILMARK_ROOT_SECRET_ACCESS_KEY", secret),
            ("TRAILMARK_DELIVERY__FILE_AGE_SECONDS", "1"),
            ("TRAILMARK_BUCKETS__LEDGER__ENDPOINT", &format!("http://127.0.0.1:{port}")),
            ("TRAILMARK_BUCKETS__LEDGER__ACCESS_KEY_ID", id),
            ("TRAILMARK_BUCKETS__LEDGER__SECRET_ACCESS_KEY", secret),
        ],
    );
    target.set(server.endpoint().strip_prefix("http://").unwrap().to_owned()).unwrap();
    server.aws(&["s3", "mb", "s3://ledger"]);
    server.aws(&["cloudtrail", "create-trail", "--name", "audit", "--s3-bucket-name", "ledger"]);
    let everything = r#"[{"ReadWriteType":"WriteOnly","IncludeManagementEvents":false,"DataResources":[{"Type":"AWS::S3::Object","Values":["arn:aws:s3"]}]}]"#;
    let selectors = ["--trail-name", "audit", "--event-selectors", everything];
    server.aws(&[&["cloudtrail", "put-event-selectors"], &selectors[..]].concat());
    server.aws(&["cloudtrail", "start-logging", "--name", "audit"]);
    let objects = |records: &str| -> Vec<String> {
        let program = format!(
            r#"
import boto3, gzip, json
s3 = boto3.client("s3")
for it in s3.list_objects_v2(Bucket="ledger", Prefix="AWSLogs/123456789012/CloudTrail/").get("Contents", []):
    if it["Size"]:
        for record in json.loads(gzip.decompress(s3.get_object(Bucket="ledger", Key=it["Key"])["Body"].read()))["Records"]:
            {records}
"#
        );
        server.python(&program).lines().map(str::to_owned).collect()
    };
    for name in ["first", "second", "third"] {
        server.aws(&["s3api", "put-object", "--bucket", "ledger", "--key", name]);
        // The write of a log file is recorded before its trail can hear of the next call.
        eventually("the call is delivered", || {
            let keys = objects(r#"print(record["requestParameters"]["key"])"#);
            keys.iter().any(|it| it == name).then_some(())
        });
    }
    let mut keys = objects(r#"print(record["requestParameters"]["key"])"#);
    keys.sort();
    assert_eq!(keys, ["first", "second", "third"]);
    let seen = server.words();
    assert!(!seen.contains("ERROR"), "{seen}");
}
