//! How fast the log takes frames in and gives them back, on the disk of the temporary folder
//! (`TMPDIR`).
//!
//! Prints one line per measure: bulk appends, single appends of 256 callers, the same while a
//! consumer reads along, reading everything, opening.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

extern crate trailmark_log as log;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use ambient::Ambient;
use futures::future::join_all;
use log::{
    EventLog, Kind, LocalLog, Position, conformance,
    local::{Components, Gap, GapRecord, Settings},
};
use record::AccountId;

/// Bytes of a body: a record of usual size.
const BODY: usize = 1_200;
const BULK_FRAMES: usize = 4_000;
const BULK_ROUNDS: usize = 100;
const CALLERS: usize = 256;
const SINGLES: usize = 100;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    for round in 0..3 {
        let path = folder.path().join(round.to_string());
        runtime.block_on(measure(&path));
        std::fs::remove_dir_all(path).expect("the folder is ours");
    }
}

async fn measure(path: &Path) {
    let log = open(path);
    // Slices of one buffer, as a bulk request is.
    let body = bytes::Bytes::from(vec![b'x'; BODY]);
    let bulk = || vec![conformance::frame(Kind::Record, body.clone()); BULK_FRAMES];
    let mut building = Duration::ZERO;
    let began = Instant::now();
    for _ in 0..BULK_ROUNDS / 2 {
        let built = Instant::now();
        let frames = [bulk(), bulk()];
        building += built.elapsed();
        join_all(frames.map(|it| log.append(it))).await;
    }
    report("bulk append", BULK_ROUNDS * BULK_FRAMES, began.elapsed() - building);
    let usage = log.usage();
    println!("  syncs: {}, mean {} us", usage.syncs, usage.sync_us / usage.syncs.max(1));

    let began = Instant::now();
    let latencies = singles(&log).await;
    report("single appends, 256 callers", latencies.len(), began.elapsed());
    println!("  p50 {:?}, p99 {:?}", quantile(&latencies, 50), quantile(&latencies, 99));
    let before = log.usage();
    println!("  syncs: {}", before.syncs - usage.syncs);

    let end = *log.durable().borrow();
    let reader = tokio::spawn(read_until(Arc::clone(&log), Position(0), end));
    let began = Instant::now();
    let latencies = singles(&log).await;
    report("single appends beside a reader", latencies.len(), began.elapsed());
    println!("  p50 {:?}, p99 {:?}", quantile(&latencies, 50), quantile(&latencies, 99));
    let (count, elapsed) = reader.await.expect("the reader");
    report("read beside appends", count, elapsed);
    let (count, elapsed) = read_until(Arc::clone(&log), Position(0), end).await;
    report("read", count, elapsed);

    log.close().await;
    drop(log);
    let began = Instant::now();
    let log = open(path);
    println!("open: {:?} for {} frames", began.elapsed(), log.durable().borrow().0);
}

/// Appends one frame after another from each of many callers; latencies in order.
async fn singles(log: &Arc<LocalLog>) -> Vec<Duration> {
    let callers = (0..CALLERS).map(|_| {
        let log = Arc::clone(log);
        tokio::spawn(async move {
            let mut latencies = Vec::new();
            for _ in 0..SINGLES {
                let frame = conformance::frame(Kind::Record, vec![b'x'; BODY]);
                let began = Instant::now();
                log.append(vec![frame]).await.expect("room in the temporary folder");
                latencies.push(began.elapsed());
            }
            latencies
        })
    });
    let results = join_all(callers).await;
    let mut all: Vec<_> = results.into_iter().flat_map(|it| it.expect("a caller")).collect();
    all.sort_unstable();
    all
}

async fn read_until(log: Arc<LocalLog>, mut from: Position, end: Position) -> (usize, Duration) {
    let (mut count, began) = (0, Instant::now());
    while from < end {
        let entries = log.read(from, 1 << 20).await.expect("reading what was written");
        count += entries.len();
        from = entries.last().map_or(end, |it| it.position.next());
    }
    (count, began.elapsed())
}

fn open(path: &Path) -> Arc<LocalLog> {
    let gap_body = |_: &Gap| GapRecord {
        body: bytes::Bytes::new(),
        account: AccountId::parse("123456789012").expect("twelve digits"),
        region: String::new(),
    };
    let components = Components { ambient: Ambient::system(), gap_body: Arc::new(gap_body) };
    Arc::new(LocalLog::open(path, Settings::default(), components).expect("a log"))
}

fn report(what: &str, frames: usize, elapsed: Duration) {
    let seconds = elapsed.as_secs_f64();
    let (rate, bytes) = (frames as f64 / seconds, (frames * BODY) as f64 / seconds);
    println!("{what}: {rate:.0} frames/s, {:.0} MB/s of bodies", bytes / 1e6);
}

fn quantile(sorted: &[Duration], percent: usize) -> Duration {
    sorted.get(sorted.len() * percent / 100).copied().unwrap_or_default()
}
