//! Event data stores, channels, imports and queries as their users see them, on a real file.

use std::time::Duration;

use tempfile::TempDir;
use testkit::ManualClock;

use super::*;
use crate::{
    DeliveryState, FailureStatus, ImportFailure, ImportReport, ImportSource, ImportStatistics,
    ImportStatus, LakeRefusal, MasterKey, NewChannel, NewImport, NewQuery, QUERIES_MAX, QueryAlias,
    QueryReport, QueryStatistics, QueryStatus, Tag, Tagged,
};

struct House {
    _folder: TempDir,
    catalog: Catalog,
    clock: ManualClock,
}

impl House {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (ambient, clock) = testkit::ambient("2026-07-01T12:00:00Z".parse().unwrap(), 1);
        let master = MasterKey::in_folder(folder.path()).unwrap();
        let catalog = Catalog::open(folder.path(), master, ambient).await.unwrap();
        Self { catalog, clock, _folder: folder }
    }

    async fn create(&self, number: u32, position: u64) -> Result<EventDataStore, Error> {
        let new = NewStore {
            arn: arn(number),
            settings: settings(&format!("store-{number}")),
            status: StoreStatus::StoppedIngestion,
            tags: Vec::new(),
        };
        self.catalog.create_store(&new, position).await
    }

    async fn set(&self, store: &EventDataStore, status: StoreStatus, position: u64) -> Outcome {
        self.catalog.set_store_status(store.arn.id, store.version, status, position).await
    }

    async fn channel(&self, number: u32, destinations: &[StoreArn]) -> Result<(), Error> {
        let new = NewChannel {
            arn: channel_arn(number),
            name: format!("channel-{number}"),
            source: format!("source-{number}"),
            destinations: destinations.to_vec(),
            tags: Vec::new(),
        };
        self.catalog.create_channel(&new, 0).await.map(drop)
    }

    async fn query(&self, number: u32, store: &StoreArn) -> Result<Uuid, Error> {
        let id = id(number);
        let account = store.account;
        let new = NewQuery {
            id,
            account,
            region: store.region.clone(),
            owner: account,
            statement: "SELECT 1".to_owned(),
            stores: vec![store.id],
            alias: Some("daily".to_owned()),
            refresh: None,
            prompt: None,
            delivery_uri: None,
        };
        self.catalog.create_query(&new).await.map(|()| id)
    }

    async fn import(&self, number: u32) -> Result<Import, Error> {
        let store = arn(1);
        let source = ImportSource {
            uri: "s3://old".into(),
            region: "eu-west-1".into(),
            role_arn: "r".into(),
        };
        let new = NewImport {
            id: id(number),
            account: store.account,
            region: store.region.clone(),
            store,
            source,
            start_event: None,
            end_event: None,
        };
        self.catalog.create_import(&new).await
    }
}

type Outcome = Result<EventDataStore, Error>;
use crate::Import;

fn id(number: u32) -> Uuid {
    Uuid::from_u128(u128::from(number))
}

fn arn(number: u32) -> StoreArn {
    let account = AccountId::parse("123456789012").unwrap();
    StoreArn { region: "eu-west-1".to_owned(), account, id: id(number) }
}

fn channel_arn(number: u32) -> ChannelArn {
    let StoreArn { region, account, id } = arn(number);
    ChannelArn { region, account, id }
}

fn settings(name: &str) -> StoreSettings {
    StoreSettings {
        name: name.to_owned(),
        selectors: r#"{"AdvancedEventSelectors":[]}"#.to_owned(),
        is_multi_region: true,
        organization: None,
        retention_days: 366,
        billing_mode: BillingMode::Extendable,
        is_termination_protected: true,
        kms_key_id: None,
        events: EventConfiguration::default(),
        insights: None,
    }
}

#[track_caller]
fn check<T: std::fmt::Debug>(answer: Result<T, Error>, expected: &LakeRefusal) {
    assert!(matches!(&answer, Err(Error::Lake(it)) if it == expected), "{answer:?}");
}

