//! The process dies, and power with it, at every step of flushes, sorting, expiry and imports: every
//! record is there once.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use catalog::{Catalog, MasterKey, NewStore, StoreArn, StoreSettings};
use futures::FutureExt as _;
use log::Kind;
use logfiles::Source;
use record::AccountId;
use tables::{
    Cache, Store,
    simulated::{Fate, FaultyStore},
};
use testkit::SeededRandom;
use uuid::Uuid;

use super::{START, ask, memory_log::MemoryLog, record};
use crate::{
    Components, Error, EventStores, EventTable, FileNews, ImportJob, ImportedFile, Notes, Settings,
    follow::Follower, import, upkeep,
};

const ACCOUNT: &str = "123456789012";

/// Everything outside of the process that dies.
struct World {
    fate: Arc<Fate>,
    files: FaultyStore,
    log: Arc<MemoryLog>,
    catalog: Catalog,
    random: SeededRandom,
    clock: Arc<testkit::ManualClock>,
    folder: tempfile::TempDir,
    store: Uuid,
}

/// A process.
struct Life {
    stores: EventStores,
    follower: Follower,
}

impl World {
    async fn new(seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(testkit::ManualClock::new(START.parse().unwrap()));
        let (mut ambient, _) = testkit::ambient(START.parse().unwrap(), seed);
        ambient.clock = Arc::<testkit::ManualClock>::clone(&clock);
        let master = MasterKey::in_folder(folder.path()).unwrap();
        let catalog = Catalog::open(folder.path(), master, ambient).await.unwrap();
        let account = AccountId::parse(ACCOUNT).unwrap();
        catalog.add_account(account, "own").await.unwrap();
        let store = Uuid::from_u128(7);
        let arn = StoreArn { region: "us-east-1".to_owned(), account, id: store };
        let settings = StoreSettings {
            name: "audit".to_owned(),
            selectors: r#"{"AdvancedEventSelectors":[{"FieldSelectors":[{"Field":"eventCategory","Equals":["Management"]}]}]}"#.to_owned(),
            is_multi_region: true,
            organization: None,
            retention_days: 30,
            billing_mode: catalog::BillingMode::Extendable,
            is_termination_protected: false,
            kms_key_id: None,
            events: catalog::EventConfiguration::default(),
            insights: None,
        };
        let new =
            NewStore { arn, settings, tags: Vec::new(), status: catalog::StoreStatus::Enabled };
        catalog.create_store(&new, 0).await.unwrap();
        let fate = Arc::new(Fate::default());
        Self {
            files: FaultyStore::new(Arc::clone(&fate)),
            log: Arc::default(),
            random: SeededRandom::new(seed),
            fate,
            catalog,
            clock,
            folder,
            store,
        }
    }

    async fn begin(&self) -> Result<Life, Error> {
        let (mut ambient, _) = testkit::ambient(START.parse().unwrap(), self.random.next());
        ambient.clock = Arc::<testkit::ManualClock>::clone(&self.clock);
        let objects = Arc::new(self.files.clone());
        let database = self.folder.path().join("tables.sqlite");
        let components = Components {
            store: Store::new(objects, "memory://stores", Arc::new(self.files.clone())),
            catalog_url: format!("sqlite://{}?mode=rwc", database.display()),
            ambient,
            cache: Arc::new(Cache::new(1 << 20)),
        };
        let settings = Settings { grace_seconds: 0, ..Settings::default() };
        let log = Arc::<MemoryLog>::clone(&self.log);
        let catalog = self.catalog.clone();
        let stores = EventStores::open_idle(settings, components, catalog, log).await?;
        let follower = Follower::new(Arc::clone(&stores.shared)).await?;
        Ok(Life { stores, follower })
    }

