//! Answers of every protocol, and what became of the call.

use http::{HeaderName, HeaderValue, Request};
use serde_json::json;

use super::*;
use crate::{
    catalogue::Side,
    identify::{Domains, identify},
    parameters::cloudtrail_names,
};

/// A call to an operation by name, without what only a request would say.
fn call(service: &str, operation: &str, protocol: Protocol) -> Identified {
    let parts = Request::builder().uri("/bucket/key").body(()).unwrap().into_parts().0;
    let mut it = identify(&parts, &Domains::default()).unwrap();
    it.service = crate::catalogue::catalogue().service(service);
    it.operation = it.service.and_then(|it| it.operation(operation));
    assert!(it.operation.is_some());
    it.protocol = protocol;
    it
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &'static str)| {
        (HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    pairs.iter().map(pair).collect()
}

#[track_caller]
fn check_fault(
    it: &Identified,
    status: u16,
    heads: &[(&'static str, &'static str)],
    body: &str,
    expected: (&str, Option<&str>, Option<&str>),
) {
    let status = StatusCode::from_u16(status).unwrap();
    let found = read(it, status, &headers(heads), Some(body.as_bytes()));
    let (code, message, request_id) = expected;
    assert_eq!(found.error_code.as_deref(), Some(code));
    assert_eq!(found.error_message.as_deref(), message);
    assert_eq!(found.request_id.as_deref(), request_id);
    assert_eq!(found.elements, None);
}

#[test]
fn errors_are_read_in_every_protocol() {
    check_fault(
        &call("kms", "DisableKey", Protocol::Json11),
        400,
        &[("x-amzn-requestid", "r")],
        r#"{"__type":"com.amazonaws.kms#NotFoundException:http://x","message":"m"}"#,
        ("NotFoundException", Some("m"), Some("r")),
    );
    check_fault(
        &call("lambda", "DeleteFunction", Protocol::RestJson),
        404,
        &[("x-amzn-errortype", "ResourceNotFoundException:"), ("x-amzn-requestid", "r")],
        r#"{"Message":"m"}"#,
        ("ResourceNotFoundException", Some("m"), Some("r")),
    );
    check_fault(
        &call("sqs", "DeleteQueue", Protocol::Json10),
        400,
        &[("x-amzn-query-error", "AWS.SimpleQueueService.NonExistentQueue;Sender")],
        r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"m"}"#,
        ("AWS.SimpleQueueService.NonExistentQueue", Some("m"), None),
    );
    check_fault(
        &call("sts", "AssumeRole", Protocol::Query),
        403,
        &[],
        "<ErrorResponse xmlns='x'><Error><Type>Sender</Type><Code>AccessDenied</Code>\
         <Message>m</Message></Error><RequestId>r</RequestId></ErrorResponse>",
        ("AccessDenied", Some("m"), Some("r")),
    );
    check_fault(
        &call("ec2", "RunInstances", Protocol::Ec2),
        403,
        &[],
        "<?xml version='1.0'?><Response><Errors><Error><Code>UnauthorizedOperation</Code>\
         <Message>m</Message></Error></Errors><RequestID>r</RequestID></Response>",
        ("Client.UnauthorizedOperation", Some("m"), Some("r")),
    );
    check_fault(
        &call("s3", "GetObject", Protocol::RestXml),
        404,
        &[("x-amz-request-id", "r")],
        "<Error><Code>NoSuchKey</Code><Message>m</Message><HostId>h</HostId></Error>",
        ("NoSuchKey", Some("m"), Some("r")),
    );
}

#[test]
fn a_cbor_error_is_read() {
    let body = cbor::write(&json!({"__type": "a.b#ResourceNotFound", "message": "m"}));
    let it = call("cloudwatch", "PutMetricData", Protocol::RpcV2Cbor);
    let heads = headers(&[("smithy-protocol", "rpc-v2-cbor")]);
    let found = read(&it, StatusCode::BAD_REQUEST, &heads, Some(&body));
    assert_eq!(found.error_code.as_deref(), Some("ResourceNotFound"));
    assert_eq!(found.error_message.as_deref(), Some("m"));
}

#[test]
fn an_error_inside_200_is_an_error() {
    let body =
        "<?xml version='1.0'?>\n\n<Error><Code>InternalError</Code><Message>m</Message></Error>";
    let it = call("s3", "CompleteMultipartUpload", Protocol::RestXml);
    check_fault(&it, 200, &[], body, ("InternalError", Some("m"), None));
    let other = call("s3", "GetObjectTagging", Protocol::RestXml);
    let found = read(&other, StatusCode::OK, &HeaderMap::new(), Some(body.as_bytes()));
    assert_eq!(found.error_code, None);
}

