//! The chain's hours, names and keys.

use integrity::digest::{DigestName, LogFileName, NotOneMember, Root, Stamp, gunzip, gzip};
use proptest::prelude::*;

use crate::bucket::{Bucket, SIGNER, chain_id, stamp};

#[test]
fn the_first_digest_covers_the_hour_before_the_start_and_is_due_at_once() {
    let chain = Bucket::new().chain;
    assert_eq!(chain.due(stamp("2026-03-01T00:01:30Z")), None);
    let first = chain.due(stamp("2026-03-01T00:01:31Z")).unwrap();
    assert_eq!(first.start, stamp("2026-02-28T23:01:31Z"));
}

#[test]
fn later_digests_keep_the_minute_and_second_of_the_start() {
    let mut bucket = Bucket::new();
    bucket.hour(0, &SIGNER);
    assert_eq!(bucket.chain.due(stamp("2026-03-01T01:01:30Z")), None);
    assert_eq!(
        bucket.chain.due(stamp("2026-03-01T01:01:31Z")).unwrap().end.to_string(),
        "2026-03-01T01:01:31Z"
    );
}

#[test]
fn the_last_digest_ends_where_logging_stopped() {
    let mut bucket = Bucket::new();
    bucket.hour(0, &SIGNER);
    let last = bucket.chain.last(stamp("2026-03-01T00:20:00Z")).unwrap();
    assert_eq!(
        (last.start, last.end),
        (stamp("2026-03-01T00:01:31Z"), stamp("2026-03-01T00:20:00Z"))
    );
    assert_eq!(bucket.chain.last(stamp("2026-03-01T00:01:31Z")), None);
}

#[test]
fn a_digest_says_what_awss_say_in_their_order() {
    let mut bucket = Bucket::new();
    bucket.hour(0, &SIGNER);
    let bytes = bucket.inflated(&bucket.digests[0]);
    let fingerprint = integrity::digest::Signer::public_key(&*SIGNER).fingerprint();
    assert_eq!(
        String::from_utf8(bytes).unwrap(),
        format!(
            concat!(
                r#"{{"awsAccountId":"123456789012","digestStartTime":"2026-02-28T23:01:31Z","#,
                r#""digestEndTime":"2026-03-01T00:01:31Z","digestS3Bucket":"audit-logs","#,
                r#""digestS3Object":"trails/AWSLogs/123456789012/CloudTrail-Digest/us-east-1/2026/03/01/"#,
                r#"123456789012_CloudTrail-Digest_us-east-1_all_of-it_us-east-1_20260301T000131Z.json.gz","#,
                r#""digestPublicKeyFingerprint":"{}","digestSignatureAlgorithm":"SHA256withRSA","#,
                r#""newestEventTime":null,"oldestEventTime":null,"previousDigestS3Bucket":null,"#,
                r#""previousDigestS3Object":null,"previousDigestHashValue":null,"#,
                r#""previousDigestHashAlgorithm":null,"previousDigestSignature":null,"logFiles":[]}}"#,
            ),
            fingerprint
        )
    );
}

#[track_caller]
fn check_digest_key(key: &str, expected: Option<(&str, &str, bool)>) {
    let parsed = DigestName::parse(key);
    let said = parsed
        .as_ref()
        .map(|(_, it)| (it.chain.trail.as_str(), it.chain.region.as_str(), it.backfill));
    assert_eq!(said, expected, "{key}");
}

#[test]
fn keys_of_digests_are_read_and_others_are_not() {
    let stem = "AWSLogs/o-1/123456789012/CloudTrail-Digest/eu-west-1/2026/03/01/123456789012_CloudTrail-Digest_eu-west-1_a_b_us-east-1_20260301T000131Z";
    check_digest_key(&format!("{stem}.json.gz"), Some(("a_b", "eu-west-1", false)));
    check_digest_key(&format!("p/q/{stem}_backfill.json.gz"), Some(("a_b", "eu-west-1", true)));
    check_digest_key(&format!("{stem}.json"), None);
    check_digest_key(&format!("{}.json.gz", stem.replace("2026/03/01", "2026/03/02")), None);
    check_digest_key(&format!("{}.json.gz", stem.replace("T000131Z", "T006131Z")), None);
    check_digest_key("AWSLogs/123456789012/CloudTrail-Digest/", None);
    check_digest_key("", None);
}

#[test]
fn keys_of_log_files_are_read_and_others_are_not() {
    let key = "AWSLogs/123456789012/CloudTrail/us-east-1/2026/03/01/123456789012_CloudTrail_us-east-1_20260301T0005Z_LnPgDQnpkSKEsppV.json.gz";
    let (root, name) = LogFileName::parse(key).unwrap();
    assert_eq!(root, Root::default());
    assert_eq!(name.delivered, stamp("2026-03-01T00:05:00Z"));
    for other in
        ["AWSLogs/123456789012/CloudTrail/", "AWSLogs/1/CloudTrail/x", "a", &key.replace(".gz", "")]
    {
        assert_eq!(LogFileName::parse(other), None, "{other}");
    }
}

proptest! {
    #[test]
    fn a_digests_key_is_read_back(
        seconds in 0_i64..4_000_000_000,
        trail in "[a-z][a-z0-9_.-]{1,20}[a-z]",
        prefix in proptest::option::of("[a-z]{1,5}(/[a-z]{1,5})?"),
        organization in proptest::option::of("o-[a-z0-9]{10}"),
        backfill: bool,
    ) {
        let mut chain = chain_id();
        chain.trail = trail;
        let root = Root { prefix, organization };
        let end = Stamp::of(jiff::Timestamp::from_second(seconds).unwrap());
        let name = DigestName { chain, end, backfill };
        prop_assert_eq!(DigestName::parse(&name.key(&root)), Some((root, name)));
    }

    #[test]
    fn any_text_is_a_key_or_not(key in "(AWSLogs|[a-z]|/|_|o-|[0-9]{12}|CloudTrail(-Digest)?|20260301T000131Z|.json.gz){0,30}") {
        let _ = (DigestName::parse(&key), LogFileName::parse(&key));
    }

    #[test]
    fn gzip_comes_back_and_no_byte_of_it_can_be_cut(
        bytes in proptest::collection::vec(any::<u8>(), 0..4_096),
        at in any::<proptest::sample::Index>(),
    ) {
        let packed = gzip(&bytes);
        prop_assert_eq!(gunzip(&packed, 1 << 20).unwrap(), bytes);
        let cut = &packed[..at.index(packed.len())];
        prop_assert!(gunzip(cut, 1 << 20).is_err());
    }

    #[test]
    fn changing_any_byte_of_a_digest_changes_what_is_signed(at in any::<proptest::sample::Index>()) {
        let mut bucket = Bucket::new();
        bucket.hour(1, &SIGNER);
        let bytes = bucket.inflated(&bucket.digests[0]);
        let mut tampered = bytes.clone();
        tampered[at.index(bytes.len())] ^= 1;
        prop_assert_ne!(integrity::digest::sha256_hex(&bytes), integrity::digest::sha256_hex(&tampered));
    }
}

#[test]
fn what_inflates_beyond_its_limit_is_refused() {
    let bomb = gzip(&vec![0; 1 << 20]);
    assert_eq!(gunzip(&bomb, 1 << 19), Err(NotOneMember::TooLarge(1 << 19)));
    assert_eq!(gunzip(&bomb[..bomb.len() - 1], 1 << 21), Err(NotOneMember::Truncated));
    assert_eq!(gunzip(b"", 1), Err(NotOneMember::Truncated));
    assert_eq!(gunzip(b"plain", 1), Err(NotOneMember::Damaged));
}
