//! Which call a request is: by scope, target, action, path and host.

use http::Request;

use super::*;

fn request(text: &str) -> Parts {
    let mut lines = text.lines();
    let (method, uri) = lines.next().unwrap().split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(uri);
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    request.body(()).unwrap().into_parts().0
}

fn scope(service: &str) -> String {
    format!(
        "authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/eu-west-1/{service}/aws4_request, SignedHeaders=host, Signature=00"
    )
}

fn domains() -> Domains {
    Domains { s3: vec!["s3.example.net".to_owned()], unsigned_is_s3: false }
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let it = identify(&request(text), &domains()).unwrap();
    let service = it.service.map_or("-", |it| it.name);
    let operation = it.operation.map_or("-", |it| it.name);
    let mut found = format!("{service} {operation} {:?}", it.protocol);
    if let Some(bucket) = it.bucket {
        found = format!("{found} {bucket}/{}", it.key.unwrap_or_default());
    }
    assert_eq!(found, expected);
}

#[track_caller]
fn check_refused(text: &str, expected: Contradiction) {
    assert_eq!(identify(&request(text), &domains()).unwrap_err().reason, expected);
}

#[track_caller]
fn check_form(text: &str, body: &str, expected: &str) {
    let it = identify(&request(text), &domains()).unwrap();
    assert!(it.needs_form);
    let it = it.with_form(body.as_bytes()).unwrap();
    let service = it.service.map_or("-", |it| it.name);
    let operation = it.operation.map_or("-", |it| it.name);
    assert_eq!(format!("{service} {operation} {:?}", it.protocol), expected);
}

#[test]
fn a_target_names_the_operation_with_either_prefix() {
    for prefix in ["com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101", "CloudTrail_20131101"]
    {
        let text = format!(
            "POST /\nhost: x\n{}\ncontent-type: application/x-amz-json-1.1\nx-amz-target: {prefix}.LookupEvents",
            scope("cloudtrail")
        );
        check(&text, "cloudtrail LookupEvents Json11");
    }
}

#[test]
fn an_unsigned_target_names_its_service() {
    check(
        "POST /\nhost: x\nx-amz-target: AWSCognitoIdentityService.GetId",
        "cognito-identity GetId Json11",
    );
}

#[test]
fn an_rpc_path_needs_its_header() {
    let path = "POST /service/GraniteServiceVersion20100801/operation/PutMetricData";
    let text = format!("{path}\nhost: x\nsmithy-protocol: rpc-v2-cbor\n{}", scope("monitoring"));
    check(&text, "cloudwatch PutMetricData RpcV2Cbor");
    check(
        &format!("{}\nhost: x\n{}", path.replace("POST", "PUT"), scope("s3")),
        "s3 PutObject RestXml service/GraniteServiceVersion20100801/operation/PutMetricData",
    );
}

#[test]
fn an_action_in_query_or_form_names_the_operation() {
    check(
        &format!("GET /?Action=GetCallerIdentity&Version=2011-06-15\nhost: x\n{}", scope("sts")),
        "sts GetCallerIdentity Query",
    );
    let form = "content-type: application/x-www-form-urlencoded; charset=utf-8";
    check_form(
        &format!("POST /\nhost: x\n{form}\n{}", scope("ec2")),
        "Action=RunInstances&Version=2016-11-15",
        "ec2 RunInstances Ec2",
    );
    check_form(
        &format!("POST /\nhost: x\n{form}\n{}", scope("elasticloadbalancing")),
        "Action=DescribeLoadBalancers&Version=2015-12-01",
        "elbv2 DescribeLoadBalancers Query",
    );
    check_form(
        &format!("POST /\nhost: x\n{form}"),
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15",
        "sts AssumeRoleWithWebIdentity Query",
    );
}

