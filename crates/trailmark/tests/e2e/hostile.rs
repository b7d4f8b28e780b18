//! Callers who mean harm, and callers who are broken: each gets a bounded answer, and the server
//! goes on as if nothing had happened.

use std::{io::Write as _, thread, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::{
    harness::{Server, eventually},
    raw::{Connection, Key, Request, call, host, look_up_all, now},
};

/// The server does what it is for: it answers, and finds the call.
#[track_caller]
fn check_sound(server: &mut Server) {
    assert!(server.is_alive(), "{}", server.words());
    let answer = call(server, &Request::who_am_i());
    assert_eq!(answer.status, 200, "{}", answer.text());
    let id = answer.request_id();
    let found = eventually("the call is found", || {
        let found = server.lookup("EventName", "GetCallerIdentity");
        found.into_iter().find(|it| it["requestID"] == id.as_str())
    });
    assert_eq!(found.get("errorCode"), None);
    assert!(!server.words().contains("panicked"), "{}", server.words());
}

#[test]
fn requests_that_two_readers_would_frame_differently_are_refused() {
    let mut server = Server::start(&[]);
    let host = host(&server);
    for lines in [
        format!("host: {host}\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n"),
        format!("host: {host}\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\n"),
        format!("host: {host}\r\ncontent-length: +4\r\n\r\n"),
        format!("host: {host}\r\ntransfer-encoding: chunked, identity\r\n\r\n"),
        format!("host: {host}\r\nhost: elsewhere\r\n\r\n"),
        format!("host: {host}\r\nx-folded: a\r\n b\r\n\r\n"),
        format!("host: {host}\r\nx-space : a\r\n\r\n"),
        format!("host: {host}\nx-bare: a\n\n"),
        format!("host: {host}\r\nx-nul: a\0b\r\n\r\n"),
        "x-no-host: a\r\n\r\n".to_owned(),
    ] {
        let mut connection = Connection::to(&server);
        let smuggled = "GET /smuggled HTTP/1.1\r\nhost: h\r\n\r\n";
        connection.send(format!("POST /ledger HTTP/1.1\r\n{lines}{smuggled}").as_bytes()).unwrap();
        let said = String::from_utf8_lossy(&connection.rest()).into_owned();
        let status = said.get(9..12);
        assert!(matches!(status, Some("400" | "501")), "{lines:?}: {said}");
        assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "a second request was read: {said}");
    }
    check_sound(&mut server);
}

#[test]
fn a_hundred_megabytes_of_headers_are_refused_early_and_cost_no_memory() {
    let mut server = Server::start(&[]);
    let before = server.peak_memory();
    let mut connection = Connection::to(&server);
    connection.send(b"GET / HTTP/1.1\r\n").unwrap();
    let line = format!("x-much: {}\r\n", "y".repeat(8000));
    let piece = line.repeat(128);
    let mut sent = 0;
    while sent < 100 << 20 && connection.send(piece.as_bytes()).is_ok() {
        sent += piece.len();
    }
    assert!(sent < 16 << 20, "the server read {sent} bytes of one head");
    check_sound(&mut server);
    let grown = server.peak_memory().saturating_sub(before);
    assert!(grown < 96 << 20, "{grown} bytes");
}

#[test]
fn a_caller_that_sends_its_head_slowly_is_given_up() {
    let mut server = Server::start_with(&[], &[("TRAILMARK_DOOR__HEADER_TIMEOUT", "0.5")]);
    let mut connection = Connection::to(&server);
    let mut sent = 0;
    // A byte now and then keeps no place: the whole head has its time, not each byte.
    while sent < 200 && connection.send(if sent == 0 { b"G" } else { b"E" }).is_ok() {
        sent += 1;
        thread::sleep(Duration::from_millis(50));
    }
    assert!(sent < 200, "it was never given up");
    check_sound(&mut server);
}

#[test]
fn a_caller_that_lies_about_its_length_is_given_up_and_nothing_of_it_is_kept() {
    let mut server = Server::start_with(&[], &[("TRAILMARK_DOOR__BODY_TIMEOUT", "0.5")]);
    let key = Key::root(&server);
    let request = Request::records(r#"{"eventID":"lie","eventName":"Lie"}"#);
    let head = request.head(&host(&server), &key);
    // Says more than it sends, and waits.
    let mut connection = Connection::to(&server);
    connection.send(format!("{head}content-length: 100000\r\n\r\n").as_bytes()).unwrap();
    connection.send(&request.body).unwrap();
    let said = String::from_utf8_lossy(&connection.rest()).into_owned();
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 400 "), "{said}");
    // Says less than it sends: the rest is no request.
    let mut connection = Connection::to(&server);
    connection.send(format!("{head}content-length: 10\r\n\r\n").as_bytes()).unwrap();
    connection.send(&request.body).unwrap();
    let said = String::from_utf8_lossy(&connection.rest()).into_owned();
    assert!(!said.contains(" 200 "), "{said}");
    assert!(server.lookup("EventName", "Lie").is_empty());
    check_sound(&mut server);
}

#[test]
fn documents_that_are_none_are_answered_and_recorded() {
    let mut server = Server::start(&[]);
    let deep = "[".repeat(200_000);
    let wide = format!("{{\"a\":{}1{}}}", "[".repeat(500), "]".repeat(500));
    for body in [deep.as_bytes(), wide.as_bytes(), b"\xff\xfe\x00", b"{\"a\":\"\xc3\x28\"}", b"{"] {
        let target = "CloudTrail_20131101.LookupEvents";
        let answer = call(&server, &Request::json("cloudtrail", target, body));
        assert!((400..500).contains(&answer.status), "{} {}", answer.status, answer.text());
        let answer = call(&server, &Request::records(body));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.json()["failedCount"].as_u64().unwrap() > 0, "{}", answer.text());
        assert_eq!(answer.json()["accepted"], 0, "{}", answer.text());
    }
    let records = server.lookup("EventName", "LookupEvents");
    let failed = records.iter().filter(|it| it["errorCode"].is_string()).count();
    assert_eq!(failed, 5, "{records:#?}");
    check_sound(&mut server);
}

