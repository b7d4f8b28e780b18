//! A deployment in a temporary folder, and buckets in memory.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use ambient::Ambient;
use async_trait::async_trait;
use bytes::Bytes;
use catalog::{Catalog, MasterKey};
use futures::{FutureExt as _, TryStreamExt as _, future::BoxFuture, stream::BoxStream};
use integrity::digest::{self, RsaSigner, Signer, Stamp, ValidKey, gunzip};
use jiff::Timestamp;
use log::{
    EventLog as _, Evidence, Frame, Kind, LocalLog, Marks, Position,
    local::{Components as LogComponents, Gap, GapRecord, Settings as LogSettings},
};
use matching::Selectors;
use object_store::{
    Attribute, CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt as _, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    memory::InMemory, path::Path,
};
use record::{AccountId, Category};
use tempfile::TempDir;
use testkit::ManualClock;
use tokio::sync::watch;

use crate::{
    Buckets, Components, Deliverer, Destination, KeptSigners, Notifier, Refusal, Settings, Signers,
    Status, Target, TrailVersion, Trails,
};

pub(super) const ACCOUNT: &str = "123456789012";
pub(super) const HOME: &str = "us-east-1";

/// Keys take long to make; all tests share one.
pub(super) static SIGNER: LazyLock<RsaSigner> = LazyLock::new(|| RsaSigner::generate().unwrap());

/// That key, as an auditor has it who got it by itself.
pub(super) fn own_key() -> ValidKey {
    ValidKey { key: SIGNER.public_key().clone(), validity: None }
}

#[derive(Debug)]
pub(super) struct OneSigner;

impl Signers for OneSigner {
    fn signer<'a>(
        &'a self,
        _: &'a str,
        _: Stamp,
    ) -> BoxFuture<'a, Result<Arc<dyn Signer>, digest::Error>> {
        async { Ok(Arc::new(SIGNER.clone()) as Arc<dyn Signer>) }.boxed()
    }
}

/// What a bucket does with a write.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mood {
    Well,
    /// Not there, as the resolver says.
    Missing,
    /// Answers with an error of S3.
    Code(&'static str),
    /// Refuses keys that hold this.
    Denies(&'static str),
    /// Keeps the beginning of the object, and says that it failed.
    Half,
    /// Never answers.
    Hangs,
    /// Takes the object, and never says so.
    TakesAndHangs,
    /// Of several writes at once the last is done first.
    Uneven,
}

/// A bucket with moods.
#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) objects: InMemory,
    mood: Mutex<Mood>,
    pub(super) puts: Mutex<Vec<String>>,
    asked: AtomicU32,
}

impl Bucket {
    fn mood(&self) -> Mood {
        *self.mood.lock().unwrap()
    }

    /// Keys and bodies, inflated.
    pub(super) async fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        for object in self.objects.list(None).try_collect::<Vec<_>>().await.unwrap() {
            let body = self.objects.get(&object.location).await.unwrap().bytes().await.unwrap();
            files.insert(object.location.to_string(), gunzip(&body, 1 << 30).unwrap());
        }
        files
    }

    pub(super) async fn metadata(&self, key: &str) -> std::collections::HashMap<String, String> {
        let found = self.objects.get(&Path::parse(key).unwrap()).await.unwrap();
        let attributes = found.attributes.iter();
        attributes
            .filter_map(|(name, value)| {
                let Attribute::Metadata(name) = name else { return None };
                Some((name.to_string(), value.to_string()))
            })
            .collect()
    }

    /// The records of all log files, as texts, sorted.
    pub(super) async fn records(&self) -> Vec<String> {
        let mut records = Vec::new();
        for (key, body) in self.files().await {
            if !key.contains("/CloudTrail-Digest/") {
                let document: BTreeMap<String, Vec<Box<serde_json::value::RawValue>>> =
                    serde_json::from_slice(&body).unwrap();
                assert_eq!(document.len(), 1);
                records.extend(document["Records"].iter().map(|it| it.get().to_owned()));
            }
        }
        records.sort();
        records
    }
}

