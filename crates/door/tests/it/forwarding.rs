//! What the upstream sees is what the caller sent, and the other way round.

use std::time::Duration;

use http::{Method, StatusCode};
use tokio::sync::oneshot;

use crate::{
    stage::Stage,
    upstream::{answering, ok, scripted},
};

#[tokio::test]
async fn the_upstream_sees_exactly_the_bytes_that_the_caller_sent() {
    let (upstream, mut seen) = answering(ok("<ListAllMyBucketsResult/>")).await;
    let door = Stage::before(upstream).await.open().await;
    let mut caller = door.caller().await;
    for request in [
        "GET /b/a%2Fb//c/../d%20e+f?list-type=2&prefix=%C3%A4&z&a=%2B&A=b%zz HTTP/1.1\r\n\
         hOsT: s3.example.net:8080\r\nX-Amz-Date: 20260101T000000Z\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLEEXAMPLE12/20260101/us-east-1/s3/aws4_request, \
         SignedHeaders=host;x-amz-date, \
         Signature=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n\
         X-A:   padded \t \r\nx-a: again\r\nX-B: between\r\nX-a: and again\r\nAccept-Encoding: identity\r\n\
         User-Agent: caf\u{e9}\r\n\r\n",
        "PUT /b/key HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nX-Amz-Meta-A: b\r\n\r\n\0\r\n\x7fz",
        "DELETE /b/key HTTP/1.1\r\nHost: h\r\n\r\n",
        "HEAD /b/key HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
    ] {
        if request.starts_with("HEAD") {
            continue;
        }
        let answer = caller.ask(request).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert_eq!(answer.body, "<ListAllMyBucketsResult/>");
        let seen = seen.recv().await.unwrap();
        assert_eq!(String::from_utf8_lossy(&seen), request);
    }
}

#[tokio::test]
async fn a_body_in_chunks_goes_in_chunks_and_headers_of_one_hop_stay_behind() {
    let (upstream, mut seen) = answering(ok("")).await;
    let door = Stage::before(upstream).await.open().await;
    let mut caller = door.caller().await;
    let head = "PUT /b/k HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nKeep-Alive: 5\r\n\
                Proxy-Connection: x\r\nConnection: keep-alive\r\nX-End: to-end\r\n\r\n";
    let answer = caller.ask(format!("{head}5\r\nhello\r\n0\r\nx-amz-t: 1\r\n\r\n")).await;
    assert_eq!(answer.status, StatusCode::OK);
    let seen = String::from_utf8(seen.recv().await.unwrap()).unwrap();
    assert_eq!(
        seen,
        "PUT /b/k HTTP/1.1\r\nHost: h\r\nX-End: to-end\r\ntransfer-encoding: chunked\r\n\r\n\
         5\r\nhello\r\n0\r\nx-amz-t: 1\r\n\r\n"
    );
}

