//! Callers who frame their requests so that two readers would read two things.

use std::{fmt::Write as _, time::Duration};

use http::StatusCode;

use crate::{
    stage::Stage,
    upstream::{answering, ok},
};

/// Sends `request`, and checks that it is refused with `status`, that the connection is closed, and
/// that nothing of it got through: not to the upstream, not into the log.
async fn check(request: impl AsRef<[u8]>, status: u16) {
    let (upstream, mut seen) = answering(ok("hello")).await;
    let door = Stage::before(upstream).await.open().await;
    let mut caller = door.caller().await;
    let answer = caller.ask(&request).await;
    let shown = String::from_utf8_lossy(request.as_ref()).chars().take(300).collect::<String>();
    assert_eq!(answer.status.as_u16(), status, "{shown:?}");
    assert!(caller.is_closed().await, "{shown:?}");
    assert!(seen.try_recv().is_err(), "{shown:?}");
    assert!(door.log.frames().is_empty(), "{shown:?}");
    assert_eq!(door.metrics.refused_framing.value(), 1);
}

#[tokio::test]
async fn smuggling_is_refused() {
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
    for lines in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Content-Length: 4\r\nContent-Length: 5",
        "Content-Length: 4\r\nContent-Length: 4",
        "Transfer-Encoding : chunked",
        "Content-Length : 4",
        "X: a\r\n Transfer-Encoding: chunked",
        "X: a\nTransfer-Encoding: chunked",
        "X: a\rTransfer-Encoding: chunked",
        "Host: other",
        "Content-Length: +4",
        "Connection: x-amz-date\r\nX-Amz-Date: 20260101T000000Z",
    ] {
        let head = format!("POST / HTTP/1.1\r\nHost: h\r\n{lines}\r\n\r\n");
        check(format!("{head}0\r\n\r\n{smuggled}"), 400).await;
    }
    for coding in ["xchunked", "chunked, gzip", "identity, chunked"] {
        check(format!("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: {coding}\r\n\r\n"), 501)
            .await;
    }
}

#[tokio::test]
async fn requests_that_are_none_are_refused() {
    check("\x16\x03\x01\x02\0\x01\0\r\n\r\n", 400).await;
    check("GET http://other/ HTTP/1.1\r\nHost: h\r\n\r\n", 400).await;
    check("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", 400).await;
    check("GET / HTTP/1.1\r\n\r\n", 400).await;
    check("GET / HTTP/3.0\r\nHost: h\r\n\r\n", 505).await;
    check("GET / HTTP/1.1\r\nHost: h\r\nExpect: a-miracle\r\n\r\n", 417).await;
    check(b"GET /\xff\xfe HTTP/1.1\r\nHost: h\r\nX: \x01\r\n\r\n", 400).await;
}

#[tokio::test]
async fn a_hundred_megabytes_of_headers_are_refused_at_the_first_64_kib() {
    let (upstream, _seen) = answering(ok("hello")).await;
    let door = Stage::before(upstream).await.open().await;
    let (mut read, mut write) = door.caller().await.stream.into_split();
    let writing = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        let line = format!("x-filler: {}\r\n", "y".repeat(1000));
        write.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n").await.unwrap();
        for sent in 0..100_000 {
            if write.write_all(line.as_bytes()).await.is_err() {
                return sent;
            }
        }
        100_000
    });
    let mut answer = Vec::new();
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut read, &mut answer).await;
    assert!(answer.starts_with(b"HTTP/1.1 431 "), "{}", String::from_utf8_lossy(&answer));
    assert!(writing.await.unwrap() < 100_000, "all of them were read");
}

#[tokio::test]
async fn many_short_header_lines_are_refused() {
    let mut head = "GET / HTTP/1.1\r\nHost: h\r\n".to_owned();
    for number in 0..300 {
        write!(head, "x-{number}: y\r\n").unwrap();
    }
    check(format!("{head}\r\n"), 431).await;
}

#[tokio::test]
async fn a_head_that_comes_too_slowly_is_given_up() {
    let (upstream, _seen) = answering(ok("hello")).await;
    let mut stage = Stage::before(upstream).await;
    stage.settings.header_timeout = Duration::from_millis(200);
    let clock = std::sync::Arc::clone(&stage.ambient.clock);
    let door = stage.open().await;
    let mut caller = door.caller().await;
    caller.send("GET / HTTP/1.1\r\nHost: h\r\n").await;
    let trickle = async {
        loop {
            clock.sleep(Duration::from_millis(20)).await;
            // First: what is sent to a connection that was given up may reset it, answer and all.
            if !caller.is_silent() {
                break;
            }
            caller.send("x: y\r\n").await;
        }
    };
    trickle.await;
    // The first byte was taken by looking whether there is one.
    let answer = caller.exactly("TTP/1.1 408 ".len()).await;
    assert_eq!(answer, b"TTP/1.1 408 ");
}

