//! What the lake costs: taking in a million records, finding some of them, starting, idling.
//!
//! `cargo bench -p trailmark-lake --bench lake`; another number of records as first argument. Start,
//! memory and lookups are measured in a process of its own, which has not taken anything in.

#![allow(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a benchmark may fail, and prints what it measured"
)]

use std::{
    fs,
    ops::Range,
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use ambient::Ambient;
use bytes::Bytes;
use futures::{FutureExt as _, future::BoxFuture};
use jiff::{SignedDuration, Timestamp};
use log::{Entry, Error, EventLog, Evidence, Frame, Kind, Marks, Position, Usage};
use record::{AccountId, Category};
use testkit::records::{Generator, Population};
use tokio::sync::watch;
use trailmark_lake::{Attribute, Components, Key, Lake, Lookup, Row, Settings, Store};

const RECORDS: u64 = 1_000_000;
/// Records that are made; the rest are the same with other ids and times.
const MADE: usize = 20_000;
const ACCOUNTS: usize = 5;
const LOOKUPS: usize = 200;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| it != "--bench").collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match arguments.as_slice() {
        [reader, folder] if reader == "read" => runtime.block_on(read(Path::new(folder))),
        [count] => runtime.block_on(write(count.parse().unwrap())),
        _ => runtime.block_on(write(RECORDS)),
    }
}