#[tokio::test]
async fn a_store_is_created_enabled_changed_and_deleted() {
    let house = House::new().await;
    let created = house.create(1, 5).await.unwrap();
    assert_eq!((created.status, created.purge_after), (StoreStatus::StoppedIngestion, None));
    house.clock.advance(Duration::from_secs(1));
    let enabled = house.set(&created, StoreStatus::Enabled, 6).await.unwrap();
    assert!(enabled.version > created.version && enabled.updated > created.updated);
    check(
        house.set(&created, StoreStatus::StoppedIngestion, 7).await,
        &LakeRefusal::StoreChanged(id(1).to_string()),
    );
    let wanted = settings("renamed");
    let store = house.catalog.update_store(id(1), enabled.version, &wanted, 8).await.unwrap();
    assert_eq!(store.settings, wanted);
    let deleted = house.set(&store, StoreStatus::PendingDeletion, 9).await.unwrap();
    assert_eq!(deleted.purge_after, Some(deleted.updated + RESTORABLE));
    let restored = house.set(&deleted, StoreStatus::Enabled, 10).await.unwrap();
    assert_eq!(restored.purge_after, None);
    let deleted = house.set(&restored, StoreStatus::PendingDeletion, 11).await.unwrap();
    house.set(&deleted, StoreStatus::Gone, 12).await.unwrap();
    assert_eq!(house.catalog.store(id(1)).await.unwrap(), None);
    assert_eq!(house.catalog.all_stores().await.unwrap(), []);
    // What was recorded while it was there is judged by what it was then.
    let then = house.catalog.store_version_at(&arn(1), 8).await.unwrap().unwrap();
    assert_eq!((then.status, then.settings.name.as_str()), (StoreStatus::Enabled, "renamed"));
    let now = house.catalog.store_version_at(&arn(1), 12).await.unwrap().unwrap();
    assert_eq!(now.status, StoreStatus::Gone);
    assert_eq!(house.catalog.store_version_at(&arn(1), 4).await.unwrap(), None);
}

#[tokio::test]
async fn an_account_has_ten_stores_of_ten_names_in_a_region() {
    let house = House::new().await;
    for number in 1..=10 {
        house.create(number, 0).await.unwrap();
    }
    let full = LakeRefusal::StoreLimit { region: "eu-west-1".to_owned(), max: STORES_MAX };
    check(house.create(11, 0).await, &full);
    check(house.create(1, 0).await, &LakeRefusal::StoreExists("store-1".to_owned()));
    let elsewhere = StoreArn { region: "us-east-1".to_owned(), ..arn(11) };
    let new = NewStore {
        arn: elsewhere,
        settings: settings("store-1"),
        status: StoreStatus::Enabled,
        tags: Vec::new(),
    };
    house.catalog.check_new_store(&new).await.unwrap();
    let there = house.catalog.create_store(&new, 0).await.unwrap();
    let again = NewStore { arn: StoreArn { id: id(12), ..new.arn.clone() }, ..new };
    check(
        house.catalog.create_store(&again, 0).await,
        &LakeRefusal::StoreExists("store-1".to_owned()),
    );
    // A name is unique in its region also when a store takes it later.
    let first = house.catalog.store(id(1)).await.unwrap().unwrap();
    let taken = settings("store-2");
    check(
        house.catalog.update_store(id(1), first.version, &taken, 0).await,
        &LakeRefusal::StoreExists("store-2".to_owned()),
    );
    house.catalog.update_store(there.arn.id, there.version, &taken, 0).await.unwrap();
}

#[tokio::test]
async fn no_change_begins_before_what_was_judged_or_changed() {
    let house = House::new().await;
    let first = house.create(1, 50).await.unwrap();
    let history = house.catalog.store_history(0).await.unwrap();
    assert_eq!(history.stores.iter().map(|it| it.from).collect::<Vec<_>>(), [50]);
    // Who promises on an old history is told.
    let second = house.set(&first, StoreStatus::Enabled, 20).await.unwrap();
    assert!(!house.catalog.judge_stores_until(80, history.changes).await.unwrap());
    let history = house.catalog.store_history(50).await.unwrap();
    assert_eq!(history.stores.iter().map(|it| it.from).collect::<Vec<_>>(), [50]);
    assert_eq!(history.stores[0].status, StoreStatus::Enabled);
    assert!(house.catalog.judge_stores_until(80, history.changes).await.unwrap());
    assert!(house.catalog.judge_stores_until(70, history.changes).await.unwrap());
    house.set(&second, StoreStatus::StoppedIngestion, 60).await.unwrap();
    let history = house.catalog.store_history(79).await.unwrap();
    let seen: Vec<_> = history.stores.iter().map(|it| (it.from, it.status)).collect();
    assert_eq!(seen, [(50, StoreStatus::Enabled), (80, StoreStatus::StoppedIngestion)]);
}

