//! Upstreams that fail, in every way that one can.

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::{
    caller::Answer,
    stage::Stage,
    upstream::{answering, ok, scripted},
};

const GET: &str = "GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n";

#[track_caller]
fn check(answer: &Answer, record: &Value, status: StatusCode) {
    assert_eq!(answer.status, status);
    assert!(answer.body.contains("<Code>ServiceUnavailable</Code>"), "{answer:?}");
    assert_eq!(record["eventName"], "GetObject");
    assert_eq!(record["errorCode"], "ServiceUnavailable");
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_answered_for_and_recorded() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let door = Stage::before(nobody).await.open().await;
    let answer = door.caller().await.ask(GET).await;
    check(&answer, &door.log.record(), StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn an_upstream_that_hangs_is_answered_for_in_time() {
    let upstream = scripted(|mut visitor| async move { while visitor.fill().await > 0 {} }).await;
    let mut stage = Stage::before(upstream).await;
    stage.upstream().answer_timeout = Duration::from_millis(100);
    let door = stage.open().await;
    let answer = door.caller().await.ask(GET).await;
    check(&answer, &door.log.record(), StatusCode::GATEWAY_TIMEOUT);
}

#[tokio::test]
async fn an_upstream_that_hangs_up_or_talks_garbage_is_answered_for() {
    for answer in [
        "",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
    ] {
        let upstream = scripted(move |mut visitor| async move {
            visitor.request().await;
            visitor.send(answer).await;
        })
        .await;
        let door = Stage::before(upstream).await.open().await;
        let got = door.caller().await.ask(GET).await;
        check(&got, &door.log.record(), StatusCode::BAD_GATEWAY);
    }
}

#[tokio::test]
async fn an_answer_that_breaks_in_the_middle_breaks_for_the_caller_too() {
    let upstream = scripted(|mut visitor| async move {
        visitor.request().await;
        visitor.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n").await;
        visitor.send("x".repeat(1000)).await;
    })
    .await;
    let door = Stage::before(upstream).await.open().await;
    let mut caller = door.caller().await;
    caller.send(GET).await;
    caller.head(Method::GET).await.unwrap();
    caller.exactly(1000).await;
    assert!(caller.is_closed().await);
    let record = door.log.record();
    assert_eq!(record["additionalEventData"]["bytesTransferredOut"], 1000);
    assert!(record["errorCode"].is_string(), "{record:#}");
}

#[tokio::test]
async fn an_answer_that_stops_in_the_middle_is_given_up() {
    let upstream = scripted(|mut visitor| async move {
        visitor.request().await;
        visitor.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nabc").await;
        while visitor.fill().await > 0 {}
    })
    .await;
    let mut stage = Stage::before(upstream).await;
    stage.upstream().answer_timeout = Duration::from_millis(100);
    let door = stage.open().await;
    let mut caller = door.caller().await;
    caller.send(GET).await;
    caller.head(Method::GET).await.unwrap();
    caller.exactly(3).await;
    assert!(caller.is_closed().await);
    assert!(door.log.record()["errorCode"].is_string());
}

#[tokio::test]
async fn a_slow_caller_is_not_the_upstreams_fault() {
    let (upstream, _seen) = answering(ok("done")).await;
    let mut stage = Stage::before(upstream).await;
    stage.upstream().answer_timeout = Duration::from_millis(50);
    let clock = std::sync::Arc::clone(&stage.ambient.clock);
    let door = stage.open().await;
    let mut caller = door.caller().await;
    caller.send("PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n").await;
    for byte in ["a", "b", "c"] {
        clock.sleep(Duration::from_millis(70)).await;
        caller.send(byte).await;
    }
    assert_eq!(caller.answer().await.body, "done");
}

#[tokio::test]
async fn an_error_is_spelt_in_the_callers_protocol() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let door = Stage::before(nobody).await.open().await;
    let mut caller = door.caller().await;
    let answer = caller
        .ask(
            "POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: DynamoDB_20120810.GetItem\r\n\
             Content-Type: application/x-amz-json-1.0\r\nContent-Length: 2\r\n\r\n{}",
        )
        .await;
    assert_eq!(answer.headers["content-type"], "application/x-amz-json-1.0");
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(body["__type"], "ServiceUnavailable");
    let answer = caller
        .ask(
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: 43\r\n\r\nAction=GetCallerIdentity&Version=2011-06-15",
        )
        .await;
    assert!(answer.body.contains("<ErrorResponse"), "{answer:?}");
}