#[tokio::test]
async fn the_caller_sees_the_head_that_the_upstream_sent() {
    let head = "HTTP/1.1 206 Partial Content\r\nx-amz-Request-Id: 1\r\nETag: \"a\"\r\n\
                X-Twice: 1\r\ncontent-length: 3\r\nx-twice: 2\r\nConnection: keep-alive\r\n\r\nabc";
    let (upstream, _seen) = answering(head).await;
    let door = Stage::before(upstream).await.open().await;
    let mut caller = door.caller().await;
    caller.send("GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let expected = "HTTP/1.1 206 Partial Content\r\nx-amz-Request-Id: 1\r\nETag: \"a\"\r\n\
                    X-Twice: 1\r\ncontent-length: 3\r\nx-twice: 2\r\n\r\nabc";
    let sent = caller.exactly(expected.len()).await;
    assert_eq!(String::from_utf8(sent).unwrap(), expected);
}

#[tokio::test]
async fn an_answer_to_head_has_a_length_and_no_body() {
    let (upstream, _seen) =
        answering("HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\nETag: \"e\"\r\n\r\n").await;
    let door = Stage::before(upstream).await.open().await;
    let mut caller = door.caller().await;
    for _ in 0..2 {
        let answer = caller.ask("HEAD /b/k HTTP/1.1\r\nHost: h\r\n\r\n").await;
        assert_eq!(answer.headers["content-length"], "1073741824");
    }
    assert_eq!(door.log.records().len(), 2);
}

#[tokio::test]
async fn answers_in_chunks_and_until_the_end_of_the_connection_are_passed_on() {
    for answer in [
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\nabcdef",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabcdef",
    ] {
        let upstream = scripted(move |mut visitor| async move {
            visitor.request().await;
            visitor.send(answer).await;
        })
        .await;
        let door = Stage::before(upstream).await.open().await;
        let mut caller = door.caller().await;
        for _ in 0..2 {
            let answer = caller.ask("GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n").await;
            assert_eq!(answer.body, "abcdef");
        }
    }
}

#[tokio::test]
async fn a_connection_to_the_upstream_serves_many_calls() {
    let (sender, mut connections) = tokio::sync::mpsc::unbounded_channel();
    let upstream = scripted(move |mut visitor| {
        let sender = sender.clone();
        async move {
            sender.send(()).unwrap();
            while visitor.request().await.is_some() {
                visitor.send(ok("x")).await;
            }
        }
    })
    .await;
    let door = Stage::before(upstream).await.open().await;
    for _ in 0..5 {
        let mut caller = door.caller().await;
        assert_eq!(caller.ask("GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n").await.body, "x");
    }
    connections.recv().await.unwrap();
    assert!(connections.try_recv().is_err(), "one connection was enough");
}

#[tokio::test]
async fn a_connection_that_the_upstream_has_closed_is_not_used_again() {
    let upstream = scripted(|mut visitor| async move {
        visitor.request().await;
        visitor.send(ok("x")).await;
    })
    .await;
    let door = Stage::before(upstream).await.open().await;
    let mut caller = door.caller().await;
    for _ in 0..20 {
        let request = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\na";
        let answer = caller.ask(request).await;
        // The end of the idle connection may be seen only while the request is on its way; a POST is
        // then not sent twice.
        assert!(matches!(answer.status.as_u16(), 200 | 502), "{answer:?}");
        let answer = caller.ask("GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n").await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }
}

#[tokio::test]
async fn a_caller_that_waits_for_100_continue_waits_for_the_upstreams() {
    let (permit, permitted) = oneshot::channel::<()>();
    let permitted = std::sync::Mutex::new(Some(permitted));
    let (heads, mut head_seen) = tokio::sync::mpsc::unbounded_channel();
    let upstream = scripted(move |mut visitor| {
        let permitted = permitted.lock().unwrap().take().unwrap();
        let heads = heads.clone();
        async move {
            let head = visitor.head().await.unwrap();
            assert!(head.expects_continue);
            heads.send(()).unwrap();
            permitted.await.unwrap();
            visitor.send("HTTP/1.1 100 Continue\r\n\r\n").await;
            while !visitor.seen.ends_with(b"body") {
                visitor.fill().await;
            }
            visitor.send(ok("done")).await;
        }
    })
    .await;
    let door = Stage::before(upstream).await.open().await;
    let mut caller = door.caller().await;
    let head = "PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    caller.send(head).await;
    head_seen.recv().await.unwrap();
    assert!(caller.is_silent());
    permit.send(()).unwrap();
    let interim = caller.head(Method::PUT).await.unwrap();
    assert_eq!(interim.parts.status, StatusCode::CONTINUE);
    caller.send("body").await;
    assert_eq!(caller.answer().await.body, "done");
}

#[tokio::test]
async fn an_upstream_that_refuses_before_the_body_is_heard_and_the_body_never_asked_for() {
    let upstream = scripted(|mut visitor| async move {
        visitor.head().await.unwrap();
        let body = "<Error><Code>AccessDenied</Code><Message>No.</Message></Error>";
        visitor
            .send(format!("HTTP/1.1 403 Forbidden\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
            .await;
        while visitor.fill().await > 0 {}
    })
    .await;
    let door = Stage::before(upstream).await.open().await;
    let mut caller = door.caller().await;
    let head = "PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    let answer = caller.ask(head).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(caller.is_closed().await);
    assert_eq!(door.log.record()["errorCode"], "AccessDenied");
}

#[tokio::test]
async fn an_answer_may_begin_while_the_request_is_still_sent() {
    let upstream = scripted(|mut visitor| async move {
        visitor.head().await.unwrap();
        visitor.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        let mut echoed = visitor.seen.len();
        loop {
            while visitor.seen.len() == echoed {
                visitor.fill().await;
            }
            let more = visitor.seen[echoed..].to_vec();
            echoed = visitor.seen.len();
            visitor.send(format!("{:x}\r\n", more.len())).await;
            visitor.send([more.as_slice(), b"\r\n"].concat()).await;
            if more.ends_with(b"!") {
                visitor.send("0\r\n\r\n").await;
            }
        }
    })
    .await;
    let door = Stage::before(upstream).await.open().await;
    let mut caller = door.caller().await;
    caller.send("PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n").await;
    caller.head(Method::PUT).await.unwrap();
    for byte in ["a", "b", "!"] {
        caller.send(byte).await;
        assert_eq!(caller.exactly(6).await, format!("1\r\n{byte}\r\n").into_bytes());
    }
    assert_eq!(caller.exactly(5).await, b"0\r\n\r\n");
}

#[tokio::test]
async fn http2_in_clear_text_is_forwarded_and_recorded() {
    use http_body_util::{BodyExt as _, Full};
    use hyper_util::rt::{TokioExecutor, TokioIo};
    let (upstream, mut seen) = answering(ok("hello")).await;
    let door = Stage::before(upstream).await.open().await;
    let stream = tokio::net::TcpStream::connect(door.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let request = http::Request::put("http://s3.example.net/b/k%2F?x=1")
        .header("x-amz-meta-a", "b")
        .body(Full::<bytes::Bytes>::from("data"))
        .unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "hello");
    let seen = String::from_utf8(seen.recv().await.unwrap()).unwrap();
    assert!(seen.starts_with("PUT /b/k%2F?x=1 HTTP/1.1\r\nhost: s3.example.net\r\n"), "{seen}");
    assert!(seen.ends_with("\r\n\r\ndata"), "{seen}");
    assert_eq!(door.log.records().len(), 1);
}

#[tokio::test]
async fn calls_under_way_end_when_the_door_is_told_to_stop() {
    let (release, released) = oneshot::channel::<()>();
    let released = std::sync::Mutex::new(Some(released));
    let (arrived, mut arrivals) = tokio::sync::mpsc::unbounded_channel();
    let upstream = scripted(move |mut visitor| {
        let released = released.lock().unwrap().take();
        let arrived = arrived.clone();
        async move {
            visitor.request().await;
            arrived.send(()).unwrap();
            if let Some(released) = released {
                released.await.unwrap();
            }
            visitor.send(ok("late")).await;
        }
    })
    .await;
    let mut stage = Stage::before(upstream).await;
    stage.settings.drain_timeout = Duration::from_secs(10);
    let door = stage.open().await;
    let (log, address) = (door.log.clone(), door.address);
    let mut caller = door.caller().await;
    let mut idle = door.caller().await;
    caller.send("GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n").await;
    arrivals.recv().await.unwrap();
    let stopping = tokio::spawn(door.stop());
    assert!(idle.is_closed().await);
    release.send(()).unwrap();
    let answer = caller.answer().await;
    assert_eq!(
        (answer.body.as_str(), &answer.headers["connection"]),
        ("late", &"close".parse().unwrap())
    );
    stopping.await.unwrap().unwrap();
    assert_eq!(log.records().len(), 1);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