#[test]
fn objects_that_were_not_deleted_are_listed() {
    let body = "<DeleteResult><Deleted><Key>a</Key></Deleted>\
        <Error><Key>b</Key><Code>AccessDenied</Code><Message>m</Message></Error></DeleteResult>";
    let it = call("s3", "DeleteObjects", Protocol::RestXml);
    let found = read(&it, StatusCode::OK, &HeaderMap::new(), Some(body.as_bytes()));
    assert_eq!(found.error_code, None);
    let [item] = found.item_errors.as_slice() else { panic!("{found:?}") };
    assert_eq!((item.key.as_str(), item.code.as_str()), ("b", "AccessDenied"));
}

#[test]
fn an_error_without_body_has_the_code_of_its_status() {
    let mut it = call("s3", "HeadObject", Protocol::RestXml);
    it.key = Some("key".to_owned());
    check_fault(&it, 404, &[("x-amz-request-id", "r")], "", ("NoSuchKey", None, Some("r")));
    check_fault(&it, 403, &[], "", ("AccessDenied", None, None));
    let it = call("s3", "HeadBucket", Protocol::RestXml);
    check_fault(&it, 404, &[], "", ("NoSuchBucket", None, None));
    let it = call("kms", "DisableKey", Protocol::Json11);
    check_fault(
        &it,
        502,
        &[],
        "<html><body>Bad Gateway</body></html>",
        ("HttpStatus502", None, None),
    );
}

#[track_caller]
fn check_elements(it: &Identified, heads: &HeaderMap, body: &str, expected: Value) {
    let found = read(it, StatusCode::OK, heads, Some(body.as_bytes()));
    assert_eq!(found.error_code, None);
    let named = found.elements.map_or(Value::Null, |it_| cloudtrail_names(it, Side::Response, it_));
    assert_eq!(named, expected);
}

#[test]
fn elements_of_writes_are_shown_and_those_of_reads_are_not() {
    let none = HeaderMap::new();
    check_elements(
        &call("kms", "CreateKey", Protocol::Json11),
        &none,
        r#"{"KeyMetadata":{"KeyId":"k","CreationDate":1770109267.0}}"#,
        json!({"keyMetadata": {"keyId": "k", "creationDate": "Feb 3, 2026, 9:01:07 AM"}}),
    );
    check_elements(
        &call("kms", "DescribeKey", Protocol::Json11),
        &none,
        r#"{"KeyMetadata":{"KeyId":"k"}}"#,
        Value::Null,
    );
    check_elements(
        &call("sts", "AssumeRole", Protocol::Query),
        &none,
        "<AssumeRoleResponse><AssumeRoleResult><AssumedRoleUser><Arn>a</Arn></AssumedRoleUser>\
         <PackedPolicySize>6</PackedPolicySize></AssumeRoleResult></AssumeRoleResponse>",
        json!({"assumedRoleUser": {"arn": "a"}, "packedPolicySize": 6}),
    );
    check_elements(
        &call("ec2", "RunInstances", Protocol::Ec2),
        &none,
        "<RunInstancesResponse><requestId>q</requestId><reservationId>r</reservationId>\
         <groupSet/><instancesSet><item><instanceId>i</instanceId></item></instancesSet>\
         </RunInstancesResponse>",
        json!({"reservationId": "r", "groupSet": {}, "requestId": "q",
               "instancesSet": {"items": [{"instanceId": "i"}]}}),
    );
    check_elements(
        &call("ec2", "DeleteSubnet", Protocol::Ec2),
        &none,
        "<DeleteSubnetResponse><requestId>q</requestId><return>true</return></DeleteSubnetResponse>",
        json!({"requestId": "q", "_return": true}),
    );
    let heads = headers(&[("x-amz-server-side-encryption", "AES256"), ("etag", "\"e\"")]);
    check_elements(
        &call("s3", "PutObject", Protocol::RestXml),
        &heads,
        "",
        json!({"x-amz-server-side-encryption": "AES256"}),
    );
    check_elements(&call("s3", "GetObject", Protocol::RestXml), &heads, "", Value::Null);
}

proptest::proptest! {
    #[test]
    fn no_body_makes_it_panic(
        body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
        status in 200_u16..600,
    ) {
        for (service, operation, protocol) in [
            ("s3", "CompleteMultipartUpload", Protocol::RestXml),
            ("kms", "CreateKey", Protocol::Json11),
            ("sts", "AssumeRole", Protocol::Query),
            ("ec2", "RunInstances", Protocol::Ec2),
        ] {
            let it = call(service, operation, protocol);
            let _ = read(&it, StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), Some(&body));
        }
    }
}
