//! What the door's calls are answered, byte by byte where clients do not look.

use std::sync::Arc;

use ambient::Ambient;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::Request;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use record::AccountId;
use trailmark_buckets::{Buckets, Settings};
use wire::{
    answer::{Body, BoxError, empty, full},
    auth::{AuthError, BodyFault},
};

use crate::common::{ACCOUNT, House, answer, noise, send};

const OTHER: &str = "999999999999";

/// A body that comes in pieces, and perhaps fails.
fn pieces(pieces: Vec<Result<Bytes, BoxError>>) -> Body {
    StreamBody::new(stream::iter(pieces).map(|it| it.map(Frame::data))).boxed_unsync()
}

#[tokio::test]
async fn a_bucket_is_its_accounts_alone() {
    let house = House::with_box().await;
    let buckets = &house.buckets;
    assert_eq!(buckets.owner("box"), Some(AccountId::parse(ACCOUNT).unwrap()));
    assert_eq!(buckets.region("box").as_deref(), Some("us-east-1"));
    assert_eq!(buckets.owner("none"), None);
    house.send("PUT", "/box/k", &[], "x").await.expect(200);
    for (method, target) in [
        ("GET", "/box"),
        ("GET", "/box/k"),
        ("PUT", "/box/k"),
        ("DELETE", "/box/k"),
        ("DELETE", "/box"),
        ("GET", "/box?acl"),
        ("POST", "/box/k?uploads"),
    ] {
        let answered = send(buckets, OTHER, method, target, &[], empty()).await;
        answered.expect_error(403, "AccessDenied");
    }
    let taken = send(buckets, OTHER, "PUT", "/box", &[], empty()).await;
    taken.expect_error(409, "BucketAlreadyExists");
    let seen = send(buckets, OTHER, "GET", "/", &[], empty()).await.expect(200);
    assert_eq!(seen.all("Bucket"), Vec::<String>::new());

    let copy = [("x-amz-copy-source", "box/k")];
    send(buckets, OTHER, "PUT", "/theirs", &[], empty()).await.expect(200);
    let copied = send(buckets, OTHER, "PUT", "/theirs/k", &copy, empty()).await;
    copied.expect_error(403, "AccessDenied");
    let expects = [("x-amz-expected-bucket-owner", OTHER)];
    house.send("GET", "/box/k", &expects, "").await.expect_error(403, "AccessDenied");
}

#[tokio::test]
async fn what_speaks_of_signatures_is_not_looked_at_again() {
    let house = House::with_box().await;
    let headers = [
        ("authorization", "AWS4-HMAC-SHA256 Credential=A/20260701/us-east-1/s3/aws4_request"),
        ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
        ("x-amz-date", "20260701T000000Z"),
        ("x-amz-decoded-content-length", "4"),
        ("x-amz-security-token", "token"),
        ("content-encoding", "aws-chunked"),
    ];
    house.send("PUT", "/box/k", &headers, "body").await.expect(200);
    let got = house.call("GET", "/box/k?X-Amz-Signature=0&X-Amz-Date=1").await.expect(200);
    assert_eq!(got.text(), "body");
    assert!(!got.headers.contains_key("content-encoding"));
    assert_eq!(got.header("x-amz-request-id"), "REQUEST1");
    assert_eq!(got.header("content-length"), "4");
    assert_eq!(got.header("content-type"), "binary/octet-stream");
}

#[tokio::test]
async fn a_body_that_fails_its_signature_is_refused_in_its_own_words_and_leaves_nothing() {
    let house = House::with_box().await;
    let fault = || -> BoxError {
        let wrong = BodyFault::ChunkSignature { access_key_id: "AKIAEXAMPLE".to_owned() };
        Box::new(AuthError::from(wrong))
    };
    let headers = [("content-length", "10")];
    for target in ["/box/k", "/box?delete"] {
        let method = if target == "/box/k" { "PUT" } else { "POST" };
        let body = pieces(vec![Ok(Bytes::from_static(b"12345")), Err(fault())]);
        let answered = send(&house.buckets, ACCOUNT, method, target, &headers, body).await;
        answered.expect_error(403, "SignatureDoesNotMatch");
    }
    house.call("GET", "/box/k").await.expect_error(404, "NoSuchKey");
    settle(&house).await;
    assert_eq!(house.files(), 0);
}