#[derive(Debug)]
struct Moody(Arc<Bucket>);

impl fmt::Display for Moody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("moody")
    }
}

#[async_trait]
impl ObjectStore for Moody {
    async fn put_opts(
        &self,
        key: &Path,
        bytes: PutPayload,
        options: PutOptions,
    ) -> object_store::Result<PutResult> {
        match self.0.mood() {
            Mood::Well => {}
            Mood::Missing => return Err(s3_error("NoSuchBucket")),
            Mood::Code(code) => return Err(s3_error(code)),
            Mood::Denies(part) if key.as_ref().contains(part) => {
                return Err(s3_error("AccessDenied"));
            }
            Mood::Denies(_) => {}
            Mood::Half => {
                let whole = Bytes::from(bytes);
                let half = whole.slice(..whole.len() / 2);
                self.0.objects.put_opts(key, half.into(), options).await?;
                return Err(s3_error("InternalError"));
            }
            Mood::Hangs => return futures::future::pending().await,
            Mood::TakesAndHangs => {
                self.0.puts.lock().unwrap().push(key.to_string());
                self.0.objects.put_opts(key, bytes, options).await?;
                return futures::future::pending().await;
            }
            Mood::Uneven => {
                let asked = self.0.asked.fetch_add(1, Ordering::Relaxed);
                for _ in 0..100 - asked % 8 * 10 {
                    tokio::task::yield_now().await;
                }
            }
        }
        self.0.puts.lock().unwrap().push(key.to_string());
        self.0.objects.put_opts(key, bytes, options).await
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        unreachable!("files are put whole")
    }

    async fn get_opts(&self, key: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        self.0.objects.get_opts(key, options).await
    }

    fn delete_stream(
        &self,
        keys: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.0.objects.delete_stream(keys)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.0.objects.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.0.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(
        &self,
        from: &Path,
        to: &Path,
        options: CopyOptions,
    ) -> object_store::Result<()> {
        self.0.objects.copy_opts(from, to, options).await
    }
}

fn s3_error(code: &str) -> object_store::Error {
    let words = format!("Server returned error response: <Error><Code>{code}</Code></Error>");
    object_store::Error::Generic { store: "S3", source: words.into() }
}

#[derive(Debug, Default)]
pub(super) struct AllBuckets {
    buckets: Mutex<BTreeMap<String, Arc<Bucket>>>,
    folders: Mutex<BTreeMap<String, std::path::PathBuf>>,
}

impl AllBuckets {
    pub(super) fn bucket(&self, name: &str) -> Arc<Bucket> {
        let mut buckets = self.buckets.lock().unwrap();
        let new = || {
            let (objects, mood) = (InMemory::new(), Mutex::new(Mood::Well));
            Arc::new(Bucket { objects, mood, puts: Mutex::default(), asked: AtomicU32::new(0) })
        };
        Arc::clone(buckets.entry(name.to_owned()).or_insert_with(new))
    }

    pub(super) fn set_folder(&self, name: &str, folder: std::path::PathBuf) {
        self.folders.lock().unwrap().insert(name.to_owned(), folder);
    }
}

impl Buckets for AllBuckets {
    fn open<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Destination, Refusal>> {
        async move {
            if let Some(folder) = self.folders.lock().unwrap().get(&target.bucket) {
                return Ok(Destination::Folder(folder.clone()));
            }
            let bucket = self.bucket(&target.bucket);
            if bucket.mood() == Mood::Missing {
                return Err(Refusal::new("NoSuchBucket", "there is no such bucket"));
            }
            Ok(Destination::Store(Arc::new(Moody(bucket))))
        }
        .boxed()
    }
}

#[derive(Debug)]
pub(super) struct AllTrails(watch::Sender<Arc<[Arc<TrailVersion>]>>);

impl Trails for AllTrails {
    fn versions(&self) -> watch::Receiver<Arc<[Arc<TrailVersion>]>> {
        self.0.subscribe()
    }
}

/// Topics, one of which refuses.
#[derive(Debug, Default)]
pub(super) struct AllTopics(pub(super) Mutex<Vec<(String, String)>>);

impl Notifier for AllTopics {
    fn publish<'a>(
        &'a self,
        topic_arn: &'a str,
        message: &'a str,
    ) -> BoxFuture<'a, Result<(), Refusal>> {
        async move {
            if topic_arn.ends_with(":denies") {
                return Err(Refusal::new("AuthorizationError", "no"));
            }
            self.0.lock().unwrap().push((topic_arn.to_owned(), message.to_owned()));
            Ok(())
        }
        .boxed()
    }
}

