//! Records of S3.

use door::recorder::{Caller, Failure};
use serde_json::json;

use crate::call::{CALLERS, Call, OTHERS, account, pretty};

const BUCKET: &str = "https://ledger-archive.s3.eu-west-1.amazonaws.com";
const KEY_URI: &str = "https://ledger-archive.s3.eu-west-1.amazonaws.com/2026/02/q%20.parquet";

/// The headers that S3 puts into every answer.
const IDS: [(&str, &str); 2] =
    [("x-amz-request-id", "7Q2EXAMPLE9F3Z1A"), ("x-amz-id-2", "exampleId2/abcDEF==")];

fn s3(method: &str, uri: &str) -> Call {
    Call::new(method, uri, "s3", "eu-west-1")
}

fn error(code: &str, message: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message>\
         <RequestId>7Q2EXAMPLE9F3Z1A</RequestId></Error>"
    )
}

#[test]
fn an_object_that_is_put_has_its_headers_and_its_size() {
    let record = s3("PUT", KEY_URI)
        .header("x-amz-storage-class", "STANDARD_IA")
        .header("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
        .object(48213)
        .answered(
            200,
            &[
                IDS[0],
                IDS[1],
                ("etag", "\"9b2cf535f27731c974343645a3985328\""),
                ("x-amz-server-side-encryption", "AES256"),
                ("x-amz-version-id", "Kk9exampleVersionId"),
            ],
            "",
        )
        .record();
    insta::assert_snapshot!(pretty(&record));
}

#[test]
fn an_object_that_is_read_has_the_bytes_that_were_sent() {
    let record = s3("GET", KEY_URI).streamed(200, &IDS, 1 << 30).record();
    insta::assert_snapshot!(pretty(&record));
}

#[test]
fn a_list_names_what_all_listed_objects_begin_with() {
    let record = s3("GET", &format!("{BUCKET}/?list-type=2&prefix=2026%2F02%2F&max-keys=10"))
        .answered(200, &IDS, "<ListBucketResult><Name>ledger-archive</Name></ListBucketResult>")
        .record();
    insta::assert_snapshot!(pretty(&record));
}

#[test]
fn a_denied_call_has_the_error_and_no_answer() {
    let record =
        s3("DELETE", KEY_URI).answered(403, &IDS, error("AccessDenied", "Access Denied")).record();
    insta::assert_snapshot!(pretty(&record));
}

#[test]
fn a_bucket_has_a_management_event_about_itself_alone() {
    let tags = "<Tagging xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><TagSet><Tag>\
                <Key>team</Key><Value>ledger</Value></Tag></TagSet></Tagging>";
    let record =
        s3("PUT", &format!("{BUCKET}/?tagging")).body(tags).answered(204, &IDS, "").record();
    insta::assert_snapshot!(pretty(&record));
}

#[test]
fn the_parts_of_an_upload_are_calls_of_their_own() {
    let begun = "<InitiateMultipartUploadResult><Bucket>ledger-archive</Bucket>\
                 <Key>2026/02/q .parquet</Key><UploadId>VXBsb2Fk</UploadId>\
                 </InitiateMultipartUploadResult>";
    let parts = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>\"a\"</ETag></Part>\
                 </CompleteMultipartUpload>";
    let failed = error("InternalError", "We encountered an internal error. Please try again.");
    let records = [
        s3("POST", &format!("{KEY_URI}?uploads")).answered(200, &IDS, begun).record(),
        s3("PUT", &format!("{KEY_URI}?partNumber=1&uploadId=VXBsb2Fk"))
            .object(5 << 20)
            .answered(200, &[IDS[0], IDS[1], ("etag", "\"a\"")], "")
            .record(),
        // S3 answers 200 before it knows.
        s3("POST", &format!("{KEY_URI}?uploadId=VXBsb2Fk"))
            .body(parts)
            .answered(200, &IDS, failed)
            .record(),
    ];
    assert_eq!(records[2]["errorCode"], "InternalError");
    insta::assert_snapshot!(records.each_ref().map(pretty).join("\n"));
}

#[test]
fn a_copy_names_its_source() {
    let record = s3("PUT", KEY_URI)
        .header("x-amz-copy-source", "/other-bucket/old%20key")
        .header("x-amz-copy-source-server-side-encryption-customer-key", "c2VjcmV0LWtleQ==")
        .header("x-amz-copy-source-server-side-encryption-customer-key-md5", "bWQ1LW9mLWtleQ==")
        .header("x-amz-copy-source-server-side-encryption-customer-algorithm", "AES256")
        .answered(200, &IDS, "<CopyObjectResult><ETag>\"a\"</ETag></CopyObjectResult>")
        .record();
    let text = record.to_string();
    assert!(!text.contains("c2VjcmV0LWtleQ") && !text.contains("bWQ1LW9mLWtleQ"), "{text}");
    insta::assert_snapshot!(pretty(&record));
}

#[test]
fn a_presigned_url_is_kept_without_signature_token_and_credential() {
    let uri = format!(
        "{KEY_URI}?X-Amz-Algorithm=AWS4-HMAC-SHA256\
         &X-Amz-Credential=AKIAQEXAMPLE00000001%2F20260203%2Feu-west-1%2Fs3%2Faws4_request\
         &X-Amz-Date=20260203T090511Z&X-Amz-Expires=300&X-Amz-SignedHeaders=host\
         &X-Amz-Security-Token=IQoJtoken&X-Amz-Signature=0123456789abcdef0123456789abcdef"
    );
    let record = s3("GET", &uri).presigned().streamed(200, &IDS, 10).record();
    let text = record.to_string();
    assert!(!text.contains("0123456789abcdef") && !text.contains("IQoJtoken"), "{text}");
    assert_eq!(record["additionalEventData"]["AuthenticationMethod"], "QueryString");
    insta::assert_snapshot!(pretty(&record));
}

#[test]
fn an_anonymous_call_belongs_to_the_owner_of_the_bucket() {
    let uri = "https://s3.eu-west-1.amazonaws.com/ledger-archive/public.txt?x-id=GetObject";
    let call = Call::unsigned("GET", uri).upstream(account(CALLERS)).streamed(200, &IDS, 3);
    assert_eq!(call.record()["recipientAccountId"], CALLERS);
    let record = call.bucket_owner(OTHERS).record();
    assert_eq!(record["recipientAccountId"], OTHERS);
    insta::assert_snapshot!(pretty(&record));
}

#[test]
fn a_bulk_deletion_has_a_record_for_the_call_and_one_for_each_key() {
    let asked = "<Delete><Object><Key>a</Key></Object><Object><Key>b</Key>\
                 <VersionId>v1</VersionId></Object><Object><Key>c</Key></Object></Delete>";
    let answer = "<DeleteResult><Deleted><Key>a</Key><DeleteMarker>true</DeleteMarker>\
                  <DeleteMarkerVersionId>m1</DeleteMarkerVersionId></Deleted>\
                  <Error><Key>b</Key><VersionId>v1</VersionId><Code>AccessDenied</Code>\
                  <Message>Access Denied</Message></Error></DeleteResult>";
    let call = s3("POST", &format!("{BUCKET}/?delete")).body(asked).answered(200, &IDS, answer);
    let records = call.records();
    assert_eq!(records.len(), 4);
    let types: Vec<_> = records.iter().map(|it| it["eventType"].clone()).collect();
    assert_eq!(types, ["AwsApiCall", "AwsServiceEvent", "AwsServiceEvent", "AwsServiceEvent"]);
    insta::assert_snapshot!(records.iter().map(pretty).collect::<Vec<_>>().join("\n"));
    // In the owner's history, too.
    assert_eq!(call.bucket_owner(OTHERS).records().len(), 8);
}

#[test]
fn a_bulk_deletion_that_failed_deleted_nothing() {
    let asked = "<Delete><Object><Key>a</Key></Object></Delete>";
    let call = s3("POST", &format!("{BUCKET}/?delete")).body(asked);
    let call = call.answered(403, &IDS, error("AccessDenied", "Access Denied"));
    assert_eq!(call.record()["errorCode"], "AccessDenied");
}

#[test]
fn a_call_on_a_bucket_of_another_account_has_a_record_in_each() {
    let call = s3("GET", KEY_URI).bucket_owner(OTHERS).streamed(200, &IDS, 10);
    let records = call.records();
    let [callers, owners] = &records[..] else { panic!("{records:#?}") };
    assert_eq!(callers["sharedEventID"], owners["sharedEventID"]);
    assert_ne!(callers["eventID"], owners["eventID"]);
    assert_eq!(callers["userIdentity"]["userName"], "mira");
    assert_eq!(
        owners["userIdentity"],
        json!({"type": "AWSAccount", "principalId": "AIDAQEXAMPLEUSER00001", "accountId": CALLERS})
    );
    insta::assert_snapshot!(records.iter().map(pretty).collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_bucket_of_ours_that_is_another_accounts_has_a_record_in_each_too() {
    let call = s3("GET", KEY_URI).own().bucket_owner(OTHERS).streamed(200, &IDS, 10);
    assert_eq!(call.records().len(), 2);
}

#[test]
fn who_is_denied_does_not_learn_whose_bucket_it_is() {
    let call = s3("GET", KEY_URI).bucket_owner(OTHERS);
    let records = call.answered(403, &IDS, error("AccessDenied", "Access Denied")).records();
    assert_eq!(records[0]["resources"][1]["accountId"], "");
    assert_eq!(records[1]["resources"][1]["accountId"], OTHERS);
}

#[test]
fn a_caller_who_leaves_is_recorded_with_the_bytes_that_were_sent() {
    let record = s3("GET", KEY_URI).streamed(200, &IDS, 777).failed(Failure::ClientLeft).record();
    assert_eq!(record["errorCode"], "ClientDisconnected");
    assert_eq!(record["additionalEventData"]["bytesTransferredOut"], 777);
}

#[test]
fn a_body_above_the_cap_leaves_what_path_query_and_headers_say() {
    let call = s3("PUT", &format!("{BUCKET}/?policy")).header("x-amz-acl", "private").too_large();
    let record = call.answered(204, &IDS, "").record();
    let parameters = &record["requestParameters"];
    assert_eq!(parameters["omitted"], true);
    assert_eq!(parameters["reason"], "requestParameters too large");
    assert_eq!(parameters["bucketName"], "ledger-archive");
    assert_eq!(parameters["policy"], "");
}

#[test]
fn a_header_with_a_key_of_the_customer_is_never_kept() {
    let record = s3("PUT", KEY_URI)
        .header("x-amz-server-side-encryption-customer-key", "a2V5LW9mLXRoZS1jdXN0b21lcg==")
        .header("x-amz-server-side-encryption-customer-key-md5", "bWQ1LW9mLWtleQ==")
        .header("x-amz-server-side-encryption-customer-algorithm", "AES256")
        .header("x-amz-security-token", "IQoJtoken")
        .by(Caller::Anonymous)
        .answered(200, &IDS, "")
        .record();
    let text = record.to_string();
    for secret in ["a2V5LW9m", "bWQ1LW9m", "IQoJtoken"] {
        assert!(!text.contains(secret), "{text}");
    }
    assert_eq!(
        record["requestParameters"]["x-amz-server-side-encryption-customer-algorithm"],
        "AES256"
    );
}