#[tokio::test]
async fn a_body_must_have_the_length_that_it_announces() {
    let house = House::with_box().await;
    let cut = pieces(vec![Ok(Bytes::from_static(b"12345")), Err("reset".into())]);
    let short = pieces(vec![Ok(Bytes::from_static(b"12345"))]);
    let long = pieces(vec![Ok(Bytes::from_static(b"12345")), Ok(Bytes::from_static(b"678901"))]);
    for body in [cut, short, long] {
        let headers = [("content-length", "10")];
        let answered = send(&house.buckets, ACCOUNT, "PUT", "/box/k", &headers, body).await;
        answered.expect_error(400, "IncompleteBody");
    }
    let unsaid = pieces(vec![Ok(Bytes::from_static(b"12345"))]);
    send(&house.buckets, ACCOUNT, "PUT", "/box/k", &[], unsaid)
        .await
        .expect_error(411, "MissingContentLength");
    house
        .send("PUT", "/box/k", &[("content-length", "5368709121")], "")
        .await
        .expect_error(400, "EntityTooLarge");
    settle(&house).await;
    assert_eq!(house.files(), 0);
}

#[tokio::test]
async fn names_and_keys_follow_the_rules_of_s3() {
    let house = House::with_box().await;
    for name in ["ab", "Upper", "under_score", "127.0.0.1", "_trailmark", "-a-", "a..b"] {
        let answered = house.call("PUT", &format!("/{name}")).await;
        answered.expect_error(400, "InvalidBucketName");
    }
    let long = "k".repeat(1024);
    house.send("PUT", &format!("/box/{long}"), &[], "").await.expect(200);
    let answered = house.send("PUT", &format!("/box/{long}k"), &[], "").await;
    answered.expect_error(400, "KeyTooLongError");
    house.call("DELETE", &format!("/box/{long}")).await.expect(204);

    // Keys are names, not paths.
    let keys = ["../../../etc/passwd", "/", "//x", "./", "a/../b", "%00%01", "%F0%9F%98%80"];
    for key in keys {
        house.send("PUT", &format!("/box/{key}"), &[], key.to_owned()).await.expect(200);
    }
    for key in keys {
        assert_eq!(house.call("GET", &format!("/box/{key}")).await.expect(200).text(), key);
    }
    let listed = house.call("GET", "/box?list-type=2&encoding-type=url").await.expect(200);
    let mut expected = keys.map(str::to_owned);
    expected.sort_by_key(|it| it.replace("%00", "\0").replace("%F0", "\u{ff}"));
    assert_eq!(listed.all("Key"), expected);
    assert_eq!(house.files(), keys.len());
}

#[tokio::test]
async fn an_error_to_head_has_no_document() {
    let house = House::with_box().await;
    let answered = house.call("HEAD", "/box/none").await.expect(404);
    assert!(answered.body.is_empty());
    assert_eq!(answered.header("x-amz-request-id"), "REQUEST1");
    house.send("PUT", "/box/k", &[], "0123456789").await.expect(200);
    let ranged = house.send("HEAD", "/box/k", &[("range", "bytes=3-")], "").await.expect(206);
    assert_eq!(ranged.header("content-length"), "7");
    assert_eq!(ranged.header("content-range"), "bytes 3-9/10");
    // S3 ignores what it does not understand of a range.
    assert_eq!(
        house.send("GET", "/box/k", &[("range", "bytes=0-1,4-5")], "").await.expect(200).text(),
        "0123456789"
    );
    let unmet = house.send("GET", "/box/k", &[("range", "bytes=10-")], "").await;
    assert_eq!(unmet.expect_error(416, "InvalidRange").header("content-range"), "bytes */10");
}