#[test]
fn gzip_that_is_none_or_a_bomb_is_refused_and_costs_no_memory() {
    let mut server = Server::start(&[]);
    let gzip = |mut request: Request| {
        request.headers.push(("content-encoding", "gzip".to_owned()));
        request
    };
    for body in [b"no gzip".as_slice(), b"\x1f\x8b\x08\x00\x00", b""] {
        let answer = call(&server, &gzip(Request::records(body)));
        let is_refused = answer.status == 400 || answer.json()["accepted"] == 0;
        assert!(is_refused, "{} {}", answer.status, answer.text());
    }
    let before = server.peak_memory();
    let level = flate2::Compression::best();
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), level);
    for _ in 0..1024 {
        bomb.write_all(&[b' '; 1 << 20]).unwrap();
    }
    let answer = call(&server, &gzip(Request::records(bomb.finish().unwrap())));
    assert_eq!(answer.status, 413, "{}", answer.text());
    let grown = server.peak_memory().saturating_sub(before);
    assert!(grown < 128 << 20, "{grown} bytes");
    check_sound(&mut server);
}

#[test]
fn expired_future_and_tampered_signatures_are_refused_and_recorded_without_the_request() {
    let mut server = Server::start(&[]);
    let ask = |at: Timestamp, path: &str| Request { at, ..Request::s3("PUT", path, "") };
    let minutes = |number| SignedDuration::from_mins(number);
    let expired = call(&server, &ask(now() - minutes(20), "/expired-bucket"));
    assert_eq!(expired.status, 403);
    assert!(expired.text().contains("<Code>RequestTimeTooSkewed</Code>"), "{}", expired.text());
    let future = call(&server, &ask(now() + minutes(20), "/future-bucket"));
    assert_eq!(future.status, 403);
    assert!(future.text().contains("<Code>RequestTimeTooSkewed</Code>"), "{}", future.text());
    // The signature is of another path.
    let bytes = ask(now(), "/signed-bucket").bytes(&host(&server), &Key::root(&server));
    let text = String::from_utf8(bytes).unwrap().replace("/signed-bucket", "/tampered-bucket");
    let mut connection = Connection::to(&server);
    connection.send(text.as_bytes()).unwrap();
    let tampered = connection.answer().unwrap();
    assert_eq!(tampered.status, 403);
    assert!(tampered.text().contains("<Code>SignatureDoesNotMatch</Code>"), "{}", tampered.text());
    // And a body that is not the signed one.
    let whole = Request::who_am_i().bytes(&host(&server), &Key::root(&server));
    let text = String::from_utf8(whole).unwrap().replace("GetCallerIdentity", "GetCallerIdentitY");
    let mut connection = Connection::to(&server);
    connection.send(text.as_bytes()).unwrap();
    assert_eq!(connection.answer().unwrap().status, 403);

    let records = server.lookup("EventName", "CreateBucket");
    assert_eq!(records.len(), 3, "{records:#?}");
    for record in &records {
        assert!(record["errorCode"].is_string());
        assert_eq!(record["requestParameters"], Value::Null);
        assert_eq!(record["userIdentity"]["accessKeyId"], Key::root(&server).id);
        assert_eq!(record["userIdentity"].get("arn"), None);
        assert!(!record.to_string().contains("-bucket"), "{record}");
    }
    let buckets = server.aws(&["s3", "ls"]);
    assert!(!buckets.contains("bucket"), "{buckets}");
    check_sound(&mut server);
}

#[test]
fn a_replayed_signature_is_taken_within_its_window_and_recorded_each_time() {
    let server = Server::start_with(&[], &[("TRAILMARK_DOOR__SIGNATURE_SKEW", "3")]);
    let bytes = Request::who_am_i().bytes(&host(&server), &Key::root(&server));
    let replay = || {
        let mut connection = Connection::to(&server);
        connection.send(&bytes).unwrap();
        connection.answer().unwrap()
    };
    let mut replays = 0;
    let refused = eventually("the window is over", || {
        let answer = replay();
        replays += usize::from(answer.status == 200);
        (answer.status != 200).then_some(answer)
    });
    assert!(replays >= 3, "taken {replays} times");
    assert_eq!(refused.status, 403, "{}", refused.text());
    let records = look_up_all(&server, "AccessKeyId", &Key::root(&server).id);
    let sent = records.iter().filter(|it| it["eventSource"] == "sts.amazonaws.com");
    let (refused, taken): (Vec<_>, Vec<_>) = sent.partition(|it| it["errorCode"].is_string());
    assert_eq!(taken.len(), replays, "{records:#?}");
    // The operation stands in the body, which is not read of a call that is refused.
    assert_eq!(refused.len(), 1, "{records:#?}");
}
