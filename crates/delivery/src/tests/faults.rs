//! Buckets that fail, and clocks that jump.

use std::{collections::BTreeMap, time::Duration};

use futures::TryStreamExt as _;
use object_store::{ObjectStore, ObjectStoreExt as _};

use super::house::{House, MINUTE, Mood};
use crate::Settings;

/// A bucket in a mood, another that is well; what the status says; and the drain.
async fn check(mood: Mood, code: Option<&str>) {
    let mut house = House::new().await;
    house.publish(house.trail("bad"));
    house.publish(house.trail("good"));
    house.set_mood("bad-logs", mood);
    let mut expected = Vec::new();
    for _ in 0..20 {
        expected.push(house.record("us-east-1", "RunInstances").await);
        for _ in 0..2 {
            house.tick().await;
            for _ in 0..200 {
                tokio::task::yield_now().await;
            }
            house.clock.advance(MINUTE + Duration::from_secs(1));
        }
        house.tick().await;
    }
    // The clock ran faster than writes: some were given up, and are tried again.
    for _ in 0..1_000 {
        house.clock.advance(Duration::from_secs(1));
        house.tick().await;
        tokio::time::timeout(Duration::from_millis(5), futures::future::pending::<()>()).await.ok();
        let has_all = house.buckets.bucket("good-logs").records().await.len() == expected.len();
        if has_all && house.status("bad").latest_delivery_error.as_deref() == code {
            break;
        }
    }
    expected.sort();
    assert!(house.buckets.bucket("good-logs").records().await == expected);
    assert!(house.buckets.bucket("bad-logs").records().await.is_empty());
    let status = house.status("bad");
    assert_eq!(status.latest_delivery_error.as_deref(), code);
    assert_eq!(status.latest_delivery, None);
    assert!(status.waiting_files >= 20, "{status:?}");
    assert_eq!(house.status("good").latest_delivery_error, None);
    house.set_mood("bad-logs", Mood::Well);
    house.clock.advance(MINUTE);
    for _ in 0..4 {
        house.pass(1, MINUTE).await;
    }
    assert_eq!(house.buckets.bucket("bad-logs").records().await, expected);
    let status = house.status("bad");
    assert_eq!((status.waiting_files, status.latest_delivery_error), (0, None));
    assert!(status.latest_delivery.is_some());
}

#[tokio::test]
async fn a_missing_bucket_holds_up_nobody_and_is_drained_when_it_is_there() {
    check(Mood::Missing, Some("NoSuchBucket")).await;
}

#[tokio::test]
async fn a_bucket_that_denies_holds_up_nobody() {
    check(Mood::Code("AccessDenied"), Some("AccessDenied")).await;
}

#[tokio::test]
async fn a_bucket_that_is_slow_down_holds_up_nobody() {
    check(Mood::Code("SlowDown"), Some("SlowDown")).await;
}

#[tokio::test]
async fn a_bucket_whose_service_fails_holds_up_nobody() {
    check(Mood::Code("InternalError"), Some("InternalError")).await;
}

#[tokio::test]
async fn a_bucket_that_hangs_holds_up_nobody_and_shows_no_error() {
    check(Mood::Hangs, None).await;
}

#[tokio::test]
async fn beyond_the_quota_the_log_holds_the_rest_for_that_trail_alone() {
    let mut house = House::with(Settings { spool_bytes: 3_000, ..Settings::default() }).await;
    house.set_mood("bad-logs", Mood::Missing);
    let mut bad = house.trail("bad");
    bad.validation = false;
    house.publish(bad);
    let mut good = house.trail("good");
    // Another account's quota.
    good.trail_arn = "arn:aws:cloudtrail:us-east-1:111122223333:trail/good".to_owned();
    good.validation = false;
    house.publish(good);
    let mut expected = Vec::new();
    for _ in 0..30 {
        expected.push(house.record("us-east-1", "RunInstances").await);
        house.pass(1, MINUTE).await;
    }
    house.pass(1, MINUTE).await;
    expected.sort();
    assert_eq!(house.buckets.bucket("good-logs").records().await, expected);
    let status = house.status("bad");
    assert!(status.quota_exceeded && status.waiting_bytes < 4_000, "{status:?}");
    let committed = house.deliverer.as_ref().unwrap().committed();
    assert!(*committed.borrow() < house.end());
    // A kill in this state changes nothing.
    house.start().await;
    house.set_mood("bad-logs", Mood::Well);
    house.pass(6, MINUTE).await;
    assert_eq!(house.buckets.bucket("bad-logs").records().await, expected);
    assert_eq!(house.buckets.bucket("good-logs").records().await, expected);
    assert!(!house.status("bad").quota_exceeded);
    let committed = house.deliverer.as_ref().unwrap().committed();
    assert_eq!(*committed.borrow(), house.end());
}