#[test]
fn buckets_stand_in_path_or_host() {
    check(
        &format!("GET /b/a%20b/c\nhost: 127.0.0.1:7171\n{}", scope("s3")),
        "s3 GetObject RestXml b/a b/c",
    );
    check(
        &format!("GET /k\nhost: b.c.s3.example.net:7171\n{}", scope("s3")),
        "s3 GetObject RestXml b.c/k",
    );
    check(
        &format!("PUT /\nhost: b.s3.eu-west-1.amazonaws.com\n{}", scope("s3")),
        "s3 CreateBucket RestXml b/",
    );
    check(
        &format!("GET /?list-type=2\nhost: b.s3.example.net\n{}", scope("s3")),
        "s3 ListObjectsV2 RestXml b/",
    );
    check(&format!("GET /\nhost: x\n{}", scope("s3")), "s3 ListBuckets RestXml");
    check("GET /k\nhost: b.s3.example.net", "s3 GetObject RestXml b/k");
    check(
        &format!("PUT /b/k\nhost: x\nx-amz-copy-source: /a/k\n{}", scope("s3")),
        "s3 CopyObject RestXml b/k",
    );
}

#[test]
fn a_presigned_request_has_its_scope_in_the_query() {
    check(
        "GET /b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F20260101%2Fus-east-1%2Fs3%2Faws4_request\nhost: x",
        "s3 GetObject RestXml b/k",
    );
}

#[test]
fn an_unknown_service_is_known_by_its_scope() {
    let it = identify(&request(&format!("POST /x\nhost: x\n{}", scope("frobnicate"))), &domains())
        .unwrap();
    assert!(it.service.is_none());
    assert_eq!(it.event_source().as_deref(), Some("frobnicate.amazonaws.com"));
}

#[test]
fn contradictions_are_refused() {
    let target = "x-amz-target: DynamoDB_20120810.GetItem";
    check_refused(
        &format!("POST /?Action=GetCallerIdentity\nhost: x\n{target}"),
        Contradiction::ActionAndTarget,
    );
    check_refused(&format!("POST /\nhost: x\n{target}\n{target}"), Contradiction::Targets);
    check_refused(
        &format!("POST /\nhost: x\n{target}\n{}", scope("kms")),
        Contradiction::TargetOfAnotherService,
    );
    check_refused(&format!("POST /\nhost: x\nhost: y\n{}", scope("s3")), Contradiction::Hosts);
    check_refused(&format!("GET http://y/\nhost: x\n{}", scope("s3")), Contradiction::Hosts);
    check_refused(&format!("GET /\nhost: x\n{0}\n{0}", scope("s3")), Contradiction::Scopes);
    check_refused(
        &format!("GET /?X-Amz-Credential=a/20260101/r/sts/aws4_request\nhost: x\n{}", scope("s3")),
        Contradiction::Scopes,
    );
    let form = "content-type: application/x-www-form-urlencoded";
    let it = identify(&request(&format!("POST /\nhost: x\n{form}\n{}", scope("sts"))), &domains());
    let refused = it.unwrap().with_form(b"Action=GetCallerIdentity&Action=AssumeRole").unwrap_err();
    assert_eq!(refused.reason, Contradiction::Actions);
}

#[test]
fn a_stream_of_events_is_never_held() {
    let text = format!(
        "POST /\nhost: x\nx-amz-target: Kinesis_20131202.SubscribeToShard\n{}",
        scope("kinesis")
    );
    let it = identify(&request(&text), &domains()).unwrap();
    assert_eq!(it.response_body(http::StatusCode::OK), BodyKind::Stream);
    assert_eq!(it.response_body(http::StatusCode::BAD_REQUEST), BodyKind::Structured);
}

#[test]
fn an_upload_by_form_has_a_name() {
    let text = format!("POST /b\nhost: x\ncontent-type: multipart/form-data\n{}", scope("s3"));
    let it = identify(&request(&text), &domains()).unwrap();
    assert_eq!(it.claimed_operation.as_deref(), Some("PostObject"));
}

#[test]
fn objects_are_streamed_and_documents_are_held() {
    let body = |text: &str| identify(&request(text), &domains()).unwrap().request_body();
    assert_eq!(body(&format!("PUT /b/k\nhost: x\n{}", scope("s3"))), BodyKind::Stream);
    assert_eq!(body(&format!("PUT /b?policy\nhost: x\n{}", scope("s3"))), BodyKind::Structured);
    assert_eq!(body(&format!("GET /b/k\nhost: x\n{}", scope("s3"))), BodyKind::None);
    assert_eq!(
        body(&format!("POST /2015-03-31/functions/f/invocations\nhost: x\n{}", scope("lambda"))),
        BodyKind::Stream
    );
}
