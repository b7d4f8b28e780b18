//! Beyond capacity callers are told so, and those who are served do not notice.

use std::time::Duration;

use http::StatusCode;
use tokio::sync::mpsc;

use crate::{
    stage::Stage,
    upstream::{answering, ok, scripted},
};

const GET: &str = "GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n";

#[tokio::test]
async fn beyond_the_bound_on_connections_callers_are_answered_503() {
    let (upstream, _seen) = answering(ok("hello")).await;
    let mut stage = Stage::before(upstream).await;
    stage.settings.connections_max = 2;
    let door = stage.open().await;
    let (mut one, mut two) = (door.caller().await, door.caller().await);
    for caller in [&mut one, &mut two] {
        assert_eq!(caller.ask(GET).await.body, "hello");
    }
    let mut three = door.caller().await;
    let answer = three.answer().await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(one.ask(GET).await.body, "hello");
    drop(one);
    // Its place is free as soon as the door has noticed.
    loop {
        let mut four = door.caller().await;
        four.send(GET).await;
        if four.answer().await.status == StatusCode::OK {
            break;
        }
    }
}

#[tokio::test]
async fn beyond_the_bound_on_calls_callers_are_answered_503() {
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
    stage.settings.calls_max = 1;
    let door = stage.open().await;
    let mut one = door.caller().await;
    one.send(GET).await;
    arrivals.recv().await.unwrap();
    let answer = door.caller().await.ask(GET).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(door.metrics.refused_capacity.value(), 1);
    let healthy =
        door.caller().await.ask("GET /_trailmark/healthz HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert_eq!(healthy.status, StatusCode::OK);
}

#[tokio::test]
async fn bodies_that_are_held_share_a_budget() {
    let (upstream, _seen) = answering(ok("{}")).await;
    let mut stage = Stage::before(upstream).await;
    stage.settings.held_bytes_max = 16 << 10;
    stage.settings.body_timeout = Duration::from_secs(30);
    let door = stage.open().await;
    let head = "POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: DynamoDB_20120810.GetItem\r\n\
                Content-Type: application/x-amz-json-1.0\r\nContent-Length: 20000\r\n\r\n";
    let mut caller = door.caller().await;
    let answer = caller.ask(format!("{head}{}", "x".repeat(20_000))).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers["retry-after"], "1");
    let small = "POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: DynamoDB_20120810.GetItem\r\n\
                 Content-Type: application/x-amz-json-1.0\r\nContent-Length: 2\r\n\r\n{}";
    assert_eq!(door.caller().await.ask(small).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_structured_body_beyond_the_cap_passes_unread() {
    let (upstream, mut seen) = answering(ok("{}")).await;
    let door = Stage::before(upstream).await.open().await;
    let body = format!("{{\"TableName\": \"t\", \"x\": \"{}\"}}", "y".repeat(2 << 20));
    let request = format!(
        "POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: DynamoDB_20120810.PutItem\r\n\
         Content-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(door.caller().await.ask(&request).await.status, StatusCode::OK);
    assert!(seen.recv().await.unwrap() == request.as_bytes());
    let record = door.log.record();
    assert_eq!(record["requestParameters"]["omitted"], true, "{record:#}");
}

#[tokio::test]
async fn each_key_of_the_largest_bulk_deletion_gets_its_record() {
    // 1,000 keys of 1,024 bytes, of which some are spelt with entities.
    let keys: Vec<_> = (0..1000).map(|it| format!("{it:03}{}", "&".repeat(1021))).collect();
    let spelt = |key: &String| key.replace('&', "&amp;");
    let objects: String = keys
        .iter()
        .enumerate()
        .map(|(at, key)| {
            let key = if at % 4 == 0 { spelt(key) } else { key.replace('&', "a") };
            format!("<Object><Key>{key}</Key></Object>")
        })
        .collect();
    let body = format!("<Delete>{objects}</Delete>");
    assert!(body.len() > 3 << 19, "{}", body.len());
    // The answer is as long, and what failed stands at its end.
    let done = objects.replace("Object>", "Deleted>");
    let failed = "<Error><Key>999";
    let answer = format!(
        "<DeleteResult>{done}{failed}{}</Key><Code>AccessDenied</Code></Error></DeleteResult>",
        "a".repeat(1021)
    );
    for mode in [door::Mode::Durable, door::Mode::Strict] {
        let (upstream, _seen) = answering(ok(&answer)).await;
        let mut stage = Stage::before(upstream).await;
        stage.upstream().capture = mode;
        let door = stage.open().await;
        let request = format!(
            "POST /b?delete HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        assert_eq!(door.caller().await.ask(request).await.status, StatusCode::OK);
        let records = door.log.records();
        let deleted: Vec<_> =
            records.iter().filter(|it| it["eventName"] == "DeleteObject").collect();
        assert_eq!(deleted.len(), 1000);
        assert_eq!(deleted[0]["requestParameters"]["key"], keys[0]);
        let with_error = deleted.iter().filter(|it| it["errorCode"] == "AccessDenied");
        assert_eq!(with_error.count(), 1);
        for frame in door.log.frames() {
            assert!(frame.body.len() <= log::MAX_BODY, "{:?}: {}", frame.kind, frame.body.len());
        }
    }
}

#[tokio::test]
async fn a_thousand_callers_that_send_at_once_are_served() {
    let (upstream, _seen) = answering(ok("")).await;
    let door = Stage::before(upstream).await.open().await;
    let callers = (0..1000).map(|number| {
        let address = door.address;
        tokio::spawn(async move {
            let mut caller = crate::caller::Caller::connect(address).await;
            let head =
                format!("PUT /b/{number} HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n");
            caller.send(head).await;
            for _ in 0..10 {
                caller.send([b'x'; 10_000]).await;
            }
            caller.answer().await.status
        })
    });
    for answered in futures::future::join_all(callers).await {
        assert_eq!(answered.unwrap(), StatusCode::OK);
    }
    assert_eq!(door.log.records().len(), 1000);
    assert_eq!(door.metrics.in_flight.value(), 0);
}

/// Sends `total` bytes of an object in each of so many calls at once, and yields by how much the
/// memory of the process grew, callers and upstream included, in KiB.
async fn memory_for(calls: usize, total: usize) -> u64 {
    let upstream = scripted(move |mut visitor| async move {
        visitor.head().await.unwrap();
        let mut sink = vec![0; 16 << 10];
        let mut left = total - visitor.rest();
        while left > 0 {
            use tokio::io::AsyncReadExt as _;
            left -= visitor.stream.read(&mut sink).await.unwrap();
        }
        visitor.send(ok("")).await;
    })
    .await;
    let door = Stage::before(upstream).await.open().await;
    let before = peak_kib();
    let callers = (0..calls).map(|number| {
        let address = door.address;
        tokio::spawn(async move {
            let mut caller = crate::caller::Caller::connect(address).await;
            let head =
                format!("PUT /b/{number} HTTP/1.1\r\nHost: h\r\nContent-Length: {total}\r\n\r\n");
            caller.send(head).await;
            let piece = [b'x'; 8 << 10];
            for begun in (0..total).step_by(piece.len()) {
                caller.send(&piece[..piece.len().min(total - begun)]).await;
            }
            caller.answer().await.status
        })
    });
    for answered in futures::future::join_all(callers).await {
        assert_eq!(answered.unwrap(), StatusCode::OK);
    }
    peak_kib() - before
}

/// The most memory that the process ever had.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|it| it.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
#[ignore = "measures the whole process: alone, and for minutes"]
async fn an_object_of_1_gib_costs_no_more_than_32_mib() {
    let grown = memory_for(1, 1 << 30).await;
    assert!(grown < 32 << 10, "{grown} KiB");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures the whole process: alone, and for minutes"]
async fn a_thousand_callers_that_send_10_mb_each_cost_no_more_than_256_mib() {
    let grown = memory_for(1000, 10_000_000).await;
    assert!(grown < 256 << 10, "{grown} KiB");
}