/// The parts that outlive a process, and those of the one that runs.
pub(super) struct House {
    pub(super) folder: TempDir,
    pub(super) ambient: Ambient,
    pub(super) clock: ManualClock,
    pub(super) log: Arc<LocalLog>,
    pub(super) buckets: Arc<AllBuckets>,
    pub(super) topics: Arc<AllTopics>,
    trails: Arc<AllTrails>,
    /// Whether digests are signed with keys of the catalog, which are renewed.
    pub(super) keeps_keys: bool,
    pub(super) settings: Settings,
    pub(super) deliverer: Option<Deliverer>,
    running_on: Option<Catalog>,
    serial: u64,
}

impl House {
    pub(super) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub(super) async fn with(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (ambient, clock) = testkit::ambient("2026-03-01T10:01:31Z".parse().unwrap(), 7);
        let gap_body = |gap: &Gap| GapRecord {
            body: format!("lost {} to {}", gap.from, gap.to).into(),
            account: AccountId::parse(ACCOUNT).unwrap(),
            region: HOME.to_owned(),
        };
        let components = LogComponents { ambient: ambient.clone(), gap_body: Arc::new(gap_body) };
        let log = LocalLog::open(&folder.path().join("log"), LogSettings::default(), components);
        let trails = Arc::new(AllTrails(watch::Sender::new(Arc::from([]))));
        let mut house = Self {
            log: Arc::new(log.unwrap()),
            folder,
            ambient,
            clock,
            buckets: Arc::default(),
            topics: Arc::default(),
            trails,
            keeps_keys: false,
            settings,
            deliverer: None,
            running_on: None,
            serial: 0,
        };
        house.start().await;
        house
    }

    /// Ends the process in good order.
    pub(super) async fn stop(&mut self) {
        self.deliverer = None;
        if let Some(catalog) = self.running_on.take() {
            catalog.close().await;
        }
    }

    /// Starts the process, after a kill where one ran.
    pub(super) async fn start(&mut self) {
        self.deliverer = None;
        let catalog = self.catalog().await;
        self.running_on = Some(catalog.clone());
        let signers: Arc<dyn Signers> = match self.keeps_keys {
            true => Arc::new(KeptSigners::new(catalog.clone())),
            false => Arc::new(OneSigner),
        };
        let components = Components {
            ambient: self.ambient.clone(),
            buckets: Arc::clone(&self.buckets) as _,
            catalog,
            checkpoints: None,
            log: Arc::clone(&self.log) as _,
            notifier: Some(Arc::clone(&self.topics) as _),
            signers,
            trails: Arc::clone(&self.trails) as _,
            writers: Arc::new(["AKIADELIVERY".to_owned()].into()),
        };
        let folder = self.folder.path().join("waiting");
        let deliverer = Deliverer::open(folder, self.settings.clone(), components).await;
        self.deliverer = Some(deliverer.unwrap());
    }

    pub(super) async fn catalog(&self) -> Catalog {
        let master = MasterKey::in_folder(self.folder.path()).unwrap();
        Catalog::open(self.folder.path(), master, self.ambient.clone()).await.unwrap()
    }

