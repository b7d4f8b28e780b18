//! Digests, judged by the verifier that auditors run.

use std::collections::BTreeMap;

use integrity::{
    digest::{DigestFile, DigestName, PublicKey, Stamp, ValidKey},
    verify::{
        Address, Audit, CheckedDigest, CheckedLogFile, DigestObject, KeyRing, Listed, LogFileCheck,
        Place, Report, Scope, check_digest,
    },
};
use jiff::SignedDuration;
use object_store::{ObjectStore as _, ObjectStoreExt as _, path::Path};

use super::{
    house::{ACCOUNT, House, MINUTE, Mood, own_key},
    validate_logs,
};
use crate::{KeptSigners, Settings, Signers as _, TrailVersion};

/// Audits a bucket as `trailmark verify` does.
async fn audit(house: &House, bucket: &str, restarts_allowed: bool) -> Report {
    audit_with(house, bucket, restarts_allowed, [own_key()]).await
}

async fn audit_with(
    house: &House,
    bucket: &str,
    restarts_allowed: bool,
    trusted: impl IntoIterator<Item = ValidKey>,
) -> Report {
    let place = Place::Bucket(bucket.to_owned());
    let now = Stamp::of(house.ambient.clock.now());
    let scope =
        Scope { place: place.clone(), start: None, end: None, now, within: None, restarts_allowed };
    let mut keys = KeyRing::default();
    trusted.into_iter().for_each(|it| keys.trust(it));
    let bucket_of = house.buckets.bucket(bucket);
    let mut objects = BTreeMap::new();
    let listed: Vec<_> =
        futures::TryStreamExt::try_collect(bucket_of.objects.list(None)).await.unwrap();
    for object in listed {
        let key = object.location.to_string();
        let found = bucket_of.objects.get(&Path::parse(&key).unwrap()).await.unwrap();
        objects.insert(key.clone(), (found.bytes().await.unwrap(), bucket_of.metadata(&key).await));
    }
    let at = |key: &str| Address { bucket: bucket.to_owned(), key: key.to_owned() };
    let mut audit = Audit::new(scope, Vec::new());
    for (key, (body, _)) in &objects {
        audit.list(Listed { at: at(key), size: body.len() as u64 });
    }
    loop {
        let wanted = audit.wanted_digests();
        if wanted.is_empty() {
            break;
        }
        for wanted in wanted {
            audit.digest(match objects.get(&wanted.at.key) {
                None => CheckedDigest::missing(wanted),
                Some((body, metadata)) => {
                    let object = DigestObject { body: body.to_vec(), metadata: metadata.clone() };
                    check_digest(&place, &keys, wanted, &object)
                }
            });
        }
    }
    for job in audit.log_files() {
        audit.log_file(match objects.get(&job.at.key) {
            None => CheckedLogFile::missing(job),
            Some((body, _)) => {
                let mut check = LogFileCheck::new(job);
                check.push(body);
                check.finish()
            }
        });
    }
    audit.report("a bucket".to_owned())
}

/// The regular digests of a chain, oldest first.
async fn digests(house: &House, bucket: &str, region: &str) -> Vec<DigestFile> {
    chain(house, bucket, region, false).await
}

/// The digests of a chain, or its backfill digests, oldest first.
async fn chain(house: &House, bucket: &str, region: &str, backfill: bool) -> Vec<DigestFile> {
    let files = house.buckets.bucket(bucket).files().await;
    let of_region = |key: &str| {
        DigestName::parse(key)
            .is_some_and(|(_, it)| it.chain.region == region && it.backfill == backfill)
    };
    let found = files.iter().filter(|(key, _)| of_region(key));
    let mut digests: Vec<_> = found.map(|(_, body)| DigestFile::parse(body).unwrap()).collect();
    digests.sort_by_key(|it| it.digest_end_time);
    digests
}

#[track_caller]
fn check(report: &Report) {
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
}

