//! Requests of every protocol, read and spelt as CloudTrail does.

use http::Request;
use serde_json::json;

use super::*;
use crate::identify::{Domains, identify};

/// Reads a request and spells it as CloudTrail does.
#[track_caller]
fn check(text: &str, service: &str, body: &str, expected: Value) {
    let mut lines = text.lines();
    let (method, uri) = lines.next().unwrap().split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(uri).header("host", "h").header(
        "authorization",
        format!("AWS4-HMAC-SHA256 Credential=K/20260101/r/{service}/aws4_request, Signature=0"),
    );
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    let parts = request.body(()).unwrap().into_parts().0;
    let mut it = identify(&parts, &Domains::default()).unwrap();
    if it.needs_form {
        it = it.with_form(body.as_bytes()).unwrap();
    }
    let read = read(&it, &parts, body.as_bytes()).unwrap();
    assert_eq!(cloudtrail_names(&it, Side::Request, read), expected);
}

const FORM: &str = "POST /\ncontent-type: application/x-www-form-urlencoded";

#[test]
fn members_begin_with_a_small_letter_and_keys_stay() {
    check(
        "POST /\nx-amz-target: TrentService.CreateGrant",
        "kms",
        r#"{"KeyId":"k","Constraints":{"EncryptionContextSubset":{"Tenant":"A"}},"New":{"In":1}}"#,
        json!({"keyId": "k", "constraints": {"encryptionContextSubset": {"Tenant": "A"}},
               "new": {"In": 1}}),
    );
    check(
        FORM,
        "rds",
        "Action=DeleteDBInstance&Version=2014-10-31&DBInstanceIdentifier=d&SkipFinalSnapshot=true",
        json!({"dBInstanceIdentifier": "d", "skipFinalSnapshot": true}),
    );
}

#[test]
fn lists_of_ec2_are_sets_of_items() {
    check(
        FORM,
        "ec2",
        "Action=DescribeVpcs&Version=2016-11-15&VpcId.1=v&Filter.1.Name=n&Filter.1.Value.1=x",
        json!({"vpcSet": {"items": [{"vpcId": "v"}]},
               "filterSet": {"items": [{"name": "n", "valueSet": {"items": [{"value": "x"}]}}]}}),
    );
}

#[test]
fn calls_of_s3_show_the_names_of_the_wire() {
    check(
        "GET /b?list-type=2&prefix=p%2F&max-keys=5",
        "s3",
        "",
        json!({"bucketName": "b", "Host": "h", "list-type": "2", "prefix": "p/", "max-keys": "5"}),
    );
    check(
        "PUT /b/k%20k\nx-amz-storage-class: STANDARD_IA\nx-amz-meta-a: b",
        "s3",
        "",
        json!({"bucketName": "b", "Host": "h", "key": "k k", "x-amz-storage-class": "STANDARD_IA",
               "x-amz-meta-a": "b"}),
    );
    check(
        "PUT /b?versioning",
        "s3",
        "<VersioningConfiguration xmlns='x'><Status>Enabled</Status></VersioningConfiguration>",
        json!({"bucketName": "b", "Host": "h", "versioning": "",
               "VersioningConfiguration": {"Status": "Enabled"}}),
    );
    check(
        "PUT /b?policy",
        "s3",
        r#"{"Version":"2012-10-17"}"#,
        json!({"bucketName": "b", "Host": "h", "policy": "",
               "bucketPolicy": {"Version": "2012-10-17"}}),
    );
}

#[test]
fn bytes_and_streams_are_left_out() {
    check(
        "POST /\nx-amz-target: TrentService.Encrypt",
        "kms",
        r#"{"KeyId":"k","Plaintext":"c2VjcmV0"}"#,
        json!({"keyId": "k"}),
    );
    check(
        "POST /2015-03-31/functions/f/invocations\nx-amz-invocation-type: Event",
        "lambda",
        r#"{"password":"p"}"#,
        json!({"functionName": "f", "invocationType": "Event"}),
    );
}