    pub(super) fn trail(&self, name: &str) -> TrailVersion {
        TrailVersion {
            trail_arn: format!("arn:aws:cloudtrail:{HOME}:{ACCOUNT}:trail/{name}"),
            version: 1,
            from: self.end(),
            since: self.ambient.clock.now(),
            name: name.to_owned(),
            account: AccountId::parse(ACCOUNT).unwrap(),
            home_region: HOME.to_owned(),
            is_logging: true,
            bucket: format!("{name}-logs"),
            prefix: None,
            selectors: everything(),
            multi_region: true,
            global_events: true,
            validation: true,
            organization: None,
            kms_key: None,
            sns_topic: None,
            recursive_logging: true,
        }
    }

    pub(super) fn publish(&self, version: TrailVersion) {
        self.trails.0.send_modify(|versions| {
            *versions = versions.iter().cloned().chain([Arc::new(version)]).collect();
        });
    }

    pub(super) fn end(&self) -> Position {
        *self.log.durable().borrow()
    }

    /// Appends a record, and gives its bytes.
    pub(super) async fn record(&mut self, region: &str, name: &str) -> String {
        self.serial += 1;
        let body = event(self.serial, self.ambient.clock.now(), region, name);
        self.append(region, ACCOUNT, body.clone()).await;
        body
    }

    pub(super) async fn append(&self, region: &str, account: &str, body: String) {
        let category =
            record::parse(body.as_bytes()).map_or(Category::Management, |it| it.category());
        let frame = Frame {
            kind: Kind::Record,
            evidence: Evidence::Server,
            marks: Marks::NONE,
            category,
            arrival: self.ambient.clock.now(),
            source: "test".to_owned(),
            source_sequence: 0,
            account: AccountId::parse(account).unwrap(),
            region: region.to_owned(),
            answers: None,
            body: Bytes::from(body),
        };
        self.log.append(vec![frame]).await.unwrap();
    }

    pub(super) async fn tick(&mut self) {
        self.deliverer.as_mut().unwrap().tick().await.unwrap();
    }

    /// Does what is due now, buckets' answers included.
    pub(super) async fn work(&mut self) {
        let deliverer = self.deliverer.as_mut().unwrap();
        deliverer.tick().await.unwrap();
        deliverer.settle().await.unwrap();
    }

    /// Lets time pass in steps, and does what is due at each.
    pub(super) async fn pass(&mut self, steps: u32, step: Duration) {
        for _ in 0..steps {
            self.clock.advance(step);
            self.work().await;
        }
    }

    pub(super) fn status(&self, trail: &str) -> Status {
        let statuses = self.deliverer.as_ref().unwrap().statuses();
        let statuses = statuses.borrow();
        let arn = self.trail(trail).trail_arn;
        statuses.get(&arn).cloned().unwrap_or_default()
    }

    pub(super) fn set_mood(&self, bucket: &str, mood: Mood) {
        *self.buckets.bucket(bucket).mood.lock().unwrap() = mood;
    }
}

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);

pub(super) fn event(serial: u64, time: Timestamp, region: &str, name: &str) -> String {
    let time = time.strftime("%Y-%m-%dT%H:%M:%SZ");
    format!(
        r#"{{ "eventVersion":"1.11","eventTime":"{time}","eventSource":"ec2.amazonaws.com","eventName":"{name}","awsRegion":"{region}","readOnly":{},"managementEvent":true,"eventCategory":"Management","eventID":"5d1f5c7e-0000-4000-8000-{serial:012}","unknown":[1,  2] }}"#,
        name.starts_with("Describe"),
    )
}

/// All management events.
pub(super) fn everything() -> Selectors {
    Selectors::default()
}

/// Management events that only read, or only write.
pub(super) fn only(read_write_type: &str) -> Selectors {
    let given = format!(
        r#"{{"EventSelectors":[{{"ReadWriteType":"{read_write_type}","IncludeManagementEvents":true,"DataResources":[],"ExcludeManagementEventSources":[]}}]}}"#
    );
    serde_json::from_str(&given).unwrap()
}