#[tokio::test]
async fn a_day_of_digests_verifies_and_empty_hours_have_theirs() {
    let mut house = House::new().await;
    house.publish(house.trail("all"));
    house.work().await;
    for hour in 0..24 {
        if hour != 5 {
            for region in ["us-east-1", "eu-west-1"] {
                house.record(region, "RunInstances").await;
            }
        }
        house.pass(6, 10 * MINUTE).await;
    }
    house.pass(3, MINUTE).await;
    check(&audit(&house, "all-logs", false).await);
    for (region, count) in [("us-east-1", 25), ("eu-west-1", 25)] {
        let chain = digests(&house, "all-logs", region).await;
        assert_eq!(chain.len(), count, "{region}");
        assert!(chain[0].starts_chain());
        assert!(chain[1..].iter().all(|it| !it.starts_chain()));
        assert_eq!(chain.iter().map(|it| it.log_files.len()).sum::<usize>(), 23);
        assert!(chain.iter().all(|it| it.digest_end_time.to_string().ends_with(":01:31Z")));
        let empty = chain.iter().filter(|it| it.log_files.is_empty());
        assert_eq!(empty.count(), 2, "the first and the empty hour");
    }
    assert!(house.status("all").latest_digest_delivery.is_some());
}

#[tokio::test]
async fn log_files_that_come_after_the_digest_of_their_hour_are_in_backfill_digests_of_it() {
    let mut house = House::new().await;
    house.publish(house.trail("all"));
    house.work().await;
    house.set_mood("all-logs", Mood::Code("AccessDenied"));
    for files in [1, 0, 2, 1] {
        for _ in 0..files {
            house.record("us-east-1", "RunInstances").await;
            house.pass(1, 10 * MINUTE).await;
        }
        house.pass(6 - files, 10 * MINUTE).await;
    }
    house.record("us-east-1", "StopInstances").await;
    // The fourth hour's digest does not wait any longer.
    house.pass(20, MINUTE).await;
    house.set_mood("all-logs", Mood::Uneven);
    house.pass(4, MINUTE).await;
    let late = chain(&house, "all-logs", "us-east-1", true).await;
    let told = late.iter().map(|it| (it.digest_end_time.to_string(), it.log_files.len()));
    let hours = [("11:01:31", 1), ("13:01:31", 2), ("14:01:31", 1)];
    let expected = hours.map(|(hour, files)| (format!("2026-03-01T{hour}Z"), files));
    assert_eq!(told.collect::<Vec<_>>(), expected);
    assert!(late[0].starts_chain());
    assert!(late[1..].iter().all(|it| !it.starts_chain()));
    check(&audit(&house, "all-logs", false).await);
    house.pass(8, 10 * MINUTE).await;
    let report = audit(&house, "all-logs", false).await;
    check(&report);
    assert_eq!((report.backfill_digests.total, report.log_files.total), (3, 5));
    let regular = digests(&house, "all-logs", "us-east-1").await;
    assert_eq!(regular.iter().map(|it| it.log_files.len()).sum::<usize>(), 1);
    let (regular, words) = (regular.len(), "5/5 log files valid");
    let expected = [format!("{regular}/{regular} digest files valid"), words.to_owned()];
    let expected = expected.each_ref().map(String::as_str);
    validate_logs::check(&house, &[own_key()], expected).await;
    validate_logs::check(&house, &[own_key()], ["3/3 backfill digest files valid", words]).await;
}

#[tokio::test]
async fn a_late_log_file_that_comes_after_the_backfill_digest_of_its_hour_is_named_once() {
    let mut house = House::new().await;
    house.publish(house.trail("all"));
    house.work().await;
    house.pass(7, 10 * MINUTE).await;
    // Back to an hour whose digest was made: what is delivered now is late, one file after the other.
    house.clock.set(house.ambient.clock.now() - SignedDuration::from_mins(40));
    for _ in 0..4 {
        house.record("us-east-1", "RunInstances").await;
        house.pass(2, MINUTE).await;
    }
    house.start().await;
    house.pass(15, 10 * MINUTE).await;
    let report = audit(&house, "all-logs", false).await;
    check(&report);
    assert_eq!((report.backfill_digests.total, report.log_files.total), (1, 4));
}

#[tokio::test]
async fn digests_of_one_chain_reach_the_bucket_in_its_order_and_other_chains_go_on() {
    let mut house = House::with(Settings { puts_per_bucket: 16, ..Settings::default() }).await;
    house.publish(house.trail("all"));
    for region in ["us-east-1", "eu-west-1", "eu-north-1"] {
        house.record(region, "RunInstances").await;
    }
    house.pass(7, 10 * MINUTE).await;
    house.set_mood("all-logs", Mood::Uneven);
    // A day without service, by which 24 digests of each chain are due at once.
    house.clock.advance(24 * 60 * MINUTE);
    house.start().await;
    house.work().await;
    let puts = house.buckets.bucket("all-logs").puts.lock().unwrap().clone();
    let names: Vec<_> = puts.iter().filter_map(|it| Some(DigestName::parse(it)?.1)).collect();
    assert_eq!(names.len(), 3 * 26);
    let mut newest = BTreeMap::new();
    for name in &names {
        let before = newest.insert(name.chain.region.clone(), name.end);
        assert!(before.is_none_or(|it| it < name.end), "{name:?} came after {before:?}");
    }
    let mut regions: Vec<_> = names.iter().map(|it| &it.chain.region).collect();
    regions.dedup();
    assert!(regions.len() > 40, "one chain waited for another: {}", regions.len());
    check(&audit(&house, "all-logs", false).await);
}