#[tokio::test]
async fn a_clock_that_jumps_loses_and_doubles_nothing() {
    let mut house = House::new().await;
    house.publish(house.trail("all"));
    let mut expected = Vec::new();
    let start = house.ambient.clock.now();
    for hours in [0_i64, -1, 24, 0, 1] {
        house.clock.set(start + jiff::SignedDuration::from_hours(hours));
        expected.push(house.record("us-east-1", "RunInstances").await);
        house.pass(2, MINUTE).await;
    }
    expected.sort();
    assert_eq!(house.buckets.bucket("all-logs").records().await, expected);
}

#[tokio::test]
async fn a_disk_that_fails_for_a_while_loses_and_doubles_nothing() {
    let mut house = House::new().await;
    house.publish(house.trail("all"));
    let mut expected = vec![house.record("us-east-1", "RunInstances").await];
    let waiting = house.folder.path().join("waiting");
    let running = tokio::spawn(house.deliverer.take().unwrap().run());
    // A file where the folder was: nothing can be written there, and the folder cannot be made.
    std::fs::remove_dir(&waiting).unwrap();
    std::fs::write(&waiting, b"").unwrap();
    let wait = || tokio::time::timeout(Duration::from_millis(2), futures::future::pending::<()>());
    for _ in 0..100 {
        house.clock.advance(Duration::from_secs(5));
        wait().await.ok();
    }
    let bucket = house.buckets.bucket("all-logs");
    assert!(bucket.records().await.is_empty());
    std::fs::remove_file(&waiting).unwrap();
    expected.push(house.record("us-east-1", "RunInstances").await);
    for _ in 0..1_000 {
        house.clock.advance(Duration::from_secs(5));
        wait().await.ok();
        if bucket.records().await.len() >= expected.len() {
            break;
        }
    }
    running.abort();
    expected.sort();
    assert_eq!(bucket.records().await, expected);
}

#[tokio::test]
async fn an_older_copy_that_was_put_back_replaces_nothing_and_is_told_of_until_the_end() {
    for is_folder in [false, true] {
        let mut house = House::new().await;
        let folder = house.folder.path().join("bucket");
        if is_folder {
            std::fs::create_dir(&folder).unwrap();
            house.buckets.set_folder("all-logs", folder.clone());
        }
        let digests = async |house: &House| {
            let of_folder = object_store::local::LocalFileSystem::new_with_prefix(&folder);
            let bucket = house.buckets.bucket("all-logs");
            let store: &dyn ObjectStore =
                if is_folder { of_folder.as_ref().unwrap() } else { &bucket.objects };
            let mut found = BTreeMap::new();
            for object in store.list(None).try_collect::<Vec<_>>().await.unwrap() {
                let key = object.location.to_string();
                if key.contains("/CloudTrail-Digest/") {
                    let body = store.get(&object.location).await.unwrap().bytes().await.unwrap();
                    found.insert(key, body);
                }
            }
            found
        };
        house.publish(house.trail("all"));
        house.work().await;
        house.pass(7, 10 * MINUTE).await;
        house.stop().await;
        let (now, copy) = (house.ambient.clock.now(), house.folder.path().join("copy"));
        let catalog = house.folder.path().join(catalog::FILE);
        std::fs::copy(&catalog, &copy).unwrap();
        house.start().await;
        house.record("us-east-1", "RunInstances").await;
        house.pass(14, 10 * MINUTE).await;
        assert_eq!(house.status("all").latest_digest_delivery_error, None);
        let before = digests(&house).await;

        house.stop().await;
        std::fs::copy(&copy, &catalog).unwrap();
        // What the database had not yet moved into its file is not of that copy.
        for beside in ["-wal", "-shm"] {
            let _not_there = std::fs::remove_file(format!("{}{beside}", catalog.display()));
        }
        house.clock.set(now);
        house.start().await;
        house.record("us-east-1", "StopInstances").await;
        house.pass(26, 10 * MINUTE).await;
        let after = digests(&house).await;
        assert!(before.iter().all(|(key, body)| after.get(key) == Some(body)));
        assert!(after.len() > before.len(), "what can be delivered is not held up");
        let error = house.status("all").latest_digest_delivery_error;
        assert_eq!(error.as_deref(), Some("PreconditionFailed"));
        house.start().await;
        house.pass(7, 10 * MINUTE).await;
        let error = house.status("all").latest_digest_delivery_error;
        assert_eq!(error.as_deref(), Some("PreconditionFailed"));
    }
}

#[tokio::test]
async fn files_that_a_bucket_denies_hold_up_no_others() {
    for part in ["/CloudTrail-Digest/", "/CloudTrail/eu-west-1/"] {
        let mut house = House::new().await;
        house.publish(house.trail("all"));
        house.set_mood("all-logs", Mood::Denies(part));
        for _ in 0..4 {
            house.record("eu-west-1", "RunInstances").await;
            house.record("us-east-1", "RunInstances").await;
            house.pass(30, MINUTE).await;
        }
        let there: Vec<String> =
            house.buckets.bucket("all-logs").files().await.into_keys().collect();
        assert!(there.iter().all(|it| !it.contains(part)), "{there:?}");
        let logs = there.iter().filter(|it| it.contains("/CloudTrail/us-east-1/")).count();
        assert_eq!(logs, 4, "{part}: {there:?}");
        let status = house.status("all");
        let of_digests = status.latest_digest_delivery_error.is_some();
        assert_eq!(of_digests, part == "/CloudTrail-Digest/", "{status:?}");
        house.set_mood("all-logs", Mood::Well);
        house.pass(65, MINUTE).await;
        assert_eq!(house.buckets.bucket("all-logs").records().await.len(), 8);
    }
}

