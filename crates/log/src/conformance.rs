//! What every [`EventLog`] must do, as a test that runs against any of them.
//!
//! Start at [`check`]. It panics where a log breaks its promise, so it is for tests alone. Crashes
//! and damage are for each implementation to test: they need hands on its storage.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use futures::future::{BoxFuture, join_all};
use jiff::Timestamp;
use record::{AccountId, Category};

use crate::{Entry, Error, EventLog, Evidence, Frame, Kind, MAX_BODY, Marks, Position};

/// A place where logs can be kept.
pub trait Subject: Send {
    /// Opens a log in a place of its own, empty, with segments (or the like) of about 64 KiB.
    fn fresh(&mut self) -> BoxFuture<'_, Arc<dyn EventLog>>;

    /// Opens once more the log that `fresh` made last; every handle of it was dropped.
    fn reopen(&mut self) -> BoxFuture<'_, Arc<dyn EventLog>>;
}

/// A frame with some text for a body, for tests.
///
/// # Panics
/// Never: the constants in it are right.
#[must_use]
pub fn frame(kind: Kind, body: impl Into<Bytes>) -> Frame {
    Frame {
        kind,
        evidence: Evidence::Proxy,
        marks: Marks::CLAIMED,
        category: Category::Data,
        arrival: Timestamp::from_microsecond(1_760_000_000_123_456).expect("a time in 2025"),
        source: "door".to_owned(),
        source_sequence: 7,
        account: AccountId::parse("123456789012").expect("twelve digits"),
        region: "eu-central-1".to_owned(),
        answers: None,
        body: body.into(),
    }
}

/// Everything that a log keeps, read in steps of `bytes`.
///
/// # Panics
/// When a read fails, goes back, or makes no progress.
pub async fn read_all(log: &dyn EventLog, bytes: usize) -> Vec<Entry> {
    let mut all: Vec<Entry> = Vec::new();
    let mut from = log.first();
    loop {
        let entries = log.read(from, bytes).await.expect("reading what is kept");
        let Some(last) = entries.last() else { return all };
        let next = last.position.next();
        for entry in entries {
            assert!(entry.position >= from, "a read goes back");
            from = entry.position.next();
            all.push(entry);
        }
        assert_eq!(from, next);
    }
}

/// Runs the whole suite.
///
/// # Panics
/// When a log breaks its promise.
pub async fn check(subject: &mut dyn Subject) {
    frames_come_back_as_they_were_appended(subject).await;
    positions_count_up_and_outlive_the_process(subject).await;
    concurrent_appends_keep_their_frames_together(subject).await;
    a_read_is_about_as_large_as_asked_for(subject).await;
    readers_are_told_of_what_is_durable(subject).await;
    a_frame_above_the_bound_is_refused_alone(subject).await;
    trimming_drops_only_what_it_may(subject).await;
    open_intents_outlive_the_process_and_hold_back_trimming(subject).await;
}

async fn frames_come_back_as_they_were_appended(subject: &mut dyn Subject) {
    let log = subject.fresh().await;
    let mut frames = Vec::new();
    for (at, kind) in [Kind::Record, Kind::Intent, Kind::Outcome, Kind::Gap, Kind::Heartbeat]
        .into_iter()
        .enumerate()
    {
        for evidence in [Evidence::Server, Evidence::Proxy, Evidence::Client, Evidence::Import] {
            for category in Category::ALL {
                let mut frame = frame(kind, vec![0xFF; at * 1_000]);
                (frame.evidence, frame.category) = (evidence, category);
                frame.answers = (kind == Kind::Outcome).then_some(Position(3));
                frame.marks = Marks::CLAIMED.and(Marks::CONTESTED_ID);
                frame.source_sequence = u64::MAX - at as u64;
                frames.push(frame);
            }
        }
    }
    let mut plain = frame(Kind::Record, Bytes::new());
    (plain.source, plain.region) = ("s".repeat(255), String::new());
    plain.arrival = Timestamp::UNIX_EPOCH;
    frames.push(plain);
    frames.push(frame(Kind::Record, vec![b'x'; MAX_BODY]));
    let range = log.append(frames.clone()).await.expect("an append");
    assert_eq!(range, Position(0)..Position(frames.len() as u64));
    let entries = read_all(log.as_ref(), 10_000).await;
    assert_eq!(entries.len(), frames.len());
    for ((entry, frame), position) in entries.into_iter().zip(frames).zip(0..) {
        assert_eq!(entry, Entry { position: Position(position), frame });
    }
}

async fn positions_count_up_and_outlive_the_process(subject: &mut dyn Subject) {
    let mut log = subject.fresh().await;
    assert_eq!((log.first(), *log.durable().borrow()), (Position(0), Position(0)));
    assert_eq!(log.append(Vec::new()).await.expect("nothing"), Position(0)..Position(0));
    let mut expected = Vec::new();
    for round in 0..4_u64 {
        for number in 0..50 {
            let body = format!("round {round} number {number}");
            let range = log.append(vec![frame(Kind::Record, body.clone())]).await;
            let position = Position(expected.len() as u64);
            assert_eq!(range.expect("an append"), position..position.next());
            expected.push(body);
        }
        drop(log);
        log = subject.reopen().await;
        assert_eq!(*log.durable().borrow(), Position(expected.len() as u64));
        assert_eq!(bodies(&read_all(log.as_ref(), 300).await), expected);
    }
    let behind = Position(expected.len() as u64 + 5);
    assert_eq!(log.read(behind, 1).await.expect("a read behind the end"), Vec::new());
}

