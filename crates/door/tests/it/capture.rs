//! When records are durable, in the three modes.

use door::{Mode, http1::decode::Decoder};
use http::{Method, StatusCode};
use log::{Kind, Position};
use serde_json::json;
use tokio::sync::mpsc;

use crate::{
    stage::Stage,
    upstream::{answering, ok, scripted},
};

const GET: &str = "GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n";

#[tokio::test]
async fn durable_an_answer_waits_for_its_record() {
    let (upstream, mut seen) = answering(ok("hello")).await;
    let door = Stage::before(upstream).await.open().await;
    door.log.shut();
    let mut caller = door.caller().await;
    caller.send(GET).await;
    seen.recv().await.unwrap();
    door.log.handed(1).await;
    assert!(caller.is_silent(), "an answer came before its record was durable");
    door.log.open();
    assert_eq!(caller.answer().await.body, "hello");
    let frames = door.log.frames();
    assert_eq!(
        (frames.len(), frames[0].kind, frames[0].source.as_str()),
        (1, Kind::Record, "door")
    );
}

#[tokio::test]
async fn durable_a_long_answer_streams_at_once_and_its_last_bytes_wait() {
    const LENGTH: usize = 1 << 20;
    let (upstream, _seen) = answering(ok(&"x".repeat(LENGTH))).await;
    let door = Stage::before(upstream).await.open().await;
    door.log.shut();
    let mut caller = door.caller().await;
    caller.send(GET).await;
    let head = caller.head(Method::GET).await.unwrap();
    assert_eq!(head.parts.headers["content-length"], LENGTH.to_string());
    let first = caller.exactly(LENGTH / 2).await;
    door.log.handed(1).await;
    door.log.open();
    let rest = caller.exactly(LENGTH / 2).await;
    assert_eq!(first.len() + rest.len(), LENGTH);
    assert_eq!(door.log.record()["additionalEventData"]["bytesTransferredOut"], LENGTH);
}

#[tokio::test]
async fn durable_an_answer_of_unknown_length_streams_at_once_and_its_end_waits() {
    let (go_on, gone_on) = mpsc::channel::<()>(1);
    let gone_on = std::sync::Mutex::new(Some(gone_on));
    let upstream = scripted(move |mut visitor| {
        let mut gone_on = gone_on.lock().unwrap().take().unwrap();
        async move {
            visitor.request().await;
            visitor.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n").await;
            gone_on.recv().await.unwrap();
            visitor.send("1\r\nb\r\n0\r\n\r\n").await;
        }
    })
    .await;
    let door = Stage::before(upstream).await.open().await;
    door.log.shut();
    let mut caller = door.caller().await;
    caller.send(GET).await;
    caller.head(Method::GET).await.unwrap();
    assert_eq!(caller.exactly(6).await, b"1\r\na\r\n");
    go_on.send(()).await.unwrap();
    assert_eq!(caller.exactly(6).await, b"1\r\nb\r\n");
    door.log.handed(1).await;
    assert!(caller.is_silent(), "the answer ended before its record was durable");
    door.log.open();
    assert_eq!(caller.exactly(5).await, b"0\r\n\r\n");
    assert_eq!(door.log.record()["additionalEventData"]["bytesTransferredOut"], 2);
}

#[tokio::test]
async fn strict_a_call_leaves_after_its_intent_and_is_answered_after_its_outcome() {
    let (upstream, mut seen) = answering(ok("hello")).await;
    let mut stage = Stage::before(upstream).await;
    stage.upstream().capture = Mode::Strict;
    let door = stage.open().await;
    door.log.shut();
    let mut caller = door.caller().await;
    caller.send(GET).await;
    door.log.handed(1).await;
    assert!(seen.try_recv().is_err(), "the call left before its intent was durable");
    assert_eq!(door.log.frames()[0].kind, Kind::Intent);
    door.log.open();
    seen.recv().await.unwrap();
    assert_eq!(caller.answer().await.body, "hello");
    let frames = door.log.frames();
    assert_eq!((frames[1].kind, frames[1].answers), (Kind::Outcome, Some(Position(0))));
    assert_eq!(door.log.record()["eventName"], "GetObject");
}

#[tokio::test]
async fn strict_a_call_whose_end_nobody_saw_is_recorded_at_the_next_start() {
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    let upstream = scripted(move |mut visitor| {
        let arrived = arrived.clone();
        async move {
            visitor.request().await;
            arrived.send(()).unwrap();
            while visitor.fill().await > 0 {}
        }
    })
    .await;
    let mut stage = Stage::before(upstream).await;
    stage.upstream().capture = Mode::Strict;
    let door = stage.open().await;
    let mut caller = door.caller().await;
    caller.send("DELETE /b/k HTTP/1.1\r\nHost: h\r\n\r\n").await;
    arrivals.recv().await.unwrap();
    door.log.shut();
    let stage = door.crash().await;
    stage.log.open();
    let intent = stage.log.frames().iter().position(|it| it.kind == Kind::Intent).unwrap();
    stage.log.forget_after(intent + 1);
    for _ in 0..2 {
        stage.build().await.unwrap();
        let record = stage.log.record();
        assert_eq!(record["eventName"], "DeleteObject");
        assert_eq!(record["errorCode"], "OutcomeUnknown");
        assert_eq!(
            record["requestParameters"],
            json!({"bucketName": "b", "key": "k", "Host": "h"})
        );
    }
}

