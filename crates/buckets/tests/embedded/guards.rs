//! What guards a bucket: locks, its policy, and the writes of trails.

use std::process::Command;

use ambient::Ambient;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use trailmark_buckets::{Buckets, OwnPut, PolicyRefusal, Retention, RetentionMode};
use wire::answer::{empty, full};

use crate::common::{ACCOUNT, House, open, program, run, send, serve};

const OTHER: &str = "999999999999";
const TRAIL: &str = "arn:aws:cloudtrail:us-east-1:999999999999:trail/audit";
const KEY: &str = "AWSLogs/999999999999/CloudTrail/us-east-1/x.json.gz";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn boto3_locks_and_shares() {
    let house = House::new().await;
    let address = serve(house.buckets.clone()).await;
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(program("python"));
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/embedded/guards.py"));
    let said = run(command, address, home.path()).await;
    assert!(said.ends_with("all is well\n"), "{said}");
}

fn in_hours(hours: i64) -> Timestamp {
    Ambient::system().clock.now() + SignedDuration::from_hours(hours)
}

fn compliance(hours: i64) -> Option<Retention> {
    Some(Retention { mode: RetentionMode::Compliance, until: in_hours(hours) })
}

fn own(body: &'static str, retention: Option<Retention>) -> OwnPut {
    OwnPut {
        bucket: "box".to_owned(),
        key: KEY.to_owned(),
        body: Bytes::from_static(body.as_bytes()),
        content_type: "application/json".to_owned(),
        content_encoding: Some("gzip".to_owned()),
        metadata: vec![("Signature".to_owned(), "00ff".to_owned())],
        retention,
    }
}

#[track_caller]
fn check_code<T: std::fmt::Debug>(result: Result<T, trailmark_buckets::Refused>, code: &str) {
    assert_eq!(result.unwrap_err().code, code);
}

#[tokio::test]
async fn what_a_trail_wrote_is_there_once_and_stays_whoever_asks() {
    let house = House::with_box().await;
    let buckets = &house.buckets;
    let first = compliance(1);
    buckets.put_own(own("log", first)).await.unwrap();
    let target = format!("/box/{KEY}");
    let head = house.call("HEAD", &target).await.expect(200);
    assert_eq!(head.header("x-amz-object-lock-mode"), "COMPLIANCE");
    assert!(head.header("x-amz-object-lock-retain-until-date").starts_with("20"));
    assert_eq!(head.header("content-type"), "application/json");
    assert_eq!(head.header("content-encoding"), "gzip");
    assert_eq!(head.header("x-amz-meta-signature"), "00ff");
    assert_eq!(house.call("GET", &target).await.expect(200).text(), "log");

    // The caller of these is the root user.
    house.call("DELETE", &target).await.expect_error(403, "AccessDenied");
    house.send("PUT", &target, &[], "log").await.expect_error(403, "AccessDenied");
    let insists = [("x-amz-bypass-governance-retention", "true")];
    house.send("DELETE", &target, &insists, "").await.expect_error(403, "AccessDenied");

    let modified = head.header("last-modified").to_owned();
    buckets.put_own(own("log", first)).await.unwrap();
    buckets.put_own(own("log", None)).await.unwrap();
    check_code(buckets.put_own(own("lag", first)).await, "PreconditionFailed");
    check_code(buckets.put_own(own("log and more", first)).await, "PreconditionFailed");
    let signed =
        OwnPut { metadata: vec![("signature".to_owned(), "0".to_owned())], ..own("log", first) };
    check_code(buckets.put_own(signed).await, "PreconditionFailed");
    assert_eq!(house.files(), 1, "a repeated write leaves nothing behind");

    let longer = compliance(2);
    buckets.put_own(own("log", longer)).await.unwrap();
    buckets.put_own(own("log", first)).await.unwrap();
    let lock = buckets.lock_of("box", KEY).await.unwrap().unwrap();
    assert!(lock.by_trail && !lock.legal_hold);
    let kept = lock.retention.unwrap().until.as_millisecond();
    assert_eq!(kept, longer.unwrap().until.as_millisecond());
    let head = house.call("HEAD", &target).await.expect(200);
    assert_eq!(head.header("last-modified"), modified);
}

