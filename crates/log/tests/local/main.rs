//! The log on local segment files: what it promises, on a real disk and on one that fails.

#![cfg(test)]

extern crate trailmark_log as log;

mod conformance;
mod crash;
mod damage;
mod faults;
mod reading;
mod room;

use std::sync::Arc;

use ambient::Ambient;
use log::{
    Entry, Error, EventLog, Kind, LocalLog, Position,
    local::{Components, Gap, GapRecord, Settings},
    simulated::Simulated,
};
use record::AccountId;

/// Gap frames whose body says what was lost.
fn components() -> Components {
    let gap_body = |gap: &Gap| GapRecord {
        body: format!("lost {} to {}", gap.from, gap.to).into(),
        account: AccountId::parse("123456789012").unwrap(),
        region: "us-east-1".to_owned(),
    };
    Components { ambient: Ambient::system(), gap_body: Arc::new(gap_body) }
}

fn open(machine: &Simulated, settings: &Settings) -> Result<LocalLog, Error> {
    LocalLog::open_on(machine.disk(), settings.clone(), components())
}

/// Segments of a few frames.
fn small() -> Settings {
    Settings { segment_bytes: 1_000, ..Settings::default() }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn text(entry: &Entry) -> String {
    String::from_utf8(entry.frame.body.to_vec()).unwrap()
}

/// Lost positions, as the gap frames tell of them.
fn told(entries: &[Entry]) -> Vec<std::ops::Range<u64>> {
    let gaps = entries.iter().filter(|it| it.frame.kind == Kind::Gap);
    gaps.map(|entry| {
        let body = text(entry);
        let (from, to) = body.strip_prefix("lost ").unwrap().split_once(" to ").unwrap();
        from.parse().unwrap()..to.parse().unwrap()
    })
    .collect()
}

async fn append(log: &LocalLog, body: &str) -> Result<Position, Error> {
    let frame = log::conformance::frame(Kind::Record, body.to_owned());
    log.append(vec![frame]).await.map(|it| it.start)
}
