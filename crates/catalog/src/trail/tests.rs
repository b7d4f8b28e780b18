//! Trails as their users see them, on a real file.

use std::{path::Path, time::Duration};

use jiff::Timestamp;
use proptest::{collection::vec, prelude::*};
use tempfile::TempDir;
use testkit::ManualClock;

use super::*;
use crate::{MasterKey, NewSigningKey, PrivateKey};

struct House {
    _folder: TempDir,
    catalog: Catalog,
    clock: ManualClock,
}

async fn open(folder: &Path, ambient: ambient::Ambient) -> Catalog {
    Catalog::open(folder, MasterKey::in_folder(folder).unwrap(), ambient).await.unwrap()
}

impl House {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (ambient, clock) = testkit::ambient("2026-07-01T12:00:00Z".parse().unwrap(), 1);
        let catalog = open(folder.path(), ambient).await;
        Self { catalog, clock, _folder: folder }
    }

    async fn create(&self, name: &str, region: &str, position: u64) -> Result<Trail, Error> {
        let settings = TrailSettings::new("ledger");
        self.catalog.create_trail(&new(name, region, settings), position).await
    }

    async fn multi_region(&self, name: &str, region: &str) -> Result<Trail, Error> {
        let settings =
            TrailSettings { is_multi_region_trail: true, ..TrailSettings::new("ledger") };
        self.catalog.create_trail(&new(name, region, settings), 0).await
    }

    /// Number, first position and stage of every version that judges from `position` on.
    async fn history(&self, position: u64) -> Vec<(u64, u64, Stage)> {
        let history = self.catalog.trail_history(position).await.unwrap();
        history.versions.iter().map(|it| (it.number, it.from, it.stage)).collect()
    }
}

fn arn(name: &str, region: &str) -> TrailArn {
    TrailArn::parse(&format!("arn:aws:cloudtrail:{region}:123456789012:trail/{name}")).unwrap()
}

fn new(name: &str, region: &str, settings: TrailSettings) -> NewTrail {
    NewTrail { arn: arn(name, region), settings, tags: Vec::new() }
}

fn tag(key: &str, value: Option<&str>) -> Tag {
    Tag { key: key.to_owned(), value: value.map(str::to_owned) }
}

#[tokio::test]
async fn a_record_is_judged_by_the_version_of_its_position_however_late() {
    let House { catalog, .. } = &(House::new().await);
    let arn = arn("audit", "eu-west-1");
    let made = new("audit", "eu-west-1", TrailSettings::new("ledger"));
    let created = catalog.create_trail(&made, 10).await.unwrap();
    catalog.set_logging(&arn, true, 20).await.unwrap();
    let selectors = r#"{"EventSelectors":[]}"#;
    catalog.set_event_selectors(&arn, Some(selectors), 30).await.unwrap();
    let moved = TrailSettings::new("elsewhere");
    catalog.update_trail(&arn, created.version + 2, &moved, 40).await.unwrap();
    catalog.delete_trail(&arn, 50).await.unwrap();

    let at = async |position| catalog.trail_version_at(&arn, position).await.unwrap();
    assert_eq!(at(9).await, None);
    for (position, stage, custom, bucket) in [
        (10, Stage::Stopped, false, "ledger"),
        (19, Stage::Stopped, false, "ledger"),
        (20, Stage::Logging, false, "ledger"),
        (30, Stage::Logging, true, "ledger"),
        (40, Stage::Logging, true, "elsewhere"),
        (50, Stage::Deleted, true, "elsewhere"),
    ] {
        let version = at(position).await.unwrap();
        assert_eq!(version.stage, stage, "{position}");
        assert_eq!(version.event_selectors.is_some(), custom, "{position}");
        assert_eq!(version.settings.s3_bucket_name, bucket, "{position}");
        assert_eq!(catalog.trail_version(version.number).await.unwrap().unwrap(), version);
    }
}

