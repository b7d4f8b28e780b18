//! SIGTERM: what is under way ends, nothing that was acknowledged is lost, the exit code is 0.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::mpsc,
    thread,
    time::Duration,
};

use crate::{
    crash::{answered, check_calls, check_run, under_load},
    harness::{Server, eventually},
    raw::{Connection, Key, Request, host},
};

#[test]
fn sigterm_under_load_loses_nothing_that_was_acknowledged() {
    let mut server = Server::start(&[]);
    let told = under_load(&mut server, 0, |server| {
        thread::sleep(Duration::from_millis(300));
        server.terminate();
        let status = server.ended();
        assert!(status.success(), "{status}: {}", server.words());
    });
    server.restart();
    check_run(&server, 0, &told);
    check_calls(&server, &answered(&told));
}

#[test]
fn a_call_that_is_under_way_at_sigterm_is_answered_and_recorded() {
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("dynamodb=http://{}", upstream.local_addr().unwrap());
    let mut server = Server::start(&["--upstream", &at]);
    let (arrived, has_arrived) = mpsc::channel();
    let (may_answer, answers) = mpsc::channel::<()>();
    thread::spawn(move || {
        let (mut visitor, _) = upstream.accept().unwrap();
        let mut bytes = [0; 4096];
        assert!(visitor.read(&mut bytes).unwrap() > 0);
        arrived.send(()).unwrap();
        answers.recv().unwrap();
        let answer = "HTTP/1.1 200 OK\r\nx-amzn-requestid: under-way\r\n\
                      content-type: application/x-amz-json-1.0\r\ncontent-length: 17\r\n\r\n\
                      {\"TableNames\":[]}";
        visitor.write_all(answer.as_bytes()).unwrap();
    });
    let request = Request::json("dynamodb", "DynamoDB_20120810.ListTables", "{}");
    let (address, key) = (host(&server), Key::root(&server));
    let caller = thread::spawn(move || Connection::open(&address).unwrap().call(&request, &key));

    has_arrived.recv_timeout(Duration::from_secs(30)).unwrap();
    server.terminate();
    let address = host(&server);
    eventually("no new caller is let in", || Connection::open(&address).is_err().then_some(()));
    assert!(server.is_alive(), "it must wait for the call");
    may_answer.send(()).unwrap();
    let answer = caller.join().unwrap().unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, "{\"TableNames\":[]}"));
    let status = server.ended();
    assert!(status.success(), "{status}: {}", server.words());

    server.restart();
    let records = server.lookup("EventName", "ListTables");
    assert_eq!(records.len(), 1, "{records:#?}");
    assert_eq!(records[0]["requestID"], "under-way");
    assert_eq!(records[0].get("errorCode"), None);
}
