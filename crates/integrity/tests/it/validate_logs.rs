//! The judge from outside: the unmodified AWS CLI on buckets that we signed.

use std::process::{Command, Output};

use integrity::digest::{Signer as _, gzip};

use crate::{
    bucket::{Bucket, OTHER_SIGNER, SIGNER, event, log_file, log_file_key, stamp},
    stub::{World, serve, trail_arn},
};

/// What the AWS CLI says of the bucket: whether it is content, and its words.
fn validate_logs(bucket: Bucket) -> (bool, String) {
    let venv = std::env::var("TRAILMARK_VENV").expect("TRAILMARK_VENV names a Python with awscli");
    let arn = trail_arn(&bucket);
    let (from, until) = (stamp("2026-02-20T00:00:00Z"), stamp("2026-03-22T00:00:00Z"));
    let keys = [&*SIGNER, &*OTHER_SIGNER].map(|it| (it.public_key().clone(), from, until)).to_vec();
    let url = serve(World { bucket, keys, latest_digest: until });
    let Output { status, stdout, stderr } = Command::new(format!("{venv}/bin/aws"))
        .args(["cloudtrail", "validate-logs", "--verbose", "--trail-arn", &arn])
        .args(["--start-time", "2026-03-01T00:00:00Z", "--end-time", "2026-03-02T00:00:00Z"])
        .env("AWS_ENDPOINT_URL", url)
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_CONFIG_FILE", "/nonexistent")
        .output()
        .unwrap();
    let words = [stdout, stderr].map(|it| String::from_utf8(it).unwrap()).concat();
    (status.success(), words)
}

#[track_caller]
fn check(bucket: Bucket, content: bool, words: &[&str]) {
    let (said, heard) = validate_logs(bucket);
    assert_eq!(said, content, "{heard}");
    for words in words {
        assert!(heard.contains(words), "`{words}` is missing:\n{heard}");
    }
}

#[test]
fn the_aws_cli_finds_a_good_bucket_valid() {
    check(Bucket::day(), true, &["6/6 digest files valid", "8/8 log files valid"]);
}

#[test]
fn the_aws_cli_finds_backfill_digests_valid_and_keys_rotated() {
    let mut bucket = Bucket::day();
    bucket.hour(1, &OTHER_SIGNER);
    bucket.chain.previous = None;
    bucket.chain.backfill = true;
    let window = bucket.chain.next();
    let late = bucket.log_file(window);
    bucket.digest(window, vec![late], &SIGNER);
    let words =
        ["7/7 digest files valid", "1/1 backfill digest files valid", "10/10 log files valid"];
    check(bucket, true, &words);
}

#[test]
fn the_aws_cli_reads_over_our_checkpoint() {
    let mut bucket = Bucket::day();
    let window = bucket.chain.next();
    let fingerprint = SIGNER.public_key().fingerprint().clone();
    let note = "audit.example/t1\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n".to_owned();
    let digest = bucket.chain.draft(window, Vec::new(), fingerprint, Some(note));
    bucket.seal(&digest, &SIGNER);
    check(bucket, true, &["7/7 digest files valid"]);
}

#[test]
fn the_aws_cli_sees_a_changed_and_a_missing_log_file() {
    let mut bucket = Bucket::day();
    let (changed, missing) = (bucket.log_files[0].clone(), bucket.log_files[1].clone());
    bucket.put(&changed, gzip(&log_file(&[event(1, "PutObject")])));
    bucket.objects.remove(&missing);
    let words = ["hash value doesn't match", "INVALID: not found", "6/8 log files valid"];
    check(bucket, false, &words);
}

#[test]
fn the_aws_cli_sees_a_missing_digest_and_one_without_signature() {
    let mut bucket = Bucket::day();
    let (missing, unsigned) = (bucket.digests[2].clone(), bucket.digests[4].clone());
    bucket.objects.remove(&missing);
    bucket.objects.get_mut(&unsigned).unwrap().metadata.clear();
    check(bucket, false, &["INVALID: not found", "INVALID: signature verification failed"]);
}

#[test]
fn the_aws_cli_does_not_see_a_cut_tail_or_an_extra_log_file_and_ours_does() {
    let mut bucket = Bucket::day();
    let before = bucket.audit().anchors();
    for key in bucket.digests.split_off(4).into_iter().chain(bucket.log_files.split_off(4)) {
        bucket.objects.remove(&key);
    }
    let extra = log_file_key(&bucket.chain.root, stamp("2026-03-01T01:30:00Z"), 4_711);
    bucket.put(&extra, gzip(&log_file(&[event(4_711, "GetObject")])));
    check(bucket.clone(), true, &["4/4 digest files valid", "4/4 log files valid"]);
    let report = bucket.audit_with(bucket.scope(), before, None);
    let codes: Vec<_> = report.findings.iter().map(|it| it.kind.code()).collect();
    assert_eq!(codes, ["extra-log-file", "cut-tail"]);
}