#[tokio::test]
async fn a_history_is_what_may_still_judge() {
    let house = House::new().await;
    house.create("audit", "eu-west-1", 10).await.unwrap();
    let arn = arn("audit", "eu-west-1");
    house.catalog.set_logging(&arn, true, 20).await.unwrap();
    house.catalog.delete_trail(&arn, 30).await.unwrap();
    house.create("audit", "eu-west-1", 30).await.unwrap();
    use Stage::{Deleted, Logging, Stopped};
    assert_eq!(
        house.history(0).await,
        [(1, 10, Stopped), (2, 20, Logging), (3, 30, Deleted), (4, 30, Stopped)]
    );
    assert_eq!(house.history(25).await, [(2, 20, Logging), (3, 30, Deleted), (4, 30, Stopped)]);
    assert_eq!(house.history(30).await, [(4, 30, Stopped)]);
    house.catalog.delete_trail(&arn, 40).await.unwrap();
    assert_eq!(house.history(40).await, [(5, 40, Deleted)]);
}

#[tokio::test]
async fn a_change_never_holds_before_an_earlier_change_or_what_was_judged() {
    let house = House::new().await;
    house.create("audit", "eu-west-1", 10).await.unwrap();
    let arn = arn("audit", "eu-west-1");
    house.catalog.set_logging(&arn, true, 7).await.unwrap();
    assert_eq!(house.history(0).await, [(1, 10, Stage::Stopped), (2, 10, Stage::Logging)]);

    house.catalog.set_cursor(DELIVERY_CURSOR, 25).await.unwrap();
    let woken = house.catalog.watch_trails();
    house.catalog.set_logging(&arn, false, 20).await.unwrap();
    assert!(woken.has_changed().unwrap());
    assert_eq!(house.history(25).await, [(3, 25, Stage::Stopped)]);
    assert_eq!(house.catalog.trail_changes().await.unwrap(), 3);
}

#[tokio::test]
async fn a_change_that_changes_nothing_makes_no_version() {
    let house = House::new().await;
    let arn = house.create("audit", "eu-west-1", 10).await.unwrap().arn;
    let before = house.catalog.trail_changes().await.unwrap();
    let stopped = house.catalog.set_logging(&arn, false, 20).await.unwrap();
    assert_eq!((stopped.is_logging, stopped.stopped), (false, None));
    assert_eq!(house.catalog.trail_changes().await.unwrap(), before);
    let first = house.catalog.set_logging(&arn, true, 20).await.unwrap();
    house.clock.advance(Duration::from_mins(1));
    let second = house.catalog.set_logging(&arn, true, 20).await.unwrap();
    assert_eq!(first, second);
}

#[tokio::test]
async fn an_update_that_rests_on_an_old_version_is_refused() {
    let house = House::new().await;
    let seen = house.create("audit", "eu-west-1", 10).await.unwrap();
    house.catalog.set_logging(&seen.arn, true, 20).await.unwrap();
    let refused =
        house.catalog.update_trail(&seen.arn, seen.version, &seen.settings, 20).await.unwrap_err();
    assert!(matches!(refused, Error::TrailChanged(_)), "{refused}");
}

#[tokio::test]
async fn a_region_has_five_trails_and_a_multi_region_trail_counts_in_each() {
    let house = House::new().await;
    house.multi_region("everywhere", "us-east-1").await.unwrap();
    for name in ["one", "two", "three", "four"] {
        house.create(name, "eu-west-1", 0).await.unwrap();
    }
    let refused = house.create("five", "eu-west-1", 0).await.unwrap_err();
    assert!(matches!(refused, Error::TrailLimit { ref region, .. } if region == "eu-west-1"));
    let refused = house.multi_region("five", "us-east-1").await.unwrap_err();
    assert!(matches!(refused, Error::TrailLimit { ref region, .. } if region == "eu-west-1"));
    house.create("five", "us-east-1", 0).await.unwrap();
    house.catalog.delete_trail(&arn("one", "eu-west-1"), 0).await.unwrap();
    house.create("five", "eu-west-1", 0).await.unwrap();
}