#[tokio::test]
async fn a_body_that_stops_coming_is_given_up_and_nothing_is_forwarded_whole() {
    let (upstream, mut seen) = answering(ok("hello")).await;
    let mut stage = Stage::before(upstream).await;
    stage.settings.body_timeout = Duration::from_millis(100);
    let door = stage.open().await;
    let mut caller = door.caller().await;
    let answer = caller.ask("PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.body.contains("<Code>RequestTimeout</Code>"), "{answer:?}");
    assert!(seen.try_recv().is_err());
    assert_eq!(door.log.record()["eventName"], "PutObject");
}

#[tokio::test]
async fn a_body_shorter_than_it_said_is_recorded_and_not_forwarded_whole() {
    let (upstream, mut seen) = answering(ok("hello")).await;
    let door = Stage::before(upstream).await.open().await;
    let mut caller = door.caller().await;
    caller.send("PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc").await;
    drop(caller);
    let records = door.log.wait_for_records(1).await;
    assert_eq!(records[0]["additionalEventData"]["bytesTransferredIn"], 3);
    assert!(seen.try_recv().is_err());
}

#[tokio::test]
async fn bytes_behind_a_request_are_the_next_request() {
    let (upstream, mut seen) = answering(ok("hello")).await;
    let door = Stage::before(upstream).await.open().await;
    let mut caller = door.caller().await;
    let one = "PUT /b/1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nGET";
    let two = "GET /b/2 HTTP/1.1\r\nHost: h\r\n\r\n";
    caller.send([one, two].concat()).await;
    for request in [one, two] {
        assert_eq!(caller.answer().await.body, "hello");
        assert_eq!(seen.recv().await.unwrap(), request.as_bytes());
    }
}

#[tokio::test]
async fn malformed_chunks_break_the_call() {
    for chunks in ["zz\r\n", "5\nhello", "-1\r\n", "5\r\nhelloX", "ffffffffffffffffff\r\n"] {
        let (upstream, mut seen) = answering(ok("hello")).await;
        let door = Stage::before(upstream).await.open().await;
        let mut caller = door.caller().await;
        let head = "PUT /b/k HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
        let answer = caller.ask(format!("{head}{chunks}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{chunks:?}");
        assert!(caller.is_closed().await);
        assert!(seen.try_recv().is_err(), "{chunks:?}");
        assert_eq!(door.log.records().len(), 1);
    }
}

#[tokio::test]
async fn deep_json_and_invalid_utf_8_are_forwarded_and_recorded() {
    let (upstream, mut seen) = answering(ok("{}")).await;
    let door = Stage::before(upstream).await.open().await;
    let mut caller = door.caller().await;
    let deep = [vec![b'['; 200_000], vec![b']'; 200_000]].concat();
    for body in [deep, b"{\"TableName\": \"\xff\xfe\"}".to_vec(), b"not json".to_vec(), vec![0; 9]]
    {
        let head = format!(
            "POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: DynamoDB_20120810.PutItem\r\n\
             Content-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let request = [head.as_bytes(), &body].concat();
        assert_eq!(caller.ask(&request).await.status, StatusCode::OK);
        assert_eq!(seen.recv().await.unwrap(), request);
    }
    let records = door.log.records();
    assert_eq!(records.len(), 4);
    assert!(records.iter().all(|it| it["eventName"] == "PutItem"), "{records:#?}");
}

#[tokio::test]
async fn http2_requests_with_two_hosts_or_headers_of_one_hop_are_refused() {
    use http_body_util::Empty;
    use hyper_util::rt::{TokioExecutor, TokioIo};
    let (upstream, mut seen) = answering(ok("hello")).await;
    let door = Stage::before(upstream).await.open().await;
    let stream = tokio::net::TcpStream::connect(door.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("http://s3.example.net/b/k")
        .header("host", "other.example.net")
        .body(Empty::<bytes::Bytes>::new())
        .unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert!(seen.try_recv().is_err());
}