#[tokio::test]
async fn dates_decide_where_no_etag_does() {
    let house = House::with_box().await;
    house.send("PUT", "/box/k", &[], "x").await.expect(200);
    let head = house.call("HEAD", "/box/k").await.expect(200);
    let (etag, modified) = (head.header("etag"), head.header("last-modified"));
    let (past, future) = ("Mon, 01 Jan 2001 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT");
    for (headers, status) in [
        (vec![("if-modified-since", modified)], 304),
        (vec![("if-modified-since", past)], 200),
        (vec![("if-unmodified-since", modified)], 200),
        (vec![("if-unmodified-since", past)], 412),
        (vec![("if-match", etag), ("if-unmodified-since", past)], 200),
        (vec![("if-none-match", "\"other\""), ("if-modified-since", future)], 200),
        (vec![("if-none-match", "*")], 304),
    ] {
        let answered = house.send("GET", "/box/k", &headers, "").await;
        assert_eq!(answered.status, status, "{headers:?}");
        if status == 304 {
            assert_eq!(answered.header("etag"), etag);
            assert!(answered.body.is_empty());
        }
    }
}

#[tokio::test]
async fn what_is_not_built_says_so_rather_than_doing_without() {
    let house = House::with_box().await;
    for (method, target, headers) in [
        ("PUT", "/box?lifecycle", vec![]),
        ("PUT", "/box?versioning", vec![]),
        ("GET", "/box/k?torrent", vec![]),
        ("PUT", "/box/k", vec![("x-amz-server-side-encryption", "aws:kms")]),
        ("PUT", "/box/k", vec![("x-amz-server-side-encryption", "AES256")]),
        ("PUT", "/box/k", vec![("x-amz-server-side-encryption-customer-algorithm", "AES256")]),
        ("POST", "/box", vec![("content-type", "multipart/form-data; boundary=b")]),
    ] {
        let body = match target {
            "/box?lifecycle" => {
                "<LifecycleConfiguration><Rule><Status>Enabled</Status></Rule>\
                 </LifecycleConfiguration>"
            }
            "/box?versioning" => {
                "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
            }
            _ => "",
        };
        let answered = house.send(method, target, &headers, body).await;
        answered.expect_error(501, "NotImplemented");
    }
    let public = [("x-amz-acl", "public-read")];
    let answered = house.send("PUT", "/box/k", &public, "").await;
    answered.expect_error(400, "AccessControlListNotSupported");
    house.send("POST", "/box?delete", &[], "<Delete").await.expect_error(400, "MalformedXML");
    let md5 = [("content-md5", "bm90IGFuIG1kNQ==")];
    house.send("PUT", "/box/k", &md5, "x").await.expect_error(400, "InvalidDigest");
    let md5 = [("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==")];
    house.send("PUT", "/box/k", &md5, "x").await.expect_error(400, "BadDigest");
    house.send("PUT", "/box/k", &md5, "").await.expect(200);
}

#[tokio::test]
async fn a_bucket_may_be_named_in_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { domains: vec!["s3.example.com".to_owned()] };
    let buckets = Buckets::open(folder.path(), settings, Ambient::system()).await.unwrap();
    let host = [("host", "box.S3.example.com:7171")];
    send(&buckets, ACCOUNT, "PUT", "/", &host, empty()).await.expect(200);
    send(&buckets, ACCOUNT, "PUT", "/a/k", &host, full("x")).await.expect(200);
    let got = send(&buckets, ACCOUNT, "GET", "/box/a/k", &[("host", "elsewhere")], empty()).await;
    assert_eq!(got.expect(200).text(), "x");
}