#[tokio::test]
async fn what_a_trail_writes_is_kept_as_long_as_trail_or_bucket_want_it() {
    let house = House::with_box().await;
    let rule = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule>\
                <DefaultRetention><Mode>GOVERNANCE</Mode><Days>30</Days></DefaultRetention>\
                </Rule></ObjectLockConfiguration>";
    house.buckets.put_own(own("log", None)).await.unwrap();
    house.send("PUT", "/box?object-lock", &[], rule).await.expect(200);
    let check = async |retention, expected, days: i64| {
        house.buckets.put_own(own("log", retention)).await.unwrap();
        let kept = house.buckets.lock_of("box", KEY).await.unwrap().unwrap().retention.unwrap();
        assert_eq!(kept.mode, expected);
        let short = in_hours(24 * days).duration_since(kept.until);
        assert!(short.abs() < SignedDuration::from_mins(5), "{kept:?}");
    };
    check(None, RetentionMode::Governance, 30).await;
    check(compliance(24), RetentionMode::Compliance, 30).await;
    check(compliance(24 * 60), RetentionMode::Compliance, 60).await;
    check(None, RetentionMode::Compliance, 60).await;
}

#[tokio::test]
async fn locks_and_policies_outlive_the_process() {
    let house = House::with_box().await;
    house.buckets.put_own(own("log", compliance(1))).await.unwrap();
    let policy = allowing(TRAIL);
    house.send("PUT", "/box?policy", &[], policy.clone()).await.expect(204);
    let House { folder, buckets } = house;
    drop(buckets);
    let buckets = open(folder.path()).await;
    let target = format!("/box/{KEY}");
    let gone = send(&buckets, ACCOUNT, "DELETE", &target, &[], empty()).await;
    gone.expect_error(403, "AccessDenied");
    buckets.put_own(own("log", compliance(1))).await.unwrap();
    let kept = send(&buckets, ACCOUNT, "GET", "/box?policy", &[], empty()).await.expect(200);
    assert_eq!(kept.text(), policy);
    deliver(&buckets, OTHER, TRAIL).unwrap();
}

#[tokio::test]
async fn an_own_write_that_cannot_be_is_refused() {
    let house = House::with_box().await;
    let elsewhere = OwnPut { bucket: "none".to_owned(), ..own("log", None) };
    check_code(house.buckets.put_own(elsewhere).await, "NoSuchBucket");
    let long = OwnPut { key: "k".repeat(1025), ..own("log", None) };
    check_code(house.buckets.put_own(long).await, "KeyTooLongError");
    let large = OwnPut { metadata: vec![("m".to_owned(), "v".repeat(2048))], ..own("log", None) };
    check_code(house.buckets.put_own(large).await, "MetadataTooLarge");
    // Also without a lock, the first one stands.
    house.buckets.put_own(own("log", None)).await.unwrap();
    house.buckets.put_own(own("log", None)).await.unwrap();
    check_code(house.buckets.put_own(own("other", None)).await, "PreconditionFailed");
    assert_eq!(house.call("GET", &format!("/box/{KEY}")).await.expect(200).text(), "log");
    assert_eq!(house.files(), 1);
}

/// The policy that CloudTrail's guide has for a bucket.
fn allowing(trail: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[
            {{"Sid":"AWSCloudTrailAclCheck20150319","Effect":"Allow",
              "Principal":{{"Service":"cloudtrail.amazonaws.com"}},
              "Action":"s3:GetBucketAcl","Resource":"arn:aws:s3:::box",
              "Condition":{{"StringEquals":{{"aws:SourceArn":"{trail}"}}}}}},
            {{"Sid":"AWSCloudTrailWrite20150319","Effect":"Allow",
              "Principal":{{"Service":"cloudtrail.amazonaws.com"}},
              "Action":"s3:PutObject","Resource":"arn:aws:s3:::box/AWSLogs/999999999999/*",
              "Condition":{{"StringEquals":{{"s3:x-amz-acl":"bucket-owner-full-control",
                                           "aws:SourceArn":"{trail}"}}}}}}]}}"#
    )
}

fn deliver(buckets: &Buckets, account: &str, trail: &str) -> Result<(), PolicyRefusal> {
    buckets.may_deliver("box", KEY, trail, account, Some("bucket-owner-full-control"))
}

fn refused_action(result: Result<(), PolicyRefusal>) -> String {
    match result.unwrap_err() {
        PolicyRefusal::NotAllowed { action, .. } => format!("not allowed {action}"),
        PolicyRefusal::Denied { action, .. } => format!("denied {action}"),
        PolicyRefusal::NoSuchBucket(_) => "no such bucket".to_owned(),
    }
}