#[tokio::test]
async fn a_chain_ends_when_logging_stops_and_another_begins_when_it_starts_again() {
    let mut house = House::new().await;
    let trail = house.trail("all");
    house.publish(trail.clone());
    house.work().await;
    house.record("us-east-1", "RunInstances").await;
    let change = |house: &House, version, is_logging| TrailVersion {
        version,
        is_logging,
        from: house.end(),
        since: house.ambient.clock.now(),
        ..trail.clone()
    };
    house.pass(3, 10 * MINUTE).await;
    house.record("us-east-1", "StopLogging").await;
    house.publish(change(&house, 2, false));
    house.pass(20, 10 * MINUTE).await;
    let chain = digests(&house, "all-logs", "us-east-1").await;
    assert_eq!(chain.len(), 2, "the first and the last");
    assert_eq!(chain[1].log_files.len(), 2);
    check(&audit(&house, "all-logs", false).await);
    house.record("us-east-1", "RunInstances").await;
    house.publish(change(&house, 3, true));
    let last = house.record("us-east-1", "StartLogging").await;
    house.pass(9, 10 * MINUTE).await;
    let chain = digests(&house, "all-logs", "us-east-1").await;
    assert_eq!(chain.iter().filter(|it| it.starts_chain()).count(), 2);
    assert_eq!(chain.iter().map(|it| it.log_files.len()).sum::<usize>(), 3);
    assert!(house.buckets.bucket("all-logs").records().await.contains(&last));
    check(&audit(&house, "all-logs", true).await);
}

#[tokio::test]
async fn a_kill_at_any_hour_keeps_the_chain() {
    let mut house = House::new().await;
    house.publish(house.trail("all"));
    house.work().await;
    for hour in 0..6 {
        house.record("us-east-1", "RunInstances").await;
        house.pass(5, 10 * MINUTE).await;
        house.set_mood("all-logs", if hour % 2 == 0 { Mood::TakesAndHangs } else { Mood::Hangs });
        house.clock.advance(10 * MINUTE);
        house.tick().await;
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        house.set_mood("all-logs", Mood::Well);
        house.start().await;
    }
    house.pass(12, 10 * MINUTE).await;
    check(&audit(&house, "all-logs", false).await);
    assert_eq!(digests(&house, "all-logs", "us-east-1").await.len(), 9);
}

#[tokio::test]
async fn without_validation_there_are_no_digests_and_nothing_is_kept_for_them() {
    let mut house = House::new().await;
    let mut trail = house.trail("all");
    trail.validation = false;
    house.publish(trail);
    house.record("us-east-1", "RunInstances").await;
    house.pass(30, 10 * MINUTE).await;
    assert!(digests(&house, "all-logs", "us-east-1").await.is_empty());
    assert!(house.deliverer.as_ref().unwrap().backlog.files.is_empty());
    assert_eq!(house.status("all").latest_digest_delivery, None);
}

#[tokio::test]
async fn named_regions_have_digests_before_any_record() {
    let regions = ["eu-west-1".to_owned()].into();
    let mut house = House::with(Settings { regions, ..Settings::default() }).await;
    house.publish(house.trail("all"));
    house.pass(7, 10 * MINUTE).await;
    let chain = digests(&house, "all-logs", "eu-west-1").await;
    assert_eq!(chain.len(), 2);
    assert_eq!(chain[0].aws_account_id, ACCOUNT);
    check(&audit(&house, "all-logs", false).await);
}