#[tokio::test]
async fn a_name_is_taken_in_its_region_and_by_a_multi_region_trail_everywhere() {
    let house = House::new().await;
    house.create("audit", "eu-west-1", 0).await.unwrap();
    house.create("audit", "us-east-1", 0).await.unwrap();
    house.multi_region("everywhere", "us-east-1").await.unwrap();
    for taken in [
        house.create("audit", "eu-west-1", 0).await,
        house.create("everywhere", "eu-west-1", 0).await,
        house.multi_region("audit", "eu-north-1").await,
    ] {
        assert!(matches!(taken, Err(Error::TrailExists(_))), "{taken:?}");
    }
    let names: Vec<_> = house.catalog.all_trails().await.unwrap();
    assert_eq!(names.len(), 3);
    let own = house.catalog.trails(AccountId::parse("123456789012").unwrap()).await.unwrap();
    assert_eq!(own.len(), 3);
    let other = house.catalog.trails(AccountId::parse("210987654321").unwrap()).await.unwrap();
    assert_eq!(other, []);
}

#[tokio::test]
async fn two_that_create_at_once_make_one_trail() {
    let house = House::new().await;
    let make = || house.create("audit", "eu-west-1", 0);
    let (a, b, c) = tokio::join!(make(), make(), make());
    let made = [&a, &b, &c].iter().filter(|it| it.is_ok()).count();
    assert_eq!(made, 1, "{a:?} {b:?} {c:?}");
}

#[tokio::test]
async fn tags_are_added_replaced_removed_and_at_most_fifty() {
    let House { catalog, .. } = &(House::new().await);
    let mut wanted = new("audit", "eu-west-1", TrailSettings::new("ledger"));
    wanted.tags = vec![tag("team", Some("red")), tag("bare", None)];
    let arn = catalog.create_trail(&wanted, 0).await.unwrap().arn;
    catalog.add_tags(&arn, &[tag("team", Some("blue"))]).await.unwrap();
    let expected = [tag("bare", None), tag("team", Some("blue"))];
    assert_eq!(catalog.tags(&arn).await.unwrap(), expected);

    let many: Vec<_> = (0..49).map(|it| tag(&format!("k{it}"), None)).collect();
    let refused = catalog.add_tags(&arn, &many).await.unwrap_err();
    assert!(matches!(refused, Error::TagLimit { .. }), "{refused}");
    assert_eq!(catalog.tags(&arn).await.unwrap(), expected);
    catalog.add_tags(&arn, &many[1..]).await.unwrap();
    catalog.remove_tags(&arn, &["team".to_owned(), "unknown".to_owned()]).await.unwrap();
    assert_eq!(catalog.tags(&arn).await.unwrap().len(), 49);
    catalog.delete_trail(&arn, 0).await.unwrap();
    assert_eq!(catalog.tags(&arn).await.unwrap(), []);
    let gone = catalog.add_tags(&arn, &expected).await.unwrap_err();
    assert!(matches!(gone, Error::TrailUnknown(_)), "{gone}");
}

#[tokio::test]
async fn status_is_that_of_the_last_commit_and_goes_with_the_trail() {
    let House { catalog, .. } = &(House::new().await);
    let wanted = new("audit", "eu-west-1", TrailSettings::new("ledger"));
    let arn = catalog.create_trail(&wanted, 0).await.unwrap().arn;
    assert_eq!(catalog.delivery_status(&arn).await.unwrap(), DeliveryStatus::default());
    let status = DeliveryStatus {
        latest_delivery: Some("2026-07-01T12:00:00.5Z".parse().unwrap()),
        latest_delivery_error: Some("NoSuchBucket".to_owned()),
        ..DeliveryStatus::default()
    };
    let commit = crate::delivery::DeliveryCommit {
        statuses: vec![(arn.to_string(), status.clone())],
        ..crate::delivery::DeliveryCommit::default()
    };
    catalog.commit_delivery(&commit).await.unwrap();
    assert_eq!(catalog.delivery_status(&arn).await.unwrap(), status);
    catalog.delete_trail(&arn, 0).await.unwrap();
    assert_eq!(catalog.delivery_status(&arn).await.unwrap(), DeliveryStatus::default());
}