#[tokio::test]
async fn buffered_an_answer_does_not_wait_for_its_record() {
    let (upstream, _seen) = answering(ok("hello")).await;
    let mut stage = Stage::before(upstream).await;
    stage.upstream().capture = Mode::Buffered;
    let door = stage.open().await;
    let mut caller = door.caller().await;
    caller.ask(GET).await;
    door.log.shut();
    for _ in 0..5 {
        assert_eq!(caller.ask(GET).await.body, "hello");
    }
    door.log.open();
    let records = door.log.wait_for_records(6).await;
    assert_eq!(records.len(), 6);
    let first = &door.log.frames()[0];
    assert_eq!(first.kind, Kind::Heartbeat, "the lease comes before the first record");
}

#[tokio::test]
async fn buffered_a_crash_leaves_a_gap_record_with_an_upper_bound() {
    let (upstream, _seen) = answering(ok("hello")).await;
    let mut stage = Stage::before(upstream).await;
    stage.upstream().capture = Mode::Buffered;
    stage.settings.buffered_max = 100;
    let door = stage.open().await;
    let mut caller = door.caller().await;
    caller.ask(GET).await;
    let stage = door.crash().await;
    for _ in 0..2 {
        stage.build().await.unwrap();
        let records = stage.log.records();
        let gaps: Vec<_> = records.iter().filter(|it| it["eventName"] == "RecordGap").collect();
        assert_eq!(gaps.len(), 1, "{records:#?}");
        assert_eq!(gaps[0]["serviceEventDetails"]["reason"], "ProcessCrashed");
        assert_eq!(gaps[0]["eventType"], "AwsServiceEvent");
        assert!(gaps[0]["serviceEventDetails"].to_string().contains("100"), "{gaps:?}");
    }
}

#[tokio::test]
async fn buffered_records_are_kept_when_the_door_is_told_to_stop_and_leave_no_gap() {
    let (upstream, _seen) = answering(ok("hello")).await;
    let mut stage = Stage::before(upstream).await;
    stage.upstream().capture = Mode::Buffered;
    let door = stage.open().await;
    let log = door.log.clone();
    let mut caller = door.caller().await;
    for _ in 0..20 {
        caller.ask(GET).await;
    }
    drop(caller);
    door.stop().await.unwrap();
    assert_eq!(log.records().len(), 20);
    let last = log.frames().pop().unwrap();
    assert_eq!(last.kind, Kind::Heartbeat);
    assert!(last.body.starts_with(b"{\"lease\":0"), "{last:?}");
}

#[tokio::test]
async fn a_caller_that_leaves_halfway_leaves_a_record() {
    const LENGTH: usize = 64 << 20;
    let (upstream, _seen) = answering(ok(&"x".repeat(LENGTH))).await;
    let door = Stage::before(upstream).await.open().await;
    let mut caller = door.caller().await;
    caller.send(GET).await;
    caller.head(Method::GET).await.unwrap();
    caller.exactly(1000).await;
    drop(caller);
    let records = door.log.wait_for_records(1).await;
    let sent = records[0]["additionalEventData"]["bytesTransferredOut"].as_u64().unwrap();
    assert!((1000..LENGTH as u64).contains(&sent), "{sent}");
    assert_eq!(door.metrics.in_flight.value(), 0);
}

#[tokio::test]
async fn a_call_whose_record_finds_no_room_does_not_leave() {
    let (upstream, mut seen) = answering(ok("hello")).await;
    let door = Stage::before(upstream).await.open().await;
    door.log.set_full(true);
    let mut caller = door.caller().await;
    let answer = caller.ask(GET).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers["retry-after"], "1");
    assert!(answer.body.contains("<Code>ServiceUnavailable</Code>"), "{answer:?}");
    assert!(seen.try_recv().is_err());
    door.log.set_full(false);
    assert_eq!(caller.ask(GET).await.body, "hello");
}

#[tokio::test]
async fn a_log_that_fails_for_good_closes_the_door() {
    let (upstream, _seen) = answering(ok("hello")).await;
    let door = Stage::before(upstream).await.open().await;
    door.log.break_down();
    let mut caller = door.caller().await;
    assert_eq!(caller.ask(GET).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(matches!(door.closed().await, Err(door::Error::Log(log::Error::Closed))));
}

#[tokio::test]
async fn a_long_answer_whose_record_cannot_be_kept_is_cut_short() {
    const LENGTH: usize = 1 << 20;
    let (upstream, _seen) = answering(ok(&"x".repeat(LENGTH))).await;
    let door = Stage::before(upstream).await.open().await;
    door.log.shut();
    let mut caller = door.caller().await;
    caller.send(GET).await;
    let head = caller.head(Method::GET).await.unwrap();
    door.log.break_down();
    assert!(caller.body(&mut Decoder::new(head.framing)).await.is_none());
}