async fn concurrent_appends_keep_their_frames_together(subject: &mut dyn Subject) {
    let log = subject.fresh().await;
    let appends = (0..200_usize).map(|caller| {
        let frames = (0..caller % 7 + 1)
            .map(|number| frame(Kind::Record, format!("{caller} {number}")))
            .collect::<Vec<_>>();
        async { (log.append(frames.clone()).await.expect("an append"), frames) }
    });
    let results = join_all(appends).await;
    let entries = read_all(log.as_ref(), 1_000).await;
    let mut seen = BTreeSet::new();
    for (range, frames) in results {
        assert_eq!(range.end.0 - range.start.0, frames.len() as u64);
        for (position, frame) in (range.start.0..).zip(frames) {
            let found = usize::try_from(position).ok().and_then(|at| entries.get(at));
            assert_eq!(found, Some(&Entry { position: Position(position), frame }));
            assert!(seen.insert(position), "a position is given twice");
        }
    }
    assert_eq!(seen.len(), entries.len());
}

async fn a_read_is_about_as_large_as_asked_for(subject: &mut dyn Subject) {
    let log = subject.fresh().await;
    log.append(vec![frame(Kind::Record, vec![b'x'; 1_000]); 500]).await.expect("an append");
    for (bytes, least, most) in [(0, 1, 1), (1, 1, 1), (1_000, 1, 1), (10_500, 10, 11)] {
        for from in [0, 1, 77, 431] {
            let entries = log.read(Position(from), bytes).await.expect("a read");
            assert!((least..=most).contains(&entries.len()), "{} of {bytes}", entries.len());
            assert_eq!(entries.first().map(|it| it.position), Some(Position(from)));
        }
    }
    assert_eq!(log.read(Position(0), usize::MAX).await.expect("a read").len(), 500);
}

async fn readers_are_told_of_what_is_durable(subject: &mut dyn Subject) {
    let log = subject.fresh().await;
    let mut durable = log.durable();
    let append = log.append(vec![frame(Kind::Record, "a"), frame(Kind::Record, "b")]);
    let (told, appended) = futures::join!(durable.changed(), append);
    told.expect("the log is there");
    assert_eq!(*durable.borrow(), appended.expect("an append").end);
    assert_eq!(log.read(Position(1), 1).await.expect("a read").len(), 1);
}

async fn a_frame_above_the_bound_is_refused_alone(subject: &mut dyn Subject) {
    let log = subject.fresh().await;
    let mut long = frame(Kind::Record, "x");
    long.region = "r".repeat(256);
    for wrong in [frame(Kind::Record, vec![0; MAX_BODY + 1]), long] {
        let result = log.append(vec![frame(Kind::Record, "fine"), wrong]).await;
        assert!(matches!(result, Err(Error::TooLarge { .. })), "{result:?}");
    }
    assert_eq!(*log.durable().borrow(), Position(0));
    log.append(vec![frame(Kind::Record, "fine")]).await.expect("an append");
}

async fn trimming_drops_only_what_it_may(subject: &mut dyn Subject) {
    let mut log = subject.fresh().await;
    for _ in 0..50 {
        log.append(vec![frame(Kind::Record, vec![b'x'; 1_000]); 10]).await.expect("an append");
    }
    log.trim(Position(250)).await.expect("a trim");
    let first = log.first();
    assert!(first > Position(0) && first <= Position(250), "first is {first}");
    let result = log.read(Position(first.0 - 1), 1).await;
    assert!(matches!(result, Err(Error::Trimmed { first: it, .. }) if it == first), "{result:?}");
    assert_eq!(read_all(log.as_ref(), 5_000).await.len() as u64, 500 - first.0);

    drop(log);
    log = subject.reopen().await;
    assert_eq!(log.first(), first);
    // However far trimming may go, positions go on where they were.
    log.trim(Position(u64::MAX)).await.expect("a trim");
    let range = log.append(vec![frame(Kind::Record, "x")]).await.expect("an append");
    assert_eq!(range.start, Position(500));
    assert_eq!(log.read(Position(500), 1).await.expect("a read").len(), 1);
}

async fn open_intents_outlive_the_process_and_hold_back_trimming(subject: &mut dyn Subject) {
    let mut log = subject.fresh().await;
    let intents = (0..20).map(|number| frame(Kind::Intent, format!("intent {number}"))).collect();
    log.append(vec![frame(Kind::Record, vec![b'x'; 1_000]); 100]).await.expect("an append");
    log.append(intents).await.expect("an append");
    for position in (100..120).filter(|it| it % 3 != 0) {
        let mut outcome = frame(Kind::Outcome, vec![b'x'; 20_000]);
        outcome.answers = Some(Position(position));
        log.append(vec![outcome]).await.expect("an append");
    }
    let open: Vec<_> = (100..120).filter(|it| it % 3 == 0).map(Position).collect();
    for _ in 0..2 {
        let entries = log.open_intents().await.expect("open intents");
        assert_eq!(entries.iter().map(|it| it.position).collect::<Vec<_>>(), open);
        assert!(entries.iter().all(|it| it.frame.kind == Kind::Intent));
        log.trim(Position(u64::MAX)).await.expect("a trim");
        assert!(log.first() <= Position(102), "first is {}", log.first());
        drop(log);
        log = subject.reopen().await;
    }
    for position in open {
        let mut outcome = frame(Kind::Outcome, "unknown");
        outcome.answers = Some(position);
        log.append(vec![outcome]).await.expect("an append");
    }
    assert_eq!(log.open_intents().await.expect("open intents"), Vec::new());
    log.trim(Position(u64::MAX)).await.expect("a trim");
    assert!(log.first() > Position(102), "first is {}", log.first());
}

fn bodies(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|it| String::from_utf8_lossy(&it.frame.body).into_owned()).collect()
}
