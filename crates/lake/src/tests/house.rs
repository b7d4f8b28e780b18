//! A lake with everything it stands on, driven by hand: nothing happens that a test did not ask for.

use std::{path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use log::{Evidence, Frame, Kind, Marks, Position};
use record::{AccountId, Category};
use tables::simulated::{Fate, FaultyStore};
use tempfile::TempDir;
use testkit::{ManualClock, SeededRandom};

use super::memory_log::MemoryLog;
use crate::{
    Attribute, Components, Error, Key, Lake, Lookup, Place, Row, Settings, Store, consumer, upkeep,
};

/// What time it is when a test begins.
pub(super) fn start() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

pub(super) struct House {
    pub(super) fate: Arc<Fate>,
    pub(super) store: FaultyStore,
    pub(super) log: Arc<MemoryLog>,
    pub(super) clock: ManualClock,
    pub(super) random: SeededRandom,
    pub(super) settings: Settings,
    folder: TempDir,
}

impl House {
    pub(super) fn new(seed: u64) -> Self {
        let fate = Arc::new(Fate::default());
        Self {
            store: FaultyStore::new(Arc::clone(&fate)),
            log: MemoryLog::new(Arc::clone(&fate)),
            clock: ManualClock::new(start()),
            random: SeededRandom::new(seed),
            settings: Settings { row_group_rows: 16, grace_seconds: 0, ..Settings::default() },
            folder: folder(),
            fate,
        }
    }

    pub(super) fn components(&self) -> Components {
        let (mut ambient, _) = testkit::ambient(start(), self.random.next());
        ambient.clock = Arc::new(self.clock.clone());
        let objects = Arc::new(self.store.clone());
        let log: Arc<MemoryLog> = Arc::clone(&self.log);
        let url = format!("sqlite://{}?mode=rwc", self.catalog().display());
        Components {
            log,
            store: Store::new(objects, "memory://lake", Arc::new(self.store.clone())),
            catalog_url: url,
            ambient,
        }
    }

    /// The database of the table catalog.
    pub(super) fn catalog(&self) -> PathBuf {
        self.folder.path().join("catalog.db")
    }

    /// Opens the lake and starts no task.
    pub(super) async fn open(&self) -> Result<Lake, Error> {
        let (lake, orphans) = Lake::open_idle(self.settings.clone(), self.components()).await?;
        for url in orphans {
            lake.shared.store.delete(&url).await?;
        }
        Ok(lake)
    }

    pub(super) fn add(&self, calls: &[Call]) {
        self.log.add(calls.iter().map(Call::frame).collect());
    }

    pub(super) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

/// A folder for the catalog's database, in memory where that can be: syncs cost nothing there.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Reads the log to its end.
pub(super) async fn catch_up(lake: &Lake) -> Result<(), Error> {
    let durable = *lake.shared.log.durable().borrow();
    while lake.stats().visible < durable {
        consumer::read(&lake.shared, lake.stats().visible).await?;
    }
    Ok(())
}

pub(super) async fn round(lake: &Lake) -> Result<(), Error> {
    upkeep::round(&lake.shared).await
}

/// One call, as little of it as lookups see.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) account: AccountId,
    pub(super) region: &'static str,
    pub(super) category: Category,
    pub(super) time: Timestamp,
    pub(super) arrival: Timestamp,
    pub(super) id: String,
    pub(super) name: &'static str,
    pub(super) source: &'static str,
    pub(super) read_only: Option<bool>,
    pub(super) user: Option<&'static str>,
    pub(super) key: Option<&'static str>,
    pub(super) resources: Vec<(&'static str, &'static str)>,
}

pub(super) fn account(number: u64) -> AccountId {
    AccountId::parse(&format!("{number:012}")).unwrap()
}

impl Call {
    pub(super) fn new(id: &str) -> Self {
        Self {
            account: account(1),
            region: "eu-central-1",
            category: Category::Management,
            time: start(),
            arrival: start(),
            id: id.to_owned(),
            name: "CreateBucket",
            source: "s3.amazonaws.com",
            read_only: Some(false),
            user: Some("alice"),
            key: Some("AKIAIOSFODNN7EXAMPLE"),
            resources: vec![("AWS::S3::Bucket", "arn:aws:s3:::plans")],
        }
    }

    /// One of few values for each member, so that many calls share them.
    pub(super) fn random(random: &SeededRandom, number: usize) -> Self {
        let resources: &[(&str, &str)] = &[
            ("AWS::S3::Bucket", "arn:aws:s3:::plans"),
            ("AWS::IAM::Role", "arn:aws:iam::000000000001:role/a/reader"),
            ("AWS::KMS::Key", "k-1"),
        ];
        let pick = |of: u64| usize::try_from(random.below(of)).unwrap();
        let seconds = match random.below(10) {
            0 => random.below(100 * 86_400),
            1..4 => random.below(5),
            _ => random.below(86_400),
        };
        Self {
            account: account(1 + random.below(3)),
            region: random.one_of(&["eu-central-1", "us-east-1"]),
            category: [Category::Management, Category::Management, Category::Data][pick(3)],
            time: start() - SignedDuration::from_secs(seconds.cast_signed()),
            arrival: start(),
            id: format!("id-{}", if random.below(20) == 0 { 0 } else { number }),
            name: random.one_of(&["CreateBucket", "GetObject", "AssumeRole", "ListKeys"]),
            source: random.one_of(&["s3.amazonaws.com", "sts.amazonaws.com"]),
            read_only: [Some(true), Some(false), None][pick(3)],
            user: [Some("alice"), Some("bob"), None][pick(3)],
            key: [Some("AKIA1"), Some("AKIA2"), None][pick(3)],
            resources: resources[..pick(4)].to_vec(),
        }
    }

    pub(super) fn record(&self) -> Bytes {
        let resources: Vec<_> = self
            .resources
            .iter()
            .map(|(kind, name)| serde_json::json!({ "type": kind, "ARN": name }))
            .collect();
        let mut value = serde_json::json!({
            "eventTime": self.time.to_string(),
            "eventID": self.id,
            "eventName": self.name,
            "eventSource": self.source,
            "userIdentity": { "type": "IAMUser" },
            "resources": resources,
        });
        if let Some(user) = self.user {
            value["userIdentity"]["userName"] = user.into();
        }
        if let Some(key) = self.key {
            value["userIdentity"]["accessKeyId"] = key.into();
        }
        if let Some(read_only) = self.read_only {
            value["readOnly"] = read_only.into();
        }
        value.to_string().into()
    }

    pub(super) fn frame(&self) -> Frame {
        Frame {
            kind: Kind::Record,
            evidence: Evidence::Proxy,
            marks: Marks::CLAIMED,
            category: self.category,
            arrival: self.arrival,
            source: "door".to_owned(),
            source_sequence: 7,
            account: self.account,
            region: self.region.to_owned(),
            answers: None,
            body: self.record(),
        }
    }

    /// Whether the call has `value` at `key`; written as the specification reads.
    pub(super) fn has(&self, key: Key, value: &str) -> bool {
        match key {
            Key::AccessKeyId => self.key == Some(value),
            Key::EventId => self.id == value,
            Key::EventName => self.name == value,
            Key::EventSource => self.source == value,
            Key::ReadOnly => self.read_only.map(|it| it.to_string()).as_deref() == Some(value),
            Key::ResourceName => self.resources.iter().any(|(_, name)| {
                *name == value
                    || (name.starts_with("arn:") && name.rsplit([':', '/']).next() == Some(value))
            }),
            Key::ResourceType => self.resources.iter().any(|it| it.0 == value),
            Key::Username => self.user == Some(value),
        }
    }
}

/// A lookup of everything of an account.
pub(super) fn everything(account: AccountId) -> Lookup {
    Lookup {
        account,
        region: None,
        categories: Vec::new(),
        attribute: None,
        from: None,
        to: None,
        before: Position(u64::MAX),
        after: None,
        limit: usize::MAX,
    }
}

pub(super) fn by(key: Key, value: &str) -> Option<Attribute> {
    Some(Attribute { key, value: value.to_owned() })
}

pub(super) fn ids(rows: &[Row]) -> Vec<String> {
    let id = |row: &Row| {
        let record = record::parse(&row.record).unwrap();
        record.event_id().unwrap().into_owned()
    };
    rows.iter().map(id).collect()
}

pub(super) fn places(rows: &[Row]) -> Vec<Place> {
    rows.iter().map(|it| it.place).collect()
}