    /// Checks that so many files were imported, each with one statement in the log, which is kept.
    async fn check_statements(&self, table: &EventTable, files: usize) {
        let entries = self.log.entries();
        let ours = entries.iter().filter(|it| it.frame.kind == Kind::ImportedFile);
        let said: Vec<ImportedFile> =
            ours.map(|it| serde_json::from_slice(&it.frame.body).unwrap()).collect();
        let names: BTreeSet<&str> = said.iter().map(|it| it.file.as_str()).collect();
        assert_eq!((said.len(), names.len()), (files, files), "{said:?}");
        assert_eq!(said.iter().map(|it| it.events).sum::<u64>(), table.stats().rows);
        let store = &table.target.store;
        let mut kept = BTreeMap::new();
        let there = store.list(&format!("{}/imports", store.location())).await.unwrap();
        for (url, _) in there.iter().filter(|it| it.0.ends_with(".txt")) {
            let lines = store.get(url).await.unwrap();
            for line in str::from_utf8(&lines).unwrap().lines() {
                let (position, statement) = line.split_once(' ').unwrap();
                kept.insert(position.parse::<u64>().unwrap(), statement.to_owned());
            }
        }
        let appended = entries.iter().filter(|it| it.frame.kind == Kind::ImportedFile);
        let text = |it: &log::Entry| String::from_utf8(it.frame.body.to_vec()).unwrap();
        assert_eq!(kept, appended.map(|it| (it.position.0, text(it))).collect());
    }

    async fn lose_power(&self) {
        self.files.lose_power(|below| self.random.below(below)).await;
        self.fate.revive();
    }
}

impl Life {
    async fn catch_up(&mut self, world: &World) -> Result<(), Error> {
        let end = *log::EventLog::durable(world.log.as_ref()).borrow();
        while *self.stores.visible().borrow() < end {
            self.follower.step().await?;
        }
        Ok(())
    }

    /// How often each record is there.
    async fn counts(&self, world: &World) -> BTreeMap<String, u64> {
        let table = self.stores.table(world.store).unwrap();
        let rows = ask(table.provider(), "SELECT eventid, count(*) FROM store GROUP BY 1").await;
        let split = |line: &str| {
            let (id, count) = line.split_once(" | ").unwrap();
            (id.to_owned(), count.parse().unwrap())
        };
        rows.lines().map(split).collect()
    }

    #[track_caller]
    fn check(counts: &BTreeMap<String, u64>, expected: &[String], context: &str) {
        let there: Vec<&String> = counts.keys().collect();
        let mut wanted: Vec<&String> = expected.iter().collect();
        wanted.sort();
        assert_eq!(there, wanted, "{context}");
        assert!(counts.values().all(|it| *it == 1), "{context}: {counts:?}");
    }
}

/// Records of the last days; their ids beside them.
fn some(world: &World, from: usize, count: u64) -> (Vec<String>, Vec<String>) {
    let numbers = from..from + usize::try_from(count).unwrap();
    let made = numbers.map(|it| {
        let day = 15 + u32::try_from(world.random.below(6)).unwrap();
        (record(day, &format!("AKIA{}", it % 3), "RunInstances", it), format!("RunInstances-{it}"))
    });
    made.unzip()
}