#[tokio::test]
async fn the_last_of_many_writers_wins_whole() {
    let house = Arc::new(House::with_box().await);
    let writers = (0..16_u8).map(|n| {
        let house = Arc::clone(&house);
        tokio::spawn(async move {
            house.send("PUT", "/box/k", &[], vec![n; 300_000]).await.expect(200);
        })
    });
    futures::future::join_all(writers).await.into_iter().for_each(Result::unwrap);
    let got = house.call("GET", "/box/k").await.expect(200);
    assert_eq!(got.body.len(), 300_000);
    assert!(got.body.iter().all(|it| *it == got.body[0]));
    settle(&house).await;
    assert_eq!(house.files(), 1);
}

#[tokio::test]
async fn of_many_who_create_only_one_succeeds() {
    let house = Arc::new(House::with_box().await);
    let writers = (0..8).map(|_| {
        let house = Arc::clone(&house);
        tokio::spawn(async move {
            house.send("PUT", "/box/k", &[("if-none-match", "*")], "x").await.status.as_u16()
        })
    });
    let mut seen: Vec<u16> =
        futures::future::join_all(writers).await.into_iter().map(Result::unwrap).collect();
    seen.sort_unstable();
    assert_eq!(seen, [200, 412, 412, 412, 412, 412, 412, 412]);
}

#[tokio::test]
async fn a_reader_reads_to_the_end_what_was_replaced_meanwhile() {
    let house = House::with_box().await;
    let parts = [noise(5 << 20), noise(1 << 20)];
    let created = house.call("POST", "/box/k?uploads").await.expect(200);
    let upload = created.one("UploadId");
    let mut list = String::new();
    for (n, part) in parts.iter().enumerate() {
        let target = format!("/box/k?partNumber={}&uploadId={upload}", n + 1);
        let put = house.send("PUT", &target, &[], part.clone()).await.expect(200);
        let etag = put.header("etag");
        list += &format!("<Part><PartNumber>{}</PartNumber><ETag>{etag}</ETag></Part>", n + 1);
    }
    let list = format!("<CompleteMultipartUpload>{list}</CompleteMultipartUpload>");
    house.send("POST", &format!("/box/k?uploadId={upload}"), &[], list).await.expect(200);

    let request = Request::get("/box/k").body(empty()).unwrap();
    let mut body = answer(&house.buckets, ACCOUNT, request).await.into_body();
    let mut read = body.frame().await.unwrap().unwrap().into_data().unwrap().to_vec();
    house.send("PUT", "/box/k", &[], "new").await.expect(200);
    assert_eq!(house.files(), 3, "the old files stay for their reader");
    read.extend(body.collect().await.unwrap().to_bytes());
    assert!(read == parts.concat());
    settle(&house).await;
    assert_eq!(house.files(), 1, "the old files went with their reader");
}

/// Streams a gibibyte in and out. By hand, as it needs a minute and a gibibyte of disk:
/// `cargo test -p trailmark-buckets gibibyte -- --ignored`.
#[tokio::test]
#[ignore = "needs a minute and a gibibyte of disk"]
async fn a_gibibyte_streams_in_bounded_memory() {
    let house = House::with_box().await;
    let chunk = Bytes::from(noise(64 << 10));
    let before = peak_kib();
    let body = stream::repeat(chunk).take(16 << 10).map(|it| Ok::<_, BoxError>(Frame::data(it)));
    let headers = [("content-length", "1073741824")];
    let body = StreamBody::new(body).boxed_unsync();
    send(&house.buckets, ACCOUNT, "PUT", "/box/k", &headers, body).await.expect(200);
    let request = Request::get("/box/k").body(empty()).unwrap();
    let mut body = answer(&house.buckets, ACCOUNT, request).await.into_body();
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        read += frame.unwrap().into_data().unwrap().len();
    }
    assert_eq!(read, 1 << 30);
    let grown = peak_kib() - before;
    assert!(grown < 16 << 10, "the peak grew by {grown} KiB");
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|it| it.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Waits until files that nobody needs are gone: they go in the background.
async fn settle(house: &House) {
    for _ in 0..200 {
        let before = house.files();
        Ambient::system().clock.sleep(std::time::Duration::from_millis(10)).await;
        if house.files() == before && before <= 1 {
            return;
        }
    }
}
