//! Calls that fail, and processes that meet.

use futures::FutureExt as _;
use log::{
    Error, EventLog, LocalLog, Position, conformance, local::Settings, simulated::Simulated,
};

use crate::{append, block_on, components, open, small, text};

#[test]
fn a_sync_that_fails_once_stops_the_log_for_good() {
    block_on(async {
        let machine = Simulated::new(1);
        let log = open(&machine, &Settings::default()).unwrap();
        append(&log, "kept").await.unwrap();
        assert_eq!(log.failed().now_or_never(), None);
        // A commit is a write, then a sync.
        machine.fail_call(2);
        let error = append(&log, "unsure").await.unwrap_err();
        assert!(matches!(error, Error::Io { action: "sync", .. }), "{error}");
        let reason = log.failed().await;
        assert!(reason.contains("cannot sync"), "{reason}");
        assert!(matches!(append(&log, "refused").await, Err(Error::Closed)));
        assert!(matches!(log.trim(Position(0)).await, Err(Error::Closed)));
        assert_eq!(text(&log.read(Position(0), 9).await.unwrap()[0]), "kept");
        assert_eq!(*log.durable().borrow(), Position(1));
    });
}

#[test]
fn what_a_failed_sync_left_in_the_page_cache_is_written_anew_before_it_is_read() {
    for seed in 0..20 {
        block_on(async {
            let machine = Simulated::new(seed);
            let log = open(&machine, &Settings::default()).unwrap();
            append(&log, "kept").await.unwrap();
            machine.fail_call(2);
            append(&log, "unsure").await.unwrap_err();
            drop(log);
            let log = open(&machine, &Settings::default()).unwrap();
            let seen = conformance::read_all(&log, 100).await;
            append(&log, "more").await.unwrap();
            drop(log);
            machine.crash();
            let log = open(&machine, &Settings::default()).unwrap();
            let entries = conformance::read_all(&log, 100).await;
            assert_eq!(entries[..seen.len()], seen, "seed {seed}");
            assert_eq!(text(&entries[seen.len()]), "more");
        });
    }
}

#[test]
fn whichever_call_fails_nothing_acknowledged_is_lost() {
    for (call, loses_power) in (1..90).flat_map(|call| [(call, false), (call, true)]) {
        block_on(async {
            let machine = Simulated::new(call);
            machine.fail_call(call);
            let mut acknowledged = Vec::new();
            if let Ok(log) = open(&machine, &small()) {
                for number in 0..25 {
                    let body = format!("{number} {}", "x".repeat(150));
                    match append(&log, &body).await {
                        Ok(position) => acknowledged.push((position, body)),
                        Err(_) => break,
                    }
                    if number == 15 {
                        let _ = log.trim(Position(5)).await;
                    }
                }
            }
            if loses_power {
                machine.crash();
            }
            let log = open(&machine, &small()).unwrap();
            let first = log.first();
            assert!(first <= Position(5));
            let entries = conformance::read_all(&log, 400).await;
            for (position, body) in acknowledged.into_iter().filter(|(it, _)| *it >= first) {
                let found = entries.iter().find(|it| it.position == position).map(text);
                assert_eq!(found, Some(body), "call {call}");
            }
            append(&log, "on").await.unwrap();
        });
    }
}

#[test]
fn a_second_process_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let open = || LocalLog::open(folder.path(), Settings::default(), components());
    let first = open().unwrap();
    let error = open().unwrap_err();
    assert_eq!(error.to_string(), "the log is in use by another process");
    drop(first);
    open().unwrap();
}

#[test]
fn a_closed_log_has_finished_what_waited_and_can_still_be_read() {
    block_on(async {
        let machine = Simulated::new(1);
        let log = open(&machine, &Settings::default()).unwrap();
        let waiting = append(&log, "waiting");
        let (position, ()) = futures::join!(waiting, log.close());
        assert_eq!(position.unwrap(), Position(0));
        assert!(matches!(append(&log, "late").await, Err(Error::Closed)));
        assert_eq!(conformance::read_all(&log, 1).await.len(), 1);
        assert_eq!(log.failed().now_or_never(), None);
    });
}

#[test]
fn a_dropped_future_does_not_undo_an_append() {
    block_on(async {
        let machine = Simulated::new(1);
        let log = open(&machine, &Settings::default()).unwrap();
        let mut durable = log.durable();
        // Asked once, and dropped.
        let _ = append(&log, "left behind").now_or_never();
        durable.changed().await.unwrap();
        assert_eq!(text(&log.read(Position(0), 1).await.unwrap()[0]), "left behind");
    });
}

#[test]
fn a_full_queue_holds_callers_back_and_drops_nothing() {
    block_on(async {
        let machine = Simulated::new(1);
        let settings = Settings { queue_bytes: 300, ..Settings::default() };
        let log = open(&machine, &settings).unwrap();
        let body = "x".repeat(1_000);
        let appends = (0..50).map(|_| append(&log, &body));
        let results = futures::future::join_all(appends).await;
        assert!(results.iter().all(Result::is_ok));
        // Each is larger than the queue, so each had a sync of its own.
        assert!(log.usage().syncs >= 50, "{:?}", log.usage());
    });
}
