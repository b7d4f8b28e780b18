//! kill -9 at random moments under load: every acknowledged record is there, once.
//!
//! Lives elsewhere: what a missing sync would lose (`log`, on its simulated disk), since the
//! operating system keeps what a killed process wrote.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use testkit::SeededRandom;

use crate::{
    harness::Server,
    raw::{Connection, Key, Request, host, look_up_all, now},
};

/// What one caller knows after the server was gone.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Batches of event ids that were acknowledged.
    acknowledged: Vec<Vec<String>>,
    /// The batch whose answer never came.
    unknown: Option<Vec<String>>,
    /// Request ids of captured calls that were answered.
    calls: Vec<String>,
}

#[test]
fn after_kill_9_every_acknowledged_record_is_there_once() {
    let kills: u64 =
        std::env::var("TRAILMARK_KILLS").map_or(20, |it| it.parse().expect("a number"));
    let seed = now().as_microsecond().unsigned_abs();
    println!("seed {seed}");
    let random = SeededRandom::new(seed);
    // Small segments and a hasty store, so that kills meet rotation, flushes and trimming as well.
    let mut server = Server::start_with(
        &[],
        &[
            ("TRAILMARK_LOG__SEGMENT_BYTES", "262144"),
            ("TRAILMARK_LAKE__FLUSH_AGE_SECONDS", "1"),
            ("TRAILMARK_LAKE__UPKEEP_SECONDS", "1"),
        ],
    );
    let mut calls = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for run in 0..kills {
        let delay = Duration::from_millis(5 + random.next() % 250);
        let told = under_load(&mut server, run, |server| {
            thread::sleep(delay);
            server.kill();
        });
        server.restart();
        ids.extend(check_run(&server, run, &told));
        calls.extend(told.into_iter().flat_map(|it| it.calls));
    }
    check_calls(&server, &calls);
    // What the store rewrote since is still there, once.
    let found = look_up_all(&server, "EventName", "Crash");
    let mut counts = count(&found, "eventID");
    counts.retain(|_, times| *times != 1);
    assert!(counts.is_empty(), "more than once: {counts:?}");
    let found: BTreeSet<_> = count(&found, "eventID").into_keys().collect();
    let lost: Vec<_> = ids.difference(&found).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    assert!(ids.len() as u64 > kills, "there was no load: {} records", ids.len());
    println!("{kills} kills, {} records, {} calls", ids.len(), calls.len());
}

/// Runs three senders of finished records and two callers until `end` has ended the server.
pub(crate) fn under_load(
    server: &mut Server,
    run: u64,
    end: impl FnOnce(&mut Server),
) -> Vec<Told> {
    let (host, key) = (host(server), Key::root(server));
    let stopped = AtomicBool::new(false);
    thread::scope(|scope| {
        let senders: Vec<_> = (0..5)
            .map(|number| {
                let (host, key, stopped) = (&host, &key, &stopped);
                scope.spawn(move || {
                    let mut told = Told::default();
                    let deadline = Instant::now() + Duration::from_secs(20);
                    // A connection that ends may be the server's end, or not: only `stopped` says.
                    while !stopped.load(Relaxed) && Instant::now() < deadline {
                        if number < 3 {
                            send(host, key, &format!("{run}-{number}"), &mut told);
                        } else {
                            ask(host, key, &mut told);
                        }
                        if told.unknown.is_some() {
                            break;
                        }
                    }
                    told
                })
            })
            .collect();
        end(server);
        stopped.store(true, Relaxed);
        senders.into_iter().map(|it| it.join().unwrap()).collect()
    })
}

fn send(host: &str, key: &Key, sender: &str, told: &mut Told) {
    let Ok(mut connection) = Connection::open(host) else { return };
    loop {
        let number = told.acknowledged.len();
        let ids: Vec<_> = (0..10).map(|it| format!("{sender}-{number}-{it}")).collect();
        match connection.call(&Request::records(batch(&ids)), key) {
            Ok(answer) if answer.status == 200 => {
                assert_eq!(answer.json()["failedCount"], 0, "{}", answer.text());
                told.acknowledged.push(ids);
            }
            Ok(answer) => panic!("{} {}", answer.status, answer.text()),
            Err(_) => return told.unknown = Some(ids),
        }
    }
}

fn ask(host: &str, key: &Key, told: &mut Told) {
    let Ok(mut connection) = Connection::open(host) else { return };
    while let Ok(answer) = connection.call(&Request::who_am_i(), key) {
        assert_eq!(answer.status, 200, "{}", answer.text());
        told.calls.push(answer.request_id());
    }
}

/// Holds what look-up says of one run against what its senders know; returns all event ids.
#[track_caller]
pub(crate) fn check_run(server: &Server, run: u64, told: &[Told]) -> BTreeSet<String> {
    // A sender that got no answer sends again, and the record is there once.
    for unknown in told.iter().filter_map(|it| it.unknown.as_ref()) {
        let answer = crate::raw::call(server, &Request::records(batch(unknown)));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let (new, old) = (answer.json()["accepted"].clone(), answer.json()["duplicates"].clone());
        assert_eq!(new.as_u64().unwrap() + old.as_u64().unwrap(), unknown.len() as u64);
    }
    let sent = told.iter().flat_map(|it| it.acknowledged.iter().chain(&it.unknown)).flatten();
    let expected: BTreeMap<String, usize> = sent.map(|id| (id.clone(), 1)).collect();
    let found = count(&look_up_all(server, "Username", &format!("run-{run}")), "eventID");
    assert_eq!(found, expected, "run {run}");
    expected.into_keys().collect()
}

/// Every captured call that was answered is recorded once.
#[track_caller]
pub(crate) fn check_calls(server: &Server, calls: &BTreeSet<String>) {
    assert!(!calls.is_empty(), "no call was answered");
    let found = count(&look_up_all(server, "EventName", "GetCallerIdentity"), "requestID");
    for call in calls {
        assert_eq!(found.get(call), Some(&1), "the call {call}");
    }
}

/// The request ids of the calls that were answered.
pub(crate) fn answered(told: &[Told]) -> BTreeSet<String> {
    told.iter().flat_map(|it| it.calls.iter().cloned()).collect()
}

fn count(records: &[Value], member: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for record in records {
        *counts.entry(record[member].as_str().unwrap().to_owned()).or_default() += 1;
    }
    counts
}

/// Records of a run, one per line.
fn batch(ids: &[String]) -> String {
    ids.iter().map(|id| record(id).to_string() + "\n").collect()
}

/// The same bytes for the same id, whenever it is sent.
fn record(id: &str) -> Value {
    let run = id.split('-').next().unwrap_or_default();
    json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "IAMUser", "accountId": "123456789012", "userName": format!("run-{run}"),
        },
        "eventTime": "2026-11-20T12:00:00Z",
        "eventSource": "test.amazonaws.com",
        "eventName": "Crash",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "127.0.0.1",
        "eventID": id,
        "readOnly": false,
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": "123456789012",
        "eventCategory": "Management",
    })
}
