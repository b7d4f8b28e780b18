//! The bulk route.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::{FutureExt as _, future::BoxFuture};
use http::StatusCode;
use log::{Entry, Error, EventLog, Frame, Marks, Position, Usage};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};
use trailmark_api::KeepBeforeTrim;

use crate::house::{ACCOUNT, House, OTHER, REGION, account, event};

#[track_caller]
fn counts(answer: &(StatusCode, Value), accepted: usize, duplicates: usize, failed: usize) {
    let (status, answer) = answer;
    assert_eq!(*status, StatusCode::OK, "{answer}");
    let found = ["accepted", "duplicates", "failedCount"].map(|it| answer[it].as_u64().unwrap());
    assert_eq!(found, [accepted, duplicates, failed].map(|it| it as u64), "{answer}");
}

#[tokio::test]
async fn records_are_kept_byte_for_byte() {
    let house = House::new().await;
    let odd = event("a", 0, &json!({})).replacen('{', r#"{ "new\u0041" : 1.50 ,"#, 1);
    let body = format!("{odd}\r\n\n  {}", event("b", 1, &json!({})));
    counts(&house.send(ACCOUNT, body).await, 2, 0, 0);
    let file = format!("{{\"Records\":[{}]}}", event("c", 2, &json!({})));
    counts(&house.send_gzip(ACCOUNT, file.as_bytes()).await, 1, 0, 0);
    let entries = house.entries().await;
    assert_eq!(entries[0].frame.body, odd);
    assert_eq!(entries[2].frame.body, event("c", 2, &json!({})));
    let frame = &entries[0].frame;
    assert_eq!((frame.account, frame.region.as_str()), (account(ACCOUNT), REGION));
    assert_eq!((frame.source.as_str(), frame.marks), ("records/123456789012", Marks::NONE));
}

#[tokio::test]
async fn a_bad_record_is_named_and_spoils_no_other() {
    let house = House::new().await;
    let good = event("a", 0, &json!({}));
    let body = format!("{good}\n{{\"eventTime\":\"yesterday\"}}\n{}", event("b", 1, &json!({})));
    let answer = house.send(ACCOUNT, body).await;
    counts(&answer, 2, 0, 1);
    let failed = &answer.1["failed"][0];
    assert_eq!(failed["index"], 1);
    assert_eq!(failed["position"], good.len() + 1);
    assert_eq!(failed["errorCode"], "InvalidData");
    assert!(failed["errorMessage"].as_str().unwrap().contains("eventTime"), "{failed}");
    let cut = format!("{{\"Records\":[{},{{\"a\":", event("c", 2, &json!({})));
    counts(&house.send(ACCOUNT, cut).await, 1, 0, 1);
}

#[tokio::test]
async fn a_caller_sends_records_of_its_own_account_and_root_those_of_any() {
    let house = House::new().await;
    let foreign = event("a", 0, &json!({"recipientAccountId": OTHER}));
    let answer = house.send(ACCOUNT, foreign.clone()).await;
    counts(&answer, 0, 0, 1);
    assert_eq!(answer.1["failed"][0]["errorCode"], "InvalidRecipient");
    assert_eq!(house.frames(), 0);
    // What names nobody's account properly must not become anybody's.
    let masked =
        event("b", 0, &json!({"recipientAccountId": "XXXX", "userIdentity": {"accountId": OTHER}}));
    counts(&house.send(ACCOUNT, masked).await, 0, 0, 1);
    counts(&house.send("root", foreign).await, 1, 0, 0);
    assert_eq!(house.entries().await[0].frame.account, account(OTHER));
}

#[tokio::test]
async fn a_record_that_is_there_is_acknowledged_and_dropped() {
    let mut house = House::new().await;
    let body = [event("a", 0, &json!({})), event("b", 0, &json!({})), event("a", 0, &json!({}))];
    counts(&house.send(ACCOUNT, body.join("\n")).await, 2, 1, 0);
    for _ in 0..2 {
        counts(&house.send(ACCOUNT, body.join("\n")).await, 0, 3, 0);
        assert_eq!(house.frames(), 2);
        house = house.reopened().await;
    }
    // With the window on disk, and the log trimmed behind it as far as it goes.
    let keeper = KeepBeforeTrim::new(Arc::clone(&house.log), Arc::clone(&house.window));
    keeper.trim(Position(2)).await.unwrap();
    drop(keeper);
    house = house.reopened().await;
    counts(&house.send(ACCOUNT, body.join("\n")).await, 0, 3, 0);
}

#[tokio::test]
async fn whoever_sends_an_id_first_cannot_suppress_the_record_of_another() {
    let house = House::new().await;
    let genuine = event("a", 0, &json!({}));
    let forged = event("a", 0, &json!({"eventName": "Harmless"}));
    counts(&house.send(ACCOUNT, forged.clone()).await, 1, 0, 0);
    let answer = house.send(ACCOUNT, genuine.clone()).await;
    counts(&answer, 1, 0, 0);
    assert_eq!(answer.1["contested"], 1);
    counts(&house.send(ACCOUNT, format!("{genuine}\n{forged}")).await, 0, 2, 0);
    // Another account's event ids are its own.
    let elsewhere = event("a", 0, &json!({"recipientAccountId": OTHER}));
    counts(&house.send(OTHER, elsewhere).await, 1, 0, 0);
    let house = house.reopened().await;
    counts(&house.send(ACCOUNT, format!("{genuine}\n{forged}")).await, 0, 2, 0);
    let marks: Vec<_> = house.entries().await.iter().map(|it| it.frame.marks).collect();
    assert_eq!(marks, [Marks::NONE, Marks::CONTESTED_ID, Marks::NONE]);
}

#[tokio::test]
async fn bodies_are_bounded_and_must_be_what_they_say() {
    let house = House::new().await;
    let (status, _) = house.send(ACCOUNT, vec![b' '; (32 << 20) + 1]).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    // A bomb: a few kilobytes that would be hundreds of megabytes.
    let (status, _) = house.send_gzip(ACCOUNT, &vec![b' '; 33 << 20]).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    counts(&house.send(ACCOUNT, "").await, 0, 0, 0);
    counts(&house.send_gzip(ACCOUNT, b"").await, 0, 0, 0);
}

/// A log that refuses when told to, and holds appends back until they are let through.
#[derive(Debug)]
struct Moody {
    log: Arc<dyn EventLog>,
    is_full: Arc<AtomicBool>,
    gate: Arc<Semaphore>,
}

impl EventLog for Moody {
    fn append(&self, frames: Vec<Frame>) -> BoxFuture<'_, Result<Range<Position>, Error>> {
        async move {
            let _passed = self.gate.acquire().await.unwrap();
            if self.is_full.load(Ordering::Relaxed) {
                return Err(Error::Full { used: 1, bound: 1 });
            }
            self.log.append(frames).await
        }
        .boxed()
    }

    fn append_reserved(&self, frames: Vec<Frame>) -> BoxFuture<'_, Result<Range<Position>, Error>> {
        self.append(frames)
    }

    fn read(&self, from: Position, bytes: usize) -> BoxFuture<'_, Result<Vec<Entry>, Error>> {
        self.log.read(from, bytes)
    }

    fn durable(&self) -> watch::Receiver<Position> {
        self.log.durable()
    }

    fn first(&self) -> Position {
        self.log.first()
    }

    fn trim(&self, before: Position) -> BoxFuture<'_, Result<(), Error>> {
        self.log.trim(before)
    }

    fn open_intents(&self) -> BoxFuture<'_, Result<Vec<Entry>, Error>> {
        self.log.open_intents()
    }

    fn usage(&self) -> Usage {
        self.log.usage()
    }
}

