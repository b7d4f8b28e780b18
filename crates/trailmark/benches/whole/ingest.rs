//! Durable bulk ingest: NDJSON by `POST /_trailmark/records`, answered after the sync.
//!
//! One load runs without a pause and is cut into windows; the sender has part of the processors.
//! The lag of the table is the age of the oldest record that is durable and not in the table.
//! The peer writes the same bodies to a file and syncs each, which nobody can do without.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    fs::File,
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use ambient::Ambient;
use futures::future::{try_join, try_join_all};

use crate::{
    Size,
    client::Client,
    records::Records,
    report::{Report, Row, median, thousands},
    server::{Server, metrics},
};

/// Records of one call: some five megabytes.
pub(crate) const RECORDS_PER_CALL: u64 = 4_096;
const CONNECTIONS: usize = 4;
const GOAL: f64 = 100_000.0;
const LAG_MAX: Duration = Duration::from_secs(60);
const SAMPLE_EVERY: Duration = Duration::from_millis(200);

/// Measures records a second and the table's lag.
pub(crate) async fn measure(size: Size, report: &mut Report) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let server = Server::start(folder.path(), &[])?;
    let source = Records::new(10_000_000, Duration::from_hours(1), 20)?;
    let bytes_each = source.bytes_each();
    let load = Load::new(source, size.run * size.runs as u32);
    let mut senders = Vec::new();
    for _ in 0..CONNECTIONS {
        senders.push(Client::connect(server.address).await?);
    }
    let mut observer = Client::connect(server.address).await?;
    let sending = try_join_all(senders.iter_mut().map(|client| load.send(client)));
    let (_, seen) = try_join(sending, load.watch(&mut observer)).await?;

    let rates = seen.rates(size.run, size.runs);
    let peer = plain_writes(folder.path(), &mut load.records.borrow_mut(), size.run)?;
    let rate = median(rates);
    report.add(
        Row::new(
            format!("bulk ingest, durable, records of {bytes_each} bytes, sender included"),
            format!("{} records/s", thousands(rate)),
        )
        .goal(format!("≥ {} records/s", thousands(GOAL)), rate >= GOAL)
        .peer(format!("write and fdatasync alone: {} records/s", thousands(peer)), rate / peer),
    );
    report.add(
        Row::new("the table's lag behind it, longest", format!("{:.1} s", seen.lag.as_secs_f64()))
            .goal("≤ 60 s", seen.lag <= LAG_MAX),
    );
    server.stop()
}

/// Bulk calls without a pause, for a time.
pub(crate) struct Load {
    records: RefCell<Records>,
    accepted: Cell<u64>,
    began: Instant,
    length: Duration,
}

/// What the observer saw.
#[derive(Default)]
struct Seen {
    /// When, and how many records were accepted until then.
    accepted: Vec<(Duration, u64)>,
    lag: Duration,
}

impl Load {
    pub(crate) fn new(records: Records, length: Duration) -> Self {
        let records = RefCell::new(records);
        Self { records, accepted: Cell::new(0), began: Instant::now(), length }
    }

    /// Records that were accepted until now.
    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.get()
    }

    /// Since the load began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub(crate) async fn send(&self, client: &mut Client) -> anyhow::Result<()> {
        while self.began.elapsed() < self.length {
            let body = self.records.borrow_mut().take(RECORDS_PER_CALL);
            client.send_records(body, RECORDS_PER_CALL).await?;
            self.accepted.set(self.accepted.get() + RECORDS_PER_CALL);
        }
        Ok(())
    }

    async fn watch(&self, observer: &mut Client) -> anyhow::Result<Seen> {
        let clock = Ambient::system().clock;
        let mut seen = Seen::default();
        let mut durable_at: VecDeque<(f64, Instant)> = VecDeque::new();
        while self.began.elapsed() < self.length {
            let numbers = metrics(observer).await?;
            let number = |name: &str| numbers.get(name).copied().unwrap_or_default();
            let durable = number("log_frames_total");
            let committed = durable - number("lake_uncommitted_frames");
            durable_at.push_back((durable, Instant::now()));
            // Everything of these samples is in the table.
            while durable_at.front().is_some_and(|(frames, _)| *frames <= committed) {
                durable_at.pop_front();
            }
            let oldest = durable_at.front().map_or(Duration::ZERO, |(_, since)| since.elapsed());
            seen.lag = seen.lag.max(oldest);
            seen.accepted.push((self.began.elapsed(), self.accepted.get()));
            clock.sleep(SAMPLE_EVERY).await;
        }
        seen.accepted.push((self.began.elapsed(), self.accepted.get()));
        Ok(seen)
    }
}

impl Seen {
    /// Records a second of each window.
    fn rates(&self, window: Duration, windows: usize) -> Vec<f64> {
        let at = |time: Duration| {
            let sample = self.accepted.iter().find(|(when, _)| *when >= time);
            sample.or(self.accepted.last()).copied().unwrap_or_default()
        };
        (0..windows as u32)
            .map(|index| {
                let (from, before) = at(window * index);
                let (to, after) = at(window * (index + 1));
                (after - before) as f64 / (to - from).as_secs_f64()
            })
            .collect()
    }
}

/// Records a second of a program that does nothing but write bodies and sync them.
fn plain_writes(folder: &Path, records: &mut Records, length: Duration) -> anyhow::Result<f64> {
    let body = records.take(RECORDS_PER_CALL);
    let mut file = File::create(folder.join("plain"))?;
    let (began, mut written) = (Instant::now(), 0);
    while began.elapsed() < length && written < PLAIN_MAX {
        file.write_all(&body)?;
        file.sync_data()?;
        written += RECORDS_PER_CALL;
    }
    Ok(written as f64 / began.elapsed().as_secs_f64())
}

/// Records that the peer writes at most: some five gigabytes.
const PLAIN_MAX: u64 = 4_000_000;
