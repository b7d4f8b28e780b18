//! Buckets of trails, as those try them who would hide something, and those who look after them.

use serde_json::Value;

use crate::{
    deliveries::{FAST, keys},
    harness::{Server, eventually},
};

/// Makes and starts a trail of its own name, and waits for its first log file.
fn trail(server: &Server, name: &str, more: &[&str]) {
    let trail = ["--name", name];
    server.aws(&[&["cloudtrail", "create-trail"], &trail[..], more].concat());
    server.aws(&[&["cloudtrail", "start-logging"], &trail[..]].concat());
    eventually("a log file is delivered", || {
        let status = server.aws_json(&[&["cloudtrail", "get-trail-status"], &trail[..]].concat());
        status.get("LatestDeliveryTime").map(drop)
    });
}

#[test]
fn what_a_trail_wrote_stays_in_view_whatever_is_tried_and_each_try_is_recorded() {
    let server = Server::start_with(&[], &[FAST]);
    server.aws(&["s3", "mb", "s3://audit-logs"]);
    trail(&server, "audit", &["--s3-bucket-name", "audit-logs"]);
    let key = keys(&server, "audit-logs").into_iter().find(|it| it.ends_with(".gz")).unwrap();
    let (mut tail, lines) = server.tail();
    let program = TRIES.replace("KEY", &format!("{key:?}"));
    assert_eq!(server.python(&program).trim(), "it is there");
    let wanted =
        ["CompleteMultipartUpload", "CopyObject", "DeleteObject", "DeleteObject", "PutObject"];
    let mut refused = Vec::new();
    for line in std::io::BufRead::lines(lines) {
        let record: Value = serde_json::from_str(&line.unwrap()).unwrap();
        if record["errorCode"] == "AccessDenied" {
            assert_eq!(record["errorMessage"], LOCKED, "{record}");
            assert!(record["resources"].to_string().contains(&key), "{record}");
            refused.push(record["eventName"].as_str().unwrap().to_owned());
        }
        if record["eventName"] == "DeleteTrail" {
            break;
        }
    }
    refused.sort();
    assert_eq!(refused, wanted);
    tail.kill().unwrap();
    tail.wait().unwrap();
}

const LOCKED: &str = "Access Denied because object protected by object lock.";
const TRIES: &str = r#"
import boto3
from botocore.exceptions import ClientError
s3, trails = boto3.client("s3"), boto3.client("cloudtrail")
it, elsewhere = {"Bucket": "audit-logs", "Key": KEY}, {"Bucket": "audit-logs", "Key": "mine"}
body = s3.get_object(**it)["Body"].read()
def refused(code, call, **arguments):
    try:
        call(**arguments)
        raise SystemExit(f"{call} was allowed")
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
    assert s3.get_object(**it)["Body"].read() == body
    assert it["Key"] in [it["Key"] for it in s3.list_objects_v2(Bucket="audit-logs")["Contents"]]
s3.put_object(**elsewhere, Body=b"mine")
refused("AccessDenied", s3.delete_object, **it)
gone = s3.delete_objects(Bucket="audit-logs", Delete={"Objects": [{"Key": it["Key"]}], "Quiet": True})
assert [it["Code"] for it in gone["Errors"]] == ["AccessDenied"], gone
refused("AccessDenied", s3.put_object, **it, Body=b"other")
refused("AccessDenied", s3.copy_object, **it, CopySource=elsewhere)
upload = s3.create_multipart_upload(**it)["UploadId"]
part = s3.upload_part(**it, UploadId=upload, PartNumber=1, Body=b"other")
parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
refused("AccessDenied", s3.complete_multipart_upload, **it, UploadId=upload, MultipartUpload=parts)
# There are no versions to hide it behind, nor anything that moves or ages it away.
refused("NotImplemented", s3.put_bucket_versioning, Bucket="audit-logs",
    VersioningConfiguration={"Status": "Enabled"})
expiry = {"Rules": [{"ID": "1", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]}
refused("NotImplemented", s3.put_bucket_lifecycle_configuration, Bucket="audit-logs",
    LifecycleConfiguration=expiry)
refused("NotImplemented", s3.rename_object, **elsewhere, RenameSource=f"audit-logs/{it['Key']}")
assert s3.get_object(**elsewhere)["Body"].read() == b"mine"
refused("BucketNotEmpty", s3.delete_bucket, Bucket="audit-logs")
trails.delete_trail(Name="audit")
refused("AccessDenied", s3.delete_object, **it)
print("it is there")
"#;