async fn work(world: &World, life: &mut Life, ids: &mut Vec<String>) -> Result<(), Error> {
    for _ in 0..4 {
        let (records, new) = some(world, ids.len(), 1 + world.random.below(30));
        world.log.add(ACCOUNT, &records);
        // Another account's: not taken.
        world.log.add("210987654321", &records);
        ids.extend(new);
        life.catch_up(world).await?;
        if world.random.below(3) > 0 {
            life.follower.flush().await?;
        }
        if world.random.below(3) == 0 {
            upkeep::round(&life.stores.shared).await?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_record_is_lost_or_doubled_by_crashes() {
    for seed in 0..seeds() {
        let world = World::new(seed).await;
        let mut ids = Vec::new();
        for life in 0..3 {
            let context = format!("seed {seed}, life {life}");
            world.fate.die_after((1 + world.random.below(160)).cast_signed());
            if let Ok(mut life) = world.begin().await {
                let _dead = work(&world, &mut life, &mut ids).await;
            }
            world.lose_power().await;
            let mut life = world.begin().await.unwrap_or_else(|it| panic!("{context}: {it:?}"));
            life.catch_up(&world).await.unwrap();
            Life::check(&life.counts(&world).await, &ids, &context);
            if world.random.below(2) == 0 {
                life.follower.flush().await.unwrap();
                upkeep::round(&life.stores.shared).await.unwrap();
                Life::check(&life.counts(&world).await, &ids, &context);
            }
        }
    }
}

/// Log files of four days; their records' ids beside the job that imports them.
fn old_logs(world: &World, logs: &std::path::Path) -> (ImportJob, Vec<String>) {
    let mut ids = Vec::new();
    for day in 1..=4 {
        let folder = logs.join(format!("AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/11/{day:02}"));
        std::fs::create_dir_all(&folder).unwrap();
        for file in 0..3 {
            let numbers = ids.len()..ids.len() + 5;
            let records: Vec<_> =
                numbers.clone().map(|it| record(day, "AKIA1", "Old", it)).collect();
            ids.extend(numbers.map(|it| format!("Old-{it}")));
            let name = format!("{ACCOUNT}_CloudTrail_us-east-1_202611{day:02}T0{file}00Z_x.json");
            let text = format!(r#"{{"Records":[{}]}}"#, records.join(","));
            std::fs::write(folder.join(name), text).unwrap();
        }
    }
    let job = ImportJob {
        id: Uuid::from_u128(9),
        source: Source::local(logs).unwrap(),
        from: None,
        until: None,
        retried: BTreeSet::new(),
        tasks: 2,
        notes: Notes {
            log: Arc::<MemoryLog>::clone(&world.log),
            store: StoreArn {
                region: "us-east-1".to_owned(),
                account: AccountId::parse(ACCOUNT).unwrap(),
                id: world.store,
            },
        },
    };
    (job, ids)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runs_of_one_import_bring_every_record_once() {
    let world = World::new(1).await;
    let logs = tempfile::tempdir().unwrap();
    let (job, ids) = old_logs(&world, logs.path());
    let life = world.begin().await.unwrap();
    let table = life.stores.table(world.store).unwrap();
    let run = || async { import(&table, &job, &|_, _| async { Ok(true) }.boxed()).await.unwrap() };
    let (one, other) = tokio::join!(run(), run());
    assert!(one || other);
    Life::check(&life.counts(&world).await, &ids, "two runs");
    world.check_statements(&table, 12).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_writers_of_one_table_lose_and_double_nothing() {
    for seed in 0..seeds() {
        let world = World::new(seed).await;
        let logs = tempfile::tempdir().unwrap();
        let (job, ids) = old_logs(&world, logs.path());
        let early = ImportJob { until: Some("2026-11-02".to_owned()), ..job.clone() };
        let late =
            ImportJob { id: Uuid::from_u128(10), from: Some("2026-11-03".to_owned()), ..job };
        // Each has opened the table by itself and knows nothing of the others.
        let lives = [
            world.begin().await.unwrap(),
            world.begin().await.unwrap(),
            world.begin().await.unwrap(),
        ];
        let run = |life: usize, job: ImportJob| {
            let table = lives[life].stores.table(world.store).unwrap();
            async move {
                // Whoever is refused tries again.
                for _ in 0..10 {
                    let done = import(&table, &job, &|_, _| async { Ok(true) }.boxed()).await;
                    if matches!(done, Ok(true)) {
                        return;
                    }
                }
                panic!("it never came to an end");
            }
        };
        tokio::join!(run(0, early.clone()), run(1, late), run(2, early));
        let life = world.begin().await.unwrap();
        Life::check(&life.counts(&world).await, &ids, &format!("seed {seed}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_waits_for_room_in_the_log_and_tells_how_far_it_came_meanwhile() {
    let world = World::new(1).await;
    let logs = tempfile::tempdir().unwrap();
    let (job, ids) = old_logs(&world, logs.path());
    let life = world.begin().await.unwrap();
    let table = life.stores.table(world.store).unwrap();
    world.log.refuse(3);
    let left = std::sync::Mutex::new(Vec::new());
    let hear = |_, _| {
        left.lock().unwrap().push(world.log.refusals());
        async { Ok(true) }.boxed()
    };
    let time_goes_on = async {
        loop {
            world.clock.advance(std::time::Duration::from_secs(1));
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        done = import(&table, &job, &hear) => assert!(done.unwrap()),
        () = time_goes_on => {}
    }
    assert_eq!(left.into_inner().unwrap(), [3], "it was heard of before there was room");
    assert_eq!(world.log.refusals(), 0);
    Life::check(&life.counts(&world).await, &ids, "a full log");
    world.check_statements(&table, 12).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaves_of_an_import_that_is_over_are_made_at_the_next_start() {
    for steps in 0.. {
        let world = World::new(1).await;
        let logs = tempfile::tempdir().unwrap();
        let (job, _) = old_logs(&world, logs.path());
        let life = world.begin().await.unwrap();
        let table = life.stores.table(world.store).unwrap();
        world.fate.die_after(steps);
        let done = import(&table, &job, &|_, _| async { Ok(true) }.boxed()).await;
        world.lose_power().await;
        let life = world.begin().await.unwrap();
        life.stores.shared.settle_imports().await.unwrap();
        let table = life.stores.table(world.store).unwrap();
        let is_in = table.stats().rows > 0;
        world.check_statements(&table, if is_in { 12 } else { 0 }).await;
        if done.is_ok() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_goes_on_after_a_crash_with_every_record_once() {
    for seed in 0..seeds() {
        let world = World::new(seed).await;
        let logs = tempfile::tempdir().unwrap();
        let (job, ids) = old_logs(&world, logs.path());
        let broken = logs.path().join("AWSLogs/broken.json");
        std::fs::write(&broken, "{").unwrap();
        // Lives on, as the catalog does.
        let heard = std::sync::Mutex::new(BTreeSet::new());
        let hear = |_, news: Vec<FileNews>| {
            heard.lock().unwrap().extend(news.into_iter().map(|it| it.name));
            async { Ok(true) }.boxed()
        };
        for life in 0..4 {
            let context = format!("seed {seed}, life {life}");
            world.fate.die_after((1 + world.random.below(80)).cast_signed());
            if let Ok(life) = world.begin().await {
                let table = life.stores.table(world.store).unwrap();
                let _dead = import(&table, &job, &hear).await;
                let _dead = upkeep::round(&life.stores.shared).await;
            }
            world.lose_power().await;
            let life = world.begin().await.unwrap();
            let counts = life.counts(&world).await;
            assert!(counts.values().all(|it| *it == 1), "{context}: {counts:?}");
        }
        let life = world.begin().await.unwrap();
        let table = life.stores.table(world.store).unwrap();
        for _ in 0..2 {
            assert!(import(&table, &job, &hear).await.unwrap());
            Life::check(&life.counts(&world).await, &ids, &format!("seed {seed}"));
            upkeep::round(&life.stores.shared).await.unwrap();
        }
        Life::check(&life.counts(&world).await, &ids, &format!("seed {seed}"));
        world.check_statements(&table, 12).await;
        let heard = heard.into_inner().unwrap();
        assert!(
            heard.len() == 1 && heard.iter().all(|it| it.ends_with("broken.json")),
            "{heard:?}"
        );
        // Each day is one file, in order.
        assert_eq!(table.stats().files, 4);
        // What is older than it is kept goes as a whole, and its files with it.
        world.clock.advance(std::time::Duration::from_hours(24 * 13));
        upkeep::round(&life.stores.shared).await.unwrap();
        assert_eq!(table.stats().files, 2, "days 3 and 4 are left");
    }
}

/// How many seeds; more at night, by the environment.
fn seeds() -> u64 {
    std::env::var("TRAILMARK_SEEDS").map_or(6, |it| it.parse::<u64>().unwrap() / 50)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_of_an_organization_takes_the_records_of_who_is_in_it() {
    let mut world = World::new(1).await;
    let [own, other] = [ACCOUNT, "210987654321"].map(|it| AccountId::parse(it).unwrap());
    world.catalog.add_account(other, "other").await.unwrap();
    let made = world.catalog.create_organization(own, catalog::FeatureSet::All).await.unwrap();
    let history = world.catalog.store_history(0).await.unwrap();
    let settings = StoreSettings {
        name: "all".to_owned(),
        organization: Some(made.id.clone()),
        ..history.stores[0].settings.clone()
    };
    world.store = Uuid::from_u128(8);
    let arn = StoreArn { region: "us-east-1".to_owned(), account: own, id: world.store };
    let new = NewStore { arn, settings, tags: Vec::new(), status: catalog::StoreStatus::Enabled };
    world.catalog.create_store(&new, 0).await.unwrap();
    let mut life = world.begin().await.unwrap();
    let mut expected = Vec::new();
    for (number, is_member) in [(1, false), (2, true), (3, false), (4, true)] {
        if number > 1 && is_member {
            world.catalog.add_member(&made.id, other, 0).await.unwrap();
        } else if number > 1 {
            world.catalog.remove_member(&made.id, other, 0).await.unwrap();
        }
        for (account, name) in [(ACCOUNT, "Own"), ("210987654321", "Other")] {
            world.log.add(account, &[record(16, "AKIA1", name, number)]);
            if is_member || name == "Own" {
                expected.push(format!("{name}-{number}"));
            }
        }
        life.catch_up(&world).await.unwrap();
    }
    Life::check(&life.counts(&world).await, &expected, "members");
}