#[tokio::test]
async fn a_channel_keeps_its_stores_and_what_it_accepted_goes_where_it_led() {
    let house = House::new().await;
    let store = house.create(1, 0).await.unwrap();
    check(house.channel(1, &[arn(2)]).await, &LakeRefusal::StoreUnknown(arn(2).to_string()));
    house.channel(1, &[arn(1)]).await.unwrap();
    check(
        house.set(&store, StoreStatus::PendingDeletion, 0).await,
        &LakeRefusal::StoreHasChannel(arn(1).to_string()),
    );
    house.catalog.delete_channel(&channel_arn(1), 7).await.unwrap();
    let unknown = LakeRefusal::ChannelUnknown(channel_arn(1).to_string());
    check(house.catalog.delete_channel(&channel_arn(1), 8).await, &unknown);
    let deleted = house.set(&store, StoreStatus::PendingDeletion, 9).await.unwrap();
    check(house.channel(2, &[arn(1)]).await, &LakeRefusal::StoreInactive(arn(1).to_string()));
    assert_eq!(deleted.status, StoreStatus::PendingDeletion);
    let history = house.catalog.store_history(3).await.unwrap();
    let seen: Vec<_> =
        history.channels.iter().map(|it| (it.from, it.destinations.clone())).collect();
    assert_eq!(seen, [(0, vec![arn(1)]), (7, vec![])]);
}

#[tokio::test]
async fn names_and_sources_of_channels_are_unique_and_there_are_25() {
    let house = House::new().await;
    house.create(1, 0).await.unwrap();
    for number in 1..=25 {
        house.channel(number, &[arn(1)]).await.unwrap();
    }
    check(house.channel(26, &[arn(1)]).await, &LakeRefusal::ChannelLimit { max: 25 });
    house.catalog.delete_channel(&channel_arn(25), 0).await.unwrap();
    let new = |name: &str, source: &str| NewChannel {
        arn: channel_arn(26),
        name: name.to_owned(),
        source: source.to_owned(),
        destinations: vec![arn(1)],
        tags: Vec::new(),
    };
    for (name, source, taken) in [("channel-1", "x", "channel-1"), ("y", "source-1", "source-1")] {
        check(
            house.catalog.create_channel(&new(name, source), 0).await,
            &LakeRefusal::ChannelExists(taken.to_owned()),
        );
    }
    check(
        house.catalog.update_channel(&channel_arn(2), Some("channel-1"), None, 0).await,
        &LakeRefusal::ChannelExists("channel-1".to_owned()),
    );
    let renamed =
        house.catalog.update_channel(&channel_arn(2), Some("own"), None, 0).await.unwrap();
    assert_eq!((renamed.name.as_str(), renamed.destinations), ("own", vec![arn(1)]));
}

#[tokio::test]
async fn tags_go_with_the_store_and_the_channel() {
    let house = House::new().await;
    let tags = [Tag { key: "team".to_owned(), value: None }];
    let (store_arn, channel) = (arn(1), channel_arn(1));
    let unknown = LakeRefusal::StoreUnknown(store_arn.to_string());
    check(house.catalog.add_tags(Tagged::Store(&store_arn), &tags).await, &unknown);
    let store = house.create(1, 0).await.unwrap();
    house.channel(1, &[arn(1)]).await.unwrap();
    for of in [Tagged::Store(&store_arn), Tagged::Channel(&channel)] {
        house.catalog.add_tags(of, &tags).await.unwrap();
        assert_eq!(house.catalog.tags(of).await.unwrap(), tags);
    }
    house.catalog.put_resource_policy(&channel.to_string(), "{}").await.unwrap();
    house.catalog.delete_channel(&channel, 0).await.unwrap();
    assert_eq!(house.catalog.tags(Tagged::Channel(&channel)).await.unwrap(), []);
    assert_eq!(house.catalog.resource_policy(&channel.to_string()).await.unwrap(), None);
    let deleted = house.set(&store, StoreStatus::PendingDeletion, 0).await.unwrap();
    assert_eq!(house.catalog.tags(Tagged::Store(&store_arn)).await.unwrap(), tags);
    house.set(&deleted, StoreStatus::Gone, 0).await.unwrap();
    assert_eq!(house.catalog.tags(Tagged::Store(&store_arn)).await.unwrap(), []);
}

