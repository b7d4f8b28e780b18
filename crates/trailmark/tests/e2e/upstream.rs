//! Upstreams that hang, reset and talk garbage: the caller is answered, the call recorded, and the
//! next call finds a server.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
};

use crate::{
    harness::Server,
    raw::{Answer, Request, call},
};

/// Calls a service behind an upstream that does with each visitor as told.
fn call_through(misbehave: impl Fn(TcpStream) + Send + 'static) -> (Server, Answer) {
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = upstream.local_addr().unwrap();
    thread::spawn(move || upstream.incoming().flatten().for_each(misbehave));
    let server = Server::start_with(
        &[],
        &[
            ("TRAILMARK_DOOR__UPSTREAMS__DYNAMODB__URL", &format!("\"http://{address}\"")),
            ("TRAILMARK_DOOR__UPSTREAMS__DYNAMODB__ANSWER_TIMEOUT", "0.5"),
        ],
    );
    let request = Request::json("dynamodb", "DynamoDB_20120810.ListTables", "{}");
    let answer = call(&server, &request);
    (server, answer)
}

#[track_caller]
fn check(mut server: Server, answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert!(answer.json()["__type"].as_str().unwrap().contains("ServiceUnavailable"));
    let records = server.lookup("EventName", "ListTables");
    assert_eq!(records.len(), 1, "{records:#?}");
    assert_eq!(records[0]["errorCode"], "ServiceUnavailable");
    assert_eq!(records[0]["userIdentity"]["type"], "Root");
    assert!(server.is_alive());
}

fn drain_head(visitor: &mut TcpStream) {
    let mut bytes = [0; 4096];
    let _some = visitor.read(&mut bytes);
}

#[test]
fn an_upstream_that_hangs_is_given_up() {
    let (server, answer) = call_through(|mut visitor| {
        // Reads until the caller leaves, and says nothing.
        let mut bytes = [0; 4096];
        while visitor.read(&mut bytes).is_ok_and(|read| read > 0) {}
    });
    check(server, &answer, 504);
}

#[test]
fn an_upstream_that_resets_is_answered_for() {
    let (server, answer) = call_through(|visitor| {
        // Closing with unread bytes resets the connection.
        let mut byte = [0; 1];
        let _some = (&visitor).read(&mut byte);
    });
    check(server, &answer, 502);
}

#[test]
fn an_upstream_that_talks_garbage_is_answered_for() {
    let (server, answer) = call_through(|mut visitor| {
        drain_head(&mut visitor);
        let _sent = visitor.write_all(&[0xff, 0x00, b'\r', b'\n', b'\r', b'\n']);
    });
    check(server, &answer, 502);
}

#[test]
fn an_answer_with_two_lengths_is_garbage() {
    let (server, answer) = call_through(|mut visitor| {
        drain_head(&mut visitor);
        let _sent = visitor.write_all(
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}",
        );
    });
    check(server, &answer, 502);
}

#[test]
fn an_answer_whose_document_is_none_is_passed_on_and_recorded_without_elements() {
    let (mut server, answer) = call_through(|mut visitor| {
        drain_head(&mut visitor);
        let _sent = visitor.write_all(
            b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\nconnection: close\r\n\r\n{\"a\":\xff\xfe}",
        );
    });
    assert_eq!((answer.status, answer.body.as_slice()), (200, b"{\"a\":\xff\xfe}".as_slice()));
    let records = server.lookup("EventName", "ListTables");
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["responseElements"], serde_json::Value::Null);
    assert!(server.is_alive());
}