async fn moody() -> (House, Arc<AtomicBool>, Arc<Semaphore>) {
    let (is_full, gate) = (Arc::new(AtomicBool::new(false)), Arc::new(Semaphore::new(1)));
    let (is_full_too, gate_too) = (Arc::clone(&is_full), Arc::clone(&gate));
    let house =
        House::with_log(move |log| Arc::new(Moody { log, is_full: is_full_too, gate: gate_too }));
    (house.await, is_full, gate)
}

#[tokio::test]
async fn what_a_full_log_refuses_is_taken_later() {
    let (house, is_full, _) = moody().await;
    is_full.store(true, Ordering::Relaxed);
    let (status, _) = house.send(ACCOUNT, event("a", 0, &json!({}))).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    is_full.store(false, Ordering::Relaxed);
    counts(&house.send(ACCOUNT, event("a", 0, &json!({}))).await, 1, 0, 0);
}

#[tokio::test]
async fn a_duplicate_is_not_acknowledged_before_the_first_is_durable() {
    let (house, is_full, gate) = moody().await;
    let record = || event("a", 0, &json!({}));
    for fails in [true, false] {
        let held = gate.acquire().await.unwrap();
        let both =
            futures::future::join(house.send(ACCOUNT, record()), house.send(ACCOUNT, record()));
        let mut both = std::pin::pin!(both);
        let early = tokio::time::timeout(std::time::Duration::from_millis(300), &mut both).await;
        assert!(early.is_err(), "nothing is acknowledged yet");
        is_full.store(fails, Ordering::Relaxed);
        drop(held);
        let (one, other) = both.await;
        if fails {
            // The first was refused, so the second is no duplicate: it is refused as well.
            assert_eq!([one.0, other.0], [StatusCode::SERVICE_UNAVAILABLE; 2]);
        } else {
            let accepted = [&one, &other].map(|it| it.1["accepted"].as_u64().unwrap());
            assert_eq!(accepted.iter().sum::<u64>(), 1);
            assert_eq!(one.0, StatusCode::OK);
            assert_eq!(other.0, StatusCode::OK);
        }
    }
    assert_eq!(house.frames(), 1);
}

#[tokio::test]
async fn who_hangs_up_leaves_nobody_waiting() {
    let (house, _, gate) = moody().await;
    let record = || event("a", 0, &json!({}));
    let held = gate.acquire().await.unwrap();
    let hurried = std::time::Duration::from_millis(300);
    assert!(tokio::time::timeout(hurried, house.send(ACCOUNT, record())).await.is_err());
    drop(held);
    counts(&house.send(ACCOUNT, record()).await, 0, 1, 0);
    assert_eq!(house.frames(), 1);
}

#[tokio::test]
async fn requests_together_hold_no_more_than_their_room() {
    let (house, _, gate) = moody().await;
    let held = gate.acquire().await.unwrap();
    let body = |id: &str| event(id, 0, &json!({"note": "x".repeat(900 << 10)}));
    let large =
        |at: usize| (0..30).map(|it| body(&format!("{at}-{it}"))).collect::<Vec<_>>().join("\n");
    let hurried = std::time::Duration::from_millis(300);
    let mut waiting = Vec::new();
    for at in 0..2 {
        waiting.push(Box::pin(house.send(ACCOUNT, large(at))));
    }
    for one in &mut waiting {
        assert!(tokio::time::timeout(hurried, one).await.is_err());
    }
    let (status, _) = house.send(ACCOUNT, large(2)).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    drop(held);
    for one in waiting {
        counts(&one.await, 30, 0, 0);
    }
    counts(&house.send(ACCOUNT, large(2)).await, 30, 0, 0);
}