/// Takes in `count` records, then has another process read them.
async fn write(count: u64) {
    let folder = std::env::temp_dir().join(format!("lake-bench-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let entries = entries(count);
    let bytes: usize = entries.iter().map(|it| it.frame.body.len()).sum();
    println!("{count} records of {} bytes", bytes as u64 / count);
    let log = Arc::new(BenchLog::new(entries, Position(count)));
    let (began, cpu) = (Instant::now(), cpu_seconds());
    let lake = open(&folder, Arc::clone(&log)).await;
    let mut visible = lake.visible();
    visible.wait_for(|it| it.0 == count).await.unwrap();
    let seen = began.elapsed();
    lake.flush().await.unwrap();
    let (kept, cpu) = (began.elapsed(), cpu_seconds() - cpu);
    let stats = lake.stats();
    println!("visible after    {seen:>10.2?}  {:>10.0} records/s", rate(count, seen));
    println!("in the table     {kept:>10.2?}  {:>10.0} records/s", rate(count, kept));
    println!("processor        {cpu:>8.2} s  {:>10.2} µs/record", cpu * 1e6 / count as f64);
    println!(
        "table            {} files, {} commits, {} bytes/record",
        stats.table_files,
        stats.commits,
        stats.table_bytes / count
    );
    lake.close().await;
    let me = std::env::current_exe().unwrap();
    let done = Command::new(me).arg("read").arg(&folder).status().unwrap();
    assert!(done.success());
    fs::remove_dir_all(&folder).unwrap();
}

/// Opens what another process has written.
async fn read(folder: &Path) {
    let began = Instant::now();
    let log = Arc::new(BenchLog::new(Vec::new(), Position(u64::MAX)));
    let lake = open(folder, log).await;
    println!("start            {:>10.2?}", began.elapsed());
    println!("memory           {:>8} KiB after the start", memory_kib());
    let attributes = [
        ("no attribute", None),
        ("common name", Some((Key::EventName, "AssumeRole"))),
        ("absent name", Some((Key::EventName, "DeleteEverything"))),
        ("absent id", Some((Key::EventId, "00000000-0000-4000-8000-000000000000"))),
        ("common user", Some((Key::Username, "session-1"))),
        ("rare user", Some((Key::Username, "session-198"))),
        ("absent user", Some((Key::Username, "nobody"))),
        ("common key", Some((Key::AccessKeyId, "ASIAQEXAMPLE00000010"))),
        ("absent key", Some((Key::AccessKeyId, "AKIAIOSFODNN7EXAMPLE"))),
        ("read-only", Some((Key::ReadOnly, "true"))),
        ("source", Some((Key::EventSource, "s3.amazonaws.com"))),
        ("absent source", Some((Key::EventSource, "x.amazonaws.com"))),
        ("resource type", Some((Key::ResourceType, "AWS::S3::Bucket"))),
        ("absent type", Some((Key::ResourceType, "AWS::X::Y"))),
        ("absent resource", Some((Key::ResourceName, "no-such-thing"))),
    ];
    for (what, attribute) in attributes {
        let attribute = attribute.map(|(key, value)| Attribute { key, value: value.to_owned() });
        measure(&lake, what, attribute, "us-east-1").await;
    }
    measure(&lake, "absent region", None, "eu-north-1").await;
    let name = Attribute { key: Key::EventName, value: "AssumeRole".to_owned() };
    measure(&lake, "name, no region", Some(name), "eu-north-1").await;
    let page = lake.lookup(question(None, "us-east-1", 50)).await.unwrap();
    let id = |it: &Row| record::parse(&it.record).unwrap().event_id().unwrap().into_owned();
    for value in page.iter().map(id).take(1) {
        let attribute = Attribute { key: Key::EventId, value };
        measure(&lake, "an id", Some(attribute), "us-east-1").await;
    }
    println!("memory           {:>8} KiB after the lookups", memory_kib());
    lake.close().await;
}

async fn measure(lake: &Lake, what: &str, attribute: Option<Attribute>, region: &str) {
    let mut times = Vec::with_capacity(LOOKUPS);
    let mut rows = 0;
    for _ in 0..LOOKUPS {
        let began = Instant::now();
        rows = lake.lookup(question(attribute.clone(), region, 50)).await.unwrap().len();
        times.push(began.elapsed());
    }
    times.sort_unstable();
    let at = |part: usize| times[(times.len() - 1) * part / 100];
    println!("{what:<16} {rows:>3} rows  p50 {:>9.2?}  p99 {:>9.2?}", at(50), at(99));
}

fn question(attribute: Option<Attribute>, region: &str, limit: usize) -> Lookup {
    Lookup {
        account: account(0),
        region: Some(region.to_owned()),
        categories: vec![Category::Management],
        attribute,
        from: None,
        to: None,
        before: Position(u64::MAX),
        after: None,
        limit,
    }
}

async fn open(folder: &Path, log: Arc<BenchLog>) -> Lake {
    let components = Components {
        log,
        store: Store::local(folder.join("lake")).unwrap(),
        catalog_url: format!("sqlite://{}?mode=rwc", folder.join("lake.db").display()),
        ambient: Ambient::system(),
    };
    Lake::open(Settings::default(), components).await.unwrap()
}

fn account(number: usize) -> AccountId {
    AccountId::parse(&format!("{:012}", 111_111_111_111 * (number as u64 + 1))).unwrap()
}

/// Records of the last ten days, in the order of their times, about.
fn entries(count: u64) -> Vec<Entry> {
    let population = Population {
        accounts: (0..ACCOUNTS).map(|it| account(it).to_string()).collect(),
        ..Population::default()
    };
    let mut generator = Generator::new(1, population);
    let made: Vec<Vec<u8>> = (0..MADE).map(|_| generator.record()).collect();
    let now = Ambient::system().clock.now();
    let from = now - SignedDuration::from_hours(240);
    let frames = (0..count).map(|number| {
        let mut body = made[number as usize % MADE].clone();
        let seconds = 864_000 * number / count + (number * 7919) % 60;
        let time = from + SignedDuration::from_secs(seconds.cast_signed() - 60);
        set(
            &mut body,
            b"\"eventTime\":\"",
            time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().as_bytes(),
        );
        let id = format!("{:08x}", (number as u32).wrapping_mul(2_654_435_761));
        set(&mut body, b"\"eventID\":\"", id.as_bytes());
        frame(body.into(), now)
    });
    (0..).map(Position).zip(frames).map(|(position, frame)| Entry { position, frame }).collect()
}

fn set(body: &mut [u8], after: &[u8], value: &[u8]) {
    let at = body.windows(after.len()).position(|it| it == after).unwrap() + after.len();
    body[at..at + value.len()].copy_from_slice(value);
}

fn frame(body: Bytes, arrival: Timestamp) -> Frame {
    let record = record::parse(&body).unwrap();
    Frame {
        kind: Kind::Record,
        evidence: Evidence::Server,
        marks: Marks::NONE,
        category: record.category(),
        arrival,
        source: "records/111111111111".to_owned(),
        source_sequence: 0,
        account: record.account().unwrap(),
        region: record.aws_region().unwrap().into_owned(),
        answers: None,
        body,
    }
}

fn rate(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

/// Processor time of this process, all threads.
fn cpu_seconds() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    ticks as f64 / 100.0
}

fn memory_kib() -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|it| it.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A log in memory that is full from the start.
#[derive(Debug)]
struct BenchLog {
    entries: Mutex<Vec<Entry>>,
    durable: watch::Sender<Position>,
}

impl BenchLog {
    fn new(entries: Vec<Entry>, durable: Position) -> Self {
        Self { entries: Mutex::new(entries), durable: watch::Sender::new(durable) }
    }
}

impl EventLog for BenchLog {
    fn append(&self, _: Vec<Frame>) -> BoxFuture<'_, Result<Range<Position>, Error>> {
        async { Err(Error::Closed) }.boxed()
    }

    fn append_reserved(&self, frames: Vec<Frame>) -> BoxFuture<'_, Result<Range<Position>, Error>> {
        self.append(frames)
    }

    fn read(&self, from: Position, bytes: usize) -> BoxFuture<'_, Result<Vec<Entry>, Error>> {
        let entries = self.entries.lock().unwrap();
        let start = entries.partition_point(|it| it.position < from);
        let mut left = bytes;
        let more = |it: &&Entry| {
            let is_more = left > 0;
            left = left.saturating_sub(it.frame.body.len());
            is_more
        };
        let found: Vec<Entry> = entries[start..].iter().take_while(more).cloned().collect();
        let never = found.is_empty();
        async move { if never { std::future::pending().await } else { Ok(found) } }.boxed()
    }

    fn durable(&self) -> watch::Receiver<Position> {
        self.durable.subscribe()
    }

    fn first(&self) -> Position {
        Position::default()
    }

    fn trim(&self, _: Position) -> BoxFuture<'_, Result<(), Error>> {
        async { Ok(()) }.boxed()
    }

    fn open_intents(&self) -> BoxFuture<'_, Result<Vec<Entry>, Error>> {
        async { Ok(Vec::new()) }.boxed()
    }

    fn usage(&self) -> Usage {
        Usage::default()
    }
}
