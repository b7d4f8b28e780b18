//! Log files: where they lie, what they hold, when they come.

use std::collections::{BTreeMap, BTreeSet};

use integrity::digest::LogFileName;
use object_store::{Attribute, ObjectStore as _, ObjectStoreExt as _, path::Path};
use record::AccountId;

use super::house::{ACCOUNT, House, MINUTE, SECOND, only};
use crate::{Organization, Settings, TrailVersion};

fn log_files(keys: impl IntoIterator<Item = String>) -> Vec<String> {
    keys.into_iter().filter(|it| !it.contains("/CloudTrail-Digest/")).collect()
}

#[tokio::test]
async fn a_log_file_lies_where_cloudtrail_puts_it_and_holds_records_verbatim() {
    let mut house = House::new().await;
    let mut trail = house.trail("all");
    trail.prefix = Some("audit/eu".to_owned());
    house.publish(trail);
    let mut delivered = house.deliverer.as_ref().unwrap().delivered();
    let first = house.record("eu-west-1", "RunInstances").await;
    let second = house.record("eu-west-1", "StopInstances").await;
    house.work().await;
    let bucket = house.buckets.bucket("all-logs");
    assert_eq!(log_files(bucket.files().await.into_keys()), Vec::<String>::new());
    house.pass(1, MINUTE).await;
    let files = bucket.files().await;
    let keys = log_files(files.keys().cloned());
    let [key] = keys.as_slice() else { panic!("{keys:?}") };
    assert_eq!(delivered.try_recv().unwrap().key, *key);
    let stem = "audit/eu/AWSLogs/123456789012/CloudTrail/eu-west-1/2026/03/01/123456789012_CloudTrail_eu-west-1_20260301T1002Z_";
    let unique = key.strip_prefix(stem).unwrap().strip_suffix(".json.gz").unwrap();
    assert_eq!(unique.len(), 16);
    assert!(unique.bytes().all(|it| it.is_ascii_alphanumeric()));
    assert!(LogFileName::parse(key).is_some());
    assert_eq!(files[key], format!(r#"{{"Records":[{first},{second}]}}"#).into_bytes());
    let found = bucket.objects.get(&Path::parse(key).unwrap()).await.unwrap();
    assert_eq!(found.attributes.get(&Attribute::ContentType).unwrap().as_ref(), "application/json");
    assert_eq!(found.attributes.get(&Attribute::ContentEncoding).unwrap().as_ref(), "gzip");
    let status = house.status("all");
    assert_eq!(status.latest_delivery, Some(house.ambient.clock.now()));
    assert_eq!((status.waiting_files, status.latest_delivery_error), (0, None));
}

#[tokio::test]
async fn a_file_is_due_after_a_second_when_the_settings_say_so() {
    let mut house = House::with(Settings { file_age_seconds: 1, ..Settings::default() }).await;
    house.publish(house.trail("all"));
    let record = house.record("us-east-1", "RunInstances").await;
    house.work().await;
    house.pass(1, SECOND).await;
    assert_eq!(house.buckets.bucket("all-logs").records().await, [record]);
}

#[tokio::test]
async fn a_full_file_is_delivered_at_once() {
    let mut house = House::with(Settings { file_bytes: 2_000, ..Settings::default() }).await;
    house.publish(house.trail("all"));
    let mut expected = Vec::new();
    for _ in 0..40 {
        expected.push(house.record("us-east-1", "RunInstances").await);
    }
    house.work().await;
    let bucket = house.buckets.bucket("all-logs");
    let files = bucket.files().await;
    let of_logs = files.iter().filter(|it| !it.0.contains("-Digest/"));
    assert!(of_logs.clone().count() > 3);
    assert!(of_logs.clone().all(|(_, body)| body.len() <= 2_000));
    house.pass(1, MINUTE).await;
    expected.sort();
    assert_eq!(bucket.records().await, expected);
}

#[tokio::test]
async fn regions_and_accounts_lie_apart_and_strangers_are_left_out() {
    let mut house = House::new().await;
    let member = AccountId::parse("111122223333").unwrap();
    let mut trail = house.trail("org");
    let members = [trail.account, member].into();
    trail.organization = Some(Organization { id: "o-exampleorg".to_owned(), members });
    house.publish(trail);
    house.record("eu-west-1", "RunInstances").await;
    house.record("us-east-1", "RunInstances").await;
    for account in ["111122223333", "999999999999"] {
        let body = super::house::event(900, house.ambient.clock.now(), "us-east-1", "RunInstances");
        house.append("us-east-1", account, body).await;
    }
    house.work().await;
    house.pass(1, MINUTE).await;
    let files = house.buckets.bucket("org-logs").files().await;
    let folders: BTreeSet<_> = log_files(files.into_keys())
        .iter()
        .map(|it| it.split("/2026/").next().unwrap().to_owned())
        .collect();
    let expected = [
        "AWSLogs/o-exampleorg/111122223333/CloudTrail/us-east-1",
        "AWSLogs/o-exampleorg/123456789012/CloudTrail/eu-west-1",
        "AWSLogs/o-exampleorg/123456789012/CloudTrail/us-east-1",
    ];
    assert_eq!(folders.into_iter().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_single_region_trail_takes_its_home_region_only() {
    let mut house = House::new().await;
    let mut trail = house.trail("one");
    trail.multi_region = false;
    house.publish(trail);
    let own = house.record("us-east-1", "RunInstances").await;
    house.record("eu-west-1", "RunInstances").await;
    house.work().await;
    house.pass(1, MINUTE).await;
    assert_eq!(house.buckets.bucket("one-logs").records().await, [own]);
}

#[tokio::test]
async fn records_are_judged_by_the_version_at_their_position_however_late() {
    let mut house = House::new().await;
    let trail = house.trail("all");
    house.publish(trail.clone());
    let before = house.record("us-east-1", "DescribeInstances").await;
    let mut changed = trail.clone();
    (changed.version, changed.from, changed.selectors) = (2, house.end(), only("WriteOnly"));
    house.publish(changed);
    house.record("us-east-1", "DescribeInstances").await;
    let after = house.record("us-east-1", "RunInstances").await;
    let mut stopped = trail;
    (stopped.version, stopped.from, stopped.is_logging) = (3, house.end(), false);
    house.publish(stopped);
    house.record("us-east-1", "RunInstances").await;
    house.pass(3, MINUTE).await;
    let mut expected = vec![before, after];
    expected.sort();
    assert_eq!(house.buckets.bucket("all-logs").records().await, expected);
}

#[tokio::test]
async fn records_before_a_change_of_bucket_lie_in_the_old_one() {
    let mut house = House::new().await;
    let trail = house.trail("all");
    house.publish(trail.clone());
    let before = house.record("us-east-1", "RunInstances").await;
    let mut moved = trail;
    (moved.version, moved.from, moved.bucket) = (2, house.end(), "new-logs".to_owned());
    house.publish(moved);
    let after = house.record("us-east-1", "RunInstances").await;
    house.pass(2, MINUTE).await;
    assert_eq!(house.buckets.bucket("all-logs").records().await, [before]);
    assert_eq!(house.buckets.bucket("new-logs").records().await, [after]);
}

#[tokio::test]
async fn a_version_that_comes_late_is_applied_from_its_position_on() {
    let mut house = House::new().await;
    let trail = house.trail("all");
    house.publish(trail.clone());
    let before = house.record("us-east-1", "DescribeInstances").await;
    let from = house.end();
    house.record("us-east-1", "DescribeInstances").await;
    house.work().await;
    let mut changed = trail;
    (changed.version, changed.from, changed.selectors) = (2, from, only("WriteOnly"));
    house.publish(changed);
    house.pass(2, MINUTE).await;
    assert_eq!(house.buckets.bucket("all-logs").records().await, [before]);
}

#[tokio::test]
async fn a_folder_holds_files_and_the_metadata_of_digests() {
    let mut house = House::new().await;
    let folder = house.folder.path().join("bucket");
    std::fs::create_dir(&folder).unwrap();
    house.buckets.set_folder("all-logs", folder.clone());
    house.publish(house.trail("all"));
    house.record("us-east-1", "RunInstances").await;
    house.work().await;
    house.pass(1, MINUTE).await;
    let store = object_store::local::LocalFileSystem::new_with_prefix(&folder).unwrap();
    let found: Vec<_> = futures::TryStreamExt::try_collect(store.list(None)).await.unwrap();
    let ends = |end: &str| found.iter().filter(|it| it.location.as_ref().ends_with(end)).count();
    assert_eq!((ends(".json.gz"), ends(".json.gz.metadata.json"), found.len()), (2, 1, 3));
}

#[tokio::test]
async fn the_running_task_delivers_as_the_clock_goes() {
    let mut house = House::with(Settings { file_age_seconds: 1, ..Settings::default() }).await;
    house.publish(house.trail("all"));
    let running = tokio::spawn(house.deliverer.take().unwrap().run());
    let mut expected = Vec::new();
    for _ in 0..3 {
        expected.push(house.record("us-east-1", "RunInstances").await);
        let bucket = house.buckets.bucket("all-logs");
        while bucket.records().await.len() < expected.len() {
            house.clock.advance(SECOND / 4);
            tokio::task::yield_now().await;
        }
    }
    expected.sort();
    assert_eq!(house.buckets.bucket("all-logs").records().await, expected);
    running.abort();
}

#[tokio::test]
async fn a_trail_that_comes_while_nothing_happens_gets_what_happens_next() {
    let mut house = House::with(Settings { file_age_seconds: 1, ..Settings::default() }).await;
    let running = tokio::spawn(house.deliverer.take().unwrap().run());
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    house.publish(house.trail("all"));
    // The task sees the trail, and has nothing to do.
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    let expected = house.record("us-east-1", "RunInstances").await;
    let bucket = house.buckets.bucket("all-logs");
    for _ in 0..100_000 {
        if !bucket.records().await.is_empty() {
            break;
        }
        house.clock.advance(SECOND / 4);
        tokio::task::yield_now().await;
    }
    assert_eq!(bucket.records().await, [expected]);
    running.abort();
}

#[tokio::test]
async fn a_delivery_that_passes_the_door_does_not_feed_the_trail_that_made_it() {
    let mut house = House::new().await;
    let objects = r#"{"AdvancedEventSelectors":[{"FieldSelectors":[{"Field":"eventCategory","Equals":["Data"]},{"Field":"resources.type","Equals":["AWS::S3::Object"]}]}]}"#;
    for (name, bucket, recursive_logging) in
        [("own", "logs", true), ("beside", "logs", true), ("deaf", "logs", false)]
    {
        let mut trail = house.trail(name);
        trail.selectors = serde_json::from_str(objects).unwrap();
        trail.bucket = bucket.to_owned();
        trail.prefix = Some(name.to_owned());
        trail.recursive_logging = recursive_logging;
        house.publish(trail);
    }
    let key = "own/AWSLogs/123456789012/CloudTrail/us-east-1/2026/03/01/x.json.gz";
    for (access_key, key) in [
        ("AKIADELIVERY", key),
        // Somebody who only says so.
        ("AKIASOMEBODY", key),
        ("AKIADELIVERY", "own/report.csv"),
    ] {
        let body = format!(
            r#"{{"eventVersion":"1.11","eventTime":"2026-03-01T10:01:31Z","eventSource":"s3.amazonaws.com","eventName":"PutObject","awsRegion":"us-east-1","userIdentity":{{"type":"IAMUser","accessKeyId":"{access_key}"}},"readOnly":false,"managementEvent":false,"eventCategory":"Data","resources":[{{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::logs/{key}"}}]}}"#
        );
        house.append("us-east-1", ACCOUNT, body).await;
    }
    house.pass(2, MINUTE).await;
    let mut counts = BTreeMap::new();
    for (key, body) in house.buckets.bucket("logs").files().await {
        if !key.contains("-Digest/") {
            let text = String::from_utf8(body).unwrap();
            let trail = key.split('/').next().unwrap().to_owned();
            *counts.entry(trail).or_insert(0) += text.matches("PutObject").count();
        }
    }
    let expected = [("beside", 3), ("deaf", 2), ("own", 2)];
    assert_eq!(counts, expected.map(|(it, count)| (it.to_owned(), count)).into());
}

#[tokio::test]
async fn what_was_judged_without_knowing_of_a_change_is_judged_anew() {
    let mut house = House::new().await;
    let trail = house.trail("all");
    house.publish(trail.clone());
    house.record("us-east-1", "RunInstances").await;
    let read = house.record("us-east-1", "DescribeInstances").await;
    house.tick().await;
    // The change is kept, and has not come to us.
    let catalog = house.catalog().await;
    let arn = catalog::TrailArn::parse(&trail.trail_arn).unwrap();
    let settings = catalog::TrailSettings::new("all-logs");
    let new = catalog::NewTrail { arn, settings, tags: Vec::new() };
    let mut number = 0;
    while number <= trail.version {
        let made = catalog.create_trail(&new, 0).await.unwrap();
        number = made.version;
        if number <= trail.version {
            catalog.delete_trail(&new.arn, 0).await.unwrap();
        }
    }
    house.clock.advance(MINUTE);
    let refused = house.deliverer.as_mut().unwrap().tick().await.unwrap_err();
    let crate::Error::Catalog(refused) = refused else { panic!("{refused:?}") };
    assert!(matches!(refused, catalog::Error::DecidedTooEarly), "{refused:?}");
    house.publish(TrailVersion { version: number, selectors: only("ReadOnly"), ..trail });
    house.start().await;
    house.pass(2, MINUTE).await;
    assert_eq!(house.buckets.bucket("all-logs").records().await, [read]);
}

#[tokio::test]
async fn records_of_an_account_that_has_left_are_delivered_up_to_then_and_its_chain_ends() {
    let mut house = House::new().await;
    let member = AccountId::parse("111122223333").unwrap();
    let trail = house.trail("org");
    let of = |members: &[AccountId]| {
        let members = members.iter().copied().collect();
        Some(Organization { id: "o-exampleorg".to_owned(), members })
    };
    let owner = trail.account;
    house.publish(TrailVersion { organization: of(&[owner, member]), ..trail.clone() });
    let event = |house: &House, serial| {
        super::house::event(serial, house.ambient.clock.now(), "us-east-1", "RunInstances")
    };
    let before = event(&house, 900);
    house.append("us-east-1", "111122223333", before.clone()).await;
    // It left before its record was even read.
    let from = house.end();
    house.publish(TrailVersion { version: 2, from, organization: of(&[owner]), ..trail });
    house.append("us-east-1", "111122223333", event(&house, 901)).await;
    let own = house.record("us-east-1", "RunInstances").await;
    house.pass(15, 10 * MINUTE).await;
    let bucket = house.buckets.bucket("org-logs");
    let mut expected = vec![before, own];
    expected.sort();
    assert_eq!(bucket.records().await, expected);
    let files = bucket.files().await;
    let digests = files.keys().filter(|it| it.contains("-Digest/"));
    let of_member = digests.clone().filter(|it| it.contains("/111122223333/")).count();
    assert_eq!((of_member, digests.count() - of_member), (2, 3), "{:?}", files.keys());
}
