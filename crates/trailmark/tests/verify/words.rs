//! What an auditor reads when there is nothing to verify: why, and what to do.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
};

use crate::{Heard, bucket::Bucket, s3::Moto, trailmark};

fn verify(bucket: &str, url: &str) -> Heard {
    trailmark(&[bucket, "--endpoint-url", url])
}

/// An S3 that answers everything with this status and code.
fn refusing(status: &'static str, error: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let _headers = lines.map(Result::unwrap).take_while(|it| !it.is_empty()).count();
            let body = format!("<?xml version=\"1.0\"?><Error>{error}</Error>");
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    url
}

/// The words, said once: not the XML, nor the same over again.
#[track_caller]
fn check(heard: &Heard, words: &str) {
    heard.check(false, &[words]);
    assert!(heard.err.lines().count() == 1 && !heard.err.contains('<'), "{}", heard.err);
    assert_eq!(heard.out, "");
}

#[test]
fn a_bucket_that_is_not_there_or_refuses_is_named_in_one_line() {
    let moto = Moto::holding(&Bucket::day());
    let words = "there is no bucket `no-such-bucket` at http://127.0.0.1";
    check(&verify("s3://no-such-bucket", &moto.url), words);
    let denied = refusing("403 Forbidden", "<Code>AccessDenied</Code>");
    check(&verify("s3://logs", &denied), "the caller needs s3:ListBucket on the bucket");
    let key = refusing("403 Forbidden", "<Code>InvalidAccessKeyId</Code>");
    check(&verify("s3://logs", &key), "does not accept the credentials (InvalidAccessKeyId)");
    let region = "<Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region>";
    let region = refusing("400 Bad Request", region);
    check(&verify("s3://logs", &region), "set AWS_REGION to eu-west-1");
    let other = refusing("400 Bad Request", "<Code>Strange</Code><Message>so it is</Message>");
    check(&verify("s3://logs", &other), "answers Strange: so it is");
    check(&verify("s3:///prefix", &other), "names no bucket");
}

#[test]
fn a_service_that_is_not_there_is_said_to_be_out_of_reach() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let heard = verify("s3://logs", &format!("http://{free}"));
    check(&heard, &format!("cannot reach `logs` at http://{free}"));
}

#[test]
fn where_no_digest_is_the_reasons_to_look_for_are_said() {
    let mut bucket = Bucket::day();
    bucket.objects.clear();
    let moto = Moto::holding(&bucket);
    let heard = verify(&format!("s3://{}", crate::bucket::NAME), &moto.url);
    heard.check(false, &["NOTHING FOUND", "--enable-log-file-validation"]);
}
