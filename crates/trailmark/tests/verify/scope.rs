//! A part of what trails delivered: what lies within is judged, and nothing is missed beyond.

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use integrity::digest::{Signer as _, gzip};

use crate::{
    Heard,
    bucket::{Bucket, NAME, SIGNER, event, log_file},
    cloudtrail,
    s3::Moto,
    trailmark, write,
};

const LOGS: &str = "trails/AWSLogs/123456789012/CloudTrail/us-east-1";
const DIGESTS: &str = "trails/AWSLogs/123456789012/CloudTrail-Digest/us-east-1";

/// Thirty hours over two days, with a log file in each but the first.
fn two_days() -> Bucket {
    let mut bucket = Bucket::new();
    for hour in 0..30 {
        bucket.hour(usize::from(hour > 0), &SIGNER);
    }
    bucket
}

struct Copy {
    folder: tempfile::TempDir,
    key: String,
}

impl Copy {
    fn of(bucket: &Bucket) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write(bucket, &folder.path().join("copy"), true);
        let base64 = BASE64_STANDARD.encode(SIGNER.public_key().as_pkcs1());
        let pem =
            format!("-----BEGIN RSA PUBLIC KEY-----\n{base64}\n-----END RSA PUBLIC KEY-----\n");
        let key = folder.path().join("key.pem");
        fs::write(&key, pem).unwrap();
        Self { key: key.display().to_string(), folder }
    }

    fn path(&self, within: &str) -> PathBuf {
        self.folder.path().join("copy").join(within)
    }

    fn verify(&self, place: &Path, more: &[&str]) -> Heard {
        let place = place.display().to_string();
        trailmark(&[&[place.as_str(), "--public-key", &self.key], more].concat())
    }
}

#[test]
fn a_folder_of_log_files_is_judged_by_the_digests_beside_it() {
    let mut bucket = two_days();
    let copy = Copy::of(&bucket);
    let words = ["30/30 digest files valid", "29/29 log files valid", "VALID"];
    copy.verify(&copy.path(LOGS), &[]).check(true, &words);
    let words = ["5/5 log files valid", "VALID", "to 2026-03-03T00:00:00Z"];
    copy.verify(&copy.path(&format!("{LOGS}/2026/03/02")), &[]).check(true, &words);
    let words = ["6/6 digest files valid", "VALID"];
    copy.verify(&copy.path(&format!("{DIGESTS}/2026/03/02")), &[]).check(true, &words);

    let second = bucket.log_files.iter().position(|it| it.contains("/2026/03/02/")).unwrap();
    let changed = bucket.log_files[second].clone();
    bucket.put(&changed, gzip(&log_file(&[event(1, "PutObject")])));
    let gone = bucket.log_files[0].clone();
    bucket.objects.remove(&gone);
    let copy = Copy::of(&bucket);
    let day = copy.verify(&copy.path(&format!("{LOGS}/2026/03/02")), &[]);
    day.check(false, &["changed-event", "INVALID: 1 findings"]);
    let day = copy.verify(&copy.path(&format!("{LOGS}/2026/03/01")), &[]);
    day.check(false, &["missing-log-file", "INVALID: 1 findings"]);
}

#[test]
fn what_a_copy_of_some_days_does_not_hold_is_not_missed_and_is_said() {
    let bucket = two_days();
    let copy = Copy::of(&bucket);
    for folder in [LOGS, DIGESTS] {
        fs::remove_dir_all(copy.path(folder).join("2026/03/01")).unwrap();
    }
    let heard = copy.verify(&copy.path(""), &[]);
    heard.check(true, &["6/6 digest files valid", "not in this copy", "begins on 2026/03/02"]);
    // Within the days that are there, nothing may be missing.
    let second = bucket.digests.iter().find(|it| it.contains("_20260302T0")).unwrap();
    fs::remove_file(copy.path(second)).unwrap();
    let middle = bucket.digests.iter().find(|it| it.contains("_20260302T03")).unwrap();
    fs::remove_file(copy.path(middle)).unwrap();
    let words = ["2 × missing-digest", "20260302T000131Z.json.gz\n", "20260302T030131Z.json.gz\n"];
    copy.verify(&copy.path(""), &[]).check(false, &words);
    // Without any log file, those of the region were deleted.
    fs::remove_dir_all(copy.path(LOGS)).unwrap();
    copy.verify(&copy.path(""), &[]).check(false, &["missing-log-file"]);
}

#[test]
fn a_copy_of_one_account_or_region_is_recognised_without_the_folders_above_it() {
    let bucket = two_days();
    let copy = Copy::of(&bucket);
    let elsewhere = copy.folder.path().join("elsewhere");
    fs::rename(copy.path("trails/AWSLogs/123456789012"), &elsewhere).unwrap();
    let words = ["30/30 digest files valid", "29/29 log files valid", "VALID"];
    copy.verify(&elsewhere, &[]).check(true, &words);
    let digests = elsewhere.join("CloudTrail-Digest/us-east-1");
    let region = copy.folder.path().join("region");
    fs::rename(&digests, &region).unwrap();
    let words = ["30/30 digest files valid", "29 log files that digests name lie outside", "VALID"];
    copy.verify(&region, &[]).check(true, &words);
}

#[test]
fn the_server_is_not_believed_to_miss_what_lies_outside_of_the_scope() {
    let bucket = two_days();
    let copy = Copy::of(&bucket);
    let server = cloudtrail(&bucket);
    let day = copy.path(&format!("{DIGESTS}/2026/03/01"));
    copy.verify(&day, &["--endpoint", &server]).check(true, &["24/24 digest files valid"]);
    fs::create_dir_all(copy.path("trails/AWSLogs/123456789012/CloudTrail/eu-west-1")).unwrap();
    let region = copy.path("trails/AWSLogs/123456789012/CloudTrail/eu-west-1");
    let heard = copy.verify(&region, &["--endpoint", &server]);
    heard.check(false, &["NOTHING FOUND"]);
    assert!(!heard.out.contains("cut-tail"), "{}", heard.out);
}

#[test]
fn a_bucket_is_judged_within_a_prefix_of_one_region_or_day() {
    let bucket = two_days();
    let moto = Moto::holding(&bucket);
    let server = moto.cloudtrail.clone();
    let verify = |within: &str| {
        let place = format!("s3://{NAME}/{within}");
        trailmark(&[&place, "--endpoint-url", &moto.url, "--endpoint", &server])
    };
    let words = ["30/30 digest files valid", "29/29 log files valid", "VALID"];
    for within in ["trails", "trails/", "trails/AWSLogs/123456789012/", LOGS, DIGESTS] {
        verify(within).check(true, &words);
    }
    verify(&format!("{LOGS}/2026/03/02/")).check(true, &["5/5 log files valid", "VALID"]);
    verify(&format!("{DIGESTS}/2026/03/02")).check(true, &["6/6 digest files valid", "VALID"]);
    verify("elsewhere").check(false, &["NOTHING FOUND"]);
}