#[tokio::test]
async fn each_region_tells_of_its_own_deliveries() {
    let mut house = House::new().await;
    let trail = house.trail("all");
    house.publish(trail.clone());
    house.record("us-east-1", "RunInstances").await;
    house.pass(2, MINUTE).await;
    house.set_mood("all-logs", Mood::Code("AccessDenied"));
    house.record("eu-west-1", "RunInstances").await;
    house.pass(2, MINUTE).await;
    let arn = catalog::TrailArn::parse(&trail.trail_arn).unwrap();
    let of = async |house: &House, region: &str| {
        let catalog = house.catalog().await;
        catalog.delivery_status_in(&arn, trail.account, region).await.unwrap()
    };
    let (home, away) = (of(&house, "us-east-1").await, of(&house, "eu-west-1").await);
    assert_eq!((home.latest_delivery_error, away.latest_delivery), (None, None));
    assert_eq!(away.latest_delivery_error.as_deref(), Some("AccessDenied"));
    assert!(home.latest_delivery.is_some() && home.latest_digest_delivery.is_some());
    assert_eq!(house.status("all").latest_delivery_error.as_deref(), Some("AccessDenied"));
    house.set_mood("all-logs", Mood::Well);
    house.start().await;
    house.pass(2, MINUTE).await;
    let away = of(&house, "eu-west-1").await;
    assert!(away.latest_delivery > home.latest_delivery && away.latest_delivery_error.is_none());
}

#[tokio::test]
async fn files_that_wait_for_weeks_take_little_memory_each_and_are_all_drained() {
    assert!(size_of::<crate::backlog::Mark>() <= 96);
    let mut house = House::new().await;
    house.publish(house.trail("all"));
    house.set_mood("all-logs", Mood::Missing);
    let mut expected = Vec::new();
    for minute in 0..200 {
        expected.push(house.record("us-east-1", "RunInstances").await);
        house.pass(1, MINUTE).await;
        if minute == 100 {
            house.start().await;
        }
    }
    house.start().await;
    let backlog = &house.deliverer.as_ref().unwrap().backlog;
    let mut files = backlog.files.values();
    let first = files.next().unwrap();
    assert!(files.clone().count() >= 199);
    let shares = |it: &crate::backlog::Mark| {
        std::sync::Arc::ptr_eq(&it.place, &first.place)
            && std::sync::Arc::ptr_eq(&it.bucket, &first.bucket)
    };
    assert!(files.all(shares), "names are told once");
    house.set_mood("all-logs", Mood::Well);
    house.pass(3, MINUTE).await;
    house.pass(2, 60 * MINUTE).await;
    expected.sort();
    assert_eq!(house.buckets.bucket("all-logs").records().await, expected);
    assert_eq!(house.deliverer.as_ref().unwrap().backlog.files.len(), 0);
}

#[tokio::test]
async fn what_is_left_of_a_write_that_broke_off_is_made_whole() {
    let mut house = House::new().await;
    house.publish(house.trail("all"));
    house.set_mood("all-logs", Mood::Half);
    let record = house.record("us-east-1", "RunInstances").await;
    house.pass(2, MINUTE).await;
    let halves = house.buckets.bucket("all-logs").objects.list(None).try_collect::<Vec<_>>();
    assert_eq!(halves.await.unwrap().len(), 2, "the beginnings of a log file and of a digest");
    house.set_mood("all-logs", Mood::Well);
    house.start().await;
    house.pass(2, MINUTE).await;
    assert_eq!(house.buckets.bucket("all-logs").records().await, [record]);
    let status = house.status("all");
    assert_eq!((status.latest_delivery_error, status.waiting_files), (None, 0));

    let folder = house.folder.path().join("bucket");
    std::fs::create_dir(&folder).unwrap();
    let place = crate::Destination::Folder(folder.clone());
    let whole = crate::Object { key: "a/b".to_owned(), body: "whole".into(), metadata: Vec::new() };
    for (there, is_taken) in [("", false), ("who", false), ("whole", false), ("while", true)] {
        std::fs::create_dir_all(folder.join("a")).unwrap();
        std::fs::write(folder.join("a/b"), there).unwrap();
        let put = place.put(whole.clone()).await;
        assert_eq!(put.is_err_and(|it| it.is_taken()), is_taken, "{there}");
        let expected = if is_taken { there } else { "whole" };
        assert_eq!(std::fs::read_to_string(folder.join("a/b")).unwrap(), expected);
    }
}