#[tokio::test]
async fn a_clock_that_jumps_keeps_the_chain_whole_and_every_record_once() {
    let mut house = House::new().await;
    house.publish(house.trail("all"));
    house.work().await;
    let mut expected = Vec::new();
    for hours in [1_i64, -1, 24, -24, 26] {
        expected.push(house.record("us-east-1", "RunInstances").await);
        // The jump comes while a file is open and in the middle of an hour, and meets a kill.
        house.pass(7, 10 * MINUTE).await;
        expected.push(house.record("us-east-1", "StopInstances").await);
        house.tick().await;
        house.clock.set(house.ambient.clock.now() + SignedDuration::from_hours(hours));
        house.start().await;
    }
    house.pass(9, 10 * MINUTE).await;
    expected.sort();
    assert_eq!(house.buckets.bucket("all-logs").records().await, expected);
    check(&audit(&house, "all-logs", false).await);
    let count = digests(&house, "all-logs", "us-east-1").await.len();
    let digests = format!("{count}/{count} digest files valid");
    validate_logs::check(&house, &[own_key()], [&digests, "6/6 log files valid"]).await;
}

#[tokio::test]
async fn a_key_that_is_renewed_in_the_middle_of_a_chain_keeps_it_valid() {
    let mut house = House::new().await;
    house.keeps_keys = true;
    house.start().await;
    let catalog = house.catalog().await;
    let begun = house.ambient.clock.now();
    // The region's first key is that of an earlier trail, and is due three hours from where we begin.
    KeptSigners::new(catalog.clone()).signer("us-east-1", Stamp::of(begun)).await.unwrap();
    house.clock.set(begun + SignedDuration::from_hours(27 * 24 - 3));
    house.publish(house.trail("all"));
    house.work().await;
    for _ in 0..6 {
        house.record("us-east-1", "RunInstances").await;
        house.pass(6, 10 * MINUTE).await;
    }
    house.pass(2, MINUTE).await;

    let shown = catalog.public_keys("us-east-1", begun, house.ambient.clock.now()).await.unwrap();
    let shown: Vec<_> = shown
        .into_iter()
        .map(|it| ValidKey {
            key: PublicKey::from_der(&it.public_key).unwrap(),
            validity: Some((Stamp::of(it.valid_from), Stamp::of(it.valid_until))),
        })
        .collect();
    let mut signed_by: Vec<_> = digests(&house, "all-logs", "us-east-1")
        .await
        .into_iter()
        .map(|it| it.digest_public_key_fingerprint)
        .collect();
    assert_eq!(signed_by.len(), 7);
    signed_by.dedup();
    let fingerprints: Vec<_> = shown.iter().map(|it| it.key.fingerprint().clone()).collect();
    assert_eq!(signed_by, fingerprints, "the first key, then the second");
    check(&audit_with(&house, "all-logs", false, shown.clone()).await);
    validate_logs::check(&house, &shown, ["7/7 digest files valid", "6/6 log files valid"]).await;
    // Whoever has only one of the keys cannot check all.
    let report = audit_with(&house, "all-logs", false, shown.into_iter().take(1)).await;
    assert!(!report.is_valid(), "{report:?}");
}

#[tokio::test]
async fn digests_of_hours_without_service_in_which_a_key_was_due_are_signed_as_if_in_time() {
    let mut house = House::new().await;
    house.keeps_keys = true;
    house.start().await;
    let catalog = house.catalog().await;
    let begun = house.ambient.clock.now();
    KeptSigners::new(catalog.clone()).signer("us-east-1", Stamp::of(begun)).await.unwrap();
    house.clock.set(begun + SignedDuration::from_hours(26 * 24));
    house.publish(house.trail("all"));
    house.work().await;
    house.record("us-east-1", "RunInstances").await;
    house.pass(2, MINUTE).await;
    // The key is due for another after one day, and over after four.
    for days in [3, 3] {
        house.clock.advance(days * 24 * 60 * MINUTE);
        house.start().await;
        house.pass(2, MINUTE).await;
    }
    let shown = catalog.public_keys("us-east-1", begun, house.ambient.clock.now()).await.unwrap();
    let shown = shown.into_iter().map(|it| ValidKey {
        key: PublicKey::from_der(&it.public_key).unwrap(),
        validity: Some((Stamp::of(it.valid_from), Stamp::of(it.valid_until))),
    });
    let shown: Vec<_> = shown.collect();
    assert_eq!(shown.len(), 2);
    check(&audit_with(&house, "all-logs", false, shown.clone()).await);
    let digests = digests(&house, "all-logs", "us-east-1").await;
    assert_eq!(digests.len(), 1 + 6 * 24);
    validate_logs::check(&house, &shown, ["145/145 digest files valid", "1/1 log files valid"])
        .await;
}