/// Something that changes a trail, handed in with the end of the log as its caller saw it.
#[derive(Clone, Debug)]
enum Step {
    /// Create it, or delete it when it is there.
    Exist,
    /// Start or stop logging.
    Log(bool),
    /// Deliveries have decided on everything before the position.
    Decide,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![Just(Step::Exist), any::<bool>().prop_map(Step::Log), Just(Step::Decide)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_judges_a_position_is_the_last_change_that_holds_there(
        steps in vec((step(), 0_u64..30), 1..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(judged_as_by_the_naive(&steps));
    }
}

async fn judged_as_by_the_naive(steps: &[(Step, u64)]) {
    let house = House::new().await;
    let arn = arn("audit", "eu-west-1");
    // Every change with the first position that it may judge, in the order of the changes.
    let mut naive: Vec<(u64, Stage)> = Vec::new();
    let (mut now, mut floor) = (Stage::Deleted, 0);
    for (step, position) in steps {
        let next = match (step, now) {
            (Step::Decide, _) => {
                floor = floor.max(*position);
                house.catalog.set_cursor(DELIVERY_CURSOR, floor).await.unwrap();
                continue;
            }
            (Step::Exist, Stage::Deleted) => {
                house.create("audit", "eu-west-1", *position).await.unwrap();
                Stage::Stopped
            }
            (Step::Exist, _) => {
                house.catalog.delete_trail(&arn, *position).await.unwrap();
                Stage::Deleted
            }
            (Step::Log(wanted), before) => {
                let done = house.catalog.set_logging(&arn, *wanted, *position).await;
                assert_eq!(done.is_err(), before == Stage::Deleted);
                if done.is_err() || *wanted == (before == Stage::Logging) {
                    continue;
                }
                if *wanted { Stage::Logging } else { Stage::Stopped }
            }
        };
        floor = floor.max(*position);
        naive.push((floor, next));
        now = next;
    }
    for position in 0..32 {
        let expected = naive.iter().rev().find(|(from, _)| *from <= position).map(|it| it.1);
        let found = house.catalog.trail_version_at(&arn, position).await.unwrap();
        assert_eq!(found.as_ref().map(|it| it.stage), expected, "{position} of {naive:?}");
        // Whoever reads the history from here on judges the same.
        let history = house.catalog.trail_history(position).await.unwrap().versions;
        let judge = history.into_iter().rev().find(|it| it.from <= position);
        assert_eq!(judge, found, "{position} of {naive:?}");
    }
}

fn pair(name: &str) -> NewSigningKey {
    NewSigningKey {
        fingerprint: name.to_owned(),
        public_key: name.as_bytes().to_vec(),
        private_key: PrivateKey::new(format!("private {name}").into_bytes()),
    }
}

#[tokio::test]
async fn a_signing_key_is_renewed_before_it_ends_and_old_ones_are_shown_for_ever() {
    let House { catalog, .. } = &(House::new().await);
    let day = |it: i64| {
        "2026-07-01T00:00:00Z".parse::<Timestamp>().unwrap()
            + jiff::SignedDuration::from_hours(24 * it)
    };
    assert_eq!(catalog.signing_key("eu-west-1", day(0)).await.unwrap(), None);
    let first = catalog.add_signing_key("eu-west-1", pair("a"), day(0)).await.unwrap();
    assert_eq!(first.private_key.as_ref().unwrap().expose(), b"private a");
    assert_eq!((first.valid_from, first.valid_until), (day(0), day(30)));
    assert!(!first.is_due(day(26)) && first.is_due(day(27)));

    // Who is late, or too early, gets the key that is there.
    let same = catalog.add_signing_key("eu-west-1", pair("b"), day(0)).await.unwrap();
    assert_eq!(same.fingerprint, "a");
    let next = catalog.add_signing_key("eu-west-1", pair("c"), day(28)).await.unwrap();
    assert_eq!((next.fingerprint.as_str(), next.valid_from), ("c", day(28)));
    // After a pause the next one reaches back, so that every moment has a key.
    let late = catalog.add_signing_key("eu-west-1", pair("d"), day(100)).await.unwrap();
    assert_eq!((late.valid_from, late.valid_until), (day(58), day(130)));

    let names = async |from, until| -> Vec<String> {
        let keys = catalog.public_keys("eu-west-1", day(from), day(until)).await.unwrap();
        assert!(keys.iter().all(|it| it.private_key.is_none()));
        keys.into_iter().map(|it| it.fingerprint).collect()
    };
    assert_eq!(names(0, 200).await, ["a", "c", "d"]);
    assert_eq!(names(29, 29).await, ["a", "c"]);
    assert_eq!(names(30, 30).await, ["c"]);
    assert_eq!(names(70, 80).await, ["d"]);
    assert!(catalog.public_keys("us-east-1", day(0), day(200)).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_trail_is_validated_since_both_logging_and_validation_were_turned_on() {
    let house = House::new().await;
    let arn = arn("audit", "us-east-1");
    house.create("audit", "us-east-1", 0).await.unwrap();
    let catalog = &house.catalog;
    let mut expected = vec![None];
    let pass = || house.clock.advance(Duration::from_secs(60));
    let validation = async |on: bool| {
        let trail = catalog.trail(&arn).await.unwrap().unwrap();
        let settings = TrailSettings { log_file_validation_enabled: on, ..trail.settings.clone() };
        catalog.update_trail(&arn, trail.version, &settings, 0).await.unwrap();
    };
    pass();
    catalog.set_logging(&arn, true, 0).await.unwrap();
    expected.push(None);
    pass();
    validation(true).await;
    let now = || "2026-07-01T12:02:00Z".parse().unwrap();
    expected.push(Some(now()));
    pass();
    catalog.set_event_selectors(&arn, Some("{}"), 0).await.unwrap();
    expected.push(Some(now()));
    catalog.set_logging(&arn, false, 0).await.unwrap();
    expected.push(None);
    catalog.set_logging(&arn, true, 0).await.unwrap();
    expected.push(Some("2026-07-01T12:03:00Z".parse().unwrap()));
    let versions = catalog.trail_history(0).await.unwrap().versions;
    let since: Vec<_> = versions.iter().map(|it| it.validated_since).collect();
    // All begin at one position: the history is of the last of them alone.
    assert_eq!(since, [expected[5]]);
    let mut found = Vec::new();
    for number in 1..=6 {
        found.push(catalog.trail_version(number).await.unwrap().unwrap().validated_since);
    }
    assert_eq!(found, expected);
}

#[tokio::test]
async fn what_was_decided_on_does_not_come_before_a_change_and_must_know_of_it() {
    use crate::delivery::{DeliveryCommit, DeliveryStream};
    let house = House::new().await;
    let first = house.create("audit", "us-east-1", 0).await.unwrap();
    let stream = DeliveryStream {
        trail: first.arn.to_string(),
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
        family: "CloudTrail".to_owned(),
        until: 12,
        chain: None,
    };
    let commit = |judged_by, cursor| DeliveryCommit {
        cursor: Some(cursor),
        judged_by,
        streams: vec![stream.clone()],
        ..DeliveryCommit::default()
    };
    house.catalog.commit_delivery(&commit(first.version, 5)).await.unwrap();
    // The end of the log was read before those records came.
    let changed = house.catalog.set_logging(&first.arn, true, 9).await.unwrap();
    let history = house.history(12).await;
    assert_eq!(history, [(changed.version, 12, Stage::Logging)]);
    let refused = house.catalog.commit_delivery(&commit(first.version, 20)).await.unwrap_err();
    assert!(matches!(refused, Error::DecidedTooEarly), "{refused:?}");
    assert_eq!(house.catalog.cursor(DELIVERY_CURSOR).await.unwrap(), Some(5));
    house.catalog.commit_delivery(&commit(changed.version, 20)).await.unwrap();
}