#[tokio::test]
async fn a_trail_of_another_account_delivers_where_the_policy_allows_it() {
    let house = House::with_box().await;
    let buckets = &house.buckets;
    deliver(buckets, ACCOUNT, TRAIL).unwrap();
    assert_eq!(refused_action(deliver(buckets, OTHER, TRAIL)), "not allowed s3:GetBucketAcl");
    house.send("PUT", "/box?policy", &[], allowing(TRAIL)).await.expect(204);
    deliver(buckets, OTHER, TRAIL).unwrap();
    let no_acl = buckets.may_deliver("box", KEY, TRAIL, OTHER, None);
    assert_eq!(refused_action(no_acl), "not allowed s3:PutObject");
    let elsewhere =
        buckets.may_deliver("box", "x", TRAIL, OTHER, Some("bucket-owner-full-control"));
    assert_eq!(refused_action(elsewhere), "not allowed s3:PutObject");
    let other_trail = format!("{TRAIL}-2");
    assert_eq!(
        refused_action(deliver(buckets, OTHER, &other_trail)),
        "not allowed s3:GetBucketAcl"
    );
    let none = buckets.may_deliver("none", KEY, TRAIL, OTHER, None);
    assert_eq!(refused_action(none), "no such bucket");

    let all = allowing(&TRAIL.replace("audit", "*"));
    for operator in ["StringLike", "ArnLike"] {
        let like = all.replace(r#"{"StringEquals":{"aws"#, &format!(r#"{{"{operator}":{{"aws"#));
        let like = like.replace(
            r#"{"StringEquals":{"s3:x-amz-acl":"bucket-owner-full-control","#,
            &format!(
                r#"{{"StringEquals":{{"s3:x-amz-acl":"bucket-owner-full-control"}},"{operator}":{{"#
            ),
        );
        house.send("PUT", "/box?policy", &[], like).await.expect(204);
        deliver(buckets, OTHER, &other_trail).unwrap();
    }
    let denying = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*",
        "Action":"s3:Put*","Resource":"arn:aws:s3:::box/*"}}"#;
    house.send("PUT", "/box?policy", &[], denying).await.expect(204);
    assert_eq!(refused_action(deliver(buckets, ACCOUNT, TRAIL)), "denied s3:PutObject");
}

#[tokio::test]
async fn another_account_may_do_what_the_policy_names_and_no_more() {
    let house = House::with_box().await;
    house.send("PUT", "/box/in/k", &[], "k").await.expect(200);
    house.send("PUT", "/box/out/k", &[], "k").await.expect(200);
    let policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow",
        "Principal":{"AWS":"arn:aws:iam::999999999999:root"},
        "Action":["s3:GetObject","s3:DeleteObject","s3:PutObject","s3:*BucketPolicy"],
        "Resource":["arn:aws:s3:::box","arn:aws:s3:::box/in/*"]}}"#;
    house.send("PUT", "/box?policy", &[], policy).await.expect(204);
    let call = async |method: &str, target: &str, headers: &[(&str, &str)], body: &str| {
        send(&house.buckets, OTHER, method, target, headers, full(body.to_owned())).await
    };
    assert_eq!(call("GET", "/box/in/k", &[], "").await.expect(200).text(), "k");
    call("PUT", "/box/in/ä%20x", &[], "x").await.expect(200);
    for (method, target) in [
        ("GET", "/box/out/k"),
        ("GET", "/box/in/k?tagging"),
        ("PUT", "/box/out/new"),
        ("GET", "/box?list-type=2"),
        ("DELETE", "/box"),
        // Whatever it allows: the policy is the owner's.
        ("PUT", "/box?policy"),
        ("DELETE", "/box?policy"),
    ] {
        call(method, target, &[], policy).await.expect_error(403, "AccessDenied");
    }
    call("PUT", "/theirs", &[], "").await.expect(200);
    call("PUT", "/theirs/k", &[("x-amz-copy-source", "box/in/k")], "").await.expect(200);
    let copied = call("PUT", "/theirs/l", &[("x-amz-copy-source", "box/out/k")], "").await;
    copied.expect_error(403, "AccessDenied");
    let keys = "<Delete><Object><Key>in/k</Key></Object><Object><Key>out/k</Key></Object></Delete>";
    let deleted = call("POST", "/box?delete", &[], keys).await.expect(200);
    assert_eq!(deleted.all("Deleted").len(), 1, "{}", deleted.text());
    assert!(deleted.one("Error").contains("<Key>out/k</Key>"));
}
