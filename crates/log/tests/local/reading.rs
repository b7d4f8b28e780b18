//! Finding frames, in any order, while everything else goes on.

use std::sync::Arc;

use log::{
    Error, EventLog, Kind, LocalLog, Position,
    conformance::{self, frame},
    local::Settings,
};

use crate::{block_on, components, text};

#[test]
fn every_position_is_found_in_any_order_also_when_nothing_is_remembered() {
    let folder = tempfile::tempdir().unwrap();
    // More segments than the reader remembers indexes of, each with several points in it.
    let settings = Settings { segment_bytes: 200 << 10, ..Settings::default() };
    let open = || LocalLog::open(folder.path(), settings.clone(), components()).unwrap();
    let count = 5_000_u64;
    let body = |position: u64| format!("{position} {}", "x".repeat(700 + position as usize % 500));
    block_on(async {
        let log = open();
        for start in (0..count).step_by(50) {
            let frames = (start..start + 50).map(|it| frame(Kind::Record, body(it)));
            log.append(frames.collect()).await.unwrap();
        }
        drop(log);
        let log = open();
        assert!(log.usage().segments > 20, "{:?}", log.usage());
        for step in 0..count {
            let position = step * 2_477 % count;
            let entry = &log.read(Position(position), 1).await.unwrap()[0];
            assert_eq!((entry.position, text(entry)), (Position(position), body(position)));
        }
        // One after another, in steps that cross segments.
        for bytes in [1, 900, 10_000, 3_000_000] {
            let from = if bytes == 1 { count - 300 } else { 0 };
            let mut next = Position(from);
            while next < Position(count) {
                for entry in log.read(next, bytes).await.unwrap() {
                    assert_eq!((entry.position, text(&entry)), (next, body(next.0)));
                    next = next.next();
                }
            }
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn consumers_miss_nothing_while_segments_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { segment_bytes: 20 << 10, ..Settings::default() };
    let log = Arc::new(LocalLog::open(folder.path(), settings, components()).unwrap());
    let count = 20_000_u64;
    let consumers = [300, 5_000, 60_000].map(|bytes| {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            let (mut next, mut durable) = (Position(0), log.durable());
            while next < Position(count) {
                durable.wait_for(|it| *it > next).await.unwrap();
                for entry in log.read(next, bytes).await.unwrap() {
                    assert_eq!(entry.position, next);
                    assert_eq!(text(&entry).split(' ').next(), Some(&*next.to_string()));
                    next = next.next();
                }
                if bytes == 300 {
                    // The slowest: nothing before it is needed any more, but for a margin.
                    log.trim(Position(next.0.saturating_sub(count))).await.unwrap();
                }
            }
        })
    });
    let trimmer = {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            // Reads of what is being trimmed give frames or say so, and never anything else.
            let mut durable = log.durable();
            while *durable.borrow_and_update() < Position(count) {
                let first = log.first();
                match log.read(first, 40_000).await {
                    Ok(entries) => assert!(entries.iter().all(|it| it.position >= first)),
                    Err(Error::Trimmed { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
                if durable.changed().await.is_err() {
                    return;
                }
            }
        })
    };
    let mut position = 0;
    while position < count {
        let frames = (position..count.min(position + 1 + position % 40))
            .map(|it| frame(Kind::Record, format!("{it} {}", "x".repeat(100))));
        position = log.append(frames.collect()).await.unwrap().end.0;
    }
    for consumer in consumers {
        consumer.await.unwrap();
    }
    trimmer.await.unwrap();
    log.trim(Position(count / 2)).await.unwrap();
    assert!(log.first() > Position(0));
    let rest = conformance::read_all(log.as_ref(), 10_000).await;
    assert_eq!(rest.len() as u64, count - log.first().0);
}