#[tokio::test]
async fn ten_queries_run_at_once_and_what_has_ended_stays_ended() {
    let house = House::new().await;
    let max = u32::try_from(QUERIES_MAX).unwrap();
    for number in 1..=max {
        house.query(number, &arn(1)).await.unwrap();
    }
    let full = LakeRefusal::QueryLimit { max: QUERIES_MAX };
    check(house.query(max + 1, &arn(1)).await, &full);
    let report = |status| QueryReport {
        status,
        statistics: QueryStatistics { rows: 3, ..QueryStatistics::default() },
        error: None,
        delivery_status: None,
    };
    assert!(house.catalog.report_query(id(1), &report(QueryStatus::Running)).await.unwrap());
    house.catalog.cancel_query(id(1)).await.unwrap();
    assert!(!house.catalog.report_query(id(1), &report(QueryStatus::Finished)).await.unwrap());
    check(house.catalog.cancel_query(id(1)).await, &LakeRefusal::QueryEnded(id(1).to_string()));
    let query = house.catalog.query(id(1)).await.unwrap().unwrap();
    assert_eq!((query.status, query.stores), (QueryStatus::Cancelled, vec![id(1)]));
    house.clock.advance(Duration::from_secs(1));
    house.query(max + 1, &arn(1)).await.unwrap();
    let account = arn(1).account;
    let newest = house.catalog.query_by_alias(account, "eu-west-1", "daily", None).await.unwrap();
    assert_eq!(newest.unwrap().id, id(max + 1));
    let refreshed =
        house.catalog.query_by_alias(account, "eu-west-1", "daily", Some("1234567890")).await;
    assert_eq!(refreshed.unwrap(), None);
    assert_eq!(house.catalog.fail_lost_queries("restarted").await.unwrap(), 10);
    let (first, last) = (query.created, query.created + jiff::SignedDuration::from_secs(1));
    let listed = house.catalog.queries_of(id(1), first, last).await.unwrap();
    assert_eq!((listed.len(), listed[0].id), (11, id(max + 1)));
    assert_eq!(house.catalog.queries_of(id(1), last, last).await.unwrap().len(), 1);
    let expired = house.catalog.expired_queries(last).await.unwrap();
    assert_eq!(expired.len(), 10);
    for id in expired {
        house.catalog.forget_query(id).await.unwrap();
    }
    assert_eq!(house.catalog.query(id(1)).await.unwrap(), None);
}

#[tokio::test]
async fn the_delivery_of_a_result_may_end_after_its_query() {
    let house = House::new().await;
    let arn = arn(1);
    let id = id(1);
    let new = NewQuery {
        id,
        account: arn.account,
        region: arn.region.clone(),
        owner: arn.account,
        statement: "SELECT 1".to_owned(),
        stores: vec![arn.id],
        alias: None,
        refresh: None,
        prompt: None,
        delivery_uri: Some("s3://ledger/results".to_owned()),
    };
    house.catalog.create_query(&new).await.unwrap();
    let report = |status, delivery_status| QueryReport {
        status,
        statistics: QueryStatistics::default(),
        error: None,
        delivery_status,
    };
    for (given, delivery, kept) in [
        (QueryStatus::Running, None, DeliveryState::Pending),
        (QueryStatus::Finished, None, DeliveryState::Pending),
        (QueryStatus::Finished, Some(DeliveryState::Success), DeliveryState::Success),
    ] {
        assert!(house.catalog.report_query(id, &report(given, delivery)).await.unwrap());
        let query = house.catalog.query(id).await.unwrap().unwrap();
        assert_eq!((query.status, query.delivery_status), (given, Some(kept)));
    }
    let late = report(QueryStatus::Failed, Some(DeliveryState::Failed));
    assert!(!house.catalog.report_query(id, &late).await.unwrap());
    let query = house.catalog.query(id).await.unwrap().unwrap();
    assert_eq!(query.delivery_status, Some(DeliveryState::Success));
}

#[tokio::test]
async fn what_was_generated_is_forgotten_and_what_was_named_stays() {
    let house = House::new().await;
    let account = arn(1).account;
    let alias = |name: &str, prompt: Option<&str>| QueryAlias {
        alias: name.to_owned(),
        statement: "SELECT 1".to_owned(),
        prompt: prompt.map(str::to_owned),
    };
    let (own, old, new) = (alias("own", None), alias("old", Some("x")), alias("new", Some("y")));
    house.catalog.put_query_alias(account, &own).await.unwrap();
    house.catalog.put_query_alias(account, &old).await.unwrap();
    house.clock.advance(Duration::from_secs(1));
    house.catalog.put_query_alias(account, &new).await.unwrap();
    let now = ambient::Clock::now(&house.clock);
    house.catalog.forget_generated_queries(now).await.unwrap();
    for (name, kept) in [("own", Some(own)), ("old", None), ("new", Some(new))] {
        assert_eq!(house.catalog.query_alias(account, name).await.unwrap(), kept);
    }
}

#[tokio::test]
async fn an_account_has_one_import_at_a_time_and_goes_on_where_it_stopped() {
    let house = House::new().await;
    house.create(1, 0).await.unwrap();
    let created = house.import(1).await.unwrap();
    assert_eq!(created.status, ImportStatus::Initializing);
    let ongoing = LakeRefusal::ImportOngoing("123456789012".to_owned());
    check(house.import(2).await, &ongoing);
    check(house.catalog.resume_import(id(1)).await, &ongoing);
    let failure = |status| ImportFailure {
        sequence: 0,
        location: "s3://old/a.json.gz".to_owned(),
        status,
        error_type: "AccessDenied".to_owned(),
        error_message: "No.".to_owned(),
        updated: created.created,
    };
    let report = |status, failures| ImportReport {
        status,
        statistics: ImportStatistics { files_completed: 4, ..ImportStatistics::default() },
        place: Some("a".to_owned()),
        failures,
    };
    let running = report(ImportStatus::InProgress, vec![failure(FailureStatus::Failed)]);
    assert!(house.catalog.report_import(id(1), &running).await.unwrap());
    let store = house.catalog.store(id(1)).await.unwrap().unwrap();
    let busy = LakeRefusal::StoreHasImport(arn(1).to_string());
    check(house.set(&store, StoreStatus::PendingDeletion, 0).await, &busy);
    assert_eq!(house.catalog.running_imports().await.unwrap().len(), 1);
    assert_eq!(house.catalog.stop_import(id(1)).await.unwrap().status, ImportStatus::Stopped);
    assert!(!house.catalog.report_import(id(1), &running).await.unwrap());
    let resumed = house.catalog.resume_import(id(1)).await.unwrap();
    assert_eq!(resumed.status, ImportStatus::Initializing);
    assert_eq!((resumed.place.as_deref(), resumed.statistics.files_completed), (Some("a"), 4));
    let failures = house.catalog.import_failures(id(1), 0, 10).await.unwrap();
    assert_eq!((failures.len(), failures[0].status), (1, FailureStatus::Retry));
    assert_eq!(house.catalog.import_failures(id(1), failures[0].sequence, 10).await.unwrap(), []);
    let done = report(ImportStatus::Completed, vec![failure(FailureStatus::Succeeded)]);
    assert!(!house.catalog.report_import(id(1), &done).await.unwrap());
    let failures = house.catalog.import_failures(id(1), 0, 10).await.unwrap();
    assert_eq!((failures.len(), failures[0].status), (1, FailureStatus::Succeeded));
    check(
        house.catalog.resume_import(id(1)).await,
        &LakeRefusal::ImportNotResumable(id(1).to_string()),
    );
    house.import(2).await.unwrap();
    let listed = house.catalog.imports(arn(1).account, "eu-west-1").await.unwrap();
    assert_eq!(listed.len(), 2);
}
